/** The ids of a skeleton file's rows, as positions in their embedding stores. */
import {streamChunks, viewItems, viewList, viewText, type ListView} from "../engines/duckdb/column-view.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
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
