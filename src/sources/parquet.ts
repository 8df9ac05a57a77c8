/** Parquet on local disk: one file, a folder (recursive, hive partitions) or a glob. */
import {existsSync, readdirSync, realpathSync, statSync} from "node:fs";
import {isAbsolute, resolve} from "node:path";
import {globSync} from "tinyglobby";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {ownerOf, References, type Environment} from "./environment.js";
import {quoteText} from "./quote.js";
import {rejectForeignOptions} from "./source-options.js";
import type {Source} from "./source.js";

export function openParquet(view: View, path: string, project: Project, environment: Environment): Source {
  rejectForeignOptions(view, {kind: "files on disk", options: ["day_partition"], credentials: []});
  const references = new References(ownerOf(view), environment);
  const resolved = references.resolve(path);
  const files = findSourceFiles(view, resolved, project);
  if (files.length === 0) {
    throw DaedalusError.of("source-missing", {view: view.name, path: resolved, tried: foldersOf(resolved, project)}, {place: view.source.place});
  }
  return {extensions: [], setup: [], secrets: references.secrets, files, hasFooters: true, renderRelation: (some = files) => renderParquetRelation(some)};
}

function findSourceFiles(view: View, path: string, project: Project): readonly string[] {
  try {
    return findParquetFiles(path, project);
  } catch (error) {
    if (!(error instanceof DaedalusError)) throw error;
    throw DaedalusError.of("source-denied", {view: view.name, reason: error.message}, {place: view.source.place, cause: error});
  }
}

/** Relative paths start at the project's root and, where nothing is there, at `data_root`. */
export function findParquetFiles(path: string, project: Pick<Project, "root" | "runtime">): readonly string[] {
  for (const folder of foldersOf(path, project)) {
    const found = listParquetFiles(resolve(folder, path));
    if (found.length > 0) return found;
  }
  return [];
}

/** Where a path may lie. */
export function foldersOf(path: string, {root, runtime}: Pick<Project, "root" | "runtime">): readonly string[] {
  if (isAbsolute(path) || runtime.dataRoot === undefined) return [root];
  return [root, resolve(root, runtime.dataRoot)];
}

/**
 * A file, those below a folder, or those of a glob. Sorted, so that the same files are read in the same order on every machine.
 * @throws DaedalusError for what is there and cannot be looked into
 */
export function listParquetFiles(location: string): readonly string[] {
  const isFolder = existsSync(location) && statSync(location).isDirectory();
  if (!isFolder && existsSync(location)) return [location];
  return (isFolder ? globStrictly("**/*.parquet", location) : globStrictly(location)).sort();
}

/** A glob passes over folders that it may not read and links that lead nowhere: rows would be gone without a word. */
function globStrictly(pattern: string, cwd?: string): string[] {
  let problem: DaedalusError | undefined;
  const watch = <T>(path: string, look: () => T): T => {
    try {
      return look();
    } catch (error) {
      const {code, message} = error as NodeJS.ErrnoException;
      // What is not there has no files. A link named like a file or a partition should have led to some.
      const isAbsent = code === "ENOENT" && !/\.parquet$|=[^/]*$/.test(path);
      if (!isAbsent) problem ??= DaedalusError.of("file-unreadable", {path, reason: message}, {cause: error});
      throw error;
    }
  };
  const found = globSync(pattern, {
    ...(cwd !== undefined && {cwd}),
    absolute: true,
    fs: {
      readdirSync: ((path: string, options: {withFileTypes: true}) => watch(path, () => readdirSync(path, options))) as typeof readdirSync,
      realpathSync: ((path: string) => watch(path, () => realpathSync(path))) as typeof realpathSync,
    },
  });
  if (problem) throw problem;
  return found;
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
