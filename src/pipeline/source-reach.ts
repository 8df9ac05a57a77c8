/**
 * Which files a reach holds on a day, as one digest. Digests of files are added up, so that a range of them is the difference of
 * two sums: a year of days over a year of files costs a binary search a day.
 */
import {digestOf} from "../plan/digest.js";
import type {Reach} from "../plan/recipe.js";
import type {CheckedSource} from "./source-check.js";

const modulus = 1n << 128n;

interface Index {
  /** Sorted bounds of the files' ranges, and the sums of their digests up to each. */
  readonly starts: Float64Array;
  readonly startSums: readonly bigint[];
  readonly ends: Float64Array;
  readonly endSums: readonly bigint[];
  readonly unknownSum: bigint;
  readonly unknownCount: number;
  /** Ranges that were asked for before: many days share one. */
  readonly known: Map<number, string>;
}

export class ReachDigests {
  private readonly indexes = new Map<string, Index>();

  constructor(
    private readonly sources: ReadonlyMap<string, CheckedSource>,
  ) {}

  /** The same digest, the same files, by path, size and time of change. */
  digestOf({view, isBounded, fromUs}: Reach, day: {readonly startUs: number; readonly endUs: number}): string {
    const index = this.indexOf(view);
    const total = index.starts.length;
    // As `partsBetween`: a file that ends before the reach cannot start after it.
    const started = isBounded ? countBelow(index.starts, day.endUs) : total;
    const ended = isBounded && fromUs !== undefined ? countBelow(index.ends, day.startUs + fromUs) : 0;
    const key = started * (total + 1) + ended;
    let digest = index.known.get(key);
    if (digest === undefined) {
      const sum = (index.unknownSum + index.startSums[started]! - index.endSums[ended]! + modulus) % modulus;
      digest = `${index.unknownCount + started - ended} ${sum.toString(16).padStart(32, "0")}`;
      index.known.set(key, digest);
    }
    return digest;
  }

  private indexOf(view: string): Index {
    let index = this.indexes.get(view);
    if (!index) {
      index = makeIndex(this.sources.get(view)!);
      this.indexes.set(view, index);
    }
    return index;
  }
}

function makeIndex({parts}: CheckedSource): Index {
  const identified = parts.map((part) => ({...part, sum: BigInt(`0x${digestOf(part.identity)}`)}));
  const ranged = identified.flatMap(({range, sum}) => (range ? [{...range, sum}] : []));
  const unknown = identified.filter(({range}) => range === undefined);
  const byStart = [...ranged].sort((a, b) => a.minUs - b.minUs);
  const byEnd = [...ranged].sort((a, b) => a.maxUs - b.maxUs);
  return {
    starts: Float64Array.from(byStart, (file) => file.minUs),
    startSums: runningSums(byStart),
    ends: Float64Array.from(byEnd, (file) => file.maxUs),
    endSums: runningSums(byEnd),
    unknownSum: unknown.reduce((sum, file) => (sum + file.sum) % modulus, 0n),
    unknownCount: unknown.length,
    known: new Map(),
  };
}

function runningSums(files: readonly {readonly sum: bigint}[]): bigint[] {
  const sums = [0n];
  for (const {sum} of files) sums.push((sums.at(-1)! + sum) % modulus);
  return sums;
}

/** How many of the sorted values are below the limit. */
function countBelow(sorted: Float64Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
