/** The SQL that puts history rows, or the elements of list-valued rows, on a line. */
import {quoteName} from "../../sources/quote.js";
import type {AggregationTask, SqlSession} from "../aggregation-engine.js";
import type {Line, Placement} from "./rolling-plan.js";
import {keyTable, renderKeyMatch, type Reach} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

/** History columns, among those that windows take values from, that hold a NULL. */
export async function findNullableColumns(session: SqlSession, task: AggregationTask): Promise<ReadonlySet<string>> {
  const columns = [...new Set(task.windows.flatMap((window) => window.value ?? []))].sort();
  if (columns.length === 0) return new Set();
  const tests = columns.map((column, at) => `count(*) > count(${quoteName(column)}) AS has_null_${at}`);
  const [row] = await session.rows(`SELECT ${tests.join(", ")} FROM ${quoteName(task.history)}`);
  return new Set(columns.filter((_, at) => row![`has_null_${at}`] === true));
}

/** The order of the time contract: instant, tie break, keys, own value. */
export function renderOrder(task: AggregationTask, value: Line["value"]): string {
  const columns = ["__ts", ...task.orderColumns].map((column) => `hist.${quoteName(column)}`);
  if (value) {
    const own = `hist.${quoteName(value.column)}`;
    const isFloating = floatingTypes.has(value.elementType);
    if (value.isSingle) columns.push(renderSortable(own, value.elementType));
    else columns.push(isFloating ? `[${renderSortable("e", value.elementType)} FOR e IN ${own}]` : own);
  }
  return columns.map((column) => `${column} ASC NULLS FIRST`).join(", ");
}

const floatingTypes: ReadonlySet<string> = new Set(["DOUBLE", "FLOAT"]);

/** DuckDB reads a column that it sorts by back out of the sort key, where -0 has become 0: floating values are sorted by a copy. */
export function renderSortable(value: string, type: string): string {
  return floatingTypes.has(type) ? `CASE WHEN ${value} = 0 THEN 0 ELSE ${value} END` : value;
}

export async function writeLine(
  tables: TemporaryTables,
  task: AggregationTask,
  placement: Placement,
  line: Line,
  reach: Reach,
): Promise<void> {
  const windowsUs = placement.ranges.filter((range) => range.line === line).map((range) => range.windowUs);
  const from = `FROM ${quoteName(task.history)} hist JOIN ${keyTable} keys ON ${renderKeyMatch(task, "history", "hist")}
  WHERE ${renderKept(line, windowsUs, reach)}`;
  await tables.write(line.table, line.value?.isUnnested ? renderElements(task, line, from, reach) : renderRows(task, line, from));
}

/** The condition, and the instants between the start of the first row's longest window and the last row. */
function renderKept(line: Line, windowsUs: readonly (number | undefined)[], reach: Reach): string {
  const kept = [`hist.__ts < ${reach.lastTs}`];
  const bounded = windowsUs.filter((windowUs) => windowUs !== undefined);
  if (bounded.length === windowsUs.length) kept.push(`hist.__ts >= ${reach.firstTs - BigInt(Math.max(...bounded))}`);
  if (line.condition !== undefined) kept.push(`hist.${quoteName(line.condition)}`);
  if (line.present !== undefined) kept.push(`hist.${quoteName(line.present)} IS NOT NULL`);
  return kept.join(" AND ");
}

/** A place, and the instants of the places before and after it: only where these differ can a window begin or end. */
const places = "row_number() OVER line AS place, lag(__ts) OVER line AS before_ts, lead(__ts) OVER line AS after_ts";

function renderRows(task: AggregationTask, line: Line, from: string): string {
  const columns = ["keys.__key", "hist.__ts"];
  if (line.value) columns.push(`CAST(hist.${quoteName(line.value.column)} AS ${line.value.elementType}) AS item`);
  if (line.dropper !== undefined) columns.push(`hist.${quoteName(line.dropper)} AS dropper`);
  return `SELECT ${columns.join(", ")}, ${places}
  ${from}
WINDOW line AS (PARTITION BY keys.__key ORDER BY ${renderOrder(task, line.value)})`;
}

/**
 * An element knows when its value appears again (`again_ts`), and for how many positions it stays away till then: what is not
 * repeated before an instant is its newest appearance. A row that drops the event of that next appearance, but not the element's
 * own, waits for another one in yet another event (`later_ts`). Elements that no row can see as the newest are left out.
 */
function renderElements(task: AggregationTask, line: Line, from: string, reach: Reach): string {
  const {column, elementType, isSingle} = line.value!;
  const items = isSingle ? `[hist.${quoteName(column)}]` : `hist.${quoteName(column)}`;
  const drops = line.dropper !== undefined;
  const when = (text: string): string => (drops ? text : "");
  const same = `PARTITION BY __key, ${renderSortable("item", elementType)} ORDER BY position`;
  const last = drops ? "later_ts" : "again_ts";
  return `WITH __events AS (
  SELECT keys.__key, hist.__ts, ${items} AS items, ${when(`hist.${quoteName(line.dropper ?? "")} AS dropper, `)}
    sum(len(items)) OVER (PARTITION BY keys.__key ORDER BY ${renderOrder(task, line.value)} ROWS UNBOUNDED PRECEDING) - len(items) AS before
  ${from}
), __elements AS (
  SELECT * EXCLUDE (items, before), CAST(unnest(items) AS ${elementType}) AS item,
    CAST(before AS BIGINT) + generate_subscripts(items, 1) AS position
  FROM __events
), __appearances AS (
  SELECT *, lead(__ts) OVER same AS again_ts, lead(position) OVER same AS again${when(`, lead(dropper) OVER same AS again_dropper,
    dropper IS DISTINCT FROM lag(dropper) OVER same AS is_other`)}
  FROM __elements
  WHERE item IS NOT NULL
  WINDOW same AS (${same})
), __lives AS (
  SELECT * EXCLUDE (again${when(", is_other")}), ${
    drops
      ? `CASE WHEN again_dropper = dropper THEN again_ts ELSE min(CASE WHEN is_other THEN __ts END) OVER others END AS later_ts,
    CASE WHEN again_dropper = dropper THEN again ELSE min(CASE WHEN is_other THEN position END) OVER others END - position AS away`
      : "again - position AS away"
  }
  FROM __appearances${when(`
  WINDOW others AS (${same} ROWS BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING)`)}
)
SELECT * EXCLUDE (position), ${places}
FROM __lives
WHERE ${last} IS NULL OR (${last} > __ts AND ${last} >= ${reach.firstTs})
WINDOW line AS (PARTITION BY __key ORDER BY position)`;
}
