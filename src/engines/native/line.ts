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

/** What is on a line, in order, as addresses in a thread's memory, and views of some of them. Lines that keep the same rows of a history share it. */
interface Items {
  readonly length: number;
  readonly key: number;
  readonly ts: number;
  /** Where their rows lie in the history's columns. */
  readonly places: number;
  /** How many items a key has at most. */
  readonly keyItemsMax: number;
  readonly instants: Float64Array;
}

export interface Line extends Items {
  /** The bits of each value, the low ones of a narrower one. */
  readonly value: number;
  /** The same where equal values in several spellings have equal bits. */
  readonly identity: number;
  /** What a window drops by, -2^63 where there is nothing; 0: no window does. */
  readonly dropper: number;
  /** For each item the one before the run of items that drop by the same; 0: no window drops. */
  readonly before: number;
  readonly bits: BigInt64Array;
  /** Lists that are stretches of the line are read in place by another thread. */
  share(): BigInt64Array;
}

export function buildLines(scratch: Scratch, history: SortedRows, specs: readonly LineSpec[]): Line[] {
  const common = history.flags.map((words) => scratch.kernels.commonFlags(words, history.rowCount));
  const isCommon = (flag: number): boolean => {
    const {word, bit} = placeFlag(flag);
    return (common[word]! & bit) !== 0;
  };
  const kept = new Map<string, Items>();
  return specs.map((spec) => {
    const flags = spec.flags.filter((flag) => !isCommon(flag));
    const items = kept.get(flags.join()) ?? keepRows(scratch, history, flags);
    kept.set(flags.join(), items);
    return buildLine(scratch, history, spec, items);
  });
}

function buildLine(scratch: Scratch, history: SortedRows, {value, dropper}: LineSpec, rows: Items): Line {
  const {kernels} = scratch;
  const column = value === undefined ? undefined : history.values[value.column]!;
  const items = column?.lists ? unnest(scratch, column.lists, rows) : {...rows, elements: rows.places};
  const {length} = items;
  const isFloating = value !== undefined && value.kind !== "whole";
  const valueAt = column ? scratch.reserve(8 * length) : 0;
  const identity = isFloating ? scratch.reserve(8 * length) : valueAt;
  if (column) kernels.gatherBits(column.at, column.width, items.elements, length, valueAt);
  if (isFloating) kernels.identify(valueAt, length, value.kind === "double", identity);
  const bits = scratch.bits(valueAt, column ? length : 0);
  let shared: BigInt64Array | undefined;
  return {...items, value: valueAt, identity, ...gatherDroppers(scratch, history, dropper, items), bits, share: () => (shared ??= share(bits))};
}

function gatherDroppers(scratch: Scratch, history: SortedRows, dropper: LineSpec["dropper"], {length, key, places}: Items): Pick<Line, "dropper" | "before"> {
  if (!dropper) return {dropper: 0, before: 0};
  const {kernels} = scratch;
  const {at, width} = history.values[dropper.column]!;
  const {flags, bit} = findPlaced(history, dropper.flag);
  const [bits, before] = [scratch.reserve(8 * length), scratch.reserve(4 * length)];
  kernels.gatherBits(at, width, places, length, bits);
  scratch.passing(() => {
    const gathered = scratch.reserve(4 * length);
    kernels.gather32(flags, places, length, gathered);
    kernels.markDroppers(bits, length, gathered, bit);
  });
  kernels.findRunsOfDroppers(bits, key, length, before);
  return {dropper: bits, before};
}

/** A copy that other threads can read in place. */
export function share<T extends BigInt64Array | Int32Array | Uint8Array>(view: T): T {
  const {constructor, byteLength} = view as unknown as {readonly constructor: new (buffer: SharedArrayBuffer) => T; readonly byteLength: number};
  const copy = new constructor(new SharedArrayBuffer(byteLength));
  copy.set(view as never);
  return copy;
}

/** The rows with the flags. */
function keepRows(scratch: Scratch, history: SortedRows, flags: readonly number[]): Items {
  const {kernels} = scratch;
  const {at, length} = scratch.keepLast(() => {
    const rows = scratch.reserve(4 * history.rowCount);
    const [one, other] = [findPlaced(history, flags[0]), findPlaced(history, flags[1])];
    const length = kernels.keepRows(history.places, history.rowCount, one.flags, one.bit, other.flags, other.bit, rows);
    const [at, byteCount] = [scratch.reserve(16 * length), 16 * length];
    kernels.gather64(history.ts, rows, length, at);
    kernels.gather32(history.key, rows, length, at + 8 * length);
    kernels.gather32(history.places, rows, length, at + 12 * length);
    return {at, byteCount, length};
  });
  return describeItems(scratch, at, length);
}

/** The elements of lists that are no NULL, and where they lie. */
function unnest(scratch: Scratch, {starts, ends, present}: NonNullable<PlacedColumn["lists"]>, rows: Items): Items & {readonly elements: number} {
  const {kernels} = scratch;
  const {at, length} = scratch.keepLast(() => {
    const countMax = kernels.countElements(rows.places, rows.length, starts, ends);
    const [items, places, elements] = [scratch.reserve(4 * countMax), scratch.reserve(4 * countMax), scratch.reserve(4 * countMax)];
    const length = kernels.unnest(rows.places, rows.length, starts, ends, present, items, places, elements);
    const [at, byteCount] = [scratch.reserve(20 * length), 20 * length];
    kernels.gather64(rows.ts, items, length, at);
    kernels.gather32(rows.key, items, length, at + 8 * length);
    scratch.int32(at + 12 * length, length).set(scratch.int32(places, length));
    scratch.int32(at + 16 * length, length).set(scratch.int32(elements, length));
    return {at, byteCount, length};
  });
  return {...describeItems(scratch, at, length), elements: at + 16 * length};
}

/** Instants, keys and places that follow each other. */
function describeItems(scratch: Scratch, at: number, length: number): Items {
  const key = at + 8 * length;
  return {length, key, ts: at, places: at + 12 * length, keyItemsMax: scratch.kernels.longestKey(key, length), instants: scratch.float64(at, length)};
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
