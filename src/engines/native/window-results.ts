/** The results of a pass: in memory while there is room for them, and in a file when there is not. */
import type {KeptColumn} from "../aggregation-engine.js";
import type {WrittenColumn} from "../raw-vectors.js";
import {countBytes, countSharedGarbage} from "./shared-garbage.js";
import {fitBucketRows, SpilledResults, type ComputedRows} from "./spilled-results.js";
import {Locations, WindowVectors, type ResultColumn} from "./window-vectors.js";

/** What DuckDB takes for row groups of lists that it writes, and does not count. */
const writtenBytes = 256 << 20;

/** What rows fetch their windows from. */
export interface RowResults {
  read(column: number, rows: BigInt64Array): WrittenColumn;
  /** Where values lie in memory that others can read there. */
  kept(column: number): KeptColumn | undefined;
  /** What takes memory until the session closes. */
  readonly byteLength: number;
}

export interface WindowResultsOptions {
  readonly columns: readonly ResultColumn[];
  readonly rowCount: number;
  /** Of memory, for results. */
  readonly bytesMax: number;
  readonly threadCount: number;
  readonly directory: string;
}

export class WindowResults {
  private jobs: ComputedRows[] = [];
  private readonly counted = new Set<unknown>();
  private bytes = 0;
  private spilled: SpilledResults | undefined;
  private readonly garbage = countSharedGarbage();

  constructor(private readonly options: WindowResultsOptions) {}

  add(computed: ComputedRows): void {
    this.jobs.push(computed);
    this.bytes += computed.rows.byteLength + countBytes(computed.results, this.counted);
    if (this.bytes > this.options.bytesMax) this.spill();
  }

  finish(): RowResults {
    if (!this.spilled) return this.keep();
    this.spill();
    const {spilled, options: {bytesMax}} = this;
    return {read: (column, rows) => spilled.read(column, rows), kept: () => undefined, byteLength: bytesMax + writtenBytes};
  }

  /** Forgets what was added. */
  discard(): void {
    this.spilled?.remove();
  }

  private keep(): RowResults {
    const locations = new Locations(this.options.rowCount);
    for (const [job, {rows}] of this.jobs.entries()) {
      for (let place = 0; place < rows.length; place += 1) {
        locations.job[rows[place]!] = job;
        locations.place[rows[place]!] = place;
      }
    }
    return new WindowVectors(this.options.columns, this.jobs.map(({results}) => results), locations, 0);
  }

  private spill(): void {
    const {columns, rowCount, bytesMax, threadCount, directory} = this.options;
    const bucketsMax = threadCount + 1;
    this.spilled ??= new SpilledResults({columns, rowCount, directory, bucketsMax, bucketRows: fitBucketRows({columns, jobs: this.jobs, bytesMax, bucketsMax})});
    this.spilled.write(this.jobs);
    this.jobs = [];
    this.counted.clear();
    this.garbage.note(this.bytes);
    this.bytes = 0;
  }
}
