/** The footer of a parquet file: where its column chunks lie. Read by ranges, so that a file of any size costs only its footer. */
import {open, type FileHandle} from "node:fs/promises";
import {DaedalusError} from "../errors.js";
import {findInteger, findStruct, findText, listStructs, parseThriftStruct, type ThriftStruct} from "./thrift-compact.js";

/** Field ids of parquet.thrift that we read or write. */
export const fileField = {schema: 2, rowCount: 3, rowGroups: 4, keyValues: 5, columnOrders: 7, encryption: 8} as const;
export const schemaField = {type: 1, typeLength: 2, repetition: 3, name: 4, childCount: 5, convertedType: 6, logicalType: 10} as const;
export const rowGroupField = {chunks: 1, byteCount: 2, rowCount: 3, sorting: 4, fileOffset: 5, compressedByteCount: 6} as const;
export const chunkField = {filePath: 1, fileOffset: 2, metaData: 3, offsetIndex: 4, offsetIndexLength: 5, columnIndex: 6, columnIndexLength: 7, crypto: 8} as const;
export const metaField = {
  type: 1, encodings: 2, path: 3, codec: 4, valueCount: 5, uncompressedByteCount: 6, compressedByteCount: 7,
  dataPageOffset: 9, indexPageOffset: 10, dictionaryPageOffset: 11, statistics: 12, bloomFilterOffset: 14, bloomFilterLength: 15,
} as const;

export interface ParquetFooter {
  readonly fields: ThriftStruct;
  /** Where the footer starts: every chunk must end before it. */
  readonly offset: number;
  readonly columns: readonly TopLevelColumn[];
  readonly rowGroups: readonly RowGroup[];
}

export interface RowGroup {
  readonly fields: ThriftStruct;
  readonly rowCount: number;
  /** One for each leaf, in the order of the schema. */
  readonly chunks: readonly ColumnChunk[];
}

export interface ColumnChunk {
  readonly fields: ThriftStruct;
  readonly meta: ThriftStruct;
  /** Its bytes, dictionary included. */
  readonly start: number;
  readonly length: number;
}

/** A column of the table: one element of the schema's root, with everything below it. */
export interface TopLevelColumn {
  readonly name: string;
  readonly elements: readonly ThriftStruct[];
  /** Its leaves among all leaves of the file: each has one chunk in every row group. */
  readonly firstLeaf: number;
  readonly leafCount: number;
}

const magic = "PAR1";

/** Reads the footer of an open file; anything that is not whole, plain parquet is a `file-unreadable` error. */
export async function readParquetFooter(file: FileHandle, path: string): Promise<ParquetFooter> {
  const {size} = await file.stat();
  if (size < 12) throw unreadable(path, `it is not a parquet file (${size} bytes)`);
  const tail = await readRange(file, path, {start: size - 8, length: 8});
  const found = Buffer.from(tail.buffer, tail.byteOffset + 4, 4).toString("latin1");
  if (found === "PARE") throw unreadable(path, "its footer is encrypted");
  if (found !== magic) throw unreadable(path, "it is truncated or not a parquet file (it does not end with PAR1)");
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length + 12 > size) throw unreadable(path, `its footer says ${length} bytes, the file has ${size}`);
  const offset = size - 8 - length;
  const bytes = await readRange(file, path, {start: offset, length});
  try {
    return checkFooter(parseThriftStruct(bytes), offset);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw unreadable(path, `its footer is broken: ${error.message}`, error);
  }
}

/** Rows of each row group, in order. */
export async function readRowGroupRows(path: string): Promise<number[]> {
  const file = await openParquet(path);
  try {
    return (await readParquetFooter(file, path)).rowGroups.map((group) => group.rowCount);
  } finally {
    await file.close();
  }
}

export async function openParquet(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const {code, message} = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw DaedalusError.of("file-missing", {path, what: "parquet file"}, {cause: error});
    throw unreadable(path, message, error);
  }
}

/** Exactly the bytes asked for. */
export async function readRange(file: FileHandle, path: string, range: {readonly start: number; readonly length: number}): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.length);
  await readInto(file, path, {start: range.start, bytes});
  return bytes;
}

/** Fills all of `bytes`. */
export async function readInto(file: FileHandle, path: string, {start, bytes}: {readonly start: number; readonly bytes: Uint8Array}): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const {bytesRead} = await file.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) throw unreadable(path, `it ends at byte ${start + done}, before its own footer says`);
    done += bytesRead;
  }
}

export function unreadable(path: string, reason: string, cause?: unknown): DaedalusError {
  return DaedalusError.of("file-unreadable", {path, reason}, {cause});
}

function checkFooter(fields: ThriftStruct, offset: number): ParquetFooter {
  if (fields.has(fileField.encryption)) throw new RangeError("its columns are encrypted");
  const columns = findColumns(listStructs(fields, fileField.schema));
  const leafCount = columns.reduce((sum, column) => sum + column.leafCount, 0);
  const rowGroups = listStructs(fields, fileField.rowGroups).map((group) => {
    const chunks = listStructs(group, rowGroupField.chunks).map((chunk) => checkChunk(chunk, offset));
    if (chunks.length !== leafCount) throw new RangeError(`a row group has ${chunks.length} chunks for ${leafCount} columns`);
    return {fields: group, rowCount: getInteger(group, rowGroupField.rowCount), chunks};
  });
  return {fields, offset, columns, rowGroups};
}

function checkChunk(fields: ThriftStruct, dataEnd: number): ColumnChunk {
  const meta = findStruct(fields, chunkField.metaData);
  if (!meta || fields.has(chunkField.filePath) || fields.has(chunkField.crypto)) throw new RangeError("a chunk lies in another file or is encrypted");
  const dataPage = getInteger(meta, metaField.dataPageOffset);
  const dictionary = findInteger(meta, metaField.dictionaryPageOffset) ?? 0;
  // Some writers say 0 for "no dictionary"; a page can never start there.
  const start = dictionary > 0 ? Math.min(dictionary, dataPage) : dataPage;
  const length = getInteger(meta, metaField.compressedByteCount);
  if (start < 4 || start + length > dataEnd) throw new RangeError(`a chunk at ${start}..${start + length} reaches beyond the data`);
  return {fields, meta, start, length};
}

function findColumns(elements: readonly ThriftStruct[]): TopLevelColumn[] {
  const columns: TopLevelColumn[] = [];
  const topCount = elements[0] ? (findInteger(elements[0], schemaField.childCount) ?? 0) : 0;
  let next = 1;
  let leaf = 0;
  for (let k = 0; k < topCount; k++) {
    const start = next;
    const firstLeaf = leaf;
    for (let pending = 1; pending > 0; pending--, next++) {
      const element = elements[next];
      if (!element) throw new RangeError("its schema ends too early");
      const childCount = findInteger(element, schemaField.childCount) ?? 0;
      if (childCount === 0) leaf++;
      pending += childCount;
    }
    const name = findText(elements[start]!, schemaField.name) ?? "";
    columns.push({name, elements: elements.slice(start, next), firstLeaf, leafCount: leaf - firstLeaf});
  }
  return columns;
}

function getInteger(fields: ThriftStruct, id: number): number {
  const value = findInteger(fields, id);
  if (value === undefined || value < 0) throw new RangeError(`field ${id} is missing`);
  return value;
}
