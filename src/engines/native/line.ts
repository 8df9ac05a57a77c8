/** The history that one condition keeps, in order: of each item its key, its instant, and its value as 64 bits. */
import type {SortedRows} from "./sorted-rows.js";
import {findFlag, type Columns, type ValueColumn} from "./columns.js";

/** Which rows of a history are on a line, and what is kept of them. */
export interface LineSpec {
  /** Undefined: all rows. */
  readonly flag: number | undefined;
  /** Undefined: rows are only counted. */
  readonly value: {readonly column: number; readonly kind: ValueKind} | undefined;
  /** Kept beside each item, for windows that drop by it; `flag` is true where there is one. */
  readonly dropper: {readonly column: number; readonly flag: number} | undefined;
}

/** `whole`: any value that is equal only to the same bits. */
export type ValueKind = "whole" | "double" | "float";

export interface Line {
  readonly length: number;
  readonly key: Int32Array;
  readonly ts: Float64Array;
  /** The bits of each value, the low ones of a narrower one. */
  readonly value: BigInt64Array;
  /** The same where equal values in several spellings have equal bits. */
  readonly identity: BigInt64Array;
  /** What a window drops by; `noDropper` where there is nothing. */
  readonly dropper: BigInt64Array | undefined;
}

/** No value of a narrower type, and a number that no id has. */
export const noDropper = -(2n ** 63n);

/** The values `[from, to)` of a column as their bits: the column itself where it has 64. */
export function widen({width, bytes}: ValueColumn, {from, to}: {readonly from: number; readonly to: number}): BigInt64Array {
  const length = to - from;
  if (width === 8) return new BigInt64Array(bytes, 8 * from, length);
  const narrow = width === 4 ? new Int32Array(bytes, 4 * from, length) : new Uint8Array(bytes, from, length);
  const bits = new BigInt64Array(length);
  // Halves instead of BigInts, which would each be an object here.
  const halves = new Int32Array(bits.buffer);
  for (let at = 0; at < length; at += 1) {
    halves[2 * at] = narrow[at]!;
    halves[2 * at + 1] = narrow[at]! >> 31;
  }
  return bits;
}

export function buildLine(history: SortedRows, {flag, value, dropper}: LineSpec): Line {
  const column = value === undefined ? undefined : history.values[value.column]!;
  const kept = findKept(history, flag);
  const places = history.places ? gather(history.places, kept, new Int32Array(kept.length)) : kept;
  const items = column?.lists ? unnest(kept, places, column.lists) : {rows: kept, places, elements: places};
  const {length} = items.rows;
  // Lists that are stretches of the line are read in place by another thread.
  const bits = new BigInt64Array(new SharedArrayBuffer(column ? 8 * length : 0));
  if (column) gatherBits(column, items.elements, bits);
  return {
    length,
    key: gather(history.key, items.rows, new Int32Array(length)),
    ts: gather(history.ts, items.rows, new Float64Array(length)),
    value: bits,
    dropper: dropper && gatherDroppers(history, dropper, items),
    identity: identify(bits, value?.kind ?? "whole"),
  };
}

function gatherDroppers(history: SortedRows, {column, flag}: NonNullable<LineSpec["dropper"]>, {rows, places}: {readonly rows: Int32Array; readonly places: Int32Array}): BigInt64Array {
  const {word, bit} = findFlag(history, flag);
  const bits = gatherBits(history.values[column]!, places, new BigInt64Array(rows.length));
  for (let at = 0; at < rows.length; at += 1) if ((word![rows[at]!]! & bit) === 0) bits[at] = noDropper;
  return bits;
}

/** Of each element that is no NULL its row, the place of the row's values, and its own. */
function unnest(kept: Int32Array, places: Int32Array, {starts, ends, present}: NonNullable<ValueColumn["lists"]>): {readonly rows: Int32Array; readonly places: Int32Array; readonly elements: Int32Array} {
  let lengthMax = 0;
  for (let at = 0; at < kept.length; at += 1) lengthMax += ends[places[at]!]! - starts[places[at]!]!;
  const found = {rows: new Int32Array(lengthMax), places: new Int32Array(lengthMax), elements: new Int32Array(lengthMax)};
  let length = 0;
  for (let at = 0; at < kept.length; at += 1) {
    const place = places[at]!;
    for (let element = starts[place]!; element < ends[place]!; element += 1) {
      if (present[element] === 0) continue;
      found.rows[length] = kept[at]!;
      found.places[length] = place;
      found.elements[length] = element;
      length += 1;
    }
  }
  return {rows: found.rows.subarray(0, length), places: found.places.subarray(0, length), elements: found.elements.subarray(0, length)};
}

function gather<T extends Int32Array | Float64Array>(from: T, places: Int32Array, to: T): T {
  for (let at = 0; at < places.length; at += 1) to[at] = from[places[at]!]!;
  return to;
}

/** As halves: while V8 has not optimised a loop yet, each BigInt that it reads is an object. */
function gatherBits({width, bytes}: ValueColumn, places: Int32Array, to: BigInt64Array): BigInt64Array {
  const target = new Int32Array(to.buffer, to.byteOffset, 2 * to.length);
  const source = width === 1 ? new Uint8Array(bytes) : new Int32Array(bytes);
  for (let at = 0; at < places.length; at += 1) {
    const place = places[at]!;
    target[2 * at] = source[width === 8 ? 2 * place : place]!;
    target[2 * at + 1] = width === 8 ? source[2 * place + 1]! : source[place]! >> 31;
  }
  return to;
}

/** The rows with the flag. */
function findKept(history: SortedRows, flag: number | undefined): Int32Array {
  const {word, bit} = findFlag(history, flag);
  const kept = new Int32Array(history.rowCount);
  let rows = 0;
  // No branch: conditions are mostly as good as random, which costs a processor more than a row that is written over.
  for (let row = 0; row < history.rowCount; row += 1) {
    kept[rows] = row;
    rows += word === undefined || (word[row]! & bit) !== 0 ? 1 : 0;
  }
  return kept.subarray(0, rows);
}

/** A column's bits of the rows `[from, to)`, `noDropper` where its flag says that there is no value. */
export function readOptional(columns: Columns, {column, flag}: {readonly column: number; readonly flag: number}, rows: {readonly from: number; readonly to: number}): BigInt64Array {
  const bits = widen(columns.values[column]!, rows).slice();
  const {word, bit} = findFlag(columns, flag);
  for (let at = 0; at < bits.length; at += 1) if ((word![rows.from + at]! & bit) === 0) bits[at] = noDropper;
  return bits;
}

const [minusZero, nan] = (["double", "float"] as const).reduce<[bigint[], bigint[]]>(
  ([zeros, nans], kind) => [[...zeros, toBits(-0, kind)], [...nans, toBits(NaN, kind)]],
  [[], []],
);

/** The bits of a floating number, as values hold them. */
export function toBits(number: number, kind: "double" | "float"): bigint {
  return kind === "double" ? new BigInt64Array(new Float64Array([number]).buffer)[0]! : BigInt(new Int32Array(new Float32Array([number]).buffer)[0]!);
}

export function toNumbers(bits: BigInt64Array, kind: ValueKind): Float64Array {
  if (kind === "double") return new Float64Array(bits.buffer, bits.byteOffset, bits.length);
  if (kind === "whole") return Float64Array.from(bits, Number);
  const floats = new Float32Array(bits.buffer, bits.byteOffset, 2 * bits.length);
  return Float64Array.from({length: bits.length}, (_, at) => floats[2 * at]!);
}

/** NaN is equal to itself, whatever its bits, and -0 is equal to 0. */
function identify(value: BigInt64Array, kind: ValueKind): BigInt64Array {
  if (kind === "whole") return value;
  const numbers = toNumbers(value, kind);
  const at = kind === "double" ? 0 : 1;
  return value.map((bits, index) => (bits === minusZero[at] ? 0n : Number.isNaN(numbers[index]) ? nan[at]! : bits));
}
