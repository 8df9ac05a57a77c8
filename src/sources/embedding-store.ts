/** The one file that knows Lance: a store is a Lance table of ids and vectors, read by position and written once, in batches. */
import {existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, dirname, join, resolve} from "node:path";
import type {Table} from "@lancedb/lancedb";
import type * as Arrow from "apache-arrow";
import type {EmbeddingStore} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {IdIndex, StoreIds} from "./id-index.js";
import {readStoreRows, type RowIds, type StoreRows} from "./store-rows.js";

export type IdKind = "bigint" | "text";
/** Vectors one after another; halves are their 16 bits. */
export type VectorValues = Uint16Array | Float32Array;
export type VectorMetric = NonNullable<EmbeddingStore["vectorIndex"]>;

/** What makes two reads of a store equal. */
export interface StoreIdentity {
  readonly version: number;
  readonly rowCount: number;
  /** A digest of ids and vectors for a store that we built; for any other its version and when that was written. */
  readonly fingerprint: string;
}

const fingerprintKey = "daedalus.fingerprint";
/** Bytes asked of Lance at once: bounds what it holds beside our own copy. */
const takeBytesMax = 8 << 20;
const idBatchRows = 65_536;
const recallRows = 4096;
/** Parts of a vector index that a search looks into, and how many times more vectors than asked for are then compared as they are. */
const probes = 20;
const refineFactor = 10;
/** A table of more pieces than this, with fewer bytes each on average, is compacted. */
const piecesMax = 16;
const pieceBytesMin = 4 << 20;
/** Lance needs so many vectors to learn how to shorten them. */
const indexRowsMin = 256;

/** The absolute path of a store's Lance table. */
export function storePath(store: EmbeddingStore, root: string): string {
  return resolve(root, store.path);
}

/** Where a replaced table waits while the new one takes its place. */
export function retiredPath(path: string): string {
  return `${path}.retired`;
}

/**
 * Between the two renames that replace a table none is in place. A build that lives is past them at once; one that was killed leaves the
 * old table, which goes back.
 */
export function settleStore(path: string): void {
  const retired = retiredPath(path);
  const isUnsettled = (): boolean => !existsSync(path) && existsSync(retired);
  for (let tries = 0; tries < 20 && isUnsettled(); tries++) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  if (isUnsettled()) renameSync(retired, path);
}

/**
 * Opens a store and checks it against its definition.
 * @example
 * const reader = await openStore(store, project.root);
 * const vectors = await reader.gather(Int32Array.of(0, 5));
 */
export async function openStore(store: EmbeddingStore, root: string): Promise<EmbeddingReader> {
  const path = storePath(store, root);
  settleStore(path);
  const tablePath = findTable(store, path);
  const opened = await openTable(store, tablePath);
  try {
    const schema = await opened.table.schema();
    const idKind = checkSchema(store, schema);
    const identity = await readIdentity(store, opened.table, schema);
    return new EmbeddingReader(store, opened, {path: tablePath, idKind, identity});
  } catch (error) {
    opened.close();
    throw error;
  }
}

interface OpenTable {
  readonly table: Table;
  close(): void;
}

/** The table is the folder itself, or a `.lance` folder inside it, where a LanceDB database keeps its tables. */
function findTable(store: EmbeddingStore, path: string): string {
  if (existsSync(join(path, "_versions"))) return path;
  const tables = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith(".lance")).sort() : [];
  const named = tables.length === 1 ? tables[0] : tables.find((name) => name === `${store.name}.lance`);
  if (named === undefined) throw DaedalusError.of("store-missing", {store: store.name, path, tables}, {place: store.place});
  return join(path, named);
}

async function openTable(store: EmbeddingStore, path: string): Promise<OpenTable> {
  const {connect} = await import("@lancedb/lancedb");
  let linkFolder: string | undefined;
  let database = path;
  // LanceDB opens tables by name, as NAME.lance in a folder: a store that is called otherwise is shown to it through a link.
  if (path.endsWith(".lance")) {
    database = dirname(path);
  } else {
    linkFolder = mkdtempSync(join(tmpdir(), "daedalus-store-"));
    symlinkSync(path, join(linkFolder, "store.lance"), "junction");
    database = linkFolder;
  }
  const closeLink = (): void => {
    if (linkFolder !== undefined) rmSync(linkFolder, {recursive: true, force: true});
  };
  try {
    const connection = await connect(database);
    const table = await connection.openTable(linkFolder === undefined ? basename(path, ".lance") : "store");
    return {
      table,
      close: () => {
        table.close();
        connection.close();
        closeLink();
      },
    };
  } catch (error) {
    closeLink();
    throw unreadable(store, path, error);
  }
}

function unreadable(store: EmbeddingStore, path: string, error: unknown): DaedalusError {
  // Lance appends its own source lines to what happened.
  const reason = (error as Error).message.split(/\s+Caused by|, \/\S+\.rs/)[0] ?? "";
  return DaedalusError.of("store-unreadable", {store: store.name, path, reason}, {place: store.place, cause: error});
}

function checkSchema(store: EmbeddingStore, schema: Arrow.Schema): IdKind {
  const columns = schema.fields.map((field) => field.name);
  const typeOf = (column: string): string => {
    const field = schema.fields.find(({name}) => name === column);
    if (!field) throw DaedalusError.of("store-column-missing", {store: store.name, column, columns}, {place: store.place});
    return renderType(field.type as Arrow.DataType);
  };
  const idType = typeOf(store.idColumn);
  const idKind = idKinds.get(idType);
  const vectorType = typeOf(store.embeddingColumn);
  const declared = `${store.embeddingDtype}[${store.embeddingDim}]`;
  const mismatch = (column: string, expected: string, found: string): DaedalusError =>
    DaedalusError.of("store-mismatch", {store: store.name, column, expected, found}, {place: store.place});
  if (vectorType !== declared) throw mismatch(store.embeddingColumn, declared, vectorType);
  if (idKind === undefined) throw mismatch(store.idColumn, "an integer or text", idType);
  return idKind;
}

const idKinds: ReadonlyMap<string, IdKind> = new Map([
  ["Int64", "bigint"],
  ["Int32", "bigint"],
  ["Int16", "bigint"],
  ["Uint32", "bigint"],
  ["Uint16", "bigint"],
  ["Utf8", "text"],
  ["LargeUtf8", "text"],
]);

/** `FixedSizeList[1152]<Float16>` -> `float16[1152]`, which is how a definition says it. */
function renderType(type: {toString(): string}): string {
  const text = type.toString();
  const vector = /^FixedSizeList\[(\d+)\]<(Float16|Float32)>$/.exec(text);
  return vector ? `${vector[2]!.toLowerCase()}[${vector[1]}]` : text;
}

async function readIdentity(store: EmbeddingStore, table: Table, schema: Arrow.Schema): Promise<StoreIdentity> {
  const version = await table.version();
  const rowCount = await table.countRows();
  const idField = schema.fields.find((field) => field.name === store.idColumn);
  const built = idField?.metadata.get(fingerprintKey);
  const written = built === undefined ? (await table.listVersions()).find((entry) => entry.version === version)?.timestamp : undefined;
  return {version, rowCount, fingerprint: built ?? `${version}@${written?.toISOString() ?? "unknown"}`};
}

export interface NearestOptions {
  readonly count: number;
  readonly metric: VectorMetric;
  readonly isExact?: boolean;
}

export interface Neighbour {
  readonly id: string;
  readonly distance: number;
}

export interface TableFacts {
  readonly byteCount: number;
  /** Lance's fragments. */
  readonly pieceCount: number;
  readonly versionCount: number;
  readonly indexes: readonly {
    readonly column: string;
    readonly type: string;
    readonly metric: string | undefined;
    readonly rowsIndexed: number;
    readonly rowsUnindexed: number;
  }[];
}

/** An open store. Vectors are addressed by position: 0 .. rowCount - 1, in the order in which they lie on disk. */
export class EmbeddingReader {
  readonly path: string;
  readonly idKind: IdKind;
  readonly identity: StoreIdentity;
  constructor(
    readonly store: EmbeddingStore,
    private readonly opened: OpenTable,
    facts: {readonly path: string; readonly idKind: IdKind; readonly identity: StoreIdentity},
  ) {
    this.path = facts.path;
    this.idKind = facts.idKind;
    this.identity = facts.identity;
  }

  get rowCount(): number {
    return this.identity.rowCount;
  }

  /** All ids by position, in batches. */
  async *idBatches(): AsyncGenerator<StoreIds> {
    const {index} = await this.rows();
    for (let start = 0; start < this.rowCount; start += idBatchRows) yield index.slice(start, Math.min(start + idBatchRows, this.rowCount));
  }

  /** Id -> position, read once for a version of a store in this process; a store that holds an id twice is an error. */
  async index(): Promise<IdIndex> {
    const {index} = await this.rows();
    const {count, examples} = index.duplicates;
    if (count > 0) throw DaedalusError.of("store-ids-duplicate", {store: this.store.name, count, examples}, {place: this.store.place});
    return index;
  }

  /** Hands over the vectors at ascending positions; `k` counts the positions, and a vector must be copied before `put` returns. */
  async gather(positions: Int32Array, put: (k: number, vector: VectorValues) => void, signal?: AbortSignal): Promise<void> {
    const {rowIds} = await this.rows();
    const {embeddingDim, embeddingDtype} = this.store;
    const rowsMax = Math.max(1, Math.floor(takeBytesMax / (embeddingDim * (embeddingDtype === "float16" ? 2 : 4))));
    for (let start = 0; start < positions.length; start += rowsMax) {
      signal?.throwIfAborted();
      const some = positions.subarray(start, start + rowsMax);
      const putSome = (k: number, vector: VectorValues): void => put(start + k, vector);
      if (isDense(some) && (await this.scan(some, rowIds, {rowsMax, put: putSome}))) continue;
      await this.take(Array.from(some, (position) => rowIds.get(position)), putSome);
    }
  }

  /** The vector of an id, found through the index of ids; undefined when it is unknown. */
  async find(id: string): Promise<VectorValues | undefined> {
    const {idColumn, embeddingColumn, embeddingDim} = this.store;
    if (this.idKind === "bigint" && !/^-?\d{1,19}$/.test(id)) return undefined;
    const literal = this.idKind === "bigint" ? id : `'${id.replaceAll("'", "''")}'`;
    const table = await this.asking(this.opened.table.query().where(`\`${idColumn}\` = ${literal}`).select([embeddingColumn]).limit(1).toArrow());
    if (table.numRows === 0) return undefined;
    return (table.getChild(embeddingColumn)!.data[0]!.children[0]!.values as VectorValues).subarray(0, embeddingDim);
  }

  /** The nearest ids first. `isExact` compares with every vector, also where there is an index for the metric. */
  async nearest(vector: Float32Array, options: NearestOptions): Promise<{readonly isIndexed: boolean; readonly found: readonly Neighbour[]}> {
    const {idColumn, embeddingColumn} = this.store;
    const index = (await this.describe()).indexes.find(({column, metric}) => column === embeddingColumn && metric === options.metric);
    const isIndexed = index !== undefined && !options.isExact;
    const query = this.opened.table.vectorSearch(vector).column(embeddingColumn);
    const search = query.distanceType(options.metric).limit(options.count).select([idColumn, "_distance"]);
    const table = await this.asking((isIndexed ? search.nprobes(probes).refineFactor(refineFactor) : search.bypassVectorIndex()).toArrow());
    const [ids, distances] = [table.getChild(idColumn)!, table.getChild("_distance")!];
    return {isIndexed, found: Array.from({length: table.numRows}, (_, k) => ({id: String(ids.get(k)), distance: distances.get(k) as number}))};
  }

  /** What Lance says of the table. */
  async describe(): Promise<TableFacts> {
    const {table} = this.opened;
    const {totalBytes, fragmentStats} = await this.asking(table.stats());
    const indexes = (await table.listIndices()).map(async ({name, columns, indexType}) => {
      const facts = await table.indexStats(name);
      return {column: columns[0]!, type: indexType, metric: facts?.distanceType, rowsIndexed: facts?.numIndexedRows ?? 0, rowsUnindexed: facts?.numUnindexedRows ?? 0};
    });
    return {byteCount: totalBytes, pieceCount: fragmentStats.numFragments, versionCount: (await table.listVersions()).length, indexes: await Promise.all(indexes)};
  }

  close(): void {
    this.opened.close();
  }

  private async asking<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw unreadable(this.store, this.path, error);
    }
  }

  /** Reads all rows from the first position to the last, and hands over the wanted ones; false when rows do not come in the order of their ids. */
  private async scan(positions: Int32Array, rowIds: RowIds, {rowsMax, put}: {readonly rowsMax: number; readonly put: (k: number, vector: VectorValues) => void}): Promise<boolean> {
    const {embeddingColumn, embeddingDim} = this.store;
    const end = positions.at(-1)! + 1;
    let k = 0;
    for (let start = positions[0]!; start < end; start += rowsMax) {
      let position = start;
      const query = this.opened.table.query().select([embeddingColumn]).withRowId();
      const batches = await this.asking(query.offset(start).limit(Math.min(rowsMax, end - start)).toArrow());
      for (const batch of batches.batches) {
        const found = batch.getChild("_rowid")!.toArray() as BigUint64Array;
        const vectors = batch.getChild(embeddingColumn)!.data[0]!;
        const values = vectors.children[0]!.values as VectorValues;
        for (let row = 0; row < found.length; row++, position++) {
          if (position !== positions[k]) continue;
          if (found[row] !== rowIds.get(position) || vectors.nullCount > 0) return false;
          put(k++, values.subarray(row * embeddingDim, (row + 1) * embeddingDim));
        }
      }
    }
    return k === positions.length;
  }

  private async take(rowIds: readonly bigint[], put: (k: number, vector: VectorValues) => void): Promise<void> {
    const {embeddingColumn, embeddingDim} = this.store;
    let row = 0;
    try {
      for await (const batch of this.opened.table.takeRowIds(rowIds).select([embeddingColumn]).withRowId()) {
        const found = batch.getChild("_rowid")!.toArray() as BigUint64Array;
        const vectors = batch.getChild(embeddingColumn)!.data[0]!;
        const values = vectors.children[0]!.values as VectorValues;
        if (vectors.nullCount > 0) throw new Error("it holds NULL vectors");
        for (let k = 0; k < found.length; k++) {
          if (found[k] !== rowIds[row]) throw new Error("rows came back in another order");
          put(row++, values.subarray(k * embeddingDim, (k + 1) * embeddingDim));
        }
      }
      if (row !== rowIds.length) throw new Error(`${rowIds.length - row} of ${rowIds.length} rows are gone; was it rebuilt meanwhile?`);
    } catch (error) {
      throw unreadable(this.store, this.path, error);
    }
  }

  private rows(): Promise<StoreRows> {
    // A table that was built again with the same vectors may hold them at other row ids.
    const {ino, mtimeMs} = statSync(join(this.path, "_versions"));
    const key = JSON.stringify([this.identity, ino, mtimeMs, this.store.idColumn]);
    const known = knownRows.get(this.path);
    if (known?.key === key) return known.rows;
    const rows = this.readRows();
    knownRows.set(this.path, {key, rows});
    rows.catch(() => knownRows.delete(this.path));
    return rows;
  }

  private async readRows(): Promise<StoreRows> {
    const ids = {column: this.store.idColumn, kind: this.idKind, rowCount: this.rowCount};
    try {
      return await readStoreRows(this.opened.table.query().select([ids.column]).withRowId(), ids);
    } catch (error) {
      throw unreadable(this.store, this.path, error);
    }
  }
}

/** Whether a quarter of the rows between the first and the last are wanted: Lance then reads all in less time than it takes some. */
const isDense = (positions: Int32Array): boolean => positions.length > 1 && positions.at(-1)! - positions[0]! < positions.length * 4;

/** By a table's path: of the version that was read last. Days that follow each other share it. */
const knownRows = new Map<string, {readonly key: string; readonly rows: Promise<StoreRows>}>();

export interface StoreShape {
  readonly idColumn: string;
  readonly idKind: IdKind;
  readonly embeddingColumn: string;
  readonly dimension: number;
  readonly dtype: "float16" | "float32";
}

/** Writes a Lance table, batch by batch: a new one, or more rows of one that is there. */
export class StoreWriter {
  private constructor(
    private readonly arrow: typeof Arrow,
    private readonly table: Table,
    private readonly schema: Arrow.Schema,
    private readonly shape: StoreShape,
  ) {}

  /** Creates the table `NAME.lance` in a folder. */
  static async create(folder: string, name: string, shape: StoreShape): Promise<StoreWriter> {
    const {connect} = await import("@lancedb/lancedb");
    const {arrow, schema} = await makeSchema(shape);
    const connection = await connect(folder);
    return new StoreWriter(arrow, await connection.createEmptyTable(name, schema), schema, shape);
  }

  /** Opens the table `NAME.lance` in a folder. */
  static async open(folder: string, name: string, shape: StoreShape): Promise<StoreWriter> {
    const {connect} = await import("@lancedb/lancedb");
    const {arrow, schema} = await makeSchema(shape);
    const connection = await connect(folder);
    return new StoreWriter(arrow, await connection.openTable(name), schema, shape);
  }

  /** What is there from a row on, in the order in which it was written. */
  async *rows(rowStart: number): AsyncGenerator<{readonly ids: StoreIds; readonly vectors: VectorValues}> {
    const {idColumn, idKind, embeddingColumn, dimension} = this.shape;
    let last = -1n;
    const count = await this.table.countRows();
    for (let start = rowStart; start < count; start += recallRows) {
      const offsets = Array.from({length: Math.min(recallRows, count - start)}, (_, k) => start + k);
      for await (const batch of this.table.takeOffsets(offsets).select([idColumn, embeddingColumn]).withRowId()) {
        const rowIds = batch.getChild("_rowid")!.toArray() as BigUint64Array;
        for (const rowId of rowIds) {
          if (rowId <= last) throw new Error("rows came back in another order");
          last = rowId;
        }
        const ids = batch.getChild(idColumn)!;
        const vectors = batch.getChild(embeddingColumn)!.data[0]!.children[0]!.values as VectorValues;
        yield {ids: idKind === "bigint" ? (ids.toArray() as BigInt64Array) : [...(ids as Iterable<string>)], vectors: vectors.subarray(0, rowIds.length * dimension)};
      }
    }
  }

  async add(ids: StoreIds, vectors: VectorValues): Promise<void> {
    const {arrow, schema} = this;
    const [idField, vectorField] = schema.fields;
    const idData =
      ids instanceof BigInt64Array
        ? arrow.makeData({type: new arrow.Int64(), data: ids, length: ids.length, nullCount: 0})
        : arrow.vectorFromArray(ids, new arrow.Utf8()).data[0]!;
    const value = {length: vectors.length, nullCount: 0};
    const child =
      vectors instanceof Uint16Array
        ? arrow.makeData({type: new arrow.Float16(), data: vectors, ...value})
        : arrow.makeData({type: new arrow.Float32(), data: vectors, ...value});
    const list = arrow.makeData({type: vectorField!.type as InstanceType<typeof arrow.FixedSizeList>, child, length: ids.length, nullCount: 0});
    const rows = arrow.makeData({type: new arrow.Struct([idField!, vectorField!]), children: [idData, list], length: ids.length, nullCount: 0});
    await this.table.add(new arrow.Table(schema, [new arrow.RecordBatch(schema, rows)]));
  }

  /** Makes few pieces of many and brings indexes up to date; older versions go. */
  async compact(): Promise<void> {
    await this.table.optimize({cleanupOlderThan: new Date(), deleteUnverified: true});
  }

  /** Compacts many small pieces, indexes ids, and vectors if asked to, and records the fingerprint. */
  async finish(fingerprint: string, vectorIndex?: VectorMetric): Promise<void> {
    const {Index} = await import("@lancedb/lancedb");
    const {idColumn, embeddingColumn} = this.shape;
    const {fragmentStats, numRows, totalBytes} = await this.table.stats();
    if (fragmentStats.numFragments > piecesMax && totalBytes / fragmentStats.numFragments < pieceBytesMin) await this.compact();
    await this.table.updateFieldMetadata([{path: idColumn, metadata: {[fingerprintKey]: fingerprint}}]);
    await this.table.createIndex(idColumn, {config: Index.btree()});
    if (vectorIndex && numRows >= indexRowsMin) await this.table.createIndex(embeddingColumn, {config: Index.ivfPq({distanceType: vectorIndex})});
  }

  close(): void {
    this.table.close();
  }
}

async function makeSchema(shape: StoreShape): Promise<{arrow: typeof Arrow; schema: Arrow.Schema}> {
  const arrow = await import("apache-arrow");
  const value = shape.dtype === "float16" ? new arrow.Float16() : new arrow.Float32();
  const schema = new arrow.Schema([
    new arrow.Field(shape.idColumn, shape.idKind === "bigint" ? new arrow.Int64() : new arrow.Utf8(), false),
    new arrow.Field(shape.embeddingColumn, new arrow.FixedSizeList(shape.dimension, new arrow.Field("item", value, true)), false),
  ]);
  return {arrow, schema};
}
