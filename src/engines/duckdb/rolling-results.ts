/** The SQL that makes the output's columns out of ranges, arrays and what was found, for a batch of keys at a time. */
import {quoteName} from "../../sources/quote.js";
import type {AggregationTask, Window} from "../aggregation-engine.js";
import {decidingColumns, writeLookBack} from "./rolling-look-back.js";
import type {Line, PlacedWindow, Placement, Range} from "./rolling-plan.js";
import {currentColumn, noKey, rowTable, type Batch} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

const placeTable = "__agg_place";

/** A window that was joined pair by pair: `table` holds `__row` and `found`. */
export interface PairedWindow {
  readonly window: Window;
  readonly table: string;
}

export function resultType(window: Window): string {
  return window.operation === "count" ? "BIGINT" : `${window.elementType}[]`;
}

/**
 * Appends the rows of a batch to the output. One array holds the items of all the batch's keys, key after key, and a list picks
 * its places out of it.
 */
export async function writeBatch(
  tables: TemporaryTables,
  task: AggregationTask,
  placement: Placement,
  paired: readonly PairedWindow[],
  batch: Batch,
): Promise<void> {
  const inBatch = `__key BETWEEN ${batch.firstKey} AND ${batch.lastKey}`;
  const valueLines = placement.lines.filter((line) => line.value);
  for (const line of valueLines) {
    await tables.write(
      startTable(line),
      `SELECT __key, CAST(sum(count(*)) OVER (ORDER BY __key ROWS UNBOUNDED PRECEDING) - count(*) AS BIGINT) AS places_before
FROM ${line.table} WHERE ${inBatch} GROUP BY __key`,
    );
    await tables.write(
      arrayTable(line),
      `SELECT ${["item", ...decidingColumns(line)].map((column) => `list(${column} ORDER BY __key, place) AS ${column}`).join(", ")}
FROM ${line.table} WHERE ${inBatch}`,
    );
  }
  await tables.write(placeTable, renderPlaces(placement, inBatch));

  const lookBacks = placement.windows.filter((placed) => placed.by === "look-back");
  for (const placed of lookBacks) {
    const {line} = placed.range;
    await writeLookBack(tables, placed, {...placeNames(placed.range), places: placeTable, array: arrayTable(line)});
  }
  await tables.append(task.output, renderResults(task, placement, paired));

  const written = [placeTable, ...valueLines.flatMap((line) => [startTable(line), arrayTable(line)])];
  for (const table of [...written, ...lookBacks.map((placed) => placed.foundTable)]) await tables.drop(table);
}

const startTable = (line: Line): string => `${line.table}_start`;
const arrayTable = (line: Line): string => `${line.table}_array`;

function placeNames(range: Range): {readonly first: string; readonly last: string} {
  return {first: `${range.table}_first`, last: `${range.table}_last`};
}

/** Each row with the places of its ranges in the batch's arrays; an empty range ends before it starts. */
function renderPlaces({lines, ranges}: Placement, inBatch: string): string {
  const columns = ranges.map((range) => {
    const {first, last} = placeNames(range);
    const before = range.line.value ? ` + ${startTable(range.line)}.places_before` : "";
    return `,
  coalesce(${range.table}.first_place${before}, 1) AS ${first}, coalesce(${range.table}.last_place${before}, 0) AS ${last}`;
  });
  const joins = [
    ...ranges.map((range) => `LEFT JOIN (FROM ${range.table} WHERE ${inBatch}) ${range.table} ON ${range.table}.__row = r.__row`),
    ...lines.flatMap((line) => (line.value ? `LEFT JOIN ${startTable(line)} ON ${startTable(line)}.__key = r.__key` : [])),
  ];
  return `SELECT r.*${columns.join("")}
FROM (FROM ${rowTable} WHERE ${inBatch}) r
${joins.join("\n")}`;
}

/** The arrays come after the joins, as single rows: inside a join DuckDB could copy an array for each row. */
function renderResults(task: AggregationTask, {lines, windows}: Placement, paired: readonly PairedWindow[]): string {
  const columns = task.windows.map((window) => {
    const pair = paired.find((other) => other.window === window);
    const own = pair ? renderFound(window, pair.table) : renderPlaced(windows.find((other) => other.window === window)!);
    return `  ${withCurrent(window, own)} AS ${quoteName(window.name)}`;
  });
  const found = [...windows.flatMap((placed) => (placed.by === "range" ? [] : [placed.foundTable])), ...paired.map(({table}) => table)];
  const joins = found.map((table) => `LEFT JOIN ${table} ON ${table}.__row = p.__row`);
  const arrays = lines.flatMap((line) => (line.value ? [arrayTable(line)] : []));
  return `SELECT p.__row,
${columns.join(",\n")}
FROM ${[[`${placeTable} p`, ...joins].join("\n"), ...arrays].join(",\n  ")}`;
}

function renderPlaced({window, range, by, foundTable}: PlacedWindow): string {
  if (by === "look-back") return renderFound(window, foundTable);
  const {first, last} = placeNames(range);
  if (window.operation === "count") {
    const count = `greatest(p.${last} - p.${first} + 1, 0)`;
    return by === "range" ? count : `${count} - ${renderFound(window, foundTable)}`;
  }
  const start = window.maxItems === undefined ? `p.${first}` : `greatest(p.${first}, p.${last} - ${window.maxItems - 1})`;
  return `[${arrayTable(range.line)}.item[j] FOR j IN range(${start}, p.${last} + 1)]`;
}

function renderFound(window: Window, table: string): string {
  if (window.operation === "count") return `coalesce(${table}.found, 0)`;
  return renderNewestOf(window, `coalesce(${table}.found, [])`);
}

function renderNewestOf(window: Window, list: string): string {
  return window.maxItems === undefined ? list : `(${list})[-${window.maxItems}:]`;
}

/** The row itself, last; nothing when its key matches nothing. */
function withCurrent(window: Window, past: string): string {
  if (!window.current) return past;
  const {value, condition} = window.current;
  const own = value === undefined ? undefined : `p.${currentColumn(value)}`;
  const counts = [`p.__key <> ${noKey}`];
  if (condition !== undefined) counts.push(`coalesce(p.${currentColumn(condition)}, false)`);
  if (own !== undefined) counts.push(`${own} IS NOT NULL`);
  const when = counts.join(" AND ");
  if (window.operation === "count") return `${past} + CASE WHEN ${when} THEN 1 ELSE 0 END`;
  if (window.operation === "list") {
    return `CASE WHEN ${when} THEN ${renderNewestOf(window, `list_append(${past}, ${own!})`)} ELSE ${past} END`;
  }
  const older = `list_filter(${past}, lambda e: NOT list_contains(${own!}, e))`;
  const newest = `list_filter(${own!}, lambda e, i: e IS NOT NULL AND NOT list_contains(${own!}[i + 1:], e))`;
  return `CASE WHEN ${when} THEN ${renderNewestOf(window, `${older} || ${newest}`)} ELSE ${past} END`;
}
