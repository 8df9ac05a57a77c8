/** Pages of list columns, read from where an engine left the lists: plain work over shared memory, which any thread can do. */
import type {ListPart, ListStretches} from "../engines/aggregation-engine.js";
import {deltaLimit} from "./parquet-deltas.js";
import {renderListPage, type EncodedPage} from "./parquet-pages.js";
import type {Compress} from "./zstd.js";

/** Lists whose values are 32 bits in shared memory; of each `__row` as `ListStretches` tell. */
export interface NarrowLists extends Pick<ListStretches, "part" | "place"> {
  readonly parts: readonly (Pick<ListPart, "start" | "end"> & {readonly line: Int32Array; readonly extra: Int32Array})[];
}

/** Lists of an engine, of which the files of several days are made. */
export class KeptLists {
  private narrow: ReadonlyMap<string, NarrowLists> | undefined;

  constructor(private readonly columns: ReadonlyMap<string, ListStretches>) {}

  countIn(names: readonly string[]): number {
    return names.filter((name) => this.columns.has(name)).length;
  }

  /**
   * The columns whose values all lie between -2^30 and 2^30, so that their differences have 32 bits. Values are copied, once for all files:
   * lists of neighbouring rows lie far apart, and what they cost is the memory that is touched.
   */
  pick(names: readonly string[]): ReadonlyMap<string, NarrowLists> {
    this.narrow ??= narrowLists(this.columns);
    return new Map([...this.narrow].filter(([name]) => names.includes(name)));
  }
}

function narrowLists(columns: ReadonlyMap<string, ListStretches>): ReadonlyMap<string, NarrowLists> {
  const copies = new Map<BigInt64Array, Int32Array | undefined>();
  const copy = (values: BigInt64Array): Int32Array | undefined => {
    if (!copies.has(values)) copies.set(values, copyNarrow(values));
    return copies.get(values);
  };
  const narrow = new Map<string, NarrowLists>();
  for (const [name, {part, place, parts}] of columns) {
    const copied = parts.flatMap(({start, end, line, extra}) => {
      const [narrowLine, narrowExtra] = [copy(line), copy(extra)];
      return narrowLine && narrowExtra ? [{start, end, line: narrowLine, extra: narrowExtra}] : [];
    });
    if (copied.length === parts.length) narrow.set(name, {part, place, parts: copied});
  }
  return narrow;
}

function copyNarrow({buffer, byteOffset, length}: BigInt64Array): Int32Array | undefined {
  // As halves: while V8 has not optimised a loop yet, each BigInt that it reads is an object.
  const halves = new Int32Array(buffer, byteOffset, 2 * length);
  const copied = new Int32Array(new SharedArrayBuffer(4 * length));
  for (let at = 0; at < length; at += 1) {
    const low = halves[2 * at]!;
    if (low < -deltaLimit || low >= deltaLimit || halves[2 * at + 1] !== low >> 31) return undefined;
    copied[at] = low;
  }
  return copied;
}

export interface ListPageJob {
  /** Of the columns that the writer was made for. */
  readonly column: number;
  /** By `__row`, in the order of the file. */
  readonly rows: Int32Array;
}

export class ListPageWriter {
  /** @param compress of each column; undefined: its pages stay as they are */
  constructor(
    private readonly columns: readonly NarrowLists[],
    private readonly compress: readonly (Compress | undefined)[],
  ) {}

  render({column, rows}: ListPageJob): EncodedPage {
    const {part, place, parts} = this.columns[column]!;
    const offsets = new Int32Array(rows.length + 1);
    for (let at = 0; at < rows.length; at += 1) {
      const number = part[rows[at]!]!;
      if (number < 0) {
        offsets[at + 1] = offsets[at]!;
        continue;
      }
      const {start, end} = parts[number]!;
      const row = place[rows[at]!]!;
      offsets[at + 1] = offsets[at]! + Math.abs(end[row]! - start[row]!);
    }
    const values = new Int32Array(offsets[rows.length]!);
    for (let at = 0, to = 0; at < rows.length; at += 1) {
      const next = offsets[at + 1]!;
      if (to === next) continue;
      const {start, line, extra} = parts[part[rows[at]!]!]!;
      const from = start[place[rows[at]!]!]!;
      const source = from < 0 ? extra : line;
      for (let item = from < 0 ? ~from : from; to < next; to += 1, item += 1) values[to] = source[item]!;
    }
    return renderListPage({rowCount: rows.length, offsets, isNull: new Uint8Array(rows.length), values}, this.compress[column]);
  }
}
