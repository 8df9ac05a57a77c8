/** Plans and states of a service as the command line asks for them. */
import {planService, type ServicePlan} from "../pipeline/plan-days.js";
import type {ServiceOptions} from "../pipeline/open-service.js";
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

export function runPlan({flags, service, ...options}: PlanRunOptions, terminal: Terminal): Promise<ServicePlan> {
  const context = openContext(flags, terminal);
  const project = context.loadProject();
  return planService(
    {...options, project, service: getService(project, service, context.settings)},
    {
      environment: terminal.env,
      onEvent: (event) => {
        if (event.kind === "warning") terminal.note(paintProblem(event.problem, terminal));
      },
    },
  );
}
