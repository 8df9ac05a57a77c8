/** Files that other writers made as the input of a splice, and its output in the eyes of other readers. */
import {execFileSync} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join} from "node:path";
import {fileURLToPath} from "node:url";
import {parquetReadObjects} from "hyparquet";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {DaedalusError} from "../../src/errors.js";
import {roundToHalf} from "../../src/pipeline/half-float.js";
import type {SplicedDtype} from "../../src/pipeline/parquet-column.js";
import {openParquet, readParquetFooter} from "../../src/pipeline/parquet-footer.js";
import {renderBody, renderListPage, renderScalarPage, type EncodedPage} from "../../src/pipeline/parquet-pages.js";
import {spliceColumns, type SplicedColumn} from "../../src/pipeline/parquet-splice.js";
import {loadZstd, type Compress} from "../../src/pipeline/zstd.js";
import {renderLists} from "../support/naive-pages.js";

const rowCount = 3000;
const python = process.env["DAEDALUS_PYTHON"];
const script = fileURLToPath(new URL("../support/parquet_inputs.py", import.meta.url));
type Value = number | readonly number[] | null;

/** NULL, an empty list, and lists of several lengths. */
const listOf = (row: number, value: (d: number) => number): Value => (row % 4 === 0 ? null : row % 4 === 1 ? [] : Array.from({length: 1 + (row % 3)}, (_, d) => value(d)));
const expected: Readonly<Record<string, readonly Value[]>> = {
  half: Array.from({length: rowCount}, (_, row) => listOf(row, (d) => (row % 512) - d / 2)),
  float: Array.from({length: rowCount}, (_, row) => listOf(row + 1, (d) => Math.fround(row / 3 + d))),
  byte: Array.from({length: rowCount}, (_, row) => listOf(row + 2, (d) => ((row * 31 + d) % 255) - 127)),
  whole: Array.from({length: rowCount}, (_, row) => listOf(row + 3, (d) => ((row * 7_919_317 + d) % 2 ** 30) * (d === 0 ? 1 : -1))),
  scalar: Array.from({length: rowCount}, (_, row) => (row % 6 === 5 ? null : Math.fround(row / 7))),
};
const dtypes: Readonly<Record<string, SplicedDtype>> = {
  half: {kind: "vector", name: "HALF_FLOAT", dimension: 3},
  float: {kind: "vector", name: "FLOAT", dimension: 3},
  byte: {kind: "vector", name: "TINYINT", dimension: 3},
  whole: {kind: "list", name: "BIGINT"},
  scalar: {kind: "scalar", name: "FLOAT"},
};

function renderPage(dtype: SplicedDtype, values: readonly Value[], compress: Compress | undefined): EncodedPage {
  const isNull = Uint8Array.from(values, (value) => (value === null ? 1 : 0));
  if (dtype.kind === "scalar") return renderScalarPage({rowCount: values.length, isNull, values: Float32Array.from(values.filter((value): value is number => value !== null))}, compress);
  const lists = values.map((value) => (value ?? []) as readonly number[]);
  const offsets = new Int32Array(values.length + 1);
  for (const [row, list] of lists.entries()) offsets[row + 1] = offsets[row]! + list.length;
  const numbers = lists.flat();
  if (dtype.name === "BIGINT") {
    const body = renderLists(lists.map((list, row) => (isNull[row] ? undefined : list.map(BigInt))));
    const valueCount = lists.reduce((sum, {length}) => sum + Math.max(1, length), 0);
    return renderBody({rowCount: values.length, valueCount, nullCount: isNull.reduce((sum, is) => sum + is, 0), encoding: 5, body: [body]}, compress);
  }
  const pack = {HALF_FLOAT: () => Uint16Array.from(numbers, roundToHalf), FLOAT: () => Float32Array.from(numbers), TINYINT: () => Uint8Array.from(numbers, (value) => value + 128)};
  return renderListPage({rowCount: values.length, offsets, isNull, values: pack[dtype.name]()}, compress);
}

const columnsOf = (compress?: Compress): SplicedColumn[] =>
  Object.entries(dtypes).map(([name, dtype]) => ({
    name,
    dtype,
    compress,
    read: ({rowStart, rowEnd}) => renderPage(dtype, expected[name]!.slice(rowStart, Math.min(rowEnd, rowStart + 450)), compress),
  }));

async function topColumns(path: string): Promise<string[]> {
  const file = await openParquet(path);
  try {
    return (await readParquetFooter(file, path)).columns.map(({name}) => name);
  } finally {
    await file.close();
  }
}

describe.skipIf(python === undefined)("files that pyarrow and Polars wrote (skipped without DAEDALUS_PYTHON)", () => {
  let folder: string;
  let session: DuckDbSession;
  const ask = (...args: string[]): string => execFileSync(python!, [script, ...args], {encoding: "utf8", maxBuffer: 1 << 26});

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "inputs-"));
    session = await DuckDbSession.open();
    mkdirSync(join(folder, "output"));
    ask("write", folder);
  });
  afterAll(() => {
    session.close();
    rmSync(folder, {recursive: true, force: true});
  });

  it("are spliced into files that pyarrow, Polars and DuckDB read with the same columns and the new ones, statistics and indexes", async () => {
    const names = readdirSync(folder).filter((name) => name.endsWith(".parquet")).sort();
    expect(names).toHaveLength(12);
    const files: [string, string][] = [];
    for (const name of names) {
      const kept = await topColumns(join(folder, name));
      // New columns stand among the old ones.
      const order = ["half", ...kept.slice(0, 4), "byte", "scalar", ...kept.slice(4), "float", "whole"];
      const splice = async (outputName: string, columns: SplicedColumn[]): Promise<number> => {
        files.push([join(folder, name), join(folder, "output", outputName)]);
        return (await spliceColumns({inputPath: join(folder, name), outputPath: join(folder, "output", outputName), columns, order})).byteCount;
      };
      const byteCount = await splice(name, columnsOf());
      if (name.includes("small") || name.includes("pages")) expect(await splice(`zstd-${name}`, columnsOf(await loadZstd()))).toBeLessThan(byteCount);
    }
    writeFileSync(join(folder, "job.json"), JSON.stringify({expected, files}));
    expect(JSON.parse(ask("check", join(folder, "job.json")))).toEqual(Object.fromEntries(files.map(([, path]) => [basename(path), []])));
  });

  it("give hyparquet the new columns, too", async () => {
    // It has no Zstandard of its own.
    const outputs = readdirSync(join(folder, "output")).filter((name) => !name.startsWith("zstd-"));
    expect(outputs).toHaveLength(12);
    for (const name of outputs) {
      const bytes = readFileSync(join(folder, "output", name));
      const rows = await parquetReadObjects({file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), columns: Object.keys(dtypes)});
      for (const column of Object.keys(dtypes)) {
        const found = rows.map((row) => (row[column] as Value | undefined) ?? null).map((value) => (value !== null && typeof value === "object" ? [...value].map(Number) : value));
        expect([name, column, found.findIndex((value, row) => JSON.stringify(value) !== JSON.stringify(expected[column]![row]))]).toEqual([name, column, -1]);
      }
    }
  });

  it("keep bloom filters that still say which values are not there", async () => {
    const probe = async (path: string, id: number): Promise<unknown[]> =>
      (await session.rows(`SELECT bloom_filter_excludes AS e FROM parquet_bloom_probe('${path}', 'id', ${id})`)).map((row) => row["e"]);
    for (const path of [join(folder, "pyarrow-bloom.parquet"), join(folder, "output", "pyarrow-bloom.parquet")]) {
      expect(await probe(path, 7 * 10)).toEqual([false, true]);
      expect(await probe(path, 7 * 2000)).toEqual([true, false]);
    }
  });

  it("are refused when they are encrypted", async () => {
    ask("write-encrypted", folder);
    for (const [name, reason] of [["footer", "its footer is encrypted"], ["columns", "its columns are encrypted"]] as const) {
      const inputPath = join(folder, `encrypted-${name}.parquet`);
      const outputPath = join(folder, "output", "none.parquet");
      const error: unknown = await spliceColumns({inputPath, outputPath, columns: columnsOf(), order: ["id", "half"]}).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DaedalusError);
      expect((error as DaedalusError).code).toBe("file-unreadable");
      expect((error as DaedalusError).message).toContain(reason);
      expect(existsSync(outputPath)).toBe(false);
    }
  });
});
