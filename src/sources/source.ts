/** Where the rows of a view live: which kind of source its keys name, opened as statements and a relation. */
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {TimeColumn} from "./day-parts.js";
import {openDatabaseFile} from "./database-file.js";
import {openDelta} from "./delta.js";
import {openDuckLake} from "./ducklake.js";
import {ownerOf, References, type Environment} from "./environment.js";
import type {ExtensionName} from "./extensions.js";
import {openIceberg} from "./iceberg.js";
import {openObjectStore} from "./object-store.js";
import {openParquet} from "./parquet.js";
import {openPostgres} from "./postgres.js";
import type {RemoteTables} from "./remote-tables.js";
import {openSnowflake} from "./snowflake.js";
import {kindOf, schemeOf, type SourceKind} from "./source-kind.js";
import {isTextFile, openTextFiles} from "./text-files.js";

/** What a scan will look at, in the source's own names, for sources that have to be told. */
export interface Bounds {
  readonly columns: readonly string[];
  /** Only rows with one of these values, as text; a source that has `keyTypes` leaves others out. */
  readonly keys?: readonly {readonly column: string; readonly type: string; readonly values: readonly string[]}[];
  /** Instants as text, `[from, end)`; undefined: open. */
  readonly time: {readonly column: string; readonly type: "TIMESTAMP" | "TIMESTAMPTZ"; readonly from: string | undefined; readonly end: string | undefined} | undefined;
}

/** Runs a query in the session that the source was made ready in. */
export type Ask = (sql: string) => Promise<readonly Record<string, unknown>[]>;

/** What all of a run reads of a lake or a table with a history. */
export interface Snapshot {
  /** As manifests say it; text where a number has more digits than JSON keeps. */
  readonly id: number | string;
  /** Of an Iceberg table: the metadata that knows it. */
  readonly file?: string;
}

export interface FoundSnapshot {
  /** Undefined: there is none such. */
  readonly snapshot: Snapshot | undefined;
  /** Those that there are, in words. */
  readonly known: string;
}

export interface Source {
  readonly extensions: readonly ExtensionName[];
  /** Statements that a session runs once before it uses the relation. Views of one database have the same ones. */
  readonly setup: readonly string[];
  /** Values that must not be shown, whoever's message they are in. */
  readonly secrets: readonly string[];
  /** Local files behind the relation, sorted; empty for a database and where `listing` finds them. */
  readonly files: readonly string[];
  /** Of files elsewhere: a query for `path`, `size` and `modified_us` of each, and where it looks. */
  readonly listing?: {readonly path: string; readonly sql: string};
  /** A relation for a FROM clause; `files` narrows it to some of the source's files. */
  renderRelation(files?: readonly string[], bounds?: Bounds): string;
  /** DuckDB's types of keys that the source can be asked by: what they equal is the same there and here. */
  readonly keyTypes?: ReadonlySet<string>;
  /** The same columns without a row, of a source that is better not asked for all of them. */
  renderHeader?(): string;
  /** Brings the tables that the relations of this source name. */
  readonly remote?: RemoteTables;
  /**
   * Of a source without files: queries that split it by UTC day into parts that can change, with the columns `day` (days since
   * 1970, NULL: unknown), `rows` and `version`. The first that the source can answer counts.
   */
  renderParts?(time: TimeColumn | undefined): readonly string[];
  /**
   * Of a table that keeps a list of its files: a query for what it consists of, with the columns `file`, `version` (what else can
   * change), `rows`, and `min_us` and `max_us` of the timestamp (NULL: unknown).
   */
  renderTableFiles?(timeColumn: string | undefined): string;
  /** Of such a table: what its list does not know of their times, the footers of its files tell. */
  readonly hasTableFooters?: boolean;
  /** Of a source without files: what an error about it repeats of where it is. */
  readonly traces?: readonly string[];
  /** Of a source without files: what manifests call it. */
  readonly label?: string;
  /** The files are parquet, whose footers tell the range of each column, and whose rows have numbers. */
  readonly hasFooters?: boolean;
  /** What the relation reads of a lake, where that is one snapshot. */
  readonly snapshot?: Snapshot["id"];
  /** Of a lake: how to find the snapshot that all of a run reads. Views with the same `lake` read the same one. */
  readonly pin?: {
    readonly lake: string;
    /** What the view asks for; empty: the newest. */
    readonly wanted: string;
    find(ask: Ask): Promise<FoundSnapshot>;
    at(snapshot: Snapshot): Source;
  };
}

type Open = (view: View, location: string, project: Project, environment: Environment) => Source;

const openers: Readonly<Record<Exclude<SourceKind, "unknown">, Open>> = {
  parquet: (view, location, project, environment) => (isTextFile(location) ? openTextFiles : openParquet)(view, location, project, environment),
  ducklake: openDuckLake,
  iceberg: openIceberg,
  delta: openDelta,
  duckdb: (view, location, project, environment) => openDatabaseFile(view, location, project, environment, "duckdb"),
  sqlite: (view, location, project, environment) => openDatabaseFile(view, location, project, environment, "sqlite"),
  "object-store": (view, location, _project, environment) => openObjectStore(view, location, environment),
  postgres: openPostgres,
  snowflake: openSnowflake,
};

/** @throws DaedalusError when the source has no files, needs a missing variable, or is of a kind that is not supported. */
export function openSource(view: View, project: Project, environment: Environment): Source {
  const location = view.source.path ?? view.source.databasePath ?? "";
  // The scheme may be part of a variable: `database_path: ${DATABASE_URL}`.
  const isWhole = /^\$\{[^}]+\}/.test(location);
  const kind = kindOf(view, isWhole ? new References(ownerOf(view), environment).resolve(location) : location);
  return kind === "unknown" ? refuse(view, location) : openers[kind](view, location, project, environment);
}

function refuse(view: View, location: string): never {
  throw DaedalusError.of("source-unsupported", {view: view.name, scheme: schemeOf(location) ?? "database_path"}, {place: view.source.place});
}
