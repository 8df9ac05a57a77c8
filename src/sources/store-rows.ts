/** The ids of an embedding store and where their rows lie, read in one scan: what turns ids into rows without asking the store again. */
import {BigintIndex, TextIndex, type IdIndex} from "./id-index.js";

/** Row ids by position. They ascend, and most follow the one before: what is kept is where they do not. */
export class RowIds {
  private readonly positions: number[] = [];
  private readonly firsts: bigint[] = [];
  private length = 0;

  append(rowIds: BigUint64Array): void {
    for (let k = 0; k < rowIds.length; k++) {
      const rowId = rowIds[k]!;
      if (k === 0 ? this.length === 0 || this.get(this.length - 1) + 1n !== rowId : rowId !== rowIds[k - 1]! + 1n) {
        this.positions.push(this.length + k);
        this.firsts.push(rowId);
      }
    }
    this.length += rowIds.length;
  }

  get(position: number): bigint {
    let [low, high] = [0, this.positions.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.positions[middle]! <= position) low = middle;
      else high = middle - 1;
    }
    return this.firsts[low]! + BigInt(position - this.positions[low]!);
  }

  get isAscending(): boolean {
    return this.firsts.every((first, k) => k === 0 || first > this.firsts[k - 1]!);
  }

  /** The runs in ascending order, as ranges of the present positions; row ids take that order. */
  sort(): {readonly start: number; readonly end: number}[] {
    const runs = this.firsts.map((first, k) => ({first, start: this.positions[k]!, end: this.positions[k + 1] ?? this.length}));
    runs.sort((left, right) => (left.first < right.first ? -1 : 1));
    let position = 0;
    for (const [k, {first, start, end}] of runs.entries()) {
      this.positions[k] = position;
      this.firsts[k] = first;
      position += end - start;
    }
    return runs;
  }
}

export interface StoreRows {
  readonly index: IdIndex;
  readonly rowIds: RowIds;
}

/** Some rows of a scan, with their ids and `_rowid`. */
export interface IdBatch {
  readonly numRows: number;
  getChild(name: string): (Column & {readonly nullCount: number}) | null;
}

interface Column {
  toArray(): unknown;
  [Symbol.iterator](): Iterator<unknown>;
}

/** @throws Error in the words of a reader when the store is not what its metadata says */
export async function readStoreRows(
  batches: AsyncIterable<IdBatch>,
  ids: {readonly column: string; readonly kind: "bigint" | "text"; readonly rowCount: number},
): Promise<StoreRows> {
  const rowIds = new RowIds();
  const packed = ids.kind === "bigint" ? new PackedBigints(ids.rowCount) : new PackedStrings(ids.rowCount);
  let row = 0;
  for await (const batch of batches) {
    const column = batch.getChild(ids.column)!;
    if (column.nullCount > 0) throw new Error(`column "${ids.column}" holds NULL`);
    if (row + batch.numRows > ids.rowCount) throw new Error(`it has more than its ${ids.rowCount} rows`);
    rowIds.append(batch.getChild("_rowid")!.toArray() as BigUint64Array);
    packed.set(column, row);
    row += batch.numRows;
  }
  if (row !== ids.rowCount) throw new Error(`it has ${row} rows, not ${ids.rowCount}`);
  // Lance usually scans in the order of row ids, but does not promise to; vectors are read fastest in that order.
  if (!rowIds.isAscending) packed.reorder(rowIds.sort());
  return {index: packed.index(), rowIds};
}

type IntegerArray = BigInt64Array | Int32Array | Int16Array | Uint32Array | Uint16Array;
type Runs = readonly {readonly start: number; readonly end: number}[];

class PackedBigints {
  private ids: BigInt64Array;

  constructor(rowCount: number) {
    this.ids = new BigInt64Array(rowCount);
  }

  set(column: Column, row: number): void {
    const values = column.toArray() as IntegerArray;
    if (values instanceof BigInt64Array) this.ids.set(values, row);
    else for (let k = 0; k < values.length; k++) this.ids[row + k] = BigInt(values[k]!);
  }

  reorder(runs: Runs): void {
    const sorted = new BigInt64Array(this.ids.length);
    let next = 0;
    for (const {start, end} of runs) {
      sorted.set(this.ids.subarray(start, end), next);
      next += end - start;
    }
    this.ids = sorted;
  }

  index(): IdIndex {
    return new BigintIndex(this.ids);
  }
}

class PackedStrings {
  private bytes = Buffer.alloc(1 << 16);
  private starts: Uint32Array;

  constructor(rowCount: number) {
    this.starts = new Uint32Array(rowCount + 1);
  }

  set(column: Column, row: number): void {
    let next = row;
    for (const value of column) {
      const text = value as string;
      const start = this.starts[next]!;
      const end = start + Buffer.byteLength(text);
      if (end > 0xffff_ffff) throw new Error("its ids are longer than 4 GiB together");
      if (end > this.bytes.length) this.bytes = Buffer.concat([this.bytes], Math.max(end, Math.ceil(this.bytes.length * 1.5)));
      this.bytes.write(text, start, "utf8");
      this.starts[++next] = end;
    }
  }

  reorder(runs: Runs): void {
    const bytes = Buffer.alloc(this.starts.at(-1)!);
    const starts = new Uint32Array(this.starts.length);
    let next = 0;
    for (const {start, end} of runs) {
      bytes.set(this.bytes.subarray(this.starts[start], this.starts[end]), starts[next]);
      for (let k = start; k < end; k++, next++) starts[next + 1] = starts[next]! + this.starts[k + 1]! - this.starts[k]!;
    }
    this.bytes = bytes;
    this.starts = starts;
  }

  index(): IdIndex {
    return new TextIndex({bytes: this.bytes, starts: this.starts});
  }
}
