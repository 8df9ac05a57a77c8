import {describe, expect, it} from "vitest";
import type {BuiltInWork, PageFunction, Pooling} from "../../src/pipeline/embedding-functions.js";
import {allocateMemory} from "../../src/engines/wasm.js";
import {paddedLength} from "../../src/pipeline/embedding-kernels.js";
import {halfInfinity, halfToNumber, roundToHalf} from "../../src/pipeline/half-float.js";
import {PageComputer, scratchBytes, vectorStride, type PageIds, type PageJob, type PageResult} from "../../src/pipeline/page-job.js";
import type {EmbeddingDtype} from "../../src/pipeline/parquet-column.js";
import {naiveFinish, naivePool, type Vector} from "../support/naive-embeddings.js";
import {below, seededRandom, type Random} from "../support/seeded-random.js";

const vectorCount = 50;
const rowCount = 40;

/** Numbers of the kind that a store holds; `any` has every half there is: subnormal, infinite and NaN among them. */
type Kind = "float16" | "any" | "float32";

function makeVector(random: Random, kind: Kind, dimension: number): Vector {
  if (kind === "float32") return Float32Array.from({length: dimension}, () => (below(random, 2_000_001) - 1_000_000) / 7);
  return Uint16Array.from({length: dimension}, () => (kind === "any" ? below(random, 0x10000) : below(random, 0x3c00) | (below(random, 2) << 15)));
}

function makeIds(random: Random): PageIds {
  const lists = Array.from({length: rowCount}, (_, row) => Array.from({length: row === 3 ? 300 : below(random, 9)}, () => below(random, vectorCount + 10)));
  const offsets = new Int32Array(rowCount + 1);
  for (const [row, list] of lists.entries()) offsets[row + 1] = offsets[row]! + list.length;
  const slots = Int32Array.from(lists.flat(), (vector) => (vector < vectorCount ? vector : -1));
  return {offsets, slots, weights: Float32Array.from(slots, () => (below(random, 4) === 0 ? 0 : random()))};
}

function makeSingleIds(random: Random): PageIds {
  const slots = Int32Array.from({length: rowCount}, () => below(random, vectorCount + 10)).map((vector) => (vector < vectorCount ? vector : -1));
  return {offsets: Int32Array.from({length: rowCount + 1}, (_, row) => row), slots, weights: new Float32Array(rowCount)};
}

interface Setting {
  readonly vectors: readonly Vector[];
  readonly work: BuiltInWork;
  readonly dtype: EmbeddingDtype;
  readonly ids: PageIds;
  readonly otherIds?: PageIds;
}

function compute({vectors, work, dtype, ids, otherIds}: Setting): Promise<PageResult> {
  const dimension = vectors[0]!.length;
  const stored = vectors[0] instanceof Uint16Array ? "float16" : "float32";
  const scratch = {at: 0, idsMax: 512, lengthMax: paddedLength(dimension)};
  const poolAt = scratchBytes(scratch);
  const stride = vectorStride({dimension, stored});
  const outAt = poolAt + vectors.length * stride;
  const memory = allocateMemory(outAt + rowCount * dimension * 4 + 64);
  const buffer = memory.buffer as unknown as ArrayBuffer;
  for (const [k, vector] of vectors.entries()) {
    const at = poolAt + k * stride;
    (vector instanceof Uint16Array ? new Uint16Array(buffer, at, dimension) : new Float32Array(buffer, at, dimension)).set(vector);
  }
  const pageFunction: PageFunction = {column: "c", dtype, dimension, stored, work};
  const computer = new PageComputer({memory, scratch, functions: [pageFunction]}, () => Promise.reject(new Error("no function of the project's own")));
  const hasSpecials = vectors.some((vector) => vector instanceof Uint16Array && vector.some((half) => (half & 0x7c00) === 0x7c00));
  const job: PageJob = {work: 0, rowStart: 100, rowCount, ids, otherIds, poolAt, hasSpecials, outAt};
  return computer.compute(job);
}

/** What the plain functions give, with the bits that the column has. */
function naive({vectors, work, ids, otherIds}: Setting): (Float32Array | number | undefined)[] {
  const poolOf = ({offsets, slots, weights}: PageIds, row: number, pooling: Pooling): Float32Array | undefined => {
    const places = Array.from({length: offsets[row + 1]! - offsets[row]!}, (_, k) => offsets[row]! + k).filter((place) => slots[place] !== -1);
    return naivePool(places.map((place) => vectors[slots[place]!]!), pooling, places.map((place) => weights![place]!));
  };
  return Array.from({length: rowCount}, (_, row) => {
    const vector = poolOf(ids, row, work.pooling);
    const other = otherIds && poolOf(otherIds, row, work.otherPooling!);
    return vector && (!otherIds || other) ? naiveFinish(vector, work.finish, other) : undefined;
  });
}

/** A page's values, rows that are NULL left out, as the numbers they stand for. */
function valuesOf(result: PageResult, dtype: EmbeddingDtype): number[] {
  if (!("page" in result)) throw new Error(JSON.stringify(result));
  const parts = result.page.parts;
  const isByte = dtype.name === "TINYINT";
  const bytes = Uint8Array.from(isByte ? parts.at(-2)! : parts.at(-1)!);
  if (isByte) return Array.from(bytes, (byte) => byte - 128);
  return dtype.name === "FLOAT" ? [...new Float32Array(bytes.buffer)] : Array.from(new Uint16Array(bytes.buffer), halfToNumber);
}

const half = (dimension: number): EmbeddingDtype => ({kind: "vector", name: "HALF_FLOAT", dimension});
const float = (dimension: number): EmbeddingDtype => ({kind: "vector", name: "FLOAT", dimension});
const scalar: EmbeddingDtype = {kind: "scalar", name: "FLOAT"};

describe("a page's kernels", () => {
  const kinds: readonly Kind[] = ["float16", "any", "float32"];
  describe.each([1, 7, 8, 33, 1152])("agree with the plain functions bit for bit in %i dimensions", (dimension) => {
    it.each(kinds)("over vectors of %s", async (kind) => {
      const random = seededRandom(dimension);
      const vectors = Array.from({length: vectorCount}, () => makeVector(random, kind, dimension));
      const [ids, otherIds, singleIds] = [makeIds(random), makeIds(random), makeSingleIds(random)];
      const settings: Setting[] = [
        ...(["lookup", "mean", "max", "sum", "weighted"] as const).flatMap((pooling) =>
          [float(dimension), ...(kind === "float32" || pooling === "sum" ? [] : [half(dimension)])].map((dtype) => ({vectors, dtype, ids: pooling === "lookup" ? singleIds : ids, work: {pooling, finish: "none", otherPooling: undefined} as const})),
        ),
        {vectors, dtype: float(dimension), ids, work: {pooling: "mean", finish: "l2_normalize", otherPooling: undefined}},
        {vectors, dtype: {kind: "vector", name: "TINYINT", dimension}, ids, work: {pooling: "mean", finish: "quantize_int8", otherPooling: undefined}},
        ...(["dot", "cosine"] as const).map((finish) => ({vectors, dtype: scalar, ids, otherIds, work: {pooling: "mean", finish, otherPooling: "max"} as const})),
      ];
      for (const setting of settings) {
        const expected = naive(setting);
        const result = await compute(setting);
        const round = setting.dtype.name === "HALF_FLOAT" ? (value: number): number => halfToNumber(roundToHalf(value)) : Math.fround;
        const numbers = expected.flatMap((row) => (row === undefined ? [] : typeof row === "number" ? [row] : [...row]));
        const wanted = numbers.map((value) => round(value) || (setting.dtype.name === "TINYINT" ? 0 : value));
        const found = valuesOf(result, setting.dtype);
        const difference = wanted.findIndex((value, k) => !Object.is(value, found[k]));
        expect({...setting.work, difference, wanted: wanted[difference], found: found[difference], count: found.length}).toEqual({...setting.work, difference: -1, count: wanted.length});
        expect("page" in result && result.page.nullCount).toBe(expected.filter((row) => row === undefined).length);
      }
    });
  });

  it("copy stored halves bit for bit", async () => {
    const vectors = [Uint16Array.of(0x8000, 0x0001, 0x7c00, 0x7e01, 0xfe00)];
    const ids = {offsets: Int32Array.from({length: rowCount + 1}, (_, row) => row), slots: new Int32Array(rowCount).fill(-1).fill(0, 1, 3)};
    const result = await compute({vectors, ids, dtype: half(5), work: {pooling: "lookup", finish: "none", otherPooling: undefined}});
    expect("page" in result && [...new Uint16Array(Uint8Array.from(result.page.parts.at(-1)!).buffer)]).toEqual([...vectors[0]!, ...vectors[0]!]);
  });

  it("refuse a finite number that a half cannot hold, and name its row", async () => {
    const vectors = [Float32Array.of(1, 2), Float32Array.of(70_000, 3)];
    const ids = {offsets: Int32Array.from({length: rowCount + 1}, (_, row) => row), slots: Int32Array.from({length: rowCount}, (_, row) => (row === 7 ? 1 : row % 2 === 0 ? 0 : -1))};
    const result = await compute({vectors, ids, dtype: half(2), work: {pooling: "lookup", finish: "none", otherPooling: undefined}});
    expect(result).toEqual({failure: {kind: "overflow", row: 107, value: 70_000}});
    expect(roundToHalf(70_000)).toBe(halfInfinity);
  });

  it("sum floats in list order, and divide rather than multiply by the inverse", async () => {
    const vectors = [1, 2 ** 24, -(2 ** 24)].map((value) => Float32Array.of(value));
    const lists = [[0, 1, 2], [1, 2, 0], Array<number>(41).fill(0)];
    const offsets = new Int32Array(rowCount + 1);
    for (let row = 0; row < rowCount; row++) offsets[row + 1] = offsets[row]! + (lists[row]?.length ?? 0);
    const result = await compute({vectors, ids: {offsets, slots: Int32Array.from(lists.flat())}, dtype: float(1), work: {pooling: "mean", finish: "none", otherPooling: undefined}});
    expect(Math.fround(41 * Math.fround(1 / 41))).not.toBe(1);
    expect(valuesOf(result, float(1))).toEqual([0, Math.fround(1 / 3), 1]);
  });
});
