/** The ids of a skeleton file's rows, as positions in their embedding stores. */
import {streamChunks, viewItems, viewList, viewText, type ListView} from "../engines/duckdb/column-view.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {decayWeight} from "../engines/decay-weight.js";
import {DaedalusError, type Place} from "../errors.js";
import type {IdIndex} from "../sources/id-index.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {reasonOf} from "./failure.js";

export interface IdColumn {
  readonly isList: boolean;
  /** The ids of row r are `positions[offsets[r] .. offsets[r + 1])`; a scalar column has one a row. */
  readonly offsets: Int32Array;
  /** -1 for an id that is NULL or unknown. */
  readonly positions: Int32Array;
}

export interface IdColumnRequest {
  readonly column: string;
  readonly store: string;
  readonly index: IdIndex;
}

/** Rows of one result chunk; chunks may come in any order when several threads scan. */
interface Piece {
  readonly rowStart: number;
  readonly rowCount: number;
  /** One for each requested column: lengths of the rows, and all positions. */
  readonly columns: readonly {readonly lengths: Int32Array; readonly positions: Int32Array}[];
}

/** Reads nothing but the requested columns. The result is in the order of the file and of the requests. */
export async function readIdColumns(
  session: DuckDbSession,
  file: {readonly path: string; readonly rowCount: number},
  requests: readonly IdColumnRequest[],
  signal?: AbortSignal,
): Promise<IdColumn[]> {
  if (requests.length === 0) return [];
  const relation = `read_parquet(${quoteText(file.path)}, file_row_number = true, hive_partitioning = false)`;
  const isList = await describeColumns(session, file.path, relation, requests);
  const casts = requests.map(({column, index}, k) => `CAST(${quoteName(column)} AS ${sqlType(index)}${isList[k] ? "[]" : ""})`);
  const pieces: Piece[] = [];
  try {
    const result = await session.stream(`SELECT file_row_number, ${casts.join(", ")} FROM ${relation}`);
    for await (const {rowCount, columns} of streamChunks(result)) {
      signal?.throwIfAborted();
      const numbers = viewItems(columns[0], BigInt64Array).items;
      const rowStart = Number(numbers[0]);
      if (Number(numbers[rowCount - 1]) !== rowStart + rowCount - 1) throw new Error("a chunk does not hold consecutive rows");
      pieces.push({rowStart, rowCount, columns: requests.map(({index}, k) => findPositions(columns[k + 1], index, {isList: isList[k]!, rowCount}))});
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw DaedalusError.of("file-unreadable", {path: file.path, reason: reasonOf(error)}, {cause: error});
  }
  pieces.sort((left, right) => left.rowStart - right.rowStart);
  return requests.map((_, k) => joinPieces(pieces, k, {isList: isList[k]!, rowCount: file.rowCount}));
}

const sqlType = (index: IdIndex): string => (index.kind === "bigint" ? "BIGINT" : "VARCHAR");

/** Which of the columns are lists; one whose type cannot be an id of its store is an error. */
async function describeColumns(session: DuckDbSession, path: string, relation: string, requests: readonly IdColumnRequest[]): Promise<boolean[]> {
  let types: ReadonlyMap<string, string>;
  try {
    types = new Map((await session.describe(`SELECT * FROM ${relation}`)).map(({name, type}) => [name, type]));
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: reasonOf(error)}, {cause: error});
  }
  return requests.map(({column, store, index}) => {
    const type = types.get(column);
    if (type === undefined) throw DaedalusError.of("parquet-column-missing", {path, column, columns: [...types.keys()]});
    const element = /^(.+?)(\[\])?$/.exec(type)![1]!;
    const isFitting = index.kind === "bigint" ? /^(U?(TINYINT|SMALLINT|INTEGER)|BIGINT)$/.test(element) : element === "VARCHAR" || element === "UUID";
    if (!isFitting) throw DaedalusError.of("enrich-id-type", {column, store, found: type, expected: index.kind === "bigint" ? "integers" : "text"});
    return type.endsWith("[]");
  });
}

function findPositions(vector: unknown, index: IdIndex, shape: {readonly isList: boolean; readonly rowCount: number}): {lengths: Int32Array; positions: Int32Array} {
  const list = shape.isList ? viewList(vector) : undefined;
  const find = finder(list ? list.child : vector, index);
  const lengths = new Int32Array(shape.rowCount).fill(1);
  if (!list) return {lengths, positions: Int32Array.from(lengths, (_, row) => find(row))};
  for (let row = 0; row < shape.rowCount; row++) lengths[row] = list.validity.isValid(row) ? list.length(row) : 0;
  return {lengths, positions: findInLists(list, lengths, find)};
}

function findInLists(list: ListView, lengths: Int32Array, find: (item: number) => number): Int32Array {
  const positions = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let next = 0;
  for (const [row, length] of lengths.entries()) {
    const start = list.offset(row);
    for (let k = 0; k < length; k++) positions[next++] = find(start + k);
  }
  return positions;
}

/** Item of a column -> position in the store. */
function finder(vector: unknown, index: IdIndex): (item: number) => number {
  if (index.kind === "text") {
    const {get} = viewText(vector);
    return (item) => {
      const id = get(item);
      return id === null ? -1 : index.find(id);
    };
  }
  const {items, validity} = viewItems(vector, BigInt64Array);
  const words = new Int32Array(items.buffer, items.byteOffset, items.length * 2);
  return (item) => (validity.isValid(item) ? index.find(words[item * 2]!, words[item * 2 + 1]!) : -1);
}

function joinPieces(pieces: readonly Piece[], column: number, shape: {readonly isList: boolean; readonly rowCount: number}): IdColumn {
  const parts = pieces.map((piece) => piece.columns[column]!);
  const offsets = new Int32Array(shape.rowCount + 1);
  const positions = new Int32Array(parts.reduce((sum, part) => sum + part.positions.length, 0));
  let row = 0;
  let next = 0;
  for (const [k, {lengths, positions: found}] of parts.entries()) {
    if (pieces[k]!.rowStart !== row) throw new Error(`row ${row} of the file was not read`);
    for (const length of lengths) {
      offsets[row + 1] = offsets[row]! + length;
      row++;
    }
    positions.set(found, next);
    next += found.length;
  }
  if (row !== shape.rowCount) throw new Error(`${row} of ${shape.rowCount} rows were read`);
  return {isList: shape.isList, offsets, positions};
}

/** Up to three ids of one row, as text. */
export async function readRowIds(session: DuckDbSession, path: string, column: string, row: number): Promise<string[]> {
  const relation = `read_parquet(${quoteText(path)}, file_row_number = true, hive_partitioning = false)`;
  const [found] = await session.rows(`SELECT CAST(${quoteName(column)} AS VARCHAR) AS ids FROM ${relation} WHERE file_row_number = ${row}`);
  const ids = (found?.["ids"] as string | null) ?? "";
  return ids.replace(/^\[|\]$/g, "").split(", ").filter((id) => id !== "").slice(0, 3);
}

export interface WeightRequest {
  readonly sourceColumn: string;
  readonly ids: IdColumn;
  /** A list of instants, one for each id. */
  readonly timeColumn: string;
  readonly rowTimeColumn: string;
  readonly halfLifeUs: number;
  readonly place: Place | undefined;
}

/**
 * For each id how much it still weighs at the row's instant, rounded to 32 bits. An id without an instant weighs nothing.
 * @throws DaedalusError when a row has another number of instants than of ids, or an instant after its own: that would be the future
 */
export async function readWeights(session: DuckDbSession, path: string, request: WeightRequest): Promise<Float32Array> {
  const {ids, timeColumn, rowTimeColumn, halfLifeUs, place} = request;
  const instant = (sql: string): string => `epoch_us(CAST(${sql} AS TIMESTAMP))`;
  const relation = `read_parquet(${quoteText(path)}, file_row_number = true, hive_partitioning = false)`;
  const types = new Map((await session.describe(`SELECT * FROM ${relation}`)).map(({name, type}) => [name, type]));
  for (const [column, pattern, expected] of [[timeColumn, /^TIMESTAMP.*\[\]$/, "a list of TIMESTAMP"], [rowTimeColumn, /^TIMESTAMP[^[]*$/, "a TIMESTAMP"]] as const) {
    const found = types.get(column);
    if (found === undefined) throw DaedalusError.of("parquet-column-missing", {path, column, columns: [...types.keys()]});
    if (!pattern.test(found)) throw DaedalusError.of("enrich-time-type", {column, found, expected}, {place});
  }
  const weights = new Float32Array(ids.positions.length);
  const times = `list_transform(${quoteName(timeColumn)}, lambda moment: ${instant("moment")})`;
  const result = await session.stream(`SELECT file_row_number, ${instant(quoteName(rowTimeColumn))}, ${times} FROM ${relation}`);
  for await (const {rowCount, columns} of streamChunks(result)) {
    const numbers = viewItems(columns[0], BigInt64Array).items;
    const rowTimes = viewItems(columns[1], BigInt64Array);
    const lists = viewList(columns[2]);
    const {items, validity} = viewItems(lists.child, BigInt64Array);
    for (let r = 0; r < rowCount; r++) {
      const row = Number(numbers[r]);
      const [start, end] = [ids.offsets[row]!, ids.offsets[row + 1]!];
      const timeCount = lists.validity.isValid(r) ? lists.length(r) : 0;
      if (timeCount !== end - start) {
        throw DaedalusError.of("enrich-times", {column: timeColumn, sourceColumn: request.sourceColumn, file: path, row, idCount: end - start, timeCount}, {place});
      }
      const first = lists.offset(r);
      for (let k = 0; k < timeCount; k++) {
        if (!validity.isValid(first + k) || !rowTimes.validity.isValid(r)) continue;
        const ageUs = Number(rowTimes.items[r]! - items[first + k]!);
        if (ageUs < 0) throw DaedalusError.of("enrich-time-ahead", {column: timeColumn, file: path, row}, {place});
        weights[start + k] = decayWeight(ageUs, halfLifeUs);
      }
    }
  }
  return weights;
}
