/** Embeddings that are taken from the dataset that is published: only where nothing that made them changed. */
import {readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {parquetMetadata} from "hyparquet";
import {beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {buildStore} from "../../src/pipeline/store-build.js";
import {copyShop, makeShop, march, readManifestOf, readRows, shopFiles, trainShop} from "../support/shop-project.js";
import {testSession} from "../support/test-session.js";

type Path = keyof typeof shopFiles;
const aggregations: Path = "config/training/aggregations.yaml";
const service: Path = "feature_services/basket.yaml";
const prices: Path = "feature_views/prices.yaml";
const day = "2026-03-02";
const embeddings = ["vector", "taste", "match"];

const vectors = (seed: number): string => `SELECT i::BIGINT AS id, [i + ${seed}, i / 8, 1.0]::FLOAT[] AS e FROM range(9) AS t(i)`;

let trained: string;
beforeAll(async () => {
  const made = await makeShop({
    ...march,
    [service]: `${shopFiles[service]}  - {name: vector, kind: enrichment, dtype: "HALF_FLOAT[3]"}\n  - {name: taste, kind: enrichment, dtype: "HALF_FLOAT[3]"}\n  - {name: match, kind: enrichment, dtype: FLOAT}\n`,
    [aggregations]: `${shopFiles[aggregations]}enrichment_specs:
  - {name: taste, source_id_column: bought, store_name: products, udf_name: avg_pool_embeddings_udf}
  - {name: vector, source_id_column: product_id, store_name: products, udf_name: lookup_embedding_udf}
  - {name: match, source_id_column: product_id, other_id_column: bought, store_name: products, udf_name: cosine}
embedding_stores: [{name: products, path: store, id_column: id, embedding_column: e, embedding_dim: 3, source_parquet: vectors.parquet}]
`,
  }, {"vectors.parquet": vectors(0)});
  // Sources are known by their times, of which a copy keeps the milliseconds: so what is trained is a copy already.
  trained = copyShop(made);
  await buildStores(trained);
  await trainShop(trained);
});

async function buildStores(root: string): Promise<void> {
  await buildStore(loadProject({root}).aggregations.stores.get("products")!, {root, session: await testSession()});
}

function edit(root: string, path: Path, from: string, to: string): void {
  const text = readFileSync(join(root, path), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(root, path), text.replace(from, to));
}

const directoryOf = (root: string, output = "out"): string => join(root, output, "basket/dataset", `dt=${day}`);

/** Embeddings that were computed when the dataset was made. */
function computedOf(root: string): string[] {
  const {carried} = readManifestOf(root, "dataset", day) as {carried: Record<string, string>};
  return embeddings.filter((name) => !(name in carried));
}

async function expectFresh(root: string): Promise<void> {
  rmSync(join(root, "fresh"), {recursive: true, force: true});
  await trainShop(root, {outputRoot: "fresh"});
  expect(await readRows(directoryOf(root), "*")).toEqual(await readRows(directoryOf(root, "fresh"), "*"));
  const facts = (output: string): unknown => (JSON.parse(readFileSync(join(directoryOf(root, output), "_manifest.json"), "utf8")) as {columns: unknown}).columns;
  expect(facts("out")).toEqual(facts("fresh"));
}

/** Column -> reason, for columns that are not current. */
async function planned(root: string): Promise<Record<string, string | undefined>> {
  const project = loadProject({root});
  const {groups} = await planService({project, service: project.services.get("basket")!, stages: "both", targetDay: day});
  return Object.fromEntries(groups[0]!.columns.filter(({state}) => state !== "current").map(({name, reason}) => [name, reason]));
}

/** The place of a column's values in a file with one row group. */
function chunkOf(path: string, column: string): {bytes: Buffer; start: number; end: number} {
  const bytes = readFileSync(path);
  const metadata = parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const {meta_data: meta} = metadata.row_groups[0]!.columns.find((chunk) => chunk.meta_data!.path_in_schema[0] === column)!;
  const start = Number(meta!.data_page_offset);
  return {bytes, start, end: start + Number(meta!.total_compressed_size)};
}

describe("embeddings of a day whose skeleton changed", () => {
  it("are copied byte for byte when none of their ids were computed anew", async () => {
    const root = copyShop(trained);
    // A value that no store holds: where it comes out, nothing was computed.
    const path = join(directoryOf(root), "part-00000.parquet");
    const {bytes, end} = chunkOf(path, "vector");
    bytes[end - 1]! ^= 0x80;
    writeFileSync(path, bytes);
    const {start} = chunkOf(path, "vector");
    const {written_at: writtenAt} = readManifestOf(root, "dataset", day);

    edit(root, prices, "entity: product", "entity: product\nttl: 1d");
    expect(await planned(root)).toEqual({price: "the definition changed"});
    await trainShop(root);
    expect(readManifestOf(root, "dataset", day)["carried"]).toMatchObject({vector: writtenAt, taste: writtenAt});
    const copy = chunkOf(path, "vector");
    expect(copy.bytes.subarray(copy.start, copy.end)).toEqual(bytes.subarray(start, end));
    expect(await planned(root)).toEqual({});

    // They are known by the partition that computed them, whatever carried them since.
    edit(root, prices, "ttl: 1d", "ttl: 2d");
    await trainShop(root, {stages: "skeleton"});
    expect(await planned(root)).toEqual({price: "the skeleton is newer"});
    await trainShop(root, {stages: "enrich"});
    expect(readManifestOf(root, "dataset", day)["carried"]).toMatchObject({vector: writtenAt, taste: writtenAt});
    // Until the day is forced.
    await trainShop(root, {isForced: true});
    expect(computedOf(root)).toEqual(embeddings);
    await expectFresh(root);
  });

  it("are computed where their ids were", async () => {
    const root = copyShop(trained);
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    expect(await planned(root)).toEqual({bought: "the definition changed", taste: "its ids are newer", match: "its ids are newer"});
    await trainShop(root);
    expect(computedOf(root)).toEqual(["taste", "match"]);
    await expectFresh(root);
  });

  it("are all computed when the rows may be others", async () => {
    const root = copyShop(trained);
    edit(root, service, "columns:", 'filters: [{name: some, sql: "quantity > 0"}]\ncolumns:');
    await trainShop(root);
    expect(computedOf(root)).toEqual(embeddings);
    await expectFresh(root);
    edit(root, service, 'filters: [{name: some, sql: "quantity > 0"}]\n', "");
    await trainShop(root);
    expect(computedOf(root)).toEqual(embeddings);
    expect(await readRows(directoryOf(root), "*")).toEqual(await readRows(directoryOf(trained), "*"));
  });

  it("are all computed when published files are not what was written, or are cut otherwise", async () => {
    const root = copyShop(trained);
    edit(root, prices, "entity: product", "entity: product\nttl: 1d");
    writeFileSync(join(directoryOf(root), "part-00000.parquet"), "short");
    await trainShop(root);
    expect(computedOf(root)).toEqual(embeddings);
    await expectFresh(root);
    edit(root, prices, "ttl: 1d", "ttl: 2d");
    await trainShop(root, {load: {overrides: ["entity_spine_chunk_rows=64"]}});
    expect(readdirSync(directoryOf(root))).toHaveLength(5);
    expect(computedOf(root)).toEqual(embeddings);
    await expectFresh(root);
  });
});

describe("embeddings of a day whose skeleton stays", () => {
  it("are computed where their own definition changed, and moved where their place did", async () => {
    const root = copyShop(trained);
    edit(root, aggregations, "avg_pool_embeddings_udf", "max_pool");
    expect(await planned(root)).toEqual({taste: "the definition changed"});
    await trainShop(root);
    expect(computedOf(root)).toEqual(["taste"]);
    const vector = '  - {name: vector, kind: enrichment, dtype: "HALF_FLOAT[3]"}\n';
    edit(root, service, vector, "");
    edit(root, service, "columns:\n", `columns:\n${vector}`);
    await trainShop(root);
    expect(computedOf(root)).toEqual([]);
    await expectFresh(root);
  });

  it("are computed when their store changed", async () => {
    const root = copyShop(trained);
    await (await testSession()).run(`COPY (${vectors(5)}) TO '${join(root, "vectors.parquet")}' (FORMAT parquet)`);
    await buildStores(root);
    await trainShop(root);
    expect(computedOf(root)).toEqual(embeddings);
    await expectFresh(root);
  });
});
