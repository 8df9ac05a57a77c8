import {execFileSync} from "node:child_process";
import {copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {HalfColumn} from "../../src/pipeline/half-column.js";
import {roundToHalf} from "../../src/pipeline/half-float.js";
import {renderListPage} from "../../src/pipeline/parquet-pages.js";
import {readRuns} from "../../src/pipeline/parquet-runs.js";
import {spliceColumns} from "../../src/pipeline/parquet-splice.js";
import {decompressSnappy} from "../../src/pipeline/snappy.js";
import {loadZstd, type Compress} from "../../src/pipeline/zstd.js";

let session: DuckDbSession;
let folder: string;
const python = process.env["DAEDALUS_PYTHON"];
const script = fileURLToPath(new URL("../support/half_columns.py", import.meta.url));
const dimension = 6;
type Row = readonly number[] | string;

beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
  folder = mkdtempSync(join(tmpdir(), "halves-"));
});
afterAll(() => {
  session.close();
  rmSync(folder, {recursive: true, force: true});
});

async function readColumn(files: readonly string[], chunkRows = 700): Promise<Row[] | undefined> {
  const column = await HalfColumn.open(files, "image_embedding", dimension);
  if (!column) return undefined;
  const [count] = await session.rows(`SELECT count(*) AS n FROM read_parquet([${files.map((file) => `'${file}'`).join(", ")}])`);
  const rows: Row[] = [];
  try {
    while (rows.length < Number(count!["n"])) {
      for await (const run of column.runs(Math.min(chunkRows, Number(count!["n"]) - rows.length))) {
        for (const vector of run) rows.push(typeof vector === "string" ? vector : [...vector]);
      }
    }
  } finally {
    await column.close();
  }
  return rows;
}

/** The same through DuckDB, which makes floats of halves. */
async function readPlain(files: readonly string[]): Promise<Row[]> {
  const rows = await session.rows(`SELECT image_embedding AS v FROM read_parquet([${files.map((file) => `'${file}'`).join(", ")}])`);
  return rows.map(({v}) => {
    const values = v as (number | null)[] | null;
    if (values === null) return "missing";
    if (values.length !== dimension) return "length";
    return values.some((value) => value === null || !Number.isFinite(value)) ? "value" : (values as number[]).map(roundToHalf);
  });
}

describe.skipIf(python === undefined)("halves that pyarrow and Polars wrote (skipped without DAEDALUS_PYTHON)", () => {
  it("are read as DuckDB reads them, or left to it", async () => {
    execFileSync(python!, [script, folder]);
    const files = readdirSync(folder).map((name) => join(folder, name));
    const seen = new Set<string>();
    for (const file of files) {
      const rows = await readColumn([file]);
      expect(rows === undefined, file).toBe(file.includes("left-"));
      if (rows === undefined) continue;
      const expected = await readPlain([file]);
      for (const [row, vector] of rows.entries()) if (JSON.stringify(vector) !== JSON.stringify(expected[row])) expect([file, row, vector]).toEqual([file, row, expected[row]]);
      expect(rows.length).toBe(4000);
      for (const vector of rows) seen.add(typeof vector === "string" ? vector : "vector");
    }
    expect(files.length).toBe(24);
    expect([...seen].sort()).toEqual(["length", "missing", "value", "vector"]);
    const two = [join(folder, "wild-snappy-2.0-dictionary.parquet"), join(folder, "polars-list-zstd.parquet")];
    expect(await readColumn(two)).toEqual(await readPlain(two));
    expect(await readColumn([two[0]!, join(folder, "left-floats.parquet")])).toBeUndefined();
  });
});

describe("HalfColumn", () => {
  const value = (row: number): number[] | null => (row % 5 === 3 ? null : row % 5 === 4 ? [] : Array.from({length: dimension}, (_, d) => row / 4 - d));

  async function writeHalves(name: string, compress?: Compress): Promise<string> {
    const ids = join(folder, "ids.parquet");
    await session.run(`COPY (SELECT i AS id FROM range(5000) t(i)) TO '${ids}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    const path = join(folder, name);
    await spliceColumns({
      inputPath: ids,
      outputPath: path,
      order: ["id", "image_embedding"],
      columns: [{
        name: "image_embedding",
        dtype: {kind: "vector", name: "HALF_FLOAT", dimension},
        compress,
        read: ({rowStart, rowEnd}) => {
          const rows = Array.from({length: Math.min(rowEnd, rowStart + 300) - rowStart}, (_, k) => value(rowStart + k));
          const offsets = new Int32Array(rows.length + 1);
          for (const [k, row] of rows.entries()) offsets[k + 1] = offsets[k]! + (row?.length ?? 0);
          const values = Uint16Array.from(rows.flatMap((row) => row ?? []), roundToHalf);
          return renderListPage({rowCount: rows.length, offsets, isNull: Uint8Array.from(rows, (row) => (row === null ? 1 : 0)), values}, compress);
        },
      }],
    });
    return path;
  }

  it("reads pages that we wrote, plain and compressed", async () => {
    const expected = Array.from({length: 5000}, (_, row) => (value(row) === null ? "missing" : value(row)!.length === 0 ? "length" : value(row)!.map(roundToHalf)));
    for (const [name, compress] of [["plain.parquet", undefined], ["zstd.parquet", await loadZstd()]] as const) {
      const rows = await readColumn([await writeHalves(name, compress)], 1024);
      expect(rows).toEqual(expected);
    }
  });

  it("says of a file with broken pages which it is", async () => {
    const path = await writeHalves("whole.parquet", await loadZstd());
    const bytes = readFileSync(path);
    const broken = join(folder, "broken.parquet");
    copyFileSync(path, broken);
    let failures = 0;
    // Bytes of the last chunk of vectors, of which some are headers, levels and values.
    const footerLength = bytes.readUInt32LE(bytes.length - 8);
    for (let at = bytes.length - 8 - footerLength - 1; at > bytes.length - 8 - footerLength - 400; at -= 7) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0xff;
      writeFileSync(broken, changed);
      await readColumn([broken]).catch((error: unknown) => {
        failures++;
        expect(error).toMatchObject({code: "file-unreadable", facts: {path: broken}});
      });
    }
    expect(failures).toBeGreaterThan(10);
  });
});

describe("what parquet compresses with", () => {
  it("unpacks runs and packed numbers of any width", () => {
    const numbers = new Uint32Array(16);
    // A run of five times 300 in two bytes, then a packed group of eight numbers of nine bits, of which three are used.
    readRuns(Uint8Array.of(10, 44, 1, 3, 1, 4, 12, 0, 0, 0, 0, 0, 0), 9, numbers.subarray(0, 8));
    expect([...numbers.subarray(0, 8)]).toEqual([300, 300, 300, 300, 300, 1, 2, 3]);
    expect(() => readRuns(Uint8Array.of(10, 44), 9, numbers)).toThrow(RangeError);
    expect(() => readRuns(Uint8Array.of(3, 1), 9, numbers)).toThrow(RangeError);
    expect(() => readRuns(Uint8Array.of(0, 1), 1, numbers)).toThrow(RangeError);
    expect(() => readRuns(Uint8Array.of(2, 1), 25, numbers)).toThrow(RangeError);
  });

  it("undoes snappy, with copies that overlap what they write", () => {
    const text = (bytes: readonly number[], length: number): string => Buffer.from(decompressSnappy(Uint8Array.from(bytes), length)).toString();
    expect(text([3, 8, 97, 98, 99], 3)).toBe("abc");
    expect(text([11, 8, 97, 98, 99, 17, 3], 11)).toBe("abcabcabcab".slice(0, 11));
    expect(text([9, 8, 97, 98, 99, 22, 3, 0], 9)).toBe("abcabcabc");
    for (const bytes of [[], [3], [3, 8, 97], [4, 8, 97, 98, 99], [9, 8, 97, 98, 99, 22, 4, 0], [9, 22, 0, 0]]) {
      expect(() => decompressSnappy(Uint8Array.from(bytes), 9)).toThrow(RangeError);
    }
  });
});
