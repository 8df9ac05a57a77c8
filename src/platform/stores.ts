/** Embedding stores as the command line builds and describes them. */
import type {EmbeddingStore, Project} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {halfToNumber} from "../pipeline/half-float.js";
import {buildStore, compactStore} from "../pipeline/store-build.js";
import {readNorms} from "../pipeline/vector-norms.js";
import {openStore, type EmbeddingReader, type VectorMetric} from "../sources/embedding-store.js";
import {startRowProgress} from "./progress.js";
import {runStoppable} from "./signals.js";
import type {Terminal} from "./terminal.js";

/** The store of that name, or an error with the nearest one. */
export function getStore(project: Project, name: string): EmbeddingStore {
  const {stores} = project.aggregations;
  const store = stores.get(name);
  if (store) return store;
  const hint = stores.size === 0 ? "declare it under embedding_stores" : `the stores are ${[...stores.keys()].join(", ")}`;
  throw DaedalusError.of("reference-unknown", {what: "embedding store", name, nearest: findNearest(name, stores.keys()), hint});
}

/** The store of that name; without one, the only store of the project. */
function chooseStore(project: Project, name: string | undefined): EmbeddingStore {
  const names = [...project.aggregations.stores.keys()];
  if (name !== undefined || names.length === 1) return getStore(project, name ?? names[0]!);
  throw DaedalusError.of("store-unnamed", {stores: names});
}

export interface BuiltStore {
  readonly store: string;
  readonly path: string;
  readonly rows: number;
  readonly rows_added: number;
  readonly rows_resumed: number;
  readonly rows_known: number;
  readonly rows_replaced: number;
  readonly bytes: number;
  readonly source_files: number;
  readonly fingerprint: string;
}

/** Builds the store anew from its `source_parquet`, or adds to it; one that is there is replaced when the new one is whole. */
export async function runBuildStore(project: Project, name: string, terminal: Terminal, options: {readonly isAppend?: boolean} = {}): Promise<BuiltStore> {
  const store = getStore(project, name);
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  const progress = startRowProgress(terminal, name);
  try {
    const built = await runStoppable(terminal, (signal) =>
      buildStore(store, {...options, root: project.root, session, signal, onProgress: ({rowsDone, rowsTotal}) => progress.update(rowsDone, rowsTotal)}),
    );
    return {
      store: built.store,
      path: built.path,
      rows: built.rowCount,
      rows_added: built.addedCount,
      rows_resumed: built.resumedCount,
      rows_known: built.knownCount,
      rows_replaced: built.replacedCount,
      bytes: built.byteCount,
      source_files: built.fileCount,
      fingerprint: built.fingerprint,
    };
  } finally {
    progress.end();
    session.close();
  }
}

export interface StoreStatistics {
  readonly store: string;
  readonly path: string;
  readonly rows: number;
  readonly id_column: string;
  readonly id_type: string;
  readonly embedding_column: string;
  readonly embedding_type: string;
  readonly bytes: number;
  readonly version: number;
  /** Lance's versions that are still there, and the fragments of the newest. */
  readonly versions: number;
  readonly pieces: number;
  readonly indexes: readonly {readonly column: string; readonly type: string; readonly metric?: string; readonly rows: number; readonly rows_without: number}[];
  /** Quantiles of the lengths of so many vectors. */
  readonly norms: Readonly<Record<string, number>>;
  readonly fingerprint: string;
}

/** Opens the store and checks it against its definition on the way. */
export async function readStoreStatistics(project: Project, name: string | undefined): Promise<StoreStatistics> {
  return await withStore(project, name, async (store, reader) => {
    const facts = await reader.describe();
    const norms = await readNorms(reader);
    return {
      store: store.name,
      path: reader.path,
      rows: reader.rowCount,
      id_column: store.idColumn,
      id_type: reader.idKind,
      embedding_column: store.embeddingColumn,
      embedding_type: `${store.embeddingDtype}[${store.embeddingDim}]`,
      bytes: facts.byteCount,
      version: reader.identity.version,
      versions: facts.versionCount,
      pieces: facts.pieceCount,
      indexes: facts.indexes.map(({column, type, metric, rowsIndexed, rowsUnindexed}) => ({column, type, ...(metric !== undefined && {metric}), rows: rowsIndexed, rows_without: rowsUnindexed})),
      norms: {vectors: norms.count, ...Object.fromEntries(norms.quantiles.map(({at, norm}) => [`p${at * 100}`, Number(norm.toPrecision(6))]))},
      fingerprint: reader.identity.fingerprint,
    };
  });
}

/** Rewrites the store in few pieces. */
export async function runCompactStore(project: Project, name: string | undefined): Promise<StoreStatistics> {
  const store = chooseStore(project, name);
  await compactStore(store, project.root);
  return await readStoreStatistics(project, store.name);
}

export interface StoredVector {
  readonly store: string;
  readonly id: string;
  readonly norm: number;
  readonly vector: readonly number[];
}

export async function readVector(project: Project, name: string | undefined, id: string): Promise<StoredVector> {
  return await withStore(project, name, async (store, reader) => {
    const vector = [...(await getVector(store, reader, id))];
    return {store: store.name, id, norm: Number(Math.hypot(...vector).toPrecision(6)), vector};
  });
}

export interface NearestVectors {
  readonly store: string;
  readonly id: string;
  readonly metric: VectorMetric;
  /** Whether Lance's index was asked, which may miss some, or all vectors were compared. */
  readonly indexed: boolean;
  readonly nearest: readonly {readonly id: string; readonly distance: number}[];
}

export interface NearestRequest {
  readonly id: string;
  readonly count: number;
  readonly metric: VectorMetric | undefined;
  readonly isExact: boolean;
}

/** The vectors nearest to that of an id, itself left out. */
export async function findNearestVectors(project: Project, name: string | undefined, {id, count, metric: asked, isExact}: NearestRequest): Promise<NearestVectors> {
  return await withStore(project, name, async (store, reader) => {
    const metric = asked ?? store.vectorIndex ?? "cosine";
    const vector = await getVector(store, reader, id);
    const {isIndexed, found} = await reader.nearest(vector, {count: count + 1, metric, isExact});
    const others = found.filter((neighbour) => neighbour.id !== id).slice(0, count);
    return {store: store.name, id, metric, indexed: isIndexed, nearest: others.map((other) => ({id: other.id, distance: Number(other.distance.toPrecision(6))}))};
  });
}

async function getVector(store: EmbeddingStore, reader: EmbeddingReader, id: string): Promise<Float32Array> {
  const vector = await reader.find(id);
  if (!vector) throw DaedalusError.of("store-id-unknown", {store: store.name, id, idType: reader.idKind === "bigint" ? "integers" : "text"});
  return vector instanceof Uint16Array ? Float32Array.from(vector, halfToNumber) : vector;
}

async function withStore<T>(project: Project, name: string | undefined, ask: (store: EmbeddingStore, reader: EmbeddingReader) => Promise<T>): Promise<T> {
  const store = chooseStore(project, name);
  const reader = await openStore(store, project.root);
  try {
    return await ask(store, reader);
  } finally {
    reader.close();
  }
}
