/** Embedding columns of which nothing changed, neither ids nor function nor store, are taken from the dataset that is published. */
import {publishedOf} from "./manifest.js";
import {readRowGroupRows} from "./parquet-footer.js";
import type {PartitionStore} from "./partition.js";
import type {ColumnStatistics} from "./quality.js";
import {timesOf, type Verdict} from "./verdict.js";

export interface CarriedEmbeddings {
  readonly names: readonly string[];
  /** One for each file of the skeleton, with the same rows in the same row groups. */
  readonly files: readonly string[];
  readonly statistics: readonly ColumnStatistics[];
  /** Column -> when the partition was written that computed it. */
  readonly times: Readonly<Record<string, string>>;
}

const nothing: CarriedEmbeddings = {names: [], files: [], statistics: [], times: {}};

/** Nothing is carried where the published files cannot be used: then all embeddings are computed. */
export async function findCarried(partitions: PartitionStore, day: string, verdict: Verdict, embeddings: readonly string[]): Promise<CarriedEmbeddings> {
  if (verdict.state !== "stale" || verdict.scope !== "columns") return nothing;
  const names = embeddings.filter((name) => !verdict.columns.has(name));
  const manifest = names.length === 0 ? undefined : partitions.findManifest("dataset", day);
  if (!manifest || !(await partitions.areWhole(manifest))) return nothing;
  const files = await partitions.holdFiles("dataset", day);
  if (!(await haveSameGroups(await partitions.holdFiles("skeleton", day), files))) return nothing;
  const statistics = manifest.columns.filter((column) => names.includes(column.name));
  return {names, files, statistics, times: timesOf(names, publishedOf(manifest))};
}

async function haveSameGroups(files: readonly string[], others: readonly string[]): Promise<boolean> {
  const groupsOf = async (paths: readonly string[]): Promise<string> => JSON.stringify(await Promise.all(paths.map(readRowGroupRows)));
  return (await groupsOf(files)) === (await groupsOf(others));
}
