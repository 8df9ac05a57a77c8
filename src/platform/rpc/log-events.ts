/** A run's log as server-sent events: a `line` for each, its id where to read on, and an `end` with the run's state. */
import {setTimeout as sleep} from "node:timers/promises";
import {followPages, type FollowOptions} from "../runs/follow-log.js";
import type {RunQueue} from "../runs/run-queue.js";

/** Proxies close connections on which nothing is said. */
const heartbeatMs = 15_000;
const waiting = ": waiting\n\n";

export interface LogEventsOptions extends FollowOptions {
  readonly runId: string;
  readonly signal: AbortSignal;
}

export async function* renderLogEvents(queue: RunQueue, {runId, signal, ...options}: LogEventsOptions): AsyncGenerator<string> {
  const pages = followPages(queue, runId, signal, options);
  try {
    // The response begins with its first bytes, and a run that waits for its turn has none.
    yield waiting;
    for (let next = pages.next(); ; ) {
      const page = await waitFor(next);
      if (page === undefined) yield waiting;
      else if (page.done === true) break;
      else {
        const {lines, cursor} = page.value;
        // A reader that comes back with the id of a line begins behind its page: only the last line knows where that is.
        yield lines.map((line, index) => `event: line\n${index === lines.length - 1 ? `id: ${cursor}\n` : ""}data: ${JSON.stringify(line)}\n\n`).join("");
        next = pages.next();
      }
    }
    // The server stops, or nobody listens: the run has not ended.
    if (signal.aborted) return;
    const {status, error} = await queue.look(runId);
    yield `event: end\ndata: ${JSON.stringify({run_id: runId, status, error})}\n\n`;
  } finally {
    await pages.return(undefined);
  }
}

/** Undefined when it takes longer than a proxy waits. */
async function waitFor<T>(next: Promise<T>): Promise<T | undefined> {
  const waited = new AbortController();
  try {
    return await Promise.race([next, sleep(heartbeatMs, undefined, {signal: waited.signal})]);
  } finally {
    waited.abort();
  }
}
