/** One audit as callers ask for it. */
import {resolve} from "node:path";
import {audit, type AuditReport} from "../pipeline/audit.js";
import {isObjectStore} from "../sources/output-bucket.js";
import type {MethodContext} from "./context.js";
import type {AuditParams} from "./schemas/audit-schemas.js";

/** The report names the path as the caller did. */
export async function runAudit(params: AuditParams, context: MethodContext): Promise<AuditReport> {
  const {path, service, spine_keys: spineKeys = [], time, columns = [], sample = 1000, seed = 1, full = false} = params;
  const project = context.loadProject();
  const report = await audit(
    {project, path: isObjectStore(path) ? path : resolve(project.root, path), service, mapping: {spineKeys, time, columns}, sample: full ? undefined : sample, seed},
    {signal: context.signal, environment: context.environment},
  );
  return {...report, path};
}
