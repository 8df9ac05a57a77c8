/** What the pipeline asks of a store before any vector is read: which ids it has, and whether it changed. */
import type {EmbeddingStore} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {openStore} from "../sources/embedding-store.js";
import {quoteName} from "../sources/quote.js";

/** Creates the table with one column `id`, BIGINT or VARCHAR as the store holds it: for filters that ask which items have an embedding. */
export async function loadStoreIds(session: DuckDbSession, store: EmbeddingStore, root: string, table: string): Promise<void> {
  const reader = await openStore(store, root);
  try {
    await session.run(`CREATE OR REPLACE TABLE ${quoteName(table)} (id ${reader.idKind === "bigint" ? "BIGINT" : "VARCHAR"} NOT NULL)`);
    await session.append(table, reader.idBatches());
  } finally {
    reader.close();
  }
}

/** Differs when the vectors do; the store is checked against its definition on the way. */
export async function readStoreVersion(store: EmbeddingStore, root: string): Promise<string> {
  const reader = await openStore(store, root);
  reader.close();
  return reader.identity.fingerprint;
}
