/** Trains a service: every wanted day that is missing or stale becomes one published partition, or none. */
import type {Project, Service} from "../definitions/model.js";
import type {CheckResult} from "./quality.js";

export interface TrainOptions {
  readonly project: Project;
  readonly service: Service;
  /** `YYYY-MM-DD`; undefined: every day with feed data in `feed_start..feed_end`. */
  readonly targetDay?: string | undefined;
  readonly stages: "both" | "skeleton" | "enrich";
  /** Redo days that are current. */
  readonly isForced?: boolean;
  /** Default: `compute.engine` of runtime.yaml. */
  readonly engine?: string | undefined;
  /** Default: `day_workers` of runtime.yaml. */
  readonly dayWorkers?: number | undefined;
  /** Default: `output_root` of runtime.yaml; relative to the project's root. */
  readonly outputRoot?: string | undefined;
}

export interface DayReport {
  readonly day: string;
  readonly state: "written" | "current";
  readonly rows: number;
  readonly seconds: number;
  /** The folder of the partition that users read (`dataset`, or `skeleton` with --skeleton-only). */
  readonly directory: string;
  readonly checks: readonly CheckResult[];
}

export interface TrainReport {
  readonly service: string;
  readonly planDigest: string;
  readonly outputDirectory: string;
  readonly days: readonly DayReport[];
  /** Rows of the days that were written. */
  readonly rows: number;
  readonly seconds: number;
}
