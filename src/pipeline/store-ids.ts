/** The ids of an embedding store as a DuckDB table, for filters that ask which items have an embedding. */
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import type {EmbeddingReader} from "../sources/embedding-store.js";
import {quoteName} from "../sources/quote.js";

/** Creates the table with one column `id`, BIGINT or VARCHAR as the store holds it. */
export async function loadStoreIds(session: DuckDbSession, reader: EmbeddingReader, table: string): Promise<void> {
  await session.run(`CREATE OR REPLACE TABLE ${quoteName(table)} (id ${reader.idKind === "bigint" ? "BIGINT" : "VARCHAR"} NOT NULL)`);
  await session.append(table, reader.idBatches());
}
