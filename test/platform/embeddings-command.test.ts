import {existsSync, rmSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {runDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, shopFiles} from "../support/shop-project.js";

const store = (name: string, dimension: number): string =>
  `  - {name: ${name}, type: lance, path: stores/${name}, id_column: id, embedding_column: vector, embedding_dim: ${dimension}, embedding_dtype: float16, source_parquet: data/vectors.parquet}\n`;

let root: string;
beforeAll(async () => {
  const aggregations = `${shopFiles["config/training/aggregations.yaml"]}embedding_stores:\n${store("product_vectors", 4)}${store("wide_vectors", 5)}`;
  root = await makeShop(
    {"config/training/aggregations.yaml": aggregations},
    {"data/vectors.parquet": "SELECT i::BIGINT AS id, [i, 0.5, -i, 1.0 / (i + 1)]::FLOAT[4] AS vector FROM range(500) AS t(i)"},
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
    expect(statistics).toMatchObject({rows: 500, id_type: "bigint", embedding_type: "float16[4]", fingerprint: built["fingerprint"]});
    expect((await daeda("embeddings build product_vectors")).stdout).toMatch(/^product_vectors: 500 embeddings, \d+\.\d MB\n/);
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
