/** Pages that kernels render, byte for byte beside plain functions. */
import {describe, expect, it} from "vitest";
import type {ListStretches, NumberPlaces} from "../../src/engines/aggregation-engine.js";
import {ColumnArena} from "../../src/pipeline/column-arena.js";
import {ColumnPageWriter, type ColumnPageJob, type CountedPage} from "../../src/pipeline/column-pages.js";
import {KeptColumns} from "../../src/pipeline/kept-columns.js";
import {widthOfNumber, type NumberType} from "../../src/pipeline/parquet-column.js";
import {renderBody, renderDictionary} from "../../src/pipeline/parquet-pages.js";
import type {EncodedChunk} from "../../src/pipeline/parquet-splice.js";
import {makeLists, makeNumberRows, makeNumbers, toBits} from "../support/kept-values.js";
import {readLists, readNumberRows, readNumbers, renderLists, renderNumbers} from "../support/naive-pages.js";
import {below, seededRandom} from "../support/seeded-random.js";

const threadCount = 2;
/** Never worth it, so that bytes stay those of the format. */
const inflate = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, bytes]);

/** Renders what comes of the rows, by the thread of this number. */
function open(kept: KeptColumns, thread = 0, room?: SharedArrayBuffer): (name: string, rows: Int32Array) => ReturnType<ColumnPageWriter["render"]> {
  const arena = new ColumnArena(threadCount);
  const columns = arena.load(kept, 2 ** 30);
  const writer = new ColumnPageWriter({memory: arena.memory, thread}, inflate);
  return (name, rows) => {
    const {rows: address, scratch} = arena.putRows(rows);
    return writer.render({column: columns.get(name)!, rows: address, rowCount: rows.length, scratch, isCompressed: false, room} satisfies ColumnPageJob);
  };
}

const bytesOf = ({parts}: {readonly parts: readonly Uint8Array[]}): Buffer => Buffer.concat(parts);

function expectPages(pages: readonly CountedPage[], lists: readonly (readonly bigint[])[]): void {
  let from = 0;
  for (const page of pages) {
    const own = lists.slice(from, (from += page.rowCount));
    const valueCount = own.reduce((sum, {length}) => sum + Math.max(1, length), 0);
    expect(bytesOf(page).equals(bytesOf(renderBody({rowCount: own.length, valueCount, nullCount: 0, encoding: 5, body: [renderLists(own)]})))).toBe(true);
    const lengths = own.map(({length}) => length);
    expect(page).toMatchObject({valueCount, nullCount: 0, lengths: {total: lengths.reduce((sum, length) => sum + length, 0), least: Math.min(...lengths), most: Math.max(...lengths)}});
  }
  expect(from).toBe(lists.length);
}

function expectChunk(chunk: EncodedChunk, numbers: readonly (bigint | undefined)[], type: NumberType): void {
  const {encoding, dictionary, body} = renderNumbers(numbers, type);
  const nullCount = numbers.filter((number) => number === undefined).length;
  const head = dictionary.length > 0 ? renderDictionary(dictionary, dictionary.length / widthOfNumber(type)) : {parts: [], byteCount: 0};
  const page = renderBody({rowCount: numbers.length, valueCount: numbers.length, nullCount, encoding, body: [body]});
  expect(chunk).toMatchObject({encoding, nullCount, rowCount: numbers.length, dictionaryByteCount: head.byteCount, isCompressed: false});
  expect(bytesOf(chunk).equals(Buffer.concat([bytesOf(head), bytesOf(page)]))).toBe(true);
}

const everyRow = (rowCount: number): Int32Array => Int32Array.from({length: rowCount}, (_, at) => at);

describe("pages of lists", () => {
  const widths = [0, 1, 2, 3, 7, 8, 15, 16, 29, 30, 31, 32, 33, 40, 63, 64];
  it.each(widths)("hold numbers of %i bits, in either thread's scratch", (width) => {
    const random = seededRandom(width + 1);
    const value = (): bigint => BigInt.asIntN(width, (BigInt(below(random, 2 ** 32)) << 32n) | BigInt(below(random, 2 ** 32)));
    const lists = makeLists(600, random, value, 12);
    for (const thread of [0, 1]) expectPages(open(new KeptColumns([["v", lists]]), thread)("v", everyRow(600)) as readonly CountedPage[], readLists(lists, everyRow(600)));
  });
  it.each([0, 1, 2, 31, 32, 33, 128, 129, 130, 257])("of %i items end blocks anywhere", (length) => {
    const random = seededRandom(length);
    const line = BigInt64Array.from({length}, () => BigInt(below(random, 1000)));
    const lists: ListStretches = {kind: "lists", part: Int32Array.of(0), place: Int32Array.of(0), parts: [{start: Int32Array.of(0), end: Int32Array.of(length), line, extra: new BigInt64Array(0)}]};
    expectPages(open(new KeptColumns([["v", lists]]))("v", everyRow(1)) as readonly CountedPage[], [[...line]]);
  });
  const lengths: readonly (readonly [string, (row: number, random: () => number) => number])[] = [
    ["empty", () => 0],
    ["of one item", () => 1],
    ["long", () => 40],
    ["of any length", (_, random) => below(random, 5)],
    ["empty or of one item", (_, random) => below(random, 2)],
    ["rarely empty", (row) => (row % 50 === 7 ? 0 : 9)],
    ["of one item, then of more", (row) => (row < 30 ? 1 : 2)],
  ];
  it.each(lengths.flatMap(([name, lengthOf]) => [1, 16, 61].map((rowCount) => ({name, lengthOf, rowCount}))))("have their levels: $rowCount lists that are $name", ({lengthOf, rowCount}) => {
    const random = seededRandom(rowCount);
    const end = Int32Array.from({length: rowCount}, (_, row) => lengthOf(row, random));
    const lists: ListStretches = {kind: "lists", part: new Int32Array(rowCount), place: everyRow(rowCount), parts: [{start: new Int32Array(rowCount), end, line: BigInt64Array.from({length: 40}, (_, at) => BigInt(at)), extra: new BigInt64Array(0)}]};
    expectPages(open(new KeptColumns([["v", lists]]))("v", everyRow(rowCount)) as readonly CountedPage[], readLists(lists, everyRow(rowCount)));
  });
  it("take the rows that are asked for, again and again", () => {
    const lists = makeLists(400, seededRandom(1), () => 5n, 4);
    const render = open(new KeptColumns([["v", lists]]));
    for (const rows of [Int32Array.of(), Int32Array.of(3, 7, 11), Int32Array.of(9, 9, 0, 399), everyRow(400)]) expectPages(render("v", rows) as readonly CountedPage[], readLists(lists, rows));
  });
  it("keep some values narrow where others are wide", () => {
    const random = seededRandom(5);
    const narrow = makeLists(200, random, () => BigInt(below(random, 100)), 5);
    const far = BigInt64Array.of(2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n, 0n);
    const lists = {...narrow, parts: narrow.parts.map((part, at) => (at === 1 ? {...part, start: part.start.map(() => 0), end: part.end.map((_, row) => row % 5), line: far} : part))};
    expectPages(open(new KeptColumns([["v", lists]]))("v", everyRow(200)) as readonly CountedPage[], readLists(lists, everyRow(200)));
  });
  it("are several where items are many, and one list has a page of its own", () => {
    const line = BigInt64Array.from({length: 400_000}, (_, at) => BigInt(at % 1000));
    const lists: ListStretches = {kind: "lists", part: new Int32Array(9), place: everyRow(9), parts: [{start: new Int32Array(9), end: Int32Array.from({length: 9}, (_, at) => (at === 4 ? 400_000 : 150_000)), line, extra: new BigInt64Array(0)}]};
    const pages = open(new KeptColumns([["v", lists]]))("v", everyRow(9)) as readonly CountedPage[];
    expect(pages.map(({rowCount}) => rowCount)).toEqual([2, 2, 1, 2, 2]);
    expectPages(pages.slice(0, 1), [0, 1].map(() => [...line.subarray(0, 150_000)]));
  });
});

describe("chunks of numbers", () => {
  const types: readonly (readonly [NumberType, (random: () => number) => number])[] = [
    ["BOOLEAN", (random) => below(random, 2)],
    ["INTEGER", (random) => below(random, 2 ** 32) - 2 ** 31],
    ["DATE", (random) => 20_000 + below(random, 30)],
    ["BIGINT", (random) => below(random, 2 ** 52)],
    ["TIMESTAMP", (random) => 1_700_000_000_000_000 + below(random, 2 ** 45)],
    ["FLOAT", (random) => random() * 10 - 5],
    ["DOUBLE", (random) => random() * 10 - 5],
  ];
  const shapes = types.flatMap(([type, value]) => [undefined, 2, 40, 1].flatMap((nulls) => [0, 1, 7, 700].map((rowCount) => ({type, value, nulls, rowCount}))));
  it.each(shapes)("of $type: $rowCount rows, one of $nulls is NULL", ({type, value, nulls, rowCount}) => {
    const random = seededRandom(rowCount + (nulls ?? 0));
    for (const isRepeated of [false, true]) {
      const some = Array.from({length: 9}, () => toBits(value(random), type));
      const places = makeNumbers(rowCount, random, () => (isRepeated ? some[below(random, below(random, 9) + 1)]! : toBits(value(random), type)), {type, withoutPart: nulls === 40 ? "null" : "zero", nulls});
      for (const thread of [0, 1]) expectChunk(open(new KeptColumns([["v", places]]), thread)("v", everyRow(rowCount)) as EncodedChunk, readNumbers(places, everyRow(rowCount)), type);
    }
  });
  it.each(shapes)("by row, of $type: $rowCount rows, one of $nulls is NULL", ({type, value, nulls, rowCount}) => {
    const random = seededRandom(rowCount + (nulls ?? 0));
    // Doubles are kept narrow where all are 0, whose bits are those of a whole number.
    for (const width of widthOfNumber(type) === 8 ? [4, 8] : [widthOfNumber(type)]) {
      const valueOf = width < widthOfNumber(type) ? (): bigint => (type === "DOUBLE" ? 0n : BigInt(below(random, 2 ** 32)) - 2n ** 31n) : (): bigint => toBits(value(random), type);
      const rows = makeNumberRows(rowCount, random, valueOf, {type, width, nulls});
      const render = open(new KeptColumns([["v", rows]]));
      for (const asked of [everyRow(rowCount), everyRow(rowCount).subarray(3), everyRow(rowCount).filter((row) => row % 3 !== 1)]) expectChunk(render("v", asked) as EncodedChunk, readNumberRows(rows, asked), type);
    }
  });
  const manyValues: readonly (readonly [string, (row: number, random: () => number) => number])[] = [
    ["in any order", (_, random) => below(random, 300)],
    ["in any order, far apart", (_, random) => below(random, 300) * 2 ** 40],
    ["ascending", (row) => Math.floor(row / 6)],
    ["in runs of any length", (row, random) => Math.floor((row + below(random, 2)) / 9) % 280],
  ];
  it.each(manyValues)("of hundreds of numbers that are %s", (_, valueOf) => {
    const random = seededRandom(3);
    for (const rowCount of [1999, 2400]) {
      const places: NumberPlaces = {kind: "numbers", type: "BIGINT", withoutPart: "null", part: new Int32Array(rowCount), place: everyRow(rowCount), parts: [{bits: BigInt64Array.from({length: rowCount}, (__, row) => BigInt(valueOf(row, random))), isPresent: undefined}]};
      expectChunk(open(new KeptColumns([["v", places]]))("v", everyRow(rowCount)) as EncodedChunk, readNumbers(places, everyRow(rowCount)), "BIGINT");
    }
  });
  it.each([
    ["DOUBLE", [1, 2, NaN], undefined],
    ["FLOAT", [NaN], undefined],
    ["DOUBLE", [Infinity, -Infinity, 3], [-Infinity, Infinity]],
    ["DOUBLE", [0, 0], [-0, 0]],
    ["FLOAT", [-0, -1], [-1, 0]],
    ["INTEGER", [-(2 ** 31), 2 ** 31 - 1], [-(2 ** 31), 2 ** 31 - 1]],
    ["BIGINT", [-5, 3, 2], [-5, 3]],
    ["BOOLEAN", [1, 1], [1, 1]],
  ] as const)("tell the bounds of %s %j, but of no NaN", (type, values, bounds) => {
    const places: NumberPlaces = {kind: "numbers", type, withoutPart: "null", part: new Int32Array(values.length), place: everyRow(values.length), parts: [{bits: BigInt64Array.from(values, (value) => toBits(value, type)), isPresent: undefined}]};
    const chunk = open(new KeptColumns([["v", places]]))("v", everyRow(values.length)) as EncodedChunk;
    const bytes = (value: number): Buffer => Buffer.from(BigInt64Array.of(toBits(value, type)).buffer).subarray(0, widthOfNumber(type));
    expect(chunk.bounds && [chunk.bounds.least, chunk.bounds.most].map((bound) => Buffer.from(bound))).toEqual(bounds?.map(bytes));
  });
});

describe("room for pages", () => {
  it("is used as far as it reaches", () => {
    const line = BigInt64Array.from({length: 300_000}, (_, at) => BigInt(at % 1000));
    const lists: ListStretches = {kind: "lists", part: new Int32Array(4), place: everyRow(4), parts: [{start: new Int32Array(4), end: Int32Array.of(200_000, 200_000, 300_000, 10), line, extra: new BigInt64Array(0)}]};
    const own = open(new KeptColumns([["v", lists]]))("v", everyRow(4)) as readonly CountedPage[];
    const room = new SharedArrayBuffer(own[0]!.byteCount + 100);
    const pages = open(new KeptColumns([["v", lists]]), 0, room)("v", everyRow(4)) as readonly CountedPage[];
    expect(pages.map(bytesOf)).toEqual(own.map(bytesOf));
    expect(pages.map(({parts}) => parts[0]!.buffer === room)).toEqual([true, false, false, true]);
  });
});

describe("an arena", () => {
  it("leaves out columns for which there is no room", () => {
    const random = seededRandom(9);
    const lists = makeLists(5000, random, () => 1n, 50);
    const numbers = (): NumberPlaces => makeNumbers(5000, random, () => 1n, {type: "BIGINT", withoutPart: "null", nulls: undefined});
    const kept = new KeptColumns([["lists", lists], ["a", numbers()], ["b", numbers()]]);
    const names = (bytesMax: number): string[] => [...new ColumnArena(threadCount).load(kept, bytesMax).keys()];
    let least = 0;
    for (const count of [1, 2, 3]) {
      let enough = 2 ** 27;
      for (let middle = (least + enough) / 2; enough - least > 2 ** 12; middle = (least + enough) / 2) {
        if (names(middle).length >= count) enough = middle;
        else least = middle;
      }
      expect(names(enough)).toHaveLength(count);
      expect(names(enough - 2 ** 13).length).toBeLessThan(count);
    }
  });
});
