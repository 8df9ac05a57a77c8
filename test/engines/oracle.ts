/**
 * The time contract, word for word and as slow as that: for every row, every history row is looked at. It knows nothing of
 * SQL or of the engines, and has its own idea of order and equality (`cells.ts`); the weights of a decaying sum are a definition that it shares.
 */
import type {Window} from "../../src/engines/aggregation-engine.js";
import {decayWeight} from "../../src/engines/decay-weight.js";
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
  const hasKey = task.keys.every((key) => cur[key.target] !== null);
  const counted = hasKey ? task.history.rows.filter((hist) => counts(task, window, hist, cur)) : [];
  const order = ["__ts", ...task.orderColumns, ...(window.value === undefined ? [] : [window.value])];
  counted.sort((a, b) => order.map((column) => compareCells(a[column]!, b[column]!)).find((sign) => sign !== 0) ?? 0);
  const items = counted.map((hist): Item => ({value: window.value === undefined ? 1 : hist[window.value]!, ts: hist["__ts"] as bigint}));
  const own = hasKey ? currentOf(window, cur) : undefined;
  if (own !== undefined) items.push({value: own, ts: cur["__ts"] as bigint});
  return computeResult(window, items, cur["__ts"] as bigint);
}

/** A value that counts, and the instant of its row. */
interface Item {
  readonly value: Cell;
  readonly ts: bigint;
}

/** `items` are in order, oldest first. */
function computeResult(window: TestWindow, items: readonly Item[], now: bigint): Cell {
  const values = items.map(({value}) => value);
  const typed = (cell: Cell): Cell => (window.elementType === "BIGINT" && typeof cell === "number" ? BigInt(cell) : cell);
  const newest = (list: readonly Cell[]): Cell => (window.maxItems === undefined ? list : list.slice(-window.maxItems)).map(typed);
  const extreme = (sign: number): Cell => {
    const found = values.reduce<Cell>((best, value) => (best === null || compareCells(value, best) === sign ? value : best), null);
    return Object.is(found, -0) ? 0 : typed(found);
  };
  switch (window.operation) {
    case "list":
      return newest(values);
    case "distinct_list":
      return newest(lastAppearances(values));
    case "flatten_distinct":
      return newest(lastAppearances((values as (readonly Cell[])[]).flat().filter((item) => item !== null)));
    case "top_k": {
      const frequency = (item: Cell): number => values.filter((value) => isEqual(value, item)).length;
      const newestFirst = lastAppearances(values).reverse();
      return newestFirst.sort((a, b) => frequency(b) - frequency(a)).slice(0, window.maxItems).map(typed);
    }
    case "count":
      return BigInt(values.length);
    case "count_distinct":
      return BigInt(lastAppearances(values).length);
    case "sum":
      if (window.elementType !== "BIGINT" && window.elementType !== "INTEGER") return addUp(values.map(Number));
      return values.reduce<bigint>((sum, value) => sum + BigInt(value as number | bigint), 0n);
    case "mean":
      return values.length === 0 ? null : addUp(values.map(Number)) / values.length;
    case "stddev": {
      if (values.length < 2) return null;
      const mean = addUp(values.map(Number)) / values.length;
      return Math.sqrt(addUp(values.map((value) => (Number(value) - mean) * (Number(value) - mean))) / (values.length - 1));
    }
    case "min":
      return extreme(-1);
    case "max":
      return extreme(1);
    case "first":
      return typed(values[0] ?? null);
    case "last":
      return typed(values.at(-1) ?? null);
    case "time_since_last":
      return items.length === 0 ? null : Number(now - items.at(-1)!.ts) / 1_000_000;
    case "decay_sum":
      return addUp(items.map(({value, ts}) => Number(value) * decayWeight(Number(now - ts), window.halfLifeUs!)));
  }
}

/** From 0, oldest first. */
const addUp = (numbers: readonly number[]): number => numbers.reduce((sum, value) => sum + value, 0);

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
  if (window.current.value === undefined) return 1;
  return cur[window.current.value] ?? undefined;
}

/** Each value at its last appearance. */
function lastAppearances(values: readonly Cell[]): Cell[] {
  return values.filter((item, at) => !values.slice(at + 1).some((later) => isEqual(item, later)));
}
