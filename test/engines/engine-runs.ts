/** Runs a task of plain data on an engine, and tells how its result differs from the oracle's. */
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {renderWithWindows} from "../../src/engines/window-columns.js";
import {resultTypeOf, type AggregationEngine, type SqlSession} from "../../src/engines/aggregation-engine.js";
import {duckdbAggregation} from "../../src/engines/duckdb/rolling.js";
import {nativeAggregation, nativeWithin} from "../../src/engines/native/native.js";
import {polarsAggregation} from "../../src/engines/polars/rolling.js";
import {isIdentical, renderCells, renderLiteral, renderReading, type Cell, type Row, type Table} from "./cells.js";
import {computeWindows, type TestTask} from "./oracle.js";

/** A few keys at a time, in DuckDB's order, and with a file of results. */
const nativeWithoutMemory: AggregationEngine = {...nativeWithin(() => ({resultBytes: 0, historyBytes: 0, targetBytes: 2000})), name: "native without memory"};

/** Every engine takes the whole suite; what it cannot do must be a refusal. */
export const engines: readonly AggregationEngine[] = [duckdbAggregation, nativeAggregation, nativeWithoutMemory, polarsAggregation];

/** The settings that leave most to chance: more threads than cores, and rows that come in no order, as the reference page sets it. */
export function openSession(): Promise<DuckDbSession> {
  return DuckDbSession.open({
    config: new Map([
      ["threads", "4"],
      ["preserve_insertion_order", "false"],
    ]),
  });
}

/** The windows that the engine doesn't refuse. */
export function acceptedBy(engine: AggregationEngine, task: TestTask): TestTask {
  return {...task, windows: task.windows.filter((window) => engine.refusal(window) === undefined)};
}

async function writeTable(session: SqlSession, name: string, table: Table): Promise<void> {
  const columns = table.columns.map((column) => `"${column.name}" ${column.type}`).join(", ");
  await session.run(`CREATE OR REPLACE TABLE "${name}" (${columns})`);
  if (table.rows.length === 0) return;
  const rows = table.rows.map((row) => `(${table.columns.map(({name, type}) => renderLiteral(row[name]!, type)).join(", ")})`);
  await session.run(`INSERT INTO "${name}" VALUES\n${rows.join(",\n")}`);
}

export interface EngineRun {
  readonly rows: readonly Row[];
  /** What the engine sent to DuckDB. */
  readonly sql: readonly string[];
}

/** The engine's output in the order of `__row`. Table names are chosen so that an engine which doesn't quote them fails. */
export async function runEngine(session: DuckDbSession, engine: AggregationEngine, task: TestTask): Promise<EngineRun> {
  const names = {target: "target rows", history: "events", output: "windows of"};
  await writeTable(session, names.target, task.target);
  await writeTable(session, names.history, task.history);
  const sql: string[] = [];
  const recorded: SqlSession = {
    scratchDirectory: session.scratchDirectory,
    run: (text) => (sql.push(text), session.run(text)),
    rows: (text) => (sql.push(text), session.rows(text)),
    chunks: (text, types) => (sql.push(text), session.chunks(text, types)),
    forEachChunk: (text, types, look) => (sql.push(text), session.forEachChunk(text, types, look)),
    provideFunction: (provided) => session.provideFunction(provided),
  };
  const found = await engine.run(recorded, {...names, keys: task.keys, orderColumns: task.orderColumns, windows: task.windows});
  const columns = task.windows.map((window) => ({
    name: window.name,
    type: resultTypeOf(window),
  }));
  const relation = `(SELECT COLUMNS(['__row', ${task.windows.map(({name}) => `'${name}'`).join(", ")}]) FROM (${renderWithWindows(names.target, found)}))`;
  const types = (await session.describe(`FROM ${relation}`)).map((column) => `${column.name} ${column.type}`);
  const expectedTypes = ["__row BIGINT", ...columns.map((column) => `${column.name} ${column.type}`)];
  if (types.join() !== expectedTypes.join()) throw new Error(`output columns are ${types.join()}, not ${expectedTypes.join()}`);
  const readings = ["__row", ...columns.map(renderReading)];
  const rows = await session.rows(`SELECT ${readings.join(", ")} FROM ${relation} ORDER BY __row`);
  const tables = [...found.values()].flatMap((column) => ("table" in column ? [column.table] : []));
  // That of a task without windows is no column's.
  for (const table of [names.output, ...tables]) await session.run(`DROP TABLE IF EXISTS "${table}"`);
  return {rows: rows as Record<string, Cell>[], sql};
}

/** Undefined when every cell is equal; else the first rows that differ, and all it takes to look into it. */
export function findDifference(
  task: TestTask,
  run: EngineRun,
  {about, expected = computeWindows(task)}: {readonly about: string; readonly expected?: readonly Row[]},
): string | undefined {
  if (run.rows.length !== expected.length) return `${about}: ${run.rows.length} rows, not ${expected.length}`;
  for (const [at, row] of expected.entries()) {
    for (const window of task.windows) {
      const found = run.rows[at]!;
      if (isIdentical(found["__row"], row["__row"]) && isIdentical(found[window.name], row[window.name])) continue;
      const cur = task.target.rows[at]!;
      const sameKey = task.history.rows.filter((hist) => task.keys.every((key) => isIdentical(hist[key.history], cur[key.target])));
      return [
        `${about}: window ${window.name} of row ${renderCells([cur])}`,
        `is       ${renderCells([{[window.name]: found[window.name] ?? null}])}`,
        `must be  ${renderCells([{[window.name]: row[window.name]!}])}`,
        `window   ${JSON.stringify(window)}, keys ${JSON.stringify(task.keys)}, order ${task.orderColumns.join()}`,
        `history of its key\n${renderCells(sameKey)}`,
        `SQL\n${run.sql.join(";\n")}`,
      ].join("\n");
    }
  }
  return undefined;
}
