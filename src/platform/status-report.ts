/** What `pipeline status` answers: a calendar with a line for each month and a character for each day. */
import type {DayStatus, ServiceStatus} from "../pipeline/status.js";
import {formatBytes, formatCount, formatNumber, formatPath} from "./format.js";
import {takePage, type PageParams} from "./page.js";
import type {StatusAnswer} from "./schemas/pipeline-schemas.js";

const symbols: Readonly<Record<DayStatus["state"], string>> = {current: "#", stale: "~", missing: "-", failed: "!"};
/** A current day whose checks warned. */
const warned = "?";
const noData = ".";
const states = ["current", "stale", "missing", "failed"] as const;

/** With a page of the days; counts are of all. */
export function serviceStatusToData(status: ServiceStatus, page: PageParams = {}): StatusAnswer {
  const {entries, next} = takePage(status.days, ({day}) => day, page);
  return {
    service: status.service,
    output_directory: status.outputDirectory,
    counts: {current: countOf(status, "current"), stale: countOf(status, "stale"), missing: countOf(status, "missing"), failed: countOf(status, "failed")},
    rows: status.rows,
    bytes: status.bytes,
    last_written_at: status.lastWrittenAt ?? null,
    days: entries.map(({day, state, reason, warnings, failedChecks}) => ({day, state, reason: reason ?? null, warnings, failed_checks: failedChecks})),
    next_cursor: next,
  };
}

const countOf = ({days}: ServiceStatus, state: DayStatus["state"]): number => days.filter((day) => day.state === state).length;

/** `directory`: the reader's. */
export function renderServiceStatus(status: ServiceStatus, directory: string): string {
  const counted = states.map((state) => `${formatCount(countOf(status, state))} ${state}`);
  const written = status.lastWrittenAt === undefined ? "nothing written yet" : `last written ${status.lastWrittenAt.slice(0, 19).replace("T", " ")} UTC`;
  return [
    `${status.service}: ${counted.join(", ")}`,
    `${formatCount(status.rows)} rows, ${formatBytes(status.bytes)}, ${written}`,
    "",
    `${" ".repeat(9)}1        10        20        30`,
    ...renderMonths(status.days),
    "",
    [...states.map((state) => `${symbols[state]} ${state}`), `${warned} current, with warnings`, `${noData} no data`].join("   "),
    ...status.days.filter(({state}) => state === "failed").map(({day, reason}) => `${day} failed: ${reason}`),
    ...renderWarnings(status.days),
    formatPath(status.outputDirectory, directory),
  ].join("\n");
}

/** A line for each check that warned, however many days it did on. */
function renderWarnings(days: readonly DayStatus[]): string[] {
  const last = new Map<string, {count: number; day: string; found: string}>();
  for (const {day, warnings} of days) for (const {check, found} of warnings) last.set(check, {count: (last.get(check)?.count ?? 0) + 1, day, found});
  return [...last].map(([check, {count, day, found}]) => (count === 1 ? `${day} warned: ${check} (${found})` : `${formatNumber(count, "day")} warned: ${check}; last ${day} (${found})`));
}

/** A line for each month that has a day. */
function renderMonths(days: readonly DayStatus[]): string[] {
  const months = new Map<string, string[]>();
  for (const {day, state, warnings} of days) {
    const month = day.slice(0, 7);
    let line = months.get(month);
    if (!line) {
      const length = new Date(Date.UTC(Number(day.slice(0, 4)), Number(day.slice(5, 7)), 0)).getUTCDate();
      line = Array.from({length}, () => noData);
      months.set(month, line);
    }
    line[Number(day.slice(8)) - 1] = state === "current" && warnings.length > 0 ? warned : symbols[state];
  }
  return [...months].map(([month, line]) => `${month}  ${line.join("")}`);
}
