/** What a training run answers. */
import type {DayReport, TrainReport} from "../pipeline/train.js";
import {formatCount, formatDuration, formatNumber, formatPath} from "./format.js";

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

/** How many days were written, what the checks found in them, and where the rows are, for somebody in that folder. */
export function renderReport(report: TrainReport, directory: string): string {
  const written = report.days.filter((day) => day.state === "written");
  const current = report.days.length - written.length;
  const lines = [
    `${report.service}: wrote ${formatNumber(written.length, "day")} with ${formatCount(report.rows)} rows in ${formatDuration(report.seconds)}; ${current} current`,
    ...written.flatMap(renderFailedChecks),
    formatPath(report.outputDirectory, directory),
  ];
  return lines.join("\n");
}

function renderFailedChecks({day, checks}: DayReport): string[] {
  return checks.filter((check) => !check.isPassed).map(({severity, check, found}) => `  ${day}: ${severity} ${check}: ${found}`);
}
