/**
 * A DuckLake table, whichever database holds its catalog. What a run reads is one snapshot: the newest when it opens the lake, or
 * the one that `snapshot` or `as_of` names.
 */
import {createHash} from "node:crypto";
import {resolve} from "node:path";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {renderDayParts} from "./day-parts.js";
import {ownerOf, References, type Environment, type Owner} from "./environment.js";
import type {ExtensionName} from "./extensions.js";
import {assertWholeKeys, renderStoreSecret, storeCredentials, storeOptions} from "./object-store.js";
import {quoteName, quoteText} from "./quote.js";
import {rejectForeignOptions, wantedSnapshot} from "./source-options.js";
import type {Ask, FoundSnapshot, Snapshot, Source} from "./source.js";
import {parseTableName} from "./table-name.js";

/** A lake as a session knows it. */
export interface Lake {
  /** Of the database in a session; the same lake has the same one. */
  readonly name: string;
  /** Of a catalog in a file its path. */
  readonly file: string | undefined;
  readonly extensions: readonly ExtensionName[];
  attach(mode: "READ_ONLY" | "READ_WRITE"): readonly string[];
}

/** @param location as `database_path` has it: `ducklake:...` */
export function resolveLake(owner: Owner, {location, dataPath}: {readonly location: string; readonly dataPath: string | undefined}, root: string, references: References): Lake {
  const isStored = isInBucket(dataPath, references);
  const catalog = resolveCatalog(location.replace(/^ducklake:/i, ""), references, root);
  const data = dataPath === undefined ? undefined : isStored ? references.resolve(dataPath) : resolve(root, references.resolve(dataPath));
  const store = isStored ? renderStoreSecret(owner, data!, references) : undefined;
  const name = `lake_${createHash("sha256").update(JSON.stringify([catalog.text, data])).digest("hex").slice(0, 12)}`;
  const settings = data === undefined ? [] : [`DATA_PATH ${quoteText(`${data.replace(/\/$/, "")}/`)}`];
  return {
    name,
    file: catalog.file,
    extensions: [...new Set<ExtensionName>(["ducklake", ...catalog.extensions, ...(store?.extensions ?? [])])],
    attach: (mode) => {
      const terms = [...settings, ...(mode === "READ_ONLY" ? [mode] : [])];
      return [...(store ? [store.sql] : []), `ATTACH IF NOT EXISTS ${quoteText(`ducklake:${catalog.text}`)} AS ${quoteName(name)}${terms.length === 0 ? "" : ` (${terms.join(", ")})`}`];
    },
  };
}

const isInBucket = (dataPath: string | undefined, references: References): boolean => dataPath !== undefined && /^(s3|r2):/.test(references.resolve(dataPath));

export function openDuckLake(view: View, location: string, project: Project, environment: Environment): Source {
  const references = new References(ownerOf(view), environment);
  const {dataPath, options} = view.source;
  const isStored = isInBucket(dataPath, references);
  rejectForeignOptions(view, {kind: "DuckLake", options: ["snapshot", "as_of", ...(isStored ? storeOptions : [])], credentials: isStored ? storeCredentials : []});
  assertWholeKeys(view);
  if (view.source.tableName === undefined) {
    const hint = 'set "table_name", with a schema where it is not "main"';
    throw DaedalusError.of("source-incomplete", {view: view.name, reason: "is a DuckLake, which is read by table", hint}, {place: view.source.place});
  }
  const lake = resolveLake(ownerOf(view), {location, dataPath}, project.root, references);
  const [schema, table] = parseTableName(view.source.tableName, "main");
  const name = [lake.name, schema, table].map(quoteName).join(".");
  const base = {
    extensions: lake.extensions,
    setup: lake.attach("READ_ONLY"),
    secrets: references.secrets,
    files: [],
    traces: [name, ...(dataPath === undefined ? [] : [`/${schema}/${table}/`])],
    label: `${schema}.${table}`,
  };
  const at = (snapshot: Snapshot | undefined): Source => {
    const from = snapshot === undefined ? name : `${name} AT (VERSION => ${snapshot.id})`;
    return {
      ...base,
      ...(snapshot === undefined ? {} : {snapshot: snapshot.id}),
      renderRelation: () => from,
      // A row that is written again belongs to a newer snapshot; one that is only moved to another file does not.
      renderParts: (time) => [renderDayParts(`(SELECT *, snapshot_id AS __snapshot FROM ${from})`, time, "sum(__snapshot)")],
    };
  };
  const find = async (ask: Ask): Promise<FoundSnapshot> => {
    const [row] = await ask(renderFindSnapshot(lake.name, options));
    const {snapshot, oldest, newest} = row as {snapshot: bigint | null; oldest: bigint; newest: bigint};
    return {snapshot: snapshot === null ? undefined : {id: Number(snapshot)}, known: `${oldest} to ${newest}`};
  };
  const wanted = wantedSnapshot(view.source);
  return {...at(undefined), pin: {lake: `${lake.name} ${wanted}`, wanted, find, at}};
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
  readonly file: string | undefined;
}

/** `postgres:host=... password=${X}`, `sqlite:file` or a DuckDB file; files start from the project's root. */
function resolveCatalog(text: string, references: References, root: string): Catalog {
  if (/^postgres:/i.test(text)) return {text: resolveKeywords(text, references), extensions: ["postgres"], file: undefined};
  const [, kind, path = ""] = /^(?:(sqlite|duckdb):)?(.*)$/is.exec(text)!;
  const file = resolve(root, references.resolve(path));
  return kind?.toLowerCase() === "sqlite" ? {text: `sqlite:${file}`, extensions: ["sqlite"], file} : {text: file, extensions: [], file};
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
