import {describe, expect, it} from "vitest";
import {builtInFunctions, packVectors, type EmbeddingBatch} from "../../src/pipeline/embedding-functions.js";
import {HalfVectors} from "../../src/pipeline/half-vectors.js";
import {below, seededRandom, type Random} from "../support/seeded-random.js";

const vectorCount = 50;

function randomBatch(random: Random, dimension: number, halfOf: () => number): {batch: EmbeddingBatch<Uint16Array>; vectors: HalfVectors} {
  const vectors = new HalfVectors(vectorCount, dimension);
  for (let k = 0; k < vectors.values.length; k++) vectors.values[k] = halfOf();
  const rowCount = 40;
  const lists = Array.from({length: rowCount}, (_, row) => Array.from({length: row === 3 ? 300 : below(random, 9)}, () => below(random, vectorCount + 10)));
  const indices = Int32Array.from(lists.flat(), (vector) => (vector < vectorCount ? vector : -1));
  const offsets = new Int32Array(rowCount + 1);
  for (const [row, list] of lists.entries()) offsets[row + 1] = offsets[row]! + list.length;
  return {batch: {rowCount, offsets, indices, pool: vectors.values, dimension}, vectors};
}

describe("the mean kernel", () => {
  it.each([1, 7, 8, 33, 64, 1152])("agrees with the plain function bit for bit in %i dimensions", (dimension) => {
    const random = seededRandom(dimension);
    const finite = (): number => below(random, 0x7c00) | (below(random, 2) << 15);
    // Every half there is: subnormal numbers, both zeros, infinities and NaN among them.
    const any = (): number => below(random, 0x10000);
    for (const halfOf of [finite, any]) {
      const {batch, vectors} = randomBatch(random, dimension, halfOf);
      const target = {column: "c", dtype: {kind: "vector", name: "HALF_FLOAT", dimension} as const, rowStart: 0};
      const plain = packVectors(builtInFunctions.get("avg_pool_embeddings_udf")!.run(batch), target);
      const computed = packVectors(vectors.average(batch), target);
      expect(Buffer.compare(bytesOf(computed.values), bytesOf(plain.values))).toBe(0);
      expect(computed.isNull).toEqual(plain.isNull);
    }
  });

  it("leaves very long lists to the plain function", () => {
    const vectors = new HalfVectors(1, 8);
    expect(vectors.canAverage({rowCount: 1, offsets: Int32Array.of(0, 16_384)})).toBe(true);
    expect(vectors.canAverage({rowCount: 1, offsets: Int32Array.of(0, 16_385)})).toBe(false);
  });
});

const bytesOf = (values: Uint16Array | Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
