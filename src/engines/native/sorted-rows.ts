/** Puts the rows of a block in order. Feeds come nearly sorted by time, so that after counting keys there is mostly nothing left to sort. */
import {viewBytes} from "../raw-vectors.js";
import type {Field} from "./arrival-input.js";
import type {Stretches} from "./arrival-memory.js";
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
  readonly ts: number;
  /** By place. */
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
  const arrived = placeArrived(scratch, block);
  const [places, key, ts] = [scratch.reserve(4 * rowCount), scratch.reserve(4 * rowCount), scratch.reserve(8 * rowCount)];
  const rows = {...arrived, rowCount, places, key, ts};
  scratch.passing(() => {
    groupByKey(scratch, block, arrived, rows);
    kernels.setOrder(arrived.ts, scratch.pushInts(describeOrder(rows, order)), order.columns.length);
    kernels.mergeKeys(places, key, ts, rowCount, scratch.reserve(4 * rowCount), scratch.reserve(4 * (rowCount + 1)));
    if (order.tie !== undefined && kernels.hasTie(places, key, rowCount, scratch.pushInts(describeLists(rows, order.tie))) !== 0) throw new ValueTie();
  });
  return rows;
}

/** The block's rows side by side, in the order in which they came. */
function placeArrived(scratch: Scratch, {memory, stretches: rows, key, ts, flags, values}: ArrivedBlock): Omit<SortedRows, "places" | "rowCount"> {
  const bytes = new Uint8Array(memory);
  const push = ({starts, counts, count}: Stretches, {offset, width}: Field): number => {
    const at = scratch.reserve(width * count);
    const to = scratch.bytes(at, width * count);
    let used = 0;
    for (const [stretch, start] of starts.entries()) {
      const byteCount = width * counts[stretch]!;
      to.set(bytes.subarray(start + offset, start + offset + byteCount), used);
      used += byteCount;
    }
    return at;
  };
  return {
    key: push(rows, key),
    ts: push(rows, ts),
    flags: flags.map((field) => push(rows, field)),
    values: values.map(({field, elements}) => {
      const at = push(rows, field);
      if (!elements) return {width: field.width, at, lists: undefined};
      const starts = scratch.reserve(4 * (rows.count + 1));
      scratch.kernels.sumLengths(at, rows.count, starts);
      return {width: elements.values.width, at: push(elements.stretches, elements.values), lists: {starts, ends: starts + 4, present: push(elements.stretches, elements.present)}};
    }),
  };
}

function groupByKey(scratch: Scratch, {stretches, rowCount, firstKey, keyCount}: ArrivedBlock, arrived: {readonly key: number; readonly ts: number}, {places, key, ts}: Pick<SortedRows, "places" | "key" | "ts">): void {
  const {kernels} = scratch;
  const boundCount = stretches.counts.length;
  const bounds = scratch.reserve(4 * (boundCount + 1));
  kernels.sumLengths(scratch.push(viewBytes(stretches.counts)), boundCount, bounds);
  const runsMax = boundCount + Math.floor(rowCount / 16);
  const [runs, ends, spare, work] = [scratch.reserve(4 * runsMax), scratch.reserve(4 * rowCount), scratch.reserve(4 * runsMax), scratch.reserve(4 * (runsMax + 1))];
  const runCount = kernels.findRuns(arrived.ts, rowCount, bounds, boundCount, runs, runsMax, ends, spare, work);
  kernels.groupByKey(arrived.key, arrived.ts, rowCount, firstKey, keyCount, scratch.reserve(4 * (keyCount + 1)), runs, ends, runCount, places, key, ts);
}

/** As `setOrder` takes it. */
function describeOrder({flags, values}: Pick<SortedRows, "flags" | "values">, {columns}: RowOrder): number[] {
  return columns.flatMap(({column, flag}) => [values[column]!.at, values[column]!.width, flags[flag.word]!, flag.bit]);
}

/** As `hasTie` takes them. */
function describeLists({flags, values}: Pick<SortedRows, "flags" | "values">, {column, flag, isFloating}: NonNullable<RowOrder["tie"]>): number[] {
  const {width, at, lists} = values[column]!;
  return [at, width, isFloating ? 1 : 0, lists!.starts, lists!.ends, lists!.present, flags[flag.word]!, flag.bit];
}
