import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DaedalusError} from "../../src/errors.js";
import {builtInFunctions, packVectors, type EmbeddingBatch} from "../../src/pipeline/embedding-functions.js";
import {halfToNumber, roundToHalf} from "../../src/pipeline/half-float.js";
import type {VectorDtype} from "../../src/pipeline/parquet-splice.js";
import {loadUserFunction} from "../../src/pipeline/udf-module.js";
import type {VectorValues} from "../../src/sources/embedding-store.js";

const lookup = builtInFunctions.get("lookup_embedding_udf")!;
const average = builtInFunctions.get("avg_pool_embeddings_udf")!;
const half = (dimension: number): VectorDtype => ({kind: "vector", name: "HALF_FLOAT", dimension});
const float = (dimension: number): VectorDtype => ({kind: "vector", name: "FLOAT", dimension});

function batchOf(lists: readonly (readonly number[])[], pool: VectorValues, dimension: number): EmbeddingBatch<VectorValues> {
  const offsets = new Int32Array(lists.length + 1);
  for (const [row, list] of lists.entries()) offsets[row + 1] = offsets[row]! + list.length;
  return {rowCount: lists.length, offsets, indices: Int32Array.from(lists.flat()), pool, dimension};
}

/** The rows of a packed page as numbers. */
function unpack(rows: {values: VectorValues; isNull: Uint8Array}, dtype: VectorDtype): (number[] | null)[] {
  const page = packVectors(rows, {column: "c", dtype, rowStart: 0});
  return Array.from({length: page.rowCount}, (_, row) => {
    if (page.isNull[row]) return null;
    const values = page.values.subarray(page.offsets[row], page.offsets[row + 1]);
    return Array.from(values, (value) => (values instanceof Uint16Array ? halfToNumber(value) : value));
  });
}

const halves = (...values: number[]): Uint16Array => Uint16Array.from(values, roundToHalf);

describe("lookup_embedding_udf", () => {
  it("gives the row's own vector, and NULL for an unknown id", () => {
    const batch = batchOf([[1], [-1], [0], []], halves(1, 2, 3, 4), 2);
    expect(unpack(lookup.run(batch), half(2))).toEqual([[3, 4], null, [1, 2], null]);
  });

  it("copies halves bit for bit, and widens or rounds where the output asks for it", () => {
    const odd = Uint16Array.of(0x8000, 0x0001, 0x7c00, 0x7e01);
    const copied = packVectors(lookup.run(batchOf([[0]], odd, 4)), {column: "c", dtype: half(4), rowStart: 0});
    expect([...copied.values]).toEqual([...odd]);
    expect(unpack(lookup.run(batchOf([[0]], halves(0.5, 65504), 2)), float(2))).toEqual([[0.5, 65504]]);
    expect(unpack(lookup.run(batchOf([[0]], Float32Array.of(0.1, 2), 2)), float(2))).toEqual([[Math.fround(0.1), 2]]);
    expect(unpack(lookup.run(batchOf([[0]], Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11), 2)), half(2))).toEqual([[1, 1 + 2 ** -9]]);
  });
});

describe("avg_pool_embeddings_udf", () => {
  it("takes the mean of the known ids, an id as often as it occurs, and is NULL when none is known", () => {
    const lists = [[0], [0, 1], [1, -1, 1, 0], [-1, -1], [], [-1, 1]];
    expect(unpack(average.run(batchOf(lists, halves(1, 3, 10, -6), 2)), float(2))).toEqual([
      [1, 3],
      [5.5, -1.5],
      [7, -3],
      null,
      null,
      [10, -6],
    ]);
  });

  it("sums floats in list order: the order decides what is lost", () => {
    const pool = Float32Array.of(1, 2 ** 24, -(2 ** 24));
    expect(unpack(average.run(batchOf([[0, 1, 2], [1, 2, 0]], pool, 1)), float(1))).toEqual([[0], [Math.fround(1 / 3)]]);
  });

  it("divides, rather than multiplying by the inverse", () => {
    // 41 times the 32-bit inverse of 41 is not 1.
    expect(Math.fround(41 * Math.fround(1 / 41))).not.toBe(1);
    const lists = [Array<number>(41).fill(0)];
    expect(unpack(average.run(batchOf(lists, Float32Array.of(1), 1)), float(1))).toEqual([[1]]);
  });

  it("agrees bit for bit with a plain loop on random lists, from halves and from floats", () => {
    let state = 11;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % below;
    };
    const dimension = 7;
    const bits = Uint16Array.from({length: 200 * dimension}, () => random(2) * 0x8000 + random(0x7000));
    const floats = Float32Array.from({length: 200 * dimension}, () => (random(2_000_001) - 1_000_000) / 7);
    const lists = Array.from({length: 500}, () => Array.from({length: random(40)}, () => random(220) - 20).map((id) => Math.max(id, -1)));
    for (const pool of [bits, floats]) {
      const expected = lists.map((list) => {
        const known = list.filter((id) => id !== -1);
        if (known.length === 0) return null;
        return Array.from({length: dimension}, (_, d) => {
          let sum = 0;
          for (const id of known) {
            const value = pool[id * dimension + d]!;
            sum = Math.fround(sum + (pool instanceof Uint16Array ? halfToNumber(value) : value));
          }
          return Math.fround(sum / known.length);
        });
      });
      expect(unpack(average.run(batchOf(lists, pool, dimension)), float(dimension))).toEqual(expected);
    }
    const rounded = unpack(average.run(batchOf(lists, bits, dimension)), half(dimension));
    const wide = unpack(average.run(batchOf(lists, bits, dimension)), float(dimension));
    expect(rounded).toEqual(wide.map((row) => row?.map((value) => halfToNumber(roundToHalf(value))) ?? null));
  });
});

describe("packVectors", () => {
  it("refuses a finite number that a half cannot hold, and names its row", () => {
    const rows = {values: Float32Array.of(1, 2, 70_000, 4), isNull: new Uint8Array(2)};
    let error: unknown;
    try {
      packVectors(rows, {column: "image_embedding", dtype: half(2), rowStart: 40});
    } catch (reason) {
      error = reason;
    }
    expect(error).toBeInstanceOf(DaedalusError);
    expect(error).toMatchObject({code: "embedding-overflow", facts: {column: "image_embedding", row: 41, value: 70_000}});
  });

  it("ignores what stands in NULL rows, and takes any mark for NULL", () => {
    const rows = {values: Float32Array.of(1, 2, 1e30, NaN), isNull: Uint8Array.of(0, 255)};
    const page = packVectors(rows, {column: "c", dtype: half(2), rowStart: 0});
    expect(page).toMatchObject({rowCount: 2, offsets: Int32Array.of(0, 2, 2), isNull: Uint8Array.of(0, 1)});
  });
});

describe("loadUserFunction", () => {
  let root: string;
  const place = {file: "config/training/aggregations.yaml", line: 40, column: 5, length: 7, text: "  - {name: my_pool, module: udfs/my-pool.ts}"};
  const define = (module: string, name = "my_pool"): Parameters<typeof loadUserFunction>[0] => ({name, module, place});
  const batch: EmbeddingBatch = {rowCount: 1, offsets: Int32Array.of(0, 1), indices: Int32Array.of(0), pool: Float32Array.of(4), dimension: 1};

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "udfs-"));
    writeFileSync(join(root, "factor.ts"), "export const factor: number = 3;\n");
    writeFileSync(
      join(root, "my-pool.ts"),
      `import {factor} from "./factor.ts";
interface Batch { readonly rowCount: number; readonly pool: Float32Array }
enum Kind { Scaled = 1 }
export function my_pool(batch: Batch) {
  return {values: Float32Array.from(batch.pool, (value: number) => value * factor * Kind.Scaled), isNull: new Uint8Array(batch.rowCount)};
}
`,
    );
    writeFileSync(join(root, "plain.mjs"), "export const my_pool = (batch) => ({values: batch.pool, isNull: new Uint8Array(batch.rowCount)});\n");
    writeFileSync(join(root, "broken.ts"), "export function my_pool(batch: ) { return 1; }\n");
    writeFileSync(join(root, "throws.mjs"), "throw new Error('no GPU here');\n");
    writeFileSync(join(root, "other.ts"), "export const my_pol = (): number => 1;\nexport const my_pool_size = 3;\n");
  });
  afterAll(() => rmSync(root, {recursive: true, force: true}));

  it("loads TypeScript, with the TypeScript it imports", async () => {
    const own = await loadUserFunction(define("my-pool.ts"), root);
    expect(await own(batch)).toEqual({values: Float32Array.of(12), isNull: Uint8Array.of(0)});
  });

  it("loads JavaScript", async () => {
    const own = await loadUserFunction(define("plain.mjs"), root);
    expect(await own(batch)).toEqual({values: Float32Array.of(4), isNull: Uint8Array.of(0)});
  });

  it.each([
    ["a missing module", "none.ts", "file-missing", "none.ts"],
    ["a module that is no TypeScript", "broken.ts", "udf-broken", "broken.ts"],
    ["a module that fails to start", "throws.mjs", "udf-broken", "no GPU here"],
    ["a module without the function", "other.ts", "udf-missing", 'exports no function "my_pool"'],
  ])("reports %s at the udf's place", async (_, module, code, message) => {
    const error: unknown = await loadUserFunction(define(module), root).catch((reason: unknown) => reason);
    expect(error).toMatchObject({code, place});
    expect((error as Error).message).toContain(message);
    if (code === "udf-missing") expect((error as DaedalusError).hint).toBe('did you mean "my_pol"?');
  });
});
