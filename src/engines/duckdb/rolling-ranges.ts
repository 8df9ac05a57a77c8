/** The SQL that finds, for each row, the places of a line that lie in its window: `first_place` to `last_place`. */
import type {Range} from "./rolling-plan.js";
import {rowTable, type Reach} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

const endTable = "__agg_end";

/**
 * The last place before the row, then the first one in the window, which may lie behind it. Two queries, because several ASOF
 * joins in one need the memory of all of them at once. They see only the ends of instants between which a row can fall.
 */
export async function writeRange(tables: TemporaryTables, {table, line, windowUs}: Range, reach: Reach): Promise<void> {
  const lasts = `(SELECT __key, __ts, place FROM ${line.table} WHERE after_ts IS NULL OR (after_ts > __ts AND after_ts >= ${reach.firstTs}))`;
  const found = `FROM ${rowTable} r ASOF JOIN ${lasts} last ON last.__key = r.__key AND last.__ts < r.__ts`;
  if (windowUs === undefined) {
    await tables.write(table, `SELECT r.__row, r.__key, 1 AS first_place, last.place AS last_place\n${found}`);
    return;
  }
  await tables.write(endTable, `SELECT r.__row, r.__key, r.__ts - ${windowUs} AS start_ts, last.place AS last_place\n${found}`);
  const firsts = `(SELECT __key, __ts, place FROM ${line.table} WHERE before_ts IS NULL OR (before_ts < __ts AND before_ts < ${reach.lastTs - BigInt(windowUs)}))`;
  await tables.write(
    table,
    `SELECT e.__row, e.__key, first.place AS first_place, e.last_place
FROM ${endTable} e ASOF JOIN ${firsts} first ON first.__key = e.__key AND first.__ts >= e.start_ts`,
  );
  await tables.drop(endTable);
}
