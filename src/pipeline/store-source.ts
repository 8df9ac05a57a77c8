/** What an embedding store is built from: parquet files whose columns, ids and order are checked before any vector is read. */
import {existsSync, statSync} from "node:fs";
import {join, resolve} from "node:path";
import type {EmbeddingStore} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {streamChunks, viewItems} from "../engines/duckdb/column-view.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems} from "../errors.js";
import type {IdKind} from "../sources/embedding-store.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {reasonOf} from "./failure.js";
import {HalfColumn} from "./half-column.js";

export interface StoreSource {
  readonly files: readonly string[];
  readonly idKind: IdKind;
  /** Ids and vectors, in the order of the files and of their rows; ids alone where vectors come from `halves`. */
  readonly query: string;
  readonly halves: HalfColumn | undefined;
  readonly isDouble: boolean;
  readonly rowCount: number;
  /** Rows that a newer one of the same id replaces; undefined: none. */
  readonly replaced: RowSet | undefined;
  /** What is wrong with the ids; what is wrong with the vectors joins it, so that one build shows both. */
  readonly problems: Problems;
}

/** Numbers of rows, a bit each. */
class RowSet {
  count = 0;
  private readonly bits: Uint8Array;

  constructor(rowCount: number) {
    this.bits = new Uint8Array(Math.ceil(rowCount / 8));
  }

  add(row: number): void {
    this.bits[row >> 3]! |= 1 << (row & 7);
    this.count++;
  }

  has(row: number): boolean {
    return ((this.bits[row >> 3]! >> (row & 7)) & 1) === 1;
  }
}

const integerTypes = new Set(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"]);
const textTypes = new Set(["VARCHAR", "UUID"]);

/** @throws DaedalusError when files or columns are not what the definition says; wrong ids are among the problems */
export async function checkStoreSource(store: EmbeddingStore, options: {readonly root: string; readonly session: DuckDbSession}): Promise<StoreSource> {
  const {session} = options;
  const {place} = store;
  if (store.sourceParquet === undefined) throw DaedalusError.of("store-source-missing", {store: store.name}, {place});
  const path = resolve(options.root, store.sourceParquet);
  const files = await findFiles(session, path);
  if (files.length === 0) throw DaedalusError.of("file-missing", {path, what: `source_parquet of embedding store "${store.name}"`}, {place});
  const relation = `read_parquet([${files.map(quoteText).join(", ")}], hive_partitioning = false)`;
  const columns = await reading(path, session.describe(`SELECT * FROM ${relation}`));
  const typeOf = (name: string): string => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column) return column.type;
    const names = columns.map((candidate) => candidate.name);
    throw DaedalusError.of("store-source-column", {store: store.name, path, column: name, nearest: findNearest(name, names), columns: names}, {place});
  };
  const wrongType = (column: string, expected: string): DaedalusError =>
    DaedalusError.of("store-source-type", {store: store.name, path, column, expected, found: typeOf(column)}, {place});
  const idType = typeOf(store.idColumn);
  if (!integerTypes.has(idType) && !textTypes.has(idType)) throw wrongType(store.idColumn, "an integer or text");
  // DuckDB reads parquet's FLOAT16 as FLOAT.
  const vector = /^(FLOAT|DOUBLE)\[(\d*)\]$/.exec(typeOf(store.embeddingColumn));
  if (!vector) throw wrongType(store.embeddingColumn, "a list of floats or doubles");
  if (vector[2] && Number(vector[2]) !== store.embeddingDim) throw wrongType(store.embeddingColumn, `of dimension ${store.embeddingDim}`);
  if (store.orderColumn !== undefined) typeOf(store.orderColumn);
  const idKind: IdKind = integerTypes.has(idType) ? "bigint" : "text";
  const idSql = `CAST(${quoteName(store.idColumn)} AS ${idKind === "bigint" ? "BIGINT" : "VARCHAR"})`;
  const problems = new Problems();
  const {rowCount, replaced} = await inOrder(session, () => reading(path, checkIds(store, session, {relation, idSql, problems})));
  if (rowCount === 0) throw DaedalusError.of("store-source-empty", {store: store.name, path}, {place});
  const halves = store.embeddingDtype === "float16" && vector[1] === "FLOAT" ? await HalfColumn.open(files, store.embeddingColumn, store.embeddingDim) : undefined;
  const vectorSql = halves ? "" : `, CAST(${quoteName(store.embeddingColumn)} AS ${vector[1]!}[])`;
  return {files, idKind, query: `SELECT ${idSql}${vectorSql} FROM ${relation}`, halves, isDouble: vector[1] === "DOUBLE", rowCount, replaced, problems};
}

/** Rows come as they lie in the files, whatever the session was set to for speed; its settings stay as they were. */
export async function inOrder<T>(session: DuckDbSession, work: () => Promise<T>): Promise<T> {
  const [before] = await session.rows("SELECT current_setting('preserve_insertion_order') AS ordered");
  await session.run("SET preserve_insertion_order = true");
  try {
    return await work();
  } finally {
    await session.run(`SET preserve_insertion_order = ${String(before!["ordered"])}`);
  }
}

/** A file, all parquet files below a folder, or what a glob matches: sorted, so that equal sources build equal stores. */
async function findFiles(session: DuckDbSession, path: string): Promise<string[]> {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (existsSync(path) && !isFolder) return [path];
  const pattern = isFolder ? join(path, "**", "*.parquet") : path;
  const rows = await session.rows(`SELECT file FROM glob(${quoteText(pattern)}) ORDER BY file`);
  return rows.map((row) => row["file"] as string);
}

async function reading<T>(path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof DaedalusError) throw error;
    throw DaedalusError.of("file-unreadable", {path, reason: reasonOf(error)}, {cause: error});
  }
}

interface IdSource {
  readonly relation: string;
  readonly idSql: string;
  readonly problems: Problems;
}

async function checkIds(store: EmbeddingStore, session: DuckDbSession, {relation, idSql, problems}: IdSource): Promise<{rowCount: number; replaced: RowSet | undefined}> {
  const order = store.orderColumn === undefined ? "NULL" : quoteName(store.orderColumn);
  await session.run(`CREATE OR REPLACE TEMP TABLE source_ids AS SELECT ${idSql} AS id, ${order} AS age, row_number() OVER () - 1 AS row FROM ${relation}`);
  try {
    const [counts] = await session.rows("SELECT count(*) AS n, count(*) - count(id) AS nulls FROM source_ids");
    const nulls = Number(counts!["nulls"]);
    if (nulls > 0) problems.add("store-source-ids-null", {store: store.name, count: nulls}, store.place);
    await session.run(`CREATE OR REPLACE TEMP TABLE repeated_ids AS
SELECT id, max(age) AS newest FROM source_ids WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1`);
    // Without an order all rows of an id are its newest; with one, those that share the newest order are.
    const tied = await session.rows(`SELECT CAST(id AS VARCHAR) AS id, count(*) OVER () AS n
FROM source_ids JOIN repeated_ids USING (id) WHERE age IS NOT DISTINCT FROM newest GROUP BY ALL HAVING count(*) > 1 ORDER BY 1 LIMIT 3`);
    if (tied.length > 0) {
      const facts = {store: store.name, count: Number(tied[0]!["n"]), examples: tied.map((row) => row["id"] as string), orderColumn: store.orderColumn};
      problems.add("store-ids-duplicate", facts, store.place);
    }
    const rowCount = Number(counts!["n"]);
    return {rowCount, replaced: await readReplaced(session, rowCount)};
  } finally {
    await session.run("DROP TABLE IF EXISTS source_ids");
    await session.run("DROP TABLE IF EXISTS repeated_ids");
  }
}

async function readReplaced(session: DuckDbSession, rowCount: number): Promise<RowSet | undefined> {
  const replaced = new RowSet(rowCount);
  const result = await session.stream("SELECT row FROM source_ids JOIN repeated_ids USING (id) WHERE age IS DISTINCT FROM newest");
  for await (const chunk of streamChunks(result)) {
    const {items} = viewItems(chunk.columns[0], BigInt64Array);
    for (let k = 0; k < chunk.rowCount; k++) replaced.add(Number(items[k]));
  }
  return replaced.count === 0 ? undefined : replaced;
}
