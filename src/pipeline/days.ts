/** Which days a run is about. */
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import type {Project} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {quoteName} from "../sources/quote.js";
import {renderInstant} from "../engines/duckdb/emit.js";
import {dayUs, monthsRange, parseDay, renderDay} from "./day.js";
import {boundsOf, type CheckedSource} from "./source-check.js";
import {partsBetween} from "./source-parts.js";

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
  {targetDay, dayRange}: {readonly targetDay?: string | undefined; readonly dayRange?: DayRange | undefined},
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
  const days = await daysWithRows(session, spine, startUs, endUs);
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
    `SELECT DISTINCT strftime(CAST(${column} AS DATE), '%Y-%m-%d') AS day FROM ${spine.source.renderRelation(files.map((file) => file.path), bounds)}
    WHERE ${column} >= ${renderInstant(startUs, literal)} AND ${column} < ${renderInstant(endUs, literal)} ORDER BY day`,
  );
  return rows.map((row) => row["day"] as string);
}
