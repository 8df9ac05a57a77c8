/** From a service to its plan, and what its days need. */
import {z} from "zod";
import {day, flag, mapping} from "../../definitions/schema-parts.js";
import {nextCursor, noParams, optionalService, outputRoot, pageParams, problemResult, skeletonOnly, word, type Immutable, type MethodSchema} from "./method-schema.js";

const state = z.enum(["missing", "stale", "current"]);
const reason = z.string().nullable();

const serviceParams = {service: optionalService, skeleton_only: skeletonOnly, output_root: outputRoot};

const planParams = mapping({
  ...serviceParams,
  target_date: day.optional().describe("This day only, `YYYY-MM-DD`; default: `feed_start` to `feed_end`."),
  from_date: day.optional().describe("The days from this one on; with `to_date`."),
  to_date: day.optional().describe("The last of these days."),
});

export type PlanParams = Immutable<z.infer<typeof planParams>>;

const statusParams = mapping({...serviceParams, ...pageParams});

export type StatusParams = Immutable<z.infer<typeof statusParams>>;

const planAnswer = z.strictObject({
  service: z.string(),
  output_directory: z.string(),
  counts: z.strictObject({missing: z.number(), stale: z.number(), current: z.number()}),
  groups: z
    .array(
      z.strictObject({
        days: z.array(z.string()),
        state,
        reason,
        columns: z.array(z.strictObject({name: z.string(), state, reason})),
      }),
    )
    .describe("Days that need the same for the same reason."),
});

export type PlanAnswer = Immutable<z.infer<typeof planAnswer>>;

const finding = z.strictObject({check: z.string(), found: z.string()});
const dayState = z.enum(["missing", "stale", "current", "failed"]);

const statusAnswer = z.strictObject({
  service: z.string(),
  output_directory: z.string(),
  counts: z.strictObject({current: z.number(), stale: z.number(), missing: z.number(), failed: z.number()}),
  rows: z.number(),
  bytes: z.number(),
  last_written_at: z.string().nullable(),
  days: z.array(
    z.strictObject({
      day: z.string(),
      state: dayState,
      reason,
      warnings: z.array(finding).describe("Checks that the published partition did not pass and did not have to."),
      failed_checks: z.array(finding).describe("Checks that kept what the last run made from being published."),
    }),
  ),
  next_cursor: nextCursor,
});

export type StatusAnswer = Immutable<z.infer<typeof statusAnswer>>;

const lintAnswer = z.strictObject({
  errors: z.number(),
  warnings: z.number(),
  views: z.number().nullable().describe("Null when there are errors: what could not be read in full is not counted."),
  services: z.number().nullable(),
  problems: z.array(problemResult),
});

const looks = {scope: "read", isReadOnly: true, isDestructive: false, isHeavy: true, paths: ["output_root"]} as const;

export const pipelineSchemas = {
  lint: {
    ...looks,
    description: "Checks every definition, the plan of every service and the SQL in it; all problems of all files at once.",
    paths: [],
    params: noParams,
    result: lintAnswer,
  },
  "pipeline.compile": {
    description: "The plan of a service: the operators that its dataset is made by. Writes it to a file unless told not to.",
    params: mapping({
      service: optionalService,
      no_write: flag.optional().describe("Only answer; write no file."),
      output_dir: word.optional().describe("Instead of `config/pipelines`, for the generated file and for the override beside it."),
    }),
    result: z.strictObject({
      path: z.string().nullable().describe("Where the plan was written; null with `no_write`."),
      plan: z.record(z.string(), z.unknown()).describe("`digest`, `service`, `version`, `time_column` and `operators`, as in the file."),
    }),
    scope: "run",
    isReadOnly: false,
    isDestructive: false,
    isHeavy: true,
    paths: ["output_dir"],
  },
  "pipeline.plan": {
    ...looks,
    description: "Says which days and columns are missing or stale, and why; computes nothing.",
    params: planParams,
    result: planAnswer,
  },
  "pipeline.status": {
    ...looks,
    description: "How the days of a service stand, and how much is published.",
    params: statusParams,
    result: statusAnswer,
  },
} as const satisfies Record<string, MethodSchema>;
