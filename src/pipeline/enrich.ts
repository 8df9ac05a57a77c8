/** The enrich step of one day: each skeleton file gets its embedding columns and becomes one file of the dataset. */
import {mkdirSync} from "node:fs";
import {join} from "node:path";
import type {EmbeddingStore, Udf} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, type Place} from "../errors.js";
import {openStore, type EmbeddingReader} from "../sources/embedding-store.js";
import {
  builtInFunctions, packVectors, type BuiltInFunction, type EmbeddingBatch, type EmbeddingResult, type UserEmbeddingFunction,
} from "./embedding-functions.js";
import {readIdColumns, type IdColumn} from "./enrich-ids.js";
import {Shards, type Pool} from "./enrich-shards.js";
import {reasonOf} from "./failure.js";
import {readRowGroupRows} from "./parquet-footer.js";
import type {ListPage} from "./parquet-pages.js";
import {spliceColumns, type VectorDtype} from "./parquet-splice.js";
import {loadUserFunction} from "./udf-module.js";

/** One embedding column. */
export interface ResolvedEnrichment {
  readonly name: string;
  /** Column of the skeleton that holds an id, or a list of ids. */
  readonly sourceColumn: string;
  readonly store: EmbeddingStore;
  readonly udfName: string;
  /** The project's own function of that name; undefined for a built-in one. */
  readonly udf: Udf | undefined;
  readonly dtype: VectorDtype;
  readonly place?: Place | undefined;
}

export interface EnrichOptions {
  /** In row order; each becomes one file of the output, with the same rows in the same row groups. */
  readonly skeletonFiles: readonly string[];
  readonly outputDirectory: string;
  readonly enrichments: readonly ResolvedEnrichment[];
  /** Columns of the output; a skeleton column that is not named is left out. */
  readonly columnOrder: readonly string[];
  /** Folder that paths of stores and modules are relative to. */
  readonly root: string;
  readonly session: DuckDbSession;
  readonly signal?: AbortSignal | undefined;
  /** How much memory vectors may take at once. */
  readonly vectorBytesMax?: number;
}

export interface EnrichReport {
  readonly rowCount: number;
  readonly byteCount: number;
  /** Embedding column -> rows without a vector. */
  readonly nullCounts: ReadonlyMap<string, number>;
  readonly files: readonly {readonly name: string; readonly rowCount: number; readonly byteCount: number}[];
}

const vectorBytesDefault = 512 << 20;

/** Writes `part-00000.parquet`, `part-00001.parquet`, ... into an empty output folder, which the caller publishes or discards. */
export async function enrichPartition(options: EnrichOptions): Promise<EnrichReport> {
  const {enrichments, root, signal} = options;
  const readers = new Map<string, EmbeddingReader>();
  try {
    for (const {store} of enrichments) {
      if (!readers.has(store.name)) readers.set(store.name, await openStore(store, root));
    }
    const columns: EmbeddingColumn[] = [];
    for (const enrichment of enrichments) {
      columns.push({enrichment, reader: readers.get(enrichment.store.name)!, compute: await resolveFunction(enrichment, root)});
    }
    mkdirSync(options.outputDirectory, {recursive: true});
    const files: {name: string; rowCount: number; byteCount: number}[] = [];
    const nullCounts = new Map(enrichments.map(({name}) => [name, 0]));
    for (const [k, skeletonFile] of options.skeletonFiles.entries()) {
      signal?.throwIfAborted();
      const name = `part-${String(k).padStart(5, "0")}.parquet`;
      const report = await enrichFile(options, columns, {inputPath: skeletonFile, outputPath: join(options.outputDirectory, name)});
      for (const [column, nulls] of report.nullCounts) nullCounts.set(column, nullCounts.get(column)! + nulls);
      files.push({name, rowCount: report.rowCount, byteCount: report.byteCount});
    }
    const sum = (of: (file: {rowCount: number; byteCount: number}) => number): number => files.reduce((total, file) => total + of(file), 0);
    return {rowCount: sum((file) => file.rowCount), byteCount: sum((file) => file.byteCount), nullCounts, files};
  } finally {
    for (const reader of readers.values()) reader.close();
  }
}

interface EmbeddingColumn {
  readonly enrichment: ResolvedEnrichment;
  readonly reader: EmbeddingReader;
  readonly compute: Compute;
}

type Compute = {readonly builtIn: BuiltInFunction} | {readonly own: UserEmbeddingFunction};

async function resolveFunction(enrichment: ResolvedEnrichment, root: string): Promise<Compute> {
  const {udfName, udf, store, dtype, place} = enrichment;
  if (udf) return {own: await loadUserFunction(udf, root)};
  const builtIn = builtInFunctions.get(udfName);
  if (!builtIn) {
    const nearest = findNearest(udfName, builtInFunctions.keys());
    throw DaedalusError.of("reference-unknown", {what: "udf", name: udfName, nearest, hint: 'declare it under "udfs"'}, {place});
  }
  if (dtype.dimension !== store.embeddingDim) {
    const facts = {column: enrichment.name, declared: dtype.dimension, store: store.name, found: store.embeddingDim};
    throw DaedalusError.of("enrich-dimension", facts, {place});
  }
  return {builtIn};
}

async function enrichFile(
  options: EnrichOptions,
  columns: readonly EmbeddingColumn[],
  paths: {readonly inputPath: string; readonly outputPath: string},
): Promise<{rowCount: number; byteCount: number; nullCounts: ReadonlyMap<string, number>}> {
  const {signal, session} = options;
  const rowGroupRows = await readRowGroupRows(paths.inputPath);
  const rowCount = rowGroupRows.reduce((sum, rows) => sum + rows, 0);
  // Columns over one source column and store share its positions: they may be as large as the vectors.
  const sources = new Map(columns.map((column) => [sourceKey(column), column]));
  const requests: {column: string; store: string; index: Awaited<ReturnType<EmbeddingReader["index"]>>}[] = [];
  for (const {enrichment, reader} of sources.values()) {
    requests.push({column: enrichment.sourceColumn, store: enrichment.store.name, index: await reader.index()});
  }
  const read = await readIdColumns(session, {path: paths.inputPath, rowCount}, requests, signal);
  const idsBySource = new Map([...sources.keys()].map((key, k) => [key, read[k]!]));
  const planned = columns.map((column) => ({...column, ids: idsBySource.get(sourceKey(column))!}));
  for (const {enrichment, compute, ids} of planned) checkShape(enrichment, compute, ids);
  const shards = new Shards(
    planned.map(({reader, ids, compute}) => ({reader, ids, needsFloats: "own" in compute})),
    {rowGroupRows, bytesMax: options.vectorBytesMax ?? vectorBytesDefault},
  );
  return await spliceColumns({
    ...paths,
    order: options.columnOrder,
    signal,
    columns: planned.map((column) => ({
      name: column.enrichment.name,
      dtype: column.enrichment.dtype,
      read: async ({rowStart, rowCount: rowsMax}) => {
        const {shard, pools} = await shards.load(rowStart, signal);
        const rowEnd = Math.min(rowStart + rowsMax, shard.rowEnd);
        return await computePage(column, pools.get(column.reader)!, {rowStart, rowEnd, file: paths.inputPath});
      },
    })),
  });
}

const sourceKey = ({enrichment}: EmbeddingColumn): string => JSON.stringify([enrichment.sourceColumn, enrichment.store.name]);

function checkShape({name, sourceColumn, udfName, place}: ResolvedEnrichment, compute: Compute, ids: IdColumn): void {
  if (!("builtIn" in compute) || (compute.builtIn.takes === "list") === ids.isList) return;
  throw DaedalusError.of("enrich-shape", {column: name, sourceColumn, udf: udfName, takes: compute.builtIn.takes}, {place});
}

interface RowRange {
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly file: string;
}

async function computePage(column: EmbeddingColumn & {readonly ids: IdColumn}, pool: Pool, range: RowRange): Promise<ListPage> {
  const {enrichment, compute, ids, reader} = column;
  const {rowStart, rowEnd} = range;
  const first = ids.offsets[rowStart]!;
  const batch = {
    rowCount: rowEnd - rowStart,
    offsets: ids.offsets.slice(rowStart, rowEnd + 1).map((offset) => offset - first),
    indices: ids.positions.slice(first, ids.offsets[rowEnd]).map((position) => (position === -1 ? -1 : pool.numbers[position]!)),
    dimension: reader.store.embeddingDim,
  };
  const target = {column: enrichment.name, dtype: enrichment.dtype, rowStart};
  if ("builtIn" in compute && compute.builtIn.hasHalfKernel && enrichment.dtype.name === "HALF_FLOAT" && pool.halves?.canAverage(batch)) {
    return packVectors(pool.halves.average(batch), target);
  }
  if ("builtIn" in compute) return packVectors(compute.builtIn.run({...batch, pool: pool.stored}), target);
  return packVectors(await runUserFunction(enrichment, compute.own, {...batch, pool: pool.floats()}, range), target);
}

async function runUserFunction(
  {udfName, udf, store, dtype}: ResolvedEnrichment,
  own: UserEmbeddingFunction,
  batch: EmbeddingBatch,
  range: RowRange,
): Promise<EmbeddingResult> {
  const facts = {udf: udfName, store: store.name, ...range};
  let result: unknown;
  try {
    result = await own(batch);
  } catch (error) {
    throw DaedalusError.of("udf-failed", {...facts, reason: reasonOf(error)}, {place: udf?.place, cause: error});
  }
  const expected = {values: batch.rowCount * dtype.dimension, isNull: batch.rowCount};
  if (isResult(result) && result.values.length === expected.values && result.isNull.length === expected.isNull) return result;
  throw DaedalusError.of("udf-result", {...facts, rowCount: batch.rowCount, dimension: dtype.dimension}, {place: udf?.place});
}

function isResult(value: unknown): value is EmbeddingResult {
  const {values, isNull} = (value ?? {}) as Partial<Record<keyof EmbeddingResult, unknown>>;
  return values instanceof Float32Array && isNull instanceof Uint8Array;
}
