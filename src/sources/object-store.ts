/**
 * Parquet in S3, R2 or what speaks their protocol, and behind HTTP. Each view brings a secret of its own that holds for its prefix
 * only, so that two views may come from two accounts.
 */
import {createHash} from "node:crypto";
import type {View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {ownerOf, References, type Environment, type Owner} from "./environment.js";
import type {ExtensionName} from "./extensions.js";
import {renderParquetRelation} from "./parquet.js";
import {quoteName, quoteText} from "./quote.js";
import {getCredential, getOption, rejectForeignOptions} from "./source-options.js";
import type {Source} from "./source.js";
import {schemeOf} from "./source-kind.js";

export const storeCredentials = ["access_key_id", "secret_access_key", "session_token"] as const;
export const storeOptions = ["endpoint", "region", "url_style", "use_ssl", "account_id", "anonymous"] as const;

/** What the machine itself may have of credentials: a chain finds it, and nobody may see it. */
const chainVariables = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

export function openObjectStore(view: View, location: string, environment: Environment): Source {
  const scheme = schemeOf(location);
  const isHttp = scheme === "http" || scheme === "https";
  const references = new References(ownerOf(view), environment);
  rejectForeignOptions(view, isHttp ? {kind: "HTTP", options: [], credentials: ["bearer_token"]} : {kind: "an object store", options: [...storeOptions, "day_partition"], credentials: storeCredentials});
  assertWholeKeys(view);
  const path = references.resolve(location);
  const chain = chainVariables.flatMap((name) => environment[name] ?? []);
  const {sql, extensions} = isHttp ? renderHttpSecret(view, path, references) : renderStoreSecret(ownerOf(view), path, references);
  return {
    extensions,
    setup: sql === undefined ? [] : [sql],
    secrets: [...references.secrets, ...chain],
    files: [],
    hasFooters: true,
    // What a store answers to one listing: no file is opened for it.
    listing: {path, sql: `SELECT filename AS path, size, epoch_us(last_modified) AS modified_us FROM read_blob(${quoteText(isHttp ? path : globOf(path))}) ORDER BY path`},
    renderRelation: (files) => renderParquetRelation(files ?? [globOf(path)]),
  };
}

interface Secret {
  /** The statement that makes it; undefined where none is needed. */
  readonly sql: string | undefined;
  readonly extensions: readonly ExtensionName[];
}

function renderHttpSecret(view: View, path: string, references: References): Secret {
  const token = getCredential(ownerOf(view), references, "bearer_token");
  const host = /^https?:\/\/[^/]+/.exec(path)?.[0] ?? path;
  const secret = token === undefined ? undefined : `TYPE http, SCOPE ${quoteText(`${host}/`)}, BEARER_TOKEN ${quoteText(token)}`;
  return {sql: secret && renderSecret(secret), extensions: ["httpfs"]};
}

const renderSecret = (terms: string): string => `CREATE SECRET IF NOT EXISTS ${quoteName(`store_${digestOf(terms)}`)} (${terms})`;

/** @throws DaedalusError `source-incomplete` for half of a pair of keys */
export function assertWholeKeys({name: view, source: {credentials, place}}: View): void {
  if (credentials.has("access_key_id") === credentials.has("secret_access_key")) return;
  const reason = `says only one of "access_key_id" and "secret_access_key"`;
  throw DaedalusError.of("source-incomplete", {view, reason, hint: "set both, or neither to use what the machine itself has"}, {place});
}

/** For all below the path; also for a DuckLake that keeps its data there. */
export function renderStoreSecret(owner: Owner, path: string, references: References): Secret & {readonly sql: string} {
  const option = (name: (typeof storeOptions)[number]): string | undefined => getOption(owner, references, name);
  const [key, secret, token] = storeCredentials.map((name) => getCredential(owner, references, name));
  const isChained = key === undefined && option("anonymous") !== "true";
  const endpoint = option("endpoint");
  const terms = [
    `TYPE ${schemeOf(path) === "r2" ? "r2" : "s3"}`,
    `SCOPE ${quoteText(prefixOf(path))}`,
    ...(isChained ? ["PROVIDER credential_chain"] : []),
    ...(key === undefined ? [] : [`KEY_ID ${quoteText(key)}`, `SECRET ${quoteText(secret!)}`]),
    ...(token === undefined ? [] : [`SESSION_TOKEN ${quoteText(token)}`]),
    ...renderTerm("REGION", option("region")),
    ...renderTerm("ACCOUNT_ID", option("account_id")),
    ...renderTerm("URL_STYLE", option("url_style")),
    ...(endpoint === undefined ? [] : [`ENDPOINT ${quoteText(endpoint.replace(/^https?:\/\//, ""))}`]),
    ...renderTerm("USE_SSL", option("use_ssl") ?? (endpoint?.startsWith("http://") === true ? "false" : undefined)),
  ];
  return {sql: renderSecret(terms.join(", ")), extensions: isChained ? ["httpfs", "aws"] : ["httpfs"]};
}

const renderTerm = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`${name} ${quoteText(value)}`]);

/** A folder means all parquet files below it. */
function globOf(path: string): string {
  return /[*?[\]]|\.parquet$/.test(path) ? path : `${path.replace(/\/$/, "")}/**/*.parquet`;
}

/** What stands before the first wildcard. */
const prefixOf = (path: string): string => /^[^*?[]*/.exec(path)![0];
const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);
