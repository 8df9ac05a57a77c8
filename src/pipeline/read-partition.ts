/** Rows of a published partition, read lazily: as plain objects, or a batch of columns at a time as typed arrays. */
import type {Project, Service} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {readBatches, type ColumnBatch} from "../engines/duckdb/column-batch.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import type {Environment} from "../sources/environment.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName, quoteNames} from "../sources/quote.js";
import type {Manifest} from "./manifest.js";
import {openPartitions} from "./open-partitions.js";
import type {PartitionStore, Stage} from "./partition.js";
import {unpublishedDay} from "./profile-input.js";

export interface PartitionOptions {
  readonly project: Project;
  readonly service: Service;
  /** `YYYY-MM-DD` */
  readonly day: string;
  /** Default: `dataset`. */
  readonly stage?: Stage;
  /** Default: all, in the order of the files. */
  readonly columns?: readonly string[];
  /** Default: `output_root` of runtime.yaml; relative to the project's root. */
  readonly outputRoot?: string;
  /** What `${NAME}` in the credentials of the output stands for. Default: the process's. */
  readonly environment?: Environment;
}

export interface PartitionReader {
  readonly manifest: Manifest;
  /** Parquet files, in row order: paths, or URLs of a bucket. */
  readonly files: readonly string[];
  /**
   * One row after another, in the order of the files. BIGINT is a bigint; TIMESTAMP a text in UTC with microseconds, `2026-03-02T12:00:00.000001Z`;
   * DATE a text `YYYY-MM-DD`; a list an array; NULL null. Types of such rows are written by `daeda generate types`.
   */
  rows<Row = Readonly<Record<string, unknown>>>(): AsyncGenerator<Row>;
  /** Some thousand rows at a time, each column as a typed array of its own. */
  batches(): AsyncGenerator<ColumnBatch>;
}

/**
 * Opens a published partition. No row is read before the first row is asked for, and no more than is asked for.
 * @throws DaedalusError `partition-missing` with days nearby, `reference-unknown` for a column that it does not have
 */
export async function readPartition({project, service, day, stage = "dataset", columns, outputRoot, environment = process.env}: PartitionOptions): Promise<PartitionReader> {
  const store = await openPartitions(project, service, outputRoot, environment);
  const manifest = store.findManifest(stage, day);
  if (!manifest) throw unpublishedDay(store, {service: service.name, stage, day});
  const types = new Map(manifest.columns.map(({name, type}) => [name, type]));
  const wanted = columns ?? [...types.keys()];
  for (const name of wanted) {
    if (!types.has(name)) throw DaedalusError.of("reference-unknown", {what: "column", name, nearest: findNearest(name, types.keys()), hint: `the columns are ${[...types.keys()].join(", ")}`});
  }
  const files = store.filesOf(stage, day);
  const relation = renderParquetRelation(files);
  const open = (): Promise<DuckDbSession> => openSession(store, project);
  return {
    manifest,
    files,
    rows: <Row>() => readRows<Row>(open, `SELECT ${wanted.map((name) => renderReadable(name, types.get(name)!)).join(", ")} FROM ${relation}`),
    batches: () => inSession(open, `SELECT ${quoteNames(wanted)} FROM ${relation}`, readBatches),
  };
}

async function openSession(store: PartitionStore, {runtime}: Project): Promise<DuckDbSession> {
  const session = await DuckDbSession.open({config: new Map([...runtime.compute.duckdbConfig, ["threads", "1"]])});
  try {
    await store.prepare(session);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

/** DuckDB's own dates for JavaScript have milliseconds; ours keep what is there. */
function renderReadable(column: string, type: string): string {
  const name = quoteName(column);
  const say = (value: string): string => (type.startsWith("DATE") ? `strftime(${value}, '%Y-%m-%d')` : `strftime(${value}, '%Y-%m-%dT%H:%M:%S.%fZ')`);
  if (type === "DATE" || type === "TIMESTAMP") return `${say(name)} AS ${name}`;
  return type === "DATE[]" || type === "TIMESTAMP[]" ? `list_transform(${name}, lambda x: ${say("x")}) AS ${name}` : name;
}

async function* readRows<Row>(open: () => Promise<DuckDbSession>, sql: string): AsyncGenerator<Row> {
  yield* inSession(open, sql, async function* (session) {
    const result = await session.stream(sql);
    for await (const rows of result.yieldRowObjectJs()) yield* rows as Iterable<Row>;
  });
}

/** A reader that stops early closes the session as well. */
async function* inSession<T>(open: () => Promise<DuckDbSession>, sql: string, read: (session: DuckDbSession, sql: string) => AsyncGenerator<T>): AsyncGenerator<T> {
  const session = await open();
  try {
    yield* read(session, sql);
  } finally {
    session.close();
  }
}
