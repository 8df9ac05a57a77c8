/** What a training run would do: for each day and column whether it is current, stale or missing, and why. Computes nothing. */
import {DayPlanner, reasonOfDay, type DayPlan, type FindPublished} from "./day-plan.js";
import {realEffects} from "./effects.js";
import {enrichmentOperators, openService, sinkColumns, type OpenEffects, type OpenService, type ServiceOptions} from "./open-service.js";
import type {Stage} from "./partition.js";
import type {PartitionSummary} from "./partition-summary.js";
import {chosenSnapshots} from "./run-snapshots.js";
import type {Verdict} from "./verdict.js";

export type State = Verdict["state"];

export interface ColumnState {
  readonly name: string;
  readonly state: State;
  /** Undefined for a current column. */
  readonly reason: string | undefined;
}

/** Days that need the same for the same reason. */
export interface DayGroup {
  readonly days: readonly string[];
  readonly state: State;
  readonly reason: string | undefined;
  readonly columns: readonly ColumnState[];
}

export interface ServicePlan {
  readonly service: string;
  readonly outputDirectory: string;
  /** All days, in order. */
  readonly days: readonly string[];
  /** In the order of their first days. */
  readonly groups: readonly DayGroup[];
  /** View -> the snapshot of its lake or table by which this was decided, of views whose YAML names none. */
  readonly snapshots: ReadonlyMap<string, string>;
}

/**
 * @throws ProblemsError for definitions and sources that do not fit, as training does
 */
export async function planService(options: ServiceOptions, effects: OpenEffects = realEffects): Promise<ServicePlan> {
  const open = await openService(options, effects);
  return planOpenService(open, (stage, day) => open.partitions.summaries.find(stage, day));
}

export function planOpenService(open: OpenService, find: FindPublished): ServicePlan {
  const plans = planDays(open, new DayPlanner(open), find);
  const groups = new Map<string, {days: string[]; plan: DayPlan}>();
  for (const plan of plans) {
    const key = [plan.skeleton, plan.dataset, plan.lake].map(keyOf).join("\n");
    const group = groups.get(key);
    if (group) group.days.push(plan.day);
    else groups.set(key, {days: [plan.day], plan});
  }
  return {
    service: open.service.name,
    outputDirectory: open.partitions.directory,
    days: open.days,
    groups: [...groups.values()].map(({days, plan}) => ({days, state: stateOfDay(plan), reason: reasonOfDay(plan), columns: columnStates(open, plan)})),
    snapshots: chosenSnapshots(open.sources.values()),
  };
}

/** Plans every wanted day by what is published now. */
export function planDays({days, partitions}: OpenService, planner: DayPlanner, find: FindPublished): readonly DayPlan[] {
  const plans = days.map((day) => planner.planDay(day, find));
  partitions.summaries.save();
  return plans;
}

/** Looks at each partition once, however often it is asked for. */
export function findBySummary({partitions}: OpenService): (stage: Stage, day: string) => PartitionSummary | string {
  const found = {skeleton: new Map<string, PartitionSummary | string>(), dataset: new Map<string, PartitionSummary | string>()};
  return (stage, day) => {
    let published = found[stage].get(day);
    if (published === undefined) {
      published = partitions.summaries.find(stage, day);
      found[stage].set(day, published);
    }
    return published;
  };
}

function keyOf(verdict: Verdict | undefined): string {
  if (!verdict || verdict.state === "current") return verdict?.state ?? "";
  const columns = verdict.state === "stale" && verdict.scope === "columns" ? [...verdict.columns].join(";") : "";
  return `${verdict.state}|${verdict.reason}|${columns}`;
}

/** A day is there when the stage is that users read. */
function stateOfDay({skeleton, dataset, lake}: DayPlan): State {
  const last = dataset ?? skeleton!;
  if (last.state === "missing") return "missing";
  return last.state === "current" && [skeleton, lake].every((verdict) => verdict === undefined || verdict.state === "current") ? "current" : "stale";
}

function columnStates({plan}: OpenService, {skeleton, dataset}: DayPlan): readonly ColumnState[] {
  const embeddings = new Set(enrichmentOperators(plan).map((op) => op.column));
  const names = [...new Set([...(dataset ? sinkColumns(plan, "dataset") : []), ...(skeleton ? sinkColumns(plan, "skeleton") : [])])];
  return names.map((name) => {
    // An embedding is the dataset's; its place in the skeleton only matters where no dataset is made.
    const stages = dataset && embeddings.has(name) ? [dataset] : [skeleton, dataset];
    for (const verdict of stages) {
      if (!verdict || verdict.state === "current") continue;
      if (verdict.state === "missing" || verdict.scope === "rows") {
        // Columns that are current in the skeleton are carried into the new dataset as they are.
        const isCarried = verdict === dataset && skeleton?.state === "stale" && skeleton.scope === "columns" && verdict.state === "stale" && !embeddings.has(name);
        if (isCarried) continue;
        return {name, state: verdict.state, reason: verdict.reason};
      }
      const reason = verdict.columns.get(name);
      if (reason !== undefined) return {name, state: "stale", reason};
    }
    return {name, state: "current", reason: undefined};
  });
}
