/** Plans and states of a service as callers ask for them. */
import {DaedalusError} from "../errors.js";
import type {TrainEvent} from "../pipeline/effects.js";
import type {ServiceOptions} from "../pipeline/open-service.js";
import {planService, type ServicePlan} from "../pipeline/plan-days.js";
import {readStatus, type ServiceStatus} from "../pipeline/status.js";
import {getService} from "./catalog.js";
import type {MethodContext} from "./context.js";
import type {PlanParams, StatusParams} from "./schemas/pipeline-schemas.js";

export function runPlan({target_date: targetDay, from_date: firstDay, to_date: lastDay, ...params}: PlanParams, context: MethodContext): Promise<ServicePlan> {
  if ((firstDay === undefined) !== (lastDay === undefined)) throw DaedalusError.of("key-missing", {key: firstDay === undefined ? "from_date" : "to_date", what: "a range of days"});
  if (targetDay !== undefined && firstDay !== undefined) throw DaedalusError.of("keys-conflict", {keys: ["target_date", "from_date"], reason: "name one day, or the days of a range"});
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
