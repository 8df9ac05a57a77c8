/** A table of a DuckDB or SQLite file. */
import {createHash} from "node:crypto";
import {existsSync} from "node:fs";
import {resolve} from "node:path";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {renderDayParts} from "./day-parts.js";
import {renderDeclared} from "./declared-types.js";
import {ownerOf, References, type Environment} from "./environment.js";
import {quoteName, quoteText} from "./quote.js";
import {rejectForeignOptions} from "./source-options.js";
import type {Source} from "./source.js";
import {parseTableName} from "./table-name.js";

export function openDatabaseFile(view: View, location: string, project: Project, environment: Environment, kind: "duckdb" | "sqlite"): Source {
  const references = new References(ownerOf(view), environment);
  const what = kind === "duckdb" ? "a DuckDB file" : "a SQLite file";
  rejectForeignOptions(view, {kind: what, options: [], credentials: []});
  const {tableName} = view.source;
  if (tableName === undefined) {
    throw DaedalusError.of("source-incomplete", {view: view.name, reason: `is ${what}, which is read by table`, hint: 'set "table_name"; a view in the file may hold a query'}, {place: view.source.place});
  }
  const path = resolve(project.root, references.resolve(location.replace(/^(?:duckdb|sqlite):/i, "")));
  if (!existsSync(path)) throw DaedalusError.of("source-missing", {view: view.name, path, tried: [project.root]}, {place: view.source.place});
  const database = `file_${createHash("sha256").update(path).digest("hex").slice(0, 12)}`;
  const [schema, table] = parseTableName(tableName, "main");
  const name = [database, schema, table].map(quoteName).join(".");
  // SQLite has no instants of its own: they are text.
  const from = kind === "sqlite" ? renderDeclared(view, name) : name;
  return {
    extensions: kind === "sqlite" ? ["sqlite"] : [],
    setup: [`ATTACH IF NOT EXISTS ${quoteText(path)} AS ${quoteName(database)} (${kind === "sqlite" ? "TYPE sqlite, " : ""}READ_ONLY)`],
    secrets: references.secrets,
    files: [],
    traces: [name],
    renderRelation: () => from,
    // These files do not tell which rows changed, but are near enough to be looked at.
    renderParts: (time) => [renderDayParts(from, time, "sum(hash(source))")],
    label: `${schema}.${table}`,
  };
}
