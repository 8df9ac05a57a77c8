/** The command line and its settings, runs, and runs on other machines. */
import {didYouMean, type WordingTable} from "./wording.js";

export const platformWordings = {
  "toml-broken": (p: {reason: string}) => ({text: `the TOML is broken: ${p.reason}`}),
  "file-exists": (p: {path: string; what: string; hint: string}) => ({text: `${p.what} is already there: ${p.path}`, hint: p.hint}),
  "file-unwritable": (p: {path: string; reason: string}) => ({text: `cannot write ${p.path}: ${p.reason}`}),
  "folder-foreign": (p: {path: string; what: string}) => ({
    text: `${p.path} holds something else than ${p.what}, so nothing was written`,
    hint: "name a folder that is empty or does not exist yet",
  }),
  "method-unknown": (p: {method: string; nearest?: string | undefined}) => ({
    text: `there is no method "${p.method}"`,
    hint: didYouMean(p.nearest) ?? "`rpc.discover` describes them all",
  }),
  "path-outside": (p: {key: string; path: string}) => ({
    text: `"${p.key}" leaves the project: ${p.path}`,
    hint: "a server reads and writes within the project's folder and its output_root alone, and takes no ..",
  }),
  "ray-unreachable": (p: {address: string; reason: string}) => ({
    text: `Ray does not answer at ${p.address}: ${p.reason}`,
    hint: "name the address of its dashboard with --ray-address; days that are finished are kept",
  }),
  "ray-refused": (p: {address: string; reason: string}) => ({text: `Ray at ${p.address} cannot do this: ${p.reason}`}),
  "ray-too-small": (p: {address: string; cpus: number; memoryGib: number; nodes: readonly string[]}) => ({
    text: `no node of the Ray cluster at ${p.address} has ${p.cpus} CPUs and ${p.memoryGib.toFixed(1)} GiB`,
    hint: `its nodes have ${p.nodes.join("; ")}: ask for less with --ray-num-cpus and --ray-memory`,
  }),
  "dagster-unreachable": (p: {url: string; reason: string}) => ({
    text: `Dagster does not answer at ${p.url}: ${p.reason}`,
    hint: "set dagster_graphql_url with `daeda config set`, or name it with --dagster-url; days that are finished are kept",
  }),
  "dagster-refused": (p: {url: string; reason: string}) => ({text: `Dagster at ${p.url} cannot do this: ${p.reason}`}),
  "dagster-job": (p: {url: string; job: string; locations: readonly string[]; known: readonly string[]}) => ({
    text: p.locations.length > 0 ? `several code locations of Dagster at ${p.url} have a job "${p.job}": ${p.locations.join(", ")}` : `Dagster at ${p.url} has no job "${p.job}"`,
    hint: p.locations.length > 0 ? "name one with --dagster-location" : `its jobs are ${p.known.length > 0 ? p.known.join(", ") : "none: a code location that does not load has none"}`,
  }),
  "option-reserved": (p: {key: string; variable: string}) => ({
    text: `${p.key} cannot be set by who calls a server`,
    hint: `it is set where the server runs, by the environment variable ${p.variable}`,
  }),
  "remote-day-failed": (p: {day: string; where: string; reason: string; attempts: number}) => ({
    text: `${p.day} was not made by ${p.where}${p.attempts > 1 ? `, nor by ${p.attempts - 1} before` : ""}: ${p.reason}`,
    hint: "finished days are kept; run the same command again to go on",
  }),
  "run-unknown": (p: {run: string}) => ({text: `there is no run "${p.run}"`, hint: "`daeda runs list` names them all"}),
  "run-finished": (p: {run: string; status: string}) => ({text: `run ${p.run} has ${p.status === "cancelled" ? "been cancelled" : p.status} already`}),
  "run-failed": (p: {reason: string; code?: string | undefined}) => ({text: p.reason, hint: "the run's log has the rest: daeda runs logs RUN"}),
  "run-lost": (p: {pid: number}) => ({
    text: `the run's process ${p.pid} ended without a word`,
    hint: "it was killed, or its machine went down; finished days are kept, so start it again",
  }),
  "queue-full": (p: {limit: number}) => ({text: `${p.limit} runs are waiting already, and no more may`, hint: "wait for some to end, cancel some, or raise DAEDALUS_QUEUE_MAX"}),
  "idempotency-conflict": (p: {run: string}) => ({
    text: `run ${p.run} was asked for with the same idempotency key, for something else`,
    hint: "use a new key for a new run",
  }),
  interrupted: (_p: Record<string, never>) => ({text: "interrupted", hint: "finished days are kept; run the same command again to go on"}),
} as const satisfies WordingTable;
