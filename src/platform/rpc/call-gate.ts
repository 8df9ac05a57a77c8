/** Bounds on calls: how many at once, how many wait, how long one may take. */
import {DaedalusError} from "../../errors.js";

export interface CallLimits {
  /** Calls at once, light and heavy. */
  readonly callsMax: number;
  /** Heavy calls that work at once. */
  readonly heavyMax: number;
  /** Heavy calls that wait for their turn. */
  readonly waitingMax: number;
  readonly callMs: number;
}

const callLimits: CallLimits = {callsMax: 1000, heavyMax: 2, waitingMax: 32, callMs: 120_000};

export class CallGate {
  readonly limits: CallLimits;
  #calls = 0;
  #heavy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: Partial<CallLimits> = {}) {
    this.limits = {...callLimits, ...limits};
  }

  get calls(): number {
    return this.#calls;
  }

  /**
   * The work's answer. A call that is over its time, or whose caller has gone, is told so by its signal and not waited for; its
   * place is free once it really ends.
   * @throws DaedalusError `server-busy`, `call-timeout` or `call-aborted`
   */
  async pass<T>(isHeavy: boolean, signal: AbortSignal, work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
    if (this.#calls >= this.limits.callsMax) throw DaedalusError.of("server-busy", {what: "calls", limit: this.limits.callsMax});
    this.#calls += 1;
    try {
      if (!isHeavy) return await this.#timed(signal, work);
      await this.#enter(signal);
      return await this.#timed(signal, work, () => this.#leave());
    } finally {
      this.#calls -= 1;
    }
  }

  async #timed<T>(signal: AbortSignal, work: (signal: AbortSignal) => T | Promise<T>, onEnd?: () => void): Promise<T> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(DaedalusError.of("call-aborted", {}));
    const timer = setTimeout(() => controller.abort(DaedalusError.of("call-timeout", {seconds: this.limits.callMs / 1000})), this.limits.callMs);
    signal.addEventListener("abort", abort, {once: true});
    if (signal.aborted) abort();
    const working = (async () => await work(controller.signal))();
    const ended = onEnd ? working.finally(onEnd) : working;
    try {
      return await Promise.race([ended, whenAborted(controller.signal)]);
    } finally {
      ended.catch(() => undefined);
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (this.#heavy < this.limits.heavyMax) {
      this.#heavy += 1;
      return;
    }
    if (this.#waiting.length >= this.limits.waitingMax) throw DaedalusError.of("server-busy", {what: "calls that read data", limit: this.limits.waitingMax});
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => leaveQueue(DaedalusError.of("call-timeout", {seconds: this.limits.callMs / 1000})), this.limits.callMs);
      const abort = (): void => leaveQueue(DaedalusError.of("call-aborted", {}));
      const forget = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      };
      const enter = (): void => {
        forget();
        resolve();
      };
      const leaveQueue = (error: DaedalusError): void => {
        forget();
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(error);
      };
      signal.addEventListener("abort", abort, {once: true});
      this.#waiting.push(enter);
    });
  }

  /** The place goes to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#heavy -= 1;
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, {once: true});
  });
}
