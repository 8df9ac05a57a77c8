/** What each operation makes of its values, by hand: of none, of one, of NULL and NaN, of ties, and with the row itself. */
import {at, type Edge} from "./edge-task.js";

const score = (ts: number, value: number | null, more: Parameters<typeof at>[2] = {}): ReturnType<typeof at> => at(ts, null, {score: value, ...more});
const scores = {value: "score", elementType: "DOUBLE"} as const;
const own = {current: {value: "score", condition: undefined}} as const;
const large = 9_007_199_254_740_992;

export const sumEdges: Readonly<Record<string, Edge>> = {
  "a sum is of the values in the window": {operation: "sum", history: [at(89, 100), at(90, 1), at(99, 2), at(99, null), at(100, 100)], target: [{}], gives: [3n]},
  "a sum of nothing is 0": {operation: "sum", history: [at(99, null)], target: [{}, {user_id: null}], gives: [0n, 0n]},
  "a floating sum of nothing is 0, also of a row without a key": {operation: "sum", ...scores, history: [], target: [{}, {user_id: null}], gives: [0, 0]},
  "a sum of INTEGER is BIGINT": {
    operation: "sum",
    value: "small",
    elementType: "INTEGER",
    history: [at(98, null, {small: 2_147_483_647}), at(99, null, {small: 2_147_483_647})],
    target: [{}],
    gives: [4_294_967_294n],
  },
  "a sum of BIGINT passes its range on the way and comes back": {
    operation: "sum",
    history: [at(97, null, {item: 9_223_372_036_854_775_807n}), at(98, 5), at(99, -6)],
    target: [{}],
    gives: [9_223_372_036_854_775_806n],
  },
  "a floating sum is added oldest first": {operation: "sum", ...scores, history: [score(99, -large), score(97, 1), score(98, large)], target: [{}], gives: [0]},
  "a floating sum loses nothing that another order would": {operation: "sum", ...scores, history: [score(99, 1), score(97, large), score(98, -large)], target: [{}], gives: [1]},
  "a floating sum of one instant is added in the declared order": {
    operation: "sum",
    ...scores,
    orderColumns: ["seq"],
    history: [score(99, 1, {seq: 1n}), score(99, large, {seq: 2n}), score(99, -large, {seq: 3n})],
    target: [{}],
    gives: [0],
  },
  "a sum of FLOAT is added as DOUBLE": {
    operation: "sum",
    value: "ratio",
    elementType: "FLOAT",
    history: [at(98, null, {ratio: Math.fround(0.1)}), at(99, null, {ratio: Math.fround(0.2)})],
    target: [{}],
    gives: [Math.fround(0.1) + Math.fround(0.2)],
  },
  "NaN is a value": {operation: "sum", ...scores, history: [score(98, NaN), score(99, 1)], target: [{}], gives: [NaN]},
  "infinities of both signs add up to NaN": {operation: "sum", ...scores, history: [score(98, Infinity), score(99, -Infinity)], target: [{}], gives: [NaN]},
  "a sum of -0 is 0": {operation: "sum", ...scores, history: [score(98, -0)], target: [{}], gives: [0]},
  "the row itself is added last": {operation: "sum", ...scores, ...own, history: [score(98, large), score(99, 1)], target: [{score: -large}, {score: null}], gives: [0, large]},
  "a sum leaves out the row's own item": {
    operation: "sum",
    ...scores,
    exclude: {history: "item", target: "item"},
    history: [at(97, 1, {score: 2}), at(98, 2, {score: 4}), at(99, null, {score: 8})],
    target: [{item: 1n}, {item: null}],
    gives: [12, 14],
  },
};

export const statisticEdges: Readonly<Record<string, Edge>> = {
  "a mean is the sum by the number of values": {operation: "mean", history: [at(97, 1), at(98, null), at(99, 2)], target: [{}], gives: [1.5]},
  "a mean of nothing is NULL": {operation: "mean", history: [at(99, null)], target: [{}, {user_id: null}], gives: [null, null]},
  "a mean counts the row itself": {operation: "mean", ...scores, ...own, history: [score(99, 1)], target: [{score: 4}, {score: null}, {user_id: null, score: 4}], gives: [2.5, 1, null]},
  "a standard deviation is that of a sample": {operation: "stddev", history: [at(97, 2), at(98, 4), at(99, 9)], target: [{}], gives: [Math.sqrt(13)]},
  "a standard deviation of one value is NULL": {operation: "stddev", history: [at(99, 2)], target: [{}], gives: [null]},
  "a standard deviation of nothing is NULL": {operation: "stddev", history: [], target: [{}], gives: [null]},
  "a standard deviation keeps small differences of large values": {operation: "stddev", ...scores, history: [score(98, 1e15), score(99, 1e15 + 2)], target: [{}], gives: [Math.sqrt(2)]},
  "a standard deviation counts the row itself": {operation: "stddev", ...scores, ...own, history: [score(99, 1)], target: [{score: 3}], gives: [Math.sqrt(2)]},
};

const pairs = {pairCondition: "hist.item <> cur.item", pairHolds: (hist: Readonly<Record<string, unknown>>, cur: Readonly<Record<string, unknown>>): boolean => hist["item"] !== cur["item"]} as const;

export const choiceEdges: Readonly<Record<string, Edge>> = {
  "the least and the greatest": {operation: "min", history: [at(97, 3), at(98, -4), at(99, null)], target: [{}], gives: [-4n]},
  "the greatest of a window": {operation: "max", history: [at(89, 9), at(97, 3), at(98, -4)], target: [{}, {__ts: 50n}], gives: [3n, null]},
  "NaN is the greatest value": {operation: "max", ...scores, history: [score(98, NaN), score(99, Infinity)], target: [{}], gives: [NaN]},
  "NaN is the least only of nothing else": {operation: "min", ...scores, history: [score(98, NaN), score(99, Infinity)], target: [{}, {__ts: 99n}], gives: [Infinity, NaN]},
  "the least of -0 is 0": {operation: "min", ...scores, history: [score(98, -0), score(99, 0)], target: [{}, {__ts: 99n}], gives: [0, 0]},
  "text is compared by its bytes": {operation: "max", value: "text", elementType: "VARCHAR", history: [at(98, 0, {text: "\uffee"}), at(99, 0, {text: "😀"})], target: [{}], gives: ["😀"]},
  "false is less than true": {operation: "max", value: "flag", elementType: "BOOLEAN", history: [at(98, 0, {flag: true}), at(99, 0, {flag: false})], target: [{}], gives: [true]},
  "the row itself may be the least": {operation: "min", ...scores, ...own, history: [score(99, 2)], target: [{score: 1}, {score: 3}, {score: null}], gives: [1, 2, 2]},
  "the first is the oldest": {operation: "first", history: [at(89, 1), at(95, 4), at(95, 3), at(91, null), at(99, 2)], target: [{}, {__ts: 89n}], gives: [3n, null]},
  "the last is the newest": {operation: "last", history: [at(97, 4), at(97, 5), at(98, null), at(100, 9)], target: [{}, {__ts: 200n}], gives: [5n, null]},
  "the row itself is last": {operation: "last", ...scores, ...own, history: [score(99, 2)], target: [{score: 1}, {score: null}], gives: [1, 2]},
  "the first is the row itself when nothing is before": {operation: "first", ...scores, ...own, history: [score(99, 2)], target: [{score: 1}, {__ts: 99n, score: 1}], gives: [2, 1]},
  "the last that a pair condition keeps": {operation: "last", ...pairs, history: [at(97, 1), at(98, 2)], target: [{item: 2n}, {item: 1n}], gives: [1n, 2n]},
  "the last that was known": {operation: "last", knownAt: "known", history: [at(97, 1, {known: 98n}), at(98, 2, {known: 100n})], target: [{}], gives: [1n]},
};

export const frequencyEdges: Readonly<Record<string, Edge>> = {
  "different values are counted": {operation: "count_distinct", history: [at(96, 1), at(97, 2), at(98, 1), at(99, null)], target: [{}, {user_id: null}], gives: [2n, 0n]},
  "0 and -0 are one value, and so is NaN": {operation: "count_distinct", ...scores, history: [score(95, 0), score(96, -0), score(97, NaN), score(98, NaN)], target: [{}], gives: [2n]},
  "the row's own value counts if it is different": {operation: "count_distinct", ...scores, ...own, history: [score(99, 1)], target: [{score: 1}, {score: 2}, {score: null}], gives: [1n, 2n, 1n]},
  "the most frequent comes first": {operation: "top_k", maxItems: 2, history: [at(95, 1), at(96, 2), at(97, 2), at(98, 3), at(99, 3), at(99, 3)], target: [{}], gives: [[3n, 2n]]},
  "of equally frequent values the newest comes first": {operation: "top_k", maxItems: 2, history: [at(95, 3), at(96, 1), at(97, 2), at(98, 1), at(99, 3)], target: [{}], gives: [[3n, 1n]]},
  "the most frequent of nothing are none": {operation: "top_k", maxItems: 2, history: [at(99, null)], target: [{}, {user_id: null}], gives: [[], []]},
  "the row's own value is one more": {operation: "top_k", maxItems: 1, ...scores, ...own, history: [score(98, 2), score(99, 1)], target: [{score: 2}, {score: null}, {score: 5}], gives: [[2], [1], [5]]},
  "a distinct list has each value where it stands last": {operation: "distinct_list", history: [at(95, 1), at(96, 2), at(97, null), at(98, 1), at(99, 3)], target: [{}], gives: [[2n, 1n, 3n]]},
  "a distinct list is limited after it is distinct": {operation: "distinct_list", maxItems: 2, history: [at(95, 1), at(96, 2), at(98, 1), at(99, 1)], target: [{}], gives: [[2n, 1n]]},
  "a distinct list holds the newest spelling of 0": {operation: "distinct_list", ...scores, history: [score(95, 0), score(96, -0), score(97, 1)], target: [{}], gives: [[-0, 1]]},
  "the row itself ends a distinct list": {operation: "distinct_list", ...scores, ...own, history: [score(98, 2), score(99, 1)], target: [{score: 2}, {score: null}], gives: [[1, 2], [2, 1]]},
  "a distinct list leaves out the row's own value": {operation: "distinct_list", exclude: {history: "item", target: "item"}, history: [at(98, 2), at(99, 1)], target: [{item: 1n}, {item: 9n}], gives: [[2n], [2n, 1n]]},
  "a distinct list of what a pair condition keeps": {operation: "distinct_list", ...pairs, history: [at(97, 1), at(98, 2), at(99, 1)], target: [{item: 2n}], gives: [[1n]]},
};

const day = 86_400_000_000;
const decaying = {operation: "decay_sum", ...scores, halfLifeUs: 4} as const;

export const timeSinceEdges: Readonly<Record<string, Edge>> = {
  "the time since the newest event is in seconds": {
    operation: "time_since_last",
    value: undefined,
    windowUs: undefined,
    history: [at(-5 * day, 1), at(90, 2), at(100, 3)],
    target: [{}, {__ts: BigInt(day) + 90n}],
    gives: [0.00001, 86_399.99999],
  },
  "the time since the newest value": {operation: "time_since_last", history: [at(98, 1), at(99, null)], target: [{}], gives: [0.000002]},
  "the time since nothing is NULL": {operation: "time_since_last", value: undefined, history: [at(89, 1), at(100, 1)], target: [{}, {user_id: null}], gives: [null, null]},
  "the time since the row itself is 0": {operation: "time_since_last", ...own, value: "score", history: [score(99, 1)], target: [{score: 1}, {score: null}], gives: [0, 0.000001]},
  "a value halves with each half life": {...decaying, history: [score(92, 8), score(96, 8), score(90, null)], target: [{}], gives: [6]},
  "a row halves too": {...decaying, value: undefined, elementType: "BIGINT", history: [at(92, 1), at(96, 1), at(96, null)], target: [{}, {user_id: null}], gives: [1.25, 0]},
  "a decayed sum of nothing is 0": {...decaying, history: [score(99, null)], target: [{}], gives: [0]},
  "the row itself weighs 1": {...decaying, ...own, history: [score(96, 8)], target: [{score: 1}, {score: null}], gives: [5, 4]},
  "a value of long ago weighs nothing": {...decaying, windowUs: undefined, history: [score(-5000, 1e308)], target: [{}], gives: [0]},
};
