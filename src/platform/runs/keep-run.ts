/** The life of one run, in the process that keeps it: starts the training, writes what is said, and notes how it ended. */
import {setTimeout as sleep} from "node:timers/promises";
import {DaedalusError, ProblemsError} from "../../errors.js";
import {appendLog, type LogLevel} from "./run-log.js";
import type {RunRecord} from "./run-record.js";
import type {RunQueue} from "./run-queue.js";
import {runTrainProcess} from "./train-process.js";

export interface KeepEffects {
  readonly environment: NodeJS.ProcessEnv;
  readonly directory: string;
  /** Aborted when this process is told to end. */
  readonly signal: AbortSignal;
}

const cancelPollMs = 200;

export async function keepRun(queue: RunQueue, runId: string, effects: KeepEffects): Promise<RunRecord> {
  const {store, cliPath} = queue;
  // Whoever started this process holds the lock until the record says so.
  let record = await store.locked(() => store.get(runId));
  if (record.status !== "running" || record.pid !== process.pid) throw DaedalusError.of("run-finished", {run: runId, status: record.status});
  const log = (text: string, level: LogLevel = "info"): void => appendLog(store.logPath(runId), {at: new Date().toISOString(), level, text});
  const change = (changes: Partial<RunRecord>): void => {
    record = {...record, ...changes};
    store.put(record);
  };
  const cancelled = new AbortController();
  const ended = new AbortController();
  const watching = watchCancel(() => store.isCancelRequested(runId), cancelled, ended.signal);
  try {
    await runTrainProcess(record.request, {
      signal: AbortSignal.any([cancelled.signal, effects.signal]),
      log,
      note: (facts) => change({external: {...record.external, ...facts}}),
      environment: effects.environment,
      directory: effects.directory,
      cliPath,
    });
    change({status: "succeeded", finished_at: new Date().toISOString()});
  } catch (error) {
    const finished_at = new Date().toISOString();
    if (cancelled.signal.aborted) change({status: "cancelled", finished_at});
    else {
      const said = describeFailure(error);
      log(`the run failed: ${said.message}`, "error");
      change({status: "failed", finished_at, error: said});
    }
  } finally {
    ended.abort();
    await watching;
  }
  await queue.advance();
  return record;
}

async function watchCancel(isRequested: () => boolean, cancelled: AbortController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (isRequested()) return cancelled.abort();
    await sleep(cancelPollMs, undefined, {signal}).catch(() => undefined);
  }
}

function describeFailure(error: unknown): {code: string | null; message: string} {
  const problem = error instanceof ProblemsError ? error.problems[0] : error;
  if (!(problem instanceof DaedalusError)) return {code: null, message: error instanceof Error ? error.message : String(error)};
  const {code} = problem.facts;
  return {code: problem.code === "run-failed" && typeof code === "string" ? code : problem.code, message: problem.message};
}
