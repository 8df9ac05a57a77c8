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

/** A signal that is made when somebody asks for it: most calls have ended before, and it costs as much as the rest of them. */
export type SignalOf = () => AbortSignal;

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
  async pass<T>(isHeavy: boolean, callerGone: SignalOf, work: (ended: SignalOf) => T | Promise<T>): Promise<T> {
    if (this.#calls >= this.limits.callsMax) throw DaedalusError.of("server-busy", {what: "calls", limit: this.limits.callsMax});
    this.#calls += 1;
    const bounds = new CallBounds(callerGone, this.limits.callMs);
    const ended = (): AbortSignal => bounds.signal;
    try {
      if (!isHeavy) {
        const answer = work(ended);
        return answer instanceof Promise ? await bounds.watch(answer) : answer;
      }
      await this.#enter(callerGone());
      return await bounds.watch((async () => await work(ended))().finally(() => this.#leave()));
    } finally {
      bounds.end();
      this.#calls -= 1;
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

/** What ends a call from outside: its caller has gone, or its time is over. */
class CallBounds {
  readonly #callerGone: SignalOf;
  readonly #callMs: number;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #abort = (): void => this.#controller!.abort(DaedalusError.of("call-aborted", {}));

  constructor(callerGone: SignalOf, callMs: number) {
    this.#callerGone = callerGone;
    this.#callMs = callMs;
  }

  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const controller = (this.#controller = new AbortController());
    this.#timer = setTimeout(() => controller.abort(DaedalusError.of("call-timeout", {seconds: this.#callMs / 1000})), this.#callMs);
    const gone = this.#callerGone();
    gone.addEventListener("abort", this.#abort, {once: true});
    if (gone.aborted) this.#abort();
    return controller.signal;
  }

  async watch<T>(working: Promise<T>): Promise<T> {
    try {
      return await Promise.race([working, whenAborted(this.signal)]);
    } finally {
      working.catch(() => undefined);
    }
  }

  end(): void {
    if (!this.#controller) return;
    clearTimeout(this.#timer);
    this.#callerGone().removeEventListener("abort", this.#abort);
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, {once: true});
  });
}
