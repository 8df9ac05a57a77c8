/** How rows pass between DuckDB and typed arrays: whole vectors, never value by value. */

/** A column of a chunk as DuckDB holds it. The bytes are DuckDB's own: they are valid until the next chunk is asked for. */
export interface RawColumn {
  /** Values side by side; of a list, its offset into `child` and its length, 64 bits each. What stands for NULL is undefined. */
  readonly data: Uint8Array;
  /** A bit a row, 1 where there is a value; undefined: no NULL. */
  readonly validity: Uint8Array | undefined;
  /** Of lists: the elements of all rows. */
  readonly child: (RawColumn & {readonly rowCount: number}) | undefined;
}

/** Of a list in `data`. */
export const listEntryBytes = 16;

/** Whether a row has a value. */
export const isSet = (validity: Uint8Array | undefined, row: number): boolean => validity === undefined || (validity[row >> 3]! & (1 << (row & 7))) !== 0;

export interface RawChunk {
  readonly rowCount: number;
  readonly columns: readonly RawColumn[];
}

/** Columns to write: `bytes` from its start are copied. A validity is given where something is NULL. */
export interface WrittenColumn {
  readonly data: ArrayBuffer;
  readonly bytes: number;
  readonly validity: ArrayBuffer | undefined;
  /** Of lists: how many elements follow, and their bytes. */
  readonly child: {readonly data: ArrayBuffer; readonly bytes: number; readonly rowCount: number} | undefined;
}

/** A function of a BIGINT, computed for a vector at a time. */
export interface ProvidedFunction {
  readonly name: string;
  readonly type: string;
  /** @param numbers at most `chunkRows`; the column's buffers may be used again by the next call */
  compute(numbers: BigInt64Array): WrittenColumn;
}

/** The same bytes, whatever they are seen as. */
export const viewBytes = ({buffer, byteOffset, byteLength}: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/** Each 64 bits as two halves, the low one first: while V8 has not optimised a loop, each BigInt that it reads is an object. */
export const viewHalves = ({buffer, byteOffset, length}: BigInt64Array): Int32Array => new Int32Array(buffer, byteOffset, 2 * length);

/** Rows of a chunk of DuckDB. */
export const chunkRows = 2048;

/** Bytes of one value of the DuckDB types that pass as they are. */
export const widthOfType: ReadonlyMap<string, number> = new Map([
  ["BOOLEAN", 1],
  ["INTEGER", 4],
  ["FLOAT", 4],
  ["DATE", 4],
  ["BIGINT", 8],
  ["DOUBLE", 8],
  ["TIMESTAMP", 8],
]);

/** @param type a key of `widthOfType`, or a list of one */
export function widthOf(type: string): number {
  const width = widthOfType.get(type.replace(/\[\]$/, ""));
  if (width === undefined) throw new Error(`${type} has no fixed width`);
  return width;
}
