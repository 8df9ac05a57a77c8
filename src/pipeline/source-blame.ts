/** Which view's source made an operator fail. Relations are read lazily, so the operator that fails is seldom the one that names the view. */
import {DaedalusError} from "../errors.js";
import type {CheckedSource} from "./source-check.js";
import {explainSourceFailure, isConnectionLoss} from "./source-session.js";

/** An operator's failure as that of the source whose place, file or table its message repeats; any other error comes back as it is. */
export function blameSource(error: unknown, sources: Iterable<CheckedSource>): unknown {
  if (!(error instanceof DaedalusError && error.code === "operator-failed") || isConnectionLoss(error)) return error;
  const message = error.cause instanceof Error ? error.cause.message : error.message;
  for (const {view, source, files} of sources) {
    const traces = [...(source.traces ?? []), ...files.map(({path}) => path)];
    if (traces.some((trace) => message.includes(trace))) return explainSourceFailure(view, error.cause ?? error);
  }
  return error;
}
