/** What the thread does: one `stat` a partition. */
import {readdirSync, statSync, type Stats} from "node:fs";
import {parentPort, workerData} from "node:worker_threads";
import type {SeenStage} from "./manifest-stats.js";

function seeStage(directory: string): SeenStage {
  const days: string[] = [];
  const identities: number[] = [];
  for (const name of listFolder(directory)) {
    if (!name.startsWith("dt=")) continue;
    const stat = findStat(`${directory}/${name}/_manifest.json`);
    if (!stat) continue;
    days.push(name.slice("dt=".length));
    identities.push(stat.size, stat.ino, stat.mtimeMs, stat.ctimeMs);
  }
  return {days, identities: Float64Array.from(identities)};
}

/** What cannot be looked at here is looked at again by whoever asks, and says why. */
function findStat(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch {
    return undefined;
  }
}

function listFolder(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const stages = (workerData as readonly string[]).map(seeStage);
parentPort!.postMessage(stages, stages.map(({identities}) => identities.buffer as ArrayBuffer));
