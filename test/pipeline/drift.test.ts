/** Buckets are compared with counts made by hand; the index with values from its formula, worked out beside each case. */
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {populationStabilityIndex, readBuckets, type DriftBucket} from "../../src/pipeline/drift.js";
import {quoteText} from "../../src/sources/quote.js";

let scratch: string;
let session: DuckDbSession;
let fileCount = 0;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "daedalus-drift-"));
  session = await DuckDbSession.open();
});
afterAll(() => {
  session.close();
  rmSync(scratch, {recursive: true, force: true});
});

async function writeColumn(query: string): Promise<string> {
  const path = join(scratch, `${(fileCount += 1)}.parquet`);
  await session.run(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet)`);
  return path;
}

/** Both queries give one column `x`. */
async function bucketsOf(pinned: string, tested: string, bucketCount = 10): Promise<[string, number, number][]> {
  const [pinnedFile, testedFile] = [await writeColumn(pinned), await writeColumn(tested)];
  const [column] = await session.describe(`SELECT x FROM read_parquet(${quoteText(testedFile)})`);
  const buckets = await readBuckets(session, {files: [testedFile], pinnedFiles: [pinnedFile], column: column!, bucketCount});
  return buckets.map(({label, pinned: there, tested: here}) => [label, there, here]);
}

const values = (...rows: readonly string[]): string => `SELECT x FROM (VALUES ${rows.map((row) => `(${row})`).join(", ")}) AS t(x)`;
const index = (...counts: readonly [number, number][]): number =>
  populationStabilityIndex(counts.map(([pinned, tested], at): DriftBucket => ({label: String(at), pinned, tested})));

describe("the population stability index", () => {
  it("is 0 for equal shares, whatever the number of rows", () => {
    expect(index([50, 500], [50, 500])).toBe(0);
    expect(index([7, 21])).toBe(0);
  });

  it("sums (q - p) ln(q / p)", () => {
    // (0.3 - 0.5) ln(0.3 / 0.5) + (0.7 - 0.5) ln(0.7 / 0.5)
    expect(index([50, 30], [50, 70])).toBeCloseTo(0.2 * Math.log(5 / 3) + 0.2 * Math.log(1.4), 12);
    expect(index([50, 30], [50, 70])).toBeCloseTo(0.169_459_572_077_441_14, 12);
  });

  it("does not care which day is the pinned one", () => {
    expect(index([90, 40], [10, 60])).toBeCloseTo(index([40, 90], [60, 10]), 12);
  });

  it("counts an empty bucket as a share of 0.0001, so that it stays finite", () => {
    expect(index([100, 0])).toBeNaN();
    // 0.05 against 0.0001, and 0.95 against 1.
    expect(index([100, 95], [0, 5])).toBeCloseTo(0.0499 * Math.log(500) - 0.05 * Math.log(0.95), 12);
    expect(index([100, 0], [0, 100])).toBeCloseTo(2 * 0.9999 * Math.log(10_000), 12);
  });
});

describe("buckets", () => {
  it("are the pinned day's quantiles for numbers, and the first and the last are open", async () => {
    const found = await bucketsOf("SELECT i AS x FROM range(100) AS t(i)", "SELECT i * 2 - 50 AS x FROM range(100) AS t(i)", 4);
    // The borders lie at 24, 49 and 74; of the even numbers from -50 to 148, 38 are at most 24 and 37 above 74.
    expect(found).toEqual([["-50 to 24", 25, 38], ["25 to 49", 25, 12], ["50 to 74", 25, 13], ["75 to 148", 25, 37]]);
  });

  it("are the same whichever way the rows are ordered", async () => {
    const query = "SELECT (i * 7919) % 1000 / 7.0 AS x FROM range(1000) AS t(i)";
    expect(await bucketsOf(`${query} ORDER BY random()`, query)).toEqual(await bucketsOf(`${query} ORDER BY x`, query));
  });

  it("give a value that fills two quantiles one of its own", async () => {
    const pinned = "SELECT CASE WHEN i < 60 THEN 0 ELSE i END AS x FROM range(100) AS t(i)";
    const found = await bucketsOf(pinned, values("-1", "0", "1", "1", "99"), 4);
    expect(found).toEqual([["-1", 0, 1], ["0", 60, 1], ["1 to 74", 15, 2], ["75 to 99", 25, 1]]);
  });

  it("are the values themselves where there are few, and one for all others", async () => {
    expect(await bucketsOf(values("0.5", "0.5", "0.5"), values("0.1", "0.5", "0.9"))).toEqual([["0.5", 3, 1], ["other values", 0, 2]]);
    expect(await bucketsOf(values("true", "false"), values("true"))).toEqual([["false", 1, 0], ["true", 1, 1]]);
    expect(await bucketsOf(values("'a'", "'b'"), values("'a'", "'new'"))).toEqual([["a", 1, 1], ["b", 1, 0], ["other values", 0, 1]]);
  });

  it("are the most frequent values of a text with many", async () => {
    const pinned = "SELECT CASE WHEN i < 6 THEN 'often' WHEN i < 9 THEN 'seldom' ELSE 'once ' || i END AS x FROM range(12) AS t(i)";
    expect(await bucketsOf(pinned, values("'once 11'", "'seldom'"), 2)).toEqual([["often", 6, 0], ["seldom", 3, 1], ["other values", 3, 1]]);
  });

  it("are of their own for NULL and for NaN", async () => {
    const found = await bucketsOf(values("1::DOUBLE", "NULL", "'NaN'::DOUBLE", "'NaN'::DOUBLE"), values("NULL::DOUBLE", "1", "'Infinity'::DOUBLE"));
    expect(found).toEqual([["1.0", 1, 1], ["other values", 0, 1], ["NaN", 2, 0], ["NULL", 1, 1]]);
    const many = await bucketsOf("SELECT CASE WHEN i % 2 = 0 THEN 'NaN'::DOUBLE ELSE i END AS x FROM range(40) AS t(i)", values("'NaN'::DOUBLE", "100"), 2);
    expect(many).toEqual([["1.0 to 19.0", 10, 0], ["21.0 to 100.0", 10, 1], ["NaN", 20, 1]]);
  });

  it("hold lengths for lists, with the empty list as 0", async () => {
    expect(await bucketsOf(values("[1, 2]", "[3, 4]", "[]", "NULL"), values("[1]", "[]"))).toEqual([["length 0", 1, 1], ["length 2", 2, 0], ["other lengths", 0, 1], ["NULL", 1, 0]]);
  });

  it("hold instants and dates in their order", async () => {
    const found = await bucketsOf("SELECT DATE '2026-01-01' + i::INTEGER AS x FROM range(10) AS t(i)", values("DATE '2026-01-01'", "DATE '2027-01-01'"), 2);
    expect(found).toEqual([["2026-01-01 to 2026-01-05", 5, 1], ["2026-01-06 to 2027-01-01", 5, 1]]);
  });

  it("of many distinct numbers hold equal parts", async () => {
    const found = await bucketsOf("SELECT i / 7.0 AS x FROM range(200000) AS t(i)", "SELECT i / 7.0 AS x FROM range(200000) AS t(i)");
    expect(found.map(([, pinned, tested]) => [pinned, tested])).toEqual(Array(10).fill([20_000, 20_000]));
  });

  it("are one for NULL when nothing else is there, and none without rows", async () => {
    expect(await bucketsOf(values("NULL::INTEGER", "NULL"), values("NULL::INTEGER"))).toEqual([["NULL", 2, 1]]);
    expect(await bucketsOf("SELECT 1 AS x LIMIT 0", "SELECT 1 AS x LIMIT 0")).toEqual([]);
    expect(await bucketsOf("SELECT 1 AS x LIMIT 0", values("1", "2"))).toEqual([["other values", 0, 2]]);
  });
});
