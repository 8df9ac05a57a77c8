/** Random columns as an engine leaves them: values in parts, rows of which no part knows anything, lists in a line and beside it. */
import type {ListPart, ListStretches, NumberPart, NumberPlaces, NumberRows} from "../../src/engines/aggregation-engine.js";
import {below} from "./seeded-random.js";

const sharedBits = (values: readonly bigint[]): BigInt64Array => {
  const bits = new BigInt64Array(new SharedArrayBuffer(8 * values.length));
  bits.set(values);
  return bits;
};

const partCount = 3;

/** Puts all rows but every fourth into parts, in turns. */
function makePlaces<Part>(rowCount: number, makePart: (size: number) => Part): {readonly part: Int32Array; readonly place: Int32Array; readonly parts: readonly Part[]} {
  const [part, place] = [new Int32Array(rowCount).fill(-1), new Int32Array(rowCount)];
  const parts = Array.from({length: partCount}, (_, number) => {
    const rows = Array.from({length: rowCount}, (_, row) => row).filter((row) => row % (partCount + 1) === number);
    for (const [at, row] of rows.entries()) [part[row], place[row]] = [number, rows.length - 1 - at];
    return makePart(rows.length);
  });
  return {part, place, parts};
}

export function makeLists(rowCount: number, random: () => number, value: () => bigint, lengthMax: number): ListStretches {
  const places = makePlaces(rowCount, (size): ListPart => {
    const line = Array.from({length: 40 * lengthMax + 1}, value);
    const extra: bigint[] = [];
    const [start, end]: [number[], number[]] = [[], []];
    for (let at = 0; at < size; at += 1) {
      const [from, length] = [below(random, line.length - lengthMax), below(random, lengthMax + 1)];
      const isCopied = below(random, 3) === 0;
      start.push(isCopied ? ~extra.length : from);
      if (isCopied) extra.push(...Array.from({length}, value));
      end.push(isCopied ? ~extra.length : from + length);
    }
    return {start: Int32Array.from(start), end: Int32Array.from(end), line: sharedBits(line), extra: sharedBits(extra)};
  });
  return {kind: "lists", ...places};
}

/** @param nulls of so many values one is NULL; undefined: none */
export function makeNumbers(rowCount: number, random: () => number, value: () => bigint, {type, withoutPart, nulls}: Pick<NumberPlaces, "type" | "withoutPart"> & {readonly nulls: number | undefined}): NumberPlaces {
  return {
    kind: "numbers",
    ...makePlaces(rowCount, (size): NumberPart => ({
      bits: sharedBits(Array.from({length: size}, value)),
      isPresent: nulls === undefined ? undefined : Uint8Array.from({length: size}, () => (below(random, nulls) === 0 ? 0 : 1)),
    })),
    type,
    withoutPart,
  };
}

/** @param width of a value in bytes: 4 for what is kept narrow */
export function makeNumberRows(rowCount: number, random: () => number, value: () => bigint, {type, width, nulls}: Pick<NumberRows, "type" | "width"> & {readonly nulls: number | undefined}): NumberRows {
  const [bytes, present] = [width * rowCount, Math.ceil(rowCount / 8)].map((size) => new Uint8Array(new SharedArrayBuffer(size))) as [Uint8Array, Uint8Array];
  for (let row = 0; row < rowCount; row += 1) {
    if (nulls !== undefined && below(random, nulls) === 0) continue;
    bytes.set(new Uint8Array(BigInt64Array.of(value()).buffer, 0, width), width * row);
    present[row >> 3]! |= 1 << (row & 7);
  }
  return {kind: "rows", type, width, bytes, present};
}

/** The bits of a number of a type. */
export function toBits(value: number, type: string): bigint {
  if (type === "DOUBLE") return new BigInt64Array(Float64Array.of(value).buffer)[0]!;
  if (type === "FLOAT") return BigInt(new Int32Array(Float32Array.of(value).buffer)[0]!);
  return BigInt(value);
}
