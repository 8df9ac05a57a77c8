/**
 * The pages of a file, computed in threads and handed over in the order of the plan, while the vectors of the next shard are gathered.
 * A page keeps its place in memory until it is written, so that no more are in flight than there are places.
 */
import type {IdColumn} from "./enrich-ids.js";
import type {PageIds, PageJob, PageResult} from "./page-job.js";
import type {PagePlan, PlannedColumn, PlannedPage} from "./page-plan.js";
import type {PageThreads} from "./page-threads.js";
import type {VectorPool} from "./vector-pool.js";

export interface StreamedColumn extends PlannedColumn {
  /** Of each id of `ids`. */
  readonly weights: Float32Array | undefined;
}

export interface PageStreamOptions {
  readonly plan: PagePlan;
  readonly columns: readonly StreamedColumn[];
  readonly pools: readonly VectorPool[];
  readonly threads: PageThreads;
  /** Where pages may be computed. */
  readonly places: readonly number[];
  readonly signal: AbortSignal | undefined;
}

export interface StreamedPage {
  readonly planned: PlannedPage;
  readonly result: PageResult;
  /** Gives the page's place back, once its values are written. */
  readonly release: () => void;
}

export class PageStream {
  private readonly free: number[];
  private readonly started: Promise<StreamedPage>[] = [];
  private readonly loads: Promise<void>[] = [];
  /** By shard: its pages so far. */
  private readonly computed: Promise<StreamedPage>[][] = [];
  private next = 0;
  private shard = 0;
  /** Set while all places hold pages that are being written. */
  private onStarted: (() => void) | undefined;

  constructor(private readonly options: PageStreamOptions) {
    this.free = [...options.places];
  }

  /** The page after the one that was read last. */
  async read(): Promise<StreamedPage> {
    this.fill();
    if (this.started.length === 0) await new Promise<void>((resolve) => (this.onStarted = resolve));
    return await this.started.shift()!;
  }

  private fill(): void {
    while (this.next < this.options.plan.pages.length && this.free.length > 0) this.started.push(this.startPage(this.next++, this.free.pop()!));
    if (this.started.length === 0) return;
    this.onStarted?.();
    this.onStarted = undefined;
  }

  private startPage(number: number, place: number): Promise<StreamedPage> {
    const {plan, threads, signal} = this.options;
    const planned = plan.pages[number]!;
    while (number >= plan.shards[this.shard]!.end) this.shard++;
    const loaded = this.load(this.shard);
    if (this.shard + 1 < plan.shards.length) void this.load(this.shard + 1);
    const release = (): void => {
      this.free.push(place);
      this.fill();
    };
    const page = loaded.then(async () => ({planned, result: await threads.run(this.jobOf(planned, place), signal), release}));
    // Whoever reads the page learns of a failure; nobody may ever read it.
    page.catch(() => undefined);
    (this.computed[this.shard] ??= []).push(page);
    return page;
  }

  /** Shards are gathered one after another, each when the second one before it no longer needs its vectors. */
  private load(shard: number): Promise<void> {
    this.loads[shard] ??= this.loadAfter(shard, [this.loads[shard - 1] ?? Promise.resolve(), ...(this.computed[shard - 2] ?? [])]);
    return this.loads[shard];
  }

  private loadAfter(shard: number, before: readonly Promise<unknown>[]): Promise<void> {
    const {pools, plan, signal} = this.options;
    const loading = Promise.all(before).then(async () => {
      this.computed[shard - 2] = [];
      for (const [k, pool] of pools.entries()) await pool.load(shard, plan.shards[shard]!.wanted[k]!, signal);
    });
    loading.catch(() => undefined);
    return loading;
  }

  private jobOf({column: number, rowStart, rowEnd}: PlannedPage, place: number): PageJob {
    const column = this.options.columns[number]!;
    const pool = this.options.pools[column.pool]!;
    const idsOf = (ids: IdColumn, weights?: Float32Array): PageIds => {
      const first = ids.offsets[rowStart]!;
      const end = ids.offsets[rowEnd]!;
      return {
        offsets: ids.offsets.slice(rowStart, rowEnd + 1).map((offset) => offset - first),
        slots: ids.positions.slice(first, end).map((vector) => (vector === -1 ? -1 : pool.slots[vector]!)),
        weights: weights?.slice(first, end),
      };
    };
    return {
      work: number,
      rowStart,
      rowCount: rowEnd - rowStart,
      ids: idsOf(column.ids, column.weights),
      otherIds: column.otherIds && idsOf(column.otherIds),
      poolAt: pool.at,
      hasSpecials: pool.hasSpecials,
      outAt: place,
    };
  }
}
