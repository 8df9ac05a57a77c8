/**
 * Days on a Ray cluster: a job for a day or a few, which is our own command line on a node that sees the project. Ray counts the time a job waits
 * for CPUs as time to start, and fails it after some minutes; so the days in flight are bounded here, by what the cluster can hold.
 */
import {randomBytes} from "node:crypto";
import {setTimeout as sleep} from "node:timers/promises";
import {DaedalusError} from "../errors.js";
import {RayJobs, type RayJob, type RayNode} from "./ray-jobs.js";
import {findErrorMessage, runWindow, stageFlags, type RemoteEffects, type RemoteRequest, type RemoteRunner} from "./remote-run.js";

export interface RayOptions {
  readonly address: string;
  /** Days that a job makes, one after another. */
  readonly daysPerJob: number;
  /** What one job takes. */
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The folder of the project as the nodes see it. */
  readonly directory: string;
  /** How a node's shell calls our command line. */
  readonly command: string;
  /** Passed on to Ray as it is. */
  readonly runtimeEnv: Readonly<Record<string, unknown>>;
}

const attemptsMax = 3;
const pollMs = 500;
const stopMs = 30_000;
/** A head tells of its nodes some seconds after its dashboard answers, many on a machine that is busy. */
const nodesMs = 60_000;
/** Calls that fail in a row before a cluster counts as gone: a head that restarts is away for a while. */
const callsMax = 20;
const daysInFlightMax = 256;

export function rayRunner(options: RayOptions): RemoteRunner {
  return async (request, effects) => {
    const jobs = new RayJobs(options.address, effects.environment["RAY_AUTH_TOKEN"] || undefined);
    const capacity = countPlaces(await waitForNodes(jobs, effects), options);
    const run: RayRun = {options, request, effects, jobs, prefix: `daeda-${randomBytes(4).toString("hex")}`};
    const blocks = request.dayGroups.map((days) => cutBlocks(days, options.daysPerJob));
    await runWindow(blocks, request.daysInFlight ?? Math.min(capacity, daysInFlightMax), effects.signal, (block) => runBlock(run, block));
  };
}

/** Days that lie between those of a block are current, so that a job over the whole range leaves them alone. */
function cutBlocks(days: readonly string[], length: number): readonly (readonly string[])[] {
  return Array.from({length: Math.ceil(days.length / length)}, (_, index) => days.slice(index * length, (index + 1) * length));
}

interface RayRun {
  readonly options: RayOptions;
  readonly request: RemoteRequest;
  readonly effects: RemoteEffects;
  readonly jobs: RayJobs;
  /** Tells the jobs of this run from all others. */
  readonly prefix: string;
}

async function waitForNodes(jobs: RayJobs, effects: RemoteEffects): Promise<readonly RayNode[]> {
  for (let attempt = 1; ; attempt += 1) {
    // An address where nothing answers yet is rather a wrong one.
    const nodes = await persist(effects, () => jobs.readNodes(), ["ray-unready"]);
    if (nodes.length > 0) return nodes;
    if (effects.signal.aborted) throw DaedalusError.of("interrupted", {});
    if (attempt * pollMs >= nodesMs) throw DaedalusError.of("ray-unready", {address: jobs.address, reason: `the cluster has had no nodes for ${nodesMs / 1_000} s`});
    if (attempt === 1) effects.log(`waiting for the nodes of the Ray cluster at ${jobs.address}`);
    await sleep(pollMs, undefined, {signal: effects.signal}).catch(() => undefined);
  }
}

/** How many days fit into the cluster at the same time. A day that fits no node would wait there for ever, so it is refused here. */
function countPlaces(nodes: readonly RayNode[], {cpus, memoryBytes, address}: RayOptions): number {
  const places = nodes.map((node) => Math.floor(Math.min(node.cpus / cpus, memoryBytes === 0 ? Infinity : node.memoryBytes / memoryBytes)));
  const count = places.reduce((sum, fitting) => sum + fitting, 0);
  if (count > 0) return count;
  const largest = nodes.map((node) => `${node.cpus} CPUs and ${(node.memoryBytes / 2 ** 30).toFixed(1)} GiB`);
  throw DaedalusError.of("ray-too-small", {address, cpus, memoryGib: memoryBytes / 2 ** 30, nodes: [...new Set(largest)]});
}

async function runBlock(run: RayRun, days: readonly string[]): Promise<void> {
  const {jobs, request, options, effects, prefix} = run;
  const {env_vars: variables, ...runtimeEnv} = options.runtimeEnv;
  const [first, last] = [days[0]!, days.at(-1)!];
  const day = first === last ? first : `${first}..${last}`;
  for (let attempt = 1; ; attempt += 1) {
    const id = `${prefix}-${day}-${attempt}`;
    const submission = {
      id,
      entrypoint: renderEntrypoint(request, options, first === last ? ["--target-date", first] : ["--from-date", first, "--to-date", last]),
      cpus: options.cpus,
      memoryBytes: options.memoryBytes,
      // An attempt begins only when Ray says that the one before has ended, so it may take over that one's lock.
      runtimeEnv: {...runtimeEnv, env_vars: {...(variables as object | undefined), NO_COLOR: "1", DAEDALUS_JOB: `${prefix}-${day}`}},
      metadata: {service: request.service, day},
    };
    await persist(effects, () => jobs.submit(submission));
    effects.log(`${day} | job ${id}`);
    const {job, error} = await followJob(run, day, id);
    if (effects.signal.aborted) return;
    if (job?.status === "SUCCEEDED") return;
    const reason = error ?? describeEnd(job);
    if (!isLost(job) || attempt === attemptsMax) throw DaedalusError.of("remote-day-failed", {day, where: `job ${id} at ${options.address}`, reason, attempts: attempt});
    effects.log(`${day} | lost, and begun again: ${reason}`);
  }
}

/** Follows a job to its end, or stops it when the run is to end. */
async function followJob(run: RayRun, day: string, id: string): Promise<{job: RayJob | undefined; error: string | undefined}> {
  const {jobs, effects} = run;
  let seen = 0;
  let error: string | undefined;
  let stopBy: number | undefined;
  for (;;) {
    const job = await persist(effects, () => jobs.find(id));
    const isEnded = job === undefined || job.status === "SUCCEEDED" || job.status === "FAILED" || job.status === "STOPPED";
    const text = job === undefined ? "" : await persist(effects, () => jobs.readLogs(id));
    const end = isEnded ? text.length : text.lastIndexOf("\n") + 1;
    for (const line of text.slice(seen, end).split("\n").filter((part) => part.trim() !== "")) {
      effects.log(`${day} | ${line}`);
      error ??= findErrorMessage(line);
    }
    seen = Math.max(seen, end);
    if (isEnded) return {job, error};
    if (effects.signal.aborted) {
      if (stopBy === undefined) await persist(effects, () => jobs.stop(id));
      stopBy ??= Date.now() + stopMs;
      if (Date.now() > stopBy) {
        effects.log(`${day} | job ${id} has not stopped yet; Ray ends it when it gets a place`);
        return {job, error};
      }
    }
    await sleep(pollMs, undefined, {signal: stopBy === undefined ? effects.signal : undefined}).catch(() => undefined);
  }
}

/** Ray's message ends with the last line of a log, or of a traceback. */
function describeEnd(job: RayJob | undefined): string {
  if (job === undefined) return "the cluster no longer knows the job";
  const code = job.driver_exit_code ?? 0;
  if (code < 0) return `signal ${-code} ended its process${code === -9 ? ", as where memory runs out" : ""}`;
  return job.message?.trim().split("\n").at(-1)?.trim() ?? job.status;
}

/** Not a failure of the day itself, but of the machine that it ran on. Our command line ends with 1 to 3, a shell with up to 127. */
function isLost(job: RayJob | undefined): boolean {
  if (job === undefined) return true;
  if (job.status === "STOPPED") return false;
  const code = job.driver_exit_code ?? undefined;
  if (code !== undefined && code >= 1 && code <= 127) return false;
  return job.error_type !== "RUNTIME_ENV_SETUP_FAILURE" && job.error_type !== "JOB_ENTRYPOINT_COMMAND_START_ERROR";
}

/** Goes on through a head that is away for a moment, or busy. */
async function persist<T>(effects: RemoteEffects, call: () => Promise<T>, passing = ["ray-unreachable", "ray-unready"]): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const isPassing = error instanceof DaedalusError && passing.includes(error.code);
      if (!isPassing || attempt === callsMax || effects.signal.aborted) throw error;
      await sleep(1_000, undefined, {signal: effects.signal}).catch(() => undefined);
    }
  }
}

function renderEntrypoint({service, stages, trainFlags, projectFlags}: RemoteRequest, {directory, command}: RayOptions, dayFlags: readonly string[]): string {
  const words = ["pipeline", "train", service, ...dayFlags, ...stageFlags[stages], ...trainFlags, ...projectFlags];
  return `cd ${quoteWord(directory)} && exec ${command} ${words.map(quoteWord).join(" ")}`;
}

const quoteWord = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
