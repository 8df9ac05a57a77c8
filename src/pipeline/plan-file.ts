/** Plans on disk: the generated file that `pipeline compile` writes, and the hand-made override beside it. */
import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {join, relative} from "node:path";
import type {Project, Service} from "../definitions/model.js";
import type {Problems} from "../errors.js";
import {compilePlan} from "../plan/compile.js";
import type {Plan} from "../plan/operator.js";
import {applyOverride, parseOverride, renderPlan} from "../plan/plan-yaml.js";

const defaultDirectory = (project: Project): string => join(project.root, "config", "pipelines");

/** The service's plan with the tags of `<service>.yaml` in the plans' folder, where that file exists. */
export function compileService(project: Project, service: Service, problems: Problems, directory = defaultDirectory(project)): Plan {
  const plan = compilePlan(project, service, problems);
  const path = join(directory, `${service.name}.yaml`);
  if (problems.hasErrors || !existsSync(path)) return plan;
  const file = relative(project.root, path);
  return applyOverride(plan, parseOverride(readFileSync(path, "utf8"), file), file, problems);
}

/** Writes `<service>.generated.yaml`; gives its path. */
export function writePlan(project: Project, plan: Plan, directory = defaultDirectory(project)): string {
  mkdirSync(directory, {recursive: true});
  const path = join(directory, `${plan.service}.generated.yaml`);
  const header = "# Written by `daeda pipeline compile`. Engine tags are overridden in the file without .generated beside it.\n";
  writeFileSync(`${path}.tmp`, header + renderPlan(plan));
  renameSync(`${path}.tmp`, path);
  return path;
}
