/** Makes a session ready for sources, and says what a source that fails means to the user. */
import {setTimeout as sleep} from "node:timers/promises";
import type {View} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {renderInstall, renderLoad, type ExtensionName} from "../sources/extensions.js";
import type {Snapshot, Source} from "../sources/source.js";
import {reasonOf} from "./failure.js";

/** Loads extensions, attaches databases, and keeps secrets out of the session's errors. What was done before is not done again. */
export async function prepareSession(session: DuckDbSession, sources: Iterable<Pick<Source, "extensions" | "setup" | "secrets" | "remote">>): Promise<void> {
  for (const source of sources) {
    session.hide(source.secrets);
    if (source.remote) session.expect(source.remote);
    for (const name of source.extensions) await loadExtension(session, name);
    for (const sql of source.setup) await session.runOnce(sql);
  }
}

/** The source at the snapshot of its lake that all views of the run read, which the first of them finds. */
export async function pinSource(session: DuckDbSession, view: View, source: Source, snapshots: Map<string, Snapshot>): Promise<Source> {
  const {pin} = source;
  if (!pin) return source;
  let snapshot = snapshots.get(pin.lake);
  if (snapshot === undefined) {
    const found = await pin.find((sql) => session.rows(sql));
    if (found.snapshot === undefined) throw DaedalusError.of("source-snapshot-missing", {view: view.name, wanted: pin.wanted, known: found.known}, {place: view.source.place});
    snapshot = found.snapshot;
    snapshots.set(pin.lake, snapshot);
  }
  return pin.at(snapshot);
}

/** From disk; only one that is not there is asked of DuckDB's server. */
async function loadExtension(session: DuckDbSession, name: ExtensionName): Promise<void> {
  try {
    await session.runOnce(renderLoad(name));
  } catch (error) {
    if (!/not found/i.test(reasonOf(error))) throw DaedalusError.of("extension-missing", {extension: name, reason: reasonOf(error)}, {cause: error});
    try {
      await session.run(renderInstall(name));
      await session.runOnce(renderLoad(name));
    } catch (refused) {
      throw DaedalusError.of("extension-missing", {extension: name, reason: reasonOf(refused)}, {cause: refused});
    }
  }
}

const lossPattern =
  /connection (?:to server )?.*(?:refused|failed|closed|reset|lost|timed? ?out)|server closed the connection|terminating connection|could not (?:receive|send) data|no connection to the server|SSL SYSCALL|the database system is (?:starting up|shutting down|in recovery)|could not (?:connect|translate host name|establish connection)|timeout|database is locked|Connection refused|HTTP (?:Error: |code )?.*\b50[0234]\b|\b503\b/i;
const refusalPattern = /password authentication failed|Incorrect username or password|JWT token is invalid|Insufficient privileges|not authorized|no password supplied|permission denied|not permitted|no pg_hba|role ".*" does not exist|HTTP.*\b40[13]\b|Forbidden|AccessDenied|certificate verify failed|does not match host name|does not support SSL/i;

/** A server that answers, and has no such database; or a file of ours without which it is not asked. */
const absencePattern = /(?:database|root certificate file) ".*" does not exist/i;

/** The source may well answer the next time. */
export function isConnectionLoss(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    // Of the store or lake that is written to, which was asked several times already.
    if (current instanceof DaedalusError && /^(?:output|lake)-/.test(current.code)) return false;
    if (refusalPattern.test(current.message) || absencePattern.test(current.message)) return false;
    if (lossPattern.test(current.message)) return true;
  }
  return false;
}

/** What the server says stands behind the statement that it was asked, which may be long. */
function sourceReasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const said = /\b(?:ERROR|FATAL): +([^\n]+)/.exec(message)?.[1];
  // A store gives its reason a name of its own: SignatureDoesNotMatch, RequestTimeTooSkewed.
  const named = /^[A-Z][A-Za-z]+: [^\n]+/m.exec(message.split("\n").slice(1).join("\n"))?.[0];
  return said ?? (named !== undefined && message.includes("HTTP") ? `${reasonOf(error)}: ${named}` : reasonOf(error));
}

export function explainSourceFailure(view: View, error: unknown): DaedalusError {
  const options = {place: view.source.place, cause: error};
  if (error instanceof DaedalusError) {
    const isExtension = error.code === "extension-missing" && error.place === undefined;
    return isExtension ? DaedalusError.of("extension-missing", {...(error.facts as {extension: string; reason: string}), view: view.name}, options) : error;
  }
  const reason = sourceReasonOf(error);
  const facts = {view: view.name, reason, hint: hintOf(reason)};
  if (refusalPattern.test(reason)) return DaedalusError.of("source-denied", facts, options);
  return isConnectionLoss(error) ? DaedalusError.of("source-unreachable", facts, options) : DaedalusError.of("source-unreadable", facts, options);
}

/** What to do about the failures that have one cause; undefined for any other. */
function hintOf(reason: string): string | undefined {
  if (/root certificate file .*does not exist|certificate verify failed/i.test(reason)) return 'name the certificate of the authority that signed the server\'s in "sslrootcert"; a file is looked for from the project\'s folder';
  if (/does not match host name/i.test(reason)) return 'name the host in "database_path" as the certificate does, or set "sslmode: verify-ca", which trusts the authority for any host';
  if (/RequestTimeTooSkewed|RequestExpired/i.test(reason)) return "set the clock of this machine: the store compares it with its own";
  if (/\b50[0234]\b|SlowDown/.test(reason)) return "the store is down or overloaded: run again when it answers";
  if (/(?:relation|table with name|schema) .*does not exist|no such table/i.test(reason)) return 'check "table_name" of the source, with its schema, or the names in its "query"';
  if (/column .*does not exist/i.test(reason)) return 'check the columns that the "query", "timestamp_field" and "field_mapping" name';
  if (/database .*does not exist/i.test(reason)) return 'check the database in "database_path"';
  if (/cannot open file|unable to open|no such file|no files found|\b404\b|NoSuchKey|NoSuchBucket/i.test(reason)) return "check the path; a file that a table or a listing names and that is gone has to be put back, or an older or newer snapshot read";
  return undefined;
}

/** How long to wait before each further attempt: a server that restarts is back after seconds. */
const waitsMs = [300, 1500];
export const attemptsMax = waitsMs.length + 1;

/** Does the work again, a bounded number of times, when the connection to a source was lost. */
export async function retryLost<T>(work: (attempt: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const wait = waitsMs[attempt - 1];
      if (wait === undefined || signal?.aborted === true || !isConnectionLoss(error)) throw error;
      await sleep(wait, undefined, signal ? {signal} : {});
    }
  }
}
