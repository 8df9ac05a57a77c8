/** A run as a child process of its own: what ends it, memory or a native crash, ends nothing else. */
import {spawn} from "node:child_process";
import {createInterface} from "node:readline";
import {DaedalusError} from "../../errors.js";
import type {LogLevel} from "./run-log.js";
import type {RunnerName} from "./run-names.js";
import type {RunRequest} from "./run-record.js";
import {runnerArguments} from "./runner-arguments.js";
import {classifyLine, trainArguments} from "./train-arguments.js";

/** A training run stops at its next clean point; one that cannot is ended. Jobs elsewhere take longer to stop. */
const graceMs: Readonly<Record<RunnerName, number>> = {local: 15_000, ray: 60_000, dagster: 60_000};

export interface TrainEffects {
  /** Aborted when the run is cancelled: the work ends, wherever it is. */
  readonly signal: AbortSignal;
  readonly log: (text: string, level?: LogLevel) => void;
  /** Days -> the job elsewhere that makes them, kept in the run's record. */
  readonly note: (facts: Readonly<Record<string, string>>) => void;
  readonly environment: NodeJS.ProcessEnv;
  /** The folder of the project. */
  readonly directory: string;
  /** The script of our own command line. */
  readonly cliPath: string;
}

/**
 * Returns when every day of the request is published. Where days are computed elsewhere, the process starts, follows and stops the jobs there.
 * @throws DaedalusError `run-failed` when a day is not made, `interrupted` when the signal ended it
 */
export async function runTrainProcess(request: RunRequest, {signal, log, note, environment, directory, cliPath}: TrainEffects): Promise<void> {
  const child = spawn(process.execPath, [cliPath, ...trainArguments(request), ...runnerArguments(request)], {
    cwd: directory,
    env: {...environment, NO_COLOR: "1"},
    stdio: ["ignore", "pipe", "pipe"],
  });
  let found: ReturnType<typeof classifyLine> | undefined;
  createInterface({input: child.stdout}).on("line", (line) => log(line));
  createInterface({input: child.stderr}).on("line", (line) => {
    const said = classifyLine(line);
    if (said.level === "error") found ??= said;
    log(line, said.level);
    const [, days, job] = /^([\d.-]+) \| (?:job|Dagster run) (\S+)$/.exec(line) ?? [];
    if (days !== undefined && job !== undefined) note({[days]: job});
  });
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGTERM");
    killing = setTimeout(() => child.kill("SIGKILL"), graceMs[request.runner]);
  };
  signal.addEventListener("abort", stop, {once: true});
  if (signal.aborted) stop();
  try {
    const {exitCode, endedBy} = await new Promise<{exitCode: number | null; endedBy: string | null}>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, by) => resolve({exitCode: code, endedBy: by}));
    });
    if (exitCode === 0) return;
    if (signal.aborted) throw DaedalusError.of("interrupted", {});
    const reason = found?.message ?? (endedBy === null ? `exit code ${exitCode}` : `its process was ended by ${endedBy}`);
    throw DaedalusError.of("run-failed", {reason, code: found?.code});
  } finally {
    clearTimeout(killing);
    signal.removeEventListener("abort", stop);
  }
}
