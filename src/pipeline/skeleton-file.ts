/** Writes a file of rows: DuckDB all columns but the lists that we encode ourselves. */
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {readLimits} from "../engines/session-limits.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import {addLists} from "./list-columns.js";
import type {KeptLists, NarrowLists} from "./list-pages.js";
import {renderParquetOptions} from "./parquet-options.js";

/** What is known of a relation of rows, beside its columns. */
export interface MadeRows {
  /** Whether they come in the order of `__row`. */
  readonly isOrdered: boolean;
  /** Columns whose lists lie where other threads can read them. */
  readonly lists: KeptLists;
}

export interface RowsToWrite {
  readonly path: string;
  /** As SQL; it has `__row`, and the columns. */
  readonly relation: string;
  readonly columns: readonly string[];
  readonly made: MadeRows;
  /** Of the rows to write, by `__row`, and how many of them there are. */
  readonly first: number;
  readonly last: number;
  readonly rowCount: number;
  readonly rowGroupRows: number;
  readonly signal: AbortSignal;
}

/** Fewer lists than this are written sooner than our threads have started. */
const listsMin = 100_000;

export async function writeRows(session: DuckDbSession, {path, relation, columns, made, first, last, rowCount, rowGroupRows, signal}: RowsToWrite): Promise<void> {
  const lists = rowCount * made.lists.countIn(columns) < listsMin ? new Map<string, NarrowLists>() : made.lists.pick(columns);
  const copied = columns.filter((name) => !lists.has(name));
  const copy = async (to: string, names: string): Promise<void> =>
    session.run(`COPY (SELECT ${names} FROM ${relation} WHERE __row BETWEEN ${first} AND ${last}${made.isOrdered ? "" : " ORDER BY __row"}) TO ${quoteText(to)} ${renderParquetOptions(rowGroupRows)}`);
  if (lists.size === 0) return copy(path, quoteNames(columns));
  const inputPath = `${path}.scalars`;
  await copy(inputPath, `${quoteNames(copied)}, __row AS ${quoteName(rowColumn)}`);
  const rows = await readNumbers(session, {path: inputPath, first, last, rowCount});
  const {threadCount} = await readLimits(session);
  await addLists({inputPath, outputPath: path, rows, lists, order: columns, threadCount, signal});
}

/** A name that no column of a service has. */
const rowColumn = "__row";

/** The rows of a file by `__row`. Where a filter has dropped some, the file itself says which are left. */
async function readNumbers(session: DuckDbSession, {path, first, last, rowCount}: Pick<RowsToWrite, "path" | "first" | "last" | "rowCount">): Promise<Int32Array> {
  if (last - first + 1 === rowCount) return Int32Array.from({length: rowCount}, (_, at) => first + at);
  const rows = new Int32Array(rowCount);
  let at = 0;
  for await (const chunk of session.chunks(`SELECT CAST(${quoteName(rowColumn)} AS INTEGER) AS row FROM read_parquet(${quoteText(path)}) ORDER BY row`, ["INTEGER"])) {
    const {data} = chunk.columns[0]!;
    rows.set(new Int32Array(data.buffer, data.byteOffset, chunk.rowCount), at);
    at += chunk.rowCount;
  }
  return rows;
}
