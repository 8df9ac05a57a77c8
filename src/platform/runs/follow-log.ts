/** A run's lines as they come. */
import {setTimeout as sleep} from "node:timers/promises";
import {readLog, readLogTail, type LogLine, type LogPage} from "./run-log.js";
import type {RunQueue} from "./run-queue.js";
import {isFinished} from "./run-record.js";

export interface FollowOptions {
  /** Begin with the last so many lines. */
  readonly tail?: number | undefined;
  /** Begin at this byte, where an earlier page ended; counts over `tail`. */
  readonly cursor?: number | undefined;
  /** False: end with what is there. */
  readonly isFollowing?: boolean;
}

const pollMs = 200;
const pageLines = 1000;

/** Ends when the run has and every line was given, or with the signal. */
export async function* followLog(queue: RunQueue, runId: string, signal: AbortSignal, options: FollowOptions = {}): AsyncGenerator<LogLine> {
  for await (const {lines} of followPages(queue, runId, signal, options)) yield* lines;
}

/** The same, with where to read on after an interruption. */
export async function* followPages(queue: RunQueue, runId: string, signal: AbortSignal, {tail, cursor, isFollowing = true}: FollowOptions = {}): AsyncGenerator<LogPage> {
  let run = await queue.look(runId);
  const path = queue.store.logPath(runId);
  let page = tail === undefined || cursor !== undefined ? readLog(path, {cursor: cursor ?? 0, limit: pageLines}) : readLogTail(path, tail);
  for (;;) {
    const isEmpty = page.lines.length === 0;
    if (!isEmpty) yield page;
    if (signal.aborted || (isEmpty && (!isFollowing || isFinished(run)))) return;
    // The state is read before the lines: what was said before the end is in the log by then.
    if (isEmpty) {
      await sleep(pollMs, undefined, {signal}).catch(() => undefined);
      run = await queue.look(runId);
    }
    page = readLog(path, {cursor: page.cursor, limit: pageLines});
  }
}
