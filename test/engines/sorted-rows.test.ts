/** The native engine's own sort, beside the sort of the language: any order of arrival, equal instants, NULLs, values of each width. */
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
  readonly list: readonly number[];
  readonly hash: number;
}

const shape = {flagWords: 1, presence: [], values: [{width: 8, isList: false}, {width: 4, isList: false}, {width: 4, isList: true}, {width: 8, isList: false}]};
const order: RowOrder = {columns: [{column: 0, flag: {word: 0, bit: 1}}, {column: 1, flag: {word: 0, bit: 2}}], tie: 3};
const seqs = [undefined, -(2n ** 63n), -1n, 0n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n] as const;

const column = (values: ArrayBufferView, child?: RawColumn["child"]): RawColumn => ({data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength), validity: undefined, child});

function toChunk(rows: readonly Row[]): RawChunk {
  const entries = new BigInt64Array(2 * rows.length);
  const elements = rows.flatMap(({list}) => list);
  rows.forEach(({list}, at) => {
    entries[2 * at] = BigInt(rows.slice(0, at).flatMap((row) => row.list).length);
    entries[2 * at + 1] = BigInt(list.length);
  });
  return {
    rowCount: rows.length,
    columns: [
      column(Int32Array.from(rows, ({key}) => key)),
      column(Float64Array.from(rows, ({ts}) => ts)),
      column(Int32Array.from(rows, ({seq}) => (seq === undefined ? 2 : 3))),
      column(BigInt64Array.from(rows, ({seq}) => seq ?? 77n)),
      column(Int32Array.from(rows, ({rank}) => rank)),
      column(entries, {...column(Int32Array.from(elements)), rowCount: elements.length}),
      column(Float64Array.from(rows, ({hash}) => hash)),
    ],
  };
}

const scratch = new Scratch();

/** Rows of all blocks in the order in which the kernel sees them. */
function sortHere(rows: readonly Row[], {keyCount, chunkRows}: {readonly keyCount: number; readonly chunkRows: number}): Row[] {
  const builder = new ArrivalsBuilder(shape, {first: 0, last: keyCount - 1});
  for (let at = 0; at < rows.length; at += chunkRows) builder.append(toChunk(rows.slice(at, at + chunkRows)));
  return [...builder.blocks(order, 500)].flatMap((block) => {
    scratch.clear();
    const {key, ts, flags, values, places, rowCount} = sortArrived(scratch, block);
    const [seq, rank, lists, hash] = values;
    const {starts, ends} = lists!.lists!;
    const int32 = (at: number, place: number): number => scratch.int32(at, place + 1)[place]!;
    return Array.from(scratch.int32(places, rowCount), (place, row): Row => ({
      key: int32(key, row),
      ts: scratch.float64(ts, rowCount)[place]!,
      seq: (int32(flags[0]!, place) & 1) === 0 ? undefined : scratch.bits(seq!.at, rowCount)[place]!,
      rank: int32(rank!.at, place),
      list: Array.from({length: int32(ends, place) - int32(starts, place)}, (_, at) => int32(lists!.at, int32(starts, place) + at)),
      hash: scratch.float64(hash!.at, rowCount)[place]!,
    }));
  });
}

const compareSeq = (a: bigint | undefined, b: bigint | undefined): number => (a === b ? 0 : a === undefined || (b !== undefined && a < b) ? -1 : 1);
const sortPlainly = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => a.key - b.key || a.ts - b.ts || compareSeq(a.seq, b.seq) || a.rank - b.rank);

function makeRows(random: Random, {rowCount, keyCount, instants}: {readonly rowCount: number; readonly keyCount: number; readonly instants: number}): Row[] {
  return Array.from({length: rowCount}, (_, at) => ({key: below(random, keyCount), ts: below(random, instants) - 5, seq: seqs[below(random, seqs.length)], rank: at % 2 === 0 ? at : -at, list: Array.from({length: at % 4}, () => at), hash: 0}));
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
  const alike = {key: 0, ts: 1, seq: undefined, rank: 0, list: []};
  const sort = (hashes: readonly number[]): Row[] => sortHere(hashes.map((hash) => ({...alike, hash})), {keyCount: 1, chunkRows: 10});
  it("may have one value, which some of them lack", () => {
    expect(sort([5, 0, 5, 0])).toHaveLength(4);
  });
  it("are a tie with two values, however many without lie between them", () => {
    expect(() => sort([0, 5, 0, 0, 6])).toThrow(ValueTie);
  });
});
