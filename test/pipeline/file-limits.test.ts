import {readdirSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {Problems} from "../../src/errors.js";
import {limitFiles} from "../../src/pipeline/file-limits.js";
import {readRowGroupRows} from "../../src/pipeline/parquet-footer.js";
import {compileService} from "../../src/pipeline/plan-file.js";
import {makeShop, march, shopFiles, trainShop} from "../support/shop-project.js";

const service = "feature_services/basket.yaml";
const aggregations = "config/training/aggregations.yaml";

/** Six bytes a row for each dimension. */
const embedded = (dimension: number): Record<string, string> => ({
  [service]: `${shopFiles[service]}  - {name: vector, kind: enrichment, dtype: "HALF_FLOAT[${dimension}]"}\n  - {name: taste, kind: enrichment, dtype: "FLOAT[${dimension}]"}\n`,
  [aggregations]: `${shopFiles[aggregations]}enrichment_specs:
  - {name: taste, source_id_column: bought, store_name: products, udf_name: avg_pool_embeddings_udf}
  - {name: vector, source_id_column: product_id, store_name: products, udf_name: lookup_embedding_udf}
embedding_stores: [{name: products, path: store, id_column: id, embedding_column: e, embedding_dim: ${dimension}}]
`,
});

async function limitsOf(files: Record<string, string>): Promise<number> {
  const project = loadProject({root: await makeShop(files)});
  return limitFiles(compileService(project, project.services.get("basket")!, new Problems()), project).rowGroupRows;
}

describe("row groups", () => {
  it("hold at most 128 MiB of vectors, but at least 2048 rows", async () => {
    expect(await limitsOf({})).toBe(122_880);
    expect(await limitsOf(embedded(8))).toBe(122_880);
    // 128 MiB of 6912 bytes are 19,418 rows.
    expect(await limitsOf(embedded(1152))).toBe(9 * 2048);
    expect(await limitsOf(embedded(11_000))).toBe(2048);
  });

  it("are that small in the skeleton, which vectors are added to, also when a column of it is made again", async () => {
    const orders = "SELECT (i % 7)::BIGINT AS customer_id, (i % 12)::BIGINT AS product_id, TIMESTAMP '2026-03-02' + to_seconds(i * 20) AS at, i AS line, 1::INTEGER AS quantity FROM range(4200) AS t(i)";
    const root = await makeShop({...march, ...embedded(11_000)}, {"data/orders/dt=2026-03-02/part-0.parquet": orders});
    const made = async (): Promise<number[]> => {
      await trainShop(root, {stages: "skeleton"});
      const folder = join(root, "out/basket/skeleton/dt=2026-03-02");
      return (await Promise.all(readdirSync(folder).filter((name) => name.endsWith(".parquet")).sort().map((name) => readRowGroupRows(join(folder, name))))).flat();
    };
    expect(await made()).toEqual([2048, 2048, 104]);
    const path = join(root, aggregations);
    writeFileSync(path, readFileSync(path, "utf8").replace("max_items: 4", "max_items: 3"));
    expect(await made()).toEqual([2048, 2048, 104]);
  });
});
