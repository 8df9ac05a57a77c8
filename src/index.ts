/**
 * The public API: what the command line does, for programs.
 * @example
 * import {loadProject, train} from "daedalus";
 * const project = loadProject({root: "."});
 * const report = await train({project, service: project.services.get("dssm_ranking"), stages: "both"});
 * console.log(report.rows);
 */
export {loadProject, readProject, type ProjectOptions} from "./definitions/project.js";
export type {Project, Service, View} from "./definitions/model.js";
export {DaedalusError, ProblemsError, Problems, renderProblem, type ErrorCode, type Place} from "./errors.js";
export {compileService} from "./pipeline/plan-file.js";
export {parsePlan, renderPlan} from "./plan/plan-yaml.js";
export {digestPlan} from "./plan/digest.js";
export type {Operator, Plan} from "./plan/operator.js";
export {train, type DayReport, type TrainOptions, type TrainReport} from "./pipeline/train.js";
export {audit, type AuditOptions, type AuditReport} from "./pipeline/audit.js";
export {explainRow, type ExplainOptions, type RowExplanation} from "./pipeline/explain.js";
export {realEffects, type Effects, type TrainEvent} from "./pipeline/effects.js";
export {readManifest, type Manifest} from "./pipeline/manifest.js";
export type {EmbeddingBatch, EmbeddingResult, UserEmbeddingFunction} from "./pipeline/embedding-functions.js";
