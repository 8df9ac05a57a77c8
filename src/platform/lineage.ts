/** What a service's dataset is made from, as a graph of assets and column by column. */
import type {Project, Service} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError, Problems} from "../errors.js";
import {compileService} from "../pipeline/plan-file.js";
import {traceColumn} from "../plan/lineage.js";
import type {LineageAnswer} from "./schemas/asset-schemas.js";

export function readLineage(project: Project, service: Service, columns: readonly string[] | undefined): LineageAnswer {
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  problems.throwIfErrors();
  const known = plan.operators.flatMap((op) => (op.opKind === "sink" && op.dataset === "dataset" ? op.columns : []));
  const unknown = columns?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw DaedalusError.of("reference-unknown", {what: "column", name: unknown, owner: `service "${service.name}"`, nearest: findNearest(unknown, known), hint: `its columns are ${known.join(", ")}`});
  }
  const views = [...new Set(plan.operators.flatMap((op) => (op.opKind === "scan" ? [op.view] : [])))].sort();
  const coverageStores = plan.operators.flatMap((op) => (op.opKind === "join" && op.joinKind === "covered" ? [op.right] : []));
  const embeddingStores = plan.operators.flatMap((op) => (op.opKind === "arrow_udf_transform" || op.opKind === "ray_udf_transform" ? [op.store] : []));
  const stores = [...new Set([...coverageStores, ...embeddingStores])].sort();
  const skeleton = {id: `skeleton:${service.name}`, kind: "skeleton", name: service.name} as const;
  const dataset = {id: `dataset:${service.name}`, kind: "dataset", name: service.name} as const;
  const storeId = (name: string): string => `embedding_store:${name}`;
  return {
    service: service.name,
    assets: [
      ...views.map((name) => ({id: `view:${name}`, kind: "view", name}) as const),
      ...stores.map((name) => ({id: storeId(name), kind: "embedding_store", name}) as const),
      skeleton,
      dataset,
    ],
    edges: [
      ...views.map((name) => ({from: `view:${name}`, to: skeleton.id})),
      ...[...new Set(coverageStores)].map((name) => ({from: storeId(name), to: skeleton.id})),
      {from: skeleton.id, to: dataset.id},
      ...[...new Set(embeddingStores)].map((name) => ({from: storeId(name), to: dataset.id})),
    ],
    columns: (columns ?? known).map((name) => traceColumn(plan, name)),
  };
}
