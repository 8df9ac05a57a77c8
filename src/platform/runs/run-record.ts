/** What is known of a run: one JSON file each, checked when it is read back. */
import {randomBytes} from "node:crypto";
import {z} from "zod";
import {runnerNames, runStatuses} from "./run-names.js";

/** The start of an id is its instant, so that ids sort by age. It is also a folder's name: nothing else may pass. */
export const runIdPattern = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/;

const projectFlags = z.strictObject({
  runtimeConfigPath: z.string().optional(),
  aggregationConfigPath: z.string().optional(),
  featureViewsDir: z.string().optional(),
  featureServicesDir: z.string().optional(),
  set: z.array(z.string()).readonly().optional(),
});

export const runRequestSchema = z.strictObject({
  service: z.string(),
  /** `YYYY-MM-DD`, both inclusive. */
  first_day: z.string(),
  last_day: z.string(),
  /** Redo days that are current. */
  force: z.boolean(),
  skeleton_only: z.boolean(),
  output_root: z.string().nullable(),
  /** The aggregation engine, over `compute.engine`. */
  engine: z.string().nullable(),
  runner: z.enum(runnerNames),
  /** What a runner needs besides, such as the address of a cluster; never a secret. */
  runner_options: z.record(z.string(), z.string()),
  /** Where the project's files are, and values over them. */
  project_flags: projectFlags,
});

/** What a run is asked to do. */
export type RunRequest = Readonly<z.infer<typeof runRequestSchema>>;

export const runRecordSchema = z.strictObject({
  run_id: z.string().regex(runIdPattern),
  status: z.enum(runStatuses),
  request: runRequestSchema,
  requested_by: z.string(),
  idempotency_key: z.string().nullable(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  /** The process that keeps the run; `process_started` tells it from a later one that got the same number. */
  host: z.string().nullable(),
  pid: z.number().int().nullable(),
  process_started: z.string().nullable(),
  error: z.strictObject({code: z.string().nullable(), message: z.string()}).nullable(),
  /** What the runner says of itself. */
  external: z.record(z.string(), z.string()).describe("Ids and addresses of jobs elsewhere."),
});

export type RunRecord = Readonly<z.infer<typeof runRecordSchema>>;

export const isFinished = ({status}: Pick<RunRecord, "status">): boolean => status !== "queued" && status !== "running";

export function makeRunId(nowMs: number): string {
  return `${new Date(nowMs).toISOString().replaceAll(/[-:.]/g, "")}-${randomBytes(4).toString("hex")}`;
}
