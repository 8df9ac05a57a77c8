/** Columns that an engine left in memory, in files that DuckDB wrote without them: beside files that DuckDB wrote all by itself. */
import {execFileSync} from "node:child_process";
import {existsSync, mkdtempSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {parquetMetadata, parquetReadObjects} from "hyparquet";
import {afterAll, afterEach, beforeAll, describe, expect, it} from "vitest";
import type {ListStretches, NumberPlaces, NumberRows} from "../../src/engines/aggregation-engine.js";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {ColumnWriter} from "../../src/pipeline/column-writer.js";
import {KeptColumns} from "../../src/pipeline/kept-columns.js";
import type {ListLengths} from "../../src/pipeline/list-lengths.js";
import {renderParquetOptions} from "../../src/pipeline/parquet-options.js";
import {countedLists, readStatistics} from "../../src/pipeline/quality.js";
import {loadUnzstd} from "../../src/pipeline/zstd.js";
import {makeLists, makeNumberRows, makeNumbers, toBits} from "../support/kept-values.js";
import {readLists, readNumberRows, readNumbers} from "../support/naive-pages.js";
import {below, seededRandom} from "../support/seeded-random.js";
import {testSession} from "../support/test-session.js";

const rowCount = 4500;
const rowGroupRows = 2048;

const listsOf = (seed: number, value: (random: () => number) => bigint): ListStretches => {
  const random = seededRandom(seed);
  return makeLists(rowCount, random, () => value(random), 12);
};
const numbersOf = (seed: number, type: string, value: (random: () => number) => number, shape: {readonly nulls?: number; readonly withoutPart?: "null" | "zero"} = {}): NumberPlaces => {
  const random = seededRandom(seed);
  return makeNumbers(rowCount, random, () => toBits(value(random), type), {type, withoutPart: shape.withoutPart ?? "null", nulls: shape.nulls});
};
const rowsOf = (seed: number, type: string, width: number, value: (random: () => number) => number): NumberRows => {
  const random = seededRandom(seed);
  return makeNumberRows(rowCount, random, () => toBits(value(random), type), {type, width, nulls: 6});
};

const lists = {
  wide: listsOf(1, (random) => BigInt(below(random, 2 ** 30)) - 2n ** 29n),
  repeated: listsOf(2, () => 7n),
  far: listsOf(3, (random) => BigInt.asIntN(64, 0x9e37_79b9_7f4a_7c15n * BigInt(below(random, 1000)))),
};
const numbers = {
  flag: numbersOf(11, "BOOLEAN", (random) => below(random, 2), {nulls: 5}),
  // Further apart, DuckDB packs differences that pyarrow cannot read.
  whole: numbersOf(12, "INTEGER", (random) => below(random, 2 ** 31) - 2 ** 30),
  day: numbersOf(13, "DATE", (random) => 20_000 + below(random, 400), {nulls: 3}),
  counted: numbersOf(14, "BIGINT", (random) => below(random, 1 + below(random, 90)), {withoutPart: "zero"}),
  id: numbersOf(15, "BIGINT", (random) => below(random, 2 ** 50) - 2 ** 49),
  instant: numbersOf(16, "TIMESTAMP", (random) => 1_700_000_000_000_000 + below(random, 2 ** 45), {nulls: 2}),
  ratio: numbersOf(17, "FLOAT", (random) => random() - 0.5),
  mean: numbersOf(18, "DOUBLE", (random) => random() * 100, {nulls: 7}),
  halves: numbersOf(19, "DOUBLE", (random) => below(random, 20) / 2 - 5, {withoutPart: "zero"}),
  strange: numbersOf(20, "DOUBLE", (random) => [NaN, Infinity, -1, 2][below(random, 4)]!),
  missing: numbersOf(21, "BIGINT", () => 1, {nulls: 1}),
};
const joined = {
  owner: rowsOf(31, "BIGINT", 4, (random) => below(random, 2 ** 31) - 2 ** 30),
  since: rowsOf(32, "TIMESTAMP", 8, (random) => 1_700_000_000_000_000 + below(random, 2 ** 45)),
  price: rowsOf(33, "FLOAT", 4, (random) => random() - 0.5),
  open: rowsOf(34, "BOOLEAN", 1, (random) => below(random, 2)),
};
const names = [...Object.keys(lists), ...Object.keys(numbers), ...Object.keys(joined)];
const kept = new KeptColumns(Object.entries({...joined, ...lists, ...numbers}));

const limits = {threadCount: 2, memoryBytes: 2 ** 30};

const everyRow = Int32Array.from({length: rowCount}, (_, at) => at);
const everyThird = everyRow.filter((row) => row % 3 === 0);
const order = ["wide", "price", "id", "row", "flag", "repeated", "kind", "far", ...Object.keys(numbers).filter((name) => name !== "id" && name !== "flag"), "open", "owner", "since"];

/** SQL of a number of bits. */
function renderNumber(bits: bigint | undefined, type: string): string {
  if (bits === undefined) return "NULL";
  const view = new DataView(BigInt64Array.of(bits).buffer);
  if (type === "FLOAT") return `CAST('${view.getFloat32(0, true)}' AS FLOAT)`;
  if (type === "DOUBLE") return `CAST('${view.getFloat64(0, true)}' AS DOUBLE)`;
  if (type === "BOOLEAN") return `${bits} = 1`;
  if (type === "DATE") return `DATE '1970-01-01' + ${bits}`;
  return type === "TIMESTAMP" ? `make_timestamp(${bits})` : `CAST(${bits} AS ${type})`;
}

let session: DuckDbSession;
let folder: string;
let writer: ColumnWriter | undefined;
beforeAll(async () => {
  session = await testSession();
  folder = mkdtempSync(join(tmpdir(), "columns-"));
});
afterEach(() => writer?.close());
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** Of the lists of the file that was written last. */
let lengths: ReadonlyMap<string, ListLengths>;

async function write(name: string, rows: Int32Array): Promise<string> {
  const [inputPath, outputPath] = [join(folder, `${name}.spine`), join(folder, `${name}.parquet`)];
  await session.run(`COPY (SELECT i AS row, i % 7 AS kind FROM range(${rows.length}) t(i)) TO '${inputPath}' ${renderParquetOptions(rowGroupRows)}`);
  const columns = await writer!.pick(kept, names, limits);
  lengths = await writer!.add({inputPath, outputPath, rows, columns, order, signal: new AbortController().signal});
  expect(existsSync(inputPath)).toBe(false);
  return outputPath;
}

const twins = new Map<Int32Array, string>();

/** The same, by DuckDB. */
async function writeTwin(rows: Int32Array): Promise<string> {
  const path = twins.get(rows) ?? join(folder, `twin-${twins.size}.parquet`);
  if (twins.has(rows)) return path;
  twins.set(rows, path);
  const columns: Readonly<Record<string, readonly string[]>> = {
    row: Array.from(rows, (_, at) => `CAST(${at} AS BIGINT)`),
    kind: Array.from(rows, (_, at) => `CAST(${at % 7} AS BIGINT)`),
    ...Object.fromEntries(Object.entries(lists).map(([column, list]) => [column, readLists(list, rows).map((values) => `CAST([${values.join()}] AS BIGINT[])`)])),
    ...Object.fromEntries(Object.entries(numbers).map(([column, places]) => [column, readNumbers(places, rows).map((bits) => renderNumber(bits, places.type))])),
    ...Object.fromEntries(Object.entries(joined).map(([column, values]) => [column, readNumberRows(values, rows).map((bits) => renderNumber(bits, values.type))])),
  };
  const types = new Map(Object.entries({...numbers, ...joined}).map(([column, {type}]) => [column, type]));
  await session.run(`CREATE OR REPLACE TABLE twin (${order.map((column) => `${column} ${types.get(column) ?? (column in lists ? "BIGINT[]" : "BIGINT")}`).join()})`);
  for (let from = 0; from < rows.length; from += 1000) {
    await session.run(`INSERT INTO twin VALUES ${Array.from(rows.subarray(from, from + 1000), (_, at) => `(${order.map((column) => columns[column]![from + at]!).join()})`).join()}`);
  }
  await session.run(`COPY twin TO '${path}' ${renderParquetOptions(rowGroupRows)}`);
  return path;
}

describe("columns of an engine", () => {
  it.each([["all rows", everyRow], ["some rows", everyThird], ["rows of which no part knows anything", Int32Array.from({length: 2500}, (_, at) => 3 + 4 * (at % 100))], ["no row", Int32Array.of()]] as const)(
    "of %s are what DuckDB would write, whatever the number of threads",
    async (name, rows) => {
      writer = new ColumnWriter();
      const path = await write(name, rows);
      await writer.close();
      writer = new ColumnWriter();
      await writer.pick(kept, names, {...limits, threadCount: 1});
      expect(readFileSync(await write(`${name} alone`, rows)).equals(readFileSync(path))).toBe(true);
      const twin = await writeTwin(rows);
      const read = async (sql: (file: string) => string): Promise<unknown[]> => Promise.all([path, twin].map(async (file) => session.rows(sql(file))));
      const differs = order.map((column) => `count(*) FILTER (a.${column} IS DISTINCT FROM b.${column} OR a.row IS NULL OR b.row IS NULL) AS ${column}`);
      expect(await session.rows(`SELECT ${differs.join()} FROM '${path}' a FULL JOIN '${twin}' b USING (row)`)).toEqual([Object.fromEntries(order.map((column) => [column, 0n]))]);
      const [schema, schemaTwin] = await read((file) => `SELECT * EXCLUDE (file_name) FROM parquet_schema('${file}') WHERE name NOT IN ('${Object.keys(lists).join("', '")}')`);
      expect(schema).toEqual(schemaTwin);
      const [statistics, statisticsTwin] = await read((file) => `SELECT row_group_id, path_in_schema, type, num_values, stats_null_count, ${["stats_min", "stats_max", "stats_min_value", "stats_max_value"].map((bound) => `if(${bound} = '-0.0', '0.0', ${bound}) AS ${bound}`).join()}
FROM parquet_metadata('${file}') WHERE path_in_schema NOT LIKE '%element' ORDER BY ALL`);
      expect(statistics).toEqual(statisticsTwin);
      const [found, foundTwin] = await read((file) => `SELECT count(*) FILTER (strange > 5) AS strange, count(*) FILTER (counted > 80) AS counted FROM '${file}'`);
      expect(found).toEqual(foundTwin);
    },
  );
  it("take hardly more room than DuckDB's", async () => {
    writer = new ColumnWriter();
    const bytes = async (path: string): Promise<Map<unknown, number>> => new Map((await session.rows(`SELECT path_in_schema AS column, sum(total_compressed_size)::DOUBLE AS bytes FROM parquet_metadata('${path}') WHERE path_in_schema NOT LIKE '%element' GROUP BY ALL`)).map(({column, bytes}) => [column, bytes as number]));
    const [own, twin] = [await bytes(await write("size", everyRow)), await bytes(await writeTwin(everyRow))];
    for (const [column, byteCount] of own) expect([column, byteCount < 1.06 * twin.get(column)! + 200]).toEqual([column, true]);
  });
  it("are counted as they are read, over several files", async () => {
    writer = new ColumnWriter();
    const paths: string[] = [];
    const files = [];
    for (const [name, rows] of [["first", everyRow], ["second", everyThird]] as const) {
      paths.push(await write(name, rows));
      files.push({name, rows: rows.length, bytes: 0, lengths});
    }
    const counted = countedLists(files);
    expect([...counted.keys()].sort()).toEqual(Object.keys(lists).sort());
    expect(await readStatistics(session, paths, order, counted)).toEqual(await readStatistics(session, paths, order));
    expect(countedLists([...files, {name: "third", rows: 1, bytes: 0}]).size).toBe(0);
  });
  it("are compressed where that helps", async () => {
    writer = new ColumnWriter();
    const path = await write("compressed", everyThird);
    const columns = await session.rows(`SELECT path_in_schema AS path, list(DISTINCT compression) AS codecs, list(DISTINCT encodings ORDER BY encodings) AS encodings FROM parquet_metadata('${path}') WHERE row_group_id = 0 AND path_in_schema SIMILAR TO '(wide|repeated|flag|halves|mean|missing).*' GROUP BY ALL ORDER BY path`);
    expect(columns).toEqual([
      {path: "flag", codecs: ["UNCOMPRESSED"], encodings: ["RLE, PLAIN"]},
      {path: "halves", codecs: ["ZSTD"], encodings: ["PLAIN, RLE, RLE_DICTIONARY"]},
      {path: "mean", codecs: ["ZSTD"], encodings: ["RLE, BYTE_STREAM_SPLIT"]},
      {path: "missing", codecs: ["UNCOMPRESSED"], encodings: ["RLE, DELTA_BINARY_PACKED"]},
      {path: "repeated, list, element", codecs: ["ZSTD"], encodings: ["RLE, DELTA_BINARY_PACKED"]},
      {path: "wide, list, element", codecs: ["UNCOMPRESSED"], encodings: ["RLE, DELTA_BINARY_PACKED"]},
    ]);
  });
  it("are left to DuckDB where they find no room", async () => {
    writer = new ColumnWriter();
    expect(await writer.pick(kept, names, {...limits, memoryBytes: 2 ** 20})).toEqual(new Map());
  });
  it("go on after a file that failed", async () => {
    writer = new ColumnWriter();
    const path = await write("before", everyRow);
    const signal = AbortSignal.abort();
    await session.run(`COPY (SELECT i AS row, i % 7 AS kind FROM range(${rowCount}) t(i)) TO '${join(folder, "failed.spine")}' ${renderParquetOptions(rowGroupRows)}`);
    await expect(writer.add({inputPath: join(folder, "failed.spine"), outputPath: join(folder, "failed.parquet"), rows: everyRow, columns: await writer.pick(kept, names, limits), order, signal})).rejects.toThrow("aborted");
    expect(existsSync(join(folder, "failed.parquet"))).toBe(false);
    const other = new KeptColumns([["id", numbers.halves]]);
    expect([...(await writer.pick(other, names, limits)).keys()]).toEqual(["id"]);
    expect(readFileSync(await write("after", everyRow)).equals(readFileSync(path))).toBe(true);
  });
  it("are the same to hyparquet", async () => {
    writer = new ColumnWriter();
    const unzstd = await loadUnzstd();
    const files = await Promise.all([await write("hyparquet", everyRow), await writeTwin(everyRow)].map(async (path) => {
      const bytes = readFileSync(path);
      const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      const schema = parquetMetadata(file).schema.filter(({name}) => !(name in lists));
      const rows = await parquetReadObjects({file, compressors: {ZSTD: unzstd}});
      return {schema, rows: rows.map((row) => Object.values(row).map((value) => (ArrayBuffer.isView(value) || Array.isArray(value) ? Array.from(value as Iterable<unknown>, String).join() : String(value))).join(" "))};
    }));
    expect(files[0]).toEqual(files[1]);
  });
  it.skipIf(process.env["DAEDALUS_PYTHON"] === undefined)("are the same to pyarrow and Polars (skipped without DAEDALUS_PYTHON)", async () => {
    writer = new ColumnWriter();
    const paths = [await write("python", everyRow), await writeTwin(everyRow)];
    const script = fileURLToPath(new URL("../support/parquet_twins.py", import.meta.url));
    expect(JSON.parse(execFileSync(process.env["DAEDALUS_PYTHON"]!, [script, ...paths], {encoding: "utf8"}))).toEqual([]);
  });
});
