/** One block of history and the rows that it is for: a job is plain data over shared memory, so any thread can run it. */
import type {ArrivedBlock} from "./arrivals.js";
import {findFlag, type Columns} from "./columns.js";
import {buildLine, readOptional, widen, type Line, type LineSpec} from "./line.js";
import {sortArrived} from "./sorted-rows.js";
import {ValueTie} from "./tie-check.js";
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
  /** Jobs of one block have the same number, and come one after another. */
  readonly block: number;
  /** Sorted, or yet to be. */
  readonly history: Columns | ArrivedBlock;
  readonly target: Columns;
  /** Rows of the target, by place. */
  readonly from: number;
  readonly to: number;
}

/** Runs jobs one after another; the lines of a block are made once for all of its jobs. */
export class JobRunner {
  private prepared: {readonly block: number; readonly lines: readonly Line[]} | undefined;

  /** A result for each window, or why there can be none. */
  run(job: Job): WindowResult[] {
    try {
      if (this.prepared?.block !== job.block) {
        const history = "stretches" in job.history ? sortArrived(job.history) : {...job.history, places: undefined};
        this.prepared = {block: job.block, lines: job.kernel.lines.map((spec) => buildLine(history, spec))};
      }
    } catch (error) {
      if (error instanceof ValueTie) return [{kind: "tie"}];
      throw error;
    }
    return computeWindows(job, this.prepared.lines);
  }
}

function computeWindows({kernel, target, from, to}: Job, lines: readonly Line[]): WindowResult[] {
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
  const [first, last] = [lists.starts[from]!, lists.ends[to - 1]!];
  const values = widen(column, {from: first, to: last});
  return {has, read: (row) => [...values.subarray(lists.starts[row]! - first, lists.ends[row]! - first)].filter((_, at) => lists.present[lists.starts[row]! + at] === 1)};
}
