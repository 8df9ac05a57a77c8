/** More edges by hand: the row itself, what a row drops, and conditions on pairs of rows. */
import {at, tagged, type Edge} from "./edge-task.js";

const byItem = {history: "item", target: "item"};

export const currentEdges: Readonly<Record<string, Edge>> = {
  "the row itself comes last, and no other row of its instant": {
    current: {value: "item", condition: undefined},
    history: [at(95, 1), at(100, 2), at(100, 9)],
    target: [{item: 9n}],
    gives: [[1n, 9n]],
  },
  "the row itself takes a place under the limit": {
    current: {value: "item", condition: undefined},
    maxItems: 2,
    history: [at(94, 1), at(95, 2), at(96, 3)],
    target: [{item: 9n}, {item: null}],
    gives: [
      [3n, 9n],
      [2n, 3n],
    ],
  },
  "a limit of one is the row itself": {
    current: {value: "item", condition: undefined},
    maxItems: 1,
    history: [at(96, 3)],
    target: [{item: 9n}],
    gives: [[9n]],
  },
  "the row counts for itself only where its condition holds": {
    current: {value: "item", condition: "kept"},
    condition: "kept",
    history: [at(95, 1)],
    target: [
      {item: 9n, kept: true},
      {item: 9n, kept: false},
      {item: 9n, kept: null},
    ],
    gives: [[1n, 9n], [1n], [1n]],
  },
  "a count adds the row": {
    operation: "count",
    current: {value: undefined, condition: "kept"},
    history: [at(95, 1), at(100, 1)],
    target: [{kept: true}, {kept: false}],
    gives: [2n, 1n],
  },
  "a count of a column adds the row only if it has one": {
    operation: "count",
    value: "item",
    current: {value: "item", condition: undefined},
    history: [at(95, 1)],
    target: [{item: 5n}, {item: null}],
    gives: [2n, 1n],
  },
  "the row's own values are the most recent": {
    operation: "flatten_distinct",
    current: {value: "tags", condition: undefined},
    history: [tagged(95, [1, 2, 3])],
    target: [{tags: [2n, null, 4n, 2n]}, {tags: null}, {tags: []}, {tags: [null]}],
    gives: [
      [1n, 3n, 4n, 2n],
      [1n, 2n, 3n],
      [1n, 2n, 3n],
      [1n, 2n, 3n],
    ],
  },
  "the row's own values count first under the limit": {
    operation: "flatten_distinct",
    current: {value: "tags", condition: undefined},
    maxItems: 3,
    history: [tagged(94, [1, 2]), tagged(95, [3, 4])],
    target: [{tags: [4n, 9n]}, {tags: [5n, 6n, 7n, 8n]}],
    gives: [
      [3n, 4n, 9n],
      [6n, 7n, 8n],
    ],
  },
};

export const excludeEdges: Readonly<Record<string, Edge>> = {
  "a row's own value is dropped before the limit": {
    exclude: byItem,
    maxItems: 2,
    history: [at(91, 1), at(92, 2), at(93, 3), at(94, 3), at(95, 3)],
    target: [{item: 3n}, {item: 2n}, {item: 8n}],
    gives: [
      [1n, 2n],
      [3n, 3n],
      [3n, 3n],
    ],
  },
  "a NULL drops nothing": {exclude: byItem, history: [at(91, 1), at(92, 2)], target: [{item: null}], gives: [[1n, 2n]]},
  "another column may be compared": {
    exclude: {history: "maker", target: "viewer_id"},
    history: [at(91, 1, {maker: 5n}), at(92, 2, {maker: 6n}), at(93, 3, {maker: null})],
    target: [{viewer_id: 5n}, {viewer_id: null}, {viewer_id: 1n}],
    gives: [
      [2n, 3n],
      [1n, 2n, 3n],
      [1n, 2n, 3n],
    ],
  },
  "everything may be dropped": {exclude: byItem, maxItems: 3, history: [at(91, 1), at(92, 1)], target: [{item: 1n}], gives: [[]]},
  "a count drops too": {
    operation: "count",
    exclude: byItem,
    history: [at(89, 3), at(92, 2), at(93, 3), at(94, 3), at(95, null), at(100, 3)],
    target: [{item: 3n}, {item: null}, {item: 8n}],
    gives: [2n, 4n, 4n],
  },
  "a long run of the row's own value is passed over": {
    exclude: byItem,
    maxItems: 2,
    windowUs: undefined,
    history: [at(1, 7), at(2, 6), ...Array.from({length: 90}, (_, step) => at(3 + step, 8))],
    target: [{item: 8n}, {item: 7n}],
    gives: [
      [7n, 6n],
      [8n, 8n],
    ],
  },
  "the first of a window is found behind a run that just hides it": {
    exclude: byItem,
    maxItems: 2,
    windowUs: undefined,
    history: [at(1, 7), ...Array.from({length: 10}, (_, step) => at(3 + step, 8)), at(51, 7, {user_id: 2n})].concat(
      Array.from({length: 16}, (_, step) => at(53 + step, 8, {user_id: 2n})),
    ),
    target: [{item: 8n}, {item: 8n, user_id: 2n}],
    gives: [[7n], [7n]],
  },
  "NaN is a value like others": {
    value: "score",
    elementType: "DOUBLE",
    exclude: {history: "score", target: "score"},
    history: [at(91, 0, {score: NaN}), at(92, 0, {score: 1.5})],
    target: [{score: NaN}],
    gives: [[1.5]],
  },
  "a list-valued window drops whole events": {
    operation: "flatten_distinct",
    exclude: byItem,
    history: [tagged(91, [1, 2], {item: 5n}), tagged(92, [2, 3], {item: 6n}), tagged(93, [4], {item: null})],
    target: [{item: 6n}, {item: 5n}, {item: null}],
    gives: [
      [1n, 2n, 4n],
      [2n, 3n, 4n],
      [1n, 2n, 3n, 4n],
    ],
  },
  "a value dropped with its newest event stands at an older one": {
    operation: "flatten_distinct",
    exclude: byItem,
    maxItems: 2,
    history: [
      tagged(91, [1], {item: 5n}),
      tagged(92, [2], {item: 5n}),
      tagged(93, [1], {item: 6n}),
      tagged(94, [1, 3], {item: 6n}),
      tagged(95, [1], {item: 7n}),
      tagged(96, [1], {item: 7n}),
    ],
    target: [{item: 6n}, {item: 7n}, {item: 5n}, {item: 6n, __ts: 95n}],
    gives: [
      [2n, 1n],
      [1n, 3n],
      [3n, 1n],
      [1n, 2n],
    ],
  },
  "a value dropped between two events stands at the newer": {
    operation: "flatten_distinct",
    exclude: byItem,
    history: [tagged(91, [1, 2], {item: 5n}), tagged(92, [1], {item: 6n}), tagged(93, [1], {item: 7n})],
    target: [{item: 6n}, {item: 7n}, {item: 8n}],
    gives: [
      [2n, 1n],
      [2n, 1n],
      [2n, 1n],
    ],
  },
  "a dropped event of the same instant hides nothing": {
    operation: "flatten_distinct",
    exclude: byItem,
    history: [tagged(95, [1], {item: 5n}), tagged(95, [1, 2], {item: 6n}), tagged(95, [1, 2, 3], {item: 6n})],
    target: [{item: 6n}, {item: 5n}],
    gives: [[1n], [1n, 2n, 3n]],
  },
};

export const pairEdges: Readonly<Record<string, Edge>> = {
  "a condition on both rows is asked for each pair": {
    pairCondition: "hist.seq < cur.seq",
    pairHolds: (hist, cur) => hist["seq"] === null || cur["seq"] === null ? null : hist["seq"]! < cur["seq"]!,
    maxItems: 2,
    history: [at(91, 1, {seq: 1n}), at(92, 2, {seq: 2n}), at(93, 3, {seq: null}), at(94, 4, {seq: 4n}), at(100, 5, {seq: 1n})],
    target: [{seq: 3n}, {seq: null}, {seq: 9n}],
    gives: [[1n, 2n], [], [2n, 4n]],
  },
  "a condition on both rows counts": {
    operation: "count",
    pairCondition: "hist.seq < cur.seq OR hist.region = 'us'",
    pairHolds: (hist, cur) => hist["seq"]! < cur["seq"]! || hist["region"] === "us",
    condition: "kept",
    history: [at(91, 1, {seq: 1n}), at(92, 2, {seq: 9n}), at(93, 3, {seq: 9n, region: "us"}), at(94, 3, {seq: 1n, kept: false})],
    target: [{seq: 3n}],
    gives: [2n],
  },
  "a condition on both rows flattens": {
    operation: "flatten_distinct",
    pairCondition: "hist.seq <> cur.seq",
    pairHolds: (hist, cur) => hist["seq"] !== cur["seq"],
    exclude: byItem,
    maxItems: 3,
    history: [
      tagged(91, [1, 2, null], {seq: 1n, item: 4n}),
      tagged(92, [1, 3], {seq: 2n, item: 4n}),
      tagged(93, [1, 4, 1], {seq: 3n, item: 4n}),
      tagged(94, [5], {seq: 3n, item: 5n}),
    ],
    target: [{seq: 3n, item: 5n}, {seq: 1n, item: 5n}, {seq: 2n, item: 4n}],
    gives: [[2n, 1n, 3n], [3n, 4n, 1n], [5n]],
  },
  "a condition on both rows and the row itself": {
    pairCondition: "hist.item > cur.item",
    pairHolds: (hist, cur) => hist["item"]! > cur["item"]!,
    current: {value: "item", condition: undefined},
    maxItems: 2,
    history: [at(91, 7), at(92, 8), at(93, 1)],
    target: [{item: 5n}, {item: 7n}, {item: 5n, user_id: null}],
    gives: [[8n, 5n], [8n, 7n], []],
  },
  "history counts once it is known, strictly before the row": {
    knownAt: "known",
    history: [at(91, 1, {known: 99n}), at(92, 2, {known: 100n}), at(93, 3, {known: null}), at(94, 4, {known: 93n}), at(100, 5, {known: 1n})],
    target: [{}, {__ts: 101n}],
    gives: [
      [1n, 4n],
      [1n, 2n, 4n, 5n],
    ],
  },
  "history that is not yet known doesn't count": {
    operation: "count",
    knownAt: "known",
    windowUs: undefined,
    history: [at(91, 1, {known: 99n}), at(92, 2, {known: 100n})],
    target: [{}],
    gives: [1n],
  },
  "what is not yet known hides nothing": {
    operation: "flatten_distinct",
    knownAt: "known",
    history: [tagged(91, [1, 2], {known: 91n}), tagged(92, [1], {known: 150n})],
    target: [{}],
    gives: [[1n, 2n]],
  },
};
