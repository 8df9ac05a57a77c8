/** Flags that say which machines do the work of a training run. */
import {InvalidArgumentError, Option, type Command} from "commander";
import type {RemoteRunner} from "../remote-run.js";

export interface RunnerFlags {
  readonly runner: "local" | "ray";
  readonly rayAddress: string;
  readonly rayNumCpus: number;
  readonly rayMemory: number;
  readonly rayDirectory?: string;
  readonly rayCommand: string;
  readonly rayRuntimeEnv?: string;
}

export function addRunnerFlags(command: Command): void {
  command
    .addOption(new Option("--runner <name>", "who computes the days").choices(["local", "ray"]).default("local"))
    .addOption(new Option("--ray-address <url>", "the dashboard of the Ray cluster").argParser(parseAddress).default("http://127.0.0.1:8265"))
    .addOption(new Option("--ray-num-cpus <count>", "CPUs that a day takes on the cluster").argParser(parseCpus).default(1))
    .addOption(new Option("--ray-memory <size>", "memory that a day takes, such as 64GiB").argParser(parseMemory).default(0, "unbounded"))
    .option("--ray-directory <folder>", "the project's folder as the nodes see it; default: the same as here")
    .option("--ray-command <words>", "how a node's shell calls daeda", "daeda")
    .option("--ray-runtime-env <file>", "a YAML or JSON file that Ray gets as runtime_env");
}

/** Undefined where the work is done here. */
export async function findRemoteRunner(flags: RunnerFlags, directory: string): Promise<RemoteRunner | undefined> {
  if (flags.runner === "local") return undefined;
  const [{rayRunner}, {readRuntimeEnv}] = await Promise.all([import("../ray-runner.js"), import("../ray-runtime-env.js")]);
  return rayRunner({
    address: flags.rayAddress,
    cpus: flags.rayNumCpus,
    memoryBytes: flags.rayMemory,
    directory: flags.rayDirectory ?? directory,
    command: flags.rayCommand,
    runtimeEnv: flags.rayRuntimeEnv === undefined ? {} : readRuntimeEnv(flags.rayRuntimeEnv, directory),
  });
}

function parseAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") throw new InvalidArgumentError("It must be an http or https address.");
  if (url.username !== "" || url.password !== "") throw new InvalidArgumentError("It must hold no credentials: a token is read from RAY_AUTH_TOKEN.");
  return url.href.replace(/\/$/, "");
}

function parseCpus(text: string): number {
  if (!/^\d{1,4}(\.\d{1,2})?$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("It must be a number above 0.");
  return Number(text);
}

const units: Readonly<Record<string, number>> = {"": 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40};

function parseMemory(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,15})([KMGT]i?B)?$/i.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("It must be a whole number of bytes or of KiB, MiB, GiB, TiB, KB, MB, GB, TB.");
  return Number(digits) * units[unit.toUpperCase()]!;
}
