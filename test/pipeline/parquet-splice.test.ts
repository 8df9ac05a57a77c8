import {execFileSync} from "node:child_process";
import {copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {parquetMetadata, parquetReadObjects} from "hyparquet";
import {parquetWriteBuffer} from "hyparquet-writer";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {DaedalusError} from "../../src/errors.js";
import {roundToHalf} from "../../src/pipeline/half-float.js";
import {readRowGroupRows} from "../../src/pipeline/parquet-footer.js";
import type {VectorDtype} from "../../src/pipeline/parquet-column.js";
import {renderListPage, type ListPage} from "../../src/pipeline/parquet-pages.js";
import {spliceColumns, type PagedColumn, type SplicedColumn} from "../../src/pipeline/parquet-splice.js";

const half: VectorDtype = {kind: "vector", name: "HALF_FLOAT", dimension: 3};
const float: VectorDtype = {kind: "vector", name: "FLOAT", dimension: 3};
type List = readonly number[] | null;

let session: DuckDbSession;
let folder: string;
let fileCount = 0;

beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "2"]])});
  folder = mkdtempSync(join(tmpdir(), "splice-"));
});
afterAll(() => {
  session.close();
  rmSync(folder, {recursive: true, force: true});
});

const nextPath = (): string => join(folder, `${fileCount++}.parquet`);

/** A parquet file of a query, as the skeleton writes it. */
async function writeInput(query: string, options = "COMPRESSION zstd, PARQUET_VERSION v2"): Promise<string> {
  const path = nextPath();
  await session.run(`COPY (${query}) TO '${path}' (FORMAT parquet, ${options})`);
  return path;
}

/** A column that gives at most `rowsMax` rows at a time. */
function column(name: string, dtype: VectorDtype, lists: readonly List[], rowsMax = 10_000): PagedColumn {
  return {
    name,
    dtype,
    read: ({rowStart, rowEnd}) => renderListPage(packLists(dtype, lists.slice(rowStart, Math.min(rowEnd, rowStart + rowsMax)))),
  };
}

function packLists(dtype: VectorDtype, lists: readonly List[]): ListPage {
  const offsets = new Int32Array(lists.length + 1);
  for (const [row, list] of lists.entries()) offsets[row + 1] = offsets[row]! + (list?.length ?? 0);
  const numbers = lists.flatMap((list) => list ?? []);
  return {
    rowCount: lists.length,
    offsets,
    isNull: Uint8Array.from(lists, (list) => (list === null ? 1 : 0)),
    values: dtype.name === "HALF_FLOAT" ? Uint16Array.from(numbers, roundToHalf) : Float32Array.from(numbers),
  };
}

const readRows = (path: string, sql = "*"): Promise<Record<string, unknown>[]> => session.rows(`SELECT ${sql} FROM read_parquet('${path}')`);

/** hyparquet says undefined for a NULL list. */
async function readWithHyparquet(path: string): Promise<Record<string, unknown>[]> {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const rows = await parquetReadObjects({file});
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, (value as unknown) ?? null])));
}

async function failure(promise: Promise<unknown>): Promise<DaedalusError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DaedalusError);
  return error as DaedalusError;
}

const wide = `
  SELECT i AS user_id,
         CASE WHEN i % 7 = 0 THEN NULL ELSE 'städte ' || (i % 50) END AS city,
         TIMESTAMP '2026-02-01 00:00:00.123456' + INTERVAL (i) SECOND AS event_timestamp,
         CASE WHEN i % 5 = 0 THEN NULL WHEN i % 5 = 1 THEN [] ELSE [i, NULL, i + 1] END AS like_ids,
         {'a': i, 'b': [i::VARCHAR]} AS nested,
         CAST(NULL AS FLOAT[]) AS embedding,
         CAST(i AS DECIMAL(18, 3)) / 8 AS price
  FROM range(5000) t(i)`;

describe("spliceColumns", () => {
  it("adds half and float lists and keeps NULL, empty and filled lists apart", async () => {
    // hyparquet has no zstd of its own.
    const input = await writeInput("SELECT i AS id FROM range(6) t(i)", "COMPRESSION snappy");
    const output = nextPath();
    const lists: List[] = [[1, -2.5, 0.333], null, [], [65504], null, [2 ** -24, 0]];
    const report = await spliceColumns({
      inputPath: input,
      outputPath: output,
      columns: [column("h", half, lists), column("f", float, lists)],
      order: ["h", "id", "f"],
    });
    const widened = lists.map((list) => list?.map((value) => (value === 0.333 ? 0.333_007_812_5 : value)) ?? null);
    const floats = lists.map((list) => list?.map(Math.fround) ?? null);
    expect(await readRows(output)).toEqual(widened.map((h, id) => ({h, id: BigInt(id), f: floats[id]})));
    expect(await readWithHyparquet(output)).toEqual(widened.map((h, id) => ({h, id: BigInt(id), f: floats[id]})));
    expect(report).toEqual({rowCount: 6, byteCount: readFileSync(output).length, nullCounts: new Map([["h", 2], ["f", 2]])});
  });

  it("replaces a placeholder and leaves every other column as it was, across row groups and pages", async () => {
    const input = await writeInput(wide, "COMPRESSION zstd, ROW_GROUP_SIZE 2048");
    const output = nextPath();
    const lists = Array.from({length: 5000}, (_, i): List => (i % 3 === 0 ? null : [i / 4096, -i, i % 2]));
    const order = ["price", "embedding", "user_id", "city", "event_timestamp", "like_ids", "nested"];
    await spliceColumns({inputPath: input, outputPath: output, columns: [column("embedding", half, lists, 700)], order});
    expect(await readRowGroupRows(output)).toEqual([2048, 2048, 904]);
    const types = await session.rows(`DESCRIBE SELECT * FROM read_parquet('${output}')`);
    expect(types.map((row) => row["column_name"])).toEqual(order);
    const kept = "price, user_id, city, event_timestamp, like_ids, nested";
    expect(await readRows(output, kept)).toEqual(await readRows(input, kept));
    const expected = lists.map((list) => list?.map((value) => halfValue(value)) ?? null);
    expect((await readRows(output, "embedding")).map((row) => row["embedding"])).toEqual(expected);
  });

  it("copies chunks byte for byte and keeps their statistics exact", async () => {
    const input = await writeInput(wide, "COMPRESSION zstd, ROW_GROUP_SIZE 2048");
    const output = nextPath();
    const order = ["event_timestamp", "city", "user_id", "v"];
    await spliceColumns({inputPath: input, outputPath: output, columns: [column("v", half, Array<List>(5000).fill([1, 2, 3]))], order});
    const [before, after] = [readFileSync(input), readFileSync(output)];
    for (const name of order.slice(0, 3)) {
      expect(chunkBytes(after, name)).toEqual(chunkBytes(before, name));
    }
    const statistics = (path: string): Promise<Record<string, unknown>[]> =>
      session.rows(`SELECT row_group_id, path_in_schema, stats_min_value, stats_max_value, stats_null_count, num_values, compression
        FROM parquet_metadata('${path}') WHERE path_in_schema IN ('event_timestamp', 'city', 'user_id') ORDER BY ALL`);
    expect(await statistics(output)).toEqual(await statistics(input));
    // A bound that had lost its microseconds would prune the row group that holds this row.
    const hits = await session.rows(
      `SELECT count(*) AS n FROM read_parquet('${output}') WHERE event_timestamp >= (SELECT max(event_timestamp) FROM read_parquet('${input}'))`,
    );
    expect(hits).toEqual([{n: 1n}]);
  });

  it("moves bloom filters along", async () => {
    const input = await writeInput("SELECT (i * 7919) % 1000 * 2 AS id FROM range(20000) t(i)", "COMPRESSION zstd");
    const output = nextPath();
    await spliceColumns({inputPath: input, outputPath: output, columns: [column("v", half, Array<List>(20_000).fill([1]))], order: ["v", "id"]});
    const probe = (path: string): Promise<Record<string, unknown>[]> =>
      session.rows(`SELECT bloom_filter_excludes AS e FROM parquet_bloom_probe('${path}', 'id', 1001)`);
    expect(await probe(input)).toEqual([{e: true}]);
    expect(await probe(output)).toEqual([{e: true}]);
    const present = await session.rows(`SELECT bloom_filter_excludes AS e FROM parquet_bloom_probe('${output}', 'id', 1000)`);
    expect(present).toEqual([{e: false}]);
  });

  it("keeps key-value metadata but drops a stored Arrow schema, which no longer holds", async () => {
    const path = nextPath();
    const data = parquetWriteBuffer({
      columnData: [{name: "id", data: [1, 2], type: "INT32"}],
      kvMetadata: [{key: "ARROW:schema", value: "stale"}, {key: "note", value: "kept"}],
    });
    writeFileSync(path, Buffer.from(data));
    const output = nextPath();
    await spliceColumns({inputPath: path, outputPath: output, columns: [column("v", half, [[1], null])], order: ["id", "v"]});
    expect(metadataOf(readFileSync(output)).key_value_metadata).toEqual([{key: "note", value: "kept"}]);
  });

  it("leaves out columns that the order does not name", async () => {
    const input = await writeInput("SELECT 1 AS a, 2 AS b, 3 AS c");
    const output = nextPath();
    await spliceColumns({inputPath: input, outputPath: output, columns: [], order: ["c", "a"]});
    expect(await readRows(output)).toEqual([{c: 3, a: 1}]);
  });

  it("handles a file without rows, with and without row groups", async () => {
    const empty = await writeInput("SELECT i AS id FROM range(0) t(i)");
    const output = nextPath();
    const options = {columns: [column("v", half, [])], order: ["id", "v"]};
    expect(await spliceColumns({inputPath: empty, outputPath: output, ...options})).toMatchObject({rowCount: 0, nullCounts: new Map([["v", 0]])});
    expect(await readRows(output)).toEqual([]);
    expect((await session.rows(`DESCRIBE SELECT * FROM read_parquet('${output}')`)).map((row) => row["column_type"])).toEqual(["BIGINT", "FLOAT[]"]);

    const emptyGroup = nextPath();
    writeFileSync(emptyGroup, Buffer.from(parquetWriteBuffer({columnData: [{name: "id", data: [], type: "INT64"}]})));
    const second = nextPath();
    await spliceColumns({inputPath: emptyGroup, outputPath: second, ...options});
    expect(await readRows(second)).toEqual([]);
  });

  it("splices its own output again", async () => {
    const input = await writeInput("SELECT i AS id FROM range(3) t(i)");
    const [first, second] = [nextPath(), nextPath()];
    await spliceColumns({inputPath: input, outputPath: first, columns: [column("v", half, [[1], null, []])], order: ["id", "v"]});
    await spliceColumns({inputPath: first, outputPath: second, columns: [column("w", float, [[0.5], [1, 2], null])], order: ["w", "v", "id"]});
    expect(await readRows(second)).toEqual([
      {w: [0.5], v: [1], id: 0n},
      {w: [1, 2], v: null, id: 1n},
      {w: null, v: [], id: 2n},
    ]);
  });

  it("reports a truncated file, a file that is no parquet and a missing file", async () => {
    const whole = await writeInput(wide);
    const truncated = nextPath();
    copyFileSync(whole, truncated);
    truncateSync(truncated, 1000);
    const foreign = nextPath();
    writeFileSync(foreign, "id,name\n1,a\n2,b\n");
    // A whole footer whose chunks lie beyond the file: the middle was lost.
    const hollow = nextPath();
    const bytes = readFileSync(whole);
    writeFileSync(hollow, Buffer.concat([bytes.subarray(0, 100), bytes.subarray(bytes.length - bytes.readUInt32LE(bytes.length - 8) - 8)]));
    for (const path of [truncated, foreign, hollow]) {
      const output = nextPath();
      const error = await failure(spliceColumns({inputPath: path, outputPath: output, columns: [], order: ["user_id"]}));
      expect(error.code).toBe("file-unreadable");
      expect(error.message).toContain(path);
      expect(existsSync(output)).toBe(false);
    }
    const missing = await failure(spliceColumns({inputPath: join(folder, "none.parquet"), outputPath: nextPath(), columns: [], order: []}));
    expect(missing.code).toBe("file-missing");
  });

  it("names a column that neither the file nor the new columns have", async () => {
    const input = await writeInput("SELECT 1 AS a");
    const error = await failure(spliceColumns({inputPath: input, outputPath: nextPath(), columns: [], order: ["a", "b"]}));
    expect(error).toMatchObject({code: "parquet-column-missing", facts: {column: "b", columns: ["a"]}});
  });

  it("leaves nothing behind when a column fails or the run is stopped", async () => {
    const input = await writeInput("SELECT i AS id FROM range(10) t(i)");
    const output = nextPath();
    const broken: SplicedColumn = {
      name: "v",
      dtype: half,
      read: () => {
        throw new RangeError("a column's own mistake");
      },
    };
    await expect(spliceColumns({inputPath: input, outputPath: output, columns: [broken], order: ["v"]})).rejects.toThrow("a column's own mistake");
    expect(existsSync(output)).toBe(false);

    const controller = new AbortController();
    const stopping = column("v", half, Array<List>(10).fill([1]), 1);
    const stopped: SplicedColumn = {
      ...stopping,
      read: (rows) => {
        if (rows.rowStart === 3) controller.abort();
        return stopping.read(rows);
      },
    };
    const run = spliceColumns({inputPath: input, outputPath: output, columns: [stopped], order: ["v"], signal: controller.signal});
    await expect(run).rejects.toThrow("aborted");
    expect(existsSync(output)).toBe(false);
  });

  it("reports an output that cannot be written", async () => {
    const input = await writeInput("SELECT 1 AS a");
    const error = await failure(spliceColumns({inputPath: input, outputPath: join(folder, "no-folder", "x.parquet"), columns: [], order: ["a"]}));
    expect(error.code).toBe("file-unwritable");
  });

  it.skipIf(!existsSync("/dev/full"))("reports a disk that is full (skipped where there is no /dev/full)", async () => {
    const input = await writeInput("SELECT 1 AS a");
    const output = nextPath();
    symlinkSync("/dev/full", output);
    expect((await failure(spliceColumns({inputPath: input, outputPath: output, columns: [], order: ["a"]}))).code).toBe("disk-full");
  });

  const python = findPython();
  it.skipIf(python === undefined)("is read by pyarrow with the same values (skipped where python3 has no pyarrow)", async () => {
    const input = await writeInput(wide, "COMPRESSION zstd, ROW_GROUP_SIZE 2048");
    const output = nextPath();
    const lists = Array.from({length: 5000}, (_, i): List => (i % 4 === 0 ? null : i % 4 === 1 ? [] : [i % 512, -0.5]));
    await spliceColumns({inputPath: input, outputPath: output, columns: [column("embedding", half, lists, 900)], order: ["user_id", "city", "embedding", "like_ids"]});
    const script = `
import json, sys, pyarrow.parquet as pq
old, new = pq.read_table(sys.argv[1]), pq.read_table(sys.argv[2])
print(json.dumps({"type": str(new.schema.field("embedding").type),
  "kept": all(old.column(c).equals(new.column(c)) for c in ["user_id", "city", "like_ids"]),
  "lists": [None if v is None else [float(x) for x in v] for v in new.column("embedding").to_pylist()]}))`;
    const answer = JSON.parse(execFileSync(python!, ["-c", script, input, output], {encoding: "utf8", maxBuffer: 1 << 26})) as unknown;
    expect(answer).toEqual({type: "list<element: halffloat>", kept: true, lists});
  });
});

function halfValue(value: number): number {
  const bits = roundToHalf(value);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  return sign * (exponent === 0 ? (bits & 1023) * 2 ** -24 : ((bits & 1023) + 1024) * 2 ** (exponent - 25));
}

function metadataOf(bytes: Buffer): ReturnType<typeof parquetMetadata> {
  return parquetMetadata(new Uint8Array(bytes));
}

/** The bytes of a column's chunks, row group by row group. */
function chunkBytes(bytes: Buffer, name: string): Buffer[] {
  return metadataOf(bytes).row_groups.map((group) => {
    const meta = group.columns.find((chunk) => chunk.meta_data?.path_in_schema[0] === name)!.meta_data!;
    const start = Number(meta.dictionary_page_offset ?? meta.data_page_offset);
    return bytes.subarray(start, start + Number(meta.total_compressed_size));
  });
}

function findPython(): string | undefined {
  const command = process.env["DAEDALUS_PYTHON"] ?? "python3";
  try {
    execFileSync(command, ["-c", "import pyarrow"], {stdio: "ignore"});
    return command;
  } catch {
    return undefined;
  }
}
