/**
 * Windows go into a day's file without passing through DuckDB: lists are cut out of the history where the native engine left them, numbers are
 * gathered, pages are encoded in threads, and put beside the columns that DuckDB wrote. Through its vectors each element would be copied three
 * times more, and this thread alone would hand over each number. A writer and its threads serve one file after another.
 */
import {rm} from "node:fs/promises";
import {availableParallelism} from "node:os";
import {JobThreads} from "../engines/job-threads.js";
import {collectGarbage} from "../engines/garbage.js";
import type {SessionLimits} from "../engines/session-limits.js";
import {ColumnArena, listRowsMax, numberRowsMax, type PageColumn, type Scratch} from "./column-arena.js";
import {ColumnPageWriter, type ColumnPageJob, type ColumnPageResult, type CountedPage} from "./column-pages.js";
import type {KeptColumns} from "./kept-columns.js";
import {joinLengths, type ListLengths} from "./list-lengths.js";
import {readRowGroupRows} from "./parquet-footer.js";
import {spliceColumns, type EncodedChunk, type SplicedColumn, type SplicedPage} from "./parquet-splice.js";
import {loadZstd, zstdLevel, type Compress} from "./zstd.js";

export interface AddedColumns {
  /** A parquet file without the columns; it is deleted. */
  readonly inputPath: string;
  readonly outputPath: string;
  /** Of the file's rows, by `__row`. */
  readonly rows: Int32Array;
  /** Of those that were picked last. */
  readonly columns: ReadonlyMap<string, PageColumn>;
  /** The output's columns. */
  readonly order: readonly string[];
  readonly signal: AbortSignal;
}

/** Seen from the sources and from the compiled files alike. */
const threadUrl = new URL("../../dist/pipeline/column-page-thread.js", import.meta.url);

/** Lists are compressed where the first page becomes smaller than this part of itself. */
const worthwhile = 0.85;

/** Room for the pages of a job, which is used again: V8 would look for the garbage of new buffers a dozen times in a file. */
const roomBytes = 1024 * 1024;

/** What is there once something is written. */
interface Opened {
  readonly threadCount: number;
  readonly arena: ColumnArena;
  readonly zstd: Compress;
  readonly here: ColumnPageWriter;
  readonly threads: JobThreads<ColumnPageJob, ColumnPageResult>;
  /** Those that nobody uses. */
  readonly rooms: SharedArrayBuffer[];
}

export class ColumnWriter {
  private opened: Opened | undefined;
  private loaded: {readonly kept: KeptColumns; readonly columns: ReadonlyMap<string, PageColumn>} | undefined;

  /**
   * The columns of these names that this writer can write; they stay until others are picked from.
   * @param limits of the session; threads are those of the first call
   */
  async pick(kept: KeptColumns, names: readonly string[], {threadCount, memoryBytes}: SessionLimits): Promise<ReadonlyMap<string, PageColumn>> {
    this.opened ??= await this.open(Math.min(threadCount, availableParallelism()));
    if (this.loaded?.kept !== kept) {
      // What the engine worked with is of no use any more, nor are columns of other days, and this takes as much.
      this.loaded = undefined;
      collectGarbage("major");
      this.loaded = {kept, columns: this.opened.arena.load(kept, memoryBytes / 2)};
    }
    return new Map([...this.loaded.columns].filter(([name]) => names.includes(name)));
  }

  /** Gives the lengths of each column of lists. */
  async add({inputPath, outputPath, rows, columns, order, signal}: AddedColumns): Promise<ReadonlyMap<string, ListLengths>> {
    const {threadCount, arena, zstd, here, threads, rooms} = this.opened!;
    const names = order.filter((name) => columns.has(name));
    const {rows: address, scratch} = arena.putRows(rows);
    const compressed = new Set(names.filter((name) => {
      const column = columns.get(name)!;
      const [page] = column.kind === "lists" && rows.length > 0 ? (here.render({column, rows: address, rowCount: Math.min(rows.length, listRowsMax), scratch, isCompressed: true, room: undefined}) as readonly CountedPage[]) : [];
      return page !== undefined && page.byteCount < worthwhile * page.plainByteCount;
    }));
    const jobs = planJobs(await readRowGroupRows(inputPath), {address, scratch, columns: names.map((name) => ({column: columns.get(name)!, isCompressed: compressed.has(name)}))});
    const lengths = new Map<string, ListLengths>();
    const results = new Results(threads, {jobs, rooms, aheadMax: 4 * threadCount});
    try {
      await spliceColumns({
        inputPath,
        outputPath,
        order,
        signal,
        columns: names.map((name): SplicedColumn => {
          const column = columns.get(name)!;
          if (column.kind !== "lists") return {name, dtype: {kind: "scalar", name: column.type}, readChunk: () => results.chunk()};
          return {name, dtype: {kind: "list", name: "BIGINT"}, compress: compressed.has(name) ? zstd : undefined, read: () => results.page(({lengths: own}) => lengths.set(name, lengths.has(name) ? joinLengths(lengths.get(name)!, own) : own))};
        }),
      });
    } finally {
      // A job must not find other columns where its own lay.
      await results.settle();
    }
    await rm(inputPath);
    return lengths;
  }

  /** Stops the threads. */
  async close(): Promise<void> {
    await this.opened?.threads.close();
    this.opened = undefined;
    this.loaded = undefined;
  }

  private async open(threadCount: number): Promise<Opened> {
    const arena = new ColumnArena(threadCount);
    const zstd = await loadZstd(zstdLevel.fast);
    const here = new ColumnPageWriter({memory: arena.memory, thread: 0}, zstd);
    const threads = new JobThreads({count: threadCount, module: threadUrl, data: {memory: arena.memory}, here: (job: ColumnPageJob) => here.render(job)});
    // While DuckDB writes its columns.
    threads.warm();
    return {threadCount, arena, zstd, here, threads, rooms: []};
  }
}

interface PlannedColumns {
  readonly address: number;
  readonly scratch: Scratch;
  readonly columns: readonly Pick<ColumnPageJob, "column" | "isCompressed">[];
}

type PlannedJob = Omit<ColumnPageJob, "room">;

/** In the order in which a file's bytes follow each other. */
function* planJobs(rowGroupRows: readonly number[], {address, scratch, columns}: PlannedColumns): Generator<PlannedJob> {
  let start = 0;
  for (const groupRows of rowGroupRows) {
    for (const {column, isCompressed} of columns) {
      if (column.kind !== "lists" && groupRows > numberRowsMax) throw new Error(`a row group of ${groupRows} rows`);
      const step = column.kind === "lists" ? listRowsMax : groupRows;
      for (let from = start; from < start + groupRows; from += step) {
        yield {column, rows: address + 4 * from, rowCount: Math.min(start + groupRows - from, step), scratch, isCompressed};
      }
    }
    start += groupRows;
  }
}

interface ResultsOptions {
  readonly jobs: Iterator<PlannedJob>;
  readonly rooms: SharedArrayBuffer[];
  /** Jobs that are begun before their results are taken. */
  readonly aheadMax: number;
}

interface Started {
  readonly result: Promise<ColumnPageResult>;
  readonly release: () => void;
}

/** What threads make, in order, some of it ahead of who takes it. */
class Results {
  private readonly started: Started[] = [];
  private readonly pages: SplicedPage[] = [];

  constructor(
    private readonly threads: JobThreads<ColumnPageJob, ColumnPageResult>,
    private readonly options: ResultsOptions,
  ) {}

  async chunk(): Promise<EncodedChunk> {
    const {result, release} = this.next();
    return {...((await result) as EncodedChunk), release};
  }

  /** @param note learns of each page before it is taken */
  async page(note: (page: CountedPage) => void): Promise<SplicedPage> {
    if (this.pages.length === 0) {
      const {result, release} = this.next();
      const pages = (await result) as readonly CountedPage[];
      for (const page of pages) note(page);
      this.pages.push(...pages.slice(0, -1), {...pages.at(-1)!, release});
    }
    return this.pages.shift()!;
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.started.map(({result}) => result));
  }

  private next(): Started {
    const {jobs, rooms, aheadMax} = this.options;
    while (this.started.length < aheadMax) {
      const next = jobs.next();
      if (next.done === true) break;
      const room = rooms.pop() ?? new SharedArrayBuffer(roomBytes);
      const result = this.threads.run({...next.value, room});
      // Who reads it learns of a failure; nobody may ever read it.
      result.catch(() => undefined);
      this.started.push({result, release: () => void rooms.push(room)});
    }
    return this.started.shift()!;
  }
}
