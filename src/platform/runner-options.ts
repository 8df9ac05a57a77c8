/** What runners on other machines are told besides the days: as flags of `pipeline train`, and as `runner_options` of a run. Never a secret. */
import type {RunnerName} from "./runs/run-names.js";

export interface RunnerOption {
  /** With its argument: `--ray-num-cpus <count>`. */
  readonly flags: string;
  readonly description: string;
  readonly fallback?: string;
  /** The environment variable that gives it. Who calls a server may not say it: it decides where commands run and tokens go. */
  readonly variable?: string;
  /** Completes "it must be". */
  readonly expected: string;
  isRight(text: string): boolean;
}

const text = {expected: "a text", isRight: (value: string) => value.trim() !== ""};
const address = (tokenVariable: string) => ({expected: `an http or https address without credentials: a token is read from ${tokenVariable}`, isRight: isAddress});
const count = {expected: "a whole number above 0", isRight: (value: string) => /^[1-9]\d{0,3}$/.test(value)};

const units: Readonly<Record<string, number>> = {"": 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40};
const memoryPattern = /^(\d{1,15})([KMGT]i?B)?$/i;

/** `64GiB` -> bytes; of a text that `isRight` has passed. */
export function parseMemory(value: string): number {
  const [, digits = "0", unit = ""] = memoryPattern.exec(value) ?? [];
  return Number(digits) * units[unit.toUpperCase()]!;
}

const rayOptions = {
  address: {flags: "--ray-address <url>", variable: "DAEDALUS_RAY_ADDRESS", description: "the dashboard of the Ray cluster", fallback: "http://127.0.0.1:8265", ...address("RAY_AUTH_TOKEN")},
  num_cpus: {
    flags: "--ray-num-cpus <count>",
    description: "CPUs that a job takes on the cluster",
    fallback: "1",
    expected: "a number above 0",
    isRight: (value: string) => /^\d{1,4}(\.\d{1,2})?$/.test(value) && Number(value) > 0,
  },
  memory: {
    flags: "--ray-memory <size>",
    description: "memory that a job takes, such as 64GiB; default: not counted",
    expected: "a whole number of bytes or of KiB, MiB, GiB, TiB, KB, MB, GB, TB",
    isRight: (value: string) => memoryPattern.test(value),
  },
  directory: {flags: "--ray-directory <folder>", variable: "DAEDALUS_RAY_DIRECTORY", description: "the project's folder as the nodes see it; default: the same as here", ...text},
  command: {flags: "--ray-command <words>", variable: "DAEDALUS_RAY_COMMAND", description: "how a node's shell calls daeda", fallback: "daeda", ...text},
  runtime_env: {flags: "--ray-runtime-env <file>", variable: "DAEDALUS_RAY_RUNTIME_ENV", description: "a YAML or JSON file that Ray gets as runtime_env", ...text},
  days_per_job: {flags: "--ray-days-per-job <count>", description: "days that a job makes, one after another", fallback: "1", ...count},
} as const satisfies Readonly<Record<string, RunnerOption>>;

const dagsterOptions = {
  url: {flags: "--dagster-url <url>", variable: "DAEDALUS_DAGSTER_URL", description: "Dagster's GraphQL; default: dagster_graphql_url of the settings", ...address("DAEDALUS_DAGSTER_TOKEN")},
  location: {flags: "--dagster-location <name>", variable: "DAEDALUS_DAGSTER_LOCATION", description: "the code location; default: the one that has the job", ...text},
  job: {flags: "--dagster-job <name>", variable: "DAEDALUS_DAGSTER_JOB", description: "the job; default: SERVICE_job", ...text},
} as const satisfies Readonly<Record<string, RunnerOption>>;

export const runnerOptions = {local: {}, ray: rayOptions, dagster: dagsterOptions} as const satisfies Readonly<Record<RunnerName, Readonly<Record<string, RunnerOption>>>>;

/** Days at the same time: of every runner, and a flag of its own. */
const dayWorkers: RunnerOption = {flags: "--day-workers <count>", description: "days at the same time", ...count};

export const optionsOf = (runner: RunnerName): Readonly<Record<string, RunnerOption>> => ({...runnerOptions[runner], day_workers: dayWorkers});

function isAddress(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return (url?.protocol === "http:" || url?.protocol === "https:") && url.username === "" && url.password === "";
}
