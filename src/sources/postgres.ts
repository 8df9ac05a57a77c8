/**
 * PostgreSQL through DuckDB's extension, attached for reading only. User and password go into a secret of the session and never
 * into the connection string, which DuckDB repeats when it cannot connect.
 */
import {createHash} from "node:crypto";
import {resolve} from "node:path";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {TimeColumn} from "./day-parts.js";
import {ownerOf, References, type Environment} from "./environment.js";
import {quoteName, quoteText} from "./quote.js";
import {renderNarrowedQuery, trimQuery} from "./narrowed-query.js";
import type {Source} from "./source.js";
import {getCredential, rejectForeignOptions} from "./source-options.js";
import {parseTableName} from "./table-name.js";

const tlsOptions = ["sslmode", "sslrootcert", "sslcert", "sslkey"] as const;
const optionNames = [...tlsOptions, "connect_timeout"] as const;

/** Of text, what is equal depends on the type and collation that a column has there. */
const keyTypes: ReadonlySet<string> = new Set(["SMALLINT", "INTEGER", "BIGINT", "UUID"]);

/** What a server that does not answer may take of a run. */
const connectSecondsDefault = 10;

interface Address {
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly host: string;
  readonly port: string | undefined;
  readonly database: string | undefined;
  readonly query: URLSearchParams;
}

export function openPostgres(view: View, location: string, project: Project, environment: Environment): Source {
  const references = new References(ownerOf(view), environment);
  rejectForeignOptions(view, {kind: "PostgreSQL", options: optionNames, credentials: ["user", "password"]});
  const address = parseAddress(view, location, references);
  const user = getCredential(ownerOf(view), references, "user") ?? address.user;
  const password = getCredential(ownerOf(view), references, "password") ?? address.password;
  const values = {HOST: address.host, PORT: address.port, DATABASE: address.database, USER: user, PASSWORD: password};
  const settings = [...optionNames].flatMap((name) => {
    const value = view.source.options.get(name) ?? address.query.get(name) ?? (name === "connect_timeout" ? String(connectSecondsDefault) : undefined);
    return value === undefined ? [] : [`${name}=${quoteSetting(resolveSetting(name, references.resolve(value), project.root))}`];
  });
  const database = `postgres_${digestOf([values, settings])}`;
  const secret = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${quoteText(value)}`]));
  const {tableName, query} = view.source;
  const table = tableName === undefined ? undefined : parseTableName(tableName, "public");
  const from = table ? quoteTable(table) : `(${trimQuery(query ?? "")}) AS source`;
  const ask = (sql: string): string => `postgres_query(${quoteText(database)}, ${quoteText(sql)})`;
  return {
    extensions: ["postgres"],
    setup: [
      `CREATE SECRET IF NOT EXISTS ${quoteName(database)} (TYPE postgres, ${secret.join(", ")})`,
      `ATTACH IF NOT EXISTS ${quoteText([...settings, "application_name=daedalus"].join(" "))} AS ${quoteName(database)} (TYPE postgres, SECRET ${quoteName(database)}, READ_ONLY)`,
    ],
    secrets: references.secrets,
    files: [],
    keyTypes,
    // DuckDB asks a table only for the columns and rows that it needs; a query is told here.
    renderRelation: (_files, bounds) => (table && !bounds?.keys ? [database, ...table].map(quoteName).join(".") : ask(renderNarrowedQuery(from, bounds))),
    renderParts: (time) => [...(table ? [renderParts(from, time, "sum(xmin::text::bigint)")] : []), renderParts(from, time, "0")].map((sql) => `FROM ${ask(sql)}`),
    traces: [table ? quoteTable(table) : from, database],
    label: table ? `${address.database ?? ""}.${table.join(".")}` : `${address.database ?? ""} query`,
  };
}

/**
 * A row for each UTC day: how many rows it has, and, of a table, the sum of the transactions that wrote them, which changes
 * with every row that is written again. Views and queries have no such number.
 */
function renderParts(from: string, time: TimeColumn | undefined, version: string): string {
  return `SELECT ${time === undefined ? "NULL::bigint" : renderDay(time)} AS day, count(*) AS rows, coalesce(${version}, 0)::text AS version FROM ${from} GROUP BY 1`;
}

/** Days since 1970, as the difference of two dates where the type allows: the epoch of an instant is a numeric, which takes four times as long. */
function renderDay({name, type}: TimeColumn): string {
  const column = quoteName(name);
  const date = type === "TIMESTAMP" ? `${column}::date` : type === "TIMESTAMP WITH TIME ZONE" ? `(${column} AT TIME ZONE 'UTC')::date` : undefined;
  const day = date === undefined ? `floor(extract(epoch FROM ${column}) / 86400)` : `(${date} - date '1970-01-01')`;
  return `CASE WHEN isfinite(${column}) THEN ${day}::bigint END`;
}

function parseAddress(view: View, location: string, references: References): Address {
  // A reference that holds all of the URL is resolved first, and is then a secret as a whole.
  const isWhole = /^\$\{[^}]+\}$/.test(location);
  const url = isWhole ? references.resolveSecret(location) : location;
  const match = /^postgres(?:ql)?:\/\/(?:([^:/?#]*?|\$\{[^}]+\})(?::(.*))?@)?([^:/?#@]*|\$\{[^}]+\}|\[[0-9a-f:]+\])(?::(\d+|\$\{[^}]+\}))?(?:\/([^?#]*))?(?:\?(.*))?$/i.exec(url);
  if (!match) throw DaedalusError.of("source-unreadable", {view: view.name, reason: "the URL is not postgresql://user:password@host:port/database"}, {place: view.source.place});
  const [, user, password, host = "", port, database, query] = match;
  const fill = (text: string): string => (isWhole ? decodeURIComponent(text) : references.resolve(text));
  return {
    user: user === undefined || user === "" ? undefined : fill(user),
    password: password === undefined ? undefined : isWhole ? references.resolveSecret(decodeURIComponent(password)) : references.resolveSecret(password),
    host: host === "" ? "localhost" : fill(host),
    port: port === undefined ? undefined : fill(port),
    database: database === undefined || database === "" ? undefined : fill(database),
    query: new URLSearchParams(query ?? ""),
  };
}

/** libpq would look for files from where the command was called. It takes `system` for the authorities that the machine trusts. */
function resolveSetting(name: (typeof optionNames)[number], value: string, root: string): string {
  const isFile = name === "sslcert" || name === "sslkey" || (name === "sslrootcert" && value !== "system");
  return isFile ? resolve(root, value) : value;
}

const quoteTable = (table: readonly string[]): string => table.map(quoteName).join(".");
const quoteSetting = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
const digestOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);
