/** The edges of the time contract, by hand: what is written under `gives` is what the design says, whatever an engine finds easy. */
import {at, tagged, type Edge} from "./edge-task.js";

const userAndRegion = [
  {target: "user_id", history: "user_id"},
  {target: "region", history: "region"},
];

export const timeEdges: Readonly<Record<string, Edge>> = {
  "a window holds its first instant and not the row's own": {
    history: [at(89, 1), at(90, 2), at(99, 3), at(100, 4), at(101, 5)],
    target: [{}],
    gives: [[2n, 3n]],
  },
  "a count holds its first instant and not the row's own": {
    operation: "count",
    history: [at(89, 1), at(90, 2), at(99, 3), at(100, 4), at(101, 5)],
    target: [{}],
    gives: [2n],
  },
  "a flattened window holds its first instant and not the row's own": {
    operation: "flatten_distinct",
    history: [tagged(89, [1]), tagged(90, [2]), tagged(99, [3]), tagged(100, [4]), tagged(101, [5])],
    target: [{}],
    gives: [[2n, 3n]],
  },
  "no window means all history": {
    windowUs: undefined,
    history: [at(-9_000_000_000_000_000, 1), at(0, 2), at(99, 3), at(100, 4)],
    target: [{}],
    gives: [[1n, 2n, 3n]],
  },
  "a window of nothing is empty": {windowUs: 0, history: [at(99, 1), at(100, 2)], target: [{}], gives: [[]]},
  "rows of one instant come in the declared order, then by their own value": {
    orderColumns: ["seq", "region"],
    history: [
      at(95, 1, {seq: 2n, region: "b"}),
      at(95, 2, {seq: 2n, region: "a"}),
      at(95, 3, {seq: null, region: "z"}),
      at(95, 4, {seq: 2n, region: null}),
      at(95, 6, {seq: 2n, region: null}),
      at(95, 5, {seq: 2n, region: null}),
      at(94, 7, {seq: 9n}),
    ],
    target: [{}],
    gives: [[7n, 3n, 4n, 5n, 6n, 2n, 1n]],
  },
  "a limit cuts within one instant": {
    maxItems: 2,
    history: [at(95, 3), at(95, 1), at(95, 2), at(94, 9)],
    target: [{}],
    gives: [[2n, 3n]],
  },
  "rows that are equal in everything count each": {
    history: [at(95, 1), at(95, 1), at(95, 1)],
    target: [{}, {}],
    gives: [
      [1n, 1n, 1n],
      [1n, 1n, 1n],
    ],
  },
  "a limit of one is the newest": {maxItems: 1, history: [at(91, 1), at(99, 2), at(95, 3)], target: [{}], gives: [[2n]]},
  "a limit beyond the window changes nothing": {maxItems: 1_000_000, history: [at(91, 1), at(99, 2)], target: [{}], gives: [[1n, 2n]]},
  "rows of the target may come in any order and at any distance": {
    history: [at(10, 1), at(95, 2), at(200, 3), at(205, 4)],
    target: [{__ts: 206n}, {__ts: 100n}, {__ts: 11n}, {__ts: 10n}, {__ts: 5000n}],
    gives: [[3n, 4n], [2n], [1n], [], []],
  },
  "nothing happened before the first row": {history: [at(100, 1)], target: [{}], gives: [[]]},
  "no history gives empty lists": {history: [], target: [{}, {}], gives: [[], []]},
  "no history counts nothing": {operation: "count", history: [], target: [{}], gives: [0n]},
  "no history flattens to nothing": {operation: "flatten_distinct", history: [], target: [{}], gives: [[]]},
  "no rows give no rows": {history: [at(95, 1)], target: [], gives: []},
};

export const keyEdges: Readonly<Record<string, Edge>> = {
  "a key sees its own history only": {
    history: [at(95, 1), at(95, 2, {user_id: 2n}), at(96, 3)],
    target: [{}, {user_id: 2n}, {user_id: 3n}],
    gives: [[1n, 3n], [2n], []],
  },
  "a NULL key matches nothing, a NULL key least of all": {
    history: [at(95, 1, {user_id: null}), at(95, 2)],
    target: [{user_id: null}, {}],
    gives: [[], [2n]],
  },
  "a NULL in one of two keys matches nothing": {
    keys: userAndRegion,
    history: [at(95, 1, {region: null}), at(95, 2), at(95, 3, {region: "us"})],
    target: [{region: null}, {}, {region: "us"}, {user_id: null}],
    gives: [[], [2n], [3n], []],
  },
  "a NULL key counts nothing, not even the row itself": {
    operation: "count",
    current: {value: undefined, condition: undefined},
    history: [at(95, 1, {user_id: null})],
    target: [{user_id: null}, {}],
    gives: [0n, 1n],
  },
  "a NULL key lists nothing, not even the row itself": {
    current: {value: "item", condition: undefined},
    history: [at(95, 1, {user_id: null})],
    target: [{user_id: null, item: 7n}, {item: 7n}],
    gives: [[], [7n]],
  },
  "keys may have other names in the history": {
    keys: [{target: "viewer_id", history: "maker"}],
    history: [at(95, 1, {maker: 8n}), at(95, 2, {maker: 9n}), at(96, 3, {maker: 8n, user_id: null})],
    target: [{viewer_id: 8n, user_id: null}, {viewer_id: 1n}],
    gives: [[1n, 3n], []],
  },
  "a text key is equal byte for byte": {
    keys: [{target: "region", history: "region"}],
    history: [at(95, 1, {region: "é"}), at(95, 2, {region: "e\u0301"}), at(95, 3, {region: "É"}), at(95, 4, {region: ""})],
    target: [{region: "é"}, {region: "e\u0301"}, {region: ""}],
    gives: [[1n], [2n], [4n]],
  },
  "a key beyond 2^53 is exact": {
    history: [at(95, 1, {user_id: 9007199254740993n}), at(95, 2, {user_id: 9007199254740992n})],
    target: [{user_id: 9007199254740993n}, {user_id: 9007199254740992n}],
    gives: [[1n], [2n]],
  },
};

export const valueEdges: Readonly<Record<string, Edge>> = {
  "NULL values are left out before the limit": {
    maxItems: 2,
    history: [at(91, 1), at(92, 2), at(93, null), at(94, null)],
    target: [{}],
    gives: [[1n, 2n]],
  },
  "a count of rows counts NULL values, a count of a column doesn't": {
    operation: "count",
    value: "item",
    history: [at(91, 1), at(92, null), at(93, 3)],
    target: [{}],
    gives: [2n],
  },
  "a count of rows counts them all": {operation: "count", history: [at(91, 1), at(92, null), at(93, 3)], target: [{}], gives: [3n]},
  "a condition drops rows before the limit": {
    condition: "kept",
    maxItems: 2,
    history: [at(91, 1), at(92, 2), at(93, 3, {kept: false}), at(94, 4, {kept: false})],
    target: [{}],
    gives: [[1n, 2n]],
  },
  "a condition that nothing meets gives an empty list": {condition: "kept", history: [at(91, 1, {kept: false})], target: [{}], gives: [[]]},
  "BIGINT is exact from end to end": {
    history: [at(95, 0, {item: 9223372036854775807n}), at(95, 0, {item: -9223372036854775808n}), at(95, 0, {item: 9007199254740993n})],
    target: [{}],
    gives: [[-9223372036854775808n, 9007199254740993n, 9223372036854775807n]],
  },
  "INTEGER stays INTEGER": {
    value: "small",
    elementType: "INTEGER",
    history: [at(95, 0, {small: 2147483647}), at(95, 0, {small: -2147483648}), at(94, 0, {small: null})],
    target: [{}],
    gives: [[-2147483648, 2147483647]],
  },
  "a value becomes the element's type": {value: "small", history: [at(95, 0, {small: -7}), at(96, 0, {small: 7})], target: [{}], gives: [[-7n, 7n]]},
  "NaN is the greatest DOUBLE": {
    value: "score",
    elementType: "DOUBLE",
    history: [NaN, -Infinity, 0.1, Infinity, 5e-324, 1.7976931348623157e308].map((score) => at(95, 0, {score})),
    target: [{}],
    gives: [[-Infinity, 5e-324, 0.1, 1.7976931348623157e308, Infinity, NaN]],
  },
  "a negative zero stays one": {
    value: "score",
    elementType: "DOUBLE",
    history: [at(94, 0, {score: -0}), at(95, 0, {score: 0})],
    target: [{}],
    gives: [[-0, 0]],
  },
  "FLOAT keeps its bits": {
    value: "ratio",
    elementType: "FLOAT",
    history: [NaN, Math.fround(0.1), Math.fround(1e-45), Math.fround(3.4028234e38)].map((ratio) => at(95, 0, {ratio})),
    target: [{}],
    gives: [[Math.fround(1e-45), Math.fround(0.1), Math.fround(3.4028234e38), NaN]],
  },
  "BOOLEAN: false before true": {
    value: "flag",
    elementType: "BOOLEAN",
    history: [at(95, 0, {flag: true}), at(95, 0, {flag: false}), at(94, 0, {flag: true})],
    target: [{}],
    gives: [[true, false, true]],
  },
  "TEXT is ordered by its bytes": {
    value: "text",
    elementType: "VARCHAR",
    history: ["z", "é", "Z", "", "😀", "\uffee", "aa", "a", "it's"].map((text) => at(95, 0, {text})),
    target: [{}],
    gives: [["", "Z", "a", "aa", "it's", "z", "é", "\uffee", "😀"]],
  },
  "DATE and TIMESTAMP keep days and microseconds": {
    value: "seen",
    elementType: "TIMESTAMP",
    history: [at(95, 0, {seen: 1769904000000001n}), at(95, 0, {seen: -1n}), at(95, 0, {seen: 0n})],
    target: [{}],
    gives: [[-1n, 0n, 1769904000000001n]],
  },
  "a DATE before 1970 is a DATE": {
    value: "day",
    elementType: "DATE",
    history: [at(95, 0, {day: 20485n}), at(95, 0, {day: -719162n})],
    target: [{}],
    gives: [[-719162n, 20485n]],
  },
};

export const flattenEdges: Readonly<Record<string, Edge>> = {
  "a value stands at its most recent appearance": {
    operation: "flatten_distinct",
    history: [tagged(91, [1, 2, 3]), tagged(92, [4, 1]), tagged(93, [2])],
    target: [{}],
    gives: [[3n, 4n, 1n, 2n]],
  },
  "within an event the list's order holds, and the last of equal values": {
    operation: "flatten_distinct",
    history: [tagged(91, [5, 1, 5, 2, 1])],
    target: [{}],
    gives: [[5n, 2n, 1n]],
  },
  "the limit counts distinct values": {
    operation: "flatten_distinct",
    maxItems: 2,
    history: [tagged(91, [1]), tagged(92, [2, 3]), tagged(93, [3, 3]), tagged(94, [3])],
    target: [{}],
    gives: [[2n, 3n]],
  },
  "a limit of one is the newest value": {operation: "flatten_distinct", maxItems: 1, history: [tagged(91, [1, 2])], target: [{}], gives: [[2n]]},
  "a value that left the window is gone, one that came again is not": {
    operation: "flatten_distinct",
    history: [tagged(85, [1, 2]), tagged(95, [2])],
    target: [{}, {__ts: 95n}, {__ts: 105n}, {__ts: 106n}],
    gives: [[2n], [1n, 2n], [2n], []],
  },
  "what comes again later was already there": {
    operation: "flatten_distinct",
    history: [tagged(95, [1, 2]), tagged(100, [1]), tagged(103, [2])],
    target: [{}, {__ts: 101n}, {__ts: 104n}],
    gives: [[1n, 2n], [2n, 1n], [1n, 2n]],
  },
  "NULL lists, empty lists and NULL elements hold nothing": {
    operation: "flatten_distinct",
    history: [tagged(91, null), tagged(92, []), tagged(93, [null]), tagged(94, [null, 1, null])],
    target: [{}],
    gives: [[1n]],
  },
  "lists of one instant come in order, elements after elements, NULL elements last": {
    operation: "flatten_distinct",
    history: [tagged(95, [null, 9]), tagged(95, [2, 1]), tagged(95, [2]), tagged(95, [1, 3])],
    target: [{}],
    gives: [[3n, 2n, 1n, 9n]],
  },
  "NaN is one value": {
    operation: "flatten_distinct",
    value: "scores",
    elementType: "DOUBLE",
    history: [
      {__ts: 91n, scores: [NaN, 1, 2]},
      {__ts: 92n, scores: [NaN, 0.5]},
    ],
    target: [{}],
    gives: [[1, 2, NaN, 0.5]],
  },
  "text is flattened by its bytes": {
    operation: "flatten_distinct",
    value: "words",
    elementType: "VARCHAR",
    history: [
      {__ts: 91n, words: ["é", "E", ""]},
      {__ts: 92n, words: ["e\u0301", "é", null]},
    ],
    target: [{}],
    gives: [["E", "", "e\u0301", "é"]],
  },
  "a key that repeats itself finds its old values": {
    operation: "flatten_distinct",
    maxItems: 2,
    windowUs: undefined,
    history: [tagged(1, [7]), ...Array.from({length: 300}, (_, step) => tagged(2 + step, [8]))],
    target: [{__ts: 1000n}, {__ts: 90n}],
    gives: [
      [7n, 8n],
      [7n, 8n],
    ],
  },
  "a key that repeats itself counts distinct values without a limit": {
    operation: "flatten_distinct",
    windowUs: undefined,
    history: [tagged(1, [7]), ...Array.from({length: 300}, (_, step) => tagged(2 + step, [8]))],
    target: [{__ts: 1000n}, {__ts: 90n}],
    gives: [
      [7n, 8n],
      [7n, 8n],
    ],
  },
};
