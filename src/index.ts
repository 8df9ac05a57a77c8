/**
 * The public API: what the command line does, for programs. Every example below is type-checked and run by the tests, in the folder of a
 * small project whose service `basket` has columns such as `at`, `price` and `bought`.
 */

/**
 * A project from its YAML: `loadProject` throws every problem together, `readProject` gives them back.
 * @example
 * import {getServiceOf, loadProject, readProject, renderProblem, type Project, type ProjectOptions, type Service, type View} from "daedalus";
 * const options: ProjectOptions = {root: ".", overrides: ["day_workers=2"]};
 * const project: Project = loadProject(options);
 * const service: Service = getServiceOf(project, "basket");
 * const views: View[] = [...project.views.values()];
 * console.log(service.version, views.map(({name}) => name));
 * for (const problem of readProject({root: "."}).problems.all) console.log(renderProblem(problem));
 */
export {loadProject, readProject, type ProjectOptions} from "./definitions/project.js";
export {getServiceOf} from "./definitions/get-service.js";
export type {Project, Service, View} from "./definitions/model.js";

/**
 * Errors that are the user's to fix: a code, a text, a place in a file, a hint.
 * @example
 * import {DaedalusError, loadProject, Problems, ProblemsError, renderProblem, type ErrorCode, type Place} from "daedalus";
 * const collected = new Problems();
 * try {
 *   loadProject({root: "not-there"});
 * } catch (error) {
 *   const problems = error instanceof ProblemsError ? error.problems : error instanceof DaedalusError ? [error] : [];
 *   const codes: ErrorCode[] = problems.map(({code}) => code);
 *   const places: (Place | undefined)[] = problems.map(({place}) => place);
 *   console.log(codes, places, problems.map(renderProblem).join("\n"));
 *   collected.all.push(...problems);
 * }
 * if (!collected.hasErrors) throw new Error("there is no such folder");
 */
export {DaedalusError, ProblemsError, Problems, renderProblem, type ErrorCode, type Place} from "./errors.js";

/**
 * A service's plan: operators as plain data, which print, compare and hash.
 * @example
 * import {compileService, digestPlan, getServiceOf, loadProject, parsePlan, Problems, renderPlan, type Operator, type Plan} from "daedalus";
 * const project = loadProject({root: "."});
 * const problems = new Problems();
 * const plan: Plan = compileService(project, getServiceOf(project, "basket"), problems);
 * problems.throwIfErrors();
 * const kinds = plan.operators.map(({opKind}: Operator) => opKind);
 * const again = parsePlan(renderPlan(plan), "basket.yaml");
 * if (digestPlan(again) !== digestPlan(plan) || !kinds.includes("sink")) throw new Error("the plan did not come back");
 */
export {compileService} from "./pipeline/plan-file.js";
export {parsePlan, renderPlan} from "./plan/plan-yaml.js";
export {digestPlan} from "./plan/digest.js";
export type {Operator, Plan} from "./plan/operator.js";

/**
 * What a training run would do, and the run itself. The outside world is an argument: a signal ends it, events say how it goes.
 * @example
 * import {getServiceOf, loadProject, planService, realEffects, train, type DayReport, type Effects, type ServicePlan, type TrainEvent, type TrainOptions, type TrainReport} from "daedalus";
 * const project = loadProject({root: "."});
 * const options: TrainOptions = {project, service: getServiceOf(project, "basket"), stages: "both", targetDay: "2026-02-27"};
 * const plan: ServicePlan = await planService(options, realEffects);
 * console.log(plan.groups.map(({state, days}) => [state, days]));
 * const onEvent = (event: TrainEvent): void => console.log(event.kind);
 * const effects: Effects = {...realEffects, onEvent, signal: AbortSignal.timeout(60_000)};
 * const report: TrainReport = await train(options, effects);
 * const [day]: readonly DayReport[] = report.days;
 * if (day?.rows !== 200) throw new Error("200 rows were expected");
 */
export {planService, type ServicePlan} from "./pipeline/plan-days.js";
export {train, type DayReport, type TrainOptions, type TrainReport} from "./pipeline/train.js";
export {realEffects, type Effects, type TrainEvent} from "./pipeline/effects.js";

/**
 * A published partition, read lazily: rows as plain objects (`daeda generate types` writes their type), or batches of typed arrays.
 * @example
 * import {getServiceOf, loadProject, readManifest, readPartition, type BatchColumn, type ColumnBatch, type Manifest, type PartitionOptions, type PartitionReader} from "daedalus";
 * const project = loadProject({root: "."});
 * const options: PartitionOptions = {project, service: getServiceOf(project, "basket"), day: "2026-02-27", columns: ["at", "price", "bought"]};
 * const partition: PartitionReader = await readPartition(options);
 * for await (const {at, bought} of partition.rows<{at: string; price: number | null; bought: readonly bigint[]}>()) {
 *   console.log(at, bought.length);
 *   break;
 * }
 * let sum = 0;
 * for await (const {rowCount, columns} of partition.batches() as AsyncIterable<ColumnBatch>) {
 *   const price: BatchColumn = columns["price"]!;
 *   if (price.kind !== "values") continue;
 *   for (let row = 0; row < rowCount; row += 1) if (price.isNull?.[row] !== 1) sum += Number(price.values[row]);
 * }
 * const manifest: Manifest | undefined = readManifest("out/basket/dataset/dt=2026-02-27/_manifest.json");
 * if (manifest?.rows !== partition.manifest.rows) throw new Error(`another partition, ${sum}`);
 */
export {readPartition, type PartitionOptions, type PartitionReader} from "./pipeline/read-partition.js";
export type {BatchColumn, ColumnBatch} from "./engines/duckdb/column-batch.js";
export {readManifest, type Manifest} from "./pipeline/manifest.js";

/**
 * The proof: a dataset derived again by another path, and where the values of one row come from.
 * @example
 * import {audit, explainRow, getServiceOf, loadProject, readPartition, type AuditOptions, type AuditReport, type ExplainOptions, type RowExplanation} from "daedalus";
 * const project = loadProject({root: "."});
 * const service = getServiceOf(project, "basket");
 * const audited: AuditOptions = {project, path: "out/basket/dataset/dt=2026-02-27", sample: 20, seed: 1};
 * const report: AuditReport = await audit(audited);
 * if (!report.isPassed) throw new Error("a leak");
 * for await (const row of (await readPartition({project, service, day: "2026-02-27"})).rows<{at: string; customer_id: bigint | null; product_id: bigint; quantity: number}>()) {
 *   if (row.customer_id === null) continue;
 *   const keys = [`customer_id=${row.customer_id}`, `product_id=${row.product_id}`, `quantity=${row.quantity}`];
 *   const asked: ExplainOptions = {project, service, keys, at: row.at, columns: ["price"]};
 *   const explained: RowExplanation | undefined = await explainRow(asked).catch(() => undefined);
 *   if (explained === undefined) continue;
 *   console.log(explained.row);
 *   break;
 * }
 */
export {audit, type AuditOptions, type AuditReport} from "./pipeline/audit.js";
export {explainRow, type ExplainOptions, type RowExplanation} from "./pipeline/explain.js";

/**
 * A function of a project's own for embedding columns: `udfs` of aggregations.yaml names its module.
 * @example
 * import type {EmbeddingBatch, EmbeddingResult, UserEmbeddingFunction} from "daedalus";
 * export const firstOf: UserEmbeddingFunction = ({rowCount, offsets, indices, pool, dimension}: EmbeddingBatch): EmbeddingResult => {
 *   const values = new Float32Array(rowCount * dimension);
 *   const isNull = new Uint8Array(rowCount);
 *   for (let row = 0; row < rowCount; row += 1) {
 *     const vector = offsets[row] === offsets[row + 1] ? -1 : indices[offsets[row]!]!;
 *     if (vector < 0) isNull[row] = 1;
 *     else values.set(pool.subarray(vector * dimension, (vector + 1) * dimension), row * dimension);
 *   }
 *   return {values, isNull};
 * };
 */
export type {EmbeddingBatch, EmbeddingResult, UserEmbeddingFunction} from "./pipeline/embedding-functions.js";
