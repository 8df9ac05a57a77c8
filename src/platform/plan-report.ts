/** What `pipeline plan` answers: days that need the same in one line, with their columns below. */
import type {ColumnState, DayGroup, ServicePlan, State} from "../pipeline/plan-days.js";
import {formatCount, formatNumber, formatPath} from "./format.js";
import type {PlanAnswer} from "./schemas/pipeline-schemas.js";

const states = ["missing", "stale", "current"] as const;

export function servicePlanToData(plan: ServicePlan): PlanAnswer {
  return {
    service: plan.service,
    output_directory: plan.outputDirectory,
    counts: countStates(plan),
    groups: plan.groups.map(({days, state, reason, columns}) => ({
      days,
      state,
      reason: reason ?? null,
      columns: columns.map((column) => ({name: column.name, state: column.state, reason: column.reason ?? null})),
    })),
  };
}

function countStates({groups}: ServicePlan): Record<State, number> {
  const count = (state: string): number => groups.reduce((sum, group) => sum + (group.state === state ? group.days.length : 0), 0);
  return {missing: count("missing"), stale: count("stale"), current: count("current")};
}

/** `directory`: the reader's. */
export function renderServicePlan(plan: ServicePlan, directory: string): string {
  const counts = countStates(plan);
  const said = states.map((state) => `${formatCount(counts[state])} ${state}`).join(", ");
  const positions = new Map(plan.days.map((day, index) => [day, index]));
  const runs = plan.groups.flatMap((group) => splitRuns(group, positions)).sort((a, b) => a.first - b.first);
  return [
    `${plan.service}: ${formatNumber(plan.days.length, "day")}, ${said}`,
    ...runs.flatMap(({days, group}) => renderRun(days, group)),
    formatPath(plan.outputDirectory, directory),
  ].join("\n");
}

interface DayRun {
  readonly group: DayGroup;
  /** Position of the first day among all days. */
  readonly first: number;
  readonly days: readonly string[];
}

/** Days of a group that no day of another group lies between. */
function splitRuns(group: DayGroup, positions: ReadonlyMap<string, number>): DayRun[] {
  const runs: {group: DayGroup; first: number; days: string[]}[] = [];
  for (const day of group.days) {
    const position = positions.get(day)!;
    const last = runs.at(-1);
    if (last && last.first + last.days.length === position) last.days.push(day);
    else runs.push({group, first: position, days: [day]});
  }
  return runs;
}

function renderRun(days: readonly string[], {state, reason, columns}: DayGroup): string[] {
  const range = days.length === 1 ? days[0]! : `${days[0]!} to ${days.at(-1)!}`;
  const line = `  ${range.padEnd(24)}  ${formatNumber(days.length, "day").padEnd(8)}  ${state}`;
  const those = columns.filter((column) => column.state !== "current");
  const reasons = groupReasons(those);
  // A reason that is every column's is the day's.
  if (reasons.size <= 1 && those.length === columns.length) return [reason === undefined || reason === state ? line : `${line}: ${reason}`];
  if (reasons.size === 0) return [reason === undefined ? line : `${line}: ${reason}`];
  return [line, ...[...reasons].map(([why, names]) => `      ${names.join(", ")}: ${why}`)];
}

function groupReasons(columns: readonly ColumnState[]): ReadonlyMap<string, readonly string[]> {
  const reasons = new Map<string, string[]>();
  for (const {name, reason} of columns) reasons.set(reason ?? "", [...(reasons.get(reason ?? "") ?? []), name]);
  return reasons;
}
