/** How the days of a service stand: what a plan says of them, what failed its checks, and how much is published. */
import {realEffects} from "./effects.js";
import {lastStage, openService, type OpenEffects, type ServiceOptions} from "./open-service.js";
import {renderFinding, type CheckFinding} from "./partition-summary.js";
import type {Stage} from "./partition.js";
import {findBySummary, planOpenService, type State} from "./plan-days.js";

export interface DayStatus {
  readonly day: string;
  /** `failed`: what its last run made did not pass its checks, and is not published. */
  readonly state: State | "failed";
  /** Undefined for a current day. */
  readonly reason: string | undefined;
  /** Checks of the published partition that users read which did not pass, and did not have to. */
  readonly warnings: readonly CheckFinding[];
  /** Of a failed day: the checks that kept it from being published. */
  readonly failedChecks: readonly CheckFinding[];
}

export interface ServiceStatus {
  readonly service: string;
  readonly outputDirectory: string;
  /** The days that a run would look at, sorted. */
  readonly days: readonly DayStatus[];
  /** Of the published partitions that users read. */
  readonly rows: number;
  /** Of all published partitions. */
  readonly bytes: number;
  readonly lastWrittenAt: string | undefined;
}

/**
 * @throws ProblemsError for definitions and sources that do not fit, as training does
 */
export async function readStatus(options: ServiceOptions, effects: OpenEffects = realEffects): Promise<ServiceStatus> {
  const open = await openService(options, effects);
  const {partitions} = open;
  const find = findBySummary(open);
  const days = new Map<string, DayStatus>();
  const last = lastStage(open);
  const publishedDays = (stage: Stage): readonly string[] => partitions.summaries.seenDays(stage) ?? partitions.publishedDays(stage);
  const publishedOn = {skeleton: publishedDays("skeleton"), dataset: publishedDays("dataset")};
  for (const {days: those, state, reason} of planOpenService(open, find).groups) {
    for (const day of those) {
      const published = find(last, day);
      days.set(day, {day, state, reason, warnings: typeof published === "string" ? [] : published.warnings, failedChecks: []});
    }
  }
  for (const [day, failedChecks] of partitions.failures()) {
    const found = days.get(day);
    // A day that is current since has not failed.
    if (!found || found.state === "current") continue;
    const reason = failedChecks.length === 0 ? "it failed its checks" : failedChecks.map(renderFinding).join("; ");
    days.set(day, {...found, state: "failed", reason, failedChecks});
  }
  let [rows, bytes] = [0, 0];
  let lastWrittenAt: string | undefined;
  for (const stage of ["skeleton", "dataset"] as const) {
    for (const day of publishedOn[stage]) {
      const published = find(stage, day);
      if (typeof published === "string") continue;
      if (stage === last) rows += published.rows;
      bytes += published.bytes;
      if (lastWrittenAt === undefined || published.writtenAt > lastWrittenAt) lastWrittenAt = published.writtenAt;
    }
  }
  partitions.summaries.save();
  const sorted = [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
  return {service: open.service.name, outputDirectory: partitions.directory, days: sorted, rows, bytes, lastWrittenAt};
}
