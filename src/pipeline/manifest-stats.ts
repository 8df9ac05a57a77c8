/** A look at very many manifests, in a thread beside the one that reads their summaries. */
import {Worker} from "node:worker_threads";

/** Size, inode, and times of change: whoever writes the manifest anew changes one of them. */
export type FileIdentity = readonly [size: number, inode: number, modifiedMs: number, changedMs: number];

/** Days and, four numbers each, the identities of their manifests. */
export interface SeenStage {
  readonly days: readonly string[];
  readonly identities: Float64Array;
}

/** Seen from the sources and from the compiled files alike. */
const threadUrl = new URL("../../dist/pipeline/manifest-stats-thread.js", import.meta.url);

/** For each folder with a `dt=<day>` a partition: day -> identity of its manifest. Undefined where no thread can be had: nothing was seen. */
export function statInThread(directories: readonly string[]): Promise<readonly ReadonlyMap<string, FileIdentity>[] | undefined> {
  return new Promise((resolve) => {
    const worker = new Worker(threadUrl, {execArgv: [], workerData: directories});
    worker.once("message", (stages: readonly SeenStage[]) => resolve(stages.map(mapOf)));
    worker.once("error", () => resolve(undefined));
  });
}

function mapOf({days, identities}: SeenStage): ReadonlyMap<string, FileIdentity> {
  return new Map(days.map((day, index) => [day, [identities[4 * index]!, identities[4 * index + 1]!, identities[4 * index + 2]!, identities[4 * index + 3]!]]));
}
