/** One block of history and the rows that it is for: a job is plain data over shared memory, so any thread can run it. */
import {viewBytes} from "../raw-vectors.js";
import type {ArrivedBlock} from "./arrivals.js";
import type {Columns} from "./columns.js";
import {buildLines, type Line, type LineSpec} from "./line.js";
import {readDrops, readOwn} from "./row-values.js";
import {MemoryFull} from "./memory-stack.js";
import {returnScratch, takeScratch, type Scratch} from "./scratch.js";
import {placeSorted, sortArrived} from "./sorted-rows.js";
import {ValueTie} from "./tie-check.js";
import {computeWindow, findRanges, narrowRanges, SumOverflow, type Ranges, type WindowResult, type WindowSpec} from "./window-values.js";

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
  private scratch: Scratch | undefined;
  private prepared: {readonly block: number; readonly lines: readonly Line[]} | undefined;

  /** A result for each window, or why there can be none. */
  run(job: Job): WindowResult[] {
    try {
      const scratch = (this.scratch ??= takeScratch());
      const lines = this.prepare(scratch, job);
      return scratch.passing(() => computeWindows(scratch, job, lines));
    } catch (error) {
      if (error instanceof ValueTie) return [{kind: "tie"}];
      if (error instanceof MemoryFull) return [{kind: "large", rowCount: job.history.rowCount}];
      throw error;
    }
  }

  private prepare(scratch: Scratch, {block, kernel, history}: Job): readonly Line[] {
    if (this.prepared?.block === block) return this.prepared.lines;
    this.prepared = undefined;
    scratch.clear();
    const sorted = "stretches" in history ? sortArrived(scratch, history) : placeSorted(scratch, history);
    this.prepared = {block, lines: buildLines(scratch, sorted, kernel.lines)};
    return this.prepared.lines;
  }

  close(): void {
    if (this.scratch) returnScratch(this.scratch);
    [this.scratch, this.prepared] = [undefined, undefined];
  }
}

function computeWindows(scratch: Scratch, {kernel, target, from, to}: Job, lines: readonly Line[]): WindowResult[] {
  const rows = {count: to - from, key: scratch.push(viewBytes(target.key.subarray(from, to))), ts: scratch.push(viewBytes(target.ts.subarray(from, to)))};
  const ranges = new Map<string, Ranges>();
  return kernel.windows.map((window) => {
    const line = lines[window.line]!;
    const range = rangesOf(line, window.windowUs);
    return scratch.passing(() => {
      const drops = window.own === undefined ? 0 : readDrops(scratch, target, window.own, {from, to});
      const own = window.current && readOwn(scratch, target, {...window.current, kind: window.kind}, {from, to});
      try {
        return computeWindow(scratch, window, {line, ranges: range, drops, own});
      } catch (error) {
        if (error instanceof SumOverflow) return {kind: "overflow", window: window.name};
        throw error;
      }
    });
  });
  /** Lines that keep the same rows share their ranges, too. */
  function rangesOf(line: Line, windowUs: number): Ranges {
    const id = `${line.key} ${windowUs}`;
    const found = ranges.get(id) ?? (windowUs === Infinity ? findRanges(scratch, line, rows) : narrowRanges(scratch, line, rows, rangesOf(line, Infinity), windowUs));
    ranges.set(id, found);
    return found;
  }
}
