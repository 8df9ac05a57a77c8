/** Days as runs of a Dagster job, which daedalus_dagster makes from the same project: launched, followed and ended through GraphQL. */
import {randomBytes} from "node:crypto";
import {setTimeout as sleep} from "node:timers/promises";
import {DaedalusError} from "../errors.js";
import {DagsterGraphql, type DagsterEvent, type DagsterJob} from "./dagster-graphql.js";
import {findErrorMessage, runWindow, type RemoteEffects, type RemoteRequest, type RemoteRunner} from "./remote-run.js";

export interface DagsterOptions {
  readonly url: string;
  /** Undefined: the one location that has the job. */
  readonly location: string | undefined;
  /** Undefined: `SERVICE_job`. */
  readonly job: string | undefined;
}

const pollMs = 500;
const stopMs = 60_000;
/** Calls that fail in a row before Dagster counts as gone: a server that restarts is away for a while. */
const callsMax = 20;
/** Dagster has a queue of its own; more only fill it. */
const daysInFlightDefault = 4;
const runTag = "daedalus/run";

export function dagsterRunner(options: DagsterOptions): RemoteRunner {
  return async (request, effects) => {
    if (request.stages !== "both") throw DaedalusError.of("keys-conflict", {keys: [`--${request.stages}-only`, "--runner dagster"], reason: "its job makes both stages of a day"});
    const dagster = new DagsterGraphql(options.url, effects.environment["DAEDALUS_DAGSTER_TOKEN"] || undefined);
    const job = await findJob(dagster, request.service, options);
    const run: DagsterRun = {request, effects, dagster, job, prefix: randomBytes(8).toString("hex")};
    await runWindow(request.dayGroups, request.daysInFlight ?? daysInFlightDefault, effects.signal, (day) => runDay(run, day));
  };
}

interface DagsterRun {
  readonly request: RemoteRequest;
  readonly effects: RemoteEffects;
  readonly dagster: DagsterGraphql;
  readonly job: DagsterJob;
  /** Tells the Dagster runs of this run from all others. */
  readonly prefix: string;
}

async function findJob(dagster: DagsterGraphql, service: string, {location, job: wanted}: DagsterOptions): Promise<DagsterJob> {
  const name = wanted ?? `${service}_job`;
  const jobs = await dagster.listJobs();
  const found = jobs.filter((job) => job.name === name && (location === undefined || job.location === location));
  if (found.length === 1) return found[0]!;
  const known = jobs.filter((job) => !job.name.startsWith("__")).map((job) => `${job.location}/${job.name}`);
  throw DaedalusError.of("dagster-job", {url: dagster.url, job: name, locations: found.map((job) => job.location), known});
}

async function runDay(run: DagsterRun, day: string): Promise<void> {
  const {dagster, effects, job, prefix, request} = run;
  const flags = {project_flags: request.projectFlags, train_flags: request.trainFlags};
  const tag = `${prefix}-${day}`;
  const id = await persist(run, async () => {
    // The answer to an earlier call may have been lost, not the call.
    const earlier = await dagster.findTagged(runTag, tag);
    return earlier ?? (await dagster.launch({job, day, runConfig: {ops: {[request.service]: {config: flags}}}, tags: {[runTag]: tag}}));
  });
  effects.log(`${day} | Dagster run ${id}`);
  const {status, error} = await followRun(run, day, id);
  if (effects.signal.aborted || status === "SUCCESS") return;
  const reason = error ?? `Dagster says ${status}`;
  throw DaedalusError.of("remote-day-failed", {day, where: `run ${id} of Dagster at ${dagster.url}`, reason, attempts: 1});
}

/** Follows a Dagster run to its end, or ends it when our run is to end. */
async function followRun(run: DagsterRun, day: string, id: string): Promise<{status: string; error: string | undefined}> {
  const {dagster, effects} = run;
  let cursor: string | undefined;
  let error: string | undefined;
  let stopBy: number | undefined;
  for (;;) {
    // The status comes first: what is said before the end is in the log by then.
    const status = await persist(run, () => dagster.readStatus(id));
    for (let hasMore = true; hasMore; ) {
      const after = cursor;
      const page = await persist(run, () => dagster.readLogs(id, after));
      for (const line of page.events.flatMap(describeEvent)) {
        effects.log(`${day} | ${line}`);
        error ??= findErrorMessage(line);
      }
      cursor = page.cursor;
      hasMore = page.hasMore;
    }
    if (status === "SUCCESS" || status === "FAILURE" || status === "CANCELED") return {status, error};
    if (effects.signal.aborted) {
      if (stopBy === undefined) await persist(run, () => dagster.terminate(id));
      stopBy ??= Date.now() + stopMs;
      if (Date.now() > stopBy) {
        effects.log(`${day} | Dagster run ${id} has not ended yet: end it there`);
        return {status, error};
      }
    }
    await sleep(pollMs, undefined, {signal: stopBy === undefined ? effects.signal : undefined}).catch(() => undefined);
  }
}

/** What our steps said, which steps there were, and which checks failed; the rest is Dagster's own bookkeeping. */
function describeEvent({__typename: kind, message, stepKey, evaluation}: DagsterEvent): string[] {
  const text = (message ?? "").trim();
  switch (kind) {
    case "LogMessageEvent":
      return text === "" || text.startsWith("[pipes]") ? [] : text.split("\n");
    case "ExecutionStepStartEvent":
      return [`${stepKey ?? "step"} started`];
    case "ExecutionStepFailureEvent":
      return [`${stepKey ?? "step"} failed`];
    case "AssetCheckEvaluationEvent":
      return evaluation && !evaluation.success ? [`asset check ${evaluation.checkName} did not pass (${evaluation.severity})`] : [];
    case "RunFailureEvent":
    case "RunCanceledEvent":
      return text === "" ? [] : [text.split("\n")[0]!];
    default:
      return [];
  }
}

/** Goes on through a server that is away for a moment. */
async function persist<T>({effects}: DagsterRun, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const isAway = error instanceof DaedalusError && error.code === "dagster-unreachable";
      if (!isAway || attempt === callsMax || effects.signal.aborted) throw error;
      await sleep(1_000, undefined, {signal: effects.signal}).catch(() => undefined);
    }
  }
}
