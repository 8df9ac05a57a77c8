/** How the days of a service stand: what a plan says of them, what failed its checks, and how much is published. */
import {realEffects, type Effects} from "./effects.js";
import {lastStage, openService, type ServiceOptions} from "./open-service.js";
import {planOpenService, type State} from "./plan-days.js";

export interface DayStatus {
  readonly day: string;
  /** `failed`: what its last run made did not pass its checks, and is not published. */
  readonly state: State | "failed";
  /** Undefined for a current day. */
  readonly reason: string | undefined;
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
export async function readStatus(options: ServiceOptions, effects: Pick<Effects, "environment" | "onEvent"> = realEffects): Promise<ServiceStatus> {
  const open = await openService(options, effects);
  const {partitions} = open;
  const days = new Map<string, DayStatus>();
  for (const {days: those, state, reason} of planOpenService(open).groups) for (const day of those) days.set(day, {day, state, reason});
  for (const [day, reason] of partitions.failures()) {
    const found = days.get(day);
    // A day that is current since has not failed.
    if (found && found.state !== "current") days.set(day, {day, state: "failed", reason});
  }
  const last = lastStage(open);
  let [rows, bytes] = [0, 0];
  let lastWrittenAt: string | undefined;
  for (const stage of ["skeleton", "dataset"] as const) {
    for (const day of partitions.publishedDays(stage)) {
      const manifest = partitions.findManifest(stage, day);
      if (!manifest) continue;
      if (stage === last) rows += manifest.rows;
      bytes += manifest.files.reduce((sum, file) => sum + file.bytes, 0);
      if (lastWrittenAt === undefined || manifest.written_at > lastWrittenAt) lastWrittenAt = manifest.written_at;
    }
  }
  const sorted = [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
  return {service: open.service.name, outputDirectory: partitions.directory, days: sorted, rows, bytes, lastWrittenAt};
}
