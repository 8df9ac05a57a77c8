/**
 * The time contract, word for word and as slow as that: for every row, every history row is looked at. It knows nothing of
 * SQL or of the engines, and has its own idea of order and equality (`cells.ts`).
 */
import type {Window} from "../../src/engines/aggregation-engine.js";
import {compareCells, isEqual, type Cell, type Row, type Table} from "./cells.js";

/** A window, and what its `pairCondition` says, in TypeScript. */
export interface TestWindow extends Window {
  readonly pairHolds?: (hist: Row, cur: Row) => boolean | null;
}

/** What an engine is given, as plain data. */
export interface TestTask {
  readonly target: Table;
  readonly history: Table;
  readonly keys: readonly {readonly target: string; readonly history: string}[];
  readonly orderColumns: readonly string[];
  readonly windows: readonly TestWindow[];
}

/** The output's rows, in the target's order. */
export function computeWindows(task: TestTask): Row[] {
  return task.target.rows.map((cur) => {
    const columns = task.windows.map((window) => [window.name, computeWindow(task, window, cur)] as const);
    return {__row: cur["__row"]!, ...Object.fromEntries(columns)};
  });
}

function computeWindow(task: TestTask, window: TestWindow, cur: Row): Cell {
  if (task.keys.some((key) => cur[key.target] === null)) return window.operation === "count" ? 0n : [];
  const counted = task.history.rows.filter((hist) => counts(task, window, hist, cur));
  const current = currentOf(window, cur);
  if (window.operation === "count") return BigInt(counted.length + (current === undefined ? 0 : 1));
  const order = ["__ts", ...task.orderColumns, window.value!];
  counted.sort((a, b) => order.map((column) => compareCells(a[column]!, b[column]!)).find((sign) => sign !== 0) ?? 0);
  const values: Cell[] = counted.map((hist) => hist[window.value!]!);
  if (current !== undefined) values.push(current);
  const items = window.operation === "list" ? values : flattenDistinct(values as (readonly Cell[])[]);
  const newest = window.maxItems === undefined ? items : items.slice(-window.maxItems);
  return newest.map((item) => (window.elementType === "BIGINT" && typeof item === "number" ? BigInt(item) : item));
}

function counts(task: TestTask, window: TestWindow, hist: Row, cur: Row): boolean {
  const at = hist["__ts"] as bigint;
  const now = cur["__ts"] as bigint;
  if (!task.keys.every((key) => isEqual(hist[key.history]!, cur[key.target]!))) return false;
  if (at >= now) return false;
  if (window.windowUs !== undefined && at < now - BigInt(window.windowUs)) return false;
  if (window.knownAt !== undefined) {
    const knownAt = hist[window.knownAt] as bigint | null;
    if (knownAt === null || knownAt >= now) return false;
  }
  if (window.condition !== undefined && hist[window.condition] !== true) return false;
  if (window.pairCondition !== undefined && window.pairHolds!(hist, cur) !== true) return false;
  if (window.value !== undefined && hist[window.value] === null) return false;
  return !(window.exclude && isEqual(hist[window.exclude.history]!, cur[window.exclude.target]!));
}

/** The row's own value, or something to count, when the row counts for itself. */
function currentOf(window: TestWindow, cur: Row): Cell | undefined {
  if (!window.current) return undefined;
  if (window.current.condition !== undefined && cur[window.current.condition] !== true) return undefined;
  if (window.current.value === undefined) return true;
  return cur[window.current.value] ?? undefined;
}

/** Each value at its last appearance. */
function flattenDistinct(lists: readonly (readonly Cell[])[]): Cell[] {
  const items = lists.flat().filter((item) => item !== null);
  return items.filter((item, at) => !items.slice(at + 1).some((later) => isEqual(item, later)));
}
