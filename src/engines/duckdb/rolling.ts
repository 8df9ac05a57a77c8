/**
 * Rolling windows as SQL that builds no list for a history row. History rows get places on a line of their key
 * (`rolling-lines.ts`), a window is a range of places (`rolling-ranges.ts`), a list is a slice of a block of items in order
 * (`rolling-blocks.ts`), what skips some places of its range looks back through it (`rolling-look-back.ts`), and what is one
 * value is folded (`rolling-folds.ts`).
 * Windows that are no range of places join pairs of rows, as the time contract words them (`rolling-pairs.ts`).
 */
import {quoteName} from "../../sources/quote.js";
import {inTable, type AggregationEngine, type AggregationTask, type SqlSession} from "../aggregation-engine.js";
import {writeBlocks} from "./rolling-blocks.js";
import {expectNoOverflow, writeFold} from "./rolling-folds.js";
import {findNullableColumns, writeLine} from "./rolling-lines.js";
import {writeLookBack} from "./rolling-look-back.js";
import {writeDropped, writePairs} from "./rolling-pairs.js";
import {needsPairs, planPlaces, type Line, type Placement} from "./rolling-plan.js";
import {writeRange} from "./rolling-ranges.js";
import {renderOutput, type PairedWindow} from "./rolling-results.js";
import {readReach, writeKeys, writeRows, type Reach} from "./rolling-rows.js";
import {TemporaryTables} from "./temporary-tables.js";

/**
 * @example
 * await duckdbAggregation.run(session, {target: "spine", history: "events", output: "windows", keys, orderColumns, windows});
 */
export const duckdbAggregation: AggregationEngine = {
  name: "duckdb",
  refusal: () => undefined,
  run: async (session, task) => {
    const tables = new TemporaryTables(session);
    try {
      await runTask(session, tables, task);
      return inTable(task);
    } finally {
      await tables.dropAll();
    }
  },
};

async function runTask(session: SqlSession, tables: TemporaryTables, task: AggregationTask): Promise<void> {
  const reach = await readReach(session, task);
  await writeKeys(tables, task);
  await writeRows(tables, task);

  const paired: PairedWindow[] = [];
  for (const window of task.windows.filter(needsPairs)) {
    const table = `__agg_pairs_${paired.length + 1}`;
    await writePairs(tables, task, window, table);
    await expectNoOverflow(session, window, table);
    paired.push({window, table});
  }
  const placement = planPlaces(
    task.windows.filter((window) => !needsPairs(window)),
    await findNullableColumns(session, task),
  );
  for (const line of placement.lines) await placeLine(session, tables, task, placement, line, reach);
  await session.run(`CREATE TABLE ${quoteName(task.output)} AS\n${renderOutput(task, placement, paired)}`);
}

/** Everything that needs the line's rows, which are dropped before the next line's are written. */
async function placeLine(session: SqlSession, tables: TemporaryTables, task: AggregationTask, placement: Placement, line: Line, reach: Reach): Promise<void> {
  const ranges = placement.ranges.filter((range) => range.line === line);
  await writeLine(tables, task, placement, line, reach);
  for (const range of ranges) await writeRange(tables, range, reach);

  const blocks = new Map<string, number>();
  for (const placed of placement.windows.filter(({range}) => range.line === line)) {
    if (placed.by === "subtraction") await writeDropped(tables, task, placed.window, placed.table);
    if (placed.by === "look-back") await writeLookBack(tables, placed);
    if (placed.by === "fold") await writeFold(session, tables, placed);
    if (placed.by === "block") blocks.set(placed.table, placed.window.maxItems!);
  }
  // Ranges of one line differ in where they begin, so the longest has the ends of all.
  const longest = ranges.reduce((a, b) => ((b.windowUs ?? Infinity) > (a.windowUs ?? Infinity) ? b : a));
  for (const [table, length] of blocks) await writeBlocks(tables, table, line, {rows: longest.table, length});
  await tables.drop(line.table);
}
