/** What is published of a service, as manifests say it; no source is asked. */
import type {Service} from "../definitions/model.js";
import {openPartitions} from "../pipeline/open-partitions.js";
import type {PartitionStore} from "../pipeline/partition.js";
import {unpublishedDay} from "../pipeline/profile-input.js";
import {getService} from "./catalog.js";
import type {MethodContext} from "./context.js";
import {takePage} from "./page.js";
import type {ListPartitionsParams, PartitionAnswer, PartitionPage, ShowPartitionParams} from "./schemas/asset-schemas.js";

const pageDefault = 1000;

/** Newest first: what was made last is what one looks for. */
export async function listPartitions({stage = "dataset", limit = pageDefault, cursor, ...params}: ListPartitionsParams, context: MethodContext): Promise<PartitionPage> {
  const {service, store} = await openStore(params, context);
  const {entries, next} = takePage(store.publishedDays(stage).toReversed(), (day) => day, {limit, cursor});
  const partitions = entries.map((day) => {
    const published = store.summaries.find(stage, day);
    if (typeof published === "string") return {day, rows: null, bytes: null, written_at: null, warnings: [], problem: published};
    return {day, rows: published.rows, bytes: published.bytes, written_at: published.writtenAt, warnings: published.warnings, problem: null};
  });
  store.summaries.save();
  return {service: service.name, stage, directory: store.directory, partitions, next_cursor: next};
}

/** @throws DaedalusError `partition-missing` with published days nearby */
export async function showPartition({day, stage = "dataset", ...params}: ShowPartitionParams, context: MethodContext): Promise<PartitionAnswer> {
  const {service, store} = await openStore(params, context);
  const manifest = store.findManifest(stage, day);
  if (!manifest) throw unpublishedDay(store, {service: service.name, stage, day});
  return {service: service.name, stage, day, directory: store.directoryOf(stage, day), manifest};
}

async function openStore({service: name, output_root: outputRoot}: ListPartitionsParams, context: MethodContext): Promise<{service: Service; store: PartitionStore}> {
  const project = context.loadProject();
  const service = getService(project, name, context.settings);
  return {service, store: await openPartitions(project, service, outputRoot, context.environment)};
}
