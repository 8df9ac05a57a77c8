/**
 * Windows that become one value: each row is paired with the places that it looks at, a bounded number of pairs at a time, and the
 * pairs are folded. Rows that see the same places share their pairs, so a thousand rows of one instant cost as much as one.
 */
import {quoteName} from "../../sources/quote.js";
import {resultTypeOf, wholeTypes, type SqlSession, type Window} from "../aggregation-engine.js";
import {decayCoefficients} from "../decay-weight.js";
import {DaedalusError} from "../../errors.js";
import {renderSortable} from "./rolling-lines.js";
import type {PlacedWindow} from "./rolling-plan.js";
import {currentColumn, rowTable} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

/** Pairs of one query. An ordered sum holds all of them at once, at some 30 bytes each. */
const pairsMax = 4_000_000;

const lookTable = "__agg_look";

/** When the row itself counts, as SQL over `__agg_row` as r. */
export function renderOwnCounts({current}: Window): string {
  const counts = ["r.__key IS NOT NULL"];
  if (current?.condition !== undefined) counts.push(`coalesce(r.${currentColumn(current.condition)}, false)`);
  if (current?.value !== undefined) counts.push(`r.${currentColumn(current.value)} IS NOT NULL`);
  return counts.join(" AND ");
}

/** The row itself as a pair behind all others; `rows` may join more to `__agg_row` as r. */
export function renderOwnPairs(window: Window, rows: string): string {
  const value = window.current?.value;
  const item = value === undefined || window.operation === "time_since_last" ? "1" : `r.${currentColumn(value)}`;
  return `SELECT r.__row, r.__ts AS now, 9223372036854775807 AS place, r.__ts AS ts, CAST(${item} AS ${window.elementType}) AS item FROM ${rows} WHERE ${renderOwnCounts(window)}`;
}

const weight = "CAST(now - ts AS DOUBLE)";

/** The steps of `decayWeight`, one DOUBLE operation each. */
function renderDecayed(pairs: string, halfLifeUs: number): string {
  const polynomial = decayCoefficients.reduceRight((sum, coefficient) => (sum === "" ? renderDouble(coefficient) : `(${sum} * fraction + ${renderDouble(coefficient)})`), "");
  return `SELECT __row, place, CAST(item AS DOUBLE) * (${polynomial} * CASE WHEN whole < 1075 THEN pow(2::DOUBLE, -whole) ELSE 0 END) AS item
FROM (SELECT *, floor(half_lives) AS whole, half_lives - floor(half_lives) AS fraction FROM (SELECT *, ${weight} / ${renderDouble(halfLifeUs)} AS half_lives FROM (${pairs})))`;
}

const renderDouble = (value: number): string => `'${String(value)}'::DOUBLE`;

/** Adds a list from 0, element by element: DuckDB's `sum` keeps no order. */
const renderSum = (list: string): string => `list_reduce(${list}, lambda sum, value: sum + value, 0::DOUBLE)`;

/** Items of a row oldest first, as DOUBLE. */
const orderedItems = "[e.item FOR e IN list_sort(list({place: place, item: CAST(item AS DOUBLE)}))]";

/** `__row` and `found` of pairs: `__row`, `now`, `place`, `ts` and an `item` that is not NULL. */
export function renderFold(window: Window, pairs: string): string {
  const {operation, elementType, maxItems} = window;
  const each = (found: string): string => `SELECT __row, ${found} AS found\nFROM (${pairs})\nGROUP BY __row`;
  const sortable = renderSortable("item", elementType);
  const ofItems = (found: string, from = pairs): string => `SELECT __row, ${found} AS found\nFROM (SELECT __row, ${orderedItems} AS items FROM (${from}) GROUP BY __row)`;
  switch (operation) {
    case "sum":
      return wholeTypes.has(elementType) ? each("sum(CAST(item AS HUGEINT))") : ofItems(renderSum("items"));
    case "mean":
      return ofItems(`${renderSum("items")} / len(items)`);
    case "stddev":
      return `SELECT __row, sqrt(${renderSum("[(e - mean) * (e - mean) FOR e IN items]")} / (len(items) - 1)) AS found
FROM (SELECT __row, items, found AS mean FROM (SELECT *, ${renderSum("items")} / len(items) AS found FROM (SELECT __row, ${orderedItems} AS items FROM (${pairs}) GROUP BY __row)))
WHERE len(items) > 1`;
    case "decay_sum":
      return ofItems(renderSum("items"), renderDecayed(pairs, window.halfLifeUs!));
    case "min":
    case "max":
      // Adding 0 makes 0 of -0.
      return each(isFloating(elementType) ? `CAST(${operation}(item) + 0 AS ${elementType})` : `${operation}(item)`);
    case "first":
      return each("arg_min(item, place)");
    case "last":
      return each("arg_max(item, place)");
    case "time_since_last":
      return each(`min(${weight}) / 1000000`);
    case "count_distinct":
      return each(`count(DISTINCT ${sortable})`);
    case "top_k":
      return `SELECT __row, [e.item FOR e IN list_sort(list({frequency: -frequency, place: -place, item: item}))${maxItems === undefined ? "" : `[:${maxItems}]`}] AS found
FROM (SELECT __row, count(*) AS frequency, max(place) AS place, arg_max(item, place) AS item FROM (${pairs}) GROUP BY __row, ${sortable})
GROUP BY __row`;
    case "list":
    case "count":
    case "flatten_distinct":
    case "distinct_list":
      throw new Error(`${operation} is no fold`);
  }
}

const isFloating = (type: string): boolean => type === "DOUBLE" || type === "FLOAT";

/** The places that the operation looks at: of a range from which nothing is dropped, its ends may be enough. */
function renderPlaces({operation, exclude}: Window): {list: string; length: string} {
  if (exclude === undefined && operation === "first") return {list: "[first_place]", length: "1"};
  if (exclude === undefined && (operation === "last" || operation === "time_since_last")) return {list: "[last_place]", length: "1"};
  return {list: "range(first_place, last_place + 1)", length: "(last_place - first_place + 1)"};
}

/** Writes `__row` and `found`, for rows with something in their window. */
export async function writeFold(session: SqlSession, tables: TemporaryTables, placed: PlacedWindow): Promise<void> {
  const {window, range, table} = placed;
  const {line} = range;
  const own = window.exclude && `r.${currentColumn(window.exclude.target)}`;
  const {list, length} = renderPlaces(window);
  const dependsOnNow = window.operation === "decay_sum" || window.operation === "time_since_last";
  const same = ["__key", "first_place", "last_place", ...(dependsOnNow ? ["now"] : []), ...(own === undefined ? [] : ["own"])];
  // A row that counts for itself has pairs of its own.
  const shared = window.current ? "__row" : `min(__row) OVER (PARTITION BY ${same.join(", ")})`;
  await tables.write(
    lookTable,
    `SELECT *, sum(CASE WHEN __row = shared_row THEN ${length} ELSE 0 END) OVER (ORDER BY __row) // ${pairsMax} AS batch
FROM (
  SELECT *, ${shared} AS shared_row
  FROM (SELECT r.__row, r.__key, r.__ts AS now, first_place, last_place${own === undefined ? "" : `, ${own} AS own`} FROM ${rowTable} r JOIN ${range.table} USING (__row))
  WHERE first_place <= last_place
)`,
  );
  const [{batches} = {batches: null}] = (await session.rows(`SELECT CAST(max(batch) AS INTEGER) AS batches FROM ${lookTable}`)) as {batches: number | null}[];
  const item = line.value ? "l.item" : `CAST(1 AS ${window.elementType})`;
  const dropped = own === undefined ? "" : "\nWHERE (l.dropper = r.own) IS NOT TRUE";
  const pairsOf = (rows: string): string => `SELECT r.__row, r.now, l.place, l.__ts AS ts, ${item} AS item
FROM (SELECT *, unnest(${list}) AS place FROM ${lookTable} WHERE __row = shared_row AND ${rows}) r JOIN ${line.table} l ON l.__key = r.__key AND l.place = r.place${dropped}`;
  const foundTable = window.current ? table : "__agg_shared";
  for (let batch = 0; batch <= (batches ?? 0); batch += 1) {
    const past = pairsOf(`batch = ${batch}`);
    const self = window.current && `\nUNION ALL\n${renderOwnPairs(window, `${rowTable} r SEMI JOIN (FROM ${lookTable} WHERE batch = ${batch}) b ON b.__row = r.__row`)}`;
    const fold = renderFold(window, `${past}${self ?? ""}`);
    await (batch === 0 ? tables.write(foundTable, fold) : tables.append(foundTable, fold));
  }
  if (window.current) {
    await tables.append(table, renderFold(window, renderOwnPairs(window, `${rowTable} r ANTI JOIN ${lookTable} b ON b.__row = r.__row`)));
  } else {
    await tables.write(table, `SELECT b.__row, f.found FROM ${lookTable} b JOIN ${foundTable} f ON f.__row = b.shared_row`);
    await tables.drop(foundTable);
  }
  await tables.drop(lookTable);
  await expectNoOverflow(session, window, table);
}

/** @throws DaedalusError when a whole sum is beyond BIGINT */
export async function expectNoOverflow(session: SqlSession, window: Window, table: string): Promise<void> {
  if (window.operation !== "sum" || resultTypeOf(window) !== "BIGINT") return;
  const beyond = await session.rows(`SELECT 1 FROM ${quoteName(table)} WHERE found NOT BETWEEN -9223372036854775808 AND 9223372036854775807 LIMIT 1`);
  if (beyond.length > 0) throw DaedalusError.of("aggregation-overflow", {spec: window.name});
}
