/** The SQL that makes the output's columns out of ranges, blocks and what was found. */
import {quoteName} from "../../sources/quote.js";
import type {AggregationOperation} from "../../definitions/aggregation-operation.js";
import {isListWindow, resultTypeOf, type AggregationTask, type Window} from "../aggregation-engine.js";
import {renderBlockNumber, renderBlockStart} from "./rolling-blocks.js";
import {renderOwnCounts} from "./rolling-folds.js";
import {isFold, type PlacedWindow, type Placement} from "./rolling-plan.js";
import {currentColumn, rowTable} from "./rolling-rows.js";

/** A window that was joined pair by pair: `table` holds `__row` and `found`. */
export interface PairedWindow {
  readonly window: Window;
  readonly table: string;
}

/** The output, a row for each target row. Blocks are joined last: what is joined after a list carries the list along. */
export function renderOutput(task: AggregationTask, {ranges, windows}: Placement, paired: readonly PairedWindow[]): string {
  const columns = task.windows.map((window) => {
    const pair = paired.find((other) => other.window === window);
    const past = pair ? renderFound(window, pair.table) : renderPlaced(windows.find((other) => other.window === window)!);
    return `  CAST(${withCurrent(window, past)} AS ${resultTypeOf(window)}) AS ${quoteName(window.name)}`;
  });
  const found = windows.filter(({by}) => by === "subtraction" || by === "look-back" || by === "fold").map(({table}) => table);
  const byRow = [...ranges.map(({table}) => table), ...found, ...paired.map(({table}) => table)];
  const blocks = new Map(windows.flatMap((placed) => (placed.by === "block" ? [[placed.table, placed]] : [])));
  const joins = [
    ...byRow.map((table) => `LEFT JOIN ${table} ON ${table}.__row = r.__row`),
    ...[...blocks].map(([table, {range, window}]) => {
      const number = renderBlockNumber(`${range.table}.last_place`, window.maxItems!);
      return `LEFT JOIN ${table} ON ${table}.__key = r.__key AND ${table}.number = ${number}`;
    }),
  ];
  return `SELECT r.__row,
${columns.join(",\n")}
FROM ${rowTable} r
${joins.join("\n")}`;
}

function renderPlaced({window, range, by, table}: PlacedWindow): string {
  if (by === "look-back" || by === "fold") return renderFound(window, table);
  const [first, last] = [`${range.table}.first_place`, `${range.table}.last_place`];
  if (by === "block") {
    const length = window.maxItems!;
    const start = renderBlockStart(`${table}.number`, length);
    return `coalesce(${table}.item[greatest(${first}, ${last} - ${length - 1}) - ${start} : ${last} - ${start}], [])`;
  }
  const count = `coalesce(greatest(${last} - ${first} + 1, 0), 0)`;
  return by === "ends" ? count : `${count} - ${renderFound(window, table)}`;
}

function renderFound(window: Window, table: string): string {
  if (isListWindow(window)) return renderNewestOf(window, `coalesce(${table}.found, [])`);
  return isZeroOfNothing(window.operation) ? `coalesce(${table}.found, 0)` : `${table}.found`;
}

function isZeroOfNothing(operation: AggregationOperation): boolean {
  return operation === "count" || operation === "count_distinct" || operation === "sum" || operation === "decay_sum";
}

/** `top_k` is cut where it is ordered. */
function renderNewestOf(window: Window, list: string): string {
  return window.maxItems === undefined || window.operation === "top_k" ? list : `(${list})[-${window.maxItems}:]`;
}

/** The row itself, last; nothing when its key matches nothing. */
function withCurrent(window: Window, past: string): string {
  // A fold has it among its pairs.
  if (!window.current || isFold(window.operation)) return past;
  const {value} = window.current;
  const column = value === undefined ? undefined : `r.${currentColumn(value)}`;
  const own = window.operation === "distinct_list" ? `[${column!}]` : column;
  const when = renderOwnCounts(window);
  if (window.operation === "count") return `${past} + CASE WHEN ${when} THEN 1 ELSE 0 END`;
  if (window.operation === "list") {
    return `CASE WHEN ${when} THEN ${renderNewestOf(window, `list_append(${past}, ${own!})`)} ELSE ${past} END`;
  }
  const older = `[e FOR e IN ${past} IF NOT list_contains(${own!}, e)]`;
  const newest = `[e FOR e, i IN ${own!} IF e IS NOT NULL AND NOT list_contains(${own!}[i + 1:], e)]`;
  return `CASE WHEN ${when} THEN ${renderNewestOf(window, `${older} || ${newest}`)} ELSE ${past} END`;
}
