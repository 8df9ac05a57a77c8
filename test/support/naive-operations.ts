/** What an aggregation makes of its values, for the naive day: values as a test file writes them, oldest first, none of them NULL. */
import type {AggregationSpec} from "../../src/definitions/model.js";
import type {Scalar, Value} from "../../src/definitions/value.js";
import {decayWeight} from "../../src/engines/decay-weight.js";

export interface NaiveItem {
  readonly value: Value;
  /** The instant of its row. */
  readonly at: number;
}

const textOf = (value: Value): string => `${typeof value}:${String(value)}`;
const isGreater = (a: Scalar, b: Scalar): boolean => (Number.isNaN(a) ? !Number.isNaN(b) : a! > b!);
const addUp = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

export function computeOperation({operation, maxItems, halfLifeUs}: AggregationSpec, items: readonly NaiveItem[], now: number): Value {
  const values = items.map(({value}) => value) as Scalar[];
  const numbers = values.map(Number);
  const mean = addUp(numbers) / numbers.length;
  const pick = (isBetter: (a: Scalar, b: Scalar) => boolean): Scalar => values.reduce<Scalar>((best, value) => (best === null || isBetter(value, best) ? value : best), null);
  switch (operation) {
    case "list":
      return newest(values, maxItems);
    case "distinct_list":
      return newest(lastAppearances(values), maxItems);
    case "flatten_distinct":
      return newest(lastAppearances(values.flat().filter((value) => value !== null)), maxItems);
    case "top_k": {
      const frequency = (value: Scalar): number => values.filter((other) => textOf(other) === textOf(value)).length;
      return lastAppearances(values).reverse().sort((a, b) => frequency(b) - frequency(a)).slice(0, maxItems);
    }
    case "count":
      return BigInt(values.length);
    case "count_distinct":
      return BigInt(lastAppearances(values).length);
    case "sum":
      return values.every((value) => typeof value === "bigint") ? values.reduce((sum, value) => sum + value, 0n) : addUp(numbers);
    case "mean":
      return values.length === 0 ? null : mean;
    case "stddev":
      return values.length < 2 ? null : Math.sqrt(addUp(numbers.map((number) => (number - mean) * (number - mean))) / (values.length - 1));
    case "min":
      return pick((a, b) => isGreater(b, a));
    case "max":
      return pick(isGreater);
    case "first":
      return values[0] ?? null;
    case "last":
      return values.at(-1) ?? null;
    case "time_since_last":
      return items.length === 0 ? null : (now - items.at(-1)!.at) / 1e6;
    case "decay_sum":
      return addUp(items.map(({value, at}) => Number(value) * decayWeight(now - at, halfLifeUs!)));
  }
}

function newest(values: readonly Scalar[], maxItems: number | undefined): readonly Scalar[] {
  return maxItems === undefined ? values : values.slice(-maxItems);
}

function lastAppearances(values: readonly Scalar[]): Scalar[] {
  return values.filter((value, index) => !values.slice(index + 1).some((later) => textOf(later) === textOf(value)));
}
