/** Builds an embedding store from parquet: checked, rounded, indexed, and put in place only when it is whole. */
import {createHash, type Hash} from "node:crypto";
import {existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync} from "node:fs";
import {basename, dirname, join, resolve} from "node:path";
import type {EmbeddingStore} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {streamChunks, viewItems, viewList, viewText, type ListView} from "../engines/duckdb/column-view.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems} from "../errors.js";
import {retiredPath, settleStore, storePath, StoreWriter, type IdKind, type VectorValues} from "../sources/embedding-store.js";
import type {StoreIds} from "../sources/id-index.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {explainWriteFailure, reasonOf} from "./failure.js";
import {halfInfinity, roundToHalf} from "./half-float.js";

export interface StoreBuildOptions {
  /** Folder that the store's paths are relative to. */
  readonly root: string;
  readonly session: DuckDbSession;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: {readonly rowsDone: number; readonly rowsTotal: number}) => void) | undefined;
}

export interface StoreBuildReport {
  readonly store: string;
  readonly path: string;
  readonly rowCount: number;
  readonly byteCount: number;
  readonly fileCount: number;
  /** Equal for equal ids and vectors in equal order. */
  readonly fingerprint: string;
}

/** Replaces the store at `path`. Until the new one is whole the old one stays, also when the build is killed. */
export async function buildStore(store: EmbeddingStore, options: StoreBuildOptions): Promise<StoreBuildReport> {
  const path = storePath(store, options.root);
  settleStore(path);
  checkReplaceable(store, path);
  removeAbandoned(path);
  const source = await checkSource(store, options);
  const building = `${path}.building-${process.pid}`;
  makeFolder(building);
  try {
    const built = await writeStore(store, source, {...options, folder: building});
    const table = join(building, "store.lance");
    const byteCount = folderBytes(table);
    replaceStore(table, path);
    return {store: store.name, path, ...built, byteCount, fileCount: source.files.length};
  } finally {
    rmSync(building, {recursive: true, force: true});
  }
}

/** What is replaced is deleted: nothing but a Lance table or an empty folder may be. */
function checkReplaceable(store: EmbeddingStore, path: string): void {
  if (!existsSync(path) || existsSync(join(path, "_versions"))) return;
  if (statSync(path).isDirectory() && readdirSync(path).length === 0) return;
  throw DaedalusError.of("folder-foreign", {path, what: "a Lance table"}, {place: store.place});
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, {recursive: true});
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
}

function replaceStore(table: string, path: string): void {
  const retired = retiredPath(path);
  rmSync(retired, {recursive: true, force: true});
  if (existsSync(path)) renameSync(path, retired);
  renameSync(table, path);
  rmSync(retired, {recursive: true, force: true});
}

/** Folders of builds whose process is gone. */
function removeAbandoned(path: string): void {
  const folder = dirname(path);
  const prefix = `${basename(path)}.building-`;
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(prefix))) {
    if (!isAlive(Number(name.slice(prefix.length)))) rmSync(join(folder, name), {recursive: true, force: true});
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function folderBytes(folder: string): number {
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

interface CheckedSource {
  readonly files: readonly string[];
  readonly relation: string;
  readonly idKind: IdKind;
  readonly idSql: string;
  readonly vectorSql: string;
  readonly rowCount: number;
  /** What is wrong with the ids; what is wrong with the vectors joins it, so that one build shows both. */
  readonly problems: Problems;
}

const integerTypes = new Set(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"]);
const textTypes = new Set(["VARCHAR", "UUID"]);

async function checkSource(store: EmbeddingStore, options: StoreBuildOptions): Promise<CheckedSource> {
  const {session} = options;
  const {place} = store;
  if (store.sourceParquet === undefined) throw DaedalusError.of("store-source-missing", {store: store.name}, {place});
  const path = resolve(options.root, store.sourceParquet);
  const files = await findSourceFiles(session, path);
  if (files.length === 0) throw DaedalusError.of("file-missing", {path, what: `source_parquet of embedding store "${store.name}"`}, {place});
  const relation = `read_parquet([${files.map(quoteText).join(", ")}], hive_partitioning = false)`;
  const columns = await readingSource(path, session.describe(`SELECT * FROM ${relation}`));
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
  const vector = /^(FLOAT|DOUBLE)\[(\d*)\]$/.exec(typeOf(store.embeddingColumn));
  if (!vector) throw wrongType(store.embeddingColumn, "a list of floats or doubles");
  if (vector[2] && Number(vector[2]) !== store.embeddingDim) throw wrongType(store.embeddingColumn, `of dimension ${store.embeddingDim}`);
  const idKind: IdKind = integerTypes.has(idType) ? "bigint" : "text";
  const id = quoteName(store.idColumn);
  const idSql = `CAST(${id} AS ${idKind === "bigint" ? "BIGINT" : "VARCHAR"})`;
  // As DOUBLE[] whatever the source holds: a double rounds to a half once, not through a float.
  const vectorSql = `CAST(${quoteName(store.embeddingColumn)} AS DOUBLE[])`;
  const problems = new Problems();
  const rowCount = await readingSource(path, checkIds(store, session, {relation, idSql, problems}));
  if (rowCount === 0) throw DaedalusError.of("store-source-empty", {store: store.name, path}, {place});
  return {files, relation, idKind, idSql, vectorSql, rowCount, problems};
}

/** A file, all parquet files below a folder, or what a glob matches: sorted, so that equal sources build equal stores. */
async function findSourceFiles(session: DuckDbSession, path: string): Promise<string[]> {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (existsSync(path) && !isFolder) return [path];
  const pattern = isFolder ? join(path, "**", "*.parquet") : path;
  const rows = await session.rows(`SELECT file FROM glob(${quoteText(pattern)}) ORDER BY file`);
  return rows.map((row) => row["file"] as string);
}

async function readingSource<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof DaedalusError) throw error;
    throw DaedalusError.of("file-unreadable", {path, reason: reasonOf(error)}, {cause: error});
  }
}

/** The number of rows. */
async function checkIds(
  store: EmbeddingStore,
  session: DuckDbSession,
  source: {readonly relation: string; readonly idSql: string; readonly problems: Problems},
): Promise<number> {
  const ids = `SELECT ${source.idSql} AS id FROM ${source.relation}`;
  const [counts] = await session.rows(`SELECT count(*) AS n, count(*) - count(id) AS nulls FROM (${ids})`);
  const repeated = await session.rows(
    `SELECT CAST(id AS VARCHAR) AS id, count(*) OVER () AS n FROM (${ids}) WHERE id IS NOT NULL GROUP BY ALL HAVING count(*) > 1 ORDER BY id LIMIT 3`,
  );
  const nulls = Number(counts!["nulls"]);
  if (nulls > 0) source.problems.add("store-source-ids-null", {store: store.name, count: nulls}, store.place);
  if (repeated.length > 0) {
    const facts = {store: store.name, count: Number(repeated[0]!["n"]), examples: repeated.map((row) => row["id"] as string)};
    source.problems.add("store-ids-duplicate", facts, store.place);
  }
  return Number(counts!["n"]);
}

interface WriteOptions extends StoreBuildOptions {
  readonly folder: string;
}

async function writeStore(store: EmbeddingStore, source: CheckedSource, options: WriteOptions): Promise<{rowCount: number; fingerprint: string}> {
  const {session, signal} = options;
  const batch = new StoreBatch(store, source, options.folder);
  let rowsDone = 0;
  const [order] = await session.rows("SELECT current_setting('preserve_insertion_order') AS setting");
  // Equal sources must give equal stores, whatever the session was set to for speed.
  await session.run("SET preserve_insertion_order = true");
  try {
    const result = await session.stream(`SELECT ${source.idSql}, ${source.vectorSql} FROM ${source.relation}`);
    for await (const {rowCount, columns} of streamChunks(result)) {
      signal?.throwIfAborted();
      await batch.append({rowCount, ids: columns[0], vectors: viewList(columns[1])});
      rowsDone += rowCount;
      options.onProgress?.({rowsDone, rowsTotal: source.rowCount});
    }
  } catch (error) {
    const explained = explainWriteFailure(error, options.folder);
    if (signal?.aborted || explained instanceof DaedalusError) throw explained;
    throw DaedalusError.of("store-build-failed", {store: store.name, reason: reasonOf(error)}, {place: store.place, cause: error});
  } finally {
    await session.run(`SET preserve_insertion_order = ${String(order!["setting"])}`);
  }
  batch.reportProblems(source.problems);
  source.problems.throwIfErrors();
  return {rowCount: rowsDone, fingerprint: await batch.finish()};
}

type VectorProblem = "missing" | "length" | "value" | "overflow";

/** Collects rows into batches of the declared size, rounded to the store's type, and checks each vector on the way. */
class StoreBatch {
  private readonly values: VectorValues;
  private readonly bigints: BigInt64Array | undefined;
  private texts: string[] = [];
  private rowCount = 0;
  private writer: StoreWriter | undefined;
  private readonly idHash: Hash = createHash("sha256");
  private readonly vectorHash: Hash = createHash("sha256");
  private readonly found = new Map<VectorProblem, {count: number; readonly examples: string[]}>();

  constructor(
    private readonly store: EmbeddingStore,
    private readonly source: CheckedSource,
    private readonly folder: string,
  ) {
    const capacity = Math.min(store.buildBatchSize, source.rowCount);
    const length = capacity * store.embeddingDim;
    this.values = store.embeddingDtype === "float16" ? new Uint16Array(length) : new Float32Array(length);
    this.bigints = source.idKind === "bigint" ? new BigInt64Array(capacity) : undefined;
  }

  async append(chunk: {readonly rowCount: number; readonly ids: unknown; readonly vectors: ListView}): Promise<void> {
    const bigints = this.bigints && viewItems(chunk.ids, BigInt64Array);
    const texts = this.bigints ? undefined : viewText(chunk.ids);
    for (let row = 0; row < chunk.rowCount; row++) {
      const bigint = bigints?.validity.isValid(row) ? bigints.items[row] : undefined;
      const id = bigint ?? texts?.get(row) ?? undefined;
      const problem = this.setVector(chunk.vectors, row);
      if (problem) this.count(problem, id);
      // A NULL id is already a problem: nothing more is written, the rest is only checked.
      if (problem !== undefined || id === undefined || this.source.problems.hasErrors || this.found.size > 0) continue;
      if (typeof id === "bigint") this.bigints![this.rowCount] = id;
      else this.texts.push(id);
      this.rowCount++;
      if (this.rowCount * this.store.embeddingDim === this.values.length) await this.flush();
    }
  }

  async finish(): Promise<string> {
    await this.flush();
    const {store, source} = this;
    const fingerprint = createHash("sha256")
      .update(`${source.idKind} ${store.embeddingDtype}[${store.embeddingDim}]`)
      .update(this.idHash.digest())
      .update(this.vectorHash.digest())
      .digest("hex");
    await this.writer!.finish(fingerprint);
    return fingerprint;
  }

  reportProblems(problems: Problems): void {
    const wordings: Record<VectorProblem, string> = {
      missing: "are NULL",
      length: `do not have the declared ${this.store.embeddingDim} dimensions`,
      value: "hold NULL, NaN or infinity",
      overflow: `hold numbers too large for ${this.store.embeddingDtype}`,
    };
    for (const [problem, {count, examples}] of this.found) {
      problems.add("store-source-vectors", {store: this.store.name, count, examples, problem: wordings[problem]}, this.store.place);
    }
  }

  private setVector(vectors: ListView, row: number): VectorProblem | undefined {
    const dimension = this.store.embeddingDim;
    if (!vectors.validity.isValid(row)) return "missing";
    if (vectors.length(row) !== dimension) return "length";
    const {items, validity} = viewItems(vectors.child, Float64Array);
    const start = vectors.offset(row);
    const target = this.rowCount * dimension;
    const isHalf = this.values instanceof Uint16Array;
    let problem: VectorProblem | undefined;
    for (let d = 0; d < dimension; d++) {
      const value = items[start + d]!;
      if (!Number.isFinite(value) || (!validity.isFull && !validity.isValid(start + d))) return "value";
      const stored = isHalf ? roundToHalf(value) : Math.fround(value);
      if (isHalf ? (stored & 0x7fff) === halfInfinity : !Number.isFinite(stored)) problem = "overflow";
      this.values[target + d] = stored;
    }
    return problem;
  }

  private count(problem: VectorProblem, id: bigint | string | undefined): void {
    const found = this.found.get(problem) ?? {count: 0, examples: []};
    found.count++;
    if (found.examples.length < 3) found.examples.push(id === undefined ? "NULL" : String(id));
    this.found.set(problem, found);
  }

  private async flush(): Promise<void> {
    if (this.rowCount === 0) return;
    this.writer ??= await StoreWriter.create(this.folder, "store", {
      idColumn: this.store.idColumn,
      idKind: this.source.idKind,
      embeddingColumn: this.store.embeddingColumn,
      dimension: this.store.embeddingDim,
      dtype: this.store.embeddingDtype,
    });
    const ids: StoreIds = this.bigints ? this.bigints.subarray(0, this.rowCount) : this.texts;
    const vectors = this.values.subarray(0, this.rowCount * this.store.embeddingDim);
    this.idHash.update(ids instanceof BigInt64Array ? new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength) : ids.map((id) => `${id.length}:${id}`).join(""));
    this.vectorHash.update(new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength));
    await this.writer.add(ids, vectors);
    this.rowCount = 0;
    this.texts = [];
  }
}
