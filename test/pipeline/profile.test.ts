import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {findProfiledFiles} from "../../src/pipeline/profile-input.js";
import {binsOf, profile, type ColumnProfile} from "../../src/pipeline/profile.js";
import {quoteText} from "../../src/sources/quote.js";

let scratch: string;
let session: DuckDbSession;
let fileCount = 0;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "daedalus-profile-"));
  session = await DuckDbSession.open();
});
afterAll(() => {
  session.close();
  rmSync(scratch, {recursive: true, force: true});
});

async function write(query: string, path = join(scratch, `${(fileCount += 1)}.parquet`)): Promise<string> {
  await session.run(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet)`);
  return path;
}

async function columnOf(query: string): Promise<ColumnProfile> {
  const found = await profile([await write(query)]);
  return found.columns[0]!;
}

const values = (...rows: readonly string[]): string => `SELECT x FROM (VALUES ${rows.map((row) => `(${row})`).join(", ")}) AS t(x)`;
const rowsOf = (column: ColumnProfile): readonly number[] => column.distribution!.histogram.map(({rows}) => rows);

describe("a profile", () => {
  it("has quartiles, mean and equal bins of numbers", async () => {
    const column = await columnOf("SELECT i / 10.0::DOUBLE AS x FROM range(121) AS t(i)");
    expect(column).toMatchObject({name: "x", type: "DOUBLE", kind: "number", nulls: 0, nans: 0, topValues: []});
    expect(column.distribution).toMatchObject({min: "0.0", q25: "3.0", median: "6.0", q75: "9.0", max: "12.0"});
    expect(column.distribution!.mean).toBeCloseTo(6, 12);
    // Borders at whole numbers belong to the upper bin; the last one has both of its ends.
    expect(rowsOf(column)).toEqual([...Array<number>(11).fill(10), 11]);
    expect(column.distribution!.histogram.at(-1)).toEqual({low: 11, high: 12, rows: 11});
  });

  it("gives few whole numbers a bin each, empty ones in between", async () => {
    const column = await columnOf(values("1", "1", "4", "NULL"));
    expect(column.distribution!.histogram).toEqual([{low: 1, high: 1, rows: 2}, {low: 2, high: 2, rows: 0}, {low: 3, high: 3, rows: 0}, {low: 4, high: 4, rows: 1}]);
    expect(column).toMatchObject({nulls: 1, distinctEstimate: 2, topValues: [{value: "1", rows: 2}, {value: "4", rows: 1}]});
  });

  it("keeps whole numbers beyond 2^53 exact", async () => {
    const column = await columnOf(values("9007199254740993", "9007199254740995"));
    expect(column.distribution).toMatchObject({min: "9007199254740993", max: "9007199254740995"});
  });

  it("counts NaN apart, and leaves infinity out of the bins only", async () => {
    const column = await columnOf(values("'NaN'::DOUBLE", "1", "2", "'Infinity'::DOUBLE", "NULL"));
    expect(column).toMatchObject({nulls: 1, nans: 1, distribution: {min: "1.0", median: "2.0", max: "inf", mean: Infinity}});
    expect(rowsOf(column).reduce((sum, rows) => sum + rows, 0)).toBe(2);
  });

  it("spans the widest doubles", async () => {
    const column = await columnOf(values("-1.7e308::DOUBLE", "0", "1.7e308::DOUBLE"));
    expect(rowsOf(column)).toEqual([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  });

  it("has one bin for a constant, and none without values", async () => {
    expect((await columnOf(values("0.5", "0.5"))).distribution!.histogram).toEqual([{low: 0.5, high: 0.5, rows: 2}]);
    expect(await columnOf(values("NULL::DOUBLE", "NULL"))).toMatchObject({nulls: 2, distribution: undefined, topValues: []});
    expect(await columnOf(values("'NaN'::DOUBLE"))).toMatchObject({nans: 1, distribution: undefined});
  });

  it("names the most frequent texts, unless each is there once", async () => {
    expect(await columnOf(values("'b'", "'a'", "'b'", "NULL", "'it''s'"))).toMatchObject({
      kind: "text", nulls: 1, min: "a", max: "it's", distribution: undefined,
      topValues: [{value: "b", rows: 2}, {value: "a", rows: 1}, {value: "it's", rows: 1}],
    });
    expect((await columnOf(values("'a'", "'b'"))).topValues).toEqual([]);
    expect((await columnOf(values("true", "true", "false"))).topValues).toEqual([{value: "true", rows: 2}, {value: "false", rows: 1}]);
  });

  it("puts instants and dates in order", async () => {
    const column = await columnOf(values("TIMESTAMP '2026-03-01'", "TIMESTAMP '2026-03-01 12:00:00.000001'", "TIMESTAMP '2026-03-02'"));
    expect(column).toMatchObject({kind: "time", distribution: {min: "2026-03-01 00:00:00", median: "2026-03-01 12:00:00.000001", mean: undefined}});
    expect(rowsOf(column)).toEqual([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    expect((await columnOf(values("DATE '2026-03-01'", "DATE '2026-03-03'"))).distribution).toMatchObject({min: "2026-03-01", max: "2026-03-03"});
    expect((await columnOf(values("TIMESTAMPTZ '2026-03-01 00:00:00+00'"))).distribution!.histogram).toEqual([{low: 1772323200000000, high: 1772323200000000, rows: 1}]);
  });

  it("describes lists by their lengths", async () => {
    const column = await columnOf(values("[1, 2]", "[]", "NULL", "[3, 4]"));
    expect(column).toMatchObject({kind: "list", nulls: 1, distinctEstimate: undefined, lengths: {min: 0, max: 2}, topValues: []});
    expect(column.distribution).toMatchObject({min: "0", median: "2", max: "2", histogram: [{low: 0, high: 0, rows: 1}, {low: 1, high: 1, rows: 0}, {low: 2, high: 2, rows: 2}]});
  });

  it("describes vectors by their norms", async () => {
    const column = await columnOf(values("[3.0::FLOAT, 4]", "[0, 0]", "NULL", "['NaN'::FLOAT, 1]", "[]"));
    expect(column).toMatchObject({kind: "vector", nulls: 1, nans: 1, lengths: {min: 0, max: 2}, distribution: {min: "0.0", max: "5.0"}});
  });

  it("of no rows has the columns", async () => {
    const found = await profile([await write("SELECT 1 AS i, 'a' AS t, [1] AS l, [1.0::FLOAT] AS v, now() AS n LIMIT 0")]);
    expect(found.rows).toBe(0);
    expect(found.columns.map(({kind, nulls, distribution}) => [kind, nulls, distribution])).toEqual([["number", 0, undefined], ["text", 0, undefined], ["list", 0, undefined], ["vector", 0, undefined], ["time", 0, undefined]]);
  });

  it("reads several files as one, and only the columns asked for, in their order", async () => {
    const files = [await write("SELECT 1 AS a, 2 AS b, 3 AS c"), await write("SELECT 10 AS a, 20 AS b, 30 AS c")];
    const found = await profile(files, {columns: ["c", "a"]});
    expect(found.rows).toBe(2);
    expect(found.columns.map(({name, distribution}) => [name, distribution!.max])).toEqual([["c", "30"], ["a", "10"]]);
  });

  it("names the nearest column where one is not there", async () => {
    const file = await write("SELECT 1 AS price");
    await expect(profile([file], {columns: ["prise"]})).rejects.toMatchObject({code: "profile-column-missing", facts: {column: "prise", nearest: "price"}});
  });

  it("names a file that is no parquet", async () => {
    const path = join(scratch, "damaged.parquet");
    writeFileSync(path, "no parquet");
    await expect(profile([path])).rejects.toMatchObject({code: "file-unreadable", facts: {path}});
  });
});

describe("bins", () => {
  it("lie between the least and the greatest value without gaps", () => {
    const bins = binsOf({isWhole: false}, -1, 2);
    expect(bins).toHaveLength(12);
    expect([bins[0]!.low, bins.at(-1)!.high]).toEqual([-1, 2]);
    for (const [at, bin] of bins.slice(1).entries()) expect(bin.low).toBe(bins[at]!.high);
  });
});

describe("what a profile is asked of", () => {
  it("is the datasets of a service's folder, the files below a folder, or the files named, each once", async () => {
    const root = mkdtempSync(join(scratch, "folders-"));
    for (const folder of ["dataset/dt=2026-03-01", "skeleton/dt=2026-03-01", ".staging/dataset/dt=2026-03-02"]) mkdirSync(join(root, folder), {recursive: true});
    const paths = ["dataset/dt=2026-03-01", "skeleton/dt=2026-03-01", ".staging/dataset/dt=2026-03-02"].map((folder) => join(root, folder, "part-00000.parquet"));
    for (const path of paths) await write("SELECT 1 AS x", path);
    expect(findProfiledFiles([root])).toEqual([paths[0]]);
    expect(findProfiledFiles([join(root, "skeleton"), paths[1]!])).toEqual([paths[1]]);
    expect(findProfiledFiles([join(root, ".staging/dataset/dt=2026-03-02")])).toEqual([paths[2]]);
  });

  it("must exist and have parquet files", () => {
    const empty = mkdtempSync(join(scratch, "empty-"));
    expect(() => findProfiledFiles([join(empty, "none")])).toThrow(expect.objectContaining({code: "file-missing", facts: expect.objectContaining({what: "a partition to profile"}) as unknown}));
    expect(() => findProfiledFiles([empty])).toThrow(expect.objectContaining({code: "file-missing", facts: expect.objectContaining({what: "a parquet file to profile"}) as unknown}));
  });
});
