/** One audit as callers ask for it. */
import {resolve} from "node:path";
import {audit, type AuditReport} from "../pipeline/audit.js";
import type {MethodContext} from "./context.js";

export interface AuditParams {
  /** A parquet file, a partition, a folder of partitions, or a folder or glob of parquet files; relative to the project. */
  readonly path: string;
  /** Default: what the manifests say. */
  readonly service?: string | undefined;
  /** `key`, or `key=column` where the file calls it otherwise. */
  readonly spine_keys?: readonly string[] | undefined;
  /** The column with the instant of a row. Default: the spine's. */
  readonly time?: string | undefined;
  /** `column=view.field`, `column=aggregation`, or a column of the service. Default: all that are known. */
  readonly columns?: readonly string[] | undefined;
  /** How many rows to check. Default: 1000. */
  readonly sample?: number | undefined;
  /** Which rows: the same seed takes the same ones. Default: 1. */
  readonly seed?: number | undefined;
  /** Every row, whatever `sample` says. */
  readonly full?: boolean | undefined;
}

/** The report names the path as the caller did. */
export async function runAudit(params: AuditParams, context: MethodContext): Promise<AuditReport> {
  const {path, service, spine_keys: spineKeys = [], time, columns = [], sample = 1000, seed = 1, full = false} = params;
  const project = context.loadProject();
  const report = await audit(
    {project, path: resolve(project.root, path), service, mapping: {spineKeys, time, columns}, sample: full ? undefined : sample, seed},
    {signal: context.signal, environment: context.environment},
  );
  return {...report, path};
}
