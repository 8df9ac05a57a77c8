/** Where the rows of a view live: which kind of source its keys name, opened as statements and a relation. */
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {Environment} from "./environment.js";
import {openParquet} from "./parquet.js";
import {kindOf, schemeOf} from "./source-kind.js";

export interface Source {
  /** Statements that a session runs once before it uses the relation. */
  readonly setup: readonly string[];
  /** Local files behind the relation, sorted; empty for a database. */
  readonly files: readonly string[];
  /** A relation for a FROM clause; `files` narrows it to some of the source's files. */
  renderRelation(files?: readonly string[]): string;
}

/** @throws DaedalusError when the source has no files, needs a missing variable, or is of a kind that is not supported. */
export function openSource(view: View, project: Project, environment: Environment): Source {
  const {path, databasePath} = view.source;
  const location = path ?? databasePath ?? "";
  if (kindOf(view, location) !== "parquet") {
    throw DaedalusError.of("source-unsupported", {view: view.name, scheme: schemeOf(location) ?? "database_path"}, {place: view.source.place});
  }
  return openParquet(view, location, project, environment);
}
