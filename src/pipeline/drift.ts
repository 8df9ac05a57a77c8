/**
 * Whether a column is distributed as on a pinned day, by the population stability index (PSI):
 *
 *   PSI = sum over the buckets of (q - p) * ln(q / p)
 *
 * with p the share of the pinned day's rows in the bucket and q that of the day under test. See N. Siddiqi, "Credit Risk
 * Scorecards" (Wiley, 2006), chapter 8; as a divergence it is the symmetric one of S. Kullback and R. A. Leibler, "On
 * Information and Sufficiency" (1951). An empty bucket counts as a share of 0.0001, since ln(0) has no value.
 *
 * Buckets are made of the pinned day. Few distinct values, texts and booleans: the most frequent values, and one bucket for all
 * others. Numbers, dates and instants: quantiles; a value that alone fills two of them has a bucket of its own, so that a
 * change beside it is seen. Lists: their lengths, as numbers. NULL and NaN are buckets of their own.
 */
import type {ColumnCheck} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName} from "../sources/quote.js";
import type {TypedColumn} from "./check-terms.js";
import {reasonOf} from "./failure.js";
import {describeUnpublished, findComparedManifest, type Neighbours} from "./neighbour-days.js";

export interface DriftBucket {
  readonly label: string;
  readonly pinned: number;
  readonly tested: number;
}

interface Finding {
  readonly isPassed: boolean;
  readonly found: string;
}

const shareMin = 0.0001;
const labelMax = 40;

export async function checkDrift(
  session: DuckDbSession,
  files: readonly string[],
  {check, column, neighbours}: {readonly check: Extract<ColumnCheck, {kind: "drift"}>; readonly column: TypedColumn; readonly neighbours: Neighbours},
): Promise<Finding> {
  const {againstDay, maxPsi, buckets: bucketCount} = check;
  const {partitions, stage, day} = neighbours;
  if (againstDay === day) return {isPassed: true, found: "this is the day itself"};
  if (!findComparedManifest(neighbours, againstDay)) return {isPassed: false, found: describeUnpublished(neighbours, againstDay)};
  await partitions.prepare(session);
  const pinnedFiles = partitions.filesOf(stage, againstDay);
  const there = await describeColumn(session, pinnedFiles, {path: partitions.directoryOf(stage, againstDay), column: column.name});
  if (there === undefined) return {isPassed: false, found: `${againstDay} was made without this column: make it again`};
  if (familyOf(there) !== familyOf(column.type)) return {isPassed: false, found: `${againstDay} holds ${there}, not ${column.type}: make it again`};
  const buckets = await readBuckets(session, {files, pinnedFiles, column, bucketCount});
  const total = (of: "pinned" | "tested"): number => buckets.reduce((sum, bucket) => sum + bucket[of], 0);
  if (total("tested") === 0) return {isPassed: true, found: "no rows"};
  if (total("pinned") === 0) return {isPassed: false, found: `${againstDay} has no rows to compare with`};
  const psi = populationStabilityIndex(buckets);
  const isPassed = psi <= maxPsi;
  const found = `PSI ${psi.toFixed(4)} against ${againstDay}`;
  return {isPassed, found: isPassed ? found : `${found}, most of it from ${describeWorst(buckets)}`};
}

const sharesOf = (buckets: readonly DriftBucket[], of: "pinned" | "tested"): readonly number[] => {
  const total = buckets.reduce((sum, bucket) => sum + bucket[of], 0);
  return buckets.map((bucket) => bucket[of] / total);
};

function contributions(buckets: readonly DriftBucket[]): readonly number[] {
  const [pinned, tested] = [sharesOf(buckets, "pinned"), sharesOf(buckets, "tested")];
  return buckets.map((_bucket, index) => {
    const [p, q] = [Math.max(pinned[index]!, shareMin), Math.max(tested[index]!, shareMin)];
    return (q - p) * Math.log(q / p);
  });
}

/** Both sides must have rows. `[{pinned: 50, tested: 30}, {pinned: 50, tested: 70}]` gives 0.1695. */
export function populationStabilityIndex(buckets: readonly DriftBucket[]): number {
  return contributions(buckets).reduce((sum, part) => sum + part, 0);
}

function describeWorst(buckets: readonly DriftBucket[]): string {
  const parts = contributions(buckets);
  const worst = parts.indexOf(Math.max(...parts));
  const share = (of: "pinned" | "tested"): string => `${(sharesOf(buckets, of)[worst]! * 100).toFixed(1)} %`;
  return `${buckets[worst]!.label}: ${share("pinned")} there, ${share("tested")} here`;
}

type Family = "values" | "ordered" | "list";

function familyOf(type: string): Family {
  if (type.endsWith("]")) return "list";
  return type === "VARCHAR" || type === "BOOLEAN" || type === "UUID" || type.startsWith("ENUM(") ? "values" : "ordered";
}

/** Undefined where the files have no such column. @throws DaedalusError when they cannot be read */
async function describeColumn(session: DuckDbSession, files: readonly string[], {path, column}: {path: string; column: string}): Promise<string | undefined> {
  if (files.length === 0) throw DaedalusError.of("file-missing", {path, what: "a parquet file of the published day", hint: "make the day again with --force"});
  try {
    const described = await session.describe(`SELECT * FROM ${renderParquetRelation(files)}`);
    return described.find(({name}) => name === column)?.type;
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: reasonOf(error)}, {cause: error});
  }
}

interface BucketRequest {
  readonly files: readonly string[];
  readonly pinnedFiles: readonly string[];
  readonly column: TypedColumn;
  readonly bucketCount: number;
}

/** One pass over both days; in the order of the values, then other values, NaN and NULL. */
export async function readBuckets(session: DuckDbSession, {files, pinnedFiles, column, bucketCount}: BucketRequest): Promise<readonly DriftBucket[]> {
  const family = familyOf(column.type);
  const value = family === "list" ? `len(${quoteName(column.name)})` : quoteName(column.name);
  const isFloat = column.type === "FLOAT" || column.type === "DOUBLE";
  const isPlain = `value IS NOT NULL${isFloat ? " AND NOT isnan(value)" : ""}`;
  // A value's rank among the pinned day's rows is where a quantile's border can fall: at the first row of the value. Totals are
  // no windows: DuckDB 1.5 takes time quadratic in the rows for a filtered count over all of them.
  const rows = await session.rows(`
    WITH counted AS (
      SELECT value, count(*) FILTER (NOT is_tested) AS pinned, count(*) FILTER (is_tested) AS tested
      FROM (SELECT false AS is_tested, ${value} AS value FROM ${renderParquetRelation(pinnedFiles)}
        UNION ALL SELECT true, ${value} FROM ${renderParquetRelation(files)}) AS both_days
      GROUP BY value
    ), totals AS (
      SELECT sum(pinned) AS total, count_if(pinned > 0) AS kinds FROM counted WHERE ${isPlain}
    ), ranked AS (
      SELECT value, pinned, tested, total, kinds, row_number() OVER (ORDER BY pinned DESC, value) AS place,
        sum(pinned) OVER (ORDER BY value ROWS UNBOUNDED PRECEDING) - pinned AS below
      FROM counted, totals WHERE ${isPlain}
    ), placed AS (
      SELECT value, pinned, tested, CASE
          WHEN ${family === "values"} OR kinds <= ${bucketCount} THEN CASE WHEN pinned > 0 AND place <= ${bucketCount} THEN 'value' ELSE 'other' END
          WHEN pinned * ${bucketCount} >= 2 * total THEN 'value' ELSE 'range' END AS kind,
        least(below * ${bucketCount} // greatest(total, 1), ${bucketCount - 1}) AS quantile
      FROM ranked
      UNION ALL
      SELECT value, pinned, tested, CASE WHEN value IS NULL THEN 'null' ELSE 'nan' END, 0 FROM counted WHERE NOT (${isPlain})
    )
    SELECT kind, CAST(min(value) AS VARCHAR) AS low, CAST(max(value) AS VARCHAR) AS high, CAST(sum(pinned) AS DOUBLE) AS pinned, CAST(sum(tested) AS DOUBLE) AS tested
    FROM placed
    GROUP BY kind, CASE WHEN kind = 'value' THEN value END, CASE WHEN kind = 'range' THEN quantile END
    ORDER BY CASE kind WHEN 'other' THEN 1 WHEN 'nan' THEN 2 WHEN 'null' THEN 3 ELSE 0 END, min(value)`);
  return rows.map((row) => ({label: labelOf(row, family), pinned: row["pinned"] as number, tested: row["tested"] as number}));
}

function labelOf(row: Readonly<Record<string, unknown>>, family: Family): string {
  const shorten = (text: string): string => (text.length > labelMax ? `${text.slice(0, labelMax)}...` : text);
  const prefix = family === "list" ? "length " : "";
  const [low, high] = [shorten(String(row["low"])), shorten(String(row["high"]))];
  switch (row["kind"]) {
    case "null":
      return "NULL";
    case "nan":
      return "NaN";
    case "other":
      return family === "list" ? "other lengths" : "other values";
    case "value":
      return `${prefix}${low}`;
    default:
      return `${prefix}${low === high ? low : `${low} to ${high}`}`;
  }
}
