/** Turns the first SIGINT or SIGTERM into an abort, so that work ends at a clean point; the second one ends the process. */
import {constants} from "node:os";
import type {Terminal} from "./terminal.js";

const stopSignals = ["SIGINT", "SIGTERM"] as const;
type StopSignal = (typeof stopSignals)[number];

/** Thrown in place of whatever stopped work returns or throws. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
  constructor(readonly signal: StopSignal) {
    super(`stopped by ${signal}`);
  }

  /** What shells expect of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/** The signal that ends a server. A second one ends the process at once. */
export function untilStopped(): Promise<StopSignal> {
  return new Promise((resolve) => {
    const stop = (signal: StopSignal): void => {
      for (const other of stopSignals) process.off(other, stop);
      resolve(signal);
    };
    for (const signal of stopSignals) process.on(signal, stop);
  });
}

/** Runs work that can be stopped. The signal's own default comes back when the work has ended. */
export async function runStoppable<T>(terminal: Terminal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let stopped: StoppedError | undefined;
  const stop = (signal: StopSignal): void => {
    if (stopped) process.exit(stopped.exitCode);
    stopped = new StoppedError(signal);
    terminal.note(`\n${signal}: stopping at the next clean point; once more stops at once`);
    controller.abort(stopped);
  };
  for (const signal of stopSignals) process.on(signal, stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    throw stopped ?? error;
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
  }
}
