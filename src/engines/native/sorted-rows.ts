/** Puts the rows of a block in order. Feeds come nearly sorted by time, so that after counting keys there is mostly nothing left to sort. */
import {viewBytes} from "../raw-vectors.js";
import type {ArrivedBlock, RowOrder} from "./arrivals.js";
import type {Columns} from "./columns.js";
import type {Scratch} from "./scratch.js";
import {ValueTie} from "./tie-check.js";

/** Rows in a thread's memory, as addresses of their columns there. */
export interface SortedRows {
  readonly rowCount: number;
  /** By row, sorted by key and instant, where its flags and values lie in their columns. */
  readonly places: number;
  /** By row. */
  readonly key: number;
  /** By place. */
  readonly ts: number;
  readonly flags: readonly number[];
  readonly values: readonly PlacedColumn[];
}

export interface PlacedColumn {
  readonly width: number;
  /** Values by place; of lists the elements. */
  readonly at: number;
  /** Of lists: by place where its elements begin and end; by element a 1 where it is not NULL. */
  readonly lists: {readonly starts: number; readonly ends: number; readonly present: number} | undefined;
}

/** Copies rows that are sorted already. */
export function placeSorted(scratch: Scratch, {rowCount, key, ts, flags, values}: Columns): SortedRows {
  const places = scratch.reserve(4 * rowCount);
  const byRow = scratch.int32(places, rowCount);
  for (let row = 0; row < rowCount; row += 1) byRow[row] = row;
  const push = (column: Int32Array | Float64Array): number => scratch.push(viewBytes(column.subarray(0, rowCount)));
  return {
    rowCount,
    places,
    key: push(key),
    ts: push(ts),
    flags: flags.map(push),
    values: values.map(({width, bytes, lists}) => {
      if (!lists) return {width, at: scratch.push(new Uint8Array(bytes, 0, width * rowCount)), lists: undefined};
      const elementCount = lists.ends[rowCount - 1] ?? 0;
      return {width, at: scratch.push(new Uint8Array(bytes, 0, width * elementCount)), lists: {starts: push(lists.starts), ends: push(lists.ends), present: scratch.push(lists.present.subarray(0, elementCount))}};
    }),
  };
}

/** Copies and sorts by key, instant and the block's order. @throws ValueTie when the order of two rows is up to their values */
export function sortArrived(scratch: Scratch, block: ArrivedBlock): SortedRows {
  const {kernels} = scratch;
  const {rowCount, order} = block;
  const placed = placeArrived(scratch, block);
  const [places, key] = [scratch.reserve(4 * rowCount), scratch.reserve(4 * rowCount)];
  const rows = {...placed, rowCount, places, key};
  scratch.passing(() => {
    groupByKey(scratch, block, {...rows, arrivedKey: placed.key});
    kernels.setOrder(rows.ts, scratch.push(viewBytes(describeOrder(rows, order))), order.columns.length);
    kernels.mergeKeys(places, key, rowCount, scratch.reserve(4 * rowCount), scratch.reserve(4 * (rowCount + 1)));
    if (order.tie !== undefined && kernels.hasTie(places, key, rowCount, rows.values[order.tie]!.at) !== 0) throw new ValueTie();
  });
  return rows;
}

/** The block's rows side by side, in the order in which they came. */
function placeArrived(scratch: Scratch, {columns, stretches, partRows, rowCount}: ArrivedBlock): Omit<SortedRows, "places" | "rowCount"> {
  const push = (buffer: ArrayBufferLike, width: number): number => {
    const at = scratch.reserve(width * rowCount);
    const to = scratch.bytes(at, width * rowCount);
    const bytes = new Uint8Array(buffer);
    for (let stretch = 0, used = 0; stretch < stretches.length; stretch += 2) {
      const [start, end] = [width * stretches[stretch]!, width * stretches[stretch + 1]!];
      to.set(bytes.subarray(start, end), used);
      used += end - start;
    }
    return at;
  };
  return {
    key: push(columns.key.buffer, 4),
    ts: push(columns.ts.buffer, 8),
    flags: columns.flags.map(({buffer}) => push(buffer, 4)),
    values: columns.values.map(({width, bytes, lists}) => {
      if (!lists) return {width, at: push(bytes, width), lists: undefined};
      const [starts, ends] = [push(lists.starts.buffer, 4), push(lists.ends.buffer, 4)];
      let [row, elementCount] = [0, 0];
      for (const [part, {present}] of lists.parts.entries()) {
        for (const bound of [starts, ends]) scratch.kernels.shift(bound + 4 * row, partRows[part]!, elementCount);
        row += partRows[part]!;
        elementCount += present.length;
      }
      const joined = {at: scratch.reserve(width * elementCount), present: scratch.reserve(elementCount)};
      let used = 0;
      for (const {data, present} of lists.parts) {
        scratch.bytes(joined.at + width * used, data.length).set(data);
        scratch.bytes(joined.present + used, present.length).set(present);
        used += present.length;
      }
      return {width, at: joined.at, lists: {starts, ends, present: joined.present}};
    }),
  };
}

function groupByKey(scratch: Scratch, block: ArrivedBlock, rows: Pick<SortedRows, "places" | "key" | "ts"> & {readonly arrivedKey: number}): void {
  const {rowCount, firstKey, keyCount} = block;
  const runs = Int32Array.from(orderRuns(scratch, block, rows.ts).flat());
  scratch.kernels.groupByKey(rows.arrivedKey, rowCount, firstKey, keyCount, scratch.reserve(4 * (keyCount + 1)), scratch.push(viewBytes(runs)), runs.length / 2, rows.places, rows.key);
}

type Run = readonly [from: number, to: number];

/** A source that is sorted by time arrives in some long runs, mixed by the threads that read it: here they follow each other again. */
function orderRuns(scratch: Scratch, {stretches, rowCount}: ArrivedBlock, ts: number): readonly Run[] {
  const bounds: number[] = [];
  for (let at = 0, place = 0; at < stretches.length; at += 2) {
    bounds.push(place);
    place += stretches[at + 1]! - stretches[at]!;
  }
  const runsMax = bounds.length + Math.floor(rowCount / 32);
  const found = scratch.reserve(4 * runsMax);
  const count = scratch.kernels.findRuns(ts, rowCount, scratch.push(viewBytes(Int32Array.from(bounds))), bounds.length, found, runsMax);
  if (count < 0) return [[0, rowCount]];
  const starts = [...scratch.int32(found, count), rowCount];
  const instants = scratch.float64(ts, rowCount);
  return starts.slice(0, -1).map((from, at): Run => [from, starts[at + 1]!]).sort(([a], [b]) => instants[a]! - instants[b]!);
}

/** As `setOrder` takes it. */
function describeOrder({flags, values}: Pick<SortedRows, "flags" | "values">, {columns}: RowOrder): Int32Array {
  return Int32Array.from(columns.flatMap(({column, flag}) => [values[column]!.at, values[column]!.width, flags[flag.word]!, flag.bit]));
}
