/**
 * Typed views of the columns in a result chunk: they lie over DuckDB's own memory, so no value is boxed, and what is kept must be
 * copied before the chunk is let go.
 */
import type {DuckDBDataChunk} from "./connection.js";

type Items = BigInt64Array | Float32Array | Float64Array;

/** What a vector of the binding holds; it keeps these to itself and offers one boxed value at a time instead. */
interface RawVector {
  readonly items?: unknown;
  readonly validity: {readonly data: BigUint64Array | null; readonly offset: number};
}

class Validity {
  private readonly bytes: Uint8Array | undefined;
  private readonly offset: number;

  constructor(vector: unknown) {
    const {data, offset} = (vector as RawVector).validity;
    this.bytes = data ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined;
    this.offset = offset;
  }

  /** Whether every value is there, known without looking at each. */
  get isFull(): boolean {
    return this.bytes === undefined;
  }

  isValid(index: number): boolean {
    if (!this.bytes) return true;
    const bit = this.offset + index;
    return ((this.bytes[bit >> 3]! >> (bit & 7)) & 1) === 1;
  }
}

/** Values of a BIGINT, FLOAT or DOUBLE column; those that are NULL hold anything. */
export interface ItemsView<T extends Items> {
  readonly items: T;
  readonly validity: Validity;
}

/** Values of a text column. */
export interface TextView {
  /** The value; null for NULL. */
  readonly get: (index: number) => string | null;
}

/** Lists as ranges of a child column. */
export interface ListView {
  readonly validity: Validity;
  readonly offset: (row: number) => number;
  readonly length: (row: number) => number;
  readonly child: unknown;
}

interface ListVector {
  readonly childVector: unknown;
  getEntryOffset(row: number): number;
  getEntryLength(row: number): number;
}

export function viewItems<T extends Items>(vector: unknown, kind: new (length: number) => T): ItemsView<T> {
  const {items} = vector as RawVector;
  if (!(items instanceof kind)) throw new Error(`a column is not a ${kind.name}`);
  return {items, validity: new Validity(vector)};
}

export function viewText(vector: unknown): TextView {
  const text = vector as {getItem(index: number): string | null};
  return {get: (index) => text.getItem(index)};
}

export function viewList(vector: unknown): ListView {
  const list = vector as ListVector;
  return {
    validity: new Validity(vector),
    offset: (row) => list.getEntryOffset(row),
    length: (row) => list.getEntryLength(row),
    child: list.childVector,
  };
}

interface Result {
  fetchChunk(): Promise<DuckDBDataChunk | null>;
}

/** The chunks of a streamed query; each is valid until the next is asked for. */
export async function* fetchChunks(result: Result): AsyncGenerator<DuckDBDataChunk> {
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) yield chunk;
}

/** The same, the next being made while one is looked at. */
export async function* fetchAhead(result: Result): AsyncGenerator<DuckDBDataChunk> {
  let next = result.fetchChunk();
  try {
    for (let chunk = await next; chunk !== null && chunk.rowCount > 0; chunk = await next) {
      next = result.fetchChunk();
      // Whoever asks for it learns of a failure; nobody may.
      next.catch(() => undefined);
      yield chunk;
    }
  } finally {
    // A session must not close under it.
    await next.catch(() => undefined);
  }
}

/** The same with their columns. */
export async function* streamAhead(result: Result): AsyncGenerator<{rowCount: number; columns: unknown[]}> {
  for await (const chunk of fetchAhead(result)) yield {rowCount: chunk.rowCount, columns: columnsOf(chunk)};
}

const columnsOf = (chunk: DuckDBDataChunk): unknown[] => Array.from({length: chunk.columnCount}, (_, k) => chunk.getColumnVector(k));

/** The chunks with their columns. */
export async function* streamChunks(result: Result): AsyncGenerator<{rowCount: number; columns: unknown[]}> {
  for await (const chunk of fetchChunks(result)) yield {rowCount: chunk.rowCount, columns: columnsOf(chunk)};
}
