/** One block of history and the rows that it is for: a job is plain data over shared memory, so any thread can run it. */
import {findFlag, type Columns} from "./columns.js";
import {buildLine, readOptional, widen, type Line, type LineSpec} from "./line.js";
import {computeWindow, findRanges, SumOverflow, type Current, type Ranges, type WindowResult, type WindowSpec} from "./window-values.js";

export interface KernelWindow extends WindowSpec {
  readonly name: string;
  /** Of the plan's lines. */
  readonly line: number;
  /** Infinity: all history. */
  readonly windowUs: number;
  /** What a row drops by: a column of the target, and the flag that tells where there is one. */
  readonly own: {readonly column: number; readonly flag: number} | undefined;
  /** The flag of rows that count for themselves, and their value. */
  readonly current: {readonly flag: number; readonly column: number | undefined} | undefined;
}

export interface Kernel {
  readonly lines: readonly LineSpec[];
  readonly windows: readonly KernelWindow[];
}

export interface Job {
  readonly kernel: Kernel;
  readonly history: Columns;
  readonly target: Columns;
  /** Rows of the target, by place. */
  readonly from: number;
  readonly to: number;
}

/** A result for each window. @throws Error whose message names the window when a sum is too large */
export function runJob({kernel, history, target, from, to}: Job): WindowResult[] {
  const lines: Line[] = kernel.lines.map((spec) => buildLine(history, spec));
  const ranges = new Map<string, Ranges>();
  return kernel.windows.map((window) => {
    const line = lines[window.line]!;
    const id = `${window.line} ${window.windowUs}`;
    const range = ranges.get(id) ?? findRanges(line, target, {from, to}, window.windowUs);
    ranges.set(id, range);
    try {
      return computeWindow(window, line, range, window.own && readOptional(target, window.own, {from, to}), readCurrent(target, window, {from, to}));
    } catch (error) {
      if (error instanceof SumOverflow) return {kind: "overflow", window: window.name};
      throw error;
    }
  });
}

function readCurrent(target: Columns, {current}: KernelWindow, {from, to}: {readonly from: number; readonly to: number}): Current | undefined {
  if (!current) return undefined;
  const {word, bit} = findFlag(target, current.flag);
  const has = (row: number): boolean => (word![row]! & bit) !== 0;
  if (current.column === undefined) return {has, read: () => []};
  const column = target.values[current.column]!;
  const {lists} = column;
  if (!lists) {
    const values = widen(column, {from, to});
    return {has, read: (row) => [values[row - from]!]};
  }
  const [first, last] = [lists.starts[from]!, lists.starts[to]!];
  const values = widen(column, {from: first, to: last});
  return {has, read: (row) => [...values.subarray(lists.starts[row]! - first, lists.starts[row + 1]! - first)].filter((_, at) => lists.present[lists.starts[row]! + at] === 1)};
}
