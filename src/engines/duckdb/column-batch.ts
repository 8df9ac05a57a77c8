/** Columns of a query's result as typed arrays that the caller keeps, a chunk at a time. */
import {widthOfType} from "../raw-vectors.js";
import type {RawColumn} from "../raw-vectors.js";
import {fetchChunks} from "./column-view.js";
import type {DuckDbSession} from "./connection.js";
import {readRawColumn} from "./vectors.js";

type FixedValues = BigInt64Array | Int32Array | Float64Array | Float32Array | Uint8Array;

/** Values of one column. What stands where `isNull` is 1 means nothing. */
export type BatchColumn =
  /** BIGINT and TIMESTAMP (microseconds since 1970, UTC) in 64 bits, INTEGER and DATE (days since 1970) in 32, DOUBLE, FLOAT, BOOLEAN as 0 and 1. */
  | {readonly kind: "values"; readonly type: string; readonly values: FixedValues; readonly isNull: Uint8Array | undefined}
  | {readonly kind: "texts"; readonly type: string; readonly values: readonly (string | null)[]}
  /** The elements of row r are those from `offsets[r]` up to, not including, `offsets[r + 1]`. */
  | {readonly kind: "lists"; readonly type: string; readonly offsets: Int32Array; readonly isNull: Uint8Array | undefined; readonly elements: BatchColumn};

export interface ColumnBatch {
  readonly rowCount: number;
  readonly columns: Readonly<Record<string, BatchColumn>>;
}

/** Text passes value by value, everything else as whole vectors. */
export async function* readBatches(session: DuckDbSession, sql: string): AsyncGenerator<ColumnBatch> {
  const described = await session.describe(sql);
  const result = await session.stream(sql);
  for await (const chunk of fetchChunks(result)) {
    const {rowCount, chunk: raw} = chunk;
    const columns = described.map(({name, type}, index): [string, BatchColumn] => {
      if (widthOfType.has(type.replace(/\[\]$/, ""))) return [name, copyColumn(readRawColumn(raw, index, type), type, rowCount)];
      return [name, type.endsWith("[]") ? flattenTexts(chunk.getColumnValues(index), type) : {kind: "texts", type, values: chunk.getColumnValues(index).map(renderText)}];
    });
    yield {rowCount, columns: Object.fromEntries(columns)};
  }
}

const renderText = (value: unknown): string | null => (value === null ? null : (value as string | {toString(): string}).toString());

function copyColumn({data, validity, child}: RawColumn, type: string, rowCount: number): BatchColumn {
  const isNull = validity && readNulls(validity, rowCount);
  if (!child) return {kind: "values", type, values: viewOf(type, data.slice().buffer), isNull};
  const entries = new BigUint64Array(data.slice().buffer);
  const inner = copyColumn(child, type.slice(0, -2), child.rowCount);
  if (inner.kind !== "values") throw new Error("lists of lists are no columns of a dataset");
  // DuckDB's entries may overlap or leave gaps; ours follow one another.
  const offsets = new Int32Array(rowCount + 1);
  const starts = Int32Array.from({length: rowCount}, (_, row) => Number(entries[2 * row]));
  for (let row = 0; row < rowCount; row += 1) offsets[row + 1] = offsets[row]! + (isNull?.[row] === 1 ? 0 : Number(entries[2 * row + 1]));
  const total = offsets[rowCount]!;
  const values = new (inner.values.constructor as new (length: number) => FixedValues)(total);
  const innerNull = inner.isNull && new Uint8Array(total);
  for (let row = 0; row < rowCount; row += 1) {
    const [start, to, length] = [starts[row]!, offsets[row]!, offsets[row + 1]! - offsets[row]!];
    if (length === 0) continue;
    values.set(inner.values.subarray(start, start + length) as never, to);
    innerNull?.set(inner.isNull!.subarray(start, start + length), to);
  }
  return {kind: "lists", type, offsets, isNull, elements: {kind: "values", type: inner.type, values, isNull: innerNull}};
}

function readNulls(validity: Uint8Array, rowCount: number): Uint8Array {
  return Uint8Array.from({length: rowCount}, (_, row) => ((validity[row >> 3]! >> (row & 7)) & 1) ^ 1);
}

function viewOf(type: string, buffer: ArrayBuffer): FixedValues {
  switch (type) {
    case "BIGINT":
    case "TIMESTAMP":
      return new BigInt64Array(buffer);
    case "INTEGER":
    case "DATE":
      return new Int32Array(buffer);
    case "DOUBLE":
      return new Float64Array(buffer);
    case "FLOAT":
      return new Float32Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

function flattenTexts(lists: readonly unknown[], type: string): BatchColumn {
  const items = lists.map((list) => (list as {readonly items: readonly unknown[]} | null)?.items);
  const offsets = new Int32Array(items.length + 1);
  items.forEach((list, row) => (offsets[row + 1] = offsets[row]! + (list?.length ?? 0)));
  const isNull = items.includes(undefined) ? Uint8Array.from(items, (list) => (list === undefined ? 1 : 0)) : undefined;
  return {kind: "lists", type, offsets, isNull, elements: {kind: "texts", type: type.slice(0, -2), values: items.flatMap((list) => (list ?? []).map(renderText))}};
}
