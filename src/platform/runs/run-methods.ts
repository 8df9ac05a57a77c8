/** Runs as every face shows them: what is asked for is checked before it waits in the queue. */
import {parseDay} from "../../pipeline/day.js";
import {rangeOf} from "../../pipeline/days.js";
import {DaedalusError} from "../../errors.js";
import {getService} from "../catalog.js";
import type {MethodContext} from "../context.js";
import type {ListRunsParams, MaterializeParams, RunAnswer, RunLogPage, RunLogsParams, RunPage, RunParams, StartedRun} from "../schemas/run-schemas.js";
import {readLog, readLogTail} from "./run-log.js";
import {isFinished, type RunRecord, type RunRequest} from "./run-record.js";
import {runnerArguments} from "./runner-arguments.js";

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
  runnerArguments(request);
  if (request.runner === "dagster" && request.skeleton_only) throw DaedalusError.of("keys-conflict", {keys: ["skeleton_only", "runner"], reason: "Dagster's job makes both stages of a day"});
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
    const run = runs.store.findReadable(id);
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
