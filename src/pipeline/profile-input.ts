/** The parquet files that a profile is asked of: named ones, those of a folder, or a published day. */
import {existsSync, statSync} from "node:fs";
import {join} from "node:path";
import {DaedalusError} from "../errors.js";
import {listParquetFiles} from "../sources/parquet.js";
import type {PartitionStore, Stage} from "./partition.js";

/** Of a service's folder its datasets; without duplicates, in the order of the paths. */
export function findProfiledFiles(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap(filesOf))];
}

function filesOf(path: string): readonly string[] {
  if (!existsSync(path)) {
    const hint = "name a partition's folder or parquet files, or a service with --day";
    throw DaedalusError.of("file-missing", {path, what: "a partition to profile", hint});
  }
  const stage = ["dataset", "skeleton"].find((name) => existsSync(join(path, name)) && statSync(join(path, name)).isDirectory());
  const files = listParquetFiles(stage === undefined ? path : join(path, stage));
  if (files.length === 0) throw DaedalusError.of("file-missing", {path, what: "a parquet file to profile", hint: "the folder and those below it have none"});
  return files;
}

const shownMax = 5;

/** @throws DaedalusError when the day is not published, naming days nearby that are */
export function findPublishedFiles(partitions: PartitionStore, wanted: WantedPartition): readonly string[] {
  const {stage, day} = wanted;
  if (partitions.findManifest(stage, day)) return partitions.filesOf(stage, day);
  throw unpublishedDay(partitions, wanted);
}

interface WantedPartition {
  readonly service: string;
  readonly stage: Stage;
  readonly day: string;
}

/** Says why, and names days nearby that are published. */
export function unpublishedDay(partitions: PartitionStore, {service, stage, day}: WantedPartition): DaedalusError {
  const distance = (other: string): number => Math.abs(Date.parse(other) - Date.parse(day));
  const found = partitions.findPublished(stage, day);
  const reason = typeof found === "string" ? found : "missing";
  const nearest = partitions.publishedDays(stage).filter((other) => other !== day).sort((a, b) => distance(a) - distance(b)).slice(0, shownMax);
  return DaedalusError.of("partition-missing", {service, stage, day, reason, nearest: nearest.sort()});
}
