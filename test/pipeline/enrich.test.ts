import {mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, beforeEach, describe, expect, it} from "vitest";
import type {EmbeddingStore, Udf} from "../../src/definitions/model.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {DaedalusError} from "../../src/errors.js";
import {decayWeight} from "../../src/engines/decay-weight.js";
import type {Finish, Pooling} from "../../src/pipeline/embedding-functions.js";
import {enrichPartition, type EnrichOptions, type ResolvedEnrichment} from "../../src/pipeline/enrich.js";
import {halfToNumber, roundToHalf} from "../../src/pipeline/half-float.js";
import {readRowGroupRows} from "../../src/pipeline/parquet-footer.js";
import {buildStore} from "../../src/pipeline/store-build.js";
import {naiveFinish, naivePool} from "../support/naive-embeddings.js";

const dimension = 8;
const storeRows = 400;
const place = {file: "config/training/aggregations.yaml", line: 30, column: 5, length: 4, text: "  - name: like_artwork_avg_embeds"};

let session: DuckDbSession;
let root: string;
let output: string;

const artworks: EmbeddingStore = {
  name: "artwork_embeddings",
  type: "lance",
  path: "stores/artworks",
  idColumn: "id",
  embeddingColumn: "image_embedding",
  embeddingDim: dimension,
  embeddingDtype: "float16",
  buildBatchSize: 128,
  sourceParquet: "artworks.parquet",
  place,
};
const styles: EmbeddingStore = {...artworks, name: "styles", path: "stores/styles", embeddingDtype: "float32", sourceParquet: "styles.parquet"};

/** Ids are spread out; every third one is unknown to the store. */
const artworkId = (k: number): bigint => BigInt(k) * 3_000_000_019n - 500n;
/** A DuckDB expression and a JavaScript function of the same value. */
const valueSql = (k: string, d: string): string => `((${k} * 37 + ${d} * 11) % 257 - 128) / 64`;
const valueOf = (k: number, d: number): number => (((k * 37 + d * 11) % 257) - 128) / 64;
const vectorOf = (k: number): number[] => Array.from({length: dimension}, (_, d) => valueOf(k, d));

beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "2"], ["preserve_insertion_order", "false"]])});
  root = mkdtempSync(join(tmpdir(), "enrich-"));
  const vector = `list_transform(range(${dimension}), d -> ${valueSql("k", "d")})`;
  await writeParquet("artworks.parquet", `SELECT k * 3000000019 - 500 AS id, ${vector} AS image_embedding FROM range(${storeRows}) t(k) ORDER BY hash(k)`);
  await writeParquet("styles.parquet", `SELECT 'style ' || k AS id, list_transform(range(${dimension}), d -> k + d / 10) AS image_embedding FROM range(5) t(k)`);
  await buildStore(artworks, {root, session});
  await buildStore(styles, {root, session});
  // 9000 rows in row groups of 2048: a scalar id, a list with unknown, NULL and repeated ids, NULL and empty lists, a text id.
  await writeParquet(
    "skeleton.parquet",
    `SELECT i AS row, ${idSql("i % 600")} AS artwork_id, CASE WHEN i % 11 = 0 THEN NULL WHEN i % 11 = 1 THEN []
        ELSE list_transform(range(i % 7), j -> CASE WHEN j = 3 THEN NULL ELSE ${idSql("(i * 5 + j * 131 - j // 5 * 131) % 600")} END) END AS liked_ids,
        CASE WHEN i % 6 = 5 THEN NULL ELSE 'style ' || (i % 6) END AS style,
        CAST(NULL AS FLOAT[]) AS image_embedding, 'text ' || i AS note
      FROM range(9000) t(i) ORDER BY i`,
    "ROW_GROUP_SIZE 2048",
  );
});
afterAll(() => {
  session.close();
  rmSync(root, {recursive: true, force: true});
});
beforeEach(() => {
  output = mkdtempSync(join(root, "out-"));
});

/** Ids of 0..399 are known, those of 400..599 not. */
function idSql(k: string): string {
  return `((${k}) * 3000000019 - 500)`;
}

async function writeParquet(name: string, query: string, options = "ROW_GROUP_SIZE 122880"): Promise<string> {
  const path = join(root, name);
  await session.run(`SET preserve_insertion_order = true`);
  await session.run(`COPY (${query}) TO '${path}' (FORMAT parquet, COMPRESSION zstd, ${options})`);
  await session.run(`SET preserve_insertion_order = false`);
  return path;
}

const lookup: ResolvedEnrichment = {
  name: "image_embedding",
  sourceColumn: "artwork_id",
  store: artworks,
  udfName: "lookup_embedding_udf",
  udf: undefined,
  dtype: {kind: "vector", name: "HALF_FLOAT", dimension},
  place,
};
const average: ResolvedEnrichment = {...lookup, name: "liked_avg", sourceColumn: "liked_ids", udfName: "avg_pool_embeddings_udf"};
const styleLookup: ResolvedEnrichment = {...lookup, name: "style_embedding", sourceColumn: "style", store: styles, dtype: {kind: "vector", name: "FLOAT", dimension}};

const optionsOf = (changes: Partial<EnrichOptions> = {}): EnrichOptions => ({
  skeletonFiles: [join(root, "skeleton.parquet")],
  outputDirectory: output,
  // Declared in another order than that of the output's columns.
  enrichments: [average, styleLookup, lookup],
  columnOrder: ["row", "artwork_id", "image_embedding", "liked_ids", "liked_avg", "style_embedding", "style", "note"],
  root,
  session,
  ...changes,
});

interface Row {
  readonly row: bigint;
  readonly artwork_id: bigint;
  readonly liked_ids: (bigint | null)[] | null;
  readonly style: string | null;
  readonly image_embedding: number[] | null;
  readonly liked_avg: number[] | null;
  readonly style_embedding: number[] | null;
}

async function readOutput(columns = "*"): Promise<Row[]> {
  return (await session.rows(`SELECT ${columns} FROM read_parquet('${output}/*.parquet') ORDER BY row`)) as unknown as Row[];
}

const indexOfId = new Map(Array.from({length: storeRows}, (_, k) => [artworkId(k), k]));

function expectedAverage(ids: (bigint | null)[] | null): number[] | null {
  const known = (ids ?? []).flatMap((id) => (id === null ? [] : (indexOfId.get(id) ?? [])));
  if (known.length === 0) return null;
  return Array.from({length: dimension}, (_, d) => {
    let sum = 0;
    for (const k of known) sum = Math.fround(sum + valueOf(k, d));
    return halfToNumber(roundToHalf(Math.fround(sum / known.length)));
  });
}

async function failure(promise: Promise<unknown>): Promise<DaedalusError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DaedalusError);
  return error as DaedalusError;
}

describe("enrichPartition", () => {
  it("gives every row its vectors, and NULL where no id is known", async () => {
    const report = await enrichPartition(optionsOf());
    const rows = await readOutput();
    expect(rows).toHaveLength(9000);
    for (const [i, row] of rows.entries()) {
      const k = i % 600;
      expect(row.row).toBe(BigInt(i));
      expect(row.image_embedding).toEqual(k < storeRows ? vectorOf(k) : null);
      expect(row.liked_avg).toEqual(expectedAverage(row.liked_ids));
      const style = row.style === null ? undefined : Number(row.style.split(" ")[1]);
      expect(row.style_embedding).toEqual(style === undefined ? null : Array.from({length: dimension}, (_, d) => Math.fround(style + d / 10)));
    }
    const nullsOf = (of: (row: Row) => unknown): number => rows.filter((row) => of(row) === null).length;
    expect(report.rowCount).toBe(9000);
    expect(report.nullCounts).toEqual(
      new Map([
        ["image_embedding", nullsOf((row) => row.image_embedding)],
        ["liked_avg", nullsOf((row) => row.liked_avg)],
        ["style_embedding", nullsOf((row) => row.style_embedding)],
      ]),
    );
    expect(nullsOf((row) => row.liked_avg)).toBeGreaterThan(1000);
    expect(report.files).toEqual([{name: "part-00000.parquet", rowCount: 9000, byteCount: readFileSync(join(output, "part-00000.parquet")).length}]);
  });

  it("writes the columns of the contract, halves as FLOAT16, and keeps everything else", async () => {
    await enrichPartition(optionsOf());
    const file = join(output, "part-00000.parquet");
    expect((await session.describe(`SELECT * FROM read_parquet('${file}')`)).map(({name}) => name)).toEqual(optionsOf().columnOrder);
    const types = await session.rows(`SELECT logical_type FROM parquet_schema('${file}') WHERE name = 'element' ORDER BY ALL`);
    expect(types.filter((row) => String(row["logical_type"]).includes("Float16"))).toHaveLength(2);
    expect(await readRowGroupRows(file)).toEqual([2048, 2048, 2048, 2048, 808]);
    const kept = "SELECT row, artwork_id, liked_ids, style, note FROM";
    expect(await session.rows(`SELECT count(*) AS n FROM (${kept} read_parquet('${file}') EXCEPT ${kept} read_parquet('${join(root, "skeleton.parquet")}'))`)).toEqual([{n: 0n}]);
  });

  it("writes the same rows however little memory vectors may take", async () => {
    await enrichPartition(optionsOf());
    const whole = await readOutput();
    const vectorBytes = dimension * 2;
    // Less than a row, a few rows, less than a row group, a few row groups.
    for (const vectorBytesMax of [1, 20 * vectorBytes, 350 * vectorBytes, 405 * vectorBytes]) {
      output = mkdtempSync(join(root, "out-"));
      const rows = vectorBytesMax < 100 * vectorBytes ? 300 : 4200;
      const skeleton = await writeParquet("few.parquet", `SELECT * FROM read_parquet('${root}/skeleton.parquet') WHERE row < ${rows} ORDER BY row`, "ROW_GROUP_SIZE 2048");
      await enrichPartition(optionsOf({vectorBytesMax, skeletonFiles: [skeleton]}));
      expect(await readOutput()).toEqual(whole.slice(0, rows));
    }
  });

  it("writes the same bytes with threads as without, and numbers of a plain function", async () => {
    const wide: EmbeddingStore = {...artworks, name: "wide", path: "stores/wide", embeddingDim: 1024, sourceParquet: "wide.parquet"};
    await writeParquet("wide.parquet", `SELECT k AS id, list_transform(range(1024), d -> sin(k * 1024 + d)) AS image_embedding FROM range(300) t(k)`);
    await buildStore(wide, {root, session});
    // More than a file may take before threads are worth their start: 6000 rows of two vectors of 2 KiB.
    const skeleton = await writeParquet(
      "wide-skeleton.parquet",
      "SELECT i AS row, i // 20 % 320 AS artwork_id, CASE WHEN i % 9 = 0 THEN NULL ELSE list_transform(range(i % 6), j -> (i // 20 + j * 3) % 310) END AS liked_ids FROM range(6000) t(i) ORDER BY i",
      "ROW_GROUP_SIZE 2048",
    );
    writeFileSync(
      join(root, "where.mjs"),
      `import {threadId} from "node:worker_threads";
export const thread_of = (batch) => ({values: new Float32Array(batch.rowCount).fill(threadId), isNull: new Uint8Array(batch.rowCount)});
`,
    );
    const dtype = {kind: "vector", name: "HALF_FLOAT", dimension: 1024} as const;
    const vectors: ResolvedEnrichment[] = [{...lookup, store: wide, dtype}, {...average, store: wide, dtype}, {...average, name: "score", store: wide, udfName: "cosine", otherColumn: "artwork_id", dtype: {kind: "scalar", name: "FLOAT"}}];
    const where: ResolvedEnrichment = {...average, name: "thread", store: wide, udfName: "thread_of", udf: {name: "thread_of", module: "where.mjs", place}, dtype: {kind: "scalar", name: "FLOAT"}};
    const run = async (threadCount: number, enrichments: ResolvedEnrichment[]): Promise<Buffer> => {
      output = mkdtempSync(join(root, "out-"));
      // Less than all vectors at once, so that shards are gathered while others are computed; neighbours share theirs, so that shards are few.
      await enrichPartition(optionsOf({skeletonFiles: [skeleton], enrichments, columnOrder: ["row", "artwork_id", "liked_ids", ...enrichments.map(({name}) => name)], threadCount, vectorBytesMax: 100 * 2048}));
      return readFileSync(join(output, "part-00000.parquet"));
    };
    const plain = await run(1, vectors);
    expect((await run(3, vectors)).equals(plain)).toBe(true);
    const compressed = vectors.map((column) => ({...column, compression: "zstd" as const}));
    const packed = await run(1, compressed);
    expect(packed.length).toBeLessThan(plain.length);
    expect((await run(3, compressed)).equals(packed)).toBe(true);
    const threads = async (): Promise<unknown> => (await session.rows(`SELECT count(DISTINCT thread) AS n, min(thread) AS first FROM read_parquet('${output}/*.parquet')`))[0];
    await run(1, [where, ...vectors]);
    expect(await threads()).toMatchObject({n: 1n});
    await run(3, [where, ...vectors]);
    expect((await threads()) as {n: bigint; first: number}).toEqual({n: expect.toSatisfy((n: bigint) => n >= 2n) as bigint, first: expect.toSatisfy((id: number) => id > 0) as number});
    const stored = (k: number): Float32Array => Float32Array.from({length: 1024}, (_, d) => halfToNumber(roundToHalf(Math.sin(k * 1024 + d))));
    for (const row of (await readOutput()).filter((_, k) => k % 100 === 7)) {
      const [own, known] = [row.artwork_id < 300n ? [...stored(Number(row.artwork_id))] : null, (row.liked_ids ?? []).filter((id) => id! < 300n).map((id) => stored(Number(id)))];
      expect(row.image_embedding).toEqual(own);
      const mean = naivePool(known, "mean");
      expect(row.liked_avg).toEqual(mean ? Array.from(mean, (value) => halfToNumber(roundToHalf(value))) : null);
    }
  });

  it("makes one file of each skeleton file, in order", async () => {
    const files = [];
    for (const [k, bounds] of ["row < 3000", "row < 0", "row >= 3000"].entries()) {
      files.push(await writeParquet(`skeleton-${k}.parquet`, `SELECT * FROM read_parquet('${root}/skeleton.parquet') WHERE ${bounds} ORDER BY row`));
    }
    const report = await enrichPartition(optionsOf({skeletonFiles: files}));
    expect(report.files.map(({name, rowCount}) => [name, rowCount])).toEqual([
      ["part-00000.parquet", 3000],
      ["part-00001.parquet", 0],
      ["part-00002.parquet", 6000],
    ]);
    const parts = await readOutput();
    output = mkdtempSync(join(root, "out-"));
    await enrichPartition(optionsOf());
    expect(parts).toEqual(await readOutput());
  });

  it("writes nothing for a day without files", async () => {
    expect(await enrichPartition(optionsOf({skeletonFiles: []}))).toMatchObject({rowCount: 0, byteCount: 0, files: []});
  });

  it("takes ids of a smaller integer type", async () => {
    const skeleton = await writeParquet("small.parquet", "SELECT i AS row, (-500)::INTEGER AS artwork_id FROM range(2) t(i)");
    await enrichPartition(optionsOf({skeletonFiles: [skeleton], enrichments: [lookup], columnOrder: ["row", "image_embedding"]}));
    expect(await readOutput()).toEqual([0n, 1n].map((row) => ({row, image_embedding: vectorOf(0)})));
  });

  it("runs a project's own function over batches, with its own output dimension", async () => {
    writeFileSync(
      join(root, "first-and-count.ts"),
      `import type {EmbeddingBatch} from "daedalus";
/** The first known vector's first number, and how many ids are known. */
export function first_and_count(batch: EmbeddingBatch) {
  const values = new Float32Array(batch.rowCount * 2);
  const isNull = new Uint8Array(batch.rowCount);
  for (let row = 0; row < batch.rowCount; row++) {
    const known = batch.indices.subarray(batch.offsets[row], batch.offsets[row + 1]).filter((index) => index !== -1);
    if (known.length === 0) isNull[row] = 1;
    else values.set([batch.pool[known[0]! * batch.dimension]!, known.length], row * 2);
  }
  return {values, isNull};
}
`,
    );
    const udf: Udf = {name: "first_and_count", module: "first-and-count.ts", place};
    const own: ResolvedEnrichment = {...average, name: "own", udfName: udf.name, udf, dtype: {kind: "vector", name: "FLOAT", dimension: 2}};
    await enrichPartition(optionsOf({enrichments: [own, average], columnOrder: ["row", "liked_ids", "own", "liked_avg"], vectorBytesMax: 200 * dimension * 6}));
    for (const row of (await readOutput()) as (Row & {own: number[] | null})[]) {
      const known = (row.liked_ids ?? []).flatMap((id) => (id === null ? [] : (indexOfId.get(id) ?? [])));
      expect(row.own).toEqual(known.length === 0 ? null : [valueOf(known[0]!, 0), known.length]);
      expect(row.liked_avg).toEqual(expectedAverage(row.liked_ids));
    }
  });

  it("computes every built-in function over ids and lists, as the plain functions say", async () => {
    const dtypes = {vector: lookup.dtype, scalar: {kind: "scalar", name: "FLOAT"}, bytes: {kind: "vector", name: "TINYINT", dimension}} as const;
    const base = "TIMESTAMP '2026-02-01'";
    const skeleton = await writeParquet(
      "timed.parquet",
      `SELECT *, ${base} AS happened_at, list_transform(liked_ids, lambda id, k: ${base} - INTERVAL (k) HOUR) AS liked_at FROM read_parquet('${root}/skeleton.parquet') WHERE row < 400 ORDER BY row`,
    );
    const of = (name: string, dtype: ResolvedEnrichment["dtype"], more: Partial<ResolvedEnrichment>): ResolvedEnrichment => ({...average, name, dtype, udfName: name, ...more});
    const enrichments = [
      of("max_pool", dtypes.vector, {}),
      of("sum_pool", dtypes.vector, {}),
      of("weighted_pool", dtypes.vector, {recency: {timeColumn: "liked_at", rowTimeColumn: "happened_at", halfLifeUs: 7_200_000_000}}),
      of("l2_normalize", dtypes.vector, {sourceColumn: "artwork_id"}),
      of("quantize_int8", dtypes.bytes, {pool: "sum"}),
      of("dot", dtypes.scalar, {sourceColumn: "artwork_id", otherColumn: "liked_ids"}),
      of("cosine", dtypes.scalar, {otherColumn: "artwork_id", pool: "max"}),
    ];
    const columnOrder = ["row", "artwork_id", "liked_ids", ...enrichments.map(({name}) => name)];
    await enrichPartition(optionsOf({skeletonFiles: [skeleton], enrichments, columnOrder}));
    const half = (vector: unknown): unknown => (vector instanceof Float32Array ? Array.from(vector, (value) => halfToNumber(roundToHalf(value))) : null);
    const vectorsOf = (ids: readonly (bigint | null)[]) => ids.map((id) => (id === null ? undefined : indexOfId.get(id)));
    for (const row of (await readOutput()) as unknown as (Row & Record<string, unknown>)[]) {
      const places = vectorsOf(row.liked_ids ?? []);
      const known = places.flatMap((k) => (k === undefined ? [] : [Float32Array.from(vectorOf(k))]));
      // The first id is an hour old: DuckDB counts from one.
      const weights = places.flatMap((k, place) => (k === undefined ? [] : [Math.fround(decayWeight((place + 1) * 3_600_000_000, 7_200_000_000))]));
      const own = naivePool(vectorsOf([row.artwork_id]).flatMap((k) => (k === undefined ? [] : [Float32Array.from(vectorOf(k))])), "lookup");
      const pooled = (pooling: Pooling): Float32Array | undefined => naivePool(known, pooling, weights);
      const finish = (vector: Float32Array | undefined, how: Finish, other?: Float32Array): unknown => vector && naiveFinish(vector, how, other);
      expect({row: row.row, ...Object.fromEntries(enrichments.map(({name}) => [name, row[name]]))}).toEqual({
        row: row.row,
        max_pool: half(pooled("max")),
        sum_pool: half(pooled("sum")),
        weighted_pool: half(pooled("weighted")),
        l2_normalize: half(finish(own, "l2_normalize")),
        quantize_int8: known.length === 0 ? null : Array.from(finish(pooled("sum"), "quantize_int8") as Float32Array, (value) => value || 0),
        dot: (own && pooled("mean") && finish(own, "dot", pooled("mean"))) ?? null,
        cosine: (own && pooled("max") && finish(pooled("max"), "cosine", own)) ?? null,
      });
    }
  });

  it("refuses instants of ids that are not as many as the ids, or after the row's own", async () => {
    const run = async (times: string): Promise<DaedalusError> => {
      const skeleton = await writeParquet("times.parquet", `SELECT 1 AS row, TIMESTAMP '2026-02-01' AS happened_at, [-500, 1] AS liked_ids, ${times} AS liked_at`);
      const weighted = {...average, udfName: "weighted_pool", recency: {timeColumn: "liked_at", rowTimeColumn: "happened_at", halfLifeUs: 1e9}};
      return failure(enrichPartition(optionsOf({skeletonFiles: [skeleton], enrichments: [weighted], columnOrder: ["row", "liked_avg"]})));
    };
    expect(await run("[TIMESTAMP '2026-01-01']")).toMatchObject({code: "enrich-times", facts: {row: 0, idCount: 2, timeCount: 1}});
    expect(await run("[TIMESTAMP '2026-01-01', TIMESTAMP '2026-02-01 00:00:01']")).toMatchObject({code: "enrich-time-ahead", facts: {row: 0}});
    expect(await run("[DATE '2026-01-01', DATE '2026-01-01']")).toMatchObject({code: "enrich-time-type", facts: {found: "DATE[]"}});
  });

  it("runs the function that the guide shows", async () => {
    const guide = readFileSync(new URL("../../docs/guides/embeddings.md", import.meta.url), "utf8");
    writeFileSync(join(root, "recent-pool.ts"), /```ts\n([\s\S]*?)```/.exec(guide)![1]!);
    const own: ResolvedEnrichment = {...average, udfName: "recent_pool", udf: {name: "recent_pool", module: "recent-pool.ts", place}};
    await enrichPartition(optionsOf({enrichments: [own], columnOrder: ["row", "liked_ids", "liked_avg"]}));
    for (const {liked_ids: ids, liked_avg: pooled} of await readOutput()) {
      const weighted = (ids ?? []).flatMap((id, k) => (id === null ? [] : indexOfId.has(id) ? [{weight: k + 1, vector: indexOfId.get(id)!}] : []));
      const total = weighted.reduce((sum, {weight}) => sum + weight, 0);
      expect(pooled === null).toBe(total === 0);
      for (const [d, value] of (pooled ?? []).entries()) {
        expect(value).toBeCloseTo(weighted.reduce((sum, {weight, vector}) => sum + weight * valueOf(vector, d), 0) / total, 2);
      }
    }
  });

  it("names the function, the rows and the store when a project's function fails or returns something else", async () => {
    writeFileSync(
      join(root, "bad.mjs"),
      `export function throws(batch) { if (batch.offsets.length !== 0) throw new Error("no weights"); }
export function shrinks(batch) { return {values: new Float32Array(3), isNull: new Uint8Array(batch.rowCount)}; }
`,
    );
    const run = (name: string): Promise<DaedalusError> => {
      const own = {...average, udfName: name, udf: {name, module: "bad.mjs", place}};
      return failure(enrichPartition(optionsOf({enrichments: [own], columnOrder: ["row", "liked_avg"]})));
    };
    const thrown = await run("throws");
    expect(thrown).toMatchObject({code: "udf-failed", place, facts: {udf: "throws", store: "artwork_embeddings", rowStart: 0, rowEnd: 1, reason: "no weights"}});
    expect(thrown.message).toMatch(/^udf "throws" failed on row 0 of .*skeleton\.parquet, with no ids of store "artwork_embeddings": no weights$/);
    expect(await run("shrinks")).toMatchObject({code: "udf-result", hint: "return {values, isNull}: a Float32Array of 2048 x 8 numbers and a Uint8Array of 2048"});
    expect(readdirSync(output)).toEqual([]);
  });

  it.each([
    ["a column of another dimension than the store", {dtype: {kind: "vector", name: "HALF_FLOAT", dimension: 1152}}, "enrich-dimension", "1152 dimensions"],
    ["an average over a column that is no list", {sourceColumn: "artwork_id"}, "enrich-shape", '"artwork_id" is no list'],
    ["a look-up of a list", {udfName: "lookup_embedding_udf"}, "enrich-shape", '"liked_ids" is a list'],
    ["a missing id column", {sourceColumn: "liked"}, "parquet-column-missing", 'no column "liked"'],
    ["text where the ids are integers", {sourceColumn: "note"}, "enrich-id-type", "ids of embedding store \"artwork_embeddings\" are integers"],
    ["integers where the ids are text", {store: styles}, "enrich-id-type", 'ids of embedding store "styles" are text'],
    ["an unknown function", {udfName: "avg_pool_embedding_udf"}, "reference-unknown", 'udf "avg_pool_embedding_udf" does not exist'],
    ["a store that is not built", {store: {...artworks, path: "stores/none"}}, "store-missing", "is not built"],
    ["a store of another dimension than declared", {store: {...artworks, embeddingDim: 64}}, "store-mismatch", "float16[64], but is float16[8]"],
  ] as const)("reports %s", async (_, changes, code, message) => {
    const enrichment = {...average, ...changes};
    const error = await failure(enrichPartition(optionsOf({enrichments: [enrichment], columnOrder: ["row", "liked_avg"]})));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(readdirSync(output)).toEqual([]);
  });

  it("reports a number that a half cannot hold", async () => {
    const large: EmbeddingStore = {...styles, name: "large", path: "stores/large", sourceParquet: "large.parquet"};
    await writeParquet("large.parquet", `SELECT 'style 2' AS id, list_transform(range(${dimension}), d -> 1e5) AS image_embedding`);
    await buildStore(large, {root, session});
    const enrichment: ResolvedEnrichment = {...styleLookup, store: large, dtype: lookup.dtype};
    const error = await failure(enrichPartition(optionsOf({enrichments: [enrichment], columnOrder: ["row", "style_embedding"]})));
    expect(error).toMatchObject({code: "embedding-overflow", facts: {column: "style_embedding", row: 2, value: 100_000}});
  });

  it("reports a truncated skeleton file", async () => {
    const path = await writeParquet("truncated.parquet", `SELECT * FROM read_parquet('${root}/skeleton.parquet')`);
    truncateSync(path, 20_000);
    expect(await failure(enrichPartition(optionsOf({skeletonFiles: [path]})))).toMatchObject({code: "file-unreadable", facts: {path}});
    expect(readdirSync(output)).toEqual([]);
  });

  it("stops between pages when it is asked to, and leaves no file half written", async () => {
    const controller = new AbortController();
    writeFileSync(join(root, "stopping.mjs"), "export async function stopping(batch) { globalThis.stopEnriching(); return {values: new Float32Array(batch.rowCount * 8), isNull: new Uint8Array(batch.rowCount)}; }\n");
    let calls = 0;
    (globalThis as {stopEnriching?: () => void}).stopEnriching = () => {
      if (++calls === 2) controller.abort();
    };
    const own = {...average, udfName: "stopping", udf: {name: "stopping", module: "stopping.mjs", place}};
    const run = enrichPartition(optionsOf({enrichments: [own], columnOrder: ["row", "liked_avg"], signal: controller.signal}));
    await expect(run).rejects.toThrow("aborted");
    expect(calls).toBe(2);
    expect(readdirSync(output)).toEqual([]);
    await expect(enrichPartition(optionsOf({signal: controller.signal}))).rejects.toThrow("aborted");
  });
});
