/**
 * Rolling windows as SQL that builds no list for a history row. History rows get places on a line of their key
 * (`rolling-lines.ts`), a window is a range of places (`rolling-ranges.ts`), a list is a slice of one array of all items in
 * order (`rolling-results.ts`), and what drops some items of its range looks back through it (`rolling-look-back.ts`).
 * Windows that are no range of places join pairs of rows, as the time contract words them (`rolling-pairs.ts`).
 */
import {quoteName} from "../../sources/quote.js";
import type {AggregationEngine, AggregationTask, SqlSession} from "../aggregation-engine.js";
import {findNullableColumns, writeLine} from "./rolling-lines.js";
import {writeDropped, writePairs} from "./rolling-pairs.js";
import {needsPairs, planPlaces} from "./rolling-plan.js";
import {writeRange} from "./rolling-ranges.js";
import {resultType, writeBatch, type PairedWindow} from "./rolling-results.js";
import {readReach, writeKeys, writeRows} from "./rolling-rows.js";
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
    } finally {
      await tables.dropAll();
    }
  },
};

async function runTask(session: SqlSession, tables: TemporaryTables, task: AggregationTask): Promise<void> {
  const reach = await readReach(session, task);
  const batches = await writeKeys(session, tables, task);
  await writeRows(tables, task);

  const paired: PairedWindow[] = [];
  for (const window of task.windows.filter(needsPairs)) {
    const table = `__agg_pairs_${paired.length + 1}`;
    await writePairs(tables, task, window, table);
    paired.push({window, table});
  }

  const placement = planPlaces(
    task.windows.filter((window) => !needsPairs(window)),
    await findNullableColumns(session, task),
  );
  for (const line of placement.lines) {
    await writeLine(tables, task, placement, line, reach);
    for (const range of placement.ranges.filter((range) => range.line === line)) await writeRange(tables, range, reach);
    if (!line.value) await tables.drop(line.table);
  }
  for (const {window, by, foundTable} of placement.windows) {
    if (by === "subtraction") await writeDropped(tables, task, window, foundTable);
  }

  const columns = task.windows.map((window) => `${quoteName(window.name)} ${resultType(window)}`);
  await session.run(`CREATE TABLE ${quoteName(task.output)} (${["__row BIGINT", ...columns].join(", ")})`);
  for (const batch of batches) await writeBatch(tables, task, placement, paired, batch);
}
