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
  "json-broken": (_p: Record<string, never>) => ({text: "the request is not JSON"}),
  "request-broken": (p: {reason: string}) => ({text: `the request is no JSON-RPC 2.0: ${p.reason}`}),
  "request-refused": (p: {reason: string}) => ({text: `the request cannot be taken: ${p.reason}`}),
  "server-busy": (p: {what: string; limit: number}) => ({text: `the server has as many ${p.what} as it takes: ${p.limit}`, hint: "call again in a moment"}),
  "call-timeout": (p: {seconds: number}) => ({
    text: `the call took longer than ${p.seconds} s and was given up`,
    hint: "ask for less at once, start a run instead, or let the server wait longer with --call-seconds",
  }),
  "call-aborted": (_p: Record<string, never>) => ({text: "the caller has gone, or the server stops"}),
  "listen-failed": (p: {host: string; port: number; reason: string}) => ({text: `cannot listen on ${p.host}:${p.port}: ${p.reason}`, hint: "name another one with --host and --port; port 0 takes a free one"}),
  "host-refused": (p: {host: string}) => ({text: `this server does not go by the name "${p.host}"`, hint: "start it with --allow-host NAME to let it"}),
  "origin-refused": (p: {origin: string}) => ({text: `pages of ${p.origin} may not call this server`, hint: "start it with --allow-origin ORIGIN to let them"}),
  "scope-missing": (p: {method: string; scope: string; granted: string}) => ({
    text: `${p.method} needs the scope "${p.scope}", and this caller has "${p.granted}"`,
    hint: `use a token made with --scope ${p.scope}`,
  }),
  "token-missing": (_p: Record<string, never>) => ({text: "this server wants a token", hint: "send the header Authorization: Bearer TOKEN; `daeda token create` makes one"}),
  "token-wrong": (_p: Record<string, never>) => ({text: "the token is unknown, expired, or not meant for this server", hint: "`daeda token create` makes a new one"}),
  "token-exists": (p: {name: string}) => ({text: `there is a token named "${p.name}" already`, hint: "revoke it first, or use another name"}),
  "token-unknown": (p: {token: string}) => ({text: `there is no token "${p.token}"`, hint: "`daeda token list` names them all"}),
  "tokens-exposed": (p: {path: string}) => ({text: `others may read ${p.path}`, hint: `chmod 600 ${p.path}`}),
  "tokens-missing": (p: {host: string}) => ({
    text: `a server on ${p.host} is open to others, and nobody has a token`,
    hint: "make one with `daeda token create NAME`, or name an identity provider with --oidc-issuer",
  }),
  "keys-unreachable": (p: {jwks: string; reason: string}) => ({text: `the keys of the identity provider cannot be read from ${p.jwks}: ${p.reason}`}),
  "tool-unknown": (p: {tool: string; nearest?: string | undefined}) => ({
    text: `there is no tool "${p.tool}"`,
    hint: didYouMean(p.nearest) ?? "tools/list describes them all",
  }),
  "resource-unknown": (p: {uri: string}) => ({
    text: `there is no resource ${p.uri}`,
    hint: "the addresses are daedalus://views/NAME, daedalus://services/NAME and daedalus://manifests/SERVICE/DAY",
  }),
  "path-outside": (p: {key: string; path: string}) => ({
    text: `"${p.key}" leaves the project: ${p.path}`,
    hint: "a server reads and writes within the project's folder and its output_root alone, and takes no ..",
  }),
  "ray-unreachable": (p: {address: string; reason: string}) => ({
    text: `Ray does not answer at ${p.address}: ${p.reason}`,
    hint: "name the address of its dashboard with --ray-address; days that are finished are kept",
  }),
  "ray-unready": (p: {address: string; reason: string}) => ({
    text: `Ray at ${p.address} is not ready: ${p.reason}`,
    hint: "see the logs of its dashboard, or wait until it has started; days that are finished are kept",
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
