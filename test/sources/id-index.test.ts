import {describe, expect, it} from "vitest";
import {BigintIndex} from "../../src/sources/id-index.js";
import {readStoreRows, RowIds} from "../../src/sources/store-rows.js";
import {below, seededRandom} from "../support/seeded-random.js";

interface Batch {
  readonly ids: readonly (bigint | string)[];
  readonly rowIds: readonly bigint[];
}

async function* scan(batches: readonly Batch[]) {
  await Promise.resolve();
  for (const {ids, rowIds} of batches) {
    const values = typeof ids[0] === "bigint" ? BigInt64Array.from(ids as bigint[]) : ids;
    const column = {nullCount: 0, toArray: () => values, [Symbol.iterator]: () => ids[Symbol.iterator]()};
    const rows = {nullCount: 0, toArray: () => BigUint64Array.from(rowIds), [Symbol.iterator]: () => rowIds[Symbol.iterator]()};
    yield {numRows: ids.length, getChild: (name: string) => (name === "_rowid" ? rows : column)};
  }
}

const fragment = (number: number, row: number): bigint => (BigInt(number) << 32n) + BigInt(row);

describe("the ids of a store", () => {
  it("are found by position, at most 24 bytes each", () => {
    const random = seededRandom(5);
    const ids = BigInt64Array.from({length: 20_000}, (_, k) => BigInt(k) * 3_000_000_019n - BigInt(below(random, 1000)) * 2n ** 40n);
    const index = new BigintIndex(ids);
    const words = new Int32Array(ids.buffer);
    for (let k = 0; k < ids.length; k += 7) expect(index.find(words[k * 2]!, words[k * 2 + 1]!)).toBe(k);
    expect(index.find(1, 2)).toBe(-1);
    expect(index.byteCount / ids.length).toBeLessThan(24);
    expect(index.duplicates).toEqual({count: 0, examples: []});
  });

  it("keep row ids as runs, across fragments and gaps", () => {
    const rowIds = new RowIds();
    const all = [fragment(0, 0), fragment(0, 1), fragment(0, 5), fragment(3, 0), fragment(3, 1)];
    rowIds.append(BigUint64Array.from(all.slice(0, 2)));
    rowIds.append(BigUint64Array.from(all.slice(2)));
    expect(all.map((_, position) => rowIds.get(position))).toEqual(all);
    expect(rowIds.isAscending).toBe(true);
  });

  it.each([
    ["integers", [3n, 1n, 2n, 9n, -4n]],
    ["texts", ["c", "a", "ü-b", "", "längst"]],
  ] as const)("take the order of row ids, whatever the order of the scan: %s", async (_, ids) => {
    const batches = [
      {ids: ids.slice(0, 3), rowIds: [fragment(2, 0), fragment(2, 1), fragment(0, 7)]},
      {ids: ids.slice(3), rowIds: [fragment(1, 0), fragment(1, 1)]},
    ];
    const {index, rowIds} = await readStoreRows(scan(batches), {column: "id", kind: typeof ids[0] === "bigint" ? "bigint" : "text", rowCount: 5});
    expect([...index.slice(0, 5)]).toEqual([ids[2], ids[3], ids[4], ids[0], ids[1]]);
    expect(Array.from({length: 5}, (__, position) => rowIds.get(position))).toEqual([fragment(0, 7), fragment(1, 0), fragment(1, 1), fragment(2, 0), fragment(2, 1)]);
    if (index.kind === "text") expect(ids.map((id) => index.find(id as string))).toEqual([3, 4, 0, 1, 2]);
    if (index.kind === "text") expect(index.find("x")).toBe(-1);
  });
});
