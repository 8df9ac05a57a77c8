/** What rows add to their windows and drop from them, in a thread's memory. Rows are counted from the job's first. */
import {viewBytes} from "../raw-vectors.js";
import {findFlag, type Columns, type ValueColumn} from "./columns.js";
import type {ValueKind} from "./line.js";
import type {Scratch} from "./scratch.js";

interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** The bits of what each row drops by. */
export function readDrops(scratch: Scratch, target: Columns, {column, flag}: {readonly column: number; readonly flag: number}, {from, to}: RowRange): number {
  const bits = widen(scratch, target.values[column]!, {from, to});
  const {word, bit} = findFlag(target, flag);
  scratch.passing(() => scratch.kernels.markDroppers(bits, to - from, scratch.push(viewBytes(word!.subarray(from, to))), bit));
  return bits;
}

/** The values of rows that count for themselves. */
export interface Own {
  /** Addresses of the values' bits, and of the same where equal values have equal bits. */
  readonly at: number;
  readonly identity: number;
  /** Addresses, by row, of where its values begin and end. */
  readonly startsAt: number;
  readonly endsAt: number;
  readonly bits: BigInt64Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** How many values a row has at most. */
  readonly valuesMax: number;
}

/** @param column undefined: rows have no value, and count */
export function readOwn(scratch: Scratch, target: Columns, {flag, column, kind}: {readonly flag: number; readonly column: number | undefined; readonly kind: ValueKind}, {from, to}: RowRange): Own {
  const {word, bit} = findFlag(target, flag);
  const count = to - from;
  const [startsAt, endsAt] = [scratch.reserve(4 * count), scratch.reserve(4 * count)];
  const [starts, ends] = [scratch.int32(startsAt, count), scratch.int32(endsAt, count)];
  const values = column === undefined ? undefined : target.values[column]!;
  const {lists} = values ?? {};
  const [first, last] = lists ? [lists.starts[from] ?? 0, lists.ends[to - 1] ?? 0] : [from, to];
  const at = values ? widen(scratch, values, {from: first, to: last}) : 0;
  const bits = scratch.bits(at, values ? last - first : 0);
  let [used, valuesMax] = [0, 0];
  for (let row = 0; row < count; row += 1) {
    const has = (word![from + row]! & bit) !== 0;
    starts[row] = lists ? used : row;
    // NULL elements are passed over: those that are none move together.
    if (lists && has) {
      for (let element = lists.starts[from + row]!; element < lists.ends[from + row]!; element += 1) if (lists.present[element] === 1) bits[used++] = bits[element - first]!;
    }
    ends[row] = lists ? used : row + (has ? 1 : 0);
    valuesMax = Math.max(valuesMax, ends[row]! - starts[row]!);
  }
  if (kind === "whole" || !values) return {at, identity: at, startsAt, endsAt, bits, starts, ends, valuesMax};
  const identity = scratch.reserve(8 * bits.length);
  scratch.kernels.identify(at, bits.length, kind === "double", identity);
  return {at, identity, startsAt, endsAt, bits, starts, ends, valuesMax};
}

/** The values `[from, to)` of a column, or elements of its lists, as 64 bits. */
function widen(scratch: Scratch, {width, bytes}: ValueColumn, {from, to}: RowRange): number {
  const count = to - from;
  const at = scratch.reserve(8 * count);
  const narrow = new Uint8Array(bytes, width * from, width * count);
  if (width === 8) scratch.bytes(at, 8 * count).set(narrow);
  else scratch.passing(() => scratch.kernels.widen(scratch.push(narrow), width, count, at));
  return at;
}
