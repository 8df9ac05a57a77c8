/**
 * Results that have no room in memory, in a file. They are made by key and read in the order of `__row`, so rows are put into buckets of neighbours:
 * a run of results is written bucket by bucket, and a bucket, whose rows have their results in all runs, is read as a whole when one of them is asked for.
 */
import {randomUUID} from "node:crypto";
import {closeSync, openSync, readSync, rmSync, writeSync} from "node:fs";
import {join} from "node:path";
import type {ListPart} from "../aggregation-engine.js";
import {chunkRows, viewBytes, viewHalves, type WrittenColumn} from "../raw-vectors.js";
import type {WindowResult} from "./window-values.js";
import {Locations, WindowVectors, type JobResults, type ResultColumn} from "./window-vectors.js";

/** A job's results and the `__row` of each of its rows. */
export interface ComputedRows {
  readonly rows: Int32Array;
  readonly results: readonly WindowResult[];
}

export interface SpillOptions {
  readonly columns: readonly ResultColumn[];
  readonly rowCount: number;
  /** Rows of a bucket: a multiple of `chunkRows`. */
  readonly bucketRows: number;
  /** Buckets that are kept after they were read. */
  readonly bucketsMax: number;
  readonly directory: string;
}

/** Rows of a run, bucket by bucket: whose job, and the place there. */
interface OrderedRun {
  readonly row: Int32Array;
  readonly job: Int32Array;
  readonly place: Int32Array;
  /** Where each bucket ends. */
  readonly ends: Int32Array;
}

interface Bucket {
  readonly locations: Pick<Locations, "job" | "place">;
  /** Of each column that was asked for. */
  readonly columns: ({readonly jobs: readonly JobResults[]; readonly vectors: WindowVectors} | undefined)[];
}

export class SpilledResults {
  private readonly path: string;
  private readonly bucketCount: number;
  /** Of each run where the parts of its buckets begin, each of its rows and of its columns, and where the last ends. */
  private readonly runs: Float64Array[] = [];
  private byteCount = 0;
  /** The one that was used last is last. */
  private readonly buckets = new Map<number, Bucket>();

  constructor(private readonly options: SpillOptions) {
    this.path = join(options.directory, `results-${randomUUID()}`);
    this.bucketCount = Math.ceil(options.rowCount / options.bucketRows);
  }

  write(jobs: readonly ComputedRows[]): void {
    const run = this.orderRun(jobs);
    const writers = this.options.columns.map(({type}, column) => (type.endsWith("[]") ? listWriter(jobs, column) : scalarWriter(jobs, column)));
    const starts = new Float64Array(this.bucketCount * (writers.length + 1) + 1);
    const file = openSync(this.path, "a");
    try {
      let part = 0;
      const append = (bytes: Uint8Array): void => {
        starts[part] = this.byteCount;
        part += 1;
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
        this.byteCount += bytes.length;
      };
      let from = 0;
      for (const to of run.ends) {
        append(viewBytes(run.row.subarray(from, to)));
        for (const render of writers) append(render(run, from, to));
        from = to;
      }
      starts[part] = this.byteCount;
    } finally {
      closeSync(file);
    }
    this.runs.push(starts);
  }

  remove(): void {
    rmSync(this.path, {force: true});
  }

  /** One column of any rows, at most `chunkRows`; rows in order are read fast. */
  read(column: number, rows: BigInt64Array): WrittenColumn {
    const {bucketRows} = this.options;
    const numbers = Int32Array.from(rows, Number);
    const buckets = [...new Set(numbers.map((row) => Math.floor(row / bucketRows)))];
    if (buckets.length === 1) return this.readBucket(buckets[0]!, column).vectors.read(0, rows);
    // Rows of several buckets: as if these had one set of jobs.
    const locations = new Locations(rows.length);
    const jobs: JobResults[] = [];
    for (const bucket of buckets) {
      const {jobs: own} = this.readBucket(bucket, column);
      const found = this.buckets.get(bucket)!.locations;
      numbers.forEach((row, at) => {
        const place = row - bucket * bucketRows;
        if (Math.floor(row / bucketRows) !== bucket || found.job[place]! < 0) return;
        locations.job[at] = jobs.length + found.job[place]!;
        locations.place[at] = found.place[place]!;
      });
      jobs.push(...own);
    }
    return new WindowVectors([this.options.columns[column]!], jobs, locations, 0).read(0, BigInt64Array.from(numbers.keys(), BigInt));
  }

  private orderRun(jobs: readonly ComputedRows[]): OrderedRun {
    const {bucketRows} = this.options;
    const next = new Int32Array(this.bucketCount + 1);
    for (const {rows} of jobs) for (let at = 0; at < rows.length; at += 1) next[Math.floor(rows[at]! / bucketRows) + 1]! += 1;
    for (let bucket = 0; bucket < this.bucketCount; bucket += 1) next[bucket + 1]! += next[bucket]!;
    const rowCount = next[this.bucketCount]!;
    const ordered = {row: new Int32Array(rowCount), job: new Int32Array(rowCount), place: new Int32Array(rowCount), ends: next.subarray(0, this.bucketCount)};
    for (const [job, {rows}] of jobs.entries()) {
      for (let at = 0; at < rows.length; at += 1) {
        const to = next[Math.floor(rows[at]! / bucketRows)]!++;
        ordered.row[to] = rows[at]!;
        ordered.job[to] = job;
        ordered.place[to] = at;
      }
    }
    return ordered;
  }

  private readBucket(number: number, column: number): NonNullable<Bucket["columns"][number]> {
    const bucket = this.buckets.get(number) ?? {locations: this.readLocations(number), columns: []};
    this.buckets.delete(number);
    this.buckets.set(number, bucket);
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= this.options.bucketsMax) break;
      this.buckets.delete(oldest);
    }
    const described = this.options.columns[column]!;
    const parse = described.type.endsWith("[]") ? parseLists : parseScalars;
    const read = (): NonNullable<Bucket["columns"][number]> => {
      const jobs = this.readParts(number, column + 1).map((bytes) => [parse(bytes)]);
      return {jobs, vectors: new WindowVectors([described], jobs, bucket.locations, number * this.options.bucketRows)};
    };
    return (bucket.columns[column] ??= read());
  }

  private readLocations(bucket: number): Bucket["locations"] {
    const {rowCount, bucketRows} = this.options;
    const first = bucket * bucketRows;
    const length = Math.min(bucketRows, rowCount - first);
    const locations = {job: new Int32Array(length).fill(-1), place: new Int32Array(length)};
    for (const [run, bytes] of this.readParts(bucket, 0).entries()) {
      new Int32Array(bytes).forEach((row, place) => {
        locations.job[row - first] = run;
        locations.place[row - first] = place;
      });
    }
    return locations;
  }

  /** One part of a bucket, of each run. */
  private readParts(bucket: number, part: number): ArrayBuffer[] {
    const file = openSync(this.path, "r");
    try {
      return this.runs.map((starts) => {
        const at = bucket * (this.options.columns.length + 1) + part;
        const bytes = new Uint8Array(starts[at + 1]! - starts[at]!);
        for (let done = 0; done < bytes.length; ) {
          const count = readSync(file, bytes, done, bytes.length - done, starts[at]! + done);
          if (count === 0) throw new Error(`${this.path} is shorter than what was written to it`);
          done += count;
        }
        return bytes.buffer;
      });
    } finally {
      closeSync(file);
    }
  }
}

/** How many rows of a bucket have room, so many buckets being in memory at a time. */
export function fitBucketRows({columns, jobs, bytesMax, bucketsMax}: {readonly columns: readonly ResultColumn[]; readonly jobs: readonly ComputedRows[]; readonly bytesMax: number; readonly bucketsMax: number}): number {
  let [bytes, rowCount] = [0, 0];
  for (const {rows, results} of jobs) {
    rowCount += rows.length;
    bytes += rows.length * (8 + 16 * columns.length);
    for (const result of results) if (result.kind === "list") for (let at = 0; at < rows.length; at += 1) bytes += 8 * Math.abs(result.end[at]! - result.start[at]!);
  }
  const fit = Math.floor((bytesMax / bucketsMax) * (rowCount / Math.max(1, bytes)));
  // Half a row group of DuckDB's tables, which its threads take one at a time.
  return Math.max(1, Math.min(30, Math.floor(fit / chunkRows))) * chunkRows;
}

type Render = (run: OrderedRun, from: number, to: number) => Uint8Array;

/** 64 bits a row, then a byte for each that tells whether there is a value. */
function scalarWriter(jobs: readonly ComputedRows[], column: number): Render {
  const scalars = jobs.map(({results}) => results[column] as Extract<WindowResult, {kind: "scalar"}>);
  const all = scalars.map(({bits}) => viewHalves(bits));
  return ({job, place}, from, to) => {
    const bytes = new ArrayBuffer(9 * (to - from));
    const [halves, present] = [new Int32Array(bytes, 0, 2 * (to - from)), new Uint8Array(bytes, 8 * (to - from))];
    for (let at = from; at < to; at += 1) {
      const [source, row] = [all[job[at]!]!, place[at]!];
      halves[2 * (at - from)] = source[2 * row]!;
      halves[2 * (at - from) + 1] = source[2 * row + 1]!;
      present[at - from] = scalars[job[at]!]!.isPresent?.[row] ?? 1;
    }
    return new Uint8Array(bytes);
  };
}

function parseScalars(bytes: ArrayBuffer): WindowResult {
  const rowCount = bytes.byteLength / 9;
  return {kind: "scalar", bits: new BigInt64Array(bytes, 0, rowCount), isPresent: new Uint8Array(bytes, 8 * rowCount)};
}

/** Rows and 4 or 8 bytes a value, the length of each list, filled up to 8 bytes, and all values, narrow where all of them are. */
function listWriter(jobs: readonly ComputedRows[], column: number): Render {
  const lists = jobs.map(({results}) => {
    const {start, end, line, extra} = results[column] as ListPart & WindowResult;
    return {start, end, line: viewHalves(line), extra: viewHalves(extra)};
  });
  return ({job, place}, from, to) => {
    const lengths = new Int32Array(2 + evenUp(to - from));
    lengths[0] = to - from;
    let total = 0;
    for (let at = from; at < to; at += 1) {
      const {start, end} = lists[job[at]!]!;
      const length = Math.abs(end[place[at]!]! - start[place[at]!]!);
      lengths[2 + at - from] = length;
      total += length;
    }
    const render = (width: 4 | 8): Uint8Array | undefined => {
      const rendered = new Int32Array(lengths.length + (total * width) / 4);
      lengths[1] = width;
      rendered.set(lengths);
      for (let at = from, next = lengths.length; at < to; at += 1) {
        const {start, line, extra} = lists[job[at]!]!;
        const begin = start[place[at]!]!;
        const values = begin < 0 ? extra : line;
        const first = 2 * (begin < 0 ? ~begin : begin);
        const end = first + 2 * lengths[2 + at - from]!;
        for (let item = first; item < end; item += 2) {
          const [low, high] = [values[item]!, values[item + 1]!];
          rendered[next++] = low;
          if (width === 8) rendered[next++] = high;
          else if (high !== low >> 31) return undefined;
        }
      }
      return viewBytes(rendered);
    };
    return render(4) ?? render(8)!;
  };
}

function parseLists(bytes: ArrayBuffer): WindowResult {
  const [rowCount = 0, width] = new Int32Array(bytes, 0, 2);
  const lengths = new Int32Array(bytes, 8, rowCount);
  const [start, end] = [new Int32Array(rowCount), new Int32Array(rowCount)];
  let total = 0;
  for (let row = 0; row < rowCount; row += 1) {
    start[row] = total;
    total += lengths[row]!;
    end[row] = total;
  }
  const firstValue = 8 + 4 * evenUp(rowCount);
  return {kind: "list", start, end, line: width === 8 ? new BigInt64Array(bytes, firstValue, total) : widen(new Int32Array(bytes, firstValue, total)), extra: new BigInt64Array(0)};
}

const evenUp = (count: number): number => count + (count & 1);

function widen(narrow: Int32Array): BigInt64Array {
  const bits = new BigInt64Array(narrow.length);
  const halves = new Int32Array(bits.buffer);
  for (let at = 0; at < narrow.length; at += 1) {
    halves[2 * at] = narrow[at]!;
    halves[2 * at + 1] = narrow[at]! >> 31;
  }
  return bits;
}
