/** Plans and states of a service as callers ask for them. */
import type {TrainEvent} from "../pipeline/effects.js";
import type {ServiceOptions} from "../pipeline/open-service.js";
import {planService, type ServicePlan} from "../pipeline/plan-days.js";
import {readStatus, type ServiceStatus} from "../pipeline/status.js";
import {getService} from "./catalog.js";
import type {MethodContext} from "./context.js";

export interface StatusParams {
  /** Default: the settings' `default_service`. */
  readonly service?: string | undefined;
  /** Without embeddings. */
  readonly skeleton_only?: boolean | undefined;
  /** Instead of the project's `output_root`. */
  readonly output_root?: string | undefined;
}

export interface PlanParams extends StatusParams {
  /** This day only, `YYYY-MM-DD`; default: `feed_start` to `feed_end`. */
  readonly target_date?: string | undefined;
  /** These days only, both inclusive. */
  readonly from_date?: string | undefined;
  readonly to_date?: string | undefined;
}

export function runPlan({target_date: targetDay, from_date: firstDay, to_date: lastDay, ...params}: PlanParams, context: MethodContext): Promise<ServicePlan> {
  const dayRange = firstDay === undefined || lastDay === undefined ? undefined : {firstDay, lastDay};
  return planService({...readOptions(params, context), targetDay, dayRange}, readEffects(context));
}

export function runStatus(params: StatusParams, context: MethodContext): Promise<ServiceStatus> {
  return readStatus(readOptions(params, context), readEffects(context));
}

function readOptions(params: StatusParams, context: MethodContext): ServiceOptions {
  const project = context.loadProject();
  const service = getService(project, params.service, context.settings);
  return {project, service, stages: params.skeleton_only === true ? "skeleton" : "both", outputRoot: params.output_root};
}

function readEffects({environment, onWarning}: MethodContext) {
  return {
    environment,
    onEvent: (event: TrainEvent): void => {
      if (event.kind === "warning") onWarning(event.problem);
    },
  };
}
