/** What a training run answers. */
import type {DayReport, TrainReport} from "../pipeline/train.js";
import {formatCount, formatDuration, formatNumber} from "./format.js";

export function reportToData(report: TrainReport): Record<string, unknown> {
  return {
    service: report.service,
    plan_digest: report.planDigest,
    output_directory: report.outputDirectory,
    rows: report.rows,
    seconds: report.seconds,
    days: report.days.map((day) => ({
      day: day.day,
      state: day.state,
      rows: day.rows,
      seconds: day.seconds,
      directory: day.directory,
      checks: day.checks.map(({check, severity, isPassed, found}) => ({check, severity, is_passed: isPassed, found})),
    })),
  };
}

/** The days in one line each way, what the checks found, and where the rows are. */
export function renderReport(report: TrainReport): string {
  const written = report.days.filter((day) => day.state === "written");
  const current = report.days.length - written.length;
  const lines = [
    `${report.service}: wrote ${formatNumber(written.length, "day")} with ${formatCount(report.rows)} rows in ${formatDuration(report.seconds)}; ${current} current`,
    ...written.flatMap(renderFailedChecks),
    report.outputDirectory,
  ];
  return lines.join("\n");
}

function renderFailedChecks({day, checks}: DayReport): string[] {
  return checks.filter((check) => !check.isPassed).map(({severity, check, found}) => `  ${day}: ${severity} ${check}: ${found}`);
}
