/** Adds embedding columns to one skeleton file: which vectors it needs, where in memory they and the pages go, and who computes them. */
import {DaedalusError, type Place} from "../errors.js";
import type {EmbeddingReader} from "../sources/embedding-store.js";
import type {PageFunction} from "./embedding-functions.js";
import {allocateMemory, memoryBytesMax, type SharedMemory} from "../engines/wasm.js";
import {loadKernels, paddedLength} from "./embedding-kernels.js";
import type {IdColumn} from "./enrich-ids.js";
import {vectorBytes} from "./file-limits.js";
import {scratchBytes, vectorStride, type PageFailure, type Scratch} from "./page-job.js";
import {planPages, type PoolSize} from "./page-plan.js";
import {PageStream, type StreamedColumn} from "./page-stream.js";
import {PageThreads} from "./page-threads.js";
import {spliceColumns, type CarriedColumns, type SpliceReport, type SplicedPage} from "./parquet-splice.js";
import {VectorPool} from "./vector-pool.js";
import {loadZstd} from "./zstd.js";

/** A column with the ids of its file: as positions in its store. */
export interface FileColumn {
  readonly function: PageFunction;
  readonly reader: EmbeddingReader;
  readonly ids: IdColumn;
  readonly otherIds: IdColumn | undefined;
  readonly weights: Float32Array | undefined;
  /** What an error of its function names. */
  readonly blame: {readonly udf: string; readonly store: string; readonly place: Place | undefined};
}

export interface FileOptions {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly carried: CarriedColumns | undefined;
  readonly order: readonly string[];
  readonly rowGroupRows: readonly number[];
  readonly threadCount: number;
  /** How much memory vectors may take at once. */
  readonly vectorBytesMax: number;
  /** Up to three ids of a row, for the error of a function that fails on it. */
  readonly idsOfRow: (column: string, row: number) => Promise<readonly string[]>;
  readonly signal: AbortSignal | undefined;
}

const pageBytesMax = 1 << 20;
const pageRowsMax = 4096;
/** A shard is gathered as a whole before its first page is computed: a smaller one starts earlier. */
const shardBytesMax = 32 << 20;
/** Files whose new columns take less are enriched without threads. */
const inlineBytesMax = 16 << 20;
/** Beyond a page's end kernels write some bytes that nobody reads. */
const slackBytes = 64;

/** @param given in any order: pages are planned, and come, in the order of the output's columns, in which the writer asks for them */
export async function enrichFile(given: readonly FileColumn[], options: FileOptions): Promise<SpliceReport> {
  const place = (column: FileColumn): number => options.order.indexOf(column.function.column);
  const columns = [...given].sort((a, b) => place(a) - place(b));
  const readers = [...new Set(columns.map((column) => column.reader))];
  const needs = readers.map((reader) => numberVectors(columns.filter((column) => column.reader === reader), reader.rowCount));
  const planned = columns.map((column): StreamedColumn => ({
    pool: readers.indexOf(column.reader),
    ids: needs[readers.indexOf(column.reader)]!.numbered.get(column.ids)!,
    otherIds: column.otherIds && needs[readers.indexOf(column.reader)]!.numbered.get(column.otherIds)!,
    weights: column.weights,
    pageRowsMax: Math.max(1, Math.min(pageRowsMax, Math.floor(pageBytesMax / vectorBytes(column.function.dtype)))),
  }));
  const sizes = sizePools(readers, needs.map((need) => need.positions.length), options.vectorBytesMax);
  const plan = planPages(planned, sizes, options.rowGroupRows);
  const capacities = sizes.map(({vectorCount, vectorsMax}, pool) => {
    const neighbours = plan.shards.map(({wanted}, k) => wanted[pool]!.length + (plan.shards[k + 1]?.wanted[pool]!.length ?? 0));
    return Math.min(vectorCount, neighbours.reduce((most, count) => Math.max(most, count), vectorsMax));
  });
  const rowCount = options.rowGroupRows.reduce((sum, rows) => sum + rows, 0);
  const outputBytes = columns.reduce((sum, column) => sum + rowCount * vectorBytes(column.function.dtype), 0);
  const threadCount = outputBytes < inlineBytesMax ? 1 : options.threadCount;
  const layout = layOut(planned, columns, {capacities, readers, threadCount});
  const memory = takeMemory(layout.byteCount);
  const kernels = loadKernels(memory);
  const threads = new PageThreads({memory, functions: columns.map((column) => column.function)}, layout.scratches);
  try {
    const zstd = columns.some((column) => column.function.compression) ? await loadZstd() : undefined;
    const pools = readers.map((reader, k) => new VectorPool({reader, positions: needs[k]!.positions, capacity: capacities[k]!, memory, kernels, at: layout.poolsAt[k]!}));
    const stream = new PageStream({plan, columns: planned, pools, threads, places: layout.places, signal: options.signal});
    return await spliceColumns({
      inputPath: options.inputPath,
      outputPath: options.outputPath,
      carried: options.carried,
      order: options.order,
      signal: options.signal,
      columns: columns.map((column, index) => ({name: column.function.column, dtype: column.function.dtype, compress: column.function.compression && zstd, read: ({rowStart}) => readPage(stream, {column, index, rowStart}, options)})),
    });
  } finally {
    await threads.close();
    returnMemory(memory);
  }
}

interface AskedPage {
  readonly column: FileColumn;
  readonly index: number;
  readonly rowStart: number;
}

async function readPage(stream: PageStream, {column, index, rowStart}: AskedPage, options: FileOptions): Promise<SplicedPage> {
  const {planned, result, release} = await stream.read();
  if (planned.column !== index || planned.rowStart !== rowStart) throw new Error(`the page of column ${planned.column} at row ${planned.rowStart} came for column ${index} at row ${rowStart}`);
  if ("page" in result) return {...result.page, release};
  throw await explainFailure(result.failure, column, options);
}

async function explainFailure(failure: PageFailure, {function: work, blame}: FileColumn, {inputPath, idsOfRow}: FileOptions): Promise<DaedalusError> {
  const {udf, store, place} = blame;
  if (failure.kind === "overflow") return DaedalusError.of("embedding-overflow", {column: work.column, row: failure.row, value: failure.value});
  const facts = {udf, store, file: inputPath, rowStart: failure.rowStart, rowEnd: failure.rowEnd};
  if (failure.kind === "udf-result") {
    const dimension = work.dtype.kind === "vector" ? work.dtype.dimension : 1;
    return DaedalusError.of("udf-result", {...facts, rowCount: failure.rowEnd - failure.rowStart, dimension}, {place});
  }
  const ids = failure.rowEnd - failure.rowStart === 1 ? await idsOfRow(work.column, failure.rowStart) : [];
  return DaedalusError.of("udf-failed", {...facts, ids, reason: failure.reason}, {place});
}

interface Need {
  /** Positions in the store, ascending. */
  readonly positions: Int32Array;
  /** Columns of positions -> the same columns of numbers among them. */
  readonly numbered: ReadonlyMap<IdColumn, IdColumn>;
}

/** From here on a vector is known by its number among those that the file needs, so that nothing is as large as the store. */
function numberVectors(columns: readonly FileColumn[], storeRows: number): Need {
  const sources = [...new Set(columns.flatMap(({ids, otherIds}) => (otherIds ? [ids, otherIds] : [ids])))];
  const numbers = new Int32Array(storeRows);
  let count = 0;
  for (const {positions} of sources) {
    for (const position of positions) {
      if (position === -1 || numbers[position] !== 0) continue;
      numbers[position] = 1;
      count++;
    }
  }
  const positions = new Int32Array(count);
  let next = 0;
  for (let position = 0; next < count; position++) {
    if (numbers[position] === 0) continue;
    numbers[position] = next;
    positions[next++] = position;
  }
  const number = (ids: IdColumn): IdColumn => ({...ids, positions: ids.positions.map((position) => (position === -1 ? -1 : numbers[position]!))});
  return {positions, numbered: new Map(sources.map((ids) => [ids, number(ids)]))};
}

/** Memory goes to the stores by what they need; a shard gets half of its part, since the next one is gathered beside it. */
function sizePools(readers: readonly EmbeddingReader[], counts: readonly number[], bytesMax: number): (PoolSize & {readonly vectorsMax: number})[] {
  const strides = readers.map(({store}) => vectorStride({dimension: store.embeddingDim, stored: store.embeddingDtype}));
  const needed = counts.reduce((sum, count, k) => sum + count * strides[k]!, 0);
  const share = Math.min(1, bytesMax / Math.max(needed, 1));
  return counts.map((vectorCount, k) => {
    const vectorsMax = Math.max(1, Math.floor(vectorCount * share));
    const half = vectorsMax < vectorCount ? Math.floor(vectorsMax / 2) : vectorsMax;
    return {vectorCount, vectorsMax, shardVectorsMax: Math.max(1, Math.min(half, Math.floor(shardBytesMax / strides[k]!)))};
  });
}

interface Layout {
  readonly scratches: readonly Scratch[];
  readonly places: readonly number[];
  readonly poolsAt: readonly number[];
  readonly byteCount: number;
}

function layOut(
  planned: readonly StreamedColumn[],
  columns: readonly FileColumn[],
  {capacities, readers, threadCount}: {readonly capacities: readonly number[]; readonly readers: readonly EmbeddingReader[]; readonly threadCount: number},
): Layout {
  let end = 0;
  const reserve = (byteCount: number): number => {
    const at = end;
    end += Math.ceil(byteCount / 16) * 16;
    return at;
  };
  const idsMax = planned.reduce((most, {ids, otherIds}) => Math.max(most, longestList(ids), otherIds ? longestList(otherIds) : 0), pageRowsMax);
  const lengths = columns.flatMap(({function: {dimension, dtype}}) => [dimension, dtype.kind === "vector" ? dtype.dimension : 1]);
  const scratch = {idsMax, lengthMax: paddedLength(Math.max(...lengths))};
  const scratches = Array.from({length: threadCount}, () => ({at: reserve(scratchBytes(scratch)), ...scratch}));
  const pageBytes = Math.max(...planned.map((column, k) => column.pageRowsMax * vectorBytes(columns[k]!.function.dtype))) + slackBytes;
  const places = Array.from({length: threadCount * 3 + 2}, () => reserve(pageBytes));
  const poolsAt = readers.map(({store}, k) => reserve(capacities[k]! * vectorStride({dimension: store.embeddingDim, stored: store.embeddingDtype})));
  if (end > memoryBytesMax) throw new Error(`vectors of ${end} bytes at once: the most is ${memoryBytesMax}`);
  return {scratches, places, poolsAt, byteCount: end};
}

function longestList({offsets}: IdColumn): number {
  let longest = 0;
  for (let row = 1; row < offsets.length; row++) longest = Math.max(longest, offsets[row]! - offsets[row - 1]!);
  return longest;
}

/** Memory is taken again by the next file: what is let go comes back to the system late. */
let idle: SharedMemory | undefined;

function takeMemory(byteCount: number): SharedMemory {
  const memory = idle && idle.buffer.byteLength >= byteCount ? idle : undefined;
  idle = undefined;
  return memory ?? allocateMemory(byteCount);
}

function returnMemory(memory: SharedMemory): void {
  if (!idle || idle.buffer.byteLength < memory.buffer.byteLength) idle = memory;
}
