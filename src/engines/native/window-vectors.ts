/** Results of many jobs, which lie by key and instant, as vectors of rows that are asked for by `__row`. */
import {chunkRows, viewHalves, widthOf, type WrittenColumn} from "../raw-vectors.js";
import type {KeptColumn, ListPart} from "../aggregation-engine.js";
import {countBytes} from "./shared-garbage.js";
import type {WindowResult} from "./window-values.js";

/** A result for each window. */
export type JobResults = readonly WindowResult[];

/** What a row gets that no job computed: its key is NULL. */
export interface ResultColumn {
  readonly type: string;
  readonly isNullWithoutValue: boolean;
}

/** Where the result of a row lies. */
export class Locations {
  readonly job: Int32Array;
  readonly place: Int32Array;

  constructor(rowCount: number) {
    this.job = new Int32Array(new SharedArrayBuffer(4 * rowCount)).fill(-1);
    this.place = new Int32Array(new SharedArrayBuffer(4 * rowCount));
  }
}

type ScalarResult = Extract<WindowResult, {kind: "scalar"}>;

interface ScalarHalves {
  readonly halves: Int32Array;
  readonly isPresent: Uint8Array | undefined;
}

const toHalves = ({bits, isPresent}: ScalarResult): ScalarHalves => ({halves: viewHalves(bits), isPresent});

/** Buffers are used again for the next vector: DuckDB has copied them by then. */
export class WindowVectors {
  private readonly buffers: {data: ArrayBuffer; readonly entries: ArrayBuffer; readonly validity: ArrayBuffer}[];
  /** Of each list column the results of all jobs. */
  private readonly lists: readonly (readonly ListPart[])[];
  /** Of each other column the results of all jobs, as halves: each BigInt would be an object. */
  private readonly scalars: readonly (readonly ScalarHalves[])[];
  /** Places of the rows that are read, from the first of all. */
  private readonly places = new Int32Array(chunkRows);

  constructor(
    private readonly columns: readonly ResultColumn[],
    private readonly jobs: readonly JobResults[],
    private readonly locations: Locations,
    /** `__row` of the first row. */
    private readonly firstRow: number,
  ) {
    this.lists = columns.map(({type}, at) => (type.endsWith("[]") ? jobs.map((results) => results[at] as ListPart & WindowResult) : []));
    this.scalars = columns.map(({type}, at) => (type.endsWith("[]") ? [] : jobs.map((results) => toHalves(results[at] as ScalarResult))));
    this.buffers = columns.map(() => ({data: new ArrayBuffer(8 * chunkRows), entries: new ArrayBuffer(16 * chunkRows), validity: new ArrayBuffer(chunkRows / 8)}));
  }

  /** Bytes that results hold: stretches of a line are in it once. */
  get byteLength(): number {
    return 8 * this.locations.job.length + countBytes(this.jobs.flat());
  }

  /** Where the values of a column lie, unless they are lists of another type than BIGINT. */
  kept(column: number): KeptColumn | undefined {
    const {type, isNullWithoutValue} = this.columns[column]!;
    const {job: part, place} = this.locations;
    if (type === "BIGINT[]") return {kind: "lists", part, place, parts: this.lists[column]!};
    if (type.endsWith("[]")) return undefined;
    const parts = this.jobs.map((results) => results[column] as ScalarResult);
    return {kind: "numbers", type, part, place, withoutPart: isNullWithoutValue ? "null" : "zero", parts};
  }

  /** One column of any rows, at most `chunkRows`. */
  read(column: number, rows: BigInt64Array): WrittenColumn {
    const halves = viewHalves(rows);
    for (let at = 0; at < rows.length; at += 1) this.places[at] = halves[2 * at]! - this.firstRow;
    return this.columns[column]!.type.endsWith("[]") ? this.readLists(column, rows.length) : this.readScalars(column, rows.length);
  }

  private readScalars(column: number, rowCount: number): WrittenColumn {
    const {type, isNullWithoutValue} = this.columns[column]!;
    const {data, validity} = this.buffers[column]!;
    const width = widthOf(type);
    const scalars = this.scalars[column]!;
    const {job: jobs, place: placesInJobs} = this.locations;
    const items = width === 1 ? new Uint8Array(data) : new Int32Array(data);
    const valid = new Uint8Array(validity).fill(0);
    for (let at = 0; at < rowCount; at += 1) {
      const row = this.places[at]!;
      const scalar = scalars[jobs[row]!];
      const place = placesInJobs[row]!;
      const isPresent = scalar ? scalar.isPresent === undefined || scalar.isPresent[place] !== 0 : !isNullWithoutValue;
      if (isPresent) valid[at >> 3]! |= 1 << (at & 7);
      const low = scalar && isPresent ? scalar.halves[2 * place]! : 0;
      if (width < 8) {
        items[at] = low;
        continue;
      }
      items[2 * at] = low;
      items[2 * at + 1] = scalar && isPresent ? scalar.halves[2 * place + 1]! : 0;
    }
    return {data, bytes: rowCount * width, validity: isNullWithoutValue ? validity : undefined, child: undefined};
  }

  private readLists(column: number, rowCount: number): WrittenColumn {
    const buffers = this.buffers[column]!;
    const width = widthOf(this.columns[column]!.type);
    const lists = this.lists[column]!;
    const {job: jobs, place: places} = this.locations;
    const entries = new Uint32Array(buffers.entries).fill(0);
    let total = 0;
    for (let at = 0; at < rowCount; at += 1) {
      const row = this.places[at]!;
      const job = jobs[row]!;
      entries[4 * at] = total;
      if (job < 0) continue;
      const {start, end} = lists[job]!;
      const place = places[row]!;
      const length = Math.abs(end[place]! - start[place]!);
      entries[4 * at + 2] = length;
      total += length;
    }
    if (buffers.data.byteLength < total * width) buffers.data = new ArrayBuffer(2 * total * width);
    const wide = new BigInt64Array(buffers.data, 0, Math.floor(buffers.data.byteLength / 8));
    const narrow = width === 4 ? new Int32Array(buffers.data) : new Uint8Array(buffers.data);
    for (let at = 0; at < rowCount; at += 1) {
      const length = entries[4 * at + 2]!;
      if (length === 0) continue;
      const row = this.places[at]!;
      const {start, line, extra} = lists[jobs[row]!]!;
      const begin = start[places[row]!]!;
      const values = begin < 0 ? extra : line;
      const from = begin < 0 ? ~begin : begin;
      const to = entries[4 * at]!;
      if (width === 8) for (let item = 0; item < length; item += 1) wide[to + item] = values[from + item]!;
      else copyLowHalves({values, from, length}, narrow, to);
    }
    return {data: buffers.entries, bytes: 16 * rowCount, validity: undefined, child: {data: buffers.data, bytes: total * width, rowCount: total}};
  }
}

/** What is narrower than 64 bits travels in their low half. */
function copyLowHalves({values, from, length}: {readonly values: BigInt64Array; readonly from: number; readonly length: number}, target: Int32Array | Uint8Array, to: number): void {
  const halves = new Int32Array(values.buffer, values.byteOffset + 8 * from, 2 * length);
  for (let item = 0; item < length; item += 1) target[to + item] = halves[2 * item]!;
}
