/** Flags that say which machines do the work of a training run. */
import {InvalidArgumentError, Option, type Command} from "commander";
import type {RemoteRunner} from "../remote-run.js";
import {parseMemory, runnerOptions, type RunnerOption} from "../runner-options.js";
import {runnerNames, type RunnerName} from "../runs/run-names.js";
import type {Terminal} from "../terminal.js";

export interface RunnerFlags {
  readonly runner: RunnerName;
  readonly rayAddress: string;
  readonly rayNumCpus: string;
  readonly rayMemory?: string;
  readonly rayDirectory?: string;
  readonly rayCommand: string;
  readonly rayRuntimeEnv?: string;
  readonly rayDaysPerJob: string;
  readonly dagsterUrl?: string;
  readonly dagsterLocation?: string;
  readonly dagsterJob?: string;
}

export function addRunnerFlags(command: Command): void {
  command.addOption(new Option("--runner <name>", "who computes the days").choices(runnerNames).default("local"));
  for (const option of [...Object.values<RunnerOption>(runnerOptions.ray), ...Object.values<RunnerOption>(runnerOptions.dagster)]) {
    const flag = new Option(option.flags, option.description).argParser((text) => {
      if (!option.isRight(text)) throw new InvalidArgumentError(`It must be ${option.expected}.`);
      return text;
    });
    if (option.fallback !== undefined) flag.default(option.fallback);
    command.addOption(option.variable === undefined ? flag : flag.env(option.variable));
  }
}

/** Undefined where the work is done here. */
export async function findRemoteRunner(flags: RunnerFlags, terminal: Terminal): Promise<RemoteRunner | undefined> {
  if (flags.runner === "local") return undefined;
  if (flags.runner === "dagster") {
    const [{dagsterRunner}, {readSettings, settingsPath}] = await Promise.all([import("../dagster-runner.js"), import("../settings.js")]);
    const url = flags.dagsterUrl ?? readSettings(settingsPath(terminal.env)).values.dagster_graphql_url;
    return dagsterRunner({url, location: flags.dagsterLocation, job: flags.dagsterJob});
  }
  const [{rayRunner}, {readRuntimeEnv}] = await Promise.all([import("../ray-runner.js"), import("../ray-runtime-env.js")]);
  return rayRunner({
    address: flags.rayAddress.replace(/\/$/, ""),
    cpus: Number(flags.rayNumCpus),
    memoryBytes: parseMemory(flags.rayMemory ?? "0"),
    directory: flags.rayDirectory ?? terminal.directory,
    command: flags.rayCommand,
    runtimeEnv: flags.rayRuntimeEnv === undefined ? {} : readRuntimeEnv(flags.rayRuntimeEnv, terminal.directory),
    daysPerJob: Number(flags.rayDaysPerJob),
  });
}
