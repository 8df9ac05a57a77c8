/**
 * What is in parquet files, column by column: types, NULLs, quartiles, frequent values and histograms. A first pass reads what
 * describes each column; a second one, which knows where its values lie, counts them in bins.
 */
import {findNearest} from "../definitions/nearest.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {reasonOf} from "./failure.js";

export interface Bin {
  readonly low: number;
  readonly high: number;
  readonly rows: number;
}

export interface Distribution {
  /** Values as DuckDB writes them; whole numbers beyond 2^53 stay exact. */
  readonly min: string;
  readonly q25: string;
  readonly median: string;
  readonly q75: string;
  readonly max: string;
  /** Undefined for instants and dates. */
  readonly mean: number | undefined;
  /** Of equal width, over the finite values; instants are microseconds since 1970. */
  readonly histogram: readonly Bin[];
}

export type ProfiledKind = "number" | "time" | "text" | "list" | "vector";

export interface ColumnProfile {
  readonly name: string;
  readonly type: string;
  readonly kind: ProfiledKind;
  readonly nulls: number;
  readonly nans: number;
  /** Undefined for lists. */
  readonly distinctEstimate: number | undefined;
  /** Of texts only their ends. */
  readonly min: string | undefined;
  readonly max: string | undefined;
  /** Of the values; of lists of their lengths, of vectors of their norms. Undefined without any, and for texts. */
  readonly distribution: Distribution | undefined;
  /** The least and greatest length of lists and vectors. */
  readonly lengths: {readonly min: number; readonly max: number} | undefined;
  /** The most frequent values, when any value is there twice. */
  readonly topValues: readonly {readonly value: string; readonly rows: number}[];
}

export interface Profile {
  readonly files: readonly string[];
  readonly rows: number;
  readonly columns: readonly ColumnProfile[];
}

const binCount = 12;
const topCount = 5;
/** Beyond so many rows quartiles are estimates, since exact ones hold a whole column in memory. */
const exactRowsMax = 5_000_000;

interface Target {
  readonly name: string;
  readonly type: string;
  readonly kind: ProfiledKind;
  readonly isWhole: boolean;
  /** SQL of what is distributed: NULL for NULL and NaN. */
  readonly measure: string;
}

export interface ProfileOptions {
  /** Default: all. */
  readonly columns?: readonly string[];
  readonly signal?: AbortSignal;
  readonly config?: ReadonlyMap<string, string>;
  /** Lets the session read the files, where they are in a bucket. */
  readonly prepare?: (session: DuckDbSession) => Promise<void>;
}

/** @throws DaedalusError for files that cannot be read and for columns that are not in them */
export async function profile(files: readonly string[], options: ProfileOptions = {}): Promise<Profile> {
  const session = await DuckDbSession.open(options.config === undefined ? {} : {config: options.config});
  const interrupt = (): void => session.interrupt();
  options.signal?.addEventListener("abort", interrupt);
  try {
    await options.prepare?.(session);
    const relation = renderParquetRelation(files);
    const found = await session.describe(`SELECT * FROM ${relation}`);
    const described = selectColumns(found, options.columns ?? [], files);
    const [counted] = await session.rows(`SELECT CAST(count(*) AS DOUBLE) AS row_count FROM ${relation}`);
    const rows = Number(counted!["row_count"]);
    const targets = described.map(targetOf);
    const measured = `(SELECT ${targets.map(({name, measure}, index) => `${quoteName(name)} AS c${index}, ${measure} AS m${index}`).join(", ")} FROM ${relation}) AS measured`;
    const [first = {}] = await session.rows(`SELECT ${targets.flatMap((target, index) => renderFirstPass(target, index, rows)).join(", ")} FROM ${measured}`);
    const bins = targets.map((target, index) => binsOf(target, number(first[`low_${index}`]), number(first[`high_${index}`])));
    const counts = bins.flatMap((some, index) => some.map(({low}, at) => renderCount(targets[index]!, index, {at, low})));
    const [second = {}] = counts.length === 0 ? [] : await session.rows(`SELECT ${counts.join(", ")} FROM ${measured}`);
    const columns: ColumnProfile[] = [];
    for (const [index, target] of targets.entries()) {
      const topValues = await readTopValues(session, relation, target, Number(first[`distinct_${index}`] ?? 0));
      columns.push(profileOf(target, {row: first, index, topValues, histogram: countBins(bins[index]!, (at) => Number(second[`above_${index}_${at}`] ?? 0))}));
    }
    return {files, rows, columns};
  } catch (error) {
    if (error instanceof DaedalusError || options.signal?.aborted) throw error;
    throw DaedalusError.of("file-unreadable", {path: files.length === 1 ? files[0]! : `${files[0]!} and ${files.length - 1} more`, reason: reasonOf(error)}, {cause: error});
  } finally {
    options.signal?.removeEventListener("abort", interrupt);
    session.close();
  }
}

interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

function selectColumns(found: readonly TypedColumn[], wanted: readonly string[], files: readonly string[]): readonly TypedColumn[] {
  if (wanted.length === 0) return found;
  const names = found.map(({name}) => name);
  return wanted.map((name) => {
    const column = found.find((candidate) => candidate.name === name);
    if (column) return column;
    const nearest = findNearest(name, names);
    throw DaedalusError.of("profile-column-missing", {path: files[0]!, column: name, nearest, columns: names});
  });
}

const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

function targetOf({name, type}: TypedColumn): Target {
  const column = quoteName(name);
  if (/^(FLOAT|DOUBLE)\[\d*\]$/.test(type)) {
    const squares = `list_sum(list_transform(${column}, lambda element: CAST(element AS DOUBLE) * element))`;
    const norm = `sqrt(coalesce(${squares}, CASE WHEN ${column} IS NOT NULL THEN 0 END))`;
    return {name, type, kind: "vector", isWhole: false, measure: `CASE WHEN NOT isnan(${norm}) THEN ${norm} END`};
  }
  if (type.endsWith("]")) return {name, type, kind: "list", isWhole: true, measure: `len(${column})`};
  if (type === "FLOAT" || type === "DOUBLE") return {name, type, kind: "number", isWhole: false, measure: `CASE WHEN NOT isnan(${column}) THEN ${column} END`};
  if (type.startsWith("DECIMAL")) return {name, type, kind: "number", isWhole: false, measure: column};
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return {name, type, kind: "number", isWhole: true, measure: column};
  if (type === "DATE" || type.startsWith("TIMESTAMP")) return {name, type, kind: "time", isWhole: false, measure: column};
  return {name, type, kind: "text", isWhole: false, measure: column};
}

/** Where a value lies among the bins, as a number. */
const positionOf = (kind: ProfiledKind, index: number): string => (kind === "time" ? `CAST(epoch_us(CAST(m${index} AS TIMESTAMP)) AS DOUBLE)` : `CAST(m${index} AS DOUBLE)`);

const isFinite = (kind: ProfiledKind, index: number): string => `isfinite(CAST(m${index} AS ${kind === "time" ? "TIMESTAMP" : "DOUBLE"}))`;

/** How many values lie at or above the low end of a bin. */
function renderCount({kind}: Target, index: number, {at, low}: {readonly at: number; readonly low: number}): string {
  const isAbove = at === 0 ? "true" : `${positionOf(kind, index)} >= CAST(${quoteText(String(low))} AS DOUBLE)`;
  return `CAST(count_if(${isFinite(kind, index)} AND ${isAbove}) AS DOUBLE) AS above_${index}_${at}`;
}

function renderFirstPass({kind}: Target, index: number, rows: number): string[] {
  const [column, measure] = [`c${index}`, `m${index}`];
  const terms = [`CAST(count(*) - count(${column}) AS DOUBLE) AS nulls_${index}`];
  if (kind !== "list" && kind !== "vector") terms.push(`CAST(approx_count_distinct(${column}) AS DOUBLE) AS distinct_${index}`);
  terms.push(`CAST(min(${measure}) AS VARCHAR) AS min_${index}`, `CAST(max(${measure}) AS VARCHAR) AS max_${index}`);
  if (kind === "text") return terms;
  const quantile = rows <= exactRowsMax ? "quantile_disc" : "approx_quantile";
  terms.push(
    `CAST(count(${column}) - count(${measure}) AS DOUBLE) AS nans_${index}`,
    ...[25, 50, 75].map((percent) => `CAST(${quantile}(${measure}, ${percent / 100}) AS VARCHAR) AS q${percent}_${index}`),
    `min(${positionOf(kind, index)}) FILTER (${isFinite(kind, index)}) AS low_${index}`,
    `max(${positionOf(kind, index)}) FILTER (${isFinite(kind, index)}) AS high_${index}`,
  );
  if (kind !== "time") terms.push(`avg(CAST(${measure} AS DOUBLE)) AS mean_${index}`);
  if (kind === "list" || kind === "vector") terms.push(`CAST(min(len(${column})) AS DOUBLE) AS short_${index}`, `CAST(max(len(${column})) AS DOUBLE) AS long_${index}`);
  return terms;
}

type EmptyBin = Omit<Bin, "rows">;

/** Whole numbers have a bin each where they are few; one value has one bin. */
export function binsOf({isWhole}: {readonly isWhole: boolean}, low: number | undefined, high: number | undefined): readonly EmptyBin[] {
  if (low === undefined || high === undefined) return [];
  if (low === high) return [{low, high}];
  if (isWhole && high - low < binCount) return Array.from({length: high - low + 1}, (_value, at) => ({low: low + at, high: low + at}));
  // The difference of two doubles can be more than a double holds.
  const between = (at: number): number => (Number.isFinite((high - low) * at) ? low + ((high - low) * at) / binCount : low * (1 - at / binCount) + high * (at / binCount));
  const border = (at: number): number => (at === binCount ? high : between(at));
  return Array.from({length: binCount}, (_value, at) => ({low: border(at), high: border(at + 1)}));
}

/** `above` says how many rows lie at or above the low end of a bin. */
function countBins(bins: readonly EmptyBin[], above: (at: number) => number): readonly Bin[] {
  return bins.map((bin, at) => ({...bin, rows: above(at) - (at + 1 < bins.length ? above(at + 1) : 0)}));
}

/** What is mostly different in each row has no values worth naming: instants, and fractions beyond a few. */
async function readTopValues(session: DuckDbSession, relation: string, {name, kind, isWhole}: Target, distinctEstimate: number): Promise<ColumnProfile["topValues"]> {
  const isNamed = kind === "text" || (kind === "number" && (isWhole || distinctEstimate <= 4 * topCount)) || (kind === "time" && distinctEstimate <= 4 * topCount);
  if (!isNamed) return [];
  const column = quoteName(name);
  const rows = await session.rows(
    `SELECT CAST(value AS VARCHAR) AS value, CAST(row_count AS DOUBLE) AS row_count
    FROM (SELECT ${column} AS value, count(*) AS row_count FROM ${relation} WHERE ${column} IS NOT NULL GROUP BY value ORDER BY row_count DESC, value LIMIT ${topCount}) AS top
    ORDER BY row_count DESC, top.value`,
  );
  const top = rows.map((row) => ({value: row["value"] as string, rows: row["row_count"] as number}));
  return (top[0]?.rows ?? 0) > 1 ? top : [];
}

interface Read {
  readonly row: Readonly<Record<string, unknown>>;
  readonly index: number;
  readonly topValues: ColumnProfile["topValues"];
  readonly histogram: readonly Bin[];
}

function profileOf({name, type, kind}: Target, {row, index, topValues, histogram}: Read): ColumnProfile {
  const text = (term: string): string | undefined => (row[`${term}_${index}`] as string | null | undefined) ?? undefined;
  const [min, max] = [text("min"), text("max")];
  const short = number(row[`short_${index}`]);
  const hasDistribution = kind !== "text" && min !== undefined && max !== undefined;
  return {
    name,
    type,
    kind,
    nulls: Number(row[`nulls_${index}`]),
    nans: number(row[`nans_${index}`]) ?? 0,
    distinctEstimate: number(row[`distinct_${index}`]),
    min: kind === "text" ? min : undefined,
    max: kind === "text" ? max : undefined,
    distribution: hasDistribution ? {min, q25: text("q25")!, median: text("q50")!, q75: text("q75")!, max, mean: number(row[`mean_${index}`]), histogram} : undefined,
    lengths: short === undefined ? undefined : {min: short, max: number(row[`long_${index}`])!},
    topValues,
  };
}
