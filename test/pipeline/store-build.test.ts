import {spawn} from "node:child_process";
import {chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from "vitest";
import type {EmbeddingStore} from "../../src/definitions/model.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {DaedalusError, ProblemsError} from "../../src/errors.js";
import {roundToHalf} from "../../src/pipeline/half-float.js";
import {buildStore, type StoreBuildOptions, type StoreBuildReport} from "../../src/pipeline/store-build.js";
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
    if ("embeddingDim" in changes) expect(error.message).toContain("do not have the declared 1152 dimensions, such as of id 0, 1, 2");
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

  it("clears away what a killed build left, and nothing of a build that still runs", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(5))"));
    const gone = await pidOfEndedProcess();
    mkdirSync(join(root, `data/store/v6/artwork_embedding.building-${gone}/store.lance`), {recursive: true});
    mkdirSync(join(root, `data/store/v6/artwork_embedding.building-${process.ppid}`), {recursive: true});
    await build(defineStore());
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding", `artwork_embedding.building-${process.ppid}`]);
  });

  it("survives kill -9: the old store stays, and the next build finishes", async () => {
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(50))"));
    const {fingerprint} = await build(defineStore());
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(60000))").replaceAll("i + 0.25", "1"));
    const store = defineStore({buildBatchSize: 500});
    // The child says "writing" with every chunk; it is killed among the first.
    const script = `
      import {createJiti} from "jiti";
      const jiti = createJiti(${JSON.stringify(import.meta.url)});
      const {DuckDbSession} = await jiti.import("../../src/engines/duckdb/connection.ts");
      const {buildStore} = await jiti.import("../../src/pipeline/store-build.ts");
      const session = await DuckDbSession.open({});
      await buildStore(${JSON.stringify(store)}, {root: ${JSON.stringify(root)}, session, onProgress: () => process.stdout.write("writing\\n")});`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {cwd: process.cwd(), stdio: ["ignore", "pipe", "inherit"]});
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    child.stdout.once("data", () => child.kill("SIGKILL"));
    expect(await ended).toBe("SIGKILL");
    expect(readdirSync(join(root, "data/store/v6"))).toContain(`artwork_embedding.building-${child.pid}`);
    expect(await readStoreVersion(store, root)).toBe(fingerprint);
    await writeParquet("vectors.parquet", vectors("SELECT unnest(range(70))"));
    expect(await build(store)).toMatchObject({rowCount: 70});
    expect(readdirSync(join(root, "data/store/v6"))).toEqual(["artwork_embedding"]);
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

async function pidOfEndedProcess(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => child.once("exit", resolve));
  return child.pid!;
}
