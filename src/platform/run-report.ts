/** Runs and their logs on a terminal. */
import type {LogLine} from "./runs/run-log.js";
import type {RunAnswer, RunPage} from "./schemas/run-schemas.js";
import {formatDuration} from "./format.js";
import {renderTable} from "./table.js";

export function renderRuns({runs, next_cursor: next}: RunPage): string {
  if (runs.length === 0) return "no runs";
  const rows = runs.map((run) => ({run: run.run_id, status: run.status, service: run.service, days: describeDays(run), runner: run.runner, took: describeTime(run)}));
  const table = renderTable(["run", "status", "service", "days", "runner", "took"], rows);
  return next === null ? table : `${table}\nmore: --cursor ${next}`;
}

export function renderLogLine({at, level, text}: LogLine): string {
  return `${at.slice(0, 19).replace("T", " ")}  ${level === "info" ? "" : `${level}: `}${text}`;
}

function describeDays({first_day: first, last_day: last}: RunAnswer): string {
  return first === last ? first : `${first} to ${last}`;
}

function describeTime({started_at: started, finished_at: finished}: RunAnswer): string {
  if (started === null) return "";
  if (finished === null) return "still running";
  return formatDuration(Math.max(0, Date.parse(finished) - Date.parse(started)) / 1000);
}
