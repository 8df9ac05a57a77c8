/**
 * What the platform can be asked, by name: plain data in and out, with the words of the YAML. The command line translates to
 * this table; every other face does, too, by call-method.ts. Methods that open sources load on use: the others answer without DuckDB.
 */
import {relative, resolve} from "node:path";
import {Problems} from "../errors.js";
import {compileService, writePlan} from "../pipeline/plan-file.js";
import {planToData} from "../plan/plan-yaml.js";
import {describeService, describeView, getService, getView, summarizeService, summarizeView} from "./catalog.js";
import type {MethodContext} from "./context.js";
import {problemToData} from "./failure.js";
import type {MethodName, MethodParams, MethodResult} from "./method-schemas.js";
import {takePage} from "./page.js";

type Methods = {readonly [M in MethodName]: (params: MethodParams<M>, context: MethodContext) => MethodResult<M> | Promise<MethodResult<M>>};

export const methods = {
  "catalog.list_views": (params, context) => {
    const {entries, next} = takePage([...context.loadProject().views.values()], ({name}) => name, params);
    return {views: entries.map(summarizeView), next_cursor: next};
  },

  "catalog.show_view": ({name}, context) => describeView(getView(context.loadProject(), name)),

  "service.list": (params, context) => {
    const project = context.loadProject();
    const {entries, next} = takePage([...project.services.values()], ({name}) => name, params);
    return {services: entries.map((service) => summarizeService(project, service)), next_cursor: next};
  },

  "service.show": ({name}, context) => {
    const project = context.loadProject();
    return describeService(project, getService(project, name, context.settings));
  },

  lint: async (_params, context) => {
    const {problems, ...counts} = await (await import("./lint.js")).lintProject(context.projectOptions);
    return {...counts, problems: problems.map(problemToData)};
  },

  "pipeline.compile": (params, context) => {
    const project = context.loadProject();
    const service = getService(project, params.service, context.settings);
    const directory = params.output_dir === undefined ? undefined : resolve(project.root, params.output_dir);
    const problems = new Problems();
    const plan = compileService(project, service, problems, directory);
    problems.throwIfErrors();
    const path = params.no_write === true ? null : relative(project.root, writePlan(project, plan, directory));
    return {path, plan: planToData(plan)};
  },

  "pipeline.plan": async (params, context) => {
    const [{runPlan}, {servicePlanToData}] = await Promise.all([import("./plan-run.js"), import("./plan-report.js")]);
    return servicePlanToData(await runPlan(params, context));
  },

  "pipeline.status": async (params, context) => {
    const [{runStatus}, {serviceStatusToData}] = await Promise.all([import("./plan-run.js"), import("./status-report.js")]);
    return serviceStatusToData(await runStatus(params, context), params);
  },

  "assets.lineage": async (params, context) => {
    const {readLineage} = await import("./lineage.js");
    const project = context.loadProject();
    return readLineage(project, getService(project, params.service, context.settings), params.columns);
  },

  "partitions.list": async (params, context) => (await import("./partitions.js")).listPartitions(params, context),

  "partitions.show": async (params, context) => (await import("./partitions.js")).showPartition(params, context),

  "runs.materialize_partition": async (params, context) => (await import("./runs/run-methods.js")).materializePartition(params, context),

  "runs.get": async (params, context) => (await import("./runs/run-methods.js")).getRun(params, context),

  "runs.list": async (params, context) => (await import("./runs/run-methods.js")).listRuns(params, context),

  "runs.logs": async (params, context) => (await import("./runs/run-methods.js")).readRunLogs(params, context),

  "runs.cancel": async (params, context) => (await import("./runs/run-methods.js")).cancelRun(params, context),

  "audit.run": async (params, context) => {
    const [{runAudit}, {auditToData}] = await Promise.all([import("./audit-run.js"), import("./audit-report.js")]);
    return auditToData(await runAudit(params, context));
  },
} as const satisfies Methods;
