/** An Iceberg table, read as one of its snapshots. Which file of its metadata is current says its version hint, or who names the file. */
import type {Project, View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {Environment} from "./environment.js";
import {quoteText} from "./quote.js";
import {wantedSnapshot} from "./source-options.js";
import type {Ask, FoundSnapshot, Snapshot, Source} from "./source.js";
import {missingTable, openTableFolder, renderNarrowed} from "./table-folder.js";

const kind = {name: "an Iceberg table", options: ["snapshot", "as_of", "newest_metadata"]};

export function openIceberg(view: View, location: string, project: Project, environment: Environment): Source {
  const {path, label, extensions, ...folder} = openTableFolder(view, location, project, environment, kind);
  const {options} = view.source;
  const at = ({id, file}: Snapshot): Source => {
    // Numbers of snapshots are random 64 bits, which a JSON number cannot hold. A table without rows has none yet.
    const terms = `${quoteText(file!)}${id === "" ? "" : `, snapshot_from_id => ${id}`}`;
    return {
      ...base,
      ...(id === "" ? {} : {snapshot: id}),
      renderRelation: (_files, bounds) => renderNarrowed(`iceberg_scan(${terms})`, bounds),
      renderTableFiles: (time) => renderFiles(terms, time),
    };
  };
  const find = async (ask: Ask): Promise<FoundSnapshot> => {
    const file = await findMetadata(view, path, ask);
    return findSnapshot(file, options, await ask(renderHistory(file, options.get("as_of"))));
  };
  const base = {...folder, extensions: ["avro", "iceberg", ...extensions] as const, label};
  const wanted = wantedSnapshot(view.source);
  return {...base, renderRelation: () => `iceberg_scan(${quoteText(path)})`, pin: {lake: `iceberg ${path} ${wanted}`, wanted, find, at}};
}

const metadataPattern = /\.metadata\.json$/;

async function findMetadata(view: View, path: string, ask: Ask): Promise<string> {
  if (metadataPattern.test(path)) return path;
  const rows = await ask(`SELECT file FROM glob(${quoteText(`${path}/metadata/*`)})`);
  const names = rows.map((row) => (row["file"] as string).split("/").at(-1)!);
  const files = names.filter((name) => metadataPattern.test(name));
  if (files.length === 0) return missingTable(view, {path, kind});
  const at = (name: string): string => `${path}/metadata/${name}`;
  if (names.includes("version-hint.text")) {
    const [row] = await ask(`SELECT trim(content, E' \\n\\r\\t') AS version FROM read_text(${quoteText(at("version-hint.text"))})`);
    const version = row?.["version"] as string;
    const named = files.find((name) => [version, `v${version}.metadata.json`, `${version}.metadata.json`].includes(name));
    if (named !== undefined) return at(named);
    throw DaedalusError.of("source-unreadable", {view: view.name, reason: `metadata/version-hint.text of ${path} says "${version}", and there is no metadata of that version`}, {place: view.source.place});
  }
  if (files.length === 1) return at(files[0]!);
  if (view.source.options.get("newest_metadata") === "true") return at(files.reduce((best, name) => (versionOf(name) > versionOf(best) ? name : best)));
  const reason = `is an Iceberg table without metadata/version-hint.text: which of its ${files.length} metadata files is current only its catalog knows`;
  const hint = 'end "path" in /metadata/<file>.metadata.json, or set "newest_metadata: true" in "options" to read the one with the highest number';
  throw DaedalusError.of("source-incomplete", {view: view.name, reason, hint}, {place: view.source.place});
}

/** `v12.metadata.json`, `00012-<uuid>.metadata.json`. */
const versionOf = (name: string): number => Number(/^v?(\d+)/.exec(name)?.[1] ?? -1);

/** Snapshots, and the instants from which each was the current one. Numbers stay text: they have 64 bits. */
function renderHistory(file: string, asOf: string | undefined): string {
  const list = (what: string): string => `UNNEST(from_json(json_extract(content, '$."${what}"'), '[{"snapshot-id": "VARCHAR", "timestamp-ms": "BIGINT"}]')) AS entry`;
  const wanted = asOf === undefined ? "NULL" : `epoch_ms(CAST(${quoteText(asOf)} AS TIMESTAMPTZ))`;
  return `WITH metadata AS (SELECT content::JSON AS content FROM read_text(${quoteText(file)})),
    entries AS (SELECT 'snapshot' AS kind, ${list("snapshots")} FROM metadata UNION ALL SELECT 'log', ${list("snapshot-log")} FROM metadata)
    SELECT kind, entry."snapshot-id" AS id, entry."timestamp-ms" AS ms, ${wanted} AS wanted_ms FROM entries
    UNION ALL SELECT 'current', json_extract_string(content, '$."current-snapshot-id"'), NULL, NULL FROM metadata`;
}

function findSnapshot(file: string, options: ReadonlyMap<string, string>, rows: readonly Record<string, unknown>[]): FoundSnapshot {
  const of = (kind: string): readonly Record<string, unknown>[] => rows.filter((row) => row["kind"] === kind);
  const ids = of("snapshot").map((row) => row["id"] as string);
  const current = (of("current")[0]?.["id"] as string | null) ?? "-1";
  const known = ids.length === 0 ? "none" : `${ids.slice(-5).join(", ")}${ids.length > 5 ? ` and ${ids.length - 5} older ones` : ""}`;
  const found = (id: string | undefined): FoundSnapshot => ({snapshot: id === undefined || !ids.includes(id) ? undefined : {id, file}, known});
  const wanted = options.get("snapshot");
  if (wanted !== undefined) return found(wanted);
  // A table may have gone back to an older snapshot: which one was current, and since when, is in the log.
  if (options.has("as_of")) return found((of("log").length > 0 ? of("log") : of("snapshot")).filter((row) => (row["ms"] as bigint) <= (row["wanted_ms"] as bigint)).at(-1)?.["id"] as string | undefined);
  return current === "-1" ? {snapshot: {id: "", file}, known} : found(current);
}

/** Data files with the bounds of their timestamps; of files that only take rows away nothing says which days these are of. */
function renderFiles(terms: string, time: string | undefined): string {
  const bounds = `SELECT file_path, min(epoch_us(TRY_CAST(lower_bound AS TIMESTAMPTZ))) AS min_us, max(epoch_us(TRY_CAST(upper_bound AS TIMESTAMPTZ))) AS max_us
    FROM iceberg_column_stats(${terms}) WHERE status <> 'DELETED' AND column_name = ${quoteText(time ?? "")} GROUP BY ALL`;
  return `SELECT file_path AS file, content AS version, CASE WHEN manifest_content = 'DATA' THEN record_count ELSE 0 END AS rows,
      CASE WHEN manifest_content = 'DATA' THEN min_us END AS min_us, CASE WHEN manifest_content = 'DATA' THEN max_us END AS max_us
    FROM iceberg_metadata(${terms}) LEFT JOIN (${bounds}) USING (file_path) WHERE status <> 'DELETED' ORDER BY file`;
}
