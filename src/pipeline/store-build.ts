/** Builds an embedding store from parquet, or adds to one: checked, rounded, indexed, and put in place only when it is whole. */
import {createHash, randomUUID} from "node:crypto";
import {statSync} from "node:fs";
import type {EmbeddingStore} from "../definitions/model.js";
import {streamAhead} from "../engines/duckdb/column-view.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {readLimits} from "../engines/session-limits.js";
import {DaedalusError, ProblemsError} from "../errors.js";
import {openStore, StoreWriter, type IdKind, type StoreShape} from "../sources/embedding-store.js";
import type {IdIndex} from "../sources/id-index.js";
import {explainWriteFailure, reasonOf} from "./failure.js";
import {StoreBatch} from "./store-batch.js";
import {buildTable, claimFolder, folderBytes, inStoreFolder, linkTable, replaceStore, type StoreFolder} from "./store-folder.js";
import {checkStoreSource, inOrder, type StoreSource} from "./store-source.js";
import {squaredNorm} from "./vector-norms.js";

export interface StoreBuildOptions {
  /** Folder that the store's paths are relative to. */
  readonly root: string;
  readonly session: DuckDbSession;
  /** Keeps what the store has, and adds rows whose ids it does not have. */
  readonly isAppend?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: {readonly rowsDone: number; readonly rowsTotal: number}) => void) | undefined;
}

export interface StoreBuildReport {
  readonly store: string;
  readonly path: string;
  /** Rows of the store. */
  readonly rowCount: number;
  readonly addedCount: number;
  /** Of these: rows that a killed build had written. */
  readonly resumedCount: number;
  /** Rows of the source that were left out: their ids were there, or had a newer row. */
  readonly knownCount: number;
  readonly replacedCount: number;
  readonly byteCount: number;
  readonly fileCount: number;
  /** Equal for stores that were built from equal ids and vectors in equal order. */
  readonly fingerprint: string;
}

/** Part of the memory that a batch may take: it is there some six times, here, on its way, and in what Lance writes. */
const batchShare = 1 / 24;
/** From 32 MiB on memory comes from the system anew for each batch, which costs as much as writing it. */
const batchBytesMax = 24 << 20;

/** Replaces the store at its path, or adds to it. Until the new one is whole the old one stays, also when the build is killed. */
export async function buildStore(store: EmbeddingStore, options: StoreBuildOptions): Promise<StoreBuildReport> {
  return await inStoreFolder(store, options.root, async (folder) => {
    const base = options.isAppend ? await readBase(store, options.root) : undefined;
    const source = await checkStoreSource(store, options);
    if (base && base.idKind !== source.idKind) {
      const facts = {store: store.name, path: store.sourceParquet!, column: store.idColumn, expected: idTypes[base.idKind], found: idTypes[source.idKind]};
      throw DaedalusError.of("store-source-type", facts, {place: store.place});
    }
    const isResumed = claimFolder(folder, describeSource(store, source, base));
    if (base && !isResumed) linkTable(folder);
    const written = await writeRows(store, source, {...options, folder, base, isResumed});
    const isChanged = !base || written.addedCount > 0;
    if (isChanged) replaceStore(folder);
    return {
      store: store.name,
      path: folder.path,
      rowCount: (base?.rowCount ?? 0) + written.addedCount,
      ...written,
      replacedCount: source.replaced?.count ?? 0,
      byteCount: folderBytes(folder.path),
      fileCount: source.files.length,
    };
  });
}

const idTypes = {bigint: "an integer", text: "text"} as const;

/** Makes few pieces of many and indexes anew; ids, vectors and fingerprint stay. */
export async function compactStore(store: EmbeddingStore, root: string): Promise<void> {
  await inStoreFolder(store, root, async (folder) => {
    const reader = await openStore(store, root);
    const {idKind, identity} = reader;
    reader.close();
    claimFolder(folder, randomUUID());
    linkTable(folder);
    const writer = await StoreWriter.open(folder.folder, buildTable, shapeOf(store, idKind));
    try {
      await writer.compact();
      await writer.finish(identity.fingerprint, await findIndexMetric(store, writer));
    } finally {
      writer.close();
    }
    replaceStore(folder);
  });
}

const shapeOf = ({idColumn, embeddingColumn, embeddingDim, embeddingDtype}: EmbeddingStore, idKind: IdKind): StoreShape => ({
  idColumn, idKind, embeddingColumn, dimension: embeddingDim, dtype: embeddingDtype,
});

/** The store that is added to. */
interface Base {
  readonly idKind: IdKind;
  readonly index: IdIndex;
  readonly rowCount: number;
  readonly fingerprint: string;
}

async function readBase(store: EmbeddingStore, root: string): Promise<Base> {
  const reader = await openStore(store, root);
  try {
    return {idKind: reader.idKind, index: await reader.index(), rowCount: reader.rowCount, fingerprint: reader.identity.fingerprint};
  } finally {
    reader.close();
  }
}

/** Equal for builds that write the same rows in the same order. */
function describeSource(store: EmbeddingStore, source: StoreSource, base: Base | undefined): string {
  const {idColumn, embeddingColumn, embeddingDim, embeddingDtype, orderColumn} = store;
  const files = source.files.map((file) => {
    const {size, mtimeMs} = statSync(file);
    return [file, size, mtimeMs];
  });
  return JSON.stringify({idColumn, embeddingColumn, embeddingDim, embeddingDtype, orderColumn, files, base: base?.fingerprint});
}

interface WriteOptions extends StoreBuildOptions {
  readonly folder: StoreFolder;
  readonly base: Base | undefined;
  readonly isResumed: boolean;
}

async function writeRows(store: EmbeddingStore, source: StoreSource, options: WriteOptions): Promise<Pick<StoreBuildReport, "addedCount" | "resumedCount" | "knownCount" | "fingerprint">> {
  const {session, base, folder} = options;
  const shape = shapeOf(store, source.idKind);
  const {memoryBytes} = await readLimits(session);
  const vectorBytes = store.embeddingDim * (store.embeddingDtype === "float16" ? 2 : 4);
  const batchRows = Math.max(1, Math.min(store.buildBatchSize, source.rowCount, Math.floor(Math.min(batchBytesMax, memoryBytes * batchShare) / vectorBytes)));
  try {
    const writer = base || options.isResumed ? await StoreWriter.open(folder.folder, buildTable, shape) : await StoreWriter.create(folder.folder, buildTable, shape);
    const batch = new StoreBatch({store, source, writer, batchRows, known: base?.index});
    try {
      if (options.isResumed) for await (const {ids, vectors} of writer.rows(base?.rowCount ?? 0)) batch.recall(ids, vectors);
      await inOrder(session, () => readRows(source, batch, options));
      batch.reportProblems(source.problems);
      source.problems.throwIfErrors();
      const fingerprint = fingerprintOf(store, source, base, await batch.finish());
      const {addedCount, resumedCount, knownCount} = batch;
      if (base && addedCount === 0) return {addedCount, resumedCount, knownCount, fingerprint: base.fingerprint};
      // A vector index takes far longer than a few rows do: searches look at those by themselves until the store is compacted.
      await writer.finish(fingerprint, base ? undefined : await findIndexMetric(store, writer));
      return {addedCount, resumedCount, knownCount, fingerprint};
    } finally {
      await batch.settle().catch(() => undefined);
      await source.halves?.close();
      writer.close();
    }
  } catch (error) {
    const explained = explainWriteFailure(error, folder.folder);
    if (options.signal?.aborted || explained instanceof DaedalusError || explained instanceof ProblemsError) throw explained;
    throw DaedalusError.of("store-build-failed", {store: store.name, reason: reasonOf(error)}, {place: store.place, cause: error});
  }
}

async function readRows(source: StoreSource, batch: StoreBatch, {session, signal, onProgress}: StoreBuildOptions): Promise<void> {
  let rowsDone = 0;
  const result = await session.stream(source.query);
  for await (const {rowCount, columns} of streamAhead(result)) {
    signal?.throwIfAborted();
    await batch.append(rowCount, columns);
    rowsDone += rowCount;
    onProgress?.({rowsDone, rowsTotal: source.rowCount});
  }
}

function fingerprintOf(store: EmbeddingStore, source: StoreSource, base: Base | undefined, added: string): string {
  const whole = createHash("sha256").update(`${source.idKind} ${store.embeddingDtype}[${store.embeddingDim}]`).update(added);
  return (base ? whole.update(base.fingerprint) : whole).digest("hex");
}

/** Vectors that stand for all of a store, as a sample does where Lance clusters them. */
const clusteredRowsMax = 20_000;
const halfMax = 65_504;

/** Undefined for no vector index. Lance clusters halves in halves: where squared distances are beyond those, it may never come to an end. */
async function findIndexMetric(store: EmbeddingStore, writer: StoreWriter): Promise<EmbeddingStore["vectorIndex"]> {
  if (store.embeddingDtype !== "float16" || !store.vectorIndex) return store.vectorIndex;
  let rows = 0;
  for await (const {vectors} of writer.rows(0)) {
    for (let start = 0; start < vectors.length; start += store.embeddingDim, rows++) {
      // Two vectors are at most twice the longest apart.
      if (4 * squaredNorm(vectors.subarray(start, start + store.embeddingDim)) > halfMax) return undefined;
    }
    if (rows >= clusteredRowsMax) break;
  }
  return store.vectorIndex;
}
