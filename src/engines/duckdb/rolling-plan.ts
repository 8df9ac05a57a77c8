/** Which lines and ranges a task needs, and which windows share them: plain data, no SQL runs here. */
import type {AggregationOperation} from "../../definitions/aggregation-operation.js";
import type {Window} from "../aggregation-engine.js";

/** The history that one condition keeps, in order, as places 1, 2, 3, ... of each key. */
export interface Line {
  readonly table: string;
  readonly condition: string | undefined;
  /** Column that must not be NULL; undefined where nothing says so, or where none is. */
  readonly present: string | undefined;
  /** Undefined: only the rows matter. */
  readonly value: LineValue | undefined;
  /** History column kept beside each item, for windows that drop by it. */
  readonly dropper: string | undefined;
}

export interface LineValue {
  readonly column: string;
  readonly elementType: string;
  /** A place for each element instead of each row, which knows when its value appears again. */
  readonly isUnnested: boolean;
  /** The column holds one value and not a list: a row has one element. */
  readonly isSingle: boolean;
}

/** The places of a line that lie in a window of this length, for each row. */
export interface Range {
  readonly table: string;
  readonly line: Line;
  readonly windowUs: number | undefined;
}

export interface PlacedWindow {
  readonly window: Window;
  readonly range: Range;
  /** How the value comes out of the range: by its ends alone, less what a count drops, as a slice of a block, by looking back, or by a fold. */
  readonly by: "ends" | "subtraction" | "block" | "look-back" | "fold";
  /** Where a subtraction, a look-back or a fold leaves its result; for a block, the blocks. */
  readonly table: string;
}

/** Longer lists are joined item by item: a block holds twice as many items as a list, for each row that is joined to it. */
const blockItemsMax = 4096;

/** What holds each value once. */
export function isDistinct(operation: AggregationOperation): boolean {
  return operation === "flatten_distinct" || operation === "distinct_list";
}

/** What is computed of all values at once. */
export function isFold(operation: AggregationOperation): boolean {
  return operation !== "list" && operation !== "count" && !isDistinct(operation);
}

/** The value as a line has it; undefined where only rows matter. */
export function lineValueOf({operation, value, elementType}: Window): LineValue | undefined {
  if (value === undefined || operation === "count" || operation === "time_since_last") return undefined;
  return {column: value, elementType, isUnnested: isDistinct(operation), isSingle: operation !== "flatten_distinct"};
}

function howToCompute({operation, exclude, maxItems}: Window): PlacedWindow["by"] {
  if (operation === "count") return exclude ? "subtraction" : "ends";
  if (isFold(operation)) return "fold";
  const isSlice = operation === "list" && !exclude && maxItems !== undefined && maxItems <= blockItemsMax;
  return isSlice ? "block" : "look-back";
}

export interface Placement {
  readonly lines: readonly Line[];
  readonly ranges: readonly Range[];
  readonly windows: readonly PlacedWindow[];
}

/** A condition on both rows, or on when history became known, is no range of places: such windows join pairs of rows. */
export function needsPairs(window: Window): boolean {
  return window.pairCondition !== undefined || window.knownAt !== undefined;
}

/** @param nullableColumns history columns that hold a NULL; the others need no test, which lets counts share a list's line. */
export function planPlaces(windows: readonly Window[], nullableColumns: ReadonlySet<string>): Placement {
  const lines: Line[] = [];
  const ranges: Range[] = [];

  const rangeOf = (line: Line, windowUs: number | undefined): Range => {
    const same = ranges.find((range) => range.line === line && range.windowUs === windowUs);
    if (same) return same;
    const range = {table: `__agg_range_${ranges.length + 1}`, line, windowUs};
    ranges.push(range);
    return range;
  };
  const lineOf = (window: Window): Line => {
    const isCount = window.operation === "count";
    const shape = {
      condition: window.condition,
      present: window.value !== undefined && nullableColumns.has(window.value) ? window.value : undefined,
      value: lineValueOf(window),
      dropper: isCount ? undefined : window.exclude?.history,
    };
    const same = lines.find(
      (line) =>
        line.condition === shape.condition &&
        line.present === shape.present &&
        // Any line of the same rows will do for a count, whatever its order.
        (isCount ? line.value?.isUnnested !== true : isSameLine(line, shape)),
    );
    if (same) return same;
    const line = {...shape, table: `__agg_line_${lines.length + 1}`};
    lines.push(line);
    return line;
  };

  // Counts come after the lists, whose lines they share.
  const counts = windows.filter((window) => window.operation === "count");
  const lists = windows.filter((window) => window.operation !== "count");
  const placed = [...lists, ...counts].map((window, at): PlacedWindow => {
    const range = rangeOf(lineOf(window), window.windowUs);
    const by = howToCompute(window);
    return {window, range, by, table: by === "block" ? `${range.line.table}_block_${window.maxItems!}` : `__agg_found_${at + 1}`};
  });
  return {lines, ranges, windows: placed};
}

function isSameLine(a: Omit<Line, "table">, b: Omit<Line, "table">): boolean {
  return (
    a.dropper === b.dropper &&
    a.value?.column === b.value?.column &&
    a.value?.elementType === b.value?.elementType &&
    a.value?.isUnnested === b.value?.isUnnested &&
    a.value?.isSingle === b.value?.isSingle
  );
}
