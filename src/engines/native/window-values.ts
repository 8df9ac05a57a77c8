/**
 * What windows make of a line, for rows sorted by key and instant. Both ends of a window only move forward within a key, so every
 * item enters and leaves it once: no operation looks at a window's items again and again, except sums of floating numbers, whose
 * order is defined, and they are computed once for rows of one window.
 */
import {decayWeight} from "../decay-weight.js";
import {noDropper, toBits, toNumbers, type Line, type ValueKind} from "./line.js";
import {RecencyList} from "./recency-list.js";
import type {ListPart, WindowOperation} from "../aggregation-engine.js";

/** Rows `from` to `to` of the target, with the items `[start, end)` of the line that lie in each one's window. */
export interface Ranges {
  readonly from: number;
  readonly to: number;
  readonly key: Int32Array;
  readonly ts: Float64Array;
  /** Indexed by row - from. */
  readonly start: Int32Array;
  readonly end: Int32Array;
}

/** What a row adds to its window, last: undefined values where it adds nothing. */
export interface Current {
  has(row: number): boolean;
  /** Values of the row, more than one where they are elements. */
  read(row: number): readonly bigint[];
}

export interface WindowSpec {
  readonly operation: WindowOperation;
  readonly kind: ValueKind;
  /** Infinity: no limit. */
  readonly maxItems: number;
  readonly halfLifeUs: number | undefined;
  readonly hasValue: boolean;
}

/** Of rows `from` to `to`: 64 bits each, or a list each. */
export type WindowResult =
  | {readonly kind: "scalar"; readonly bits: BigInt64Array; readonly isPresent: Uint8Array | undefined}
  | ({readonly kind: "list"} & ListPart)
  /** A sum beyond BIGINT. */
  | {readonly kind: "overflow"; readonly window: string}
  /** See `ValueTie`. */
  | {readonly kind: "tie"};

/** A shared buffer, so that another thread reads the result in place. */
const sharedBits = (length: number): BigInt64Array => new BigInt64Array(new SharedArrayBuffer(8 * length));

/** @param windowUs Infinity: all history */
export function findRanges(line: Line, target: {readonly key: Int32Array; readonly ts: Float64Array}, rows: {readonly from: number; readonly to: number}, windowUs: number): Ranges {
  const length = rows.to - rows.from;
  const [start, end] = [new Int32Array(length), new Int32Array(length)];
  let [low, high, keyEnd, key] = [0, 0, 0, -1];
  for (let at = 0; at < length; at += 1) {
    const row = rows.from + at;
    const rowKey = target.key[row]!;
    const ts = target.ts[row]!;
    if (rowKey !== key) {
      key = rowKey;
      low = firstOfKey(line.key, line.length, keyEnd, key);
      high = low;
      keyEnd = firstOfKey(line.key, line.length, low, key + 1);
    }
    while (high < keyEnd && line.ts[high]! < ts) high += 1;
    const oldest = ts - windowUs;
    while (low < high && line.ts[low]! < oldest) low += 1;
    start[at] = low;
    end[at] = high;
  }
  return {...rows, key: target.key, ts: target.ts, start, end};
}

/** Index of the first item from `low` on whose key is at least `key`. */
function firstOfKey(keys: Int32Array, length: number, low: number, key: number): number {
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param own what each row from `ranges.from` on drops by, `noDropper` where it drops nothing; undefined: no row drops */
export function computeWindow(spec: WindowSpec, line: Line, ranges: Ranges, own: BigInt64Array | undefined, current: Current | undefined): WindowResult {
  switch (spec.operation) {
    case "list":
      return computeList(spec, line, ranges, own, current);
    case "distinct_list":
    case "flatten_distinct":
      return computeDistinct(spec, line, ranges, own, current);
    case "top_k":
      return computeTopK(spec, line, ranges);
    case "count":
      return computeCount(line, ranges, own, current);
    case "count_distinct":
      return computeCountDistinct(line, ranges, current);
    case "min":
    case "max":
      return computeExtreme(spec, line, ranges, current);
    case "first":
    case "last":
    case "time_since_last":
      return computeEnd(spec, line, ranges, current);
    case "sum":
    case "mean":
    case "stddev":
    case "decay_sum":
      return spec.operation === "sum" && spec.kind === "whole" ? computeWholeSum(line, ranges, current) : computeFloatingSum(spec, line, ranges, current);
  }
}

/** Results that are stretches of the line itself cost two numbers a row; only what is no stretch is copied out of it. */
class Lists {
  readonly start: Int32Array;
  readonly end: Int32Array;
  private extra: BigInt64Array;
  private used = 0;

  /** @param expected how many values will be copied */
  constructor(rows: number, expected: number) {
    this.start = new Int32Array(new SharedArrayBuffer(4 * rows));
    this.end = new Int32Array(new SharedArrayBuffer(4 * rows));
    this.extra = sharedBits(expected);
  }

  /** Room for so many more, which the caller writes at `at`. */
  reserve(more: number): {readonly values: BigInt64Array; readonly at: number} {
    if (this.used + more > this.extra.length) {
      const extra = sharedBits(Math.max(this.used + more, 2 * this.extra.length));
      extra.set(this.extra.subarray(0, this.used));
      this.extra = extra;
    }
    return {values: this.extra, at: this.used};
  }

  /** The row has the `length` values that were written after `reserve`. */
  copied(row: number, length: number): void {
    this.start[row] = ~this.used;
    this.used += length;
    this.end[row] = ~this.used;
  }

  /** The row has what the row before it has. */
  repeated(row: number): void {
    this.start[row] = this.start[row - 1]!;
    this.end[row] = this.end[row - 1]!;
  }

  finish(line: BigInt64Array): WindowResult {
    return {kind: "list", start: this.start, end: this.end, line, extra: this.extra};
  }
}

function computeList({maxItems}: WindowSpec, line: Line, ranges: Ranges, own: BigInt64Array | undefined, current: Current | undefined): WindowResult {
  const {start, end, from} = ranges;
  const lists = new Lists(start.length, current ? 8 * start.length : 0);
  const {value, dropper} = line;
  const before = dropper && own ? beforeRuns(line) : undefined;
  for (let at = 0; at < start.length; at += 1) {
    const low = start[at]!;
    const high = end[at]!;
    const isCurrent = current?.has(from + at) === true;
    const limit = isCurrent ? maxItems - 1 : maxItems;
    const newest = Math.max(low, high - limit);
    const drops = before !== undefined && own![at]! !== noDropper && dropper!.subarray(newest, high).includes(own![at]!);
    if (!drops && !isCurrent) {
      lists.start[at] = newest;
      lists.end[at] = high;
      continue;
    }
    let [first, length] = [newest, high - newest];
    if (drops) {
      [first, length] = [high, 0];
      for (let item = high - 1; item >= low && length < limit; ) {
        if (dropper![item] === own![at]) {
          item = before[item]!;
        } else {
          first = item;
          length += 1;
          item -= 1;
        }
      }
    }
    const {values, at: offset} = lists.reserve(length + 1);
    let to = offset;
    for (let item = first; item < high; item += 1) if (!drops || dropper![item] !== own![at]) values[to++] = value[item]!;
    if (isCurrent) values[to++] = current.read(from + at)[0]!;
    lists.copied(at, to - offset);
  }
  return lists.finish(value);
}

/** For each item the one before the run of items that drop by the same: a row that drops much skips it run by run. */
function beforeRuns({dropper, key, length}: Line): Int32Array {
  const before = new Int32Array(length);
  for (let item = 0; item < length; item += 1) {
    const isSame = item > 0 && dropper![item] === dropper![item - 1] && key[item] === key[item - 1];
    before[item] = isSame ? before[item - 1]! : item - 1;
  }
  return before;
}

/** Rows of one instant have one window: what takes a walk over its values is found once for all of them. */
const hasSameWindow = ({start, end}: Ranges, at: number): boolean => at > 0 && start[at] === start[at - 1] && end[at] === end[at - 1];

/** Walks the rows and moves both ends of their windows over the line, beginning anew at each key. */
function slide({start, end, from, key}: Ranges, steps: {clear(): void; enter(item: number): void; leave?(item: number): void; row(at: number): void}): void {
  let [low, high, last] = [0, 0, -1];
  for (let at = 0; at < start.length; at += 1) {
    const rowKey = key[from + at]!;
    if (rowKey !== last) {
      steps.clear();
      last = rowKey;
      low = start[at]!;
      high = low;
    }
    for (; high < end[at]!; high += 1) steps.enter(high);
    if (steps.leave) for (; low < start[at]!; low += 1) if (low < high) steps.leave(low);
    steps.row(at);
  }
}

function computeDistinct({maxItems}: WindowSpec, line: Line, ranges: Ranges, own: BigInt64Array | undefined, current: Current | undefined): WindowResult {
  const {start, end, from} = ranges;
  const lists = new Lists(start.length, 16 * start.length);
  const {identity, value, dropper} = line;
  const seen = new RecencyList(identity);
  let found = new Int32Array(64);
  slide(ranges, {
    clear: () => seen.clear(),
    enter: (item) => seen.add(item, dropper),
    row: (at) => {
      if (!own && !current && hasSameWindow(ranges, at)) return lists.repeated(at);
      const row = from + at;
      const added = current?.has(row) ? newestDistinct(current.read(row), maxItems) : [];
      // Each of the row's own values may stand for one that is found.
      const limit = Math.min(maxItems, end[at]! - start[at]!);
      if (found.length < limit) found = new Int32Array(2 * limit);
      const length = seen.newest(start[at]!, limit, own ? own[at]! : noDropper, found);
      const {values, at: offset} = lists.reserve(length + added.length);
      let to = offset;
      for (let place = length - 1; place >= 0; place -= 1) {
        if (added.length === 0 || !added.includes(identity[found[place]!]!)) values[to++] = value[found[place]!]!;
      }
      for (const bits of added) values[to++] = bits;
      const surplus = Math.max(0, to - offset - maxItems);
      if (surplus > 0) values.copyWithin(offset, offset + surplus, to);
      lists.copied(at, to - offset - surplus);
    },
  });
  return lists.finish(value);
}

/** Each different value where it stands last, the newest `maxItems`. */
function newestDistinct(values: readonly bigint[], maxItems: number): readonly bigint[] {
  const distinct = values.filter((value, at) => !values.includes(value, at + 1));
  return maxItems === Infinity ? distinct : distinct.slice(-maxItems);
}

function computeTopK({maxItems}: WindowSpec, line: Line, ranges: Ranges): WindowResult {
  const {start, end} = ranges;
  const lists = new Lists(start.length, 8 * start.length);
  const {identity, value} = line;
  const seen = new RecencyList(identity);
  let [found, counts] = [new Int32Array(64), new Int32Array(64)];
  slide(ranges, {
    clear: () => seen.clear(),
    enter: (item) => seen.add(item),
    leave: (item) => seen.remove(item),
    row: (at) => {
      if (hasSameWindow(ranges, at)) return lists.repeated(at);
      const limit = Math.min(maxItems, end[at]! - start[at]!);
      if (found.length <= limit) [found, counts] = [new Int32Array(2 * limit + 1), new Int32Array(2 * limit + 1)];
      const length = seen.mostFrequent(start[at]!, limit, found, counts);
      const {values, at: offset} = lists.reserve(length);
      for (let place = 0; place < length; place += 1) values[offset + place] = value[found[place]!]!;
      lists.copied(at, length);
    },
  });
  return lists.finish(value);
}

function computeCount(line: Line, ranges: Ranges, own: BigInt64Array | undefined, current: Current | undefined): WindowResult {
  const {start, end, from} = ranges;
  const bits = sharedBits(start.length);
  if (!own || !line.dropper) {
    // A count has less than 32 bits: its low half is written, and no BigInt is made.
    const halves = new Int32Array(bits.buffer);
    for (let at = 0; at < start.length; at += 1) halves[2 * at] = end[at]! - start[at]! + (current?.has(from + at) ? 1 : 0);
    return {kind: "scalar", bits, isPresent: undefined};
  }
  const seen = new RecencyList(line.dropper);
  slide(ranges, {
    clear: () => seen.clear(),
    enter: (item) => seen.add(item),
    leave: (item) => seen.remove(item),
    row: (at) => {
      const dropped = own[at]!;
      bits[at] = BigInt(end[at]! - start[at]! - (dropped === noDropper ? 0 : seen.countOf(dropped)));
    },
  });
  return {kind: "scalar", bits, isPresent: undefined};
}

function computeCountDistinct({identity}: Line, ranges: Ranges, current: Current | undefined): WindowResult {
  const {start, from} = ranges;
  const bits = sharedBits(start.length);
  const seen = new RecencyList(identity);
  slide(ranges, {
    clear: () => seen.clear(),
    enter: (item) => seen.add(item),
    leave: (item) => seen.remove(item),
    row: (at) => {
      const isNew = current?.has(from + at) === true && seen.countOf(current.read(from + at)[0]!) === 0;
      bits[at] = BigInt(seen.distinct + (isNew ? 1 : 0));
    },
  });
  return {kind: "scalar", bits, isPresent: undefined};
}

class Scalars {
  readonly bits: BigInt64Array;
  readonly numbers: Float64Array;
  readonly isPresent: Uint8Array;

  constructor(rows: number) {
    this.bits = sharedBits(rows);
    this.numbers = new Float64Array(this.bits.buffer);
    this.isPresent = new Uint8Array(new SharedArrayBuffer(rows));
  }

  set(at: number, bits: bigint): void {
    this.bits[at] = bits;
    this.isPresent[at] = 1;
  }

  setNumber(at: number, number: number): void {
    this.numbers[at] = number;
    this.isPresent[at] = 1;
  }

  finish(): WindowResult {
    return {kind: "scalar", bits: this.bits, isPresent: this.isPresent};
  }
}

/** Compares as DuckDB does: NaN is greatest. */
const isGreater = (a: number, b: number): boolean => (Number.isNaN(a) ? !Number.isNaN(b) : a > b);

/** The items that could still be the least (or greatest) of a window, in order: a later item makes greater ones before it useless. */
function computeExtreme({operation, kind}: WindowSpec, line: Line, ranges: Ranges, current: Current | undefined): WindowResult {
  const {start, from} = ranges;
  const scalars = new Scalars(start.length);
  const numbers = kind === "whole" ? undefined : toNumbers(line.value, kind);
  const {value} = line;
  const isMax = operation === "max";
  const beats = numbers
    ? (a: number, b: number): boolean => (isMax ? isGreater(numbers[a]!, numbers[b]!) : isGreater(numbers[b]!, numbers[a]!))
    : (a: number, b: number): boolean => (isMax ? value[a]! > value[b]! : value[a]! < value[b]!);
  const candidates = new Int32Array(line.length);
  let [first, length] = [0, 0];
  slide(ranges, {
    clear: () => ([first, length] = [0, 0]),
    enter: (item) => {
      while (length > first && !beats(candidates[length - 1]!, item)) length -= 1;
      candidates[length++] = item;
    },
    row: (at) => {
      while (first < length && candidates[first]! < start[at]!) first += 1;
      let best = first < length ? value[candidates[first]!]! : undefined;
      if (current?.has(from + at)) {
        const own = current.read(from + at)[0]!;
        if (best === undefined || beatsBits(own, best)) best = own;
      }
      if (best !== undefined) scalars.set(at, kind !== "whole" && best === toBits(-0, kind) ? 0n : best);
    },
  });
  return scalars.finish();

  function beatsBits(a: bigint, b: bigint): boolean {
    if (kind === "whole") return isMax ? a > b : a < b;
    const [one = 0, other = 0] = toNumbers(BigInt64Array.of(a, b), kind);
    return isMax ? isGreater(one, other) : isGreater(other, one);
  }
}

function computeEnd({operation}: WindowSpec, line: Line, {start, end, from, ts}: Ranges, current: Current | undefined): WindowResult {
  const scalars = new Scalars(start.length);
  for (let at = 0; at < start.length; at += 1) {
    const isEmpty = start[at] === end[at];
    const isCurrent = current?.has(from + at) === true;
    if (isEmpty && !isCurrent) continue;
    if (operation === "time_since_last") scalars.setNumber(at, isCurrent ? 0 : (ts[from + at]! - line.ts[end[at]! - 1]!) / 1_000_000);
    else if (isCurrent && (isEmpty || operation === "last")) scalars.set(at, current.read(from + at)[0]!);
    else scalars.set(at, line.value[operation === "first" ? start[at]! : end[at]! - 1]!);
  }
  return scalars.finish();
}

/** Raised as `aggregation-overflow` by whoever knows the window's name. */
export class SumOverflow extends Error {}

function computeWholeSum({value}: Line, ranges: Ranges, current: Current | undefined): WindowResult {
  const {start, from} = ranges;
  const bits = sharedBits(start.length);
  let sum = 0n;
  slide(ranges, {
    clear: () => (sum = 0n),
    enter: (item) => (sum += value[item]!),
    leave: (item) => (sum -= value[item]!),
    row: (at) => {
      const total = current?.has(from + at) ? sum + current.read(from + at)[0]! : sum;
      if (BigInt.asIntN(64, total) !== total) throw new SumOverflow();
      bits[at] = total;
    },
  });
  return {kind: "scalar", bits, isPresent: undefined};
}

/** Adds oldest first, as the definition says; rows of one window, and of one instant where that matters, share the result. */
function computeFloatingSum({operation, kind, halfLifeUs, hasValue}: WindowSpec, line: Line, {start, end, from, ts, key}: Ranges, current: Current | undefined): WindowResult {
  const scalars = new Scalars(start.length);
  const numbers = hasValue ? toNumbers(line.value, kind) : undefined;
  const weigh = operation === "decay_sum" ? (item: number, now: number): number => (numbers ? numbers[item]! : 1) * decayWeight(now - line.ts[item]!, halfLifeUs!) : undefined;
  let [low, high, instant, lastKey, sum] = [0, 0, NaN, -1, 0];
  for (let at = 0; at < start.length; at += 1) {
    const row = from + at;
    const now = ts[row]!;
    const isOther = key[row] !== lastKey || low !== start[at] || (weigh !== undefined && instant !== now);
    if (isOther) [low, high, sum, instant, lastKey] = [start[at]!, start[at]!, 0, now, key[row]!];
    // A window that only grew at its end goes on with the sum that it has.
    for (; high < end[at]!; high += 1) sum += weigh ? weigh(high, now) : numbers![high]!;
    const own = current?.has(row) ? (hasValue ? toNumbers(BigInt64Array.of(current.read(row)[0]!), kind)[0]! : 1) : undefined;
    const total = own === undefined ? sum : sum + own;
    const count = high - low + (own === undefined ? 0 : 1);
    if (operation === "sum" || operation === "decay_sum") scalars.setNumber(at, total);
    else if (count > 0 && operation === "mean") scalars.setNumber(at, total / count);
    else if (count > 1 && operation === "stddev") scalars.setNumber(at, Math.sqrt(squares(total / count, own) / (count - 1)));
  }
  return scalars.finish();

  function squares(mean: number, own: number | undefined): number {
    let squared = 0;
    for (let item = low; item < high; item += 1) squared += (numbers![item]! - mean) * (numbers![item]! - mean);
    return own === undefined ? squared : squared + (own - mean) * (own - mean);
  }
}
