/**
 * Adds vector columns to a parquet file without decoding it: the column chunks that stay are copied byte for byte, the new ones
 * are written beside them, and one footer describes both. A day's skeleton is wide and mostly text and lists; decoding and
 * encoding it again would cost more than computing the vectors.
 */
import {open, rm, type FileHandle} from "node:fs/promises";
import type {Dtype} from "../definitions/dtype.js";
import {DaedalusError} from "../errors.js";
import {explainWriteFailure, reasonOf} from "./failure.js";
import {
  chunkField, fileField, metaField, openParquet, readParquetFooter, readRange, rowGroupField, schemaField,
  type ColumnChunk, type ParquetFooter, type RowGroup, type TopLevelColumn,
} from "./parquet-footer.js";
import {renderListPage, type ListPage} from "./parquet-pages.js";
import {
  findInteger, findStruct, findText, i32, i32s, i64, listStructs, renderThriftStruct, struct, structs, text, texts, type ThriftStruct,
} from "./thrift-compact.js";

export type VectorDtype = Extract<Dtype, {kind: "vector"}>;

/** A column to write: a list of FLOAT16 (`HALF_FLOAT[n]`) or FLOAT. Lists may have any length, whatever the dimension says. */
export interface SplicedColumn {
  readonly name: string;
  readonly dtype: VectorDtype;
  /** The lists of `[rowStart, rowStart + rowCount)` of the file, or of as many of the first of them as suits the column: at least one. */
  readonly read: (rows: {readonly rowStart: number; readonly rowCount: number}) => ListPage | Promise<ListPage>;
}

export interface SpliceOptions {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly columns: readonly SplicedColumn[];
  /** The output's columns in order; a column of the input that is not named here is left out. */
  readonly order: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface SpliceReport {
  readonly rowCount: number;
  readonly byteCount: number;
  /** New column -> rows without a list. */
  readonly nullCounts: ReadonlyMap<string, number>;
}

const copyBytesMax = 4 << 20;
const pageBytesMax = 1 << 20;
const pageRowsMax = 20_000;

/**
 * Writes `outputPath`: the columns of `order`, taken from `columns` or else from the input. A failure leaves no output behind.
 * Statistics, sizes and bloom filters of copied chunks stay; page indexes are left out, since their offsets would be wrong.
 */
export async function spliceColumns(options: SpliceOptions): Promise<SpliceReport> {
  const input = await openParquet(options.inputPath);
  try {
    const footer = await readParquetFooter(input, options.inputPath);
    const plan = planColumns(footer, options);
    const output = await openOutput(options.outputPath);
    try {
      const splice = new Splice(options, plan, footer, {input, output});
      const report = await splice.run();
      await output.close();
      return report;
    } catch (error) {
      await output.close();
      await rm(options.outputPath, {force: true});
      throw error;
    }
  } finally {
    await input.close();
  }
}

type PlannedColumn = {readonly kept: TopLevelColumn} | {readonly added: SplicedColumn};

function planColumns(footer: ParquetFooter, options: SpliceOptions): PlannedColumn[] {
  const kept = new Map(footer.columns.map((column) => [column.name, column]));
  const added = new Map(options.columns.map((column) => [column.name, column]));
  return options.order.map((name) => {
    const column = added.get(name);
    if (column) return {added: column};
    const old = kept.get(name);
    if (!old) throw DaedalusError.of("parquet-column-missing", {path: options.inputPath, column: name, columns: [...kept.keys()]});
    return {kept: old};
  });
}

async function openOutput(path: string): Promise<FileHandle> {
  try {
    return await open(path, "w");
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): DaedalusError {
  const explained = explainWriteFailure(error, path);
  return explained instanceof DaedalusError ? explained : DaedalusError.of("file-unwritable", {path, reason: reasonOf(error)}, {cause: error});
}

class Splice {
  private position = 0;
  private readonly nullCounts = new Map<string, number>();

  constructor(
    private readonly options: SpliceOptions,
    private readonly plan: readonly PlannedColumn[],
    private readonly footer: ParquetFooter,
    private readonly files: {readonly input: FileHandle; readonly output: FileHandle},
  ) {}

  async run(): Promise<SpliceReport> {
    const magic = Buffer.from("PAR1", "latin1");
    for (const column of this.options.columns) this.nullCounts.set(column.name, 0);
    await this.write(magic);
    const groups: ThriftStruct[] = [];
    let rowStart = 0;
    for (const group of this.footer.rowGroups) {
      groups.push(await this.writeRowGroup(group, rowStart));
      rowStart += group.rowCount;
    }
    const footer = renderThriftStruct(this.mergeFooter(groups));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, footer.length, true);
    for (const part of [footer, length, magic]) await this.write(part);
    return {rowCount: rowStart, byteCount: this.position, nullCounts: this.nullCounts};
  }

  private async writeRowGroup(group: RowGroup, rowStart: number): Promise<ThriftStruct> {
    const start = this.position;
    const chunks: ThriftStruct[] = [];
    for (const column of this.plan) {
      if ("added" in column) {
        chunks.push(await this.writeChunk(column.added, {rowStart, rowCount: group.rowCount}));
        continue;
      }
      const {firstLeaf, leafCount} = column.kept;
      for (const chunk of group.chunks.slice(firstLeaf, firstLeaf + leafCount)) chunks.push(await this.copyChunk(chunk));
    }
    for (const chunk of chunks) await this.copyBloomFilter(chunk);
    const metas = chunks.map((chunk) => findStruct(chunk, chunkField.metaData)!);
    const sum = (field: number): number => metas.reduce((total, meta) => total + (findInteger(meta, field) ?? 0), 0);
    const merged: ThriftStruct = new Map(group.fields);
    merged.set(rowGroupField.chunks, structs(chunks));
    merged.set(rowGroupField.byteCount, i64(sum(metaField.uncompressedByteCount)));
    merged.set(rowGroupField.fileOffset, i64(start));
    merged.set(rowGroupField.compressedByteCount, i64(sum(metaField.compressedByteCount)));
    const sorting = this.mergeSorting(group.fields);
    if (sorting.length > 0) merged.set(rowGroupField.sorting, structs(sorting));
    else merged.delete(rowGroupField.sorting);
    return merged;
  }

  private async copyChunk(chunk: ColumnChunk): Promise<ThriftStruct> {
    const shift = this.position - chunk.start;
    await this.copyBytes(chunk);
    const meta: ThriftStruct = new Map(chunk.meta);
    for (const field of [metaField.dataPageOffset, metaField.dictionaryPageOffset]) {
      const offset = findInteger(meta, field);
      if (offset !== undefined && offset > 0) meta.set(field, i64(offset + shift));
    }
    meta.delete(metaField.indexPageOffset);
    const copy: ThriftStruct = new Map(chunk.fields);
    for (const field of [chunkField.offsetIndex, chunkField.offsetIndexLength, chunkField.columnIndex, chunkField.columnIndexLength]) copy.delete(field);
    // Deprecated, and writers disagree on what it points to; 0 is what the format now asks for.
    copy.set(chunkField.fileOffset, i64(0));
    copy.set(chunkField.metaData, {kind: "struct", fields: meta});
    return copy;
  }

  /** The filter of a copied chunk lies outside its bytes. One of unknown length cannot be copied, and is only a hint anyway. */
  private async copyBloomFilter(chunk: ThriftStruct): Promise<void> {
    const meta = findStruct(chunk, chunkField.metaData)!;
    const start = findInteger(meta, metaField.bloomFilterOffset);
    const length = findInteger(meta, metaField.bloomFilterLength);
    if (start === undefined) return;
    if (length === undefined || start < 4 || start + length > this.footer.offset) {
      meta.delete(metaField.bloomFilterOffset);
      meta.delete(metaField.bloomFilterLength);
      return;
    }
    meta.set(metaField.bloomFilterOffset, i64(this.position));
    await this.copyBytes({start, length});
  }

  private async writeChunk(column: SplicedColumn, rows: {rowStart: number; rowCount: number}): Promise<ThriftStruct> {
    const start = this.position;
    const isHalf = column.dtype.name === "HALF_FLOAT";
    const listBytes = column.dtype.dimension * (isHalf ? 2 : 4);
    const rowsMax = Math.min(pageRowsMax, Math.max(1, Math.floor(pageBytesMax / listBytes)));
    let valueCount = 0;
    const rowEnd = rows.rowStart + rows.rowCount;
    for (let rowStart = rows.rowStart; rowStart < rowEnd; ) {
      this.options.signal?.throwIfAborted();
      const page = await column.read({rowStart, rowCount: Math.min(rowsMax, rowEnd - rowStart)});
      if (page.rowCount < 1 || page.rowCount > rowEnd - rowStart) throw new Error(`column ${column.name} gave ${page.rowCount} rows`);
      const encoded = renderListPage(page);
      for (const part of encoded.parts) await this.write(part);
      valueCount += encoded.valueCount;
      this.countNulls(column.name, page);
      rowStart += page.rowCount;
    }
    const byteCount = this.position - start;
    return new Map([
      [chunkField.fileOffset, i64(0)],
      [
        chunkField.metaData,
        struct([
          [metaField.type, i32(isHalf ? physicalType.fixedLenByteArray : physicalType.float)],
          [metaField.encodings, i32s([0, 3])],
          [metaField.path, texts([column.name, "list", "element"])],
          [metaField.codec, i32(0)],
          [metaField.valueCount, i64(valueCount)],
          [metaField.uncompressedByteCount, i64(byteCount)],
          [metaField.compressedByteCount, i64(byteCount)],
          [metaField.dataPageOffset, i64(start)],
        ]),
      ],
    ]);
  }

  private countNulls(name: string, page: ListPage): void {
    let nulls = 0;
    for (let row = 0; row < page.rowCount; row++) nulls += page.isNull[row]!;
    this.nullCounts.set(name, this.nullCounts.get(name)! + nulls);
  }

  private mergeFooter(groups: readonly ThriftStruct[]): ThriftStruct {
    const {fields} = this.footer;
    const merged: ThriftStruct = new Map(fields);
    const [root] = listStructs(fields, fileField.schema);
    const elements = this.plan.flatMap((column) => ("added" in column ? listElements(column.added) : column.kept.elements));
    merged.set(fileField.schema, structs([new Map(root).set(schemaField.childCount, i32(this.plan.length)), ...elements]));
    merged.set(fileField.rowGroups, structs(groups));
    const orders = listStructs(fields, fileField.columnOrders);
    // Each order is a union; 1 is "the order of the type".
    const typeOrder: ThriftStruct = new Map([[1, struct([])]]);
    if (orders.length > 0) merged.set(fileField.columnOrders, structs(this.leaves().map((leaf) => (leaf === undefined ? typeOrder : orders[leaf]!))));
    // The Arrow schema that some writers store describes the columns as they were, and readers that trust it would be misled.
    const keyValues = listStructs(fields, fileField.keyValues).filter((pair) => findText(pair, 1) !== "ARROW:schema");
    if (keyValues.length > 0) merged.set(fileField.keyValues, structs(keyValues));
    else merged.delete(fileField.keyValues);
    return merged;
  }

  /** For each leaf of the output its number in the input; undefined for a new column. */
  private leaves(): (number | undefined)[] {
    return this.plan.flatMap((column) =>
      "added" in column ? [undefined] : Array.from({length: column.kept.leafCount}, (_, k) => column.kept.firstLeaf + k),
    );
  }

  /** Rows stay in order, so what they were sorted by still holds, up to the first column that is gone. */
  private mergeSorting(group: ThriftStruct): ThriftStruct[] {
    const leaves = this.leaves();
    const sorting: ThriftStruct[] = [];
    for (const entry of listStructs(group, rowGroupField.sorting)) {
      const leaf = leaves.indexOf(findInteger(entry, 1));
      if (leaf === -1) break;
      sorting.push(new Map(entry).set(1, i32(leaf)));
    }
    return sorting;
  }

  private async copyBytes(range: {start: number; length: number}): Promise<void> {
    for (let done = 0; done < range.length; done += copyBytesMax) {
      this.options.signal?.throwIfAborted();
      const piece = {start: range.start + done, length: Math.min(copyBytesMax, range.length - done)};
      await this.write(await readRange(this.files.input, this.options.inputPath, piece));
    }
  }

  private async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const {bytesWritten} = await this.files.output.write(bytes, done, bytes.length - done, this.position);
        done += bytesWritten;
        this.position += bytesWritten;
      }
    } catch (error) {
      throw unwritable(this.options.outputPath, error);
    }
  }
}

const physicalType = {float: 4, fixedLenByteArray: 7} as const;
const repetition = {optional: 1, repeated: 2} as const;
const listConvertedType = 3;
/** Members of the LogicalType union. */
const logicalType = {list: 3, float16: 15} as const;

/** `optional group NAME (LIST) { repeated group list { optional element } }`, the shape that DuckDB and Arrow write too. */
function listElements(column: SplicedColumn): ThriftStruct[] {
  const list: ThriftStruct = new Map([
    [schemaField.repetition, i32(repetition.optional)],
    [schemaField.name, text(column.name)],
    [schemaField.childCount, i32(1)],
    [schemaField.convertedType, i32(listConvertedType)],
    [schemaField.logicalType, struct([[logicalType.list, struct([])]])],
  ]);
  const repeated: ThriftStruct = new Map([
    [schemaField.repetition, i32(repetition.repeated)],
    [schemaField.name, text("list")],
    [schemaField.childCount, i32(1)],
  ]);
  const element: ThriftStruct = new Map([
    [schemaField.type, i32(physicalType.float)],
    [schemaField.repetition, i32(repetition.optional)],
    [schemaField.name, text("element")],
  ]);
  if (column.dtype.name === "HALF_FLOAT") {
    element.set(schemaField.type, i32(physicalType.fixedLenByteArray));
    element.set(schemaField.typeLength, i32(2));
    element.set(schemaField.logicalType, struct([[logicalType.float16, struct([])]]));
  }
  return [list, repeated, element];
}
