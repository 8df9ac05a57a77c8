/**
 * Lists go into a day's file without passing through DuckDB: they are cut out of the history where the native engine left them, encoded page by
 * page in threads, and put beside the columns that DuckDB wrote. Through its vectors each element would be copied three times more, and a
 * row group's lists would lie in memory as wide as they are.
 */
import {rm} from "node:fs/promises";
import {availableParallelism} from "node:os";
import {JobThreads} from "../engines/job-threads.js";
import {ListPageWriter, type ListPageJob, type NarrowLists} from "./list-pages.js";
import {readRowGroupRows} from "./parquet-footer.js";
import type {EncodedPage} from "./parquet-pages.js";
import {spliceColumns} from "./parquet-splice.js";
import {loadZstd, zstdLevel} from "./zstd.js";

export interface ListThreadData {
  readonly columns: readonly NarrowLists[];
  readonly isCompressed: readonly boolean[];
}

export interface ListColumnsOptions {
  /** A parquet file without the lists; it is deleted. */
  readonly inputPath: string;
  readonly outputPath: string;
  /** Of the file's rows, by `__row`. */
  readonly rows: Int32Array;
  readonly lists: ReadonlyMap<string, NarrowLists>;
  /** The output's columns. */
  readonly order: readonly string[];
  readonly threadCount: number;
  readonly signal: AbortSignal;
}

/** Seen from the sources and from the compiled files alike. */
const threadUrl = new URL("../../dist/pipeline/list-page-thread.js", import.meta.url);

const pageRowsMax = 4096;
/** A column is compressed where its first page becomes smaller than this part of itself. */
const worthwhile = 0.85;

export async function addLists({inputPath, outputPath, rows, lists, order, threadCount, signal}: ListColumnsOptions): Promise<void> {
  const names = order.filter((name) => lists.has(name));
  const columns = names.map((name) => lists.get(name)!);
  const zstd = await loadZstd(zstdLevel.fast);
  const probe = new ListPageWriter(columns, columns.map(() => zstd));
  const isCompressed = columns.map((_, column) => {
    const {byteCount, plainByteCount} = probe.render({column, rows: rows.subarray(0, pageRowsMax)});
    return byteCount < worthwhile * plainByteCount;
  });
  const here = new ListPageWriter(columns, isCompressed.map((is) => (is ? zstd : undefined)));
  const count = Math.min(threadCount, availableParallelism());
  const threads = new JobThreads<ListPageJob, EncodedPage>({count, module: threadUrl, data: {columns, isCompressed} satisfies ListThreadData, here: (job) => here.render(job)});
  const jobs = planJobs(await readRowGroupRows(inputPath), rows, columns.length);
  const started: Promise<EncodedPage>[] = [];
  const read = async (): Promise<EncodedPage> => {
    while (started.length < 4 * count) {
      const next = jobs.next();
      if (next.done === true) break;
      const page = threads.run(next.value);
      // Who reads the page learns of a failure; nobody may ever read it.
      page.catch(() => undefined);
      started.push(page);
    }
    return await started.shift()!;
  };
  try {
    await spliceColumns({
      inputPath,
      outputPath,
      order,
      signal,
      columns: names.map((name, column) => ({name, dtype: {kind: "list", name: "BIGINT"}, compress: isCompressed[column] ? zstd : undefined, read})),
    });
    await rm(inputPath);
  } finally {
    await threads.close();
  }
}

/** In the order in which a file's bytes follow each other. */
function* planJobs(rowGroupRows: readonly number[], rows: Int32Array, columnCount: number): Generator<ListPageJob> {
  let start = 0;
  for (const rowCount of rowGroupRows) {
    for (let column = 0; column < columnCount; column += 1) {
      for (let from = start; from < start + rowCount; from += pageRowsMax) {
        yield {column, rows: rows.slice(from, Math.min(start + rowCount, from + pageRowsMax))};
      }
    }
    start += rowCount;
  }
}
