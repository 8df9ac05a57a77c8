/** The one file that knows `@duckdb/node-api`: a session is an in-memory database with a scratch folder that both end together. */
import {mkdirSync, mkdtempSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import type * as DuckDb from "@duckdb/node-api";
import type {DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBResult} from "@duckdb/node-api";
import type {SqlSession} from "../aggregation-engine.js";
import {remoteNames, type RemoteTables} from "../../sources/remote-tables.js";
import {chunkRows, type ProvidedFunction, type RawChunk} from "../raw-vectors.js";
import {ChunkQueue} from "./chunk-queue.js";
import {fetchAhead} from "./column-view.js";
import {fillRemoteTable} from "./remote-table.js";
import {defineFunction, defineLook, readRawChunk} from "./vectors.js";

export type {DuckDBDataChunk, DuckDBResult};

// `import` reads its 180 CommonJS files twice, once for the names that they export: a tenth of a second in the start of every command.
const duckdb = createRequire(import.meta.url)("@duckdb/node-api") as typeof DuckDb;

export interface SessionOptions {
  /** `compute.duckdb_config`, passed through to DuckDB. */
  readonly config?: ReadonlyMap<string, string>;
  /** Where the scratch folder is made; default: the config's `temp_directory`, else the system's. */
  readonly scratchRoot?: string;
}

export interface ColumnType {
  readonly name: string;
  readonly type: string;
}

/** A function is let go by DuckDB's binding at some time after the session has closed: what it computes with must not live as long. */
interface HeldFunction {
  provided: ProvidedFunction | undefined;
}

export class DuckDbSession implements SqlSession {
  private readonly hidden = new Set<string>();
  private readonly done = new Set<string>();
  private readonly remotes = new Set<RemoteTables>();
  private readonly brought = new Set<string>();
  private lookCount = 0;
  private readonly held: HeldFunction[] = [];

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    readonly scratchDirectory: string,
  ) {}

  static async open(options: SessionOptions = {}): Promise<DuckDbSession> {
    const config = new Map(options.config);
    const scratchRoot = options.scratchRoot ?? config.get("temp_directory") ?? tmpdir();
    mkdirSync(scratchRoot, {recursive: true});
    const scratchDirectory = mkdtempSync(join(scratchRoot, "daedalus-"));
    config.set("temp_directory", join(scratchDirectory, "spill"));
    try {
      const instance = await duckdb.DuckDBInstance.create(":memory:", Object.fromEntries(config));
      const connection = await instance.connect();
      await connection.run("SET TimeZone = 'UTC'");
      return new DuckDbSession(instance, connection, scratchDirectory);
    } catch (error) {
      rmSync(scratchDirectory, {recursive: true, force: true});
      throw error;
    }
  }

  async run(sql: string): Promise<void> {
    await this.withoutSecrets(sql, () => this.connection.run(sql));
  }

  /** Runs a statement that this session has not run before. */
  async runOnce(sql: string): Promise<void> {
    if (this.done.has(sql)) return;
    await this.run(sql);
    this.done.add(sql);
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const reader = await this.withoutSecrets(sql, () => this.connection.runAndReadAll(sql));
    return reader.getRowObjectsJS();
  }

  /** No error of this session shows these texts from now on. */
  hide(secrets: readonly string[]): void {
    for (const secret of secrets) this.hidden.add(secret);
  }

  /** Tables of these are brought when a statement first names them. */
  expect(remote: RemoteTables): void {
    this.remotes.add(remote);
  }

  private async bring(sql: string): Promise<void> {
    if (this.remotes.size === 0) return;
    for (const name of remoteNames(sql)) {
      const ask = [...this.remotes].map((remote) => remote.find(name)).find((found) => found !== undefined);
      if (ask === undefined || this.brought.has(name)) continue;
      // Before it is filled: the statements that fill it name it too.
      this.brought.add(name);
      try {
        await fillRemoteTable(this, name, await ask());
      } catch (error) {
        this.brought.delete(name);
        throw error;
      }
    }
  }

  private async withoutSecrets<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      await this.bring(sql);
      return await work();
    } catch (error) {
      throw this.conceal(error);
    }
  }

  private conceal(error: unknown): unknown {
    const message = error instanceof Error ? error.message : String(error);
    const longestFirst = [...this.hidden].sort((a, b) => b.length - a.length);
    const shown = longestFirst.reduce((text, secret) => text.replaceAll(secret, "***"), message);
    // Neither the stack nor the cause may bring the original back.
    return shown === message ? error : new Error(shown);
  }

  /** Names and DuckDB types of a query's columns, without running it. */
  async describe(sql: string): Promise<ColumnType[]> {
    const rows = await this.rows(`DESCRIBE ${sql}`);
    return rows.map((row) => ({name: row["column_name"] as string, type: row["column_type"] as string}));
  }

  /** Result chunks as they come; the caller reads each before asking for the next. */
  stream(sql: string): Promise<DuckDBResult> {
    return this.withoutSecrets(sql, () => this.connection.stream(sql));
  }

  async *chunks(sql: string, types: readonly string[]): AsyncIterable<RawChunk> {
    const result = await this.stream(sql);
    try {
      for await (const {chunk} of fetchAhead(result)) yield readRawChunk(chunk, types);
    } catch (error) {
      throw this.conceal(error);
    }
  }

  async forEachChunk(sql: string, types: readonly string[], look: (chunk: RawChunk) => void): Promise<void> {
    let rowCount = 0;
    // What it looks with does not outlive the query.
    let queue: ChunkQueue | undefined = new ChunkQueue(look);
    const name = this.provideLook(types, (chunk) => {
      rowCount += chunk.rowCount;
      queue?.put(chunk);
    });
    const columns = types.map((_, at) => `c${at}`);
    // Elements of a list may lie anywhere: a list that is resized is a copy, whose elements lie side by side.
    const shown = types.map((type, at) => (type.endsWith("[]") ? `list_resize(c${at}, len(c${at}))` : `c${at}`));
    try {
      const [row] = await this.rows(`SELECT count(${name}(${shown.join(", ")})) AS count FROM (${sql}) AS looked(${columns.join(", ")})`);
      queue.finish();
      // Nothing may depend on how DuckDB plans calls.
      if (Number(row!["count"]) !== rowCount) throw new Error(`of ${String(row!["count"])} rows ${rowCount} were handed over`);
    } finally {
      queue.drop();
      queue = undefined;
    }
  }

  /** A function lives as long as the session, or ends with the transaction that is rolled back: each query has its own. */
  private provideLook(types: readonly string[], look: (chunk: RawChunk) => void): string {
    this.lookCount += 1;
    const name = `__look_${this.lookCount}`;
    const created = new duckdb.DuckDBScalarFunction();
    defineLook(created.scalar_function, name, types, look);
    this.connection.registerScalarFunction(created);
    return name;
  }

  provideFunction(provided: ProvidedFunction): void {
    const created = new duckdb.DuckDBScalarFunction();
    const {name, type} = provided;
    const held: HeldFunction = {provided};
    this.held.push(held);
    defineFunction(created.scalar_function, {name, type, compute: (numbers) => held.provided!.compute(numbers)});
    this.connection.registerScalarFunction(created);
  }

  /** Appends values to a table of one BIGINT or VARCHAR column. */
  async append(table: string, batches: AsyncIterable<BigInt64Array | readonly string[]>): Promise<void> {
    const appender = await this.connection.createAppender(table);
    try {
      for await (const batch of batches) appendColumns(appender, batch instanceof BigInt64Array ? duckdb.BIGINT : duckdb.VARCHAR, [batch]);
    } finally {
      appender.closeSync();
    }
  }

  /** Appends rows to a table whose columns are all VARCHAR. */
  async appendTexts(table: string, rows: readonly (readonly (string | null)[])[]): Promise<void> {
    const appender = await this.connection.createAppender(table);
    try {
      appendColumns(appender, duckdb.VARCHAR, Array.from({length: rows[0]?.length ?? 0}, (_, index) => rows.map((row) => row[index] ?? null)));
    } finally {
      appender.closeSync();
    }
  }

  /** Stops the running statement: it rejects with an INTERRUPT error. */
  interrupt(): void {
    this.connection.interrupt();
  }

  close(): void {
    for (const held of this.held) held.provided = undefined;
    this.connection.closeSync();
    this.instance.closeSync();
    rmSync(this.scratchDirectory, {recursive: true, force: true});
  }
}

/** Columns of one type and length, a chunk at a time. */
function appendColumns(appender: DuckDb.DuckDBAppender, type: DuckDb.DuckDBType, columns: readonly (BigInt64Array | readonly (string | null)[])[]): void {
  const rowCount = columns[0]?.length ?? 0;
  for (let start = 0; start < rowCount; start += chunkRows) {
    const chunk = duckdb.DuckDBDataChunk.create(columns.map(() => type), Math.min(chunkRows, rowCount - start));
    columns.forEach((column, index) => chunk.setColumnValues(index, Array.from<bigint | string | null>(column.slice(start, start + chunkRows))));
    appender.appendDataChunk(chunk);
  }
}
