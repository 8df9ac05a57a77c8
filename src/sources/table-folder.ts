/** A folder or prefix that holds a table with a log of its own, as Iceberg and Delta keep them: on disk, in S3 or in R2. */
import {existsSync} from "node:fs";
import {resolve} from "node:path";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {ownerOf, References, type Environment} from "./environment.js";
import {assertWholeKeys, renderStoreSecret, storeCredentials, storeOptions} from "./object-store.js";
import {renderTimeTerms} from "./narrowed-query.js";
import {foldersOf} from "./parquet.js";
import {rejectForeignOptions} from "./source-options.js";
import type {Bounds, Source} from "./source.js";
import {schemeOf} from "./source-kind.js";

interface TableKind {
  /** As messages say it. */
  readonly name: string;
  /** Options beside those of a store. */
  readonly options: readonly string[];
}

export interface TableFolder extends Pick<Source, "extensions" | "setup" | "secrets" | "files" | "traces"> {
  /** Absolute, without a slash at its end. */
  readonly path: string;
  /** What manifests call the table: its last folder. */
  readonly label: string;
}

/** @param location as `path` has it: `iceberg:s3://lake/prices`, `delta:data/prices` */
export function openTableFolder(view: View, location: string, project: Project, environment: Environment, kind: TableKind): TableFolder {
  const references = new References(ownerOf(view), environment);
  const inner = references.resolve(location.replace(/^[a-z]+:/i, "")).replace(/\/+$/, "");
  const scheme = schemeOf(inner);
  const isStored = scheme === "s3" || scheme === "r2";
  if (scheme !== undefined && !isStored) throw DaedalusError.of("source-unsupported", {view: view.name, scheme: `${kind.name} at ${scheme}:`}, {place: view.source.place});
  rejectForeignOptions(view, {kind: kind.name, options: [...kind.options, ...(isStored ? storeOptions : [])], credentials: isStored ? storeCredentials : []});
  assertWholeKeys(view);
  const path = isStored ? inner : findFolder(view, inner, project, kind);
  const store = isStored ? renderStoreSecret(ownerOf(view), path, references) : undefined;
  const label = path.replace(/\/metadata\/[^/]*\.json$/, "").split("/").at(-1)!;
  return {path, label, extensions: store?.extensions ?? [], setup: store ? [store.sql] : [], secrets: references.secrets, files: [], traces: [`${path}/`]};
}

/** Relative paths start at the project's root and, where nothing is there, at `data_root`. */
function findFolder(view: View, path: string, project: Project, kind: TableKind): string {
  const tried = foldersOf(path, project);
  const found = tried.map((folder) => resolve(folder, path)).find(existsSync);
  return found ?? missingTable(view, {path, tried, kind});
}

export function missingTable(view: View, {path, tried = [], kind}: {readonly path: string; readonly tried?: readonly string[]; readonly kind: TableKind}): never {
  throw DaedalusError.of("source-missing", {view: view.name, what: kind.name, path, tried}, {place: view.source.place});
}

/** Said to the table itself: an extension passes over files by what a column is compared with, and a cast would hide that. */
export function renderNarrowed(from: string, bounds: Bounds | undefined, ...more: readonly string[]): string {
  const terms = [...more, ...renderTimeTerms(bounds?.time)];
  return terms.length === 0 ? from : `(SELECT * FROM ${from} WHERE ${terms.join(" AND ")})`;
}
