/**
 * A DuckLake table, whichever database holds its catalog. What a run reads is one snapshot: the newest when it opens the lake, or
 * the one that `snapshot` or `as_of` names.
 */
import {createHash} from "node:crypto";
import {resolve} from "node:path";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {renderDayParts} from "./day-parts.js";
import {ownerOf, References, type Environment} from "./environment.js";
import type {ExtensionName} from "./extensions.js";
import {renderStoreSecret, storeCredentials, storeOptions} from "./object-store.js";
import {quoteName, quoteText} from "./quote.js";
import {rejectForeignOptions} from "./source-options.js";
import type {Source} from "./source.js";
import {parseTableName} from "./table-name.js";

export function openDuckLake(view: View, location: string, project: Project, environment: Environment): Source {
  const references = new References(ownerOf(view), environment);
  const {dataPath, options} = view.source;
  const isStored = dataPath !== undefined && /^(s3|r2):/.test(references.resolve(dataPath));
  rejectForeignOptions(view, {kind: "DuckLake", options: ["snapshot", "as_of", ...(isStored ? storeOptions : [])], credentials: isStored ? storeCredentials : []});
  if (view.source.tableName === undefined) {
    const hint = 'set "table_name", with a schema where it is not "main"';
    throw DaedalusError.of("source-incomplete", {view: view.name, reason: "is a DuckLake, which is read by table", hint}, {place: view.source.place});
  }
  const catalog = resolveCatalog(location.replace(/^ducklake:/i, ""), references, project.root);
  const data = dataPath === undefined ? undefined : isStored ? references.resolve(dataPath) : resolve(project.root, references.resolve(dataPath));
  const store = isStored ? renderStoreSecret(ownerOf(view), data!, references) : undefined;
  const lake = `lake_${createHash("sha256").update(JSON.stringify([catalog.text, data])).digest("hex").slice(0, 12)}`;
  const settings = [...(data === undefined ? [] : [`DATA_PATH ${quoteText(`${data.replace(/\/$/, "")}/`)}`]), "READ_ONLY"];
  const [schema, table] = parseTableName(view.source.tableName, "main");
  const name = [lake, schema, table].map(quoteName).join(".");
  const base = {
    extensions: [...new Set<ExtensionName>(["ducklake", ...catalog.extensions, ...(store?.extensions ?? [])])],
    setup: [...(store ? [store.sql] : []), `ATTACH IF NOT EXISTS ${quoteText(`ducklake:${catalog.text}`)} AS ${quoteName(lake)} (${settings.join(", ")})`],
    secrets: references.secrets,
    files: [],
    label: `${schema}.${table}`,
  };
  const at = (snapshot: number | undefined): Source => {
    const from = snapshot === undefined ? name : `${name} AT (VERSION => ${snapshot})`;
    return {
      ...base,
      ...(snapshot === undefined ? {} : {snapshot}),
      renderRelation: () => from,
      // A row that is written again belongs to a newer snapshot; one that is only moved to another file does not.
      renderParts: (column) => [renderDayParts(`(SELECT *, snapshot_id AS __snapshot FROM ${from})`, column, "sum(__snapshot)")],
    };
  };
  const wanted = options.get("snapshot") ?? options.get("as_of");
  return {...at(undefined), pin: {lake: `${lake} ${wanted ?? ""}`, wanted, sql: renderFindSnapshot(lake, options), at}};
}

/** The wanted snapshot, and those that there are. */
function renderFindSnapshot(lake: string, options: ReadonlyMap<string, string>): string {
  const [snapshot, asOf] = [options.get("snapshot"), options.get("as_of")];
  const isWanted = snapshot !== undefined ? `snapshot_id = ${Number(snapshot)}` : asOf !== undefined ? `snapshot_time <= CAST(${quoteText(asOf)} AS TIMESTAMPTZ)` : "true";
  return `SELECT max(snapshot_id) FILTER (${isWanted}) AS snapshot, min(snapshot_id) AS oldest, max(snapshot_id) AS newest FROM ducklake_snapshots(${quoteText(lake)})`;
}

interface Catalog {
  readonly text: string;
  readonly extensions: readonly ExtensionName[];
}

/** `postgres:host=... password=${X}`, `sqlite:file` or a DuckDB file; files start from the project's root. */
function resolveCatalog(text: string, references: References, root: string): Catalog {
  if (/^postgres:/i.test(text)) return {text: resolveKeywords(text, references), extensions: ["postgres"]};
  const [, kind, path = ""] = /^(?:(sqlite|duckdb):)?(.*)$/is.exec(text)!;
  const file = resolve(root, references.resolve(path));
  return kind?.toLowerCase() === "sqlite" ? {text: `sqlite:${file}`, extensions: ["sqlite"]} : {text: file, extensions: []};
}

/** A value of a libpq string that is a reference is quoted as libpq wants it, so that it may hold any character. */
function resolveKeywords(text: string, references: References): string {
  const filled = text.replaceAll(/=\s*(\$\{[^}]+\})/g, (_match, reference: string) => {
    const value = references.resolveSecret(reference).replaceAll("\\", "\\\\").replaceAll("'", "\\'");
    references.hide(value);
    return `='${value}'`;
  });
  return references.resolve(filled);
}
