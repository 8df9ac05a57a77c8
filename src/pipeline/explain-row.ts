/** Finds one row of a spine, among all events of its view, and says which rule of the service keeps it out of the dataset. */
import type {Service} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError} from "../errors.js";
import {columnsOf} from "../plan/chain.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {dayUs, renderDay} from "./day.js";
import type {Rederivation, RowSet} from "./rederive.js";

export interface FoundRow {
  /** The row and, where the session filter needs them, the others of its session and day. */
  readonly rows: RowSet;
  /** Of the row in `rows`. */
  readonly id: number;
  readonly atUs: number;
  readonly day: string;
  readonly row: Readonly<Record<string, string | null>>;
  readonly file: string | null;
  readonly fileRow: number | null;
  readonly droppedBy: string | undefined;
}

export interface RowQuery {
  readonly keys: readonly string[];
  readonly at: string;
  /** Columns of the service that will be asked for. */
  readonly columns: readonly string[];
}

const nearbyMax = 5;

export async function findRow(derivation: Rederivation, query: RowQuery): Promise<FoundRow> {
  const {session} = derivation;
  const service = derivation.service!;
  const view = derivation.spineView!;
  const time = view.timestampColumn!;
  const given = readKeys(query.keys, service, [...columnsOf(view)]);
  const atUs = await readInstant(derivation, query.at);
  const enrichmentIds = derivation.project.aggregations.enrichments.filter((spec) => query.columns.includes(spec.name)).map((spec) => spec.sourceIdColumn);
  const names = [...query.columns, ...enrichmentIds, ...service.filters.flatMap((filter) => derivation.namesIn(filter.sql))];
  const own = derivation.ownColumnsFor(view, [...service.spine.keys, time, ...derivation.rowNamesFor(names), ...derivation.spineColumns(), ...given.keys(), ...view.time.tieBreak.map((tie) => tie.column)]);
  const day = renderDay(Math.floor(atUs / dayUs) * dayUs);
  const dayStartUs = Math.floor(atUs / dayUs) * dayUs;

  const all = await derivation.sources.renderRelation(view, [...own]);
  const types = new Map((await session.describe(`SELECT * FROM ${all}`)).map((column) => [column.name, column.type]));
  const isThis = [...given].map(([name, value]) => `s.${quoteName(name)} IS NOT DISTINCT FROM ${value === null ? "NULL" : `CAST(${quoteText(value)} AS ${types.get(name)!})`}`);
  await checkValues(derivation, given, types);
  const relation = await derivation.sources.renderRelation(view, [...own], {fromUs: dayStartUs, toUs: dayStartUs + dayUs});
  const at = `make_timestamp(${atUs})`;
  const matches = await derivation.makeTable(`SELECT DISTINCT ON (${[...own].map((name) => `s.${quoteName(name)}`).join(", ")}) * FROM ${relation} AS s WHERE s.${quoteName(time)} = ${at} AND ${isThis.join(" AND ")} ORDER BY __file, __file_row`);
  const [found, ...others] = await session.rows(`SELECT ${[...own].map((name) => `CAST(${quoteName(name)} AS VARCHAR) AS ${quoteName(name)}`).join(", ")}, __file, __file_row FROM ${matches} ORDER BY ALL`);
  const shown = [...given].map(([name, value]) => `${name}=${value ?? "NULL"}`).join(", ");
  if (!found) throw DaedalusError.of("row-missing", {service: service.name, row: `${shown} at ${query.at}`, nearby: await findNearby(derivation, {relation: all, keys: [...given.keys()], isThis, atUs})});
  if (others.length > 0) {
    const column = [...own].find((name) => others.some((other) => other[name] !== found[name])) ?? time;
    const values = [...new Set([found, ...others].map((row) => (row[column] as string | null) ?? "NULL"))];
    throw DaedalusError.of("row-ambiguous", {row: `${shown} at ${query.at}`, count: others.length + 1, column, values: values.slice(0, nearbyMax)});
  }
  const sessionColumn = service.spine.sessionFilter?.column;
  const mates = sessionColumn === undefined ? "" : ` OR (s.${quoteName(time)} >= make_timestamp(${dayStartUs}) AND s.${quoteName(time)} < make_timestamp(${dayStartUs + dayUs}) AND s.${quoteName(sessionColumn)} = (SELECT ${quoteName(sessionColumn)} FROM ${matches}))`;
  // A database says no file: rows alike in every column are then as good as each other.
  const isTarget = `(s.${quoteName(time)} = ${at} AND ${isThis.join(" AND ")} AND (s.__file, s.__file_row) IS NOT DISTINCT FROM (SELECT (__file, __file_row) FROM ${matches}))`;
  const conditions = await derivation.renderSpineConditions("s");
  const isSpine = conditions.length > 0 ? `coalesce(${conditions.join(" AND ")}, false)` : "true";
  const table = await derivation.makeTable(
    `SELECT * REPLACE (__is_target AND __id = min(__id) OVER (PARTITION BY __is_target) AS __is_target) FROM (
      SELECT row_number() OVER () AS __id, ${[...own].map((name) => `s.${quoteName(name)}`).join(", ")}, s.${quoteName(time)} AS __at, ${isTarget} AS __is_target, ${isSpine} AS __is_spine
      FROM ${relation} AS s WHERE ${isTarget}${mates})`,
  );
  const rows: RowSet = {table, view, prefix: "day", columns: new Set(own)};
  const [target] = await session.rows(`SELECT __id AS id FROM ${table} WHERE __is_target`);
  const {__file: file, __file_row: fileRow, ...row} = found;
  return {
    rows,
    id: Number(target!["id"]),
    atUs,
    day,
    row: row as Record<string, string | null>,
    file: file as string | null,
    fileRow: fileRow === null ? null : Number(fileRow),
    droppedBy: await findFilter(derivation, rows),
  };
}

function readKeys(flags: readonly string[], service: Service, columns: readonly string[]): Map<string, string | null> {
  const keys = new Map<string, string | null>();
  for (const flag of flags) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(flag) ?? [];
    if (name === undefined || value === undefined) throw DaedalusError.of("flag-wrong", {flag: "key", value: flag, expected: `--key ${service.spine.keys[0] ?? "user_id"}=5`});
    if (!columns.includes(name)) throw DaedalusError.of("reference-unknown", {what: "column", name, owner: `view "${service.spine.view}"`, nearest: findNearest(name, [...service.spine.keys, ...columns]), hint: `its columns are ${columns.join(", ")}`});
    keys.set(name, value === "NULL" ? null : value);
  }
  const missing = service.spine.keys.find((key) => !keys.has(key));
  if (missing !== undefined) throw DaedalusError.of("flag-wrong", {flag: "key", value: flags.length === 0 ? undefined : flags.join(" "), expected: `--key ${missing}=...${flags.length === 0 ? "" : " as well"}: the keys of the spine are ${service.spine.keys.join(", ")}`});
  return keys;
}

async function readInstant({session}: Rederivation, text: string): Promise<number> {
  const [row] = await session.rows(`SELECT epoch_us(CASE WHEN isfinite(t) THEN t END) AS us FROM (SELECT TRY_CAST(${quoteText(text)} AS TIMESTAMPTZ) AS t)`);
  if (row!["us"] === null) throw DaedalusError.of("flag-wrong", {flag: "at", value: text, expected: "--at 2026-03-02T12:00:00.000001, in UTC where no zone is given"});
  return Number(row!["us"]);
}

async function checkValues({session}: Rederivation, given: ReadonlyMap<string, string | null>, types: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, value] of given) {
    if (value === null) continue;
    const [row] = await session.rows(`SELECT TRY_CAST(${quoteText(value)} AS ${types.get(name)!}) IS NULL AS is_wrong`);
    if (row!["is_wrong"] === true) throw DaedalusError.of("flag-wrong", {flag: "key", value: `${name}=${value}`, expected: `a value of type ${types.get(name)!}, or ${name}=NULL`});
  }
}

/** Rows of the same keys closest in time; without any, rows of other keys closest in time. */
async function findNearby(derivation: Rederivation, {relation, keys, isThis, atUs}: {relation: string; keys: readonly string[]; isThis: readonly string[]; atUs: number}): Promise<string[]> {
  const time = `s.${quoteName(derivation.spineView!.timestampColumn!)}`;
  const label = keys.map((key) => `${quoteText(`${key}=`)} || coalesce(CAST(s.${quoteName(key)} AS VARCHAR), 'NULL')`).join(" || ', ' || ");
  const read = async (where: string): Promise<string[]> => {
    const rows = await derivation.session.rows(
      `SELECT ${label} || ' at ' || strftime(${time}, '%Y-%m-%dT%H:%M:%S.%f') AS text FROM ${relation} AS s WHERE isfinite(${time}) AND ${where} ORDER BY abs(epoch_us(${time}) - ${atUs}), text LIMIT ${nearbyMax}`,
    );
    return rows.map((row) => row["text"] as string);
  };
  const same = await read(isThis.join(" AND "));
  return same.length > 0 ? same : read("true");
}

/** The first rule that keeps the row out, in the order in which they are applied. */
async function findFilter(derivation: Rederivation, rows: RowSet): Promise<string | undefined> {
  const {session} = derivation;
  const {events, coverageFilter, sessionFilter} = derivation.service!.spine;
  const holds = async (sql: string): Promise<boolean> => {
    const [row] = await session.rows(`SELECT coalesce((${sql}\n), false) AS holds FROM ${rows.table} WHERE __is_target`);
    return row!["holds"] === true;
  };
  if (events && !(await holds(`${quoteName(events.column)} IN (${events.keep.map(quoteText).join(", ")})`))) return `spine.events: ${events.column} is none of ${events.keep.join(", ")}`;
  if (coverageFilter && !(await holds("__is_spine"))) return `coverage_filter: store ${coverageFilter.store} has no embedding of ${coverageFilter.idColumn}`;
  const passed = ["__is_spine"];
  for (const filter of derivation.service!.filters) {
    for (const name of derivation.namesIn(filter.sql)) await derivation.request(rows, name);
    if (!(await holds(filter.sql))) return `filter ${filter.name}: ${filter.sql}`;
    passed.push(`coalesce((${filter.sql}\n), false)`);
  }
  if (!sessionFilter) return undefined;
  const {column, eventColumn, viewEvents, likeEvents} = sessionFilter;
  const within = (names: readonly string[]): string => (names.length === 0 ? "false" : `coalesce(${quoteName(eventColumn)} IN (${names.map(quoteText).join(", ")}), false)`);
  const [counts] = await session.rows(
    `SELECT count_if(NOT ${within(viewEvents)}) AS others, count_if(NOT ${within(viewEvents)} AND ${within(likeEvents)}) AS likes, (SELECT ${quoteName(column)} IS NOT NULL FROM ${rows.table} WHERE __is_target) AS has_session
    FROM ${rows.table} WHERE ${passed.join(" AND ")}`,
  );
  if (counts!["has_session"] !== true) return undefined;
  const [others, likes] = [Number(counts!["others"]), Number(counts!["likes"])];
  if (sessionFilter.dropViewOnly && others === 0) return `session_filter: its session has only ${viewEvents.join(", ")}`;
  if (sessionFilter.dropSingleLike && others === 1 && likes === 1) return "session_filter: its session has one like and no other event but views";
  return undefined;
}
