/**
 * Whether audited partitions were made from today's definitions and sources: where they were not, a value that differs may be right
 * for what it was made from.
 */
import {basename, dirname} from "node:path";
import type {Project, Service} from "../definitions/model.js";
import {DaedalusError, ProblemsError} from "../errors.js";
import type {AuditedPartition} from "./audit-input.js";
import {DayPlanner, reasonOfDay} from "./day-plan.js";
import type {Effects} from "./effects.js";
import {openService} from "./open-service.js";
import {PartitionStore} from "./partition.js";

/** A note for each reason, as `pipeline plan` says it. */
export async function noteStale(project: Project, service: Service, partitions: readonly AuditedPartition[], environment: Effects["environment"]): Promise<readonly string[]> {
  const made = partitions.flatMap(({directory, manifest}) => (manifest && basename(directory) === `dt=${manifest.day}` ? [{store: new PartitionStore(dirname(dirname(directory))), ...manifest}] : []));
  const first = made[0];
  if (!first) return [];
  let planner: DayPlanner;
  try {
    const open = await openService({project, service, stages: first.stage === "skeleton" ? "skeleton" : "both", targetDay: first.day}, {environment, onEvent: () => undefined});
    planner = new DayPlanner(open);
  } catch (error) {
    if (!(error instanceof DaedalusError) && !(error instanceof ProblemsError)) throw error;
    return [`whether definitions or sources have changed since cannot be said: ${error.message}`];
  }
  const days = new Map<string, string[]>();
  for (const {store, day, stage} of made) {
    // A dataset names its skeleton alone: without that, nothing says what its rows were made from.
    if (stage === "dataset" && typeof store.findPublished("skeleton", day) === "string") continue;
    const reason = reasonOfDay({...planner.planDay(day, (wanted, wantedDay) => store.findPublished(wanted, wantedDay)), lake: undefined});
    if (reason !== undefined) days.set(reason, [...(days.get(reason) ?? []), day]);
  }
  return [...days].map(([reason, those]) => `${describeDays(those)} stale (${reason}): what differs may come from that change and be no leak`);
}

function describeDays(days: readonly string[]): string {
  return days.length === 1 ? `dt=${days[0]!} is` : `${days.length} partitions, dt=${days[0]!} to dt=${days.at(-1)!}, are`;
}
