/** What an aggregation can make of the values in its window, what it takes, and the dtype of what it gives. */
import type {Dtype, ScalarName} from "./dtype.js";

export const aggregationOperations = [
  "list",
  "count",
  "flatten_distinct",
  "distinct_list",
  "top_k",
  "count_distinct",
  "sum",
  "mean",
  "stddev",
  "min",
  "max",
  "first",
  "last",
  "time_since_last",
  "decay_sum",
] as const;
export type AggregationOperation = (typeof aggregationOperations)[number];

interface OperationRule {
  /** `single`: any dtype but a list. `any`: only whether it is NULL matters. */
  readonly takes: "single" | "number" | "list" | "any";
  /** Without a value column it is about rows. */
  readonly isOfRows?: true;
  /** `value`, `values`: of the dtype of the value, or a list of it. */
  readonly gives: "value" | "values" | "sum" | "BIGINT" | "DOUBLE";
}

export const operationRules: Readonly<Record<AggregationOperation, OperationRule>> = {
  list: {takes: "single", gives: "values"},
  count: {takes: "any", isOfRows: true, gives: "BIGINT"},
  flatten_distinct: {takes: "list", gives: "values"},
  distinct_list: {takes: "single", gives: "values"},
  top_k: {takes: "single", gives: "values"},
  count_distinct: {takes: "single", gives: "BIGINT"},
  sum: {takes: "number", gives: "sum"},
  mean: {takes: "number", gives: "DOUBLE"},
  stddev: {takes: "number", gives: "DOUBLE"},
  min: {takes: "single", gives: "value"},
  max: {takes: "single", gives: "value"},
  first: {takes: "single", gives: "value"},
  last: {takes: "single", gives: "value"},
  time_since_last: {takes: "any", isOfRows: true, gives: "DOUBLE"},
  decay_sum: {takes: "number", isOfRows: true, gives: "DOUBLE"},
};

/** Operations whose result `max_items` limits. */
export function givesList(operation: AggregationOperation): boolean {
  return operationRules[operation].gives === "values";
}

const wholeNumbers: readonly ScalarName[] = ["BIGINT", "INTEGER"];
const numbers: readonly ScalarName[] = [...wholeNumbers, "DOUBLE", "FLOAT"];

/** What the operation needs and the dtype is not, in words; undefined when it will do. */
export function findDtypeRefusal(operation: AggregationOperation, dtype: Dtype): string | undefined {
  switch (operationRules[operation].takes) {
    case "any":
      return undefined;
    case "list":
      return dtype.kind === "list" ? undefined : "a list";
    case "single":
      return dtype.kind === "scalar" ? undefined : "a single value";
    case "number":
      return dtype.kind === "scalar" && numbers.includes(dtype.name) ? undefined : "a single number";
  }
}

/** The dtype of the result; undefined where it follows from a dtype that is not known. */
export function resultDtypeOf(operation: AggregationOperation, value: Dtype | undefined): Dtype | undefined {
  const {gives} = operationRules[operation];
  if (gives === "BIGINT" || gives === "DOUBLE") return {kind: "scalar", name: gives};
  if (value === undefined || value.kind === "vector") return undefined;
  if (gives === "sum") return {kind: "scalar", name: wholeNumbers.includes(value.name) ? "BIGINT" : "DOUBLE"};
  return {kind: gives === "value" ? "scalar" : "list", name: value.name};
}
