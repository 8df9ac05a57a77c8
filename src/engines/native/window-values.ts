/**
 * What windows make of a line, for rows sorted by key and instant. Both ends of a window only move forward within a key, so every
 * item enters and leaves it once: no operation looks at a window's items again and again, except sums of floating numbers, whose
 * order is defined, and they are computed once for rows of one window. What is sums is plain TypeScript, the rest in kernels/windows.ts.
 */
import {decayWeight} from "../decay-weight.js";
import {share, toNumbers, type Line, type ValueKind} from "./line.js";
import type {Own} from "./row-values.js";
import type {Scratch} from "./scratch.js";
import type {ListPart, WindowOperation} from "../aggregation-engine.js";

/** Rows of the target, with the items `[start, end)` of the line that lie in each one's window: views, and the addresses of what they view. */
export interface Ranges {
  readonly key: Int32Array;
  readonly ts: Float64Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly keyAt: number;
  readonly startAt: number;
  readonly endAt: number;
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
  | {readonly kind: "tie"}
  /** A block of history that a thread cannot address. */
  | {readonly kind: "large"; readonly rowCount: number};

/** A shared buffer, so that another thread reads the result in place. */
const sharedBits = (length: number): BigInt64Array => new BigInt64Array(new SharedArrayBuffer(8 * length));

/** Rows with their keys and instants, as addresses. */
export interface TargetRows {
  readonly count: number;
  readonly key: number;
  readonly ts: number;
}

/** All history before each row. */
export function findRanges(scratch: Scratch, line: Line, {count, key, ts}: TargetRows): Ranges {
  const [startAt, endAt] = [scratch.reserve(4 * count), scratch.reserve(4 * count)];
  scratch.kernels.findRanges(line.key, line.ts, line.length, key, ts, count, startAt, endAt);
  return {key: scratch.int32(key, count), ts: scratch.float64(ts, count), start: scratch.int32(startAt, count), end: scratch.int32(endAt, count), keyAt: key, startAt, endAt};
}

export function narrowRanges(scratch: Scratch, line: Line, {count, ts}: TargetRows, ranges: Ranges, windowUs: number): Ranges {
  const startAt = scratch.reserve(4 * count);
  scratch.kernels.narrowRanges(line.ts, ts, count, windowUs, ranges.startAt, ranges.endAt, startAt);
  return {...ranges, start: scratch.int32(startAt, count), startAt};
}

export interface WindowInput {
  readonly line: Line;
  readonly ranges: Ranges;
  /** The address of the bits of what each row drops by; 0: no row drops. */
  readonly drops: number;
  /** Undefined: no row counts for itself. */
  readonly own: Own | undefined;
}

export function computeWindow(scratch: Scratch, spec: WindowSpec, input: WindowInput): WindowResult {
  const {kernels} = scratch;
  const {line, ranges, drops, own} = input;
  kernels.setLine(line.value, line.identity, line.dropper);
  kernels.setRows(ranges.keyAt, ranges.startAt, ranges.endAt, drops);
  kernels.setOwn(own?.at ?? 0, own?.identity ?? 0, own?.startsAt ?? 0, own?.endsAt ?? 0);
  switch (spec.operation) {
    case "list":
    case "distinct_list":
    case "flatten_distinct":
    case "top_k":
      return computeLists(scratch, spec, input);
    case "count":
    case "count_distinct":
      return computeCounts(scratch, spec, input);
    case "min":
    case "max":
      return computeExtremes(scratch, spec, input);
    case "first":
    case "last":
    case "time_since_last":
      return computeEnd(spec, input);
    case "sum":
    case "mean":
    case "stddev":
    case "decay_sum":
      return spec.operation === "sum" && spec.kind === "whole" ? computeWholeSum(input) : computeFloatingSum(spec, input);
  }
}

/** What stands for no limit, and is less than any number that would not fit. */
const noLimit = 0x7fff_ffff;
/** Copied values that wait to be taken: enough for most jobs. */
const extraValues = 1 << 20;

/** Results that are stretches of the line itself cost two numbers a row; only what is no stretch is copied out of it. */
function computeLists(scratch: Scratch, spec: WindowSpec, {line, ranges, own}: WindowInput): WindowResult {
  const {kernels} = scratch;
  const count = ranges.start.length;
  const [startAt, endAt] = [scratch.reserve(4 * count), scratch.reserve(4 * count)];
  const step = prepareLists(scratch, spec, line);
  const valuesMax = Math.min(spec.maxItems, line.keyItemsMax) + (own?.valuesMax ?? 0);
  const capacity = Math.max(valuesMax, Math.min(extraValues, valuesMax * count));
  const extraAt = scratch.reserve(8 * capacity);
  kernels.setLists(startAt, endAt, extraAt, capacity);
  const taken: BigInt64Array[] = [];
  for (let row = 0; row < count; ) {
    row = step(row, count);
    const values = scratch.bits(extraAt, kernels.takeExtra());
    // Nothing is written over the last.
    taken.push(row < count ? values.slice() : values);
  }
  return {kind: "list", start: share(scratch.int32(startAt, count)), end: share(scratch.int32(endAt, count)), line: spec.operation === "list" ? line.share() : sharedBits(0), extra: join(taken)};
}

/** What makes the lists of rows from one on, and returns the row at which it stopped. */
function prepareLists(scratch: Scratch, {operation, maxItems}: WindowSpec, {keyItemsMax, before}: Line): (from: number, count: number) => number {
  const {kernels} = scratch;
  const limit = Math.min(maxItems, noLimit);
  if (operation === "list") return (from, count) => kernels.listNewest(from, count, limit, before);
  openSeen(scratch, keyItemsMax, {byDropper: false});
  const [found, counts] = [scratch.reserve(4 * (keyItemsMax + 1)), scratch.reserve(4 * (keyItemsMax + 1))];
  if (operation === "top_k") return (from, count) => kernels.listMostFrequent(from, count, limit, found, counts);
  return (from, count) => kernels.listDistinct(from, count, limit, found);
}

function openSeen(scratch: Scratch, itemsMax: number, {byDropper}: {readonly byDropper: boolean}): void {
  scratch.kernels.openSeen(scratch.reserve(scratch.kernels.seenBytes(itemsMax) >>> 0), itemsMax, byDropper);
}

function join(parts: readonly BigInt64Array[]): BigInt64Array {
  const joined = sharedBits(parts.reduce((sum, {length}) => sum + length, 0));
  let used = 0;
  for (const part of parts) {
    joined.set(part, used);
    used += part.length;
  }
  return joined;
}

function computeCounts(scratch: Scratch, {operation}: WindowSpec, {line, ranges, drops}: WindowInput): WindowResult {
  const {kernels} = scratch;
  const count = ranges.start.length;
  const bits = scratch.reserve(8 * count);
  const isDistinct = operation === "count_distinct";
  if (isDistinct || drops !== 0) openSeen(scratch, line.keyItemsMax, {byDropper: !isDistinct});
  if (isDistinct) kernels.countDistinct(count, bits);
  else if (drops !== 0) kernels.countKept(count, bits);
  else kernels.countItems(count, bits);
  return {kind: "scalar", bits: share(scratch.bits(bits, count)), isPresent: undefined};
}

const kinds: Readonly<Record<ValueKind, number>> = {whole: 0, double: 1, float: 2};

function computeExtremes(scratch: Scratch, {operation, kind}: WindowSpec, {line, ranges}: WindowInput): WindowResult {
  const count = ranges.start.length;
  const [bits, present] = [scratch.reserve(8 * count), scratch.reserve(count)];
  const candidates = scratch.reserve(4 * line.length);
  scratch.kernels.findExtremes(count, kinds[kind], operation === "max", candidates, bits, present);
  return {kind: "scalar", bits: share(scratch.bits(bits, count)), isPresent: share(scratch.bytes(present, count))};
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

const hasOwn = (own: Own | undefined, row: number): own is Own => own !== undefined && own.ends[row]! > own.starts[row]!;
const firstOwn = ({bits, starts}: Own, row: number): bigint => bits[starts[row]!]!;

function computeEnd({operation}: WindowSpec, {line, ranges: {start, end, ts}, own}: WindowInput): WindowResult {
  const scalars = new Scalars(start.length);
  for (let row = 0; row < start.length; row += 1) {
    const isEmpty = start[row] === end[row];
    const isOwn = hasOwn(own, row);
    if (isEmpty && !isOwn) continue;
    if (operation === "time_since_last") scalars.setNumber(row, isOwn ? 0 : (ts[row]! - line.instants[end[row]! - 1]!) / 1_000_000);
    else if (isOwn && (isEmpty || operation === "last")) scalars.set(row, firstOwn(own, row));
    else scalars.set(row, line.bits[operation === "first" ? start[row]! : end[row]! - 1]!);
  }
  return scalars.finish();
}

/** An error of its own so that the caller knows the window's name. */
export class SumOverflow extends Error {}

/** Exact, because a BigInt has no end. */
function computeWholeSum({line, ranges: {start, end, key}, own}: WindowInput): WindowResult {
  const bits = sharedBits(start.length);
  let [low, high, lastKey, sum] = [0, 0, -1, 0n];
  for (let row = 0; row < start.length; row += 1) {
    if (key[row] !== lastKey) [low, high, lastKey, sum] = [start[row]!, start[row]!, key[row]!, 0n];
    for (; high < end[row]!; high += 1) sum += line.bits[high]!;
    for (; low < start[row]!; low += 1) if (low < high) sum -= line.bits[low]!;
    const total = hasOwn(own, row) ? sum + firstOwn(own, row) : sum;
    if (BigInt.asIntN(64, total) !== total) throw new SumOverflow();
    bits[row] = total;
  }
  return {kind: "scalar", bits, isPresent: undefined};
}

/** Adds oldest first, as the definition says; rows of one window, and of one instant where that matters, share the result. */
function computeFloatingSum({operation, kind, halfLifeUs, hasValue}: WindowSpec, {line, ranges: {start, end, ts, key}, own}: WindowInput): WindowResult {
  const scalars = new Scalars(start.length);
  const numbers = hasValue ? toNumbers(line.bits, kind) : undefined;
  const weigh = operation === "decay_sum" ? (item: number, now: number): number => (numbers ? numbers[item]! : 1) * decayWeight(now - line.instants[item]!, halfLifeUs!) : undefined;
  let [low, high, instant, lastKey, sum] = [0, 0, NaN, -1, 0];
  for (let row = 0; row < start.length; row += 1) {
    const now = ts[row]!;
    const isOther = key[row] !== lastKey || low !== start[row] || (weigh !== undefined && instant !== now);
    if (isOther) [low, high, sum, instant, lastKey] = [start[row]!, start[row]!, 0, now, key[row]!];
    // A window that only grew at its end goes on with the sum that it has.
    for (; high < end[row]!; high += 1) sum += weigh ? weigh(high, now) : numbers![high]!;
    const added = hasOwn(own, row) ? (hasValue ? toNumbers(BigInt64Array.of(firstOwn(own, row)), kind)[0]! : 1) : undefined;
    const total = added === undefined ? sum : sum + added;
    const count = high - low + (added === undefined ? 0 : 1);
    if (operation === "sum" || operation === "decay_sum") scalars.setNumber(row, total);
    else if (count > 0 && operation === "mean") scalars.setNumber(row, total / count);
    else if (count > 1 && operation === "stddev") scalars.setNumber(row, Math.sqrt(squares(total / count, added) / (count - 1)));
  }
  return scalars.finish();

  function squares(mean: number, added: number | undefined): number {
    let squared = 0;
    for (let item = low; item < high; item += 1) squared += (numbers![item]! - mean) * (numbers![item]! - mean);
    return added === undefined ? squared : squared + (added - mean) * (added - mean);
  }
}
