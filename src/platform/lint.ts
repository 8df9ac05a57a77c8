/** Everything that can be said about a project without reading its data. */
import {readProject, type ProjectOptions} from "../definitions/project.js";
import {DaedalusError, Problems, renderProblem} from "../errors.js";
import {checkPlanSql} from "../pipeline/plan-check.js";
import {compileService} from "../pipeline/plan-file.js";

export interface LintReport {
  readonly errors: number;
  readonly warnings: number;
  /** Null when there are errors: what could not be read in full is not counted. */
  readonly views: number | null;
  readonly services: number | null;
  readonly problems: readonly DaedalusError[];
}

/** Problems of all files; where these have no errors, those of each service's plan; and of the plan's SQL where that has none. */
export async function lintProject(options: ProjectOptions): Promise<LintReport> {
  const {project, problems} = readProject(options);
  const found = [...problems.all];
  for (const service of project?.services.values() ?? []) {
    const planProblems = new Problems();
    try {
      const plan = compileService(project!, service, planProblems);
      if (!planProblems.hasErrors) await checkPlanSql(project!, service, plan, planProblems);
    } catch (error) {
      if (!(error instanceof DaedalusError)) throw error;
      planProblems.all.push(error);
    }
    found.push(...planProblems.all);
  }
  // Services share aggregations, so one line can be wrong for several of them.
  const unique = [...new Map(found.map((problem) => [renderProblem(problem), problem])).values()];
  const errors = unique.filter((problem) => problem.severity === "error").length;
  return {
    errors,
    warnings: unique.length - errors,
    views: project?.views.size ?? null,
    services: project?.services.size ?? null,
    problems: unique,
  };
}
