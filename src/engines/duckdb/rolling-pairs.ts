/**
 * Windows as the time contract words them: every pair of a row and a history row of its key and window, filtered, then grouped.
 * What cannot be a range of places is computed so. Memory holds the newest items of each row, and of folds that
 * depend on the order all items, but never the pairs.
 */
import {quoteName} from "../../sources/quote.js";
import type {AggregationTask, Window} from "../aggregation-engine.js";
import {renderFold, renderOwnPairs} from "./rolling-folds.js";
import {renderOrder} from "./rolling-lines.js";
import {isFold, lineValueOf} from "./rolling-plan.js";
import {rowTable} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

/** DuckDB's `arg_max(item, place, n)` takes no larger n. */
const newestItemsMax = 999_999;

/** The newest items of a group by their place, oldest first. An ordered `list` aggregate is many times slower than either. */
export function renderNewest(item: string, place: string, maxItems: number | undefined): string {
  return maxItems !== undefined && maxItems <= newestItemsMax
    ? `list_reverse(arg_max(${item}, ${place}, ${maxItems}))`
    : `[e.item FOR e IN list_sort(list({place: ${place}, item: ${item}}))]`;
}

function renderMatch(task: AggregationTask, window: Window): string {
  const match = task.keys.map((key) => `hist.${quoteName(key.history)} = cur.${quoteName(key.target)}`);
  match.push("hist.__ts < cur.__ts");
  if (window.windowUs !== undefined) match.push(`hist.__ts >= cur.__ts - ${window.windowUs}`);
  return match.join(" AND ");
}

function renderKept(window: Window): string {
  const kept = ["true"];
  if (window.condition !== undefined) kept.push(quoteName(window.condition));
  if (window.value !== undefined) kept.push(`${quoteName(window.value)} IS NOT NULL`);
  return kept.join(" AND ");
}

function renderPairFilter(window: Window): string {
  const kept = ["true"];
  if (window.knownAt !== undefined) kept.push(`hist.${quoteName(window.knownAt)} < cur.__ts`);
  if (window.pairCondition !== undefined) kept.push(`(${window.pairCondition})`);
  if (window.exclude) kept.push(`(${renderDropped(window)}) IS NOT TRUE`);
  return kept.join(" AND ");
}

function renderDropped(window: Window): string {
  return `hist.${quoteName(window.exclude!.history)} = cur.${quoteName(window.exclude!.target)}`;
}

/** `__row` and `found`, for rows whose window is not empty. */
export async function writePairs(tables: TemporaryTables, task: AggregationTask, window: Window, table: string): Promise<void> {
  const history = quoteName(task.history);
  const target = quoteName(task.target);
  if (window.operation === "count") {
    await tables.write(
      table,
      `SELECT cur.__row, count(*) AS found
FROM ${target} cur JOIN (SELECT * FROM ${history} WHERE ${renderKept(window)}) hist ON ${renderMatch(task, window)}
WHERE ${renderPairFilter(window)}
GROUP BY cur.__row`,
    );
    return;
  }
  const keys = task.keys.map((key) => quoteName(key.history)).join(", ");
  const placed = `SELECT hist.*, row_number() OVER (PARTITION BY ${keys} ORDER BY ${renderOrder(task, lineValueOf(window))}) AS __place
  FROM ${history} hist
  WHERE ${renderKept(window)}`;
  if (isFold(window.operation)) {
    const item = lineValueOf(window) ? `CAST(hist.${quoteName(window.value!)} AS ${window.elementType})` : `CAST(1 AS ${window.elementType})`;
    const pairs = `SELECT cur.__row, cur.__ts AS now, hist.__place AS place, hist.__ts AS ts, ${item} AS item
FROM ${target} cur JOIN (${placed}) hist ON ${renderMatch(task, window)}
WHERE ${renderPairFilter(window)}`;
    await tables.write(table, renderFold(window, window.current ? `${pairs}\nUNION ALL\n${renderOwnPairs(window, `${rowTable} r`)}` : pairs));
    return;
  }
  const value = quoteName(window.value!);
  if (window.operation === "list") {
    await tables.write(
      table,
      `WITH __placed AS (
  ${placed}
)
SELECT cur.__row, ${renderNewest(`CAST(hist.${value} AS ${window.elementType})`, "hist.__place", window.maxItems)} AS found
FROM ${target} cur JOIN __placed hist ON ${renderMatch(task, window)}
WHERE ${renderPairFilter(window)}
GROUP BY cur.__row`,
    );
    return;
  }
  const items = window.operation === "distinct_list" ? `[${value}]` : value;
  await tables.write(
    table,
    `WITH __events AS (
  ${placed}
), __elements AS (
  SELECT *, CAST(unnest(${items}) AS ${window.elementType}) AS __item, generate_subscripts(${items}, 1) AS __position
  FROM __events
), __placed AS (
  SELECT * REPLACE (row_number() OVER (PARTITION BY ${keys} ORDER BY __place, __position) AS __place)
  FROM __elements
  WHERE __item IS NOT NULL
), __newest AS (
  SELECT cur.__row, arg_max(hist.__item, hist.__place) AS item, max(hist.__place) AS place
  FROM ${target} cur JOIN __placed hist ON ${renderMatch(task, window)}
  WHERE ${renderPairFilter(window)}
  GROUP BY cur.__row, hist.__item
)
SELECT __row, ${renderNewest("item", "place", window.maxItems)} AS found
FROM __newest
GROUP BY __row`,
  );
}

/** How many rows a count drops: pairs that are equal in the excluded column, so few that they may be joined. */
export async function writeDropped(tables: TemporaryTables, task: AggregationTask, window: Window, table: string): Promise<void> {
  await tables.write(
    table,
    `SELECT cur.__row, count(*) AS found
FROM ${quoteName(task.target)} cur JOIN (SELECT * FROM ${quoteName(task.history)} WHERE ${renderKept(window)}) hist
  ON ${renderMatch(task, window)} AND ${renderDropped(window)}
GROUP BY cur.__row`,
  );
}
