/** Threads that compute windows. Few rows are computed by this one alone: another costs more than they do. */
import {JobThreads} from "../job-threads.js";
import {JobRunner, type Job} from "./job.js";
import type {WindowResult} from "./window-values.js";

/** Seen from the sources and from the compiled files alike. */
const threadUrl = new URL("../../../dist/engines/native/kernel-thread.js", import.meta.url);

/** Rows of history and target below which no thread is started. */
const inlineRowsMax = 50_000;

export class KernelThreads {
  private readonly threads: JobThreads<Job, WindowResult[]>;
  private readonly here = new JobRunner();
  private blockCount = 0;

  constructor(readonly count: number) {
    this.threads = new JobThreads({count, module: threadUrl, here: (job) => this.here.run(job)});
  }

  /** @param rowCount of what will be computed, or at least so many */
  expect(rowCount: number): void {
    if (rowCount >= inlineRowsMax) this.threads.warm();
  }

  /** The number of a new block of history. */
  beginBlock(): number {
    this.blockCount += 1;
    return this.blockCount;
  }

  async run(job: Job): Promise<WindowResult[]> {
    return job.history.rowCount + job.to - job.from < inlineRowsMax ? this.here.run(job) : this.threads.run(job);
  }

  async close(): Promise<void> {
    this.here.close();
    await this.threads.close();
  }
}
