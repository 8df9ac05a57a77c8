/** Runs as every face shows them: what is asked for is checked before it waits in the queue. */
import {parseDay} from "../../pipeline/day.js";
import {rangeOf} from "../../pipeline/days.js";
import {DaedalusError} from "../../errors.js";
import {getService} from "../catalog.js";
import type {MethodContext} from "../context.js";
import {readLog, readLogTail, type LogLine} from "./run-log.js";
import type {RunnerName, RunStatus} from "./run-names.js";
import {isFinished, type RunRecord, type RunRequest} from "./run-record.js";

export interface MaterializeParams {
  /** Default: the settings' `default_service`. */
  readonly service?: string | undefined;
  /** One day, `YYYY-MM-DD`; this or `range`. */
  readonly partition?: string | undefined;
  /** Both days inclusive. */
  readonly range?: {readonly first: string; readonly last: string} | undefined;
  readonly force?: boolean | undefined;
  readonly skeleton_only?: boolean | undefined;
  readonly output_root?: string | undefined;
  readonly engine?: string | undefined;
  readonly runner?: RunnerName | undefined;
  readonly runner_options?: Readonly<Record<string, string>> | undefined;
  readonly idempotency_key?: string | undefined;
}

export interface StartedRun {
  readonly run_id: string;
  readonly status: RunStatus;
}

export interface RunParams {
  readonly run_id: string;
}

export interface RunAnswer extends Omit<RunRecord, "request" | "process_started"> {
  readonly service: string;
  readonly first_day: string;
  readonly last_day: string;
  readonly force: boolean;
  readonly skeleton_only: boolean;
  readonly runner: RunnerName;
  readonly runner_options: Readonly<Record<string, string>>;
}

export interface ListRunsParams {
  readonly service?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface RunPage {
  readonly runs: readonly RunAnswer[];
  readonly next_cursor: string | null;
}

export interface RunLogsParams extends RunParams {
  /** The last so many lines; without it, from `cursor` or the beginning. */
  readonly tail?: number | undefined;
  readonly cursor?: number | undefined;
  readonly limit?: number | undefined;
}

export interface RunLogPage {
  readonly run_id: string;
  readonly status: RunStatus;
  readonly lines: readonly LogLine[];
  /** Where to read on. */
  readonly next_cursor: number;
  /** The run has ended and its last line is among these. */
  readonly is_complete: boolean;
}

const runsPageDefault = 50;
const linesPageDefault = 1000;

export async function materializePartition(params: MaterializeParams, context: MethodContext): Promise<StartedRun> {
  const {partition, range, force, skeleton_only, output_root, engine, runner, runner_options, idempotency_key} = params;
  const service = getService(context.loadProject(), params.service, context.settings);
  if (partition === undefined && range === undefined) throw DaedalusError.of("key-missing", {key: "partition", what: "a run"});
  if (partition !== undefined && range !== undefined) {
    throw DaedalusError.of("keys-conflict", {keys: ["partition", "range"], reason: "a run makes one day or the days of a range"});
  }
  if (partition !== undefined && parseDay(partition) === undefined) throw DaedalusError.of("day-wrong", {day: partition});
  const days = range ?? {first: partition!, last: partition!};
  rangeOf({firstDay: days.first, lastDay: days.last});
  const request: RunRequest = {
    service: service.name,
    first_day: days.first,
    last_day: days.last,
    force: force ?? false,
    skeleton_only: skeleton_only ?? false,
    output_root: output_root ?? null,
    engine: engine ?? null,
    runner: runner ?? "local",
    runner_options: {...runner_options},
    project_flags: context.projectFlags,
  };
  const run = await context.runs.submit({request, requestedBy: context.caller, idempotencyKey: idempotency_key});
  return {run_id: run.run_id, status: run.status};
}

export async function getRun({run_id}: RunParams, {runs}: MethodContext): Promise<RunAnswer> {
  return describeRun(await runs.look(run_id));
}

export async function cancelRun({run_id}: RunParams, {runs}: MethodContext): Promise<RunAnswer> {
  return describeRun(await runs.cancel(run_id));
}

/** Newest first. */
export async function listRuns({service, status, limit = runsPageDefault, cursor}: ListRunsParams, {runs}: MethodContext): Promise<RunPage> {
  await runs.advance();
  const found: RunAnswer[] = [];
  for (const id of runs.store.ids()) {
    if (cursor !== undefined && id >= cursor) continue;
    const run = runs.store.find(id);
    if (!run || (service !== undefined && run.request.service !== service) || (status !== undefined && run.status !== status)) continue;
    if (found.length === limit) return {runs: found, next_cursor: found.at(-1)!.run_id};
    found.push(describeRun(run));
  }
  return {runs: found, next_cursor: null};
}

export async function readRunLogs({run_id, tail, cursor = 0, limit = linesPageDefault}: RunLogsParams, {runs}: MethodContext): Promise<RunLogPage> {
  // The state comes first: what a run says before it ends is in the log when its record says that it ended.
  const run = await runs.look(run_id);
  const path = runs.store.logPath(run_id);
  const page = tail === undefined ? readLog(path, {cursor, limit}) : readLogTail(path, tail);
  const isComplete = isFinished(run) && (tail !== undefined || page.lines.length < limit);
  return {run_id, status: run.status, lines: page.lines, next_cursor: page.cursor, is_complete: isComplete};
}

function describeRun({request, process_started: _, ...run}: RunRecord): RunAnswer {
  const {service, first_day, last_day, force, skeleton_only, runner, runner_options} = request;
  return {...run, service, first_day, last_day, force, skeleton_only, runner, runner_options};
}
