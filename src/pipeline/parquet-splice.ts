/**
 * Adds columns to a parquet file without decoding it: the column chunks that stay are copied byte for byte, the new ones
 * are written beside them, and one footer describes both. A day's skeleton is wide and mostly text and lists; decoding and
 * encoding it again would cost more than computing the vectors.
 */
import {rm, type FileHandle} from "node:fs/promises";
import {DaedalusError} from "../errors.js";
import {OutputFile} from "./output-file.js";
import {renderChunkMeta, renderElements, type ChunkFacts, type NumberBounds, type SplicedDtype} from "./parquet-column.js";
import {
  chunkField, fileField, metaField, openParquet, readParquetFooter, readRange, rowGroupField, schemaField,
  type ColumnChunk, type ParquetFooter, type TopLevelColumn,
} from "./parquet-footer.js";
import {renderByteDictionary, type EncodedPage} from "./parquet-pages.js";
import {
  findInteger, findStruct, findText, i32, i64, listStructs, parseThriftStruct, renderThriftStruct, struct, structs, type ThriftStruct,
} from "./thrift-compact.js";
import type {Compress} from "./zstd.js";

/** A page, and what to do when its bytes are written. */
export interface SplicedPage extends EncodedPage {
  readonly release?: (() => void) | undefined;
}

/** All of a row group's single numbers: the dictionary, if there is one, and a data page. */
export interface EncodedChunk extends Omit<SplicedPage, "valueCount"> {
  readonly dictionaryByteCount: number;
  readonly encoding: number;
  readonly isCompressed: boolean;
  readonly bounds: NumberBounds | undefined;
}

/** A column to write. */
export type SplicedColumn = PagedColumn | NumberColumn;

/** A list of FLOAT16 (`HALF_FLOAT[n]`), FLOAT or INT8 (`TINYINT[n]`), of any length whatever the dimension says; a list of BIGINT; or a FLOAT. */
export interface PagedColumn {
  readonly name: string;
  readonly dtype: SplicedDtype;
  /** What the pages were compressed with; undefined: they were not. */
  readonly compress?: Compress | undefined;
  /** A page of the first of the rows `[rowStart, rowEnd)` of the file: of at least one. Asked in the order of the output's bytes. */
  readonly read: (rows: {readonly rowStart: number; readonly rowEnd: number}) => SplicedPage | Promise<SplicedPage>;
}

/** Single numbers. */
export interface NumberColumn {
  readonly name: string;
  readonly dtype: SplicedDtype;
  /** The next row group. Asked in the order of the output's bytes. */
  readonly readChunk: () => Promise<EncodedChunk>;
}

/** Columns that are taken from another file as they are: it has the same rows in the same row groups. */
export interface CarriedColumns {
  readonly path: string;
  readonly names: readonly string[];
}

export interface SpliceOptions {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly columns: readonly SplicedColumn[];
  readonly carried?: CarriedColumns | undefined;
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

/**
 * Writes `outputPath`: the columns of `order`, taken from `columns`, `carried` or else from the input. A failure leaves no output behind.
 * Statistics, sizes, bloom filters and page indexes of copied chunks stay, and so do key-value pairs but for the Arrow schema.
 */
export async function spliceColumns(options: SpliceOptions): Promise<SpliceReport> {
  const sources: SourceFile[] = [];
  try {
    const input = await openSource(options.inputPath, sources);
    const carried = options.carried && (await openSource(options.carried.path, sources));
    const plan = planColumns(options, input, carried);
    const output = await OutputFile.create(options.outputPath);
    try {
      return await new Splice(options, plan, input, output).run();
    } catch (error) {
      await rm(options.outputPath, {force: true});
      throw error;
    } finally {
      await output.close();
    }
  } finally {
    for (const {file} of sources) await file.close();
  }
}

/** A file that chunks are copied from. */
interface SourceFile {
  readonly path: string;
  readonly file: FileHandle;
  readonly footer: ParquetFooter;
}

async function openSource(path: string, opened: SourceFile[]): Promise<SourceFile> {
  const file = await openParquet(path);
  try {
    const source = {path, file, footer: await readParquetFooter(file, path)};
    opened.push(source);
    return source;
  } catch (error) {
    await file.close();
    throw error;
  }
}

type PlannedColumn = {readonly kept: TopLevelColumn; readonly source: SourceFile} | {readonly added: SplicedColumn};

function planColumns(options: SpliceOptions, input: SourceFile, carried: SourceFile | undefined): PlannedColumn[] {
  const sizes = ({footer}: SourceFile): string => footer.rowGroups.map((group) => group.rowCount).join();
  if (carried && sizes(carried) !== sizes(input)) throw new Error(`${carried.path} has other row groups than ${input.path}`);
  const added = new Map(options.columns.map((column) => [column.name, column]));
  return options.order.map((name) => {
    const column = added.get(name);
    if (column) return {added: column};
    const source = carried && options.carried?.names.includes(name) ? carried : input;
    const {columns} = source.footer;
    const kept = columns.find((candidate) => candidate.name === name);
    if (!kept) throw DaedalusError.of("parquet-column-missing", {path: source.path, column: name, columns: columns.map((candidate) => candidate.name)});
    return {kept, source};
  });
}

/** Where an index of a chunk lies in its source. */
interface PageIndex {
  readonly source: SourceFile;
  readonly chunk: ThriftStruct;
  readonly field: number;
  readonly lengthField: number;
  readonly start: number;
  readonly length: number;
  /** How far the chunk's pages moved; undefined for an index that says nothing of places. */
  readonly shift: number | undefined;
}

class Splice {
  private readonly nullCounts = new Map<string, number>();
  private readonly indexes: PageIndex[] = [];

  constructor(
    private readonly options: SpliceOptions,
    private readonly plan: readonly PlannedColumn[],
    private readonly input: SourceFile,
    private readonly output: OutputFile,
  ) {}

  async run(): Promise<SpliceReport> {
    const {output} = this;
    const magic = Buffer.from("PAR1", "latin1");
    for (const column of this.options.columns) this.nullCounts.set(column.name, 0);
    await output.write([magic]);
    const groups: ThriftStruct[] = [];
    let rowStart = 0;
    for (const [number, group] of this.input.footer.rowGroups.entries()) {
      groups.push(await this.writeRowGroup(number, rowStart));
      rowStart += group.rowCount;
    }
    for (const index of this.indexes) await this.copyPageIndex(index);
    const footer = renderThriftStruct(this.mergeFooter(groups));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, footer.length, true);
    await output.write([footer, length, magic]);
    await output.finish();
    return {rowCount: rowStart, byteCount: output.position, nullCounts: this.nullCounts};
  }

  private async writeRowGroup(number: number, rowStart: number): Promise<ThriftStruct> {
    const group = this.input.footer.rowGroups[number]!;
    const start = this.output.position;
    const chunks: ThriftStruct[] = [];
    const filters: (() => Promise<void>)[] = [];
    for (const column of this.plan) {
      if ("added" in column) {
        const {added} = column;
        chunks.push("readChunk" in added ? await this.writeNumbers(added, group.rowCount) : await this.writeChunk(added, {rowStart, rowCount: group.rowCount}));
        continue;
      }
      const {kept: {firstLeaf, leafCount}, source} = column;
      for (const chunk of source.footer.rowGroups[number]!.chunks.slice(firstLeaf, firstLeaf + leafCount)) {
        const copy = await this.copyChunk(chunk, source);
        chunks.push(copy);
        filters.push(() => this.copyBloomFilter(copy, source));
      }
    }
    for (const copyFilter of filters) await copyFilter();
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

  private async copyChunk(chunk: ColumnChunk, source: SourceFile): Promise<ThriftStruct> {
    const shift = this.output.position - chunk.start;
    await this.copyBytes(source, chunk);
    const meta: ThriftStruct = new Map(chunk.meta);
    for (const field of [metaField.dataPageOffset, metaField.dictionaryPageOffset]) {
      const offset = findInteger(meta, field);
      if (offset !== undefined && offset > 0) meta.set(field, i64(offset + shift));
    }
    meta.delete(metaField.indexPageOffset);
    const copy: ThriftStruct = new Map(chunk.fields);
    for (const [field, lengthField] of indexFields) {
      const [start, length] = [findInteger(copy, field), findInteger(copy, lengthField)];
      copy.delete(field);
      copy.delete(lengthField);
      if (start === undefined || length === undefined || start < 4 || start + length > source.footer.offset) continue;
      this.indexes.push({source, chunk: copy, field, lengthField, start, length, shift: field === chunkField.offsetIndex ? shift : undefined});
    }
    // Deprecated, and writers disagree on what it points to; 0 is what the format now asks for.
    copy.set(chunkField.fileOffset, i64(0));
    copy.set(chunkField.metaData, {kind: "struct", fields: meta});
    return copy;
  }

  /** The filter of a copied chunk lies outside its bytes. One of unknown length cannot be copied, and is only a hint anyway. */
  private async copyBloomFilter(chunk: ThriftStruct, source: SourceFile): Promise<void> {
    const meta = findStruct(chunk, chunkField.metaData)!;
    const start = findInteger(meta, metaField.bloomFilterOffset);
    const length = findInteger(meta, metaField.bloomFilterLength);
    if (start === undefined) return;
    if (length === undefined || start < 4 || start + length > source.footer.offset) {
      meta.delete(metaField.bloomFilterOffset);
      meta.delete(metaField.bloomFilterLength);
      return;
    }
    meta.set(metaField.bloomFilterOffset, i64(this.output.position));
    await this.copyBytes(source, {start, length});
  }

  /** Bounds of pages are copied as they are, places of pages with the distance that the chunk moved. */
  private async copyPageIndex({source, chunk, field, lengthField, start, length, shift}: PageIndex): Promise<void> {
    const bytes = await readRange(source.file, source.path, {start, length});
    const copied = shift === undefined ? bytes : movePages(bytes, shift, source.path);
    chunk.set(field, i64(this.output.position));
    chunk.set(lengthField, i32(copied.length));
    await this.output.write([copied]);
  }

  private async writeNumbers({name, dtype, readChunk}: NumberColumn, rowCount: number): Promise<ThriftStruct> {
    this.options.signal?.throwIfAborted();
    const chunk = await readChunk();
    if (chunk.rowCount !== rowCount) throw new Error(`column ${name} gave ${chunk.rowCount} rows`);
    const start = this.output.position;
    await this.output.write(chunk.parts, chunk.release);
    return this.finishChunk({...chunk, name, dtype, start, dataStart: start + chunk.dictionaryByteCount, valueCount: rowCount});
  }

  private finishChunk(chunk: ChunkFacts): ThriftStruct {
    this.nullCounts.set(chunk.name, this.nullCounts.get(chunk.name)! + chunk.nullCount);
    return new Map([[chunkField.fileOffset, i64(0)], [chunkField.metaData, renderChunkMeta(chunk)]]);
  }

  private async writeChunk(column: PagedColumn, rows: {rowStart: number; rowCount: number}): Promise<ThriftStruct> {
    const {output} = this;
    const {name, dtype, compress} = column;
    const start = output.position;
    let plainByteCount = 0;
    if (dtype.name === "TINYINT") {
      const dictionary = renderByteDictionary(compress);
      await output.write(dictionary.parts);
      plainByteCount += dictionary.plainByteCount;
    }
    const dataStart = output.position;
    let valueCount = 0;
    let nullCount = 0;
    const rowEnd = rows.rowStart + rows.rowCount;
    for (let rowStart = rows.rowStart; rowStart < rowEnd; ) {
      this.options.signal?.throwIfAborted();
      const page = await column.read({rowStart, rowEnd});
      if (page.rowCount < 1 || page.rowCount > rowEnd - rowStart) throw new Error(`column ${name} gave ${page.rowCount} rows`);
      await output.write(page.parts, page.release);
      plainByteCount += page.plainByteCount;
      valueCount += page.valueCount;
      nullCount += page.nullCount;
      rowStart += page.rowCount;
    }
    return this.finishChunk({name, dtype, start, dataStart, byteCount: output.position - start, plainByteCount, isCompressed: compress !== undefined, valueCount, nullCount});
  }

  private mergeFooter(groups: readonly ThriftStruct[]): ThriftStruct {
    const {fields} = this.input.footer;
    const merged: ThriftStruct = new Map(fields);
    const [root] = listStructs(fields, fileField.schema);
    const elements = this.plan.flatMap((column) => ("added" in column ? renderElements(column.added.name, column.added.dtype) : column.kept.elements));
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

  /** For each leaf of the output its number in the input; undefined for a column from elsewhere. */
  private leaves(): (number | undefined)[] {
    return this.plan.flatMap((column) =>
      "added" in column ? [undefined] : Array.from({length: column.kept.leafCount}, (_, k) => (column.source === this.input ? column.kept.firstLeaf + k : undefined)),
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

  private async copyBytes({file, path}: SourceFile, range: {start: number; length: number}): Promise<void> {
    for (let done = 0; done < range.length; done += copyBytesMax) {
      this.options.signal?.throwIfAborted();
      const piece = {start: range.start + done, length: Math.min(copyBytesMax, range.length - done)};
      await this.output.write([await readRange(file, path, piece)]);
    }
  }
}

function movePages(bytes: Uint8Array, shift: number, path: string): Uint8Array {
  try {
    const index = parseThriftStruct(bytes);
    const pages = listStructs(index, 1).map((page) => new Map(page).set(1, i64((findInteger(page, 1) ?? 0) + shift)));
    return renderThriftStruct(new Map(index).set(1, structs(pages)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw DaedalusError.of("file-unreadable", {path, reason: `an offset index is broken: ${error.message}`}, {cause: error});
  }
}

const indexFields = [
  [chunkField.columnIndex, chunkField.columnIndexLength],
  [chunkField.offsetIndex, chunkField.offsetIndexLength],
] as const;
