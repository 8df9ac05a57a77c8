/** Embedding stores as the command line builds and describes them. */
import type {EmbeddingStore, Project} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {buildStore} from "../pipeline/store-build.js";
import {openStore} from "../sources/embedding-store.js";
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

export interface BuiltStore {
  readonly store: string;
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly source_files: number;
  readonly fingerprint: string;
}

/** Builds the store anew from its `source_parquet`; one that is there is replaced when the new one is whole. */
export async function runBuildStore(project: Project, name: string, terminal: Terminal): Promise<BuiltStore> {
  const store = getStore(project, name);
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  const progress = startRowProgress(terminal, name);
  try {
    const built = await runStoppable(terminal, (signal) =>
      buildStore(store, {root: project.root, session, signal, onProgress: ({rowsDone, rowsTotal}) => progress.update(rowsDone, rowsTotal)}),
    );
    return {store: built.store, path: built.path, rows: built.rowCount, bytes: built.byteCount, source_files: built.fileCount, fingerprint: built.fingerprint};
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
  readonly version: number;
  readonly fingerprint: string;
}

/** Opens the store and checks it against its definition on the way. */
export async function readStoreStatistics(project: Project, name: string): Promise<StoreStatistics> {
  const store = getStore(project, name);
  const reader = await openStore(store, project.root);
  try {
    return {
      store: store.name,
      path: reader.path,
      rows: reader.rowCount,
      id_column: store.idColumn,
      id_type: reader.idKind,
      embedding_column: store.embeddingColumn,
      embedding_type: `${store.embeddingDtype}[${store.embeddingDim}]`,
      version: reader.identity.version,
      fingerprint: reader.identity.fingerprint,
    };
  } finally {
    reader.close();
  }
}
