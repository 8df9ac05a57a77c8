import {execFileSync, spawn} from "node:child_process";
import {chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync} from "node:fs";
import {hostname, tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from "vitest";
import type {EmbeddingStore} from "../../src/definitions/model.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {DaedalusError, ProblemsError} from "../../src/errors.js";
import {halfToNumber, roundToHalf} from "../../src/pipeline/half-float.js";
import {acquireLock} from "../../src/pipeline/lock.js";
import {buildStore, compactStore, type StoreBuildOptions, type StoreBuildReport} from "../../src/pipeline/store-build.js";
import {loadStoreIds, readStoreVersion} from "../../src/pipeline/store-ids.js";
import {openStore, StoreWriter, type EmbeddingReader} from "../../src/sources/embedding-store.js";

let session: DuckDbSession;
let root: string;

beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "2"], ["preserve_insertion_order", "false"]])});
});
afterAll(() => session.close());
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "store-"));
});
afterEach(() => rmSync(root, {recursive: true, force: true}));

const place = {file: "config/training/aggregations.yaml", line: 12, column: 5, length: 4, text: "  - name: artwork_embeddings"};

function defineStore(changes: Partial<EmbeddingStore> = {}): EmbeddingStore {
  return {
    name: "artwork_embeddings",
    type: "lance",
    path: "data/store/v6/artwork_embedding",
    idColumn: "id",
    embeddingColumn: "image_embedding",
    embeddingDim: 4,
    embeddingDtype: "float16",
    buildBatchSize: 100,
    sourceParquet: "vectors.parquet",
    place,
    ...changes,
  };
}

const writeParquet = (name: string, query: string): Promise<void> =>
  session.run(`COPY (${query}) TO '${join(root, name)}' (FORMAT parquet, COMPRESSION zstd)`);

const build = (store: EmbeddingStore, options: Partial<StoreBuildOptions> = {}): Promise<StoreBuildReport> =>
  buildStore(store, {root, session, ...options});

/** Vector of id i: i, i + 1/4, -i, 1/(i + 1). */
const vectors = (rows: string, id = "i"): string =>
  `SELECT ${id} AS id, [i, i + 0.25, -i, 1.0 / (i + 1)]::FLOAT[] AS image_embedding FROM (${rows}) t(i)`;

async function failure(promise: Promise<unknown>): Promise<DaedalusError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ProblemsError && error.problems.length === 1) return error.problems[0]!;
  expect(error).toBeInstanceOf(DaedalusError);
  return error as DaedalusError;
}

async function gather(reader: EmbeddingReader, positions: Int32Array): Promise<number[]> {
  const vectors: number[] = [];
  await reader.gather(positions, (_, vector) => vectors.push(...vector));
  return vectors;
}

/** Id -> the bits of its vector. */
async function readAll(store: EmbeddingStore): Promise<Map<string, number[]>> {
  const reader = await openStore(store, root);
  try {
    const ids = [...(await reader.index()).slice(0, reader.rowCount)].map(String);
    const found = new Map<string, number[]>();
    await reader.gather(Int32Array.from(ids, (_, k) => k), (k, vector) => found.set(ids[k]!, [...vector]));
    return found;
  } finally {
    reader.close();
  }
}

describe("buildStore", () => {
  it("writes every vector under its id, as halves, in batches", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(350))"));
    const seen: number[] = [];
    const report = await build(defineStore(), {onProgress: ({rowsDone, rowsTotal}) => seen.push(rowsDone / rowsTotal)});
    expect(report).toMatchObject({store: "artwork_embeddings", rowCount: 350, fileCount: 1, path: join(root, "data/store/v6/artwork_embedding")});
    expect(seen.at(-1)).toBe(1);
    const reader = await openStore(defineStore(), root);
    const ids = (await reader.index()).slice(0, 350);
    expect([...(ids as BigInt64Array)].sort((left, right) => Number(left - right))).toEqual(Array.from({length: 350}, (_, k) => BigInt(k)));
    const positions = Int32Array.of(0, 99, 100, 349);
    const found = await gather(reader, positions);
    const expected = Array.from(positions, (position) => {
      const i = Number(ids[position]);
      return [i, i + 0.25, 0 - i, Math.fround(1 / (i + 1))].map((value) => roundToHalf(value));
    });
    expect([...found]).toEqual(expected.flat());
    reader.close();
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
  });

  it("keeps floats as they are in a float32 store, from a list of doubles", async () => {
    const store = defineStore({embeddingDtype: "float32", embeddingDim: 2});
    await writeParquet("vectors.parquet", "SELECT 5::INTEGER AS id, [0.1, -1e30] AS image_embedding");
    await build(store);
    const reader = await openStore(store, root);
    expect([...(await gather(reader, Int32Array.of(0)))]).toEqual([Math.fround(0.1), Math.fround(-1e30)]);
    reader.close();
  });

  it("reads a folder with everything below it, and a glob", async () => {
    mkdirSync(join(root, "parts/b"), {recursive: true});
    await writeParquet("parts/1.parquet", vectors("SELECT unnest(range(10))"));
    await writeParquet("parts/b/2.parquet", vectors("SELECT unnest(range(10, 30))"));
    expect(await build(defineStore({sourceParquet: "parts"}))).toMatchObject({rowCount: 30, fileCount: 2});
    expect(await build(defineStore({sourceParquet: "parts/*.parquet"}))).toMatchObject({rowCount: 10, fileCount: 1});
    expect(await build(defineStore({sourceParquet: "parts/b/2.parquet"}))).toMatchObject({rowCount: 20, fileCount: 1});
  });

  it("takes text ids, and hands ids of either kind to DuckDB", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(3000))", "'artwork-ü-' || i"));
    await build(defineStore());
    await loadStoreIds(session, defineStore(), root, "text ids");
    expect(await session.rows(`SELECT count(*) AS n, min(id) AS first, typeof(any_value(id)) AS type FROM "text ids"`)).toEqual([
      {n: 3000n, first: "artwork-ü-0", type: "VARCHAR"},
    ]);
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(-2000, 60000, 7))"));
    await build(defineStore());
    await loadStoreIds(session, defineStore(), root, "bigint_ids");
    expect(await session.rows("SELECT count(*) AS n, min(id) AS first, sum(id)::BIGINT AS total FROM bigint_ids")).toEqual(
      await session.rows("SELECT count(*) AS n, min(i) AS first, sum(i)::BIGINT AS total FROM range(-2000, 60000, 7) t(i)"),
    );
  });

  it("has one fingerprint for equal sources, whatever the batches, and another for other vectors", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(500))"));
    const first = await build(defineStore());
    const second = await build(defineStore({buildBatchSize: 33}));
    expect(second.fingerprint).toBe(first.fingerprint);
    const reader = await openStore(defineStore(), root);
    expect(reader.identity).toMatchObject({rowCount: 500, fingerprint: first.fingerprint});
    reader.close();
    expect(await readStoreVersion(defineStore(), root)).toBe(first.fingerprint);
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(500))").replace("0.25", "0.5"));
    expect((await build(defineStore())).fingerprint).not.toBe(first.fingerprint);
  });

  it("leaves the session's own settings as they were", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    await build(defineStore());
    expect(await session.rows("SELECT current_setting('preserve_insertion_order') AS setting")).toEqual([{setting: false}]);
  });

  it.each([
    ["no source_parquet", {sourceParquet: undefined}, "store-source-missing", {}],
    ["a missing file", {sourceParquet: "none.parquet"}, "file-missing", {}],
    ["a glob that matches nothing", {sourceParquet: "none/*.parquet"}, "file-missing", {}],
    ["a missing id column", {idColumn: "idd"}, "store-source-column", {column: "idd", nearest: "id"}],
    ["a missing vector column", {embeddingColumn: "vector"}, "store-source-column", {column: "vector"}],
    ["ids that are no ids", {idColumn: "price"}, "store-source-type", {column: "price", found: "DOUBLE"}],
    ["vectors that are no vectors", {embeddingColumn: "price"}, "store-source-type", {column: "price", found: "DOUBLE"}],
    ["another dimension", {embeddingDim: 1152}, "store-source-vectors", {count: 20, examples: ["0", "1", "2"]}],
  ])("reports %s at the store's place", async (_, changes, code, facts) => {
    await writeParquet("vectors.parquet", `SELECT *, 1.5::DOUBLE AS price FROM (${vectors("SELECT unnest(range(20))")})`);
    const error = await failure(build(defineStore(changes)));
    expect(error).toMatchObject({code, place, facts: expect.objectContaining(facts) as unknown});
    expect(existsSync(join(root, "data/store/v6/artwork_embedding"))).toBe(false);
    if ("embeddingDim" in changes) expect(error.message).toContain("vectors that do not have the declared 1152 dimensions: 20, such as of id 0, 1, 2");
  });

  it("reports an empty source and one that is not parquet", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(0))"));
    expect((await failure(build(defineStore()))).code).toBe("store-source-empty");
    writeFileSync(join(root, "broken.parquet"), "PAR1 and then nothing of the kind");
    const broken = await failure(build(defineStore({sourceParquet: "broken.parquet"})));
    expect(broken).toMatchObject({code: "file-unreadable", facts: {path: join(root, "broken.parquet")}});
  });

  it("reports all that is wrong with ids and vectors together, with up to three ids and the count", async () => {
    const wrong = `SELECT CASE WHEN i = 9 THEN NULL WHEN i >= 95 THEN i - 5 ELSE i END AS id, CASE
        WHEN i = 1 THEN NULL
        WHEN i = 2 THEN [1, 2, NULL, 4]
        WHEN i = 3 THEN [1, 'NaN'::FLOAT, 3, 4]
        WHEN i BETWEEN 4 AND 7 THEN [1, '-inf'::FLOAT, 3, 4]
        WHEN i = 8 THEN [1, 2, 3]
        WHEN i IN (10, 11) THEN [65520, 0, 0, 0]
        ELSE [65504, 0, 0, 1e-9] END::FLOAT[] AS image_embedding
      FROM range(100) t(i)`;
    await writeParquet("vectors.parquet", wrong);
    const error: unknown = await build(defineStore({buildBatchSize: 3})).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProblemsError);
    const problems = (error as ProblemsError).problems;
    expect(problems.map(({code, facts}) => ({code, ...facts}))).toEqual([
      {code: "store-source-ids-null", store: "artwork_embeddings", count: 1},
      {code: "store-ids-duplicate", store: "artwork_embeddings", count: 5, examples: ["90", "91", "92"]},
      {code: "store-source-vectors", store: "artwork_embeddings", count: 1, examples: ["1"], problem: "are NULL"},
      {code: "store-source-vectors", store: "artwork_embeddings", count: 6, examples: ["2", "3", "4"], problem: "hold NULL, NaN or infinity"},
      {code: "store-source-vectors", store: "artwork_embeddings", count: 1, examples: ["8"], problem: "do not have the declared 4 dimensions"},
      {code: "store-source-vectors", store: "artwork_embeddings", count: 2, examples: ["10", "11"], problem: "hold numbers too large for float16"},
    ]);
    expect(problems.every((problem) => problem.place === place)).toBe(true);
    expect(readdirSync(join(root, "data/store/v6"))).toEqual([]);
  });

  it("keeps the old store when a build fails or is stopped", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5000))"));
    const {fingerprint} = await build(defineStore());
    const controller = new AbortController();
    const stopped = build(defineStore(), {signal: controller.signal, onProgress: () => controller.abort()});
    await expect(stopped).rejects.toThrow("aborted");
    await writeParquet("vectors.parquet", "SELECT 1 AS id, NULL::FLOAT[] AS image_embedding");
    await failure(build(defineStore()));
    const reader = await openStore(defineStore(), root);
    expect(reader.identity.fingerprint).toBe(fingerprint);
    reader.close();
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
    // The session is still good for the next build.
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(7))"));
    expect(await build(defineStore())).toMatchObject({rowCount: 7});
  });

  it("never replaces a folder that is no Lance table", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    mkdirSync(join(root, "data/precious"), {recursive: true});
    writeFileSync(join(root, "data/precious/notes.txt"), "mine");
    const error = await failure(build(defineStore({path: "data/precious"})));
    expect(error.code).toBe("folder-foreign");
    expect(readdirSync(join(root, "data/precious"))).toEqual(["notes.txt"]);
  });

  it("clears away what a killed build of something else left", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    mkdirSync(join(root, "data/store/v6/artwork_embedding.building/store.lance"), {recursive: true});
    writeFileSync(join(root, "data/store/v6/artwork_embedding.building/made-from.json"), "{}");
    expect(await build(defineStore())).toMatchObject({rowCount: 5, resumedCount: 0});
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
  });

  it("refuses to build a store that another process is building", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    const lock = acquireLock(join(root, "data/store/v6/artwork_embedding.lock"), "it");
    const error = await failure(build(defineStore()));
    expect(error).toMatchObject({code: "partition-locked"});
    expect(error.message).toBe(`embedding store "artwork_embeddings" is being written by process ${process.pid} on ${hostname()}`);
    lock.release();
    expect(await build(defineStore())).toMatchObject({rowCount: 5});
  });

  it("survives kill -9: the old store stays, and the next build goes on where it was", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(50))"));
    const {fingerprint} = await build(defineStore());
    const large = vectors("SELECT unnest(range(30000))").replaceAll("i + 0.25", "1");
    await writeParquet("vectors.parquet", large);
    const store = defineStore({buildBatchSize: 500});
    // The child says how many chunks it has read; it is killed after the fifth.
    const script = `
      import {createJiti} from "jiti";
      const jiti = createJiti(${JSON.stringify(import.meta.url)});
      const {DuckDbSession} = await jiti.import("../../src/engines/duckdb/connection.ts");
      const {buildStore} = await jiti.import("../../src/pipeline/store-build.ts");
      const session = await DuckDbSession.open({});
      let chunks = 0;
      await buildStore(${JSON.stringify(store)}, {root: ${JSON.stringify(root)}, session, onProgress: () => { if (++chunks === 5) process.kill(process.pid, "SIGKILL"); }});`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {cwd: process.cwd(), stdio: "inherit"});
    expect(await new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)))).toBe("SIGKILL");
    expect(readdirSync(join(root, "data/store/v6")).sort()).toEqual(["artwork_embedding", "artwork_embedding.building", "artwork_embedding.lock"]);
    expect(await readStoreVersion(store, root)).toBe(fingerprint);
    const resumed = await build(store);
    expect(resumed).toMatchObject({rowCount: 30_000, addedCount: 30_000});
    expect(resumed.resumedCount).toBeGreaterThanOrEqual(4 * 2048 - 1000);
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
    expect(await readStoreVersion(store, root)).toBe(resumed.fingerprint);
    const whole = await build({...store, path: "data/whole"});
    expect(whole).toMatchObject({resumedCount: 0, fingerprint: resumed.fingerprint});
    expect(await readAll(store)).toEqual(await readAll({...store, path: "data/whole"}));
  });

  it("puts the old store back when a build was killed between taking it away and replacing it", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    const {path} = await build(defineStore());
    renameSync(path, `${path}.retired`);
    const reader = await openStore(defineStore(), root);
    expect(reader.rowCount).toBe(5);
    reader.close();
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
  });

  it.skipIf(process.getuid?.() === 0)("reports a folder that it may not write to (skipped for root, who may)", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    mkdirSync(join(root, "locked"));
    chmodSync(join(root, "locked"), 0o555);
    expect((await failure(build(defineStore({path: "locked/store"})))).code).toBe("output-unwritable");
  });
});

describe("buildStore from files that pyarrow wrote", () => {
  const python = process.env["DAEDALUS_PYTHON"];
  it.skipIf(python === undefined).each(["float16", "float32", "float64"])("keeps %s vectors, as lists and as lists of fixed size (skipped without DAEDALUS_PYTHON)", async (dtype) => {
    const script = `
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
values = (np.arange(5000 * 4) % 4001 / 64 - 30 + 1 / 3).astype(sys.argv[1])
offsets = pa.array(np.arange(0, 20001, 4), pa.int32())
lists = {"list.parquet": pa.ListArray.from_arrays(offsets, pa.array(values)), "fixed.parquet": pa.FixedSizeListArray.from_arrays(pa.array(values), 4)}
for (name, vectors), version in zip(lists.items(), ["1.0", "2.0"]):
    table = pa.table({"id": pa.array(np.arange(5000), pa.int32()), "image_embedding": vectors})
    pq.write_table(table, sys.argv[2] + "/" + name, row_group_size=1700, data_page_version=version, compression="zstd", data_page_size=9000)
`;
    execFileSync(python!, ["-c", script, dtype, root]);
    for (const sourceParquet of ["list.parquet", "fixed.parquet"]) {
      const store = defineStore({sourceParquet});
      await build(store);
      const found = await readAll(store);
      const round = {float16: (value: number) => roundToHalf(halfToNumber(roundToHalf(value))), float32: (value: number) => roundToHalf(Math.fround(value)), float64: roundToHalf}[dtype]!;
      for (let i = 0; i < 5000; i++) expect(found.get(String(i))).toEqual([0, 1, 2, 3].map((d) => round((((i * 4 + d) % 4001) / 64 - 30) + 1 / 3)));
    }
  });
});

describe("buildStore with order_column", () => {
  const ordered = (changes: Partial<EmbeddingStore> = {}): EmbeddingStore => defineStore({orderColumn: "updated_at", buildBatchSize: 7, ...changes});
  const rows = (values: string): string => `SELECT id, [v, 0, 0, 0]::FLOAT[] AS image_embedding, updated_at FROM (VALUES ${values}) t(id, v, updated_at)`;

  it("takes the newest row of an id, wherever it stands; a row without the order is the oldest", async () => {
    await writeParquet("vectors.parquet", rows("(1, 10, 5), (2, 20, NULL), (1, 11, 7), (3, 30, 1), (2, 21, -9), (1, 12, 6), (4, 40, NULL)"));
    expect(await build(ordered())).toMatchObject({rowCount: 4, replacedCount: 3});
    expect(await readAll(ordered())).toEqual(new Map([["1", 11], ["3", 30], ["2", 21], ["4", 40]].map(([id, v]) => [id, [roundToHalf(v as number), 0, 0, 0]])));
  });

  it("agrees with a query over many files and rows", async () => {
    mkdirSync(join(root, "parts"));
    for (let part = 0; part < 3; part++) {
      await writeParquet(`parts/${part}.parquet`, `SELECT CAST(hash(i * 3 + ${part}) % 900 AS BIGINT) AS id, [i % 2000, ${part}, 0, 0]::FLOAT[] AS image_embedding, i * 3 + ${part} AS updated_at FROM range(3000) t(i) ORDER BY hash(i)`);
    }
    await build(ordered({sourceParquet: "parts", buildBatchSize: 100}));
    const expected = await session.rows(`SELECT CAST(id AS VARCHAR) AS id, arg_max(image_embedding, updated_at) AS v FROM read_parquet('${root}/parts/*.parquet') GROUP BY id`);
    const wanted = new Map(expected.map(({id, v}) => [id as string, (v as number[]).map((value) => roundToHalf(value))]));
    const found = await readAll(ordered());
    expect(found.size).toBe(wanted.size);
    for (const [id, vector] of wanted) expect([id, found.get(id)]).toEqual([id, vector]);
  });

  it("reports ids whose newest rows are several, and an order column that is missing", async () => {
    await writeParquet("vectors.parquet", rows("(1, 10, 5), (1, 11, 5), (2, 20, 3), (2, 21, 4), (3, 30, NULL), (3, 30, NULL), (4, 1, 1), (4, 1, 1), (5, 1, 1), (5, 1, 1)"));
    const error = await failure(build(ordered()));
    expect(error).toMatchObject({code: "store-ids-duplicate", facts: {count: 4, examples: ["1", "3", "4"], orderColumn: "updated_at"}, place});
    expect(error.message).toBe('embedding store "artwork_embeddings": 4 ids occur more than once with the greatest "updated_at", such as 1, 3, 4');
    expect(await failure(build(ordered({orderColumn: "updatedat"})))).toMatchObject({code: "store-source-column", facts: {column: "updatedat", nearest: "updated_at"}});
  });
});

describe("buildStore with --append", () => {
  const append = (store: EmbeddingStore): Promise<StoreBuildReport> => build(store, {isAppend: true});

  it("adds new ids, and leaves those that are there as they are", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(300))"));
    const first = await build(defineStore());
    const before = await readAll(defineStore());
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(200, 5000))").replace("0.25", "0.5"));
    const added = await append(defineStore());
    expect(added).toMatchObject({rowCount: 5000, addedCount: 4700, knownCount: 100});
    expect(added.fingerprint).not.toBe(first.fingerprint);
    expect(await readStoreVersion(defineStore(), root)).toBe(added.fingerprint);
    const after = await readAll(defineStore());
    expect(after.size).toBe(5000);
    for (const [id, vector] of before) expect(after.get(id)).toEqual(vector);
    expect(after.get("4000")).toEqual([4000, 4000.5, -4000, Math.fround(1 / 4001)].map((value) => roundToHalf(value)));
    // Nothing new: the store, and all days that were made with it, stay.
    expect(await append(defineStore())).toMatchObject({rowCount: 5000, addedCount: 0, knownCount: 4800, fingerprint: added.fingerprint});
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
  });

  it("takes text ids", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(30))", "'ü' || i"));
    await build(defineStore());
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(20, 60))", "'ü' || i"));
    expect(await append(defineStore())).toMatchObject({rowCount: 60, addedCount: 30, knownCount: 10});
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    expect(await failure(append(defineStore()))).toMatchObject({code: "store-source-type", facts: {column: "id", expected: "text", found: "an integer"}});
  });

  it("looks at vectors of new ids alone, and changes nothing when one is wrong", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(30))"));
    await build(defineStore());
    const broken = (from: number): string => `SELECT i AS id, CASE WHEN i = 29 THEN NULL ELSE [i, 1, 2, 3] END::FLOAT[] AS image_embedding FROM range(${from}, 40) t(i)`;
    await writeParquet("vectors.parquet", broken(20));
    const {fingerprint} = await append(defineStore());
    expect(await readStoreVersion(defineStore(), root)).toBe(fingerprint);
    await writeParquet("vectors.parquet", "SELECT 50 AS id, ['nan'::FLOAT, 1, 2, 3] AS image_embedding");
    expect(await failure(append(defineStore()))).toMatchObject({code: "store-source-vectors", facts: {count: 1, examples: ["50"]}});
    expect((await readAll(defineStore())).size).toBe(40);
    expect(await readStoreVersion(defineStore(), root)).toBe(fingerprint);
  });

  it("compacts what many small builds left", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(3000))"));
    await build(defineStore({buildBatchSize: 100}));
    expect(readdirSync(join(root, "data/store/v6/artwork_embedding/data")).length).toBe(1);
    expect((await readAll(defineStore())).get("2999")?.[0]).toBe(roundToHalf(2999));
  });

  it("leaves new rows out of the vector index until the store is compacted; searches find them all the same", async () => {
    const store = defineStore({embeddingDim: 8, embeddingDtype: "float32", vectorIndex: "l2", buildBatchSize: 1000});
    const wide = (rows: string): string => `SELECT i AS id, [i, -i, i, -i, i, 1, 2, 3]::FLOAT[] AS image_embedding FROM (${rows}) t(i)`;
    await writeParquet("vectors.parquet", wide("SELECT unnest(range(300))"));
    await build(store);
    await writeParquet("vectors.parquet", wide("SELECT unnest(range(280, 310))"));
    await append(store);
    const look = async (): Promise<{unindexed: number[]; nearest: string[]}> => {
      const reader = await openStore(store, root);
      const unindexed = (await reader.describe()).indexes.map(({rowsUnindexed}) => rowsUnindexed);
      const {isIndexed, found} = await reader.nearest(Float32Array.of(309, -309, 309, -309, 309, 1, 2, 3), {count: 3, metric: "l2"});
      expect(isIndexed).toBe(true);
      reader.close();
      return {unindexed, nearest: found.map(({id}) => id)};
    };
    expect(await look()).toEqual({unindexed: [0, 10], nearest: ["309", "308", "307"]});
    const fingerprint = await readStoreVersion(store, root);
    await compactStore(store, root);
    expect((await look()).unindexed).toEqual([0, 0]);
    expect((await look()).nearest[0]).toBe("309");
    expect(await readStoreVersion(store, root)).toBe(fingerprint);
  });

  it("needs a store to add to", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(3))"));
    expect(await failure(append(defineStore()))).toMatchObject({code: "store-missing"});
  });
});

describe("openStore", () => {
  it("says how to build a store that is missing", async () => {
    const error = await failure(openStore(defineStore(), root));
    expect(error).toMatchObject({code: "store-missing", hint: "run: daeda embeddings build artwork_embeddings", place});
  });

  it("names both dimensions when the store has another than declared", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    await build(defineStore());
    const error = await failure(openStore(defineStore({embeddingDim: 1152}), root));
    expect(error).toMatchObject({code: "store-mismatch", place, facts: {expected: "float16[1152]", found: "float16[4]"}});
    expect(error.message).toBe('column "image_embedding" of embedding store "artwork_embeddings" is declared as float16[1152], but is float16[4]');
  });

  it.each([
    ["dtype", {embeddingDtype: "float32" as const}, "store-mismatch", {expected: "float32[4]", found: "float16[4]"}],
    ["id column", {idColumn: "artwork_id"}, "store-column-missing", {column: "artwork_id", columns: ["id", "image_embedding"]}],
    ["embedding column", {embeddingColumn: "vector"}, "store-column-missing", {column: "vector"}],
    ["id type", {idColumn: "image_embedding"}, "store-mismatch", {column: "image_embedding", expected: "an integer or text"}],
  ])("reports another %s than declared", async (_, changes, code, facts) => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    await build(defineStore());
    const error = await failure(openStore(defineStore(changes), root));
    expect(error).toMatchObject({code, place, facts: expect.objectContaining(facts) as unknown});
  });

  it("opens the only table of a LanceDB folder, or the one called like the store", async () => {
    const shape = {idColumn: "id", idKind: "bigint", embeddingColumn: "image_embedding", dimension: 4, dtype: "float16"} as const;
    const folder = join(root, "data/store/v6/artwork_embedding");
    mkdirSync(folder, {recursive: true});
    const writer = await StoreWriter.create(folder, "anything", shape);
    await writer.add(BigInt64Array.of(7n), Uint16Array.of(1, 2, 3, 4));
    await writer.finish("by hand");
    const reader = await openStore(defineStore(), root);
    expect([...(await gather(reader, Int32Array.of(0)))]).toEqual([1, 2, 3, 4]);
    reader.close();
    cpSync(join(folder, "anything.lance"), join(folder, "other.lance"), {recursive: true});
    expect((await failure(openStore(defineStore(), root))).message).toContain('holds several Lance tables: "anything.lance", "other.lance"');
    renameSync(join(folder, "other.lance"), join(folder, "artwork_embeddings.lance"));
    const named = await openStore(defineStore(), root);
    expect(named.path).toBe(join(folder, "artwork_embeddings.lance"));
    named.close();
  });

  it("refuses a store that holds an id twice", async () => {
    const shape = {idColumn: "id", idKind: "bigint", embeddingColumn: "image_embedding", dimension: 1, dtype: "float16"} as const;
    const writer = await StoreWriter.create(root, "twice", shape);
    await writer.add(BigInt64Array.of(7n, -8n, 7n, 7n, 2n ** 40n, 2n ** 40n), new Uint16Array(6));
    await writer.finish("by hand");
    const reader = await openStore(defineStore({path: "twice.lance", embeddingDim: 1}), root);
    const error = await failure(reader.index());
    expect(error).toMatchObject({code: "store-ids-duplicate", facts: {count: 2, examples: ["7", String(2n ** 40n)]}, place});
    reader.close();
  });

  it("reports a table whose data is gone", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    const {path} = await build(defineStore());
    rmSync(join(path, "data"), {recursive: true});
    const reader = await openStore(defineStore(), root);
    const error = await failure(reader.index());
    expect(error).toMatchObject({code: "store-unreadable", place});
    expect(error.message).not.toContain(".rs:");
    reader.close();
  });
});
