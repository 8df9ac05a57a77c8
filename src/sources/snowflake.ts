/** A query that Snowflake runs. DuckDB cannot ask it, so what a day needs of the answer is streamed into the session. */
import {createHash} from "node:crypto";
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {declaredTypes} from "./declared-types.js";
import {ownerOf, References, type Environment} from "./environment.js";
import {quoteName} from "./quote.js";
import {RemoteTables} from "./remote-tables.js";
import {findSnowflakeSdk, runSnowflake, type SnowflakeLogin} from "./snowflake-client.js";
import type {Source} from "./source.js";
import {getCredential, getOption, rejectForeignOptions} from "./source-options.js";
import {renderNarrowedQuery, trimQuery} from "./narrowed-query.js";

const settingNames = ["warehouse", "role", "database", "schema"] as const;
const optionNames = [...settingNames, "endpoint", "connect_timeout", "query_timeout"] as const;
const credentialNames = ["user", "password", "token", "private_key", "private_key_passphrase"] as const;
const connectSecondsDefault = 10;
const querySecondsDefault = 900;

export function openSnowflake(view: View, location: string, project: Project, environment: Environment): Source {
  const references = new References(ownerOf(view), environment);
  rejectForeignOptions(view, {kind: "Snowflake", options: optionNames, credentials: credentialNames});
  const query = trimQuery(view.source.query ?? incomplete(view, 'is Snowflake, which is read by query', 'set "query", such as "SELECT * FROM shop.public.prices"'));
  const login = readLogin(view, location, references);
  const sdk = findSnowflakeSdk(project.root);
  if (!sdk) throw DaedalusError.of("package-missing", {view: view.name, what: "Snowflake", package: "snowflake-sdk"}, {place: view.source.place});
  const lists = new Map(declaredTypes(view).filter(([, type]) => type.endsWith("[]")));
  const {account, settings, username, accessUrl} = login;
  const place = JSON.stringify([account, settings, username, accessUrl, [...lists]]);
  const remote = new RemoteTables(place, (sql) => runSnowflake(sdk, login, sql, lists));
  const from = `(${query}) AS source`;
  return {
    extensions: [],
    setup: [],
    secrets: references.secrets,
    files: [],
    remote,
    renderRelation: (_files, bounds) => remote.nameOf(renderNarrowedQuery(from, bounds, {TIMESTAMP: "TIMESTAMP_NTZ", TIMESTAMPTZ: "TIMESTAMP_TZ"})),
    renderHeader: () => remote.nameOf(`SELECT * FROM ${from} LIMIT 0`),
    renderParts: (time) => ["HASH_AGG(*)", "0"].map((version) => `FROM ${remote.nameOf(renderParts(from, time?.name, version))}`),
    label: `${account} query ${createHash("sha256").update(query).digest("hex").slice(0, 8)}`,
  };
}

/** Names are quoted in capitals where Snowflake would make them so: what comes back is called as `parts` are. */
function renderParts(from: string, timeColumn: string | undefined, version: string): string {
  const day = timeColumn === undefined ? "CAST(NULL AS BIGINT)" : `FLOOR(DATE_PART(EPOCH_SECOND, ${quoteName(timeColumn)}) / 86400)::BIGINT`;
  return `SELECT ${day} AS "day", COUNT(*) AS "rows", CAST(${version} AS VARCHAR) AS "version" FROM ${from} GROUP BY 1`;
}

function incomplete(view: View, reason: string, hint: string): never {
  throw DaedalusError.of("source-incomplete", {view: view.name, reason, hint}, {place: view.source.place});
}

function readLogin(view: View, location: string, references: References): SnowflakeLogin {
  const account = /^snowflake:\/\/([^/@?]+)\/?$/i.exec(references.resolve(location))?.[1];
  if (account === undefined) incomplete(view, "has an address that is not snowflake://ACCOUNT", "the user stands in credentials, warehouse, role, database and schema in options");
  const credential = (name: (typeof credentialNames)[number]): string | undefined => getCredential(ownerOf(view), references, name);
  const option = (name: (typeof optionNames)[number]): string | undefined => getOption(view.source, references, name);
  const [user, password, token, key, passphrase] = credentialNames.map(credential);
  const given = [password, token, key].filter((value) => value !== undefined);
  if (given.length !== 1) incomplete(view, `says ${given.length === 0 ? "none" : "several"} of "password", "token" and "private_key"`, "set one of them in credentials");
  if (user === undefined) incomplete(view, 'says no "user"', "set it in credentials");
  return {
    account,
    username: user,
    ...(key !== undefined
      ? {authenticator: "SNOWFLAKE_JWT", credentials: {privateKey: key, ...(passphrase !== undefined && {privateKeyPass: passphrase})}}
      : token !== undefined
        ? {authenticator: "OAUTH", credentials: {token}}
        : {authenticator: "SNOWFLAKE", credentials: {password: password!}}),
    settings: Object.fromEntries(settingNames.map((name) => [name, option(name)]).filter(([, value]) => value !== undefined) as [string, string][]),
    accessUrl: option("endpoint"),
    connectSeconds: Number(option("connect_timeout") ?? connectSecondsDefault),
    querySeconds: Number(option("query_timeout") ?? querySecondsDefault),
  };
}
