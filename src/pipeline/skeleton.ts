/** Runs the SQL part of a plan for one day: operators in order, windows by an aggregation engine, rows into parquet files. */
import {statSync} from "node:fs";
import {join} from "node:path";
import {operationRules} from "../definitions/aggregation-operation.js";
import {wholeTypes, type AggregationEngine, type AggregationTask, type Window, type WindowColumn, type WindowColumns} from "../engines/aggregation-engine.js";
import {duckdbAggregation} from "../engines/duckdb/rolling.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {emitOperator, renderInstant, type EmitContext, type Step} from "../engines/duckdb/emit.js";
import type {ViewJoins} from "../engines/view-join.js";
import {areFunctions, renderWithWindows} from "../engines/window-columns.js";
import {DaedalusError, type Place} from "../errors.js";
import type {Operator, Plan} from "../plan/operator.js";
import {quoteName} from "../sources/quote.js";
import {explainWriteFailure, reasonOf} from "./failure.js";
import type {ColumnWriter} from "./column-writer.js";
import type {FileLimits} from "./file-limits.js";
import {KeptColumns} from "./kept-columns.js";
import type {ListLengths} from "./list-lengths.js";
import {writeRows, type MadeRows} from "./skeleton-file.js";

export interface WrittenFile {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  /** Of columns that were counted when they were written. */
  readonly lengths?: ReadonlyMap<string, ListLengths>;
}

export interface RowsOptions {
  readonly session: DuckDbSession;
  readonly plan: Plan;
  readonly context: EmitContext;
  readonly engine: AggregationEngine;
  readonly signal: AbortSignal;
  /** Where files are written, if any are. */
  readonly directory?: string;
  /** The YAML line to blame when an operator's own SQL fails. */
  placeOf(operator: Operator): Place | undefined;
}

export interface SkeletonOptions extends RowsOptions {
  readonly directory: string;
  readonly limits: FileLimits;
  readonly columnWriter: ColumnWriter;
}

type WriteStep = Extract<Step, {kind: "write"}>;
type AggregateStep = Extract<Step, {kind: "aggregate"}>;

/** Rows are ordered over all files, by time and then by the spine's keys. */
export function runSkeleton(options: SkeletonOptions): Promise<readonly WrittenFile[]> {
  return runRows(options, (step, made) => writeFiles(step, made, options));
}

/** What is known of the session's relations while rows are made. */
interface Progress {
  /** Tables whose rows lie in the order of `__row`. */
  readonly sorted: Set<string>;
  /** Whether all windows so far are functions of `__row`: a join would have lost the order. */
  isOrdered: boolean;
  readonly kept: KeptColumns;
}

/** Makes the relation of the day's rows, whose column `__row` is their order, and hands it to `write`. */
export async function runRows<T>(options: RowsOptions, write: (step: WriteStep, made: MadeRows) => Promise<T>): Promise<T> {
  const progress: Progress = {sorted: new Set(), isOrdered: true, kept: new KeptColumns()};
  const viewJoins = options.engine.openViewJoins?.(options.session);
  const context = {...options.context, hasViewJoins: viewJoins !== undefined};
  for (const operator of options.plan.operators) {
    for (const step of emitOperator(operator, context)) {
      options.signal.throwIfAborted();
      try {
        if (step.kind === "write") {
          viewJoins?.finish();
          const isOrdered = progress.isOrdered && step.streamed !== undefined && progress.sorted.has(step.streamed);
          return await write(step, {kept: progress.kept, isOrdered});
        }
        await runStep(step, options, progress, viewJoins);
      } catch (error) {
        throw explain(error, operator, options);
      }
    }
  }
  throw new Error("the plan has no skeleton sink");
}

async function runStep(step: Exclude<Step, WriteStep>, options: RowsOptions, progress: Progress, viewJoins: ViewJoins | undefined): Promise<void> {
  const {session, engine} = options;
  if (step.kind === "run") {
    const isShort = step.shortcut !== undefined && (await session.rows(step.shortcut.unless)).length === 0;
    await session.run(isShort ? step.shortcut.sql : step.sql);
    if (step.sorted !== undefined) progress.sorted.add(step.sorted);
  } else if (step.kind === "narrow") {
    await session.run((await renderNarrowed(step, session)) ?? step.sql);
  } else if (step.kind === "expect-none") {
    const rows = await session.rows(step.sql);
    if (rows.length > 0) throw step.fail(rows);
  } else if (step.kind === "view-join") {
    const columns = await viewJoins?.join(step.task);
    if (columns === undefined) {
      for (const other of step.inSql()) if (other.kind !== "write") await runStep(other, options, progress, viewJoins);
      return;
    }
    progress.kept.add(columns);
    if (progress.isOrdered && step.streamed !== undefined) await sortTable(session, step.streamed, progress);
    await session.run(`CREATE TEMP VIEW ${quoteName(step.added)} AS\n${renderWithWindows(step.task.rows, columns)}`);
  } else {
    const columns = await runAggregation(session, engine, step);
    progress.isOrdered &&= areFunctions(columns);
    progress.kept.add(columns);
    if (progress.isOrdered && step.streamed !== undefined) await sortTable(session, step.streamed, progress);
    await session.run(`CREATE TEMP VIEW ${quoteName(step.added)} AS\n${renderWithWindows(step.rows, columns)}`);
  }
}

/** So that what is computed of each row, which may be long lists, need not be sorted. */
async function sortTable(session: DuckDbSession, table: string, {sorted: done}: Progress): Promise<void> {
  if (done.has(table)) return;
  done.add(table);
  const sorted = `${table}__sorted`;
  await session.run("SET preserve_insertion_order = true");
  await session.run(`CREATE TEMP TABLE ${quoteName(sorted)} AS FROM ${quoteName(table)} ORDER BY __row`);
  await session.run(`DROP TABLE ${quoteName(table)}`);
  await session.run(`ALTER TABLE ${quoteName(sorted)} RENAME TO ${quoteName(table)}`);
}

/** More than this many keys are no help to a server, and a long statement. */
const keysMax = 50_000;

async function renderNarrowed(step: Extract<Step, {kind: "narrow"}>, session: DuckDbSession): Promise<string | undefined> {
  const values = new Map<string, readonly string[]>();
  for (const [key, sql] of step.keys) {
    const rows = await session.rows(`${sql} LIMIT ${keysMax + 1}`);
    if (rows.length <= keysMax) values.set(key, rows.map((row) => row["value"] as string).sort());
  }
  return values.size === 0 ? undefined : step.render(values);
}

/** Fills in what only the prepared history table knows: the element types. */
export async function completeTask(session: DuckDbSession, task: AggregateStep["task"]): Promise<AggregationTask> {
  const columns = await session.describe(`FROM ${quoteName(task.history)}`);
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const elementType = (window: Omit<Window, "elementType">): string => {
    const {operation, value} = window;
    // What only counts or tells the time looks at a value to see whether it is NULL.
    if (operation === "count" || operation === "time_since_last" || value === undefined) return "BIGINT";
    const type = types.get(value)!;
    if (operationRules[operation].takes === "number" && !wholeTypes.has(type) && !/^(DOUBLE|FLOAT|DECIMAL.*)$/.test(type)) {
      throw DaedalusError.of("aggregation-value", {spec: window.name, operation, column: value, expected: "a single number", dtype: type});
    }
    return operation === "flatten_distinct" ? type.replace(/\[\d*\]$/, "") : type;
  };
  return {...task, windows: task.windows.map((window) => ({...window, elementType: elementType(window)}))};
}

/** History is kept as a table for engines that read it more than once. */
async function runAggregation(session: DuckDbSession, engine: AggregationEngine, step: AggregateStep): Promise<WindowColumns> {
  const history = quoteName(step.task.history);
  await session.run(`CREATE TEMP VIEW ${history} AS\n${step.history}`);
  const task = await completeTask(session, step.task);
  const parts = divide(engine, task);
  const isView = parts.length === 1 && (await parts[0]!.engine.readsOnce?.(session, task)) === true;
  const drop = async (): Promise<void> => {
    for (const sql of step.spent) await session.run(sql);
  };
  if (!isView) {
    await session.run(`DROP VIEW ${history}`);
    await session.run(`CREATE TEMP TABLE ${history} AS\n${step.history}`);
    await drop();
  }
  const columns = new Map<string, WindowColumn>();
  for (const part of parts) for (const [name, column] of await part.engine.run(session, part.task)) columns.set(name, column);
  await session.run(`DROP ${isView ? "VIEW" : "TABLE"} ${history}`);
  if (isView) await drop();
  return new Map(task.windows.map(({name}) => [name, columns.get(name)!]));
}

interface TaskPart {
  readonly engine: AggregationEngine;
  readonly task: AggregationTask;
}

/** Windows that the chosen engine refuses are computed by `duckdb`, which can do them all. */
function divide(engine: AggregationEngine, task: AggregationTask): readonly TaskPart[] {
  const able = task.windows.filter((window) => engine.refusal(window) === undefined);
  const refused = task.windows.filter((window) => engine.refusal(window) !== undefined);
  if (refused.length === 0) return [{engine, task}];
  if (able.length === 0) return [{engine: duckdbAggregation, task}];
  return [
    {engine, task: {...task, windows: able, output: `${task.output}__able`}},
    {engine: duckdbAggregation, task: {...task, windows: refused, output: `${task.output}__refused`}},
  ];
}

/** Rows within a time. */
interface Between {
  readonly timeColumn: string;
  readonly startUs: number;
  readonly endUs: number;
}

/** As many files as the limits ask for, and one of none where there is no row. `between`: of these rows only, which the order of rows does not mix with others. */
export async function writeFiles(step: WriteStep & {readonly between?: Between}, made: MadeRows, {session, directory, limits, columnWriter, signal}: Omit<SkeletonOptions, "plan" | "context">): Promise<WrittenFile[]> {
  const relation = quoteName(step.relation);
  const where = step.between ? `WHERE __row BETWEEN ${await findBounds(session, step.rows, step.between)}` : "";
  const parts = (await session.rows(`SELECT min(__row) AS first, max(__row) AS last, count(*) AS count
FROM (SELECT __row, (row_number() OVER (${made.isOrdered ? "" : "ORDER BY __row"}) - 1) // ${limits.rowsPerFile} AS part FROM ${relation} ${where}) GROUP BY part ORDER BY part`)) as {first: bigint; last: bigint; count: bigint}[];
  const files: WrittenFile[] = [];
  for (const {first, last, count} of parts.length > 0 ? parts : [{first: 0n, last: 0n, count: 0n}]) {
    signal.throwIfAborted();
    const name = `part-${String(files.length).padStart(5, "0")}.parquet`;
    const path = join(directory, name);
    const lengths = await writeRows(session, {path, relation, columns: step.columns, made, first: Number(first), last: Number(last), rowCount: Number(count), rowGroupRows: limits.rowGroupRows, columnWriter, signal});
    files.push({name, rows: Number(count), bytes: statSync(path).size, lengths});
  }
  return files;
}

/** The first and last `__row`, as SQL; of no row, a range of none. */
async function findBounds(session: DuckDbSession, rows: string, {timeColumn, startUs, endUs}: Between): Promise<string> {
  const time = quoteName(timeColumn);
  const [bounds] = await session.rows(`SELECT coalesce(min(__row), 1) AS first, coalesce(max(__row), 0) AS last FROM ${quoteName(rows)} WHERE ${time} >= ${renderInstant(startUs)} AND ${time} < ${renderInstant(endUs)}`);
  return `${String(bounds!["first"])} AND ${String(bounds!["last"])}`;
}

function explain(error: unknown, operator: Operator, options: RowsOptions): unknown {
  if (error instanceof DaedalusError || options.signal.aborted) return error;
  const explained = explainWriteFailure(error, options.directory ?? options.session.scratchDirectory);
  if (explained instanceof DaedalusError) return explained;
  return DaedalusError.of("operator-failed", {operator: operator.name, reason: reasonOf(error)}, {place: options.placeOf(operator), cause: error});
}
