/** Threads that run jobs over shared memory. Few rows are computed here: a thread costs more than they do. */
import {Worker} from "node:worker_threads";
import {JobRunner, type Job} from "./job.js";
import type {WindowResult} from "./window-values.js";

/** Seen from the sources and from the compiled files alike. */
const threadUrl = new URL("../../../dist/engines/native/kernel-thread.js", import.meta.url);

/** Rows of history and target below which no thread is started. */
const inlineRowsMax = 50_000;

interface Waiting {
  readonly job: Job;
  resolve(results: WindowResult[]): void;
  reject(error: unknown): void;
}

export class KernelThreads {
  private readonly idle: Worker[] = [];
  private readonly running = new Map<Worker, Waiting>();
  private readonly queue: Waiting[] = [];
  private readonly here = new JobRunner();

  private blockCount = 0;

  constructor(readonly count: number) {}

  /** The number of a new block of history. */
  beginBlock(): number {
    this.blockCount += 1;
    return this.blockCount;
  }

  async run(job: Job): Promise<WindowResult[]> {
    if (this.count < 2 || job.history.rowCount + job.to - job.from < inlineRowsMax) return this.here.run(job);
    return new Promise((resolve, reject) => {
      this.queue.push({job, resolve, reject});
      this.next();
    });
  }

  private next(): void {
    const waiting = this.queue[0];
    if (!waiting) return;
    const worker = this.idle.pop() ?? (this.running.size < this.count ? this.start() : undefined);
    if (!worker) return;
    this.queue.shift();
    this.running.set(worker, waiting);
    worker.postMessage(waiting.job);
  }

  private start(): Worker {
    const worker = new Worker(threadUrl, {execArgv: []});
    const end = (finish: (waiting: Waiting) => void): void => {
      const waiting = this.running.get(worker);
      this.running.delete(worker);
      if (waiting) finish(waiting);
    };
    worker.on("message", (results: WindowResult[]) => {
      end((waiting) => waiting.resolve(results));
      this.idle.push(worker);
      this.next();
    });
    worker.on("error", (error) => {
      end((waiting) => waiting.reject(error));
      this.next();
    });
    return worker;
  }

  async close(): Promise<void> {
    await Promise.all([...this.idle, ...this.running.keys()].map((worker) => worker.terminate()));
  }
}
