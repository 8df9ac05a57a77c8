/** Threads that compute pages over shared memory. Of a small file they are computed here: a thread costs more than they do. */
import {Worker} from "node:worker_threads";
import {PageComputer, type ComputerOptions, type PageJob, type PageResult, type Scratch} from "./page-job.js";
import {loadExported} from "./udf-module.js";

/** Seen from the sources and from the compiled files alike. */
const threadUrl = new URL("../../dist/pipeline/page-thread.js", import.meta.url);

interface Waiting {
  readonly job: PageJob;
  resolve(result: PageResult): void;
  reject(error: unknown): void;
}

export class PageThreads {
  private readonly idle: Worker[] = [];
  private readonly running = new Map<Worker, Waiting>();
  private readonly queue: Waiting[] = [];
  private readonly here: PageComputer | undefined;
  private started = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** A scratch for each thread; one alone means: in this thread. */
  constructor(
    private readonly options: Omit<ComputerOptions, "scratch">,
    private readonly scratches: readonly Scratch[],
  ) {
    if (scratches.length === 1) this.here = new PageComputer({...options, scratch: scratches[0]!}, loadExported);
  }

  run(job: PageJob, signal?: AbortSignal): Promise<PageResult> {
    if (this.here) {
      const {here} = this;
      const computed = this.last.then(() => {
        signal?.throwIfAborted();
        return here.compute(job);
      });
      this.last = computed.catch(() => undefined);
      return computed;
    }
    return new Promise((resolve, reject) => {
      this.queue.push({job, resolve, reject});
      this.next();
    });
  }

  async close(): Promise<void> {
    const stopped = new Error("the threads were stopped");
    for (const waiting of this.queue.splice(0)) waiting.reject(stopped);
    for (const waiting of this.running.values()) waiting.reject(stopped);
    await Promise.all([...this.idle, ...this.running.keys()].map((worker) => worker.terminate()));
  }

  private next(): void {
    if (this.queue.length === 0) return;
    const worker = this.idle.pop() ?? (this.started < this.scratches.length ? this.start() : undefined);
    if (!worker) return;
    const waiting = this.queue.shift()!;
    this.running.set(worker, waiting);
    worker.postMessage(waiting.job);
  }

  private start(): Worker {
    const scratch = this.scratches[this.started++]!;
    const worker = new Worker(threadUrl, {execArgv: [], workerData: {...this.options, scratch} satisfies ComputerOptions});
    worker.on("message", ({result, error}: {result?: PageResult; error?: unknown}) => {
      const waiting = this.running.get(worker);
      this.running.delete(worker);
      if (result) waiting?.resolve(result);
      else waiting?.reject(error);
      this.idle.push(worker);
      this.next();
    });
    worker.on("error", (error) => {
      this.running.get(worker)?.reject(error);
      this.running.delete(worker);
    });
    return worker;
  }
}
