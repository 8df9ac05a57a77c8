/**
 * A skeleton whose rows stay is made of what is published: stale columns are computed, and the others are taken from the files,
 * row by row. Whatever does not fit together leaves it to the caller to make the day from its sources.
 */
import {statSync} from "node:fs";
import {join} from "node:path";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {compileColumns, orderOf} from "../plan/recipe.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import {dayRange} from "./day.js";
import {openDayRows} from "./day-rows.js";
import {limitFiles, type FileLimits} from "./file-limits.js";
import type {Manifest} from "./manifest.js";
import {sinkColumns} from "./open-service.js";
import {renderParquetOptions} from "./parquet-options.js";
import {runRows, type WrittenFile} from "./skeleton.js";
import type {Run} from "./train-day.js";

export interface MergeOptions {
  readonly day: string;
  /** The stale columns of the skeleton. */
  readonly stale: ReadonlySet<string>;
  /** Staging, where the files are written. */
  readonly directory: string;
}

/** The files that were written, in row order; undefined when the published ones cannot be used. */
export async function mergeSkeleton(run: Run, options: MergeOptions): Promise<readonly WrittenFile[] | undefined> {
  const {partitions, plan, project, effects} = run;
  const {day, directory} = options;
  const manifest = partitions.findManifest("skeleton", day);
  const order = sinkColumns(plan, "skeleton");
  const stale = order.filter((name) => options.stale.has(name));
  const kept = order.filter((name) => !options.stale.has(name));
  // Columns of the spine itself tell whether two rows are the same one, and cost no join.
  const scanned = orderOf(plan).scanned.columns;
  const witnesses = kept.filter((name) => scanned.includes(name));
  if (!manifest || !(await partitions.areWhole(manifest)) || witnesses.length === 0) return undefined;

  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  const interrupt = (): void => session.interrupt();
  effects.signal.addEventListener("abort", interrupt);
  try {
    await partitions.prepare(session);
    await session.run(`CREATE TEMP VIEW __published AS ${renderPublished(manifest, partitions.filesOf("skeleton", day), kept)}`);
    if (stale.length > 0) {
      const rows = await openDayRows(run, dayRange(day), session, compileColumns(project, run.service, plan, [...stale, ...witnesses]));
      await runRows(rows, async ({relation}) => {
        const columns = [...stale.map(quoteName), ...witnesses.map((name) => `${quoteName(name)} AS ${quoteName(witnessName(name))}`)];
        await session.run(`CREATE TEMP TABLE __made AS SELECT row_number() OVER (ORDER BY __row) - 1 AS __position, ${columns.join(", ")} FROM ${quoteName(relation)}`);
      });
      if (!(await haveSameRows(session, witnesses))) return undefined;
    }
    const source = stale.length > 0 ? "__published JOIN __made USING (__position)" : "__published";
    return await writeFiles(session, {source, order, directory, rowCount: manifest.rows, limits: limitFiles(plan, project), signal: effects.signal});
  } finally {
    effects.signal.removeEventListener("abort", interrupt);
    session.close();
  }
}

/** The published rows with their place among all rows of the day. */
function renderPublished({files}: Manifest, paths: readonly string[], columns: readonly string[]): string {
  let first = 0;
  const parts: string[] = [];
  for (const [index, {rows}] of files.entries()) {
    const relation = `read_parquet(${quoteText(paths[index]!)}, file_row_number = true, hive_partitioning = false)`;
    parts.push(`SELECT ${quoteNames(columns)}, file_row_number + ${first} AS __position FROM ${relation}`);
    first += rows;
  }
  return parts.join(" UNION ALL ");
}

const witnessName = (column: string): string => `__witness_${column}`;

/** Whether each row that was made has its own among the published ones, and those no other. */
async function haveSameRows(session: DuckDbSession, witnesses: readonly string[]): Promise<boolean> {
  const differs = witnesses.map((name) => `p.${quoteName(name)} IS DISTINCT FROM m.${quoteName(witnessName(name))}`).join(" OR ");
  const [row] = await session.rows(
    `SELECT count(*) AS wrong FROM __published AS p FULL JOIN __made AS m ON p.__position = m.__position
    WHERE p.__position IS NULL OR m.__position IS NULL OR ${differs}`,
  );
  return row?.["wrong"] === 0n;
}

interface WriteOptions {
  readonly source: string;
  readonly order: readonly string[];
  readonly directory: string;
  readonly rowCount: number;
  readonly limits: FileLimits;
  readonly signal: AbortSignal;
}

async function writeFiles(session: DuckDbSession, {source, order, directory, rowCount, limits: {rowsPerFile, rowGroupRows}, signal}: WriteOptions): Promise<WrittenFile[]> {
  const files: WrittenFile[] = [];
  for (let first = 0; first === 0 || first < rowCount; first += rowsPerFile) {
    signal.throwIfAborted();
    const end = Math.min(rowCount, first + rowsPerFile);
    const name = `part-${String(files.length).padStart(5, "0")}.parquet`;
    const path = join(directory, name);
    const query = `SELECT ${quoteNames(order)} FROM ${source} WHERE __position >= ${first} AND __position < ${end} ORDER BY __position`;
    await session.run(`COPY (${query}) TO ${quoteText(path)} ${renderParquetOptions(rowGroupRows)}`);
    files.push({name, rows: end - first, bytes: statSync(path).size});
  }
  return files;
}
