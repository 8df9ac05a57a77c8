/** The native engine's own sort, beside the sort of the language: any order of arrival, equal instants, NULLs, values of each width, lists of any length. */
import {describe, expect, it} from "vitest";
import {ArrivalsBuilder, type RowOrder} from "../../src/engines/native/arrivals.js";
import {Scratch} from "../../src/engines/native/scratch.js";
import {sortArrived} from "../../src/engines/native/sorted-rows.js";
import {ValueTie} from "../../src/engines/native/tie-check.js";
import type {RawChunk, RawColumn} from "../../src/engines/raw-vectors.js";
import {below, seededRandom, type Random} from "../support/seeded-random.js";

interface Row {
  readonly key: number;
  readonly ts: number;
  readonly seq: bigint | undefined;
  readonly rank: number;
  readonly isSold: boolean;
  readonly list: List | undefined;
}
type List = readonly (number | undefined)[];

const shape = {flagWords: 1, presence: [{value: 0, flag: 0}, {value: 3, flag: 2}, {value: 4, flag: 2}], values: [...[8, 4, 1].map((width) => ({width, isList: false})), ...[8, 4].map((width) => ({width, isList: true}))]};
const flagAt = (flag: number): {readonly word: number; readonly bit: number} => ({word: 0, bit: 1 << flag});
const order: RowOrder = {columns: [{column: 0, flag: flagAt(0)}, {column: 1, flag: flagAt(1)}], tie: {column: 3, flag: flagAt(2), isFloating: true}};
const seqs = [undefined, -(2n ** 63n), -1n, 0n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n] as const;

/** @param present where the values are; undefined: everywhere */
function column(values: ArrayBufferView, present?: readonly boolean[], child?: RawColumn["child"]): RawColumn {
  const validity = present && new Uint8Array(8 * Math.ceil(present.length / 64));
  present?.forEach((isPresent, at) => (validity![at >> 3]! |= isPresent ? 1 << (at & 7) : 0));
  return {data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength), validity, child};
}

function toChunk(rows: readonly Row[]): RawChunk {
  const entries = new BigInt64Array(2 * rows.length);
  const elements: (number | undefined)[] = [];
  rows.forEach(({list}, at) => {
    // What a NULL tells of itself is undefined.
    entries.set([BigInt(elements.length), BigInt(list?.length ?? 5)], 2 * at);
    elements.push(...(list ?? []));
  });
  const isDefined = (value: unknown): boolean => value !== undefined;
  const presence = (values: readonly unknown[]): boolean[] | undefined => (values.every(isDefined) ? undefined : values.map(isDefined));
  const listColumn = (values: ArrayBufferView): RawColumn => column(entries, presence(rows.map(({list}) => list)), {...column(values, presence(elements)), rowCount: elements.length});
  return {
    rowCount: rows.length,
    columns: [
      column(Int32Array.from(rows, ({key}) => key)),
      column(Float64Array.from(rows, ({ts}) => ts)),
      column(new Int32Array(rows.length).fill(2)),
      column(BigInt64Array.from(rows, ({seq}) => seq ?? 77n), presence(rows.map(({seq}) => seq))),
      column(Int32Array.from(rows, ({rank}) => rank)),
      column(Uint8Array.from(rows, ({isSold}) => Number(isSold))),
      listColumn(Float64Array.from(elements, (element) => element ?? 77)),
      listColumn(Float32Array.from(elements, (element) => element ?? 77)),
    ],
  };
}

const scratch = new Scratch();

/** Rows of all blocks in the order in which the kernel sees them. */
function sortHere(rows: readonly Row[], {keyCount, chunkRows, sorted = order}: {readonly keyCount: number; readonly chunkRows: number; readonly sorted?: RowOrder}): Row[] {
  const builder = new ArrivalsBuilder(shape, {first: 0, last: keyCount - 1});
  for (let at = 0; at < rows.length; at += chunkRows) builder.append(toChunk(rows.slice(at, at + chunkRows)));
  return [...builder.blocks(sorted, 500)].flatMap((block) => {
    scratch.clear();
    const {key, ts, flags, values, places, rowCount} = sortArrived(scratch, block);
    const [seq, rank, sold, lists] = values;
    const {starts, ends, present} = lists!.lists!;
    const int32 = (at: number, place: number): number => scratch.int32(at, place + 1)[place]!;
    const hasFlag = (flag: number, place: number): boolean => (int32(flags[0]!, place) & (1 << flag)) !== 0;
    const element = (at: number): number | undefined => (scratch.bytes(present, at + 1)[at] === 1 ? scratch.float64(lists!.at, at + 1)[at]! : undefined);
    return Array.from(scratch.int32(places, rowCount), (place, row): Row => ({
      key: int32(key, row),
      ts: scratch.float64(ts, rowCount)[row]!,
      seq: hasFlag(0, place) ? scratch.bits(seq!.at, rowCount)[place]! : undefined,
      rank: int32(rank!.at, place),
      isSold: scratch.bytes(sold!.at, rowCount)[place] === 1,
      list: hasFlag(2, place) ? Array.from({length: int32(ends, place) - int32(starts, place)}, (_, at) => element(int32(starts, place) + at)) : undefined,
    }));
  });
}

const compareSeq = (a: bigint | undefined, b: bigint | undefined): number => (a === b ? 0 : a === undefined || (b !== undefined && a < b) ? -1 : 1);
const sortPlainly = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => a.key - b.key || a.ts - b.ts || compareSeq(a.seq, b.seq) || a.rank - b.rank);

function makeRows(random: Random, {rowCount, keyCount, instants}: {readonly rowCount: number; readonly keyCount: number; readonly instants: number}): Row[] {
  return Array.from({length: rowCount}, (_, at) => ({key: below(random, keyCount), ts: below(random, instants) - 5, seq: seqs[below(random, seqs.length)], rank: at % 2 === 0 ? at : -at, isSold: random() < 0.5, list: makeList(random, at)}));
}

/** Some are longer than the stretches that elements are kept in. */
function makeList(random: Random, at: number): List | undefined {
  const length = at % 397 === 5 ? 2500 : at % 5;
  return length === 4 ? undefined : Array.from({length}, (_, element) => (random() < 0.2 ? undefined : at + element / 4));
}

describe("rows in any order of arrival", () => {
  const arrivals: readonly (readonly [string, (rows: Row[]) => Row[]])[] = [
    ["at random", (rows) => rows],
    ["by time", (rows) => rows.sort((a, b) => a.ts - b.ts)],
    ["against time", (rows) => rows.sort((a, b) => b.ts - a.ts)],
    ["by time, in two mixed halves", (rows) => rows.sort((a, b) => a.ts - b.ts).map((_, at, all) => all[(Math.floor(at / 200) % 2) * (all.length / 2) + Math.floor(at / 400) * 200 + (at % 200)]!)],
  ];
  it.each(arrivals)("are sorted: %s", (_, arrange) => {
    const random = seededRandom(7);
    for (const {rowCount, keyCount, instants} of [{rowCount: 6000, keyCount: 3, instants: 40}, {rowCount: 2000, keyCount: 500, instants: 100_000}, {rowCount: 400, keyCount: 1, instants: 1}]) {
      const rows = arrange(makeRows(random, {rowCount, keyCount, instants}));
      expect(sortHere(rows, {keyCount, chunkRows: 300})).toEqual(sortPlainly(rows));
    }
  });
  it("are none where there are none", () => {
    expect(sortHere([], {keyCount: 5, chunkRows: 10})).toEqual([]);
  });
});

describe("rows that are alike", () => {
  const alike = {key: 0, ts: 1, seq: undefined, rank: 0, isSold: false};
  const sort = (lists: readonly (List | undefined)[], sorted = order): Row[] => sortHere(lists.map((list) => ({...alike, list})), {keyCount: 1, chunkRows: 10, sorted});
  const whole: RowOrder = {...order, tie: {...order.tie!, isFloating: false}};
  const single: RowOrder = {...order, tie: {...order.tie!, column: 4}};
  it("may have one list, which some of them lack", () => {
    expect(sort([[5, undefined], undefined, [5, undefined], undefined])).toHaveLength(4);
    expect(sort([undefined, [], []])).toHaveLength(3);
  });
  it.each([
    ["another value", [5, 6], [5, 7]],
    ["no value", [5, 6], [5, undefined]],
    ["one more", [5, 6], [5, 6, 6]],
    ["none", [5], []],
  ])("are a tie with lists that differ in %s, however many without lie between them", (_, one, other) => {
    for (const lists of [[one, other], [other, one]]) {
      for (const sorted of [order, single, whole]) expect(() => sort([undefined, lists[0], undefined, undefined, lists[0], lists[1]], sorted)).toThrow(ValueTie);
    }
  });
  it("may spell floating values differently", () => {
    const otherNaN = new Float64Array(BigUint64Array.of(0xfff8000000000001n).buffer)[0]!;
    for (const sorted of [order, single]) {
      expect(sort([[0, NaN], [-0, otherNaN]], sorted)).toHaveLength(2);
      expect(() => sort([[0], [NaN]], sorted)).toThrow(ValueTie);
    }
    expect(() => sort([[0], [-0]], whole)).toThrow(ValueTie);
  });
  it("are no tie where something before the list orders them", () => {
    const row = {...alike, list: [1]};
    expect(sortHere([row, {...row, rank: 1, list: [2]}, {...row, ts: 2, list: [3]}, {...row, key: 1, list: [4]}], {keyCount: 2, chunkRows: 10})).toHaveLength(4);
  });
});
