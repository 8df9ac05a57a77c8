/** Plans and states of a service as the command line asks for them. */
import type {Effects, TrainEvent} from "../pipeline/effects.js";
import {planService, type ServicePlan} from "../pipeline/plan-days.js";
import type {ServiceOptions} from "../pipeline/open-service.js";
import {readStatus, type ServiceStatus} from "../pipeline/status.js";
import {getService} from "./catalog.js";
import {openContext} from "./context.js";
import {paintProblem} from "./failure.js";
import type {ProjectFlags} from "./flags.js";
import type {Terminal} from "./terminal.js";

export interface PlanRunOptions extends Omit<ServiceOptions, "project" | "service"> {
  readonly flags: ProjectFlags;
  /** Default: the settings' `default_service`. */
  readonly service: string | undefined;
}

export function runPlan(options: PlanRunOptions, terminal: Terminal): Promise<ServicePlan> {
  return planService(...openOptions(options, terminal));
}

export function runStatus(options: PlanRunOptions, terminal: Terminal): Promise<ServiceStatus> {
  return readStatus(...openOptions(options, terminal));
}

function openOptions({flags, service, ...options}: PlanRunOptions, terminal: Terminal): [ServiceOptions, Pick<Effects, "environment" | "onEvent">] {
  const context = openContext(flags, terminal);
  const project = context.loadProject();
  const onEvent = (event: TrainEvent): void => {
    if (event.kind === "warning") terminal.note(paintProblem(event.problem, terminal));
  };
  return [{...options, project, service: getService(project, service, context.settings)}, {environment: terminal.env, onEvent}];
}
