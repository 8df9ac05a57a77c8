/** The history that one condition keeps, in order: of each item its key, its instant, and its value as 64 bits. */
import {placeFlag} from "./columns.js";
import type {Scratch} from "./scratch.js";
import type {PlacedColumn, SortedRows} from "./sorted-rows.js";

/** Which rows of a history are on a line, and what is kept of them. */
export interface LineSpec {
  /** Which of the history's flags a row must have, at most two: its condition, and the presence of its value. */
  readonly flags: readonly number[];
  /** Undefined: rows are only counted. */
  readonly value: {readonly column: number; readonly kind: ValueKind} | undefined;
  /** Kept beside each item, for windows that drop by it; `flag` is true where there is one. */
  readonly dropper: {readonly column: number; readonly flag: number} | undefined;
}

/** `whole`: any value that is equal only to the same bits. */
export type ValueKind = "whole" | "double" | "float";

/** Addresses in a thread's memory, and views of some of them. */
export interface Line {
  readonly length: number;
  readonly key: number;
  readonly ts: number;
  /** The bits of each value, the low ones of a narrower one. */
  readonly value: number;
  /** The same where equal values in several spellings have equal bits. */
  readonly identity: number;
  /** What a window drops by, -2^63 where there is nothing; 0: no window does. */
  readonly dropper: number;
  /** For each item the one before the run of items that drop by the same; 0: no window drops. */
  readonly before: number;
  /** How many items a key has at most. */
  readonly keyItemsMax: number;
  readonly instants: Float64Array;
  readonly bits: BigInt64Array;
  /** Lists that are stretches of the line are read in place by another thread. */
  share(): BigInt64Array;
}

export function buildLine(scratch: Scratch, history: SortedRows, {flags, value, dropper}: LineSpec): Line {
  const {kernels} = scratch;
  const column = value === undefined ? undefined : history.values[value.column]!;
  const isFloating = value !== undefined && value.kind !== "whole";
  const {at, length, parts} = scratch.keepLast(() => {
    const items = findItems(scratch, history, column, flags);
    const {count} = items;
    const parts = layOut(count, {hasValue: column !== undefined, hasIdentity: isFloating, hasDropper: dropper !== undefined});
    const at = scratch.reserve(parts.byteCount);
    kernels.gather32(history.key, items.rows, count, at + parts.key);
    kernels.gather64(history.ts, items.rows, count, at + parts.ts);
    if (column) kernels.gatherBits(column.at, column.width, items.elements, count, at + parts.value);
    if (isFloating) kernels.identify(at + parts.value, count, value.kind === "double", at + parts.identity);
    if (dropper) {
      const droppers = history.values[dropper.column]!;
      const {flags: words, bit} = findPlaced(history, dropper.flag);
      kernels.gatherBits(droppers.at, droppers.width, items.places, count, at + parts.dropper);
      scratch.passing(() => {
        const gathered = scratch.reserve(4 * count);
        kernels.gather32(words, items.places, count, gathered);
        kernels.markDroppers(at + parts.dropper, count, gathered, bit);
      });
      kernels.findRunsOfDroppers(at + parts.dropper, at + parts.key, count, at + parts.before);
    }
    return {at, byteCount: parts.byteCount, length: count, parts};
  });
  const bits = scratch.bits(at + parts.value, column ? length : 0);
  let shared: BigInt64Array | undefined;
  return {
    length,
    key: at + parts.key,
    ts: at + parts.ts,
    value: at + parts.value,
    identity: at + (isFloating ? parts.identity : parts.value),
    dropper: dropper === undefined ? 0 : at + parts.dropper,
    before: dropper === undefined ? 0 : at + parts.before,
    keyItemsMax: kernels.longestKey(at + parts.key, length),
    instants: scratch.float64(at + parts.ts, length),
    bits,
    share: () => (shared ??= share(bits)),
  };
}

/** A copy that other threads can read in place. */
export function share<T extends BigInt64Array | Int32Array | Uint8Array>(view: T): T {
  const {constructor, byteLength} = view as unknown as {readonly constructor: new (buffer: SharedArrayBuffer) => T; readonly byteLength: number};
  const copy = new constructor(new SharedArrayBuffer(byteLength));
  copy.set(view as never);
  return copy;
}

interface LineParts {
  readonly ts: number;
  readonly value: number;
  readonly identity: number;
  readonly dropper: number;
  readonly key: number;
  readonly before: number;
  readonly byteCount: number;
}

/** Where the arrays of a line of so many items begin, from its first byte. */
function layOut(length: number, {hasValue, hasIdentity, hasDropper}: {readonly hasValue: boolean; readonly hasIdentity: boolean; readonly hasDropper: boolean}): LineParts {
  const value = 8 * length;
  const identity = value + (hasValue ? 8 * length : 0);
  const dropper = identity + (hasIdentity ? 8 * length : 0);
  const key = dropper + (hasDropper ? 8 * length : 0);
  const before = key + 4 * length;
  return {ts: 0, value, identity, dropper, key, before, byteCount: before + (hasDropper ? 4 * length : 0)};
}

interface Items {
  readonly count: number;
  /** By item: its row, the place of that, and the place of its value. */
  readonly rows: number;
  readonly places: number;
  readonly elements: number;
}

/** The rows with the flags; of lists their elements that are no NULL. */
function findItems(scratch: Scratch, history: SortedRows, column: PlacedColumn | undefined, flags: readonly number[]): Items {
  const {kernels} = scratch;
  const rows = scratch.reserve(4 * history.rowCount);
  const [one, other] = [findPlaced(history, flags[0]), findPlaced(history, flags[1])];
  const count = kernels.keepRows(history.places, history.rowCount, one.flags, one.bit, other.flags, other.bit, rows);
  const places = scratch.reserve(4 * count);
  kernels.gather32(history.places, rows, count, places);
  if (!column?.lists) return {count, rows, places, elements: places};
  const {starts, ends, present} = column.lists;
  const countMax = kernels.countElements(places, count, starts, ends);
  const items = {rows: scratch.reserve(4 * countMax), places: scratch.reserve(4 * countMax), elements: scratch.reserve(4 * countMax)};
  return {...items, count: kernels.unnest(rows, places, count, starts, ends, present, items.rows, items.places, items.elements)};
}

/** The address of the words that hold a flag, and its bit in them. */
function findPlaced({flags}: SortedRows, flag: number | undefined): {readonly flags: number; readonly bit: number} {
  if (flag === undefined) return {flags: 0, bit: 0};
  const {word, bit} = placeFlag(flag);
  return {flags: flags[word]!, bit};
}

export function toNumbers(bits: BigInt64Array, kind: ValueKind): Float64Array {
  if (kind === "double") return new Float64Array(bits.buffer, bits.byteOffset, bits.length);
  if (kind === "whole") return Float64Array.from(bits, Number);
  const floats = new Float32Array(bits.buffer, bits.byteOffset, 2 * bits.length);
  return Float64Array.from({length: bits.length}, (_, at) => floats[2 * at]!);
}
