/** What is in staged files: statistics of every column, and the checks that gate the publication. */
import type {Service} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName, quoteNames} from "../sources/quote.js";
import {impliesNotNull, labelColumnCheck} from "./check-labels.js";
import {assertCheckFits, renderColumnTerm, renderNotNullable, renderTableTerm, type CheckTerm} from "./check-terms.js";
import {checkDrift} from "./drift.js";
import {joinLengths, type ListLengths} from "./list-lengths.js";
import type {Manifest} from "./manifest.js";
import type {Neighbours} from "./neighbour-days.js";
import type {WrittenFile} from "./skeleton.js";

export interface CheckResult {
  /** As the YAML says it: `aes_score: range [0, 10]`. */
  readonly check: string;
  readonly severity: "error" | "warn";
  readonly isPassed: boolean;
  /** In words: what was found. */
  readonly found: string;
}

export type ColumnStatistics = Manifest["columns"][number];

/** Lists that were counted when they were written: none is NULL. */
export interface CountedLists extends ListLengths {
  readonly rowCount: number;
}

/** Columns of which each file knows the lengths of all its lists. */
export function countedLists(files: readonly WrittenFile[]): ReadonlyMap<string, CountedLists> {
  const rowCount = files.reduce((sum, {rows}) => sum + rows, 0);
  const names = [...(files[0]?.lengths?.keys() ?? [])].filter((name) => files.every(({lengths}) => lengths?.has(name)));
  return new Map(names.map((name) => [name, {rowCount, ...files.map(({lengths}) => lengths!.get(name)!).reduce(joinLengths)}]));
}

/**
 * One pass over the files; values as text, list lengths over the lists that are not NULL.
 * @param counted need not be read again, which takes as long as all else
 */
export async function readStatistics(session: DuckDbSession, files: readonly string[], columns: readonly string[], counted: ReadonlyMap<string, CountedLists> = new Map()): Promise<readonly ColumnStatistics[]> {
  if (columns.length === 0) return [];
  const relation = renderParquetRelation(files);
  const described = await session.describe(`SELECT ${quoteNames(columns)} FROM ${relation}`);
  const terms = described.flatMap(({name, type}, index) => {
    if (counted.has(name)) return [];
    const column = quoteName(name);
    const nulls = `count(*) - count(${column}) AS nulls_${index}`;
    if (type.endsWith("]")) {
      return [nulls, `min(len(${column})) AS min_${index}`, `avg(len(${column})) AS mean_${index}`, `max(len(${column})) AS max_${index}`];
    }
    return [nulls, `CAST(min(${column}) AS VARCHAR) AS min_${index}`, `CAST(max(${column}) AS VARCHAR) AS max_${index}`, `approx_count_distinct(${column}) AS distinct_${index}`];
  });
  const [row = {}] = terms.length === 0 ? [] : await session.rows(`SELECT ${terms.join(", ")} FROM ${relation}`);
  return described.map(({name, type}, index) => {
    const lists = counted.get(name);
    if (lists) return {name, type, nulls: 0, list_length: {min: lists.least, mean: lists.total / lists.rowCount, max: lists.most}};
    const value = (term: string): unknown => row[`${term}_${index}`] ?? undefined;
    const common = {name, type, nulls: Number(value("nulls"))};
    if (!type.endsWith("]")) {
      return {...common, min: value("min") as string | undefined, max: value("max") as string | undefined, distinct_estimate: Number(value("distinct"))};
    }
    const isEmpty = value("min") === undefined;
    return isEmpty ? common : {...common, list_length: {min: Number(value("min")), mean: Number(value("mean")), max: Number(value("max"))}};
  });
}

export interface CheckScope {
  /** Whose checks are run. */
  readonly columns: readonly string[];
  readonly hasTableChecks: boolean;
  readonly neighbours: Neighbours;
}

type Pending = CheckTerm | (() => Promise<CheckResult>);

/**
 * Runs the checks of the columns named, and the table's when asked; in the order of the service file.
 * @throws DaedalusError when a check cannot be made on the column's type
 */
export async function runChecks(session: DuckDbSession, files: readonly string[], service: Service, scope: CheckScope): Promise<readonly CheckResult[]> {
  const {columns, hasTableChecks, neighbours} = scope;
  const relation = renderParquetRelation(files);
  const types = new Map((await session.describe(`SELECT * FROM ${relation}`)).map(({name, type}) => [name, type]));
  const pending: Pending[] = [];
  for (const declared of (service.columns ?? []).filter(({name}) => columns.includes(name))) {
    const column = {name: declared.name, type: types.get(declared.name) ?? ""};
    if (impliesNotNull(declared)) pending.push(renderNotNullable(column));
    for (const check of declared.checks) {
      assertCheckFits(check, column);
      if (check.kind !== "drift") {
        pending.push(renderColumnTerm(check, column));
        continue;
      }
      const name = labelColumnCheck(check, column.name);
      pending.push(async () => ({check: name, severity: check.severity, ...(await checkDrift(session, files, {check, column, neighbours}))}));
    }
  }
  if (hasTableChecks) pending.push(...service.checks.map((check) => renderTableTerm(check, neighbours)));
  if (pending.length === 0) return [];
  const terms = pending.map((check, index) => (typeof check === "function" ? "" : `, CAST(${check.sql} AS DOUBLE) AS c${index}`)).join("");
  const [row = {}] = await session.rows(`SELECT CAST(count(*) AS DOUBLE) AS row_count${terms} FROM ${relation}`);
  const rowCount = Number(row["row_count"]);
  const results: CheckResult[] = [];
  for (const [index, check] of pending.entries()) {
    if (typeof check === "function") {
      results.push(await check());
      continue;
    }
    const value = Number(row[`c${index}`] ?? 0);
    results.push({check: check.check, severity: check.severity, isPassed: check.isPassed(value, rowCount), found: check.describe(value, rowCount)});
  }
  return results;
}
