/** Checks that one pass over the rows decides: each is a SQL aggregate and what its value means. */
import type {ColumnCheck, TableCheck} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import {labelColumnCheck, labelTableCheck, notNullableLabel} from "./check-labels.js";
import {describeUnpublished, findComparedManifest, type Neighbours} from "./neighbour-days.js";

export interface CheckTerm {
  /** As the YAML says it: `aes_score: range [0, 10]`. */
  readonly check: string;
  readonly severity: "error" | "warn";
  /** How many rows break the rule, or for a limit the value itself. */
  readonly sql: string;
  isPassed(value: number, rowCount: number): boolean;
  describe(value: number, rowCount: number): string;
}

type TermCheck = Exclude<ColumnCheck, {kind: "drift"}>;

export interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

const none = {isPassed: (value: number) => value === 0, describe: (value: number) => `${value} rows`};
const percent = (fraction: number): string => `${(fraction * 100).toFixed(2)} %`;
const isFloat = (type: string): boolean => type === "FLOAT" || type === "DOUBLE";
const isNumeric = (type: string): boolean => isFloat(type) || /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type) || type.startsWith("DECIMAL");
const isNested = (type: string): boolean => type.endsWith("]") || /^(STRUCT|MAP|UNION)\(/.test(type);

/** @throws DaedalusError when the check asks something that columns of the type do not have */
export function assertCheckFits(check: ColumnCheck, {name, type}: TypedColumn): void {
  const expected = check.kind === "range" && !isNumeric(type) ? "numbers" : check.kind === "accepted_values" && isNested(type) ? "single values" : undefined;
  if (expected === undefined) return;
  throw DaedalusError.of("check-impossible", {check: check.kind, column: name, type, expected}, {place: check.place});
}

export function renderNotNullable({name}: TypedColumn): CheckTerm {
  return {check: notNullableLabel(name), severity: "error", sql: `count_if(${quoteName(name)} IS NULL)`, ...none};
}

export function renderColumnTerm(check: TermCheck, column: TypedColumn): CheckTerm {
  const name = quoteName(column.name);
  const said = {check: labelColumnCheck(check, column.name), severity: check.severity};
  switch (check.kind) {
    case "not_null":
      return {...said, sql: `count_if(${name} IS NULL)`, ...none};
    case "unique":
      return {...said, sql: `count(${name}) - count(DISTINCT ${name})`, ...none};
    case "range": {
      const outside = [
        ...(check.min === undefined ? [] : [`${name} < ${check.min}`]),
        ...(check.max === undefined ? [] : [`${name} > ${check.max}`]),
        // DuckDB sorts NaN above every number, where an open end would let it in.
        ...(isFloat(column.type) ? [`isnan(${name})`] : []),
      ];
      return {...said, sql: `count_if(${outside.length === 0 ? "false" : outside.join(" OR ")})`, ...none};
    }
    case "accepted_values": {
      const values = renderAccepted(check.values, column.type);
      return {...said, sql: `count_if(${name} IS NOT NULL AND NOT list_contains([${values}]::${column.type}[], ${name}))`, ...none};
    }
    case "max_null_fraction":
      return {
        ...said,
        sql: `coalesce(count_if(${name} IS NULL) / nullif(count(*), 0), 0)`,
        isPassed: (fraction) => fraction <= check.fraction,
        describe: (fraction) => `${percent(fraction)} NULL`,
      };
    case "embedding_coverage":
      return {
        ...said,
        sql: `coalesce(count(${name}) / nullif(count(*), 0), 0)`,
        isPassed: (fraction, rowCount) => rowCount === 0 || fraction >= check.fraction,
        describe: (fraction, rowCount) => (rowCount === 0 ? "no rows" : `${percent(fraction)} of the rows have a vector`),
      };
  }
}

/** A value of another kind than the column's can never be in it, and would only make DuckDB refuse the comparison. */
function renderAccepted(values: readonly (string | number | boolean)[], type: string): string {
  if (type === "VARCHAR") return values.map((value) => quoteText(String(value))).join(", ");
  const kind = isNumeric(type) ? "number" : type === "BOOLEAN" ? "boolean" : "string";
  const fitting = values.filter((value) => typeof value === kind);
  return fitting.map((value) => (typeof value === "string" ? `TRY_CAST(${quoteText(value)} AS ${type})` : renderExact(value, type))).join(", ");
}

/** 1.5 is no value of a whole-number column, where a cast would round it to one. */
function renderExact(value: number | boolean, type: string): string {
  if (typeof value === "boolean" || isFloat(type) || type.startsWith("DECIMAL")) return String(value);
  return Number.isInteger(value) ? `TRY_CAST(${value} AS ${type})` : "NULL";
}

export function renderTableTerm(check: TableCheck, neighbours: Neighbours): CheckTerm {
  const said = {check: labelTableCheck(check), severity: check.severity};
  switch (check.kind) {
    case "min_rows":
      return {...said, sql: "count(*)", isPassed: (rows) => rows >= check.rows, describe: (rows) => `${rows} rows`};
    case "unique": {
      const sql = `count(*) - count(DISTINCT row(${quoteNames(check.columns)}))`;
      return {...said, sql, ...none, describe: (rows) => `${rows} rows repeat others`};
    }
    case "row_count_change":
      return renderRowCountChange(check, neighbours);
  }
}

function renderRowCountChange(check: Extract<TableCheck, {kind: "row_count_change"}>, neighbours: Neighbours): CheckTerm {
  const {severity, maxFraction, againstDay} = check;
  const base = {check: labelTableCheck(check), severity, sql: "count(*)"};
  if (againstDay === neighbours.day) return {...base, isPassed: () => true, describe: (rows) => `${rows} rows; this is the day itself`};
  const other = findComparedManifest(neighbours, againstDay);
  if (!other && againstDay === undefined) return {...base, isPassed: () => true, describe: (rows) => `${rows} rows; no day before is published`};
  if (!other) return {...base, isPassed: () => false, describe: () => describeUnpublished(neighbours, againstDay!)};
  return {
    ...base,
    isPassed: (rows) => Math.abs(rows - other.rows) <= maxFraction * other.rows,
    describe: (rows) => `${rows} rows, ${other.rows} on ${other.day}${renderChange(rows, other.rows)}`,
  };
}

function renderChange(rows: number, before: number): string {
  if (before === 0) return "";
  const change = (rows - before) / before;
  return ` (${change < 0 ? "" : "+"}${(change * 100).toFixed(1)} %)`;
}
