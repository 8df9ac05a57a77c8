/** Which days a run is about. */
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import type {Project} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {quoteName} from "../sources/quote.js";
import {renderInstant} from "../engines/duckdb/emit.js";
import {dayUs, monthsRange, parseDay, renderDay} from "./day.js";
import {boundsOf, type CheckedSource} from "./source-check.js";
import {partsBetween, sourceTimeOf} from "./source-parts.js";
import type {SourceSummaries} from "./source-summary.js";

/** Days `YYYY-MM-DD`, both inclusive. */
export interface DayRange {
  readonly firstDay: string;
  readonly lastDay: string;
}

/**
 * The wanted days in order: the target day alone, those of a range, or every day of the months `feed_start..feed_end` on which the spine's view
 * has a row.
 * @throws DaedalusError `day-wrong`, `day-empty`, `range-wrong`, `range-empty`, `months-missing` or `months-empty`
 */
export async function listDays(
  session: DuckDbSession,
  spine: CheckedSource,
  project: Project,
  {targetDay, dayRange, summaries}: {readonly targetDay?: string | undefined; readonly dayRange?: DayRange | undefined; readonly summaries?: SourceSummaries},
): Promise<{days: readonly string[]; emptyMonths: readonly string[]}> {
  const view = spine.view.name;
  if (targetDay !== undefined) {
    const startUs = parseDay(targetDay);
    if (startUs === undefined) throw DaedalusError.of("day-wrong", {day: targetDay});
    const [found] = await daysWithRows(session, spine, startUs, startUs + dayUs);
    if (found !== undefined) return {days: [found], emptyMonths: []};
    const nearby = await daysWithRows(session, spine, startUs - 7 * dayUs, startUs + 8 * dayUs);
    throw DaedalusError.of("day-empty", {day: targetDay, view, nearest: nearby});
  }
  if (dayRange) {
    const {startUs, endUs} = rangeOf(dayRange);
    const days = await daysWithRows(session, spine, startUs, endUs);
    if (days.length === 0) throw DaedalusError.of("range-empty", {...dayRange, view});
    return {days, emptyMonths: []};
  }
  const {feedStart, feedEnd} = project.runtime;
  if (feedStart === undefined) throw DaedalusError.of("months-missing", {key: "feed_start"});
  if (feedEnd === undefined) throw DaedalusError.of("months-missing", {key: "feed_end"});
  const {startUs, endUs} = monthsRange(feedStart, feedEnd);
  const days = (summaries && (await daysOfFiles(session, spine, {startUs, endUs, summaries}))) ?? (await daysWithRows(session, spine, startUs, endUs));
  if (days.length === 0) throw DaedalusError.of("months-empty", {first: feedStart, last: feedEnd, view});
  const seen = new Set(days.map((day) => day.slice(0, 7).replace("-", "")));
  return {days, emptyMonths: monthsBetween(startUs, endUs).filter((month) => !seen.has(month))};
}

/** @throws DaedalusError for what are no days, or end before they begin */
export function rangeOf({firstDay, lastDay}: DayRange): {startUs: number; endUs: number} {
  const startUs = parseDay(firstDay);
  const lastUs = parseDay(lastDay);
  if (startUs === undefined) throw DaedalusError.of("day-wrong", {day: firstDay});
  if (lastUs === undefined) throw DaedalusError.of("day-wrong", {day: lastDay});
  if (lastUs < startUs) throw DaedalusError.of("range-wrong", {firstDay, lastDay});
  return {startUs, endUs: lastUs + dayUs};
}

function monthsBetween(startUs: number, endUs: number): string[] {
  const months: string[] = [];
  for (let us = startUs; us < endUs; us = monthsRange(months.at(-1)!, months.at(-1)!).endUs) months.push(renderDay(us).slice(0, 7).replace("-", ""));
  return months;
}

interface SummarizedRange {
  readonly startUs: number;
  readonly endUs: number;
  readonly summaries: SourceSummaries;
}

/** By the days of each file, of which those are read that nobody looked at before. Undefined where rows do not tell their file. */
async function daysOfFiles(session: DuckDbSession, spine: CheckedSource, {startUs, endUs, summaries}: SummarizedRange): Promise<string[] | undefined> {
  if (spine.source.hasFooters !== true) return undefined;
  const files = partsBetween(spine.files, startUs, endUs);
  const summary = summaries.of(spine.view.name, sourceTimeOf(spine.view)!);
  const known = new Map(files.map((file) => [file.path, summary.find(file).days]));
  const unread = files.filter((file) => known.get(file.path) === undefined);
  const days = await readDays(session, spine, unread.map((file) => file.path));
  if (!days) return undefined;
  for (const file of unread) {
    known.set(file.path, runsOf(days.get(file.path)!));
    summary.note(file, {days: known.get(file.path)!});
  }
  const found = new Set<number>();
  for (const runs of known.values()) {
    for (const [first, last] of runs!) for (let day = Math.max(first, startUs / dayUs); day <= last && day < endUs / dayUs; day += 1) found.add(day);
  }
  return [...found].sort((a, b) => a - b).map((day) => renderDay(day * dayUs));
}

/** Path -> the days that have a row, since 1970, sorted. */
async function readDays(session: DuckDbSession, {view, source, columns}: CheckedSource, paths: readonly string[]): Promise<ReadonlyMap<string, readonly number[]> | undefined> {
  const found = new Map(paths.map((path) => [path, [] as number[]]));
  if (paths.length === 0) return found;
  const {sql} = columns.get(view.timestampColumn!)!;
  const rows = await session.rows(
    `SELECT DISTINCT filename AS path, (CAST(${sql} AS DATE) - DATE '1970-01-01')::INTEGER AS day FROM ${source.renderRelation(paths)} WHERE isfinite(${sql}) ORDER BY day`,
  );
  for (const {path, day} of rows as {path: string; day: number}[]) {
    const days = found.get(path);
    // The source has a column of that name.
    if (!days) return undefined;
    days.push(day);
  }
  return found;
}

function runsOf(days: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const day of days) {
    const run = runs.at(-1);
    if (run && day === run[1] + 1) run[1] = day;
    else runs.push([day, day]);
  }
  return runs;
}

async function daysWithRows(session: DuckDbSession, spine: CheckedSource, startUs: number, endUs: number): Promise<string[]> {
  const files = partsBetween(spine.files, startUs, endUs);
  if (files.length === 0 && spine.files.length > 0) return [];
  const time = spine.view.timestampColumn!;
  const bounds = boundsOf(spine, [time], {timeColumn: time, fromUs: startUs, endUs});
  const {sql, sourceName, sourceType} = spine.columns.get(time)!;
  const isZoned = sourceType === "TIMESTAMP WITH TIME ZONE";
  const column = isZoned || sourceType === "TIMESTAMP" ? quoteName(sourceName) : sql;
  const literal = isZoned ? "TIMESTAMPTZ" : "TIMESTAMP";
  const rows = await session.rows(
    `SELECT strftime(made_on, '%Y-%m-%d') AS day FROM (SELECT DISTINCT CAST(${column} AS DATE) AS made_on FROM ${spine.source.renderRelation(files.map((file) => file.path), bounds)}
    WHERE ${column} >= ${renderInstant(startUs, literal)} AND ${column} < ${renderInstant(endUs, literal)}) ORDER BY day`,
  );
  return rows.map((row) => row["day"] as string);
}
