/**
 * What each operation makes of the values that count, as SQL over one list of them, oldest first: slow, short, and written from the
 * contract alone, so that it can prove the engines wrong. The weights of a decaying sum are a definition, and shared.
 */
import type {AggregationSpec} from "../definitions/model.js";
import {decayCoefficients} from "../engines/decay-weight.js";

/** What a row adds to the list. `value` and `ageUs` are SQL; the value is undefined where the operation is about rows. */
export function renderItem({operation, halfLifeUs}: AggregationSpec, value: string | undefined, ageUs: string): string {
  if (operation === "time_since_last") return `CAST(${ageUs} AS DOUBLE)`;
  if (operation === "decay_sum") return `CAST(${value ?? "1"} AS DOUBLE) * ${renderWeight(`(CAST(${ageUs} AS DOUBLE) / ${halfLifeUs!}::DOUBLE)`)}`;
  return value ?? "1";
}

function renderWeight(halfLives: string): string {
  const coefficients = [...decayCoefficients].reverse().map((coefficient) => `'${coefficient}'::DOUBLE`);
  const fraction = `(${halfLives} - floor(${halfLives}))`;
  const power = `CASE WHEN ${halfLives} < 1075 THEN pow(2::DOUBLE, -floor(${halfLives})) ELSE 0 END`;
  return `(list_reduce([${coefficients.join(", ")}], lambda weight, next: weight * ${fraction} + next, 0::DOUBLE) * ${power})`;
}

/** SQL over the list `all`, whose elements have the type. */
export function renderResult({operation, maxItems}: AggregationSpec, all: string, type: string): string {
  const newest = (list: string): string => (maxItems === undefined ? list : `(${list})[-${maxItems}:]`);
  const isFloating = type === "DOUBLE" || type === "FLOAT";
  // A value stands where it appears last.
  const distinctOf = (list: string): string => `list_filter(${list}, lambda x, i: x IS NOT NULL AND NOT coalesce(list_contains(${list}[i + 1:], x), false))`;
  const sumOf = (list: string): string => `list_reduce(${list}, lambda total, next: total + next, 0::DOUBLE)`;
  const numbers = `CAST(${all} AS DOUBLE[])`;
  const mean = `(${sumOf(numbers)} / len(${all}))`;
  const plain = (value: string): string => (isFloating ? `CAST(${value} + 0 AS ${type})` : value);
  switch (operation) {
    case "list":
      return newest(all);
    case "distinct_list":
      return newest(distinctOf(all));
    case "flatten_distinct":
      return newest(distinctOf(`flatten(${all})`));
    case "top_k": {
      const counted = `[{frequency: -len(list_filter(${all}, lambda y: y = x)), place: -i, item: x} FOR x, i IN ${distinctOf(all)}]`;
      return `[e.item FOR e IN list_sort(${counted})[:${maxItems!}]]`;
    }
    case "count":
      return `len(${all})`;
    case "count_distinct":
      return `len(${distinctOf(all)})`;
    case "sum":
      return isFloating || type.startsWith("DECIMAL") ? sumOf(numbers) : `CAST(coalesce(list_sum(CAST(${all} AS HUGEINT[])), 0) AS BIGINT)`;
    case "decay_sum":
      return sumOf(numbers);
    case "mean":
      return `CASE WHEN len(${all}) > 0 THEN ${mean} END`;
    case "stddev":
      return `CASE WHEN len(${all}) > 1 THEN sqrt(${sumOf(`list_transform(${numbers}, lambda x: (x - ${mean}) * (x - ${mean}))`)} / (len(${all}) - 1)) END`;
    case "min":
      return plain(`list_min(${all})`);
    case "max":
      return plain(`list_max(${all})`);
    case "first":
      return `${all}[1]`;
    case "last":
      return `${all}[-1]`;
    case "time_since_last":
      return `list_min(${all}) / 1000000`;
  }
}
