/** The kernels of kernels/pages.ts. */
import {instantiate, type SharedMemory} from "../engines/wasm.js";
import type {ListLengths} from "./list-lengths.js";

/** Numbers are addresses, but for kinds, counts, and what is a fact of itself. */
export interface PageKernels {
  narrow(from: number, to: number, count: number): number;
  pair(start: number, end: number, count: number, pairs: number): number;
  listScratchBytes(itemsMax: number, rowCount: number): number;
  numberScratchBytes(rowCount: number): number;
  rowInput(rowCount: number): number;
  renderLists(isWide: number, parts: number, part: number, place: number, rows: number, rowCount: number, scratch: number, itemsMax: number): void;
  takePlaced(width: number, parts: number, part: number, place: number, isZeroWithoutPart: number, rows: number, rowCount: number, scratch: number): number;
  takeRows(width: number, isNarrow: number, rowCount: number, scratch: number): number;
  renderNumbers(kind: NumberKind, count: number, rowCount: number, scratch: number): void;
}

export const numberKind = {boolean: 0, integer: 1, bigint: 2, float: 3, double: 4} as const;
export type NumberKind = (typeof numberKind)[keyof typeof numberKind];

/** The encoding DELTA_BINARY_PACKED. */
export const packedDeltas = 5;

export const loadPageKernels = (memory: SharedMemory): PageKernels => instantiate("pages", memory) as PageKernels;

/** What a kernel says of the page that it rendered, at the beginning of its scratch. */
interface PageFacts {
  readonly rowCount: number;
  /** Levels, NULL and empty ones too. */
  readonly valueCount: number;
  readonly nullCount: number;
  readonly encoding: number;
  /** Levels and values, in shared memory. */
  readonly body: readonly [Uint8Array];
}

interface ListFacts extends PageFacts {
  readonly lengths: ListLengths;
}

export interface NumberFacts extends PageFacts {
  readonly dictionary: {readonly address: number; readonly entryCount: number} | undefined;
  /** 64 bits each, of narrower ones the first. */
  readonly bounds: {readonly least: Uint8Array; readonly most: Uint8Array} | undefined;
}

export function readListFacts(memory: SharedMemory, scratch: number): ListFacts {
  const [total, least, most] = wordsOf(memory, scratch).subarray(6);
  return {...readFacts(memory, scratch), lengths: {total: total!, least: least!, most: most!}};
}

export function readNumberFacts(memory: SharedMemory, scratch: number): NumberFacts {
  const [dictionary, entryCount, hasBounds] = wordsOf(memory, scratch).subarray(6);
  const copy = (at: number): Uint8Array => Uint8Array.from(new Uint8Array(memory.buffer, at, 8));
  return {
    ...readFacts(memory, scratch),
    dictionary: entryCount! > 0 ? {address: dictionary!, entryCount: entryCount!} : undefined,
    bounds: hasBounds === 1 ? {least: copy(scratch + 40), most: copy(scratch + 48)} : undefined,
  };
}

function readFacts(memory: SharedMemory, scratch: number): PageFacts {
  const [rowCount, valueCount, nullCount, encoding, body, bodyBytes] = wordsOf(memory, scratch);
  return {rowCount: rowCount!, valueCount: valueCount!, nullCount: nullCount!, encoding: encoding!, body: [new Uint8Array(memory.buffer, body, bodyBytes)]};
}

const wordsOf = ({buffer}: SharedMemory, scratch: number): Uint32Array => new Uint32Array(buffer, scratch, 9);
