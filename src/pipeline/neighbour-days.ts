/** Other days of the dataset that checks compare with, as they are published when the check runs. */
import type {Service} from "../definitions/model.js";
import type {Manifest} from "./manifest.js";
import type {PartitionStore, Stage} from "./partition.js";

export interface Neighbours {
  readonly partitions: PartitionStore;
  readonly stage: Stage;
  /** The day that is being checked. */
  readonly day: string;
}

const shownMax = 5;

/** The manifest of the pinned day, or without one of the newest day before; undefined where none is published. */
export function findComparedManifest({partitions, stage, day}: Neighbours, pinnedDay: string | undefined): Manifest | undefined {
  if (pinnedDay !== undefined) return partitions.findManifest(stage, pinnedDay);
  const earlier = partitions.publishedDays(stage).filter((published) => published < day);
  for (const published of earlier.reverse()) {
    const manifest = partitions.findManifest(stage, published);
    if (manifest) return manifest;
  }
  return undefined;
}

export function describeUnpublished({partitions, stage}: Neighbours, pinnedDay: string): string {
  const near = [...partitions.publishedDays(stage)].sort((a, b) => distance(a, pinnedDay) - distance(b, pinnedDay));
  if (near.length === 0) return `${pinnedDay} is not published, and no other day is: train it first`;
  const more = near.length > shownMax ? `, and ${near.length - shownMax} more` : "";
  return `${pinnedDay} is not published: train it first, or compare with one of ${near.slice(0, shownMax).sort().join(", ")}${more}`;
}

const distance = (a: string, b: string): number => Math.abs(Date.parse(a) - Date.parse(b));

/** Days that checks of the service compare with: a run makes those first, so that the others are held against what it makes now. */
export function pinnedDays({columns, checks}: Service): ReadonlySet<string> {
  const all = [...checks, ...(columns ?? []).flatMap((column) => column.checks)];
  return new Set(all.flatMap((check) => ("againstDay" in check && check.againstDay !== undefined ? [check.againstDay] : [])));
}
