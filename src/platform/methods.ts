/**
 * What the platform can be asked, by name: plain data in and out, with the words of the YAML. The command line translates to
 * this table; every other face will, too. Methods that open sources load on use: the others answer without DuckDB.
 */
import {relative, resolve} from "node:path";
import {Problems} from "../errors.js";
import {compileService, writePlan} from "../pipeline/plan-file.js";
import {planToData} from "../plan/plan-yaml.js";
import {describeService, describeView, getService, getView, summarizeService, summarizeView, type ServiceSummary, type ViewSummary} from "./catalog.js";
import type {AuditAnswer} from "./audit-report.js";
import type {AuditParams} from "./audit-run.js";
import type {MethodContext} from "./context.js";
import type {PlanAnswer} from "./plan-report.js";
import type {PlanParams, StatusParams} from "./plan-run.js";
import type {ListRunsParams, MaterializeParams, RunAnswer, RunLogPage, RunLogsParams, RunPage, RunParams, StartedRun} from "./runs/run-methods.js";
import type {StatusAnswer} from "./status-report.js";

type NoParams = Readonly<Record<string, never>>;

interface NameParams {
  readonly name: string;
}

/** Without a name, the settings' `default_service`. */
interface ServiceParams {
  readonly name?: string | undefined;
}

interface CompileParams {
  /** Default: the settings' `default_service`. */
  readonly service?: string | undefined;
  /** Only answer; write no file. */
  readonly no_write?: boolean | undefined;
  /** Instead of `config/pipelines`, for the generated file and for the override that is looked for beside it. */
  readonly output_dir?: string | undefined;
}

interface CompileAnswer {
  /** Where the plan was written; null with `no_write`. */
  readonly path: string | null;
  readonly plan: Readonly<Record<string, unknown>>;
}

export const methods = {
  "catalog.list_views": (_params: NoParams, context: MethodContext): {readonly views: readonly ViewSummary[]} => ({
    views: [...context.loadProject().views.values()].map(summarizeView),
  }),

  "catalog.show_view": ({name}: NameParams, context: MethodContext): Readonly<Record<string, unknown>> =>
    describeView(getView(context.loadProject(), name)),

  "service.list": (_params: NoParams, context: MethodContext): {readonly services: readonly ServiceSummary[]} => {
    const project = context.loadProject();
    return {services: [...project.services.values()].map((service) => summarizeService(project, service))};
  },

  "service.show": ({name}: ServiceParams, context: MethodContext): Readonly<Record<string, unknown>> => {
    const project = context.loadProject();
    return describeService(project, getService(project, name, context.settings));
  },

  "pipeline.compile": (params: CompileParams, context: MethodContext): CompileAnswer => {
    const project = context.loadProject();
    const service = getService(project, params.service, context.settings);
    const directory = params.output_dir === undefined ? undefined : resolve(project.root, params.output_dir);
    const problems = new Problems();
    const plan = compileService(project, service, problems, directory);
    problems.throwIfErrors();
    const path = params.no_write === true ? null : relative(project.root, writePlan(project, plan, directory));
    return {path, plan: planToData(plan)};
  },

  "pipeline.plan": async (params: PlanParams, context: MethodContext): Promise<PlanAnswer> => {
    const [{runPlan}, {servicePlanToData}] = await Promise.all([import("./plan-run.js"), import("./plan-report.js")]);
    return servicePlanToData(await runPlan(params, context));
  },

  "pipeline.status": async (params: StatusParams, context: MethodContext): Promise<StatusAnswer> => {
    const [{runStatus}, {serviceStatusToData}] = await Promise.all([import("./plan-run.js"), import("./status-report.js")]);
    return serviceStatusToData(await runStatus(params, context));
  },

  "runs.materialize_partition": async (params: MaterializeParams, context: MethodContext): Promise<StartedRun> =>
    (await import("./runs/run-methods.js")).materializePartition(params, context),

  "runs.get": async (params: RunParams, context: MethodContext): Promise<RunAnswer> => (await import("./runs/run-methods.js")).getRun(params, context),

  "runs.list": async (params: ListRunsParams, context: MethodContext): Promise<RunPage> => (await import("./runs/run-methods.js")).listRuns(params, context),

  "runs.logs": async (params: RunLogsParams, context: MethodContext): Promise<RunLogPage> => (await import("./runs/run-methods.js")).readRunLogs(params, context),

  "runs.cancel": async (params: RunParams, context: MethodContext): Promise<RunAnswer> => (await import("./runs/run-methods.js")).cancelRun(params, context),

  "audit.run": async (params: AuditParams, context: MethodContext): Promise<AuditAnswer> => {
    const [{runAudit}, {auditToData}] = await Promise.all([import("./audit-run.js"), import("./audit-report.js")]);
    return auditToData(await runAudit(params, context));
  },
};
