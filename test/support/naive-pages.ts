/** The bytes of pages of lists and numbers, in plain TypeScript that follows the words of parquet-format's Encodings.md: kernels must agree. */
import type {ListStretches, NumberPlaces, NumberRows} from "../../src/engines/aggregation-engine.js";

const word = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return [...bytes, Number(value)];
}

const zigzag = (value: bigint): number[] => varint(value < 0n ? -2n * value - 1n : 2n * value);

/** Numbers of so many bits, lowest bits first. */
function packBits(numbers: readonly bigint[], width: number): number[] {
  const bytes = new Array<number>(Math.ceil((numbers.length * width) / 8)).fill(0);
  for (const [at, number] of numbers.entries()) {
    for (let bit = 0; bit < width; bit += 1) if ((number >> BigInt(bit)) & 1n) bytes[(at * width + bit) >> 3]! |= 1 << ((at * width + bit) & 7);
  }
  return bytes;
}

/** DELTA_BINARY_PACKED of numbers of 32 or 64 bits: blocks of 128, four miniblocks each. */
export function packDeltas(values: readonly bigint[], bits: 32 | 64): number[] {
  const bytes = [...varint(128n), ...varint(4n), ...varint(BigInt(values.length)), ...zigzag(values[0] ?? 0n)];
  for (let start = 1; start < values.length; start += 128) {
    const deltas = values.slice(start, start + 128).map((value, at) => BigInt.asIntN(bits, value - values[start + at - 1]!));
    const least = deltas.reduce((a, b) => (b < a ? b : a));
    const widths = [0, 0, 0, 0];
    const minis: number[] = [];
    for (let mini = 0; mini * 32 < deltas.length; mini += 1) {
      const numbers = deltas.slice(mini * 32, mini * 32 + 32).map((delta) => BigInt.asUintN(bits, delta - least));
      widths[mini] = numbers.reduce((used, number) => used | number, 0n).toString(2).replace(/^0/, "").length;
      minis.push(...packBits([...numbers, ...new Array<bigint>(32 - numbers.length).fill(0n)], widths[mini]!));
    }
    bytes.push(...zigzag(least), ...widths, ...minis);
  }
  return bytes;
}

/** Levels of so many bits behind their length: in one group where that is shorter than two bytes for each run of equal ones. */
function renderLevels(levels: readonly number[], width: number): number[] {
  const runs: number[] = [];
  let runCount = 0;
  for (let at = 0; at < levels.length; runCount += 1) {
    let end = at + 1;
    while (levels[end] === levels[at]) end += 1;
    runs.push(...varint(2n * BigInt(end - at)), levels[at]!);
    at = end;
  }
  const isPacked = Math.ceil((levels.length * width) / 8) < 2 * runCount;
  const bytes = isPacked ? renderGroups(levels, width) : runs;
  return [...word(bytes.length), ...bytes];
}

/** Groups of eight numbers, the last one filled up with zeros. */
function renderGroups(numbers: readonly number[], width: number): number[] {
  const groups = Math.ceil(numbers.length / 8);
  return [...varint(2n * BigInt(groups) + 1n), ...packBits([...numbers, ...new Array<number>(groups * 8 - numbers.length).fill(0)].map(BigInt), width)];
}

/** Runs of eight or more equal numbers, and groups of eight between them. */
function renderHybrid(numbers: readonly number[], width: number): number[] {
  const bytes: number[] = [];
  let waiting: number[] = [];
  const flush = (): void => {
    if (waiting.length > 0) bytes.push(...renderGroups(waiting, width));
    waiting = [];
  };
  for (let at = 0; at < numbers.length; ) {
    let length = 1;
    while (numbers[at + length] === numbers[at] && at + length < numbers.length) length += 1;
    const fill = (8 - (waiting.length % 8)) % 8;
    if (length - fill >= 8) {
      waiting.push(...new Array<number>(fill).fill(numbers[at]!));
      flush();
      bytes.push(...varint(2n * BigInt(length - fill)), ...word(numbers[at]!).slice(0, Math.ceil(width / 8)));
    } else {
      waiting.push(...new Array<number>(length).fill(numbers[at]!));
    }
    at += length;
  }
  flush();
  return bytes;
}

export function readLists({part, place, parts}: ListStretches, rows: Iterable<number>): bigint[][] {
  return Array.from(rows, (row) => {
    const found = parts[part[row]!];
    if (!found) return [];
    const [start, end] = [found.start[place[row]!]!, found.end[place[row]!]!];
    return [...(start < 0 ? found.extra.subarray(~start, ~end) : found.line.subarray(start, end))];
  });
}

/** @param lists undefined: NULL */
export function renderLists(lists: readonly (readonly bigint[] | undefined)[]): Uint8Array {
  const repetition = lists.flatMap((list) => [0, ...new Array<number>(Math.max(0, (list?.length ?? 0) - 1)).fill(1)]);
  const definition = lists.flatMap((list) => (list === undefined ? [0] : list.length === 0 ? [1] : list.map(() => 3)));
  return Uint8Array.from([...renderLevels(repetition, 1), ...renderLevels(definition, 2), ...packDeltas(lists.flatMap((list) => list ?? []), 64)]);
}

/** Bits of each row's number as 64, undefined where it is NULL. */
export function readNumbers({part, place, parts, withoutPart}: NumberPlaces, rows: Iterable<number>): (bigint | undefined)[] {
  return Array.from(rows, (row) => {
    const found = parts[part[row]!];
    if (!found) return withoutPart === "zero" ? 0n : undefined;
    return found.isPresent?.[place[row]!] === 0 ? undefined : found.bits[place[row]!]!;
  });
}

/** The same of numbers by row. */
export function readNumberRows({width, bytes, present}: NumberRows, rows: Iterable<number>): (bigint | undefined)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const read = (row: number): bigint => (width === 8 ? view.getBigInt64(8 * row, true) : BigInt(width === 4 ? view.getInt32(4 * row, true) : view.getUint8(row)));
  return Array.from(rows, (row) => ((present[row >> 3]! >> (row & 7)) & 1 ? read(row) : undefined));
}

export interface NaiveChunk {
  readonly encoding: number;
  readonly dictionary: Uint8Array;
  readonly body: Uint8Array;
}

const widths: Readonly<Record<string, number>> = {BOOLEAN: 0, INTEGER: 4, DATE: 4, FLOAT: 4, BIGINT: 8, TIMESTAMP: 8, DOUBLE: 8};

/**
 * A dictionary of at most a fifth of the rows: of whole numbers of up to 256 entries, or where a quarter of it and what refers to it take less than
 * differences. Floating ones without it byte by byte.
 */
export function renderNumbers(numbers: readonly (bigint | undefined)[], type: string): NaiveChunk {
  const values = numbers.filter((number) => number !== undefined);
  const hybridLevels = renderHybrid(numbers.map((number) => (number === undefined ? 0 : 1)), 1);
  const finish = (encoding: number, dictionary: readonly number[], data: readonly number[]): NaiveChunk => ({encoding, dictionary: Uint8Array.from(dictionary), body: Uint8Array.from([...word(hybridLevels.length), ...hybridLevels, ...data])});
  const width = widths[type]!;
  if (width === 0) return finish(0, [], packBits(values.map((value) => value & 1n), 1));
  const bits = values.map((value) => BigInt.asUintN(8 * width, value));
  const entries = [...new Set(bits)];
  const bytesOf = (value: bigint): number[] => Array.from({length: width}, (_, byte) => Number((value >> BigInt(8 * byte)) & 255n));
  const dictionary = entries.flatMap(bytesOf);
  const isFloating = type === "FLOAT" || type === "DOUBLE";
  const numbered = new Map(entries.map((entry, at) => [entry, at]));
  const indexWidth = Math.max(1, (entries.length - 1).toString(2).length);
  const isNumbered = entries.length > 0 && entries.length <= Math.floor(numbers.length / 5);
  const indices = isNumbered ? [indexWidth, ...renderHybrid(bits.map((value) => numbered.get(value)!), indexWidth)] : [];
  const split = Array.from({length: isFloating ? width : 0}, (_, byte) => bits.map((value) => Number((value >> BigInt(8 * byte)) & 255n))).flat();
  const packed = isFloating ? split : packDeltas(values.map((value) => BigInt.asIntN(8 * width, value)), width === 4 ? 32 : 64);
  if (isNumbered && (isFloating || entries.length <= 256 || Math.floor(dictionary.length / 4) + indices.length < packed.length)) return finish(8, dictionary, indices);
  return finish(isFloating ? 9 : 5, [], packed);
}
