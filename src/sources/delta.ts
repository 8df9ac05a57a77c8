/** A Delta table, read as one of its versions, which are the numbers of the files in its log. */
import type {Project, View} from "../definitions/model.js";
import type {Environment} from "./environment.js";
import {quoteName, quoteText} from "./quote.js";
import {wantedSnapshot} from "./source-options.js";
import type {Ask, Bounds, FoundSnapshot, Snapshot, Source} from "./source.js";
import {missingTable, openTableFolder, renderNarrowed} from "./table-folder.js";

const kind = {name: "a Delta table", options: ["snapshot", "as_of", "day_partition"]};

export function openDelta(view: View, location: string, project: Project, environment: Environment): Source {
  const {path, label, extensions, ...folder} = openTableFolder(view, location, project, environment, kind);
  const {options} = view.source;
  const partition = options.get("day_partition");
  const at = ({id}: Snapshot): Source => {
    const terms = `${quoteText(path)}, version => ${id}`;
    return {
      ...base,
      snapshot: id,
      renderRelation: (_files, bounds) => renderNarrowed(`delta_scan(${terms})`, bounds, ...daysOf(partition, bounds)),
      renderTableFiles: () => renderFiles(terms, partition),
      hasTableFooters: true,
    };
  };
  const find = async (ask: Ask): Promise<FoundSnapshot> => {
    const [row] = await ask(renderFindVersion(path, options));
    const {version, oldest, newest} = row as {version: bigint | null; oldest: bigint | null; newest: bigint | null};
    if (newest === null) return missingTable(view, {path, kind});
    return {snapshot: version === null ? undefined : {id: Number(version)}, known: `${oldest ?? newest} to ${newest}`};
  };
  const base = {...folder, extensions: ["delta", ...extensions] as const, label};
  const wanted = wantedSnapshot(view.source);
  return {...base, renderRelation: () => `delta_scan(${quoteText(path)})`, pin: {lake: `delta ${path} ${wanted}`, wanted, find, at}};
}

/**
 * A version can be read from 0 on, or, where the log was cleaned up, from its oldest checkpoint on. When one was written says its commit;
 * times of files change with every copy.
 */
function renderFindVersion(path: string, options: ReadonlyMap<string, string>): string {
  const [snapshot, asOf] = [options.get("snapshot"), options.get("as_of")];
  const log = `${path}/_delta_log`;
  const files = `SELECT regexp_extract(parse_filename(file), '^(\\d{20})\\.', 1) AS digits, file LIKE '%.json' AND file NOT LIKE '%checkpoint%' AS is_commit FROM glob(${quoteText(`${log}/*`)})`;
  const known = `SELECT max(digits::BIGINT) AS newest, CASE WHEN min(digits::BIGINT) FILTER (is_commit) = 0 THEN 0 ELSE min(digits::BIGINT) FILTER (NOT is_commit) END AS oldest FROM (${files}) WHERE digits <> ''`;
  if (asOf === undefined) {
    const version = snapshot === undefined ? "newest" : `CASE WHEN ${Number(snapshot)} BETWEEN coalesce(oldest, newest) AND newest THEN ${Number(snapshot)} END`;
    return `SELECT ${version}::BIGINT AS version, oldest, newest FROM (${known})`;
  }
  const commits = `SELECT regexp_extract(parse_filename(filename), '^(\\d{20})', 1)::BIGINT AS number,
      max(coalesce(json_extract(json, '$.commitInfo.inCommitTimestamp'), json_extract(json, '$.commitInfo.timestamp'))::BIGINT) AS ms
    FROM read_json_objects(${quoteText(`${log}/[0-9]*.json`)}, format = 'newline_delimited', filename = true) GROUP BY 1`;
  return `SELECT max(number) FILTER (number >= coalesce(oldest, newest) AND ms <= epoch_ms(CAST(${quoteText(asOf)} AS TIMESTAMPTZ))) AS version,
      any_value(oldest) AS oldest, any_value(newest) AS newest FROM (${known}) LEFT JOIN (${commits}) ON true`;
}

/** The extension passes over partitions, and over files by columns of other types, but not by instants. */
function daysOf(partition: string | undefined, bounds: Bounds | undefined): readonly string[] {
  const time = bounds?.time;
  if (partition === undefined || time === undefined) return [];
  const day = (text: string): string => quoteText(text.slice(0, 10));
  const isMidnight = time.end !== undefined && /00:00:00(?:\.0+)?(?:\+00)?$/.test(time.end);
  const name = quoteName(partition);
  return [...(time.from === undefined ? [] : [`${name} >= ${day(time.from)}`]), ...(time.end === undefined ? [] : [`${name} ${isMidnight ? "<" : "<="} ${day(time.end)}`])];
}

/** A file whose rows were taken away by a deletion vector has the same name, and fewer rows. */
function renderFiles(terms: string, partition: string | undefined): string {
  const day = partition === undefined ? "NULL::DATE" : `TRY_CAST(partitions[${quoteText(partition)}] AS DATE)`;
  return `SELECT data_file AS file, delete_count AS version, greatest(cardinality::BIGINT - delete_count::BIGINT, 0) AS rows, epoch_us(${day}) AS min_us, epoch_us(${day} + INTERVAL 1 DAY) - 1 AS max_us
    FROM delta_list_files(${terms}, delete_count => true) ORDER BY file`;
}
