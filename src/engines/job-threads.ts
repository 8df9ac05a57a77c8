/** Threads that run jobs over shared memory, one after another, and are started when there is something to do. */
import {Worker} from "node:worker_threads";

interface Waiting<Job, Result> {
  readonly job: Job;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** The thread's module answers each message, a job, with another: its result. An error that it does not catch fails the job. */
export class JobThreads<Job, Result> {
  private readonly idle: Worker[] = [];
  private readonly running = new Map<Worker, Waiting<Job, Result>>();
  private readonly queue: Waiting<Job, Result>[] = [];

  /** @param data given to each thread when it starts */
  constructor(
    readonly count: number,
    private readonly module: URL,
    private readonly data?: unknown,
  ) {}

  run(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.queue.push({job, resolve, reject});
      this.next();
    });
  }

  /** Stops the threads; what they have not done is never answered. */
  async close(): Promise<void> {
    this.queue.length = 0;
    await Promise.all([...this.idle, ...this.running.keys()].map((worker) => worker.terminate()));
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
    const worker = new Worker(this.module, {execArgv: [], workerData: this.data});
    const end = (finish: (waiting: Waiting<Job, Result>) => void): void => {
      const waiting = this.running.get(worker);
      this.running.delete(worker);
      if (waiting) finish(waiting);
    };
    worker.on("message", (result: Result) => {
      end((waiting) => waiting.resolve(result));
      this.idle.push(worker);
      this.next();
    });
    worker.on("error", (error) => {
      end((waiting) => waiting.reject(error));
      this.next();
    });
    return worker;
  }
}
