/** Writes a file of rows: DuckDB all columns but those that we encode ourselves. */
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {readLimits} from "../engines/session-limits.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import type {PageColumn} from "./column-arena.js";
import type {ColumnWriter} from "./column-writer.js";
import type {KeptColumns} from "./kept-columns.js";
import type {ListLengths} from "./list-lengths.js";
import {renderParquetOptions} from "./parquet-options.js";

/** What is known of a relation of rows, beside its columns. */
export interface MadeRows {
  /** Whether they come in the order of `__row`. */
  readonly isOrdered: boolean;
  /** Columns whose values lie where an engine left them. */
  readonly kept: KeptColumns;
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
  readonly columnWriter: ColumnWriter;
  readonly signal: AbortSignal;
}

/** Fewer lists and numbers than this are written sooner than our threads have started. */
const valuesMin = 100_000;

/** Gives the lengths of those columns of lists that we encoded. */
export async function writeRows(session: DuckDbSession, {path, relation, columns, made, first, last, rowCount, rowGroupRows, columnWriter, signal}: RowsToWrite): Promise<ReadonlyMap<string, ListLengths>> {
  const isFew = rowCount * columns.filter((name) => made.kept.has(name)).length < valuesMin;
  const added = isFew ? new Map<string, PageColumn>() : await columnWriter.pick(made.kept, columns, await readLimits(session));
  const copied = columns.filter((name) => !added.has(name));
  const copy = async (to: string, names: string): Promise<void> =>
    session.run(`COPY (SELECT ${names} FROM ${relation} WHERE __row BETWEEN ${first} AND ${last}${made.isOrdered ? "" : " ORDER BY __row"}) TO ${quoteText(to)} ${renderParquetOptions(rowGroupRows)}`);
  if (added.size === 0) {
    await copy(path, quoteNames(columns));
    return new Map();
  }
  const inputPath = `${path}.scalars`;
  await copy(inputPath, `${quoteNames(copied)}, __row AS ${quoteName(rowColumn)}`);
  const rows = await readNumbers(session, {path: inputPath, first, last, rowCount});
  return columnWriter.add({inputPath, outputPath: path, rows, columns: added, order: columns, signal});
}

/** A name that no column of a service has. */
const rowColumn = "__row";

/** The rows of a file by `__row`. Where a filter has dropped some, the file itself says which are left. */
async function readNumbers(session: DuckDbSession, {path, first, last, rowCount}: Pick<RowsToWrite, "path" | "first" | "last" | "rowCount">): Promise<Int32Array> {
  const rows = new Int32Array(rowCount);
  if (last - first + 1 === rowCount) {
    for (let at = 0; at < rowCount; at += 1) rows[at] = first + at;
    return rows;
  }
  let at = 0;
  for await (const chunk of session.chunks(`SELECT CAST(${quoteName(rowColumn)} AS INTEGER) AS row FROM read_parquet(${quoteText(path)}) ORDER BY row`, ["INTEGER"])) {
    const {data} = chunk.columns[0]!;
    rows.set(new Int32Array(data.buffer, data.byteOffset, chunk.rowCount), at);
    at += chunk.rowCount;
  }
  return rows;
}
