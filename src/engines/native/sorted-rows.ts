/** Puts the rows of a block in order. Feeds come nearly sorted by time, so that after counting keys there is mostly nothing left to sort. */
import type {ArrivedBlock, RowOrder} from "./arrivals.js";
import type {Columns, ValueColumn} from "./columns.js";
import {ValueTie} from "./tie-check.js";

/** Rows sorted by key and instant, whose values lie at `places` of their columns; undefined: side by side. */
export interface SortedRows extends Columns {
  readonly places: Int32Array | undefined;
}

/** Sorts by key, instant and the block's order. @throws ValueTie when the order of two rows is up to their values */
export function sortArrived(block: ArrivedBlock): SortedRows {
  const {columns, order, rowCount} = block;
  const compareEqual = compareBy(columns, order.columns);
  const {places, key} = groupByKey(block);
  mergeKeys(places, key, columns.ts, compareEqual);
  const ts = pick(columns.ts, places, new Float64Array(rowCount));
  if (order.tie !== undefined) checkTies({key, ts, places}, new Float64Array(columns.values[order.tie]!.bytes), compareEqual);
  return {rowCount, key, ts, places, flags: columns.flags.map((words) => pick(words, places, new Int32Array(rowCount))), values: columns.values};
}

/** The places of a block's rows by key, and the key of each. */
function groupByKey(block: ArrivedBlock): {readonly places: Int32Array; readonly key: Int32Array} {
  const {columns, rowCount, firstKey, keyCount} = block;
  const stretches = orderStretches(block);
  const next = new Int32Array(keyCount + 1);
  const eachRow = (visit: (place: number, key: number) => void): void => {
    for (const [from, to] of stretches) for (let place = from; place < to; place += 1) visit(place, columns.key[place]! - firstKey);
  };
  eachRow((_, key) => (next[key + 1]! += 1));
  for (let key = 0; key < keyCount; key += 1) next[key + 1]! += next[key]!;
  const sorted = {places: new Int32Array(rowCount), key: new Int32Array(rowCount)};
  eachRow((place, key) => {
    const at = next[key]!++;
    sorted.places[at] = place;
    sorted.key[at] = firstKey + key;
  });
  return sorted;
}

type Stretch = readonly [from: number, to: number];

/** A source that is sorted by time arrives in some long runs, mixed by the threads that read it: here they follow each other again. */
function orderStretches({columns: {ts}, stretches, rowCount}: ArrivedBlock): readonly Stretch[] {
  const arrived: Stretch[] = Array.from({length: stretches.length / 2}, (_, at) => [stretches[2 * at]!, stretches[2 * at + 1]!]);
  const runs: Stretch[] = [];
  for (const [from, to] of arrived) {
    let start = from;
    for (let place = from + 1; place < to; place += 1) {
      if (ts[place]! >= ts[place - 1]!) continue;
      runs.push([start, place]);
      start = place;
    }
    runs.push([start, to]);
    if (runs.length > arrived.length + rowCount / 32) return arrived;
  }
  return runs.sort(([a], [b]) => ts[a]! - ts[b]!);
}

function pick<T extends Int32Array | Float64Array>(from: T, places: Int32Array, to: T): T {
  for (let at = 0; at < places.length; at += 1) to[at] = from[places[at]!]!;
  return to;
}

type Compare = (a: number, b: number) => number;

/** Sorts the rows of each key by merging the runs that are in order already. */
function mergeKeys(places: Int32Array, key: Int32Array, ts: Float64Array, compareEqual: Compare): void {
  const isAfter = (a: number, b: number): boolean => ts[a]! > ts[b]! || (ts[a] === ts[b] && compareEqual(a, b) > 0);
  const spare = new Int32Array(places.length);
  const runs: number[] = [];
  for (let start = 0, end = 0; start < places.length; start = end) {
    runs.length = 0;
    for (end = start + 1; end < places.length && key[end] === key[start]; end += 1) if (isAfter(places[end - 1]!, places[end]!)) runs.push(end);
    if (runs.length > 0) mergeRuns(places, spare, [start, ...runs, end], isAfter);
  }
}

/** Merges neighbouring runs until there is one; `bounds` are where they begin, and the end of the last. */
function mergeRuns(places: Int32Array, spare: Int32Array, bounds: readonly number[], isAfter: (a: number, b: number) => boolean): void {
  let [from, to, starts] = [places, spare, bounds];
  const [first, last] = [bounds[0]!, bounds.at(-1)!];
  while (starts.length > 2) {
    const kept = [first];
    for (let at = 0; at < starts.length - 1; at += 2) {
      const low = starts[at]!;
      const middle = starts[at + 1]!;
      const high = starts[at + 2] ?? middle;
      for (let left = low, right = middle, out = low; out < high; out += 1) {
        const takesRight = left === middle || (right < high && isAfter(from[left]!, from[right]!));
        to[out] = from[takesRight ? right++ : left++]!;
      }
      kept.push(high);
    }
    [from, to, starts] = [to, from, kept];
  }
  if (from !== places) places.set(spare.subarray(first, last), first);
}

/** Compares rows by the order's columns. */
function compareBy(columns: Columns, order: RowOrder["columns"]): Compare {
  const compares = order.map(({column, flag}): Compare => {
    const word = columns.flags[flag.word]!;
    const compare = compareValues(columns.values[column]!);
    return (a, b) => {
      const [hasA, hasB] = [(word[a]! & flag.bit) !== 0, (word[b]! & flag.bit) !== 0];
      return hasA && hasB ? compare(a, b) : Number(hasA) - Number(hasB);
    };
  });
  return (a, b) => {
    for (const compare of compares) {
      const compared = compare(a, b);
      if (compared !== 0) return compared;
    }
    return 0;
  };
}

function compareValues({width, bytes}: ValueColumn): Compare {
  if (width < 8) {
    const values = width === 4 ? new Int32Array(bytes) : new Uint8Array(bytes);
    return (a, b) => values[a]! - values[b]!;
  }
  // Halves instead of BigInts, each of which would be an object.
  const [high, low] = [new Int32Array(bytes), new Uint32Array(bytes)];
  return (a, b) => high[2 * a + 1]! - high[2 * b + 1]! || low[2 * a]! - low[2 * b]!;
}

interface Keyed {
  readonly key: Int32Array;
  readonly ts: Float64Array;
  readonly places: Int32Array;
}

/** Of rows that are alike, those with a value must have the same. */
function checkTies({key, ts, places}: Keyed, hashes: Float64Array, compareEqual: Compare): void {
  let value = 0;
  for (let at = 1; at < places.length; at += 1) {
    const [before, place] = [places[at - 1]!, places[at]!];
    if (ts[at] !== ts[at - 1] || key[at] !== key[at - 1] || compareEqual(before, place) !== 0) {
      value = 0;
      continue;
    }
    value ||= hashes[before]!;
    const own = hashes[place]!;
    if (own !== 0 && value !== 0 && value !== own) throw new ValueTie();
    value ||= own;
  }
}
