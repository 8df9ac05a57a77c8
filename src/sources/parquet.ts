/** Parquet on local disk: one file, a folder (recursive, hive partitions) or a glob. */
import {existsSync, statSync} from "node:fs";
import {isAbsolute, resolve} from "node:path";
import {globSync} from "tinyglobby";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {References, type Environment} from "./environment.js";
import {quoteText} from "./quote.js";
import {rejectForeignOptions} from "./source-options.js";
import type {Source} from "./source.js";

export function openParquet(view: View, path: string, project: Project, environment: Environment): Source {
  rejectForeignOptions(view, {kind: "files on disk", options: ["day_partition"], credentials: []});
  const references = new References(view, environment);
  const resolved = references.resolve(path);
  const files = findParquetFiles(resolved, project);
  if (files.length === 0) {
    throw DaedalusError.of("source-missing", {view: view.name, path: resolved, tried: foldersOf(resolved, project)}, {place: view.source.place});
  }
  return {extensions: [], setup: [], secrets: references.secrets, files, hasFooters: true, renderRelation: (some = files) => renderParquetRelation(some)};
}

/** Relative paths start at the project's root and, where nothing is there, at `data_root`. */
export function findParquetFiles(path: string, project: Pick<Project, "root" | "runtime">): readonly string[] {
  for (const folder of foldersOf(path, project)) {
    const found = listParquetFiles(resolve(folder, path));
    if (found.length > 0) return found;
  }
  return [];
}

function foldersOf(path: string, {root, runtime}: Pick<Project, "root" | "runtime">): readonly string[] {
  if (isAbsolute(path) || runtime.dataRoot === undefined) return [root];
  return [root, resolve(root, runtime.dataRoot)];
}

/** A file, those below a folder, or those of a glob. Sorted, so that the same files are read in the same order on every machine. */
export function listParquetFiles(location: string): readonly string[] {
  const isFolder = existsSync(location) && statSync(location).isDirectory();
  if (!isFolder && existsSync(location)) return [location];
  const found = isFolder
    ? globSync("**/*.parquet", {cwd: location, absolute: true})
    : globSync(location, {absolute: true});
  return found.sort();
}

/** The FROM expression for a list of parquet files. */
export function renderParquetRelation(files: readonly string[]): string {
  return `read_parquet([${files.map(quoteText).join(", ")}], hive_partitioning = true)`;
}

/** One row a file: its name, and the least and greatest value of a column as far as the footers tell. */
export function renderFileRanges(files: readonly string[], column: string): string {
  return `SELECT file_name, bool_and(stats_min_value IS NOT NULL OR num_values = 0) AS is_known,
    epoch_us(min(TRY_CAST(stats_min_value AS TIMESTAMPTZ))) AS min_us, epoch_us(max(TRY_CAST(stats_max_value AS TIMESTAMPTZ))) AS max_us
  FROM parquet_metadata([${files.map(quoteText).join(", ")}])
  WHERE path_in_schema = ${quoteText(column)}
  GROUP BY file_name`;
}
