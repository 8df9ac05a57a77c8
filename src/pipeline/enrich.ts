/** The enrich step of one day: each skeleton file gets its embedding columns and becomes one file of the dataset. */
import {mkdirSync} from "node:fs";
import {join} from "node:path";
import type {EmbeddingStore, Udf} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {readLimits} from "../engines/session-limits.js";
import {DaedalusError, type Place} from "../errors.js";
import {openStore, type EmbeddingReader} from "../sources/embedding-store.js";
import {builtInFunctions, type BuiltInFunction, type BuiltInWork, type Pooling} from "./embedding-functions.js";
import {enrichFile, type FileColumn} from "./enrich-file.js";
import {readIdColumns, readRowIds, readWeights, type IdColumn, type IdColumnRequest} from "./enrich-ids.js";
import type {EmbeddingDtype} from "./parquet-column.js";
import {readRowGroupRows} from "./parquet-footer.js";
import {spliceColumns, type CarriedColumns, type SpliceReport} from "./parquet-splice.js";
import {checkUserFunction} from "./udf-module.js";

/** One embedding column. */
export interface ResolvedEnrichment {
  readonly name: string;
  /** Column of the skeleton that holds an id, or a list of ids. */
  readonly sourceColumn: string;
  readonly store: EmbeddingStore;
  readonly udfName: string;
  /** The project's own function of that name; undefined for a built-in one. */
  readonly udf: Udf | undefined;
  readonly dtype: EmbeddingDtype;
  /** Of the column's pages. Default: none. */
  readonly compression?: "zstd" | undefined;
  /** How functions that take any column make one vector of a list of ids. Default: `mean`. */
  readonly pool?: Exclude<Pooling, "lookup" | "weighted"> | undefined;
  /** The ids that `dot` and `cosine` compare with. */
  readonly otherColumn?: string | undefined;
  /** What `weighted_pool` weighs by. */
  readonly recency?: Recency | undefined;
  readonly place?: Place | undefined;
}

/** Columns of instants: of each id, and of the row. */
export interface Recency {
  readonly timeColumn: string;
  readonly rowTimeColumn: string;
  readonly halfLifeUs: number;
}

export interface EnrichOptions {
  /** In row order; each becomes one file of the output, with the same rows in the same row groups. */
  readonly skeletonFiles: readonly string[];
  readonly outputDirectory: string;
  readonly enrichments: readonly ResolvedEnrichment[];
  /** Columns that are taken from other files, one for each of the skeleton's, with the same rows in the same row groups. */
  readonly carried?: {readonly names: readonly string[]; readonly files: readonly string[]} | undefined;
  /** Columns of the output; a skeleton column that is not named is left out. */
  readonly columnOrder: readonly string[];
  /** Folder that paths of stores and modules are relative to. */
  readonly root: string;
  readonly session: DuckDbSession;
  readonly signal?: AbortSignal | undefined;
  /** How much memory vectors may take at once. Default: a part of the session's `memory_limit`. */
  readonly vectorBytesMax?: number;
  /** Threads that compute. Default: the session's. */
  readonly threadCount?: number;
}

export interface EnrichReport {
  readonly rowCount: number;
  readonly byteCount: number;
  /** Embedding column -> rows without a vector. */
  readonly nullCounts: ReadonlyMap<string, number>;
  readonly files: readonly {readonly name: string; readonly rowCount: number; readonly byteCount: number}[];
}

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
    const limits = {...(await findLimits(options.session)), ...definedOf(options)};
    const files: {name: string; rowCount: number; byteCount: number}[] = [];
    const nullCounts = new Map(enrichments.map(({name}) => [name, 0]));
    for (const [k, skeletonFile] of options.skeletonFiles.entries()) {
      signal?.throwIfAborted();
      const name = `part-${String(k).padStart(5, "0")}.parquet`;
      const {carried} = options;
      const file = {
        inputPath: skeletonFile,
        outputPath: join(options.outputDirectory, name),
        carried: carried && carried.names.length > 0 ? {path: carried.files[k]!, names: carried.names} : undefined,
      };
      const report = await enrichOne(options, columns, {...file, ...limits});
      for (const [column, nulls] of report.nullCounts) nullCounts.set(column, nullCounts.get(column)! + nulls);
      files.push({name, rowCount: report.rowCount, byteCount: report.byteCount});
    }
    const sum = (of: (file: {rowCount: number; byteCount: number}) => number): number => files.reduce((total, file) => total + of(file), 0);
    return {rowCount: sum((file) => file.rowCount), byteCount: sum((file) => file.byteCount), nullCounts, files};
  } finally {
    for (const reader of readers.values()) reader.close();
  }
}

interface Limits {
  readonly vectorBytesMax: number;
  readonly threadCount: number;
}

/** What `memory_limit` allows is shared with DuckDB, with what Lance reads, and with pages that wait to be written. */
async function findLimits(session: DuckDbSession): Promise<Limits> {
  const {threadCount, memoryBytes} = await readLimits(session);
  return {threadCount, vectorBytesMax: Math.min(vectorBytesMost, Math.floor(Math.max(memoryBytes / 16, (memoryBytes - processBytes) / 3)))};
}

/** What a process takes before it has read anything, and while it reads and writes. */
const processBytes = 384 << 20;
const vectorBytesMost = 2 ** 31;

const definedOf = ({vectorBytesMax, threadCount}: EnrichOptions): Partial<Limits> => ({
  ...(vectorBytesMax !== undefined && {vectorBytesMax}),
  ...(threadCount !== undefined && {threadCount}),
});

interface EmbeddingColumn {
  readonly enrichment: ResolvedEnrichment;
  readonly reader: EmbeddingReader;
  readonly compute: Compute;
}

type Compute = {readonly builtIn: BuiltInFunction} | {readonly udf: string; readonly modulePath: string};

async function resolveFunction(enrichment: ResolvedEnrichment, root: string): Promise<Compute> {
  const {udfName, udf, store, dtype, place} = enrichment;
  if (udf) return {udf: udf.name, modulePath: await checkUserFunction(udf, root)};
  const builtIn = builtInFunctions.get(udfName);
  if (!builtIn) {
    const nearest = findNearest(udfName, builtInFunctions.keys());
    throw DaedalusError.of("reference-unknown", {what: "udf", name: udfName, nearest, hint: 'declare it under "udfs"'}, {place});
  }
  if (dtype.kind === "vector" && dtype.dimension !== store.embeddingDim) {
    const facts = {column: enrichment.name, declared: dtype.dimension, store: store.name, found: store.embeddingDim};
    throw DaedalusError.of("enrich-dimension", facts, {place});
  }
  return {builtIn};
}

async function enrichOne(
  options: EnrichOptions,
  columns: readonly EmbeddingColumn[],
  file: Limits & {readonly inputPath: string; readonly outputPath: string; readonly carried: CarriedColumns | undefined},
): Promise<SpliceReport> {
  const {signal, session} = options;
  if (columns.length === 0) return await spliceColumns({...file, columns: [], order: options.columnOrder, signal});
  const {inputPath} = file;
  const rowGroupRows = await readRowGroupRows(inputPath);
  const rowCount = rowGroupRows.reduce((sum, rows) => sum + rows, 0);
  // Columns over one source column and store share its positions.
  const requests = new Map<string, IdColumnRequest>();
  for (const {enrichment, reader} of columns) {
    for (const column of [enrichment.sourceColumn, ...(enrichment.otherColumn === undefined ? [] : [enrichment.otherColumn])]) {
      requests.set(sourceKey(column, enrichment), {column, store: enrichment.store.name, index: await reader.index()});
    }
  }
  const read = await readIdColumns(session, {path: inputPath, rowCount}, [...requests.values()], signal);
  const idsBySource = new Map([...requests.keys()].map((key, k) => [key, read[k]!]));
  const fileColumns: FileColumn[] = [];
  for (const {enrichment, reader, compute} of columns) {
    const {name, dtype, store, recency, otherColumn, compression} = enrichment;
    const ids = idsBySource.get(sourceKey(enrichment.sourceColumn, enrichment))!;
    const otherIds = otherColumn === undefined ? undefined : idsBySource.get(sourceKey(otherColumn, enrichment));
    checkShape(enrichment, compute, ids);
    fileColumns.push({
      reader,
      ids,
      otherIds,
      weights: recency && (await readWeights(session, inputPath, {...recency, sourceColumn: enrichment.sourceColumn, ids, place: enrichment.place})),
      function: {column: name, dtype, dimension: store.embeddingDim, stored: store.embeddingDtype, compression, work: "builtIn" in compute ? workOf(compute.builtIn, enrichment, ids, otherIds) : compute},
      blame: {udf: enrichment.udfName, store: store.name, place: enrichment.udf?.place},
    });
  }
  const sources = new Map(columns.map(({enrichment}) => [enrichment.name, enrichment.sourceColumn]));
  return await enrichFile(fileColumns, {
    ...file,
    order: options.columnOrder,
    rowGroupRows,
    idsOfRow: (column, row) => readRowIds(session, inputPath, sources.get(column)!, row),
    signal,
  });
}

const sourceKey = (column: string, {store}: ResolvedEnrichment): string => JSON.stringify([column, store.name]);

function workOf({pooling, finish}: BuiltInFunction, {pool}: ResolvedEnrichment, ids: IdColumn, otherIds: IdColumn | undefined): BuiltInWork {
  const poolingOf = ({isList}: IdColumn): Pooling => (isList ? (pool ?? "mean") : "lookup");
  return {pooling: pooling ?? poolingOf(ids), finish, otherPooling: otherIds && poolingOf(otherIds)};
}

function checkShape({name, sourceColumn, udfName, place}: ResolvedEnrichment, compute: Compute, ids: IdColumn): void {
  if (!("builtIn" in compute) || compute.builtIn.takes === "any" || (compute.builtIn.takes === "list") === ids.isList) return;
  throw DaedalusError.of("enrich-shape", {column: name, sourceColumn, udf: udfName, takes: compute.builtIn.takes}, {place});
}
