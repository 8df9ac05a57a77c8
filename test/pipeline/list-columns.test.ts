/** Lists that an engine left in memory, as columns of a file that DuckDB wrote without them. */
import {existsSync, mkdtempSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import type {ListPart, ListStretches} from "../../src/engines/aggregation-engine.js";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {addLists} from "../../src/pipeline/list-columns.js";
import {KeptLists} from "../../src/pipeline/list-pages.js";
import {renderParquetOptions} from "../../src/pipeline/parquet-options.js";
import {below, seededRandom} from "../support/seeded-random.js";
import {testSession} from "../support/test-session.js";

const rowCount = 9000;
const sharedBits = (values: readonly bigint[]): BigInt64Array => {
  const bits = new BigInt64Array(new SharedArrayBuffer(8 * values.length));
  bits.set(values);
  return bits;
};

/** Stretches of one line, copies beside it, empty lists, and rows of which no part knows anything; and the same plainly. */
function makeLists(seed: number, value: (random: () => number) => bigint): {readonly stretches: ListStretches; readonly plain: readonly (readonly bigint[])[]} {
  const random = seededRandom(seed);
  const plain: bigint[][] = Array.from({length: rowCount}, () => []);
  const [part, place] = [new Int32Array(rowCount).fill(-1), new Int32Array(rowCount)];
  const parts = Array.from({length: 3}, (_, number): ListPart => {
    const line = Array.from({length: 500}, () => value(random));
    const extra: bigint[] = [];
    const [start, end]: [number[], number[]] = [[], []];
    for (let row = number; row < rowCount; row += 4) {
      const from = below(random, line.length);
      const list = line.slice(from, from + below(random, 12));
      const isCopied = below(random, 3) === 0;
      start.push(isCopied ? ~extra.length : from);
      if (isCopied) extra.push(...list);
      end.push(isCopied ? ~extra.length : from + list.length);
      [part[row], place[row], plain[row]] = [number, start.length - 1, list];
    }
    return {start: Int32Array.from(start), end: Int32Array.from(end), line: sharedBits(line), extra: sharedBits(extra)};
  });
  return {stretches: {part, place, parts}, plain};
}

const made = {
  wide: makeLists(1, (random) => BigInt(below(random, 2 ** 30)) - 2n ** 29n),
  repeated: makeLists(2, () => 7n),
};
let session: DuckDbSession;
let folder: string;
beforeAll(async () => {
  session = await testSession();
  folder = mkdtempSync(join(tmpdir(), "lists-"));
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

async function write(name: string, rows: Int32Array, threadCount: number): Promise<string> {
  const [inputPath, outputPath] = [join(folder, `${name}.scalars`), join(folder, `${name}.parquet`)];
  await session.run(`COPY (SELECT i AS id, i % 7 AS kind FROM range(${rows.length}) t(i)) TO '${inputPath}' ${renderParquetOptions(2048)}`);
  const lists = new KeptLists(new Map(Object.entries(made).map(([column, {stretches}]) => [column, stretches]))).pick(Object.keys(made));
  await addLists({inputPath, outputPath, rows, lists, order: ["wide", "id", "repeated", "kind"], threadCount, signal: new AbortController().signal});
  expect(existsSync(inputPath)).toBe(false);
  return outputPath;
}

describe("list columns", () => {
  const everyThird = Int32Array.from({length: rowCount / 3}, (_, at) => 3 * at);
  it.each([["all rows", Int32Array.from({length: rowCount}, (_, at) => at)], ["some rows", everyThird], ["rows without any list", Int32Array.from({length: 3000}, (_, at) => 3 + 4 * (at % 100))]] as const)("hold the lists of %s, whatever the number of threads", async (name, rows) => {
    const path = await write(`${name} one`, rows, 1);
    expect(readFileSync(await write(`${name} two`, rows, 2)).equals(readFileSync(path))).toBe(true);
    const found = await session.rows(`SELECT * FROM '${path}' ORDER BY id`);
    expect(Object.keys(found[0]!)).toEqual(["wide", "id", "repeated", "kind"]);
    const texts = (lists: readonly unknown[]): string => JSON.stringify(lists, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    for (const column of ["wide", "repeated"] as const) {
      const [row] = await session.rows(`SELECT list(CAST(${column} AS VARCHAR[]) ORDER BY id) AS lists, any_value(typeof(${column})) AS type FROM '${path}'`);
      expect(row!["type"]).toBe("BIGINT[]");
      expect(texts(row!["lists"] as unknown[])).toBe(texts(Array.from(rows, (number) => made[column].plain[number]!.map(String))));
    }
  });
  it("are compressed where that helps", async () => {
    const path = await write("compressed", everyThird, 1);
    const columns = await session.rows(`SELECT path_in_schema AS path, any_value(compression) AS codec FROM parquet_metadata('${path}') WHERE path_in_schema LIKE '%element' GROUP BY ALL ORDER BY path`);
    expect(columns).toEqual([{path: "repeated, list, element", codec: "ZSTD"}, {path: "wide, list, element", codec: "UNCOMPRESSED"}]);
  });
  it.each([2n ** 30n, -(2n ** 30n) - 1n, 2n ** 40n])("are left to DuckDB where a value is %s", (value) => {
    const columns = new Map([["wide", made.wide.stretches], ["far", makeLists(3, (random) => (below(random, 50) === 0 ? value : 5n)).stretches]]);
    expect([...new KeptLists(columns).pick(["wide", "far"]).keys()]).toEqual(["wide"]);
  });
});
