/**
 * Random tasks from a seed. A task holds several small histories, told apart by the key `world`, so that one run of an engine
 * proves many. Instants and values are few, so that ties, duplicates and windows that end on an event are the rule.
 */
import {aggregationOperations} from "../../src/definitions/aggregation-operation.js";
import {below, pick, seededRandom, type Random} from "../support/seeded-random.js";
import type {Cell, Column, Row} from "./cells.js";
import type {TestTask, TestWindow} from "./oracle.js";

export const worldsPerTask = 20;

const pools = {
  BIGINT: [1n, 2n, 3n, -4n, 9007199254740993n, 9007199254740992n, 9223372036854775807n],
  INTEGER: [1, 2, 3, -2147483648],
  DOUBLE: [0.5, 0.1, 1e-320, -3.25, 1e17, NaN, Infinity, 0],
  FLOAT: [0.5, Math.fround(0.1), NaN, -Infinity],
  BOOLEAN: [true, false],
  VARCHAR: ["", "a", "Z", "é", "e\u0301", "😀", "\uffee", "it's"],
  DATE: [0n, -1n, 20485n],
  TIMESTAMP: [0n, -1n, 1769904000000001n],
} as const satisfies Record<string, readonly Cell[]>;
type Scalar = keyof typeof pools;
const scalars = Object.keys(pools) as Scalar[];
const listed: readonly Scalar[] = ["BIGINT", "VARCHAR", "DOUBLE", "DATE"];

const numbers: readonly Scalar[] = ["BIGINT", "INTEGER", "DOUBLE", "FLOAT"];
/** Fewer than 32 of them stay within BIGINT when they are added, and most sums are beyond what a DOUBLE holds. */
const amounts = [1n, -5n, 9007199254740993n, 288230376151711743n] as const;

const scalarColumn = (type: Scalar): string => `a ${type.toLowerCase()}`;
const listColumn = (type: Scalar): string => `some ${type.toLowerCase()}`;

/** Columns that both tables have. */
const shared: readonly Column[] = [
  {name: "__ts", type: "BIGINT"},
  {name: "world", type: "BIGINT"},
  {name: "user_id", type: "BIGINT"},
  {name: "region", type: "VARCHAR"},
  {name: "seq", type: "INTEGER"},
  {name: "is_kept", type: "BOOLEAN"},
  {name: "is_liked", type: "BOOLEAN"},
  {name: "known", type: "BIGINT"},
  {name: "amount", type: "BIGINT"},
  ...scalars.map((type) => ({name: scalarColumn(type), type})),
  ...listed.map((type) => ({name: listColumn(type), type: `${type}[]`})),
];

/** An instant of a world: 24 microseconds long, at an odd place of time. */
export function randomInstant(random: Random): bigint {
  return 1769904000000000n + BigInt(below(random, 24));
}

export function randomEvent(random: Random, world: bigint): Row {
  const orNull = (probability: number, cell: Cell): Cell => (random() < probability ? null : cell);
  const ts = randomInstant(random);
  const lists = listed.map((type) => {
    const items = Array.from({length: below(random, 5)}, () => orNull(0.1, pick<Cell>(random, pools[type])));
    return [listColumn(type), orNull(0.1, items)] as const;
  });
  return {
    __ts: ts,
    world,
    user_id: orNull(0.1, BigInt(below(random, 2))),
    region: orNull(0.1, pick(random, ["eu", "us"])),
    seq: orNull(0.2, below(random, 3)),
    is_kept: random() < 0.7,
    is_liked: random() < 0.4,
    amount: orNull(0.1, pick(random, amounts)),
    known: orNull(0.1, ts + BigInt(below(random, 6) - 1)),
    ...Object.fromEntries(scalars.map((type) => [scalarColumn(type), orNull(0.15, pick<Cell>(random, pools[type]))] as const)),
    ...Object.fromEntries(lists),
  };
}

function randomWindow(random: Random, name: string): TestWindow {
  const operation = pick(random, random() < 0.4 ? (["list", "list", "count", "flatten_distinct"] as const) : aggregationOperations);
  const isSum = ["sum", "mean", "stddev", "decay_sum"].includes(operation);
  const type = operation === "flatten_distinct" ? pick(random, listed) : pick(random, isSum ? numbers : scalars);
  const value = operation === "flatten_distinct" ? listColumn(type) : isSum && type === "BIGINT" ? "amount" : scalarColumn(type);
  const isOfRows = operation === "count" || operation === "time_since_last" || operation === "decay_sum";
  const counted = isOfRows && random() < 0.5 ? undefined : value;
  const elementType = operation === "time_since_last" || counted === undefined ? "BIGINT" : type;
  const isList = ["list", "flatten_distinct", "distinct_list", "top_k"].includes(operation);
  const condition = pick(random, [undefined, "is_kept", "is_liked"]);
  const hasCurrent = random() < 0.3;
  const excluded = pick(random, [undefined, undefined, operation === "flatten_distinct" ? "a bigint" : value, "region", "seq"]);
  const isPaired = random() < 0.12;
  return {
    name,
    operation,
    value: counted,
    elementType,
    condition,
    pairCondition: isPaired ? "hist.seq <= cur.seq" : undefined,
    pairHolds: (hist, cur) => (hist["seq"] === null || cur["seq"] === null ? null : hist["seq"]! <= cur["seq"]!),
    windowUs: pick(random, [undefined, 1, 2, 5, 5, 9, 30]),
    maxItems: isList ? pick(random, [undefined, 1, 2, 3, 5]) : undefined,
    halfLifeUs: operation === "decay_sum" ? pick(random, [1, 3, 7_000_000]) : undefined,
    current: hasCurrent ? {value: counted, condition} : undefined,
    exclude: excluded === undefined || hasCurrent ? undefined : {history: excluded, target: excluded},
    knownAt: random() < 0.12 ? "known" : undefined,
  };
}

export function randomTask(seed: number): TestTask {
  const random = seededRandom(seed);
  const events: Row[] = [];
  const rows: Row[] = [];
  for (let world = 0n; world < BigInt(worldsPerTask); world++) {
    const own = Array.from({length: below(random, 16)}, () => randomEvent(random, world));
    for (const event of [...own]) if (random() < 0.15) own.push(event);
    events.push(...own);
    // The spine's own events, as most services have them, and rows of another origin.
    rows.push(...own.filter(() => random() < 0.4));
    rows.push(...Array.from({length: below(random, 4)}, () => randomEvent(random, world)));
  }
  const keys = [["world", "user_id"], ["world"], ["region", "world", "user_id"]].at(below(random, 3))!;
  const orders = [[], ["seq"], ["seq", "region", "user_id"], ["some bigint", "a double"]];
  return {
    history: {columns: shared, rows: events},
    target: {
      columns: [{name: "__row", type: "BIGINT"}, ...shared],
      rows: rows.map((row, at) => ({...row, __row: BigInt(at)})),
    },
    keys: keys.map((key) => ({target: key, history: key})),
    orderColumns: pick(random, orders),
    windows: Array.from({length: 7}, (_, at) => randomWindow(random, `window ${at}`)),
  };
}
