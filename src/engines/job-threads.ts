/**
 * Jobs over shared memory, done by this thread and by others that are started when there is something to do. This thread would only wait
 * for them; and each thread fewer compiles the same code once less.
 */
import {Worker} from "node:worker_threads";

interface Waiting<Job, Result> {
  readonly job: Job;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Thread<Job, Result> {
  readonly number: number;
  readonly worker: Worker;
  /** Sent to it, in order. */
  readonly sent: Waiting<Job, Result>[];
}

/** So that a thread need not wait for this one to be free between two jobs. */
const sentMax = 2;

export interface JobThreadsOptions<Job, Result> {
  /** This one included. */
  readonly count: number;
  /** Answers each message, a job, with another: its result. An error that it does not catch fails its jobs. */
  readonly module: URL;
  /** What each thread is given when it starts, beside its number `thread`: from 1 on, and below `count`. */
  readonly data?: object;
  /** Does a job in this thread. */
  readonly here: (job: Job) => Result;
}

export class JobThreads<Job, Result> {
  private readonly threads: Thread<Job, Result>[] = [];
  private readonly queue: Waiting<Job, Result>[] = [];
  private isHelping = false;

  constructor(private readonly options: JobThreadsOptions<Job, Result>) {}

  /** Starts all threads before there is something to do: each takes a moment to be ready. */
  warm(): void {
    while (this.threads.length < this.options.count - 1) this.start();
  }

  run(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.queue.push({job, resolve, reject});
      this.send();
      this.help();
    });
  }

  /** Stops the threads; what has not been done is never answered. */
  async close(): Promise<void> {
    this.queue.length = 0;
    await Promise.all(this.threads.splice(0).map(({worker}) => worker.terminate()));
  }

  private send(): void {
    while (this.queue.length > 0) {
      const thread = this.threads.find(({sent}) => sent.length < sentMax) ?? (this.threads.length < this.options.count - 1 ? this.start() : undefined);
      if (!thread) return;
      const waiting = this.queue.shift()!;
      thread.sent.push(waiting);
      thread.worker.postMessage(waiting.job);
    }
  }

  /** Does a job that no thread has taken, after what else this thread has to do. */
  private help(): void {
    if (this.isHelping || this.queue.length === 0) return;
    this.isHelping = true;
    setImmediate(() => {
      this.isHelping = false;
      const waiting = this.queue.shift();
      if (!waiting) return;
      try {
        waiting.resolve(this.options.here(waiting.job));
      } catch (error) {
        waiting.reject(error);
      }
      this.help();
    });
  }

  private start(): Thread<Job, Result> {
    let number = 1;
    while (this.threads.some((thread) => thread.number === number)) number += 1;
    const worker = new Worker(this.options.module, {execArgv: [], workerData: {...this.options.data, thread: number}});
    const thread: Thread<Job, Result> = {number, worker, sent: []};
    this.threads.push(thread);
    worker.on("message", (result: Result) => {
      thread.sent.shift()!.resolve(result);
      this.send();
    });
    worker.on("error", (error) => {
      this.threads.splice(this.threads.indexOf(thread), 1);
      for (const waiting of thread.sent.splice(0)) waiting.reject(error);
    });
    return thread;
  }
}
