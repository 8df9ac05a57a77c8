/** Every function of embeddings, from the YAML to a trained day, against plain functions over what the rows say: bit for bit. */
import {join} from "node:path";
import {beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {decayWeight} from "../../src/engines/decay-weight.js";
import {halfToNumber, roundToHalf} from "../../src/pipeline/half-float.js";
import {buildStore} from "../../src/pipeline/store-build.js";
import {naiveFinish, naivePool} from "../support/naive-embeddings.js";
import {makeShop, march, marchDays, shopFiles, trainShop} from "../support/shop-project.js";
import {testSession} from "../support/test-session.js";

const dimension = 5;
const half = `HALF_FLOAT[${dimension}]`;
/** Column -> its dtype and the rest of its enrichment. */
const enrichments = {
  own: [half, "source_id_column: product_id, udf_name: lookup_embedding_udf"],
  taste: [half, "source_id_column: bought, udf_name: avg_pool_embeddings_udf, compression: zstd"],
  peak: [half, "source_id_column: bought, udf_name: max_pool"],
  total: [`FLOAT[${dimension}]`, "source_id_column: bought, udf_name: sum_pool"],
  recent: [half, "source_id_column: bought, udf_name: weighted_pool, time_column: bought_at, half_life: 90m"],
  direction: [half, "source_id_column: product_id, udf_name: l2_normalize"],
  packed: [`TINYINT[${dimension}]`, "source_id_column: bought, udf_name: quantize_int8, pool: max, compression: zstd"],
  affinity: ["FLOAT", "source_id_column: product_id, other_id_column: bought, udf_name: dot"],
  lengths: ["FLOAT[2]", "source_id_column: bought, udf_name: lengths"],
  match: ["FLOAT", "source_id_column: bought, other_id_column: product_id, udf_name: cosine, pool: sum"],
} as const;

/** How many ids are known, and the first number of the newest of them. */
const ownFunction = `import type {EmbeddingBatch, EmbeddingResult} from "daedalus";

export function lengths({rowCount, offsets, indices, pool, dimension}: EmbeddingBatch): EmbeddingResult {
  const values = new Float32Array(rowCount * 2);
  const isNull = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const known = indices.subarray(offsets[row], offsets[row + 1]).filter((index) => index !== -1);
    if (known.length === 0) isNull[row] = 1;
    else values.set([known.length, pool[known.at(-1)! * dimension]!], row * 2);
  }
  return {values, isNull};
}
`;

interface Row {
  readonly product_id: bigint;
  readonly at_us: bigint;
  readonly bought: readonly (bigint | null)[] | null;
  readonly bought_us: readonly bigint[] | null;
  readonly [column: string]: unknown;
}

/** Products 0 to 8 of 12 have a vector; that of 4 is zeros. */
const vectors = `SELECT i::BIGINT AS id, list_transform(range(${dimension}), lambda d: CASE WHEN i = 4 THEN 0 ELSE sin(i * 7 + d) * (i + 1) END) AS vector FROM range(9) AS t(i)`;

describe.each(["float16", "float32"] as const)("a day's embeddings from a store of %s", (dtype) => {
  let rows: Row[];
  let file: string;
  let stored: Map<bigint, Float32Array>;

  beforeAll(async () => {
    const specs = Object.entries(enrichments).map(([name, [, rest]]) => `  - {name: ${name}, store_name: products, ${rest}}`);
    const root = await makeShop(
      {
        ...march,
        "lengths.ts": ownFunction,
        "feature_services/basket.yaml": [
          shopFiles["feature_services/basket.yaml"].trimEnd(),
          '  - {name: bought_at, kind: aggregation, dtype: "TIMESTAMP[]"}',
          ...Object.entries(enrichments).map(([name, [type]]) => `  - {name: ${name}, kind: enrichment, dtype: "${type}"}`),
        ].join("\n"),
        "config/training/aggregations.yaml": `${shopFiles["config/training/aggregations.yaml"].trimEnd()}
  - {name: bought_at, group_by: [customer_id], value_column: at, operation: list, window_days: 2, max_items: 4}
enrichment_specs:
${specs.join("\n")}
udfs:
  - {name: lengths, module: lengths.ts}
embedding_stores:
  - {name: products, path: store, id_column: id, embedding_column: vector, embedding_dim: ${dimension}, embedding_dtype: ${dtype}, source_parquet: vectors.parquet}
`,
      },
      {"vectors.parquet": vectors},
    );
    const session = await testSession();
    await buildStore(loadProject({root}).aggregations.stores.get("products")!, {root, session});
    await trainShop(root, {targetDay: marchDays[1]!});
    const times = "epoch_us(\"at\") AS at_us, list_transform(bought_at, lambda moment: epoch_us(moment)) AS bought_us";
    file = join(root, `out/basket/dataset/dt=${marchDays[1]!}`, "*.parquet");
    rows = (await session.rows(`SELECT *, ${times} FROM read_parquet('${file}')`)) as unknown as Row[];
    const round = dtype === "float16" ? (value: number): number => halfToNumber(roundToHalf(value)) : Math.fround;
    stored = new Map((await session.rows(vectors)).map(({id, vector}) => [id as bigint, Float32Array.from(vector as number[], round)]));
  });

  it("have the compression that was asked for", async () => {
    const chunks = await (await testSession()).rows(`SELECT path_in_schema AS name, compression FROM parquet_metadata('${file}') WHERE num_values > 0`);
    const codecs = new Map(chunks.map(({name, compression}) => [(name as string).split(",")[0]!, compression]));
    expect(Object.keys(enrichments).filter((name) => codecs.get(name) === "ZSTD")).toEqual(["taste", "packed"]);
    expect(Object.keys(enrichments).filter((name) => codecs.get(name) === "UNCOMPRESSED")).toHaveLength(8);
  });

  it("are what plain functions make of each row's ids", () => {
    expect(rows).toHaveLength(200);
    const seen = new Set<string>();
    for (const row of rows) {
      const own = stored.get(row.product_id);
      const ids = row.bought ?? [];
      const known = ids.flatMap((id, k) => (id !== null && stored.has(id) ? [{vector: stored.get(id)!, weight: Math.fround(decayWeight(Number(row.at_us - row.bought_us![k]!), 5_400_000_000))}] : []));
      const pooled = (pooling: "mean" | "max" | "sum" | "weighted"): Float32Array | undefined => naivePool(known.map(({vector}) => vector), pooling, known.map(({weight}) => weight));
      const [max, sum, mean] = [pooled("max"), pooled("sum"), pooled("mean")];
      const expected: Record<keyof typeof enrichments, unknown> = {
        own: halves(own),
        taste: halves(mean),
        peak: halves(max),
        total: sum && [...sum],
        recent: halves(pooled("weighted")),
        direction: halves(own && (naiveFinish(own, "l2_normalize") as Float32Array | undefined)),
        packed: max && Array.from(naiveFinish(max, "quantize_int8") as Float32Array, (value) => value || 0),
        affinity: own && mean && naiveFinish(own, "dot", mean),
        lengths: known.length === 0 ? undefined : [known.length, known.at(-1)!.vector[0]],
        match: own && sum && naiveFinish(sum, "cosine", own),
      };
      for (const [name, value] of Object.entries(expected)) {
        expect({name, product: row.product_id, ids, value: row[name]}).toEqual({name, product: row.product_id, ids, value: value ?? null});
        seen.add(`${name} ${value === undefined ? "NULL" : "there"}`);
      }
    }
    // Each function met rows with a result and rows without.
    expect(seen.size).toBe(Object.keys(enrichments).length * 2);
  });
});

const halves = (vector: Float32Array | undefined): number[] | undefined => vector && Array.from(vector, (value) => halfToNumber(roundToHalf(value)));
