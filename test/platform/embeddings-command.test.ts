import {existsSync, rmSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {runDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, shopFiles} from "../support/shop-project.js";

const store = (name: string, dimension: number, dtype = "float32"): string =>
  `  - {name: ${name}, type: lance, path: stores/${name}, id_column: id, embedding_column: vector, embedding_dim: ${dimension}, embedding_dtype: ${dtype}, source_parquet: data/vectors.parquet, vector_index: l2}\n`;

let root: string;
beforeAll(async () => {
  const aggregations = `${shopFiles["config/training/aggregations.yaml"]}embedding_stores:\n${store("product_vectors", 8)}${store("wide_vectors", 9)}${store("half_vectors", 8, "float16")}`;
  root = await makeShop(
    {"config/training/aggregations.yaml": aggregations},
    {"data/vectors.parquet": "SELECT i::BIGINT AS id, [i, 0.5, -i, 1.0 / (i + 1), 0, 0, 0, 0]::FLOAT[8] AS vector FROM range(500) AS t(i)"},
  );
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

const daeda = (args: string): Promise<RunResult> => runDaeda(args.split(" "), {directory: root});

describe("embeddings", () => {
  it("are missing before they are built, which stats says", async () => {
    const {exitCode, stdout, stderr} = await daeda("embeddings stats product_vectors");
    expect({exitCode, stdout}).toEqual({exitCode: 1, stdout: ""});
    expect(stderr).toContain("error store-missing");
  });

  it("are built, and described with the same fingerprint", async () => {
    const built = JSON.parse((await daeda("embeddings build product_vectors --format json")).stdout) as Record<string, unknown>;
    expect(built).toMatchObject({store: "product_vectors", path: join(root, "stores/product_vectors"), rows: 500, source_files: 1});
    const statistics: unknown = JSON.parse((await daeda("embeddings stats product_vectors --format json")).stdout);
    expect(statistics).toMatchObject({rows: 500, id_type: "bigint", embedding_type: "float32[8]", fingerprint: built["fingerprint"]});
    expect((await daeda("embeddings build product_vectors")).stdout).toMatch(/^product_vectors: 500 embeddings, \d+\.\d MB\n/);
  });

  it("are described with their size, indexes and norms", async () => {
    const facts = JSON.parse((await daeda("embeddings stats product_vectors --format json")).stdout) as Record<string, unknown>;
    expect(facts).toMatchObject({pieces: 1, indexes: [{column: "id", type: "BTree", rows: 500, rows_without: 0}, {column: "vector", type: "IvfPq", metric: "l2", rows: 500}]});
    expect(facts["bytes"]).toBeGreaterThan(500 * 16);
    // Vector i has the length of (i, 0.5, -i, 1 / (i + 1)).
    expect(facts["norms"]).toMatchObject({vectors: 500, p0: 1.11803, p50: 353.554, p100: 705.693});
    expect((await daeda("embeddings stats")).stderr).toContain('error store-unnamed: the project has several embedding stores: "product_vectors", "wide_vectors", "half_vectors"');
  });

  it("get no vector index where squared distances are beyond the halves that they are stored as", async () => {
    await daeda("embeddings build half_vectors");
    const {indexes} = JSON.parse((await daeda("embeddings stats half_vectors --format json")).stdout) as {indexes: {type: string}[]};
    expect(indexes.map(({type}) => type)).toEqual(["BTree"]);
    expect(JSON.parse((await daeda("embeddings nearest 250 -k 1 --store half_vectors --format json")).stdout)).toMatchObject({indexed: false});
  });

  it("are printed by their ids", async () => {
    const got = JSON.parse((await daeda("embeddings get 3 --store product_vectors --format json")).stdout) as unknown;
    expect(got).toEqual({store: "product_vectors", id: "3", norm: 4.27931, vector: [3, 0.5, -3, 0.25, 0, 0, 0, 0]});
    expect((await daeda("embeddings get 3 --store product_vectors")).stdout).toBe("product_vectors 3, norm 4.27931\n[3, 0.5, -3, 0.25, 0, 0, 0, 0]\n");
    for (const id of ["500", "3.5", "x' OR '1'='1"]) {
      const {exitCode, stderr} = await runDaeda(["embeddings", "get", id, "--store", "product_vectors"], {directory: root});
      expect({exitCode, stderr}).toEqual({exitCode: 1, stderr: `error store-id-unknown: embedding store "product_vectors" has no id ${id}\n  hint: its ids are integers\n`});
    }
  });

  it("are compared with each other, all of them or by the index", async () => {
    const nearest = async (args: string): Promise<{indexed: boolean; metric: string; nearest: {id: string; distance: number}[]}> =>
      JSON.parse((await daeda(`embeddings nearest 250 --store product_vectors --format json ${args}`)).stdout) as never;
    const exact = await nearest("-k 4 --exact");
    expect(exact).toMatchObject({indexed: false, metric: "l2"});
    expect(exact.nearest.map(({id}) => id).sort()).toEqual(["248", "249", "251", "252"]);
    // l2 is squared, as Lance has it.
    expect(exact.nearest[0]!.distance).toBe(2);
    const indexed = await nearest("-k 4");
    expect(indexed.indexed).toBe(true);
    expect(indexed.nearest).toHaveLength(4);
    expect(indexed.nearest.filter(({id}) => Math.abs(Number(id) - 250) <= 10).length).toBeGreaterThanOrEqual(3);
    const byAngle = await nearest("--metric cosine");
    expect(byAngle).toMatchObject({indexed: false, metric: "cosine"});
    expect(byAngle.nearest).toHaveLength(10);
    expect(byAngle.nearest[0]!.distance).toBeCloseTo(0, 5);
    expect((await daeda("embeddings nearest 250 -k 2 --exact --store product_vectors")).stdout).toMatch(/^product_vectors 250: nearest by l2, of all vectors\n2(49|51) {2}2\n2(49|51) {2}2\n$/);
  });

  it("grow by new ids, and are compacted with the same fingerprint", async () => {
    const before = JSON.parse((await daeda("embeddings stats product_vectors --format json")).stdout) as Record<string, unknown>;
    expect((await daeda("embeddings build product_vectors --append")).stdout).toMatch(/^product_vectors: 500 embeddings, \d+\.\d MB; 0 added; 500 rows with known ids passed over\n/);
    const compacted = JSON.parse((await daeda("embeddings compact product_vectors --format json")).stdout) as Record<string, unknown>;
    expect(compacted).toMatchObject({rows: 500, pieces: 1, fingerprint: before["fingerprint"]});
  });

  it("of another dimension than declared are an error, and leave no store", async () => {
    const {exitCode, stdout, stderr} = await daeda("embeddings build wide_vectors");
    expect({exitCode, stdout}).toEqual({exitCode: 1, stdout: ""});
    expect(stderr).toContain("config/training/aggregations.yaml:");
    expect(stderr).toContain("error store-source-vectors");
    expect(existsSync(join(root, "stores/wide_vectors"))).toBe(false);
  });

  it("of a store that does not exist name the nearest one", async () => {
    const {exitCode, stderr} = await daeda("embeddings build product_vector");
    expect(exitCode).toBe(1);
    expect(stderr).toBe('error reference-unknown: embedding store "product_vector" does not exist\n  hint: did you mean "product_vectors"?\n');
  });
});
