/** Runs: asked for, looked at, ended. */
import {z} from "zod";
import {aggregationEngineNames} from "../../definitions/runtime-schema.js";
import {day, flag, mapping, oneOf} from "../../definitions/schema-parts.js";
import {runnerNames, runStatuses} from "../runs/run-names.js";
import {runRecordSchema, runRequestSchema} from "../runs/run-record.js";
import {nextCursor, optionalService, outputRoot, pageLimit, skeletonOnly, wholeNumber, word, type Immutable, type MethodSchema} from "./method-schema.js";

const runStatus = z.enum(runStatuses);
const runId = word.describe("The run's id.");
const runParams = mapping({run_id: runId});

export type RunParams = Immutable<z.infer<typeof runParams>>;

const materializeParams = mapping({
  service: optionalService,
  partition: day.optional().describe("One day, `YYYY-MM-DD`; this or `range`."),
  range: mapping({first: day, last: day}).optional().describe("The days from one to the other, both included."),
  force: flag.optional().describe("Redo days that are current."),
  skeleton_only: skeletonOnly,
  output_root: outputRoot,
  engine: oneOf(aggregationEngineNames).optional().describe("The aggregation engine, over `compute.engine`."),
  runner: oneOf(runnerNames).optional().describe("Who does the work; default: `local`."),
  runner_options: z.record(z.string(), word, {error: "a mapping of texts"}).optional().describe("What the runner needs besides, such as `num_cpus` and `memory` of a job on Ray, or `day_workers`; never a secret."),
  idempotency_key: word.optional().describe("Called again with the same key, it answers with the same run."),
});

export type MaterializeParams = Immutable<z.infer<typeof materializeParams>>;

const startedRun = z.strictObject({run_id: z.string(), status: runStatus});

export type StartedRun = Immutable<z.infer<typeof startedRun>>;

const {run_id, status, ...known} = runRecordSchema.omit({request: true, process_started: true}).shape;

/** A run's record, with what it was asked to do beside its status. */
const runAnswer = z.strictObject({run_id, status, ...runRequestSchema.omit({output_root: true, engine: true, project_flags: true}).shape, ...known});

export type RunAnswer = Immutable<z.infer<typeof runAnswer>>;

const listRunsParams = mapping({
  service: word.optional().describe("Runs of this service only."),
  status: oneOf(runStatuses).optional().describe("Runs with this status only."),
  limit: pageLimit.describe("How many at most; default: 50."),
  cursor: word.optional().describe("`next_cursor` of the page before."),
});

export type ListRunsParams = Immutable<z.infer<typeof listRunsParams>>;

const runPage = z.strictObject({runs: z.array(runAnswer), next_cursor: nextCursor});

export type RunPage = Immutable<z.infer<typeof runPage>>;

const runLogsParams = mapping({
  run_id: runId,
  tail: wholeNumber({min: 1, max: 9999}).optional().describe("The last so many lines; without it, from `cursor` or the beginning."),
  cursor: wholeNumber({min: 0, max: Number.MAX_SAFE_INTEGER}).optional().describe("`next_cursor` of the page before."),
  limit: wholeNumber({min: 1, max: 9999}).optional().describe("How many lines at most; default: 1000."),
});

export type RunLogsParams = Immutable<z.infer<typeof runLogsParams>>;

const runLogPage = z.strictObject({
  run_id: z.string(),
  status: runStatus,
  lines: z.array(z.strictObject({at: z.string(), level: z.enum(["info", "warning", "error"]), text: z.string()})),
  next_cursor: z.number().describe("Where to read on, in bytes."),
  is_complete: z.boolean().describe("The run has ended and its last line is among these."),
});

export type RunLogPage = Immutable<z.infer<typeof runLogPage>>;

const looks = {scope: "read", isReadOnly: true, isDestructive: false, isHeavy: false, paths: []} as const;

export const runSchemas = {
  "runs.materialize_partition": {
    description: "Puts a run into the queue that writes the partition of a day, or of the days of a range.",
    params: materializeParams,
    result: startedRun,
    scope: "run",
    isReadOnly: false,
    isDestructive: false,
    isHeavy: false,
    paths: ["output_root"],
  },
  "runs.get": {...looks, description: "Everything that is known of one run.", params: runParams, result: runAnswer},
  "runs.list": {...looks, description: "The runs, newest first.", params: listRunsParams, result: runPage},
  "runs.logs": {...looks, description: "What a run has said.", params: runLogsParams, result: runLogPage},
  "runs.cancel": {
    description: "Ends a run at its next clean point; finished days stay.",
    params: runParams,
    result: runAnswer,
    scope: "run",
    isReadOnly: false,
    isDestructive: true,
    isHeavy: false,
    paths: [],
  },
} as const satisfies Record<string, MethodSchema>;
