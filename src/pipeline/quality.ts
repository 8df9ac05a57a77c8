/** What is in staged files: statistics of every column, and the checks that gate the publication. */
import type {ColumnCheck, Service, TableCheck} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import type {Manifest} from "./manifest.js";

export interface CheckResult {
  /** As the YAML says it: `aes_score: range [0, 10]`. */
  readonly check: string;
  readonly severity: "error" | "warn";
  readonly isPassed: boolean;
  /** In words: what was found. */
  readonly found: string;
}

export type ColumnStatistics = Manifest["columns"][number];

/** One pass over the files; values as text, list lengths over the lists that are not NULL. */
export async function readStatistics(session: DuckDbSession, files: readonly string[], columns: readonly string[]): Promise<readonly ColumnStatistics[]> {
  if (columns.length === 0) return [];
  const relation = renderParquetRelation(files);
  const described = await session.describe(`SELECT ${quoteNames(columns)} FROM ${relation}`);
  const terms = described.flatMap(({name, type}, index) => {
    const column = quoteName(name);
    const nulls = `count(*) - count(${column}) AS nulls_${index}`;
    if (type.endsWith("]")) {
      return [nulls, `min(len(${column})) AS min_${index}`, `avg(len(${column})) AS mean_${index}`, `max(len(${column})) AS max_${index}`];
    }
    return [nulls, `CAST(min(${column}) AS VARCHAR) AS min_${index}`, `CAST(max(${column}) AS VARCHAR) AS max_${index}`, `approx_count_distinct(${column}) AS distinct_${index}`];
  });
  const [row = {}] = await session.rows(`SELECT ${terms.join(", ")} FROM ${relation}`);
  return described.map(({name, type}, index) => {
    const value = (term: string): unknown => row[`${term}_${index}`] ?? undefined;
    const common = {name, type, nulls: Number(value("nulls"))};
    if (!type.endsWith("]")) {
      return {...common, min: value("min") as string | undefined, max: value("max") as string | undefined, distinct_estimate: Number(value("distinct"))};
    }
    const isEmpty = value("min") === undefined;
    return isEmpty ? common : {...common, list_length: {min: Number(value("min")), mean: Number(value("mean")), max: Number(value("max"))}};
  });
}

interface RenderedCheck {
  readonly check: string;
  readonly severity: "error" | "warn";
  /** A SQL aggregate over the rows: how many break the rule, or for a limit the value itself. */
  readonly sql: string;
  isPassed(value: number): boolean;
  describe(value: number): string;
}

const none = {isPassed: (value: number) => value === 0, describe: (value: number) => `${value} rows`};

/** Runs the checks of the columns named, and the table's when asked; in the order of the service file. */
export async function runChecks(
  session: DuckDbSession,
  files: readonly string[],
  service: Service,
  scope: {readonly columns: readonly string[]; readonly hasTableChecks: boolean},
): Promise<readonly CheckResult[]> {
  const checks: RenderedCheck[] = [];
  for (const column of service.columns ?? []) {
    if (!scope.columns.includes(column.name)) continue;
    const isGuarded = column.checks.some((check) => check.kind === "not_null");
    if (!column.isNullable && !isGuarded) {
      checks.push({check: `${column.name}: not nullable`, severity: "error", sql: `count_if(${quoteName(column.name)} IS NULL)`, ...none});
    }
    for (const check of column.checks) checks.push(renderColumnCheck(column.name, check));
  }
  if (scope.hasTableChecks) checks.push(...service.checks.map(renderTableCheck));
  if (checks.length === 0) return [];
  const terms = checks.map((check, index) => `CAST(${check.sql} AS DOUBLE) AS c${index}`).join(", ");
  const [row = {}] = await session.rows(`SELECT ${terms} FROM ${renderParquetRelation(files)}`);
  return checks.map((check, index) => {
    const value = Number(row[`c${index}`] ?? 0);
    return {check: check.check, severity: check.severity, isPassed: check.isPassed(value), found: check.describe(value)};
  });
}

function renderColumnCheck(column: string, check: ColumnCheck): RenderedCheck {
  const name = quoteName(column);
  const {severity} = check;
  switch (check.kind) {
    case "not_null":
      return {check: `${column}: not_null`, severity, sql: `count_if(${name} IS NULL)`, ...none};
    case "unique":
      return {check: `${column}: unique`, severity, sql: `count(${name}) - count(DISTINCT ${name})`, ...none};
    case "range": {
      const outside = [
        ...(check.min === undefined ? [] : [`${name} < ${check.min}`]),
        ...(check.max === undefined ? [] : [`${name} > ${check.max}`]),
      ];
      const label = `${column}: range [${check.min ?? ""}, ${check.max ?? ""}]`;
      return {check: label, severity, sql: `count_if(${outside.length === 0 ? "false" : outside.join(" OR ")})`, ...none};
    }
    case "accepted_values": {
      const values = check.values.map((value) => (typeof value === "string" ? quoteText(value) : String(value))).join(", ");
      return {check: `${column}: accepted_values [${check.values.join(", ")}]`, severity, sql: `count_if(${name} NOT IN (${values}))`, ...none};
    }
    case "max_null_fraction":
      return {
        check: `${column}: max_null_fraction ${check.fraction}`,
        severity,
        sql: `coalesce(count_if(${name} IS NULL) / nullif(count(*), 0), 0)`,
        isPassed: (fraction) => fraction <= check.fraction,
        describe: (fraction) => `${(fraction * 100).toFixed(2)} % NULL`,
      };
  }
}

function renderTableCheck(check: TableCheck): RenderedCheck {
  const {severity} = check;
  if (check.kind === "min_rows") {
    return {check: `min_rows ${check.rows}`, severity, sql: "count(*)", isPassed: (rows) => rows >= check.rows, describe: (rows) => `${rows} rows`};
  }
  const columns = quoteNames(check.columns);
  return {check: `unique [${check.columns.join(", ")}]`, severity, sql: `count(*) - count(DISTINCT row(${columns}))`, ...none, describe: (rows) => `${rows} rows repeat others`};
}
