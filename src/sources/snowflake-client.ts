/** The one file that knows `snowflake-sdk`, which is installed by those who read from Snowflake. */
import {createRequire} from "node:module";
import {join} from "node:path";
import type {RemoteColumn, RemoteRows} from "./remote-tables.js";

/** What is used of the package. */
interface Sdk {
  configure(options: Readonly<Record<string, unknown>>): void;
  createConnection(options: Readonly<Record<string, unknown>>): Connection;
}

type Done<T> = (error: Error | undefined | null, value: T) => void;

interface Connection {
  connect(done: Done<unknown>): void;
  execute(options: {readonly sqlText: string; readonly streamResult: true; readonly rowMode: "array"; readonly fetchAsString: readonly string[]; readonly complete: Done<Statement>}): void;
  destroy(done: Done<unknown>): void;
}

interface Statement {
  getColumns(): readonly Column[];
  streamRows(): AsyncIterable<readonly unknown[]>;
}

interface Column {
  getName(): string;
  getType(): string;
  getScale(): number;
  getPrecision(): number;
}

/** A Date of the client, which has the whole instant beside JavaScript's milliseconds. */
interface Instant {
  getEpochSeconds(): number;
  getNanoSeconds(): number;
}

export interface SnowflakeLogin {
  readonly account: string;
  readonly username: string;
  readonly authenticator: string;
  /** Password, token or private key, as the client calls them. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string | undefined>>;
  /** Undefined: the account's own host. */
  readonly accessUrl: string | undefined;
  readonly connectSeconds: number;
  /** Until the first rows of a query. The client by itself asks a server that went away a thousand times. */
  readonly querySeconds: number;
}

/** Rows that are passed on at once. */
const batchRows = 16_384;

/** From the project, then from beside us; undefined where it is installed in neither. */
export function findSnowflakeSdk(root: string): Sdk | undefined {
  for (const from of [join(root, "package.json"), import.meta.url]) {
    try {
      return createRequire(from)("snowflake-sdk") as Sdk;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

/**
 * Runs one query in a connection of its own.
 * @param hasList columns that are read as lists of their declared type, which Snowflake does not know
 */
export async function runSnowflake(sdk: Sdk, login: SnowflakeLogin, query: string, listTypes: ReadonlyMap<string, string>): Promise<RemoteRows> {
  const connection = await connect(sdk, login);
  try {
    const asked = new Promise<Statement>((resolve, reject) =>
      connection.execute({
        sqlText: query,
        streamResult: true,
        rowMode: "array",
        // As numbers, whole ones beyond 2^53 would change.
        fetchAsString: ["Number", "JSON"],
        complete: (error, value) => (error ? reject(explain(error)) : resolve(value)),
      }),
    );
    const statement = await within(login.querySeconds, asked);
    const columns = statement.getColumns();
    return {columns: columns.map((column) => describe(column, listTypes)), batches: readBatches(statement, connection)};
  } catch (error) {
    close(connection);
    throw error;
  }
}

async function connect(sdk: Sdk, {account, username, authenticator, credentials, settings, accessUrl, connectSeconds}: SnowflakeLogin): Promise<Connection> {
  // Otherwise it writes a log into the working folder.
  sdk.configure({logLevel: "OFF", logFilePath: "STDOUT", additionalLogToConsole: false});
  const connection = sdk.createConnection({
    account, username, authenticator, ...credentials, ...settings,
    ...(accessUrl !== undefined && {accessUrl}),
    application: "daedalus",
    clientSessionKeepAlive: false,
    sfRetryMaxLoginRetries: 1,
  });
  await within(connectSeconds, new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(explain(error)) : resolve()))));
  return connection;
}

async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`connection to Snowflake timed out: ${seconds} seconds without an answer`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Nobody waits for a server that may be gone. */
function close(connection: Connection): void {
  connection.destroy(() => undefined);
}

async function* readBatches(statement: Statement, connection: Connection): AsyncIterable<(string | null)[][]> {
  try {
    let batch: (string | null)[][] = [];
    for await (const row of statement.streamRows()) {
      batch.push(row.map(toText));
      if (batch.length < batchRows) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } catch (error) {
    throw explain(error as Error);
  } finally {
    close(connection);
  }
}

function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) {
    const seconds = "getEpochSeconds" in value ? (value as unknown as Instant) : undefined;
    return seconds ? String(BigInt(seconds.getEpochSeconds()) * 1_000_000n + BigInt(Math.floor(seconds.getNanoSeconds() / 1000))) : String(BigInt(value.getTime()) * 1000n);
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

const cast = (type: string): Omit<RemoteColumn, "name"> => ({type, sql: (text) => `CAST(${text} AS ${type})`});
const instant = (type: string): Omit<RemoteColumn, "name"> => ({type, sql: (text) => `CAST(make_timestamp(CAST(${text} AS BIGINT)) AS ${type})`});
/** Not read: the type says so when the column is wanted. */
const foreign = (type: string): Omit<RemoteColumn, "name"> => ({type, sql: () => `NULL::${type}`});

function describe(column: Column, listTypes: ReadonlyMap<string, string>): RemoteColumn {
  const name = column.getName();
  const list = listTypes.get(name);
  return {name, ...typeOf(column, list)};
}

function typeOf(column: Column, list: string | undefined): Omit<RemoteColumn, "name"> {
  switch (column.getType()) {
    case "fixed": {
      const [precision, scale] = [column.getPrecision(), column.getScale()];
      if (scale > 0) return cast(`DECIMAL(${precision}, ${scale})`);
      return cast(precision > 0 && precision <= 9 ? "INTEGER" : "BIGINT");
    }
    case "real":
      return cast("DOUBLE");
    case "boolean":
      return cast("BOOLEAN");
    case "date":
      return instant("DATE");
    case "timestamp_ntz":
      return instant("TIMESTAMP");
    case "timestamp_ltz":
    case "timestamp_tz":
      return instant("TIMESTAMPTZ");
    case "text":
      return cast("VARCHAR");
    case "array":
    case "variant":
      return list === undefined ? cast("VARCHAR") : {type: list, sql: (text) => `CAST(CAST(${text} AS JSON) AS ${list})`};
    case "object":
      return cast("VARCHAR");
    case "time":
      return foreign("TIME");
    default:
      return foreign("BLOB");
  }
}

/** What failed on the way to Snowflake is a lost connection, whatever the client calls it; its own objects hold what was sent. */
function explain(error: Error): Error {
  const {code, message} = error as Error & {code?: number | string};
  const isNetwork = /ECONN|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EPIPE|socket hang up|Network error|Could not reach|aborted|status code 50[234]|Request to Snowflake failed|could not be (?:fetched|retrieved)/i.test(`${String(code)} ${message}`) || [401001, 402001, 402002].includes(Number(code));
  const [line = ""] = message.split("\n");
  return new Error(isNetwork ? `connection to Snowflake failed: ${line}` : `Snowflake: ${line}`);
}
