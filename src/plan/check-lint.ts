/** Checks that decide nothing: those that no day can fail, and those that no day with rows can pass. Said before anything is computed. */
import {resultDtypeOf} from "../definitions/aggregation-operation.js";
import {renderDtype, type Dtype} from "../definitions/dtype.js";
import type {AggregationSpec, CheckSeverity, ColumnCheck, Project, Service, ServiceColumn, TableCheck} from "../definitions/model.js";
import type {Place, Problems} from "../errors.js";
import type {Producer} from "./compile.js";

/** What is known of a column's values before there are any. */
interface Values {
  readonly dtype: Dtype | undefined;
  readonly spec: AggregationSpec | undefined;
  /** In words; undefined where a value may be NULL. */
  readonly whyNeverNull: string | undefined;
}

type Finding =
  /** It only looks as if something were guarded. */
  | {readonly kind: "vacuous"; readonly reason: string; readonly hint: string}
  /** `isUnsure`: unless something is done that no definition says. */
  | {readonly kind: "unpassable"; readonly reason: string; readonly hint: string; readonly isUnsure?: true}
  | {readonly kind: "impossible"; readonly type: string; readonly expected: string};

/** Of a check's name in messages. */
type AnyCheck = ColumnCheck | TableCheck;

const wholeRanges: Readonly<Partial<Record<string, readonly [min: number, max: number]>>> = {INTEGER: [-(2 ** 31), 2 ** 31 - 1], BIGINT: [-(2 ** 63), 2 ** 63]};
const numbers = ["BIGINT", "INTEGER", "DOUBLE", "FLOAT"];
const countOperations = ["count", "count_distinct"];

/** Beyond which no two distributions are apart: all shares in buckets that the other leaves empty, which count as a share of 0.0001. */
const psiMax = 2 * Math.log(1 / 0.0001);

export function lintChecks(project: Project, service: Service, producers: ReadonlyMap<string, Producer>, problems: Problems): void {
  const report = (check: AnyCheck, column: string | undefined, finding: Finding | undefined): void => {
    if (finding) reportFinding({kind: check.kind, column, place: check.place, severity: check.severity}, finding, problems);
  };
  for (const column of service.columns ?? []) {
    const values = valuesOf(project, column, producers.get(column.name));
    const seen = new Set<string>();
    for (const check of column.checks) {
      report(check, column.name, findRepeated(check, seen) ?? findNullRule(check, column, values) ?? findOfColumn(check, values) ?? findPinnedDay(check, project));
    }
  }
  const seen = new Set<string>();
  for (const check of service.checks) report(check, undefined, findRepeated(check, seen) ?? findOfTable(check, service, producers) ?? findPinnedDay(check, project));
}

interface CheckAt {
  readonly kind: AnyCheck["kind"];
  readonly column: string | undefined;
  readonly place: Place;
  readonly severity: CheckSeverity;
}

function reportFinding({kind, column, place, severity}: CheckAt, finding: Finding, problems: Problems): void {
  if (finding.kind === "impossible") {
    problems.add("check-impossible", {check: kind, column: column ?? "", type: finding.type, expected: finding.expected}, place);
    return;
  }
  const facts = {check: column === undefined ? kind : `${column}: ${kind}`, reason: finding.reason, hint: finding.hint};
  if (finding.kind === "vacuous") problems.add("check-vacuous", facts, place, "warning");
  else problems.add("check-unpassable", facts, place, severity === "error" && finding.isUnsure !== true ? "error" : "warning");
}

const vacuous = (reason: string, hint = "remove it, or check something else"): Finding => ({kind: "vacuous", reason, hint});
const unpassable = (reason: string, hint: string): Finding => ({kind: "unpassable", reason, hint});

function valuesOf({aggregations}: Project, {name, dtype}: ServiceColumn, producer: Producer | undefined): Values {
  const spec = producer?.kind === "aggregation" ? aggregations.specs.find((candidate) => candidate.name === name) : undefined;
  const made = producer && producer.kind !== "default" ? producer.dtype : undefined;
  return {dtype: dtype ?? made, spec, whyNeverNull: spec && whyNeverNull(spec)};
}

function whyNeverNull({operation}: AggregationSpec): string | undefined {
  if (countOperations.includes(operation)) return "a count of nothing is 0, never NULL";
  return resultDtypeOf(operation, {kind: "scalar", name: "BIGINT"})?.kind === "list" ? "a window without values gives an empty list, never NULL" : undefined;
}

function findRepeated(check: AnyCheck, seen: Set<string>): Finding | undefined {
  const {place: _place, severity: _severity, ...rest} = check;
  const text = JSON.stringify(rest);
  if (seen.has(text)) return vacuous("the same check stands before it", "remove one of them");
  seen.add(text);
  return undefined;
}

/** What says nothing beside `nullable: false`, another check, or the way in which the column is made. */
function findNullRule(check: ColumnCheck, {isNullable, checks}: ServiceColumn, {whyNeverNull: why}: Values): Finding | undefined {
  if (check.kind !== "not_null" && check.kind !== "max_null_fraction") return undefined;
  if (check.kind === "max_null_fraction" && check.fraction === 1) return vacuous("all values may be NULL", "give a share below 1");
  if (why !== undefined) return vacuous(why);
  if (!isNullable) return vacuous('"nullable: false" refuses every NULL already', 'remove the check, or "nullable: false"');
  const isRefused = check.kind === "max_null_fraction" && checks.some((other) => other.kind === "not_null" && other.severity === "error");
  return isRefused ? vacuous('"not_null" refuses every NULL already', "remove one of them") : undefined;
}

function findOfColumn(check: ColumnCheck, {dtype, spec}: Values): Finding | undefined {
  switch (check.kind) {
    case "range":
      return findOfRange(check, dtype, spec);
    case "accepted_values":
      return findOfAccepted(check.values, dtype);
    case "embedding_coverage":
      return check.fraction === 0 ? vacuous("a share of rows is never below 0", "give a share above 0") : undefined;
    case "drift":
      return check.maxPsi >= psiMax ? vacuous(`the index is never above ${psiMax.toFixed(2)}`, "give a lower max_psi: 0.25 is a large change") : undefined;
    case "not_null":
    case "unique":
    case "max_null_fraction":
      return undefined;
  }
}

function findOfRange({min = -Infinity, max = Infinity}: {readonly min: number | undefined; readonly max: number | undefined}, dtype: Dtype | undefined, spec: AggregationSpec | undefined): Finding | undefined {
  if (dtype && (dtype.kind !== "scalar" || !numbers.includes(dtype.name))) return {kind: "impossible", type: renderDtype(dtype), expected: "numbers"};
  if (spec && countOperations.includes(spec.operation)) {
    if (max < 0) return unpassable("a count is never below 0", "give limits of 0 or more");
    if (min <= 0 && max === Infinity) return vacuous("a count is never below 0", "give an upper end, or a lower one above 0");
  }
  const whole = dtype && wholeRanges[dtype.name];
  if (!whole) return undefined;
  const [least, most] = whole;
  if (max < least || min > most) return unpassable(`no ${dtype.name} lies there`, "give limits that values can have");
  if (min <= least && max >= most) return vacuous(`every ${dtype.name} lies there`, "give limits that values can exceed");
  return Math.ceil(min) > Math.floor(max) ? unpassable("no whole number lies there", "give limits that values can have") : undefined;
}

function findOfAccepted(values: readonly (string | number | boolean)[], dtype: Dtype | undefined): Finding | undefined {
  if (!dtype) return undefined;
  if (dtype.kind !== "scalar") return {kind: "impossible", type: renderDtype(dtype), expected: "single values"};
  const strange = values.filter((value) => !canHold(dtype.name, value));
  if (strange.length === values.length) return unpassable(`no ${dtype.name} is ${strange.map((value) => JSON.stringify(value)).join(" or ")}`, `write values of type ${dtype.name}`);
  if (strange.length > 0) return {kind: "vacuous", reason: `no ${dtype.name} is ${strange.map((value) => JSON.stringify(value)).join(" or ")}: these accept nothing`, hint: `write values of type ${dtype.name}`};
  return dtype.name === "BOOLEAN" && new Set(values).size === 2 ? vacuous("a BOOLEAN is true or false") : undefined;
}

/** As the check compares: a value of another kind than the column's is never found in it. */
function canHold(name: string, value: string | number | boolean): boolean {
  if (name === "TEXT") return true;
  if (name === "BOOLEAN") return typeof value === "boolean";
  if (!numbers.includes(name)) return typeof value === "string" && /^(\s*[+-]?\d{1,6}-\d{1,2}-\d{1,2}|\s*-?infinity|\s*epoch)/i.test(value);
  const whole = wholeRanges[name];
  return typeof value === "number" && (!whole || (Number.isInteger(value) && value >= whole[0] && value <= whole[1]));
}

/** The checks of a day are made on its skeleton, which has no embeddings. */
function findOfTable(check: TableCheck, {columns}: Service, producers: ReadonlyMap<string, Producer>): Finding | undefined {
  if (check.kind === "min_rows") return check.rows === 0 ? vacuous("a day never has fewer than 0 rows", "give 1 or more") : undefined;
  if (check.kind !== "unique" || !columns) return undefined;
  const known = new Set(columns.map(({name}) => name));
  const absent = check.columns.find((name) => !known.has(name) || producers.get(name)?.kind === "enrichment");
  if (absent === undefined) return undefined;
  return known.has(absent) ? unpassable(`"${absent}" is added after the day is checked`, "leave embeddings out of it") : unpassable(`the dataset has no column "${absent}"`, "list the column, or leave it out of the check");
}

/** A day after the last month is not made with the others; one before the first may have been, when the months were others. */
function findPinnedDay(check: AnyCheck, {runtime: {feedEnd}}: Project): Finding | undefined {
  if (!("againstDay" in check) || check.againstDay === undefined || feedEnd === undefined) return undefined;
  if (check.againstDay.slice(0, 7).replace("-", "") <= feedEnd) return undefined;
  return {kind: "unpassable", reason: `${check.againstDay} comes after the month of feed_end, ${feedEnd}, and is not made`, hint: "pin a day that is", isUnsure: true};
}
