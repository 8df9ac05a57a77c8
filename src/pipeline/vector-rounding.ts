/** Brings vectors to the type of a store, and finds those that it cannot hold. Runs of good ones go through a SIMD kernel at once. */
import type {EmbeddingStore} from "../definitions/model.js";
import {viewItems, type ListView} from "../engines/duckdb/column-view.js";
import type {VectorValues} from "../sources/embedding-store.js";
import {allocateMemory} from "../engines/wasm.js";
import {loadKernels, type Kernels} from "./embedding-kernels.js";
import {halfInfinity, roundToHalf} from "./half-float.js";

export type VectorProblem = "missing" | "length" | "value" | "overflow";

/** Floats that a kernel is given at once. */
const runBytesMax = 16 << 20;

export class VectorRounding {
  private readonly dimension: number;
  private readonly isHalf: boolean;
  private readonly kernels: Kernels;
  private readonly floats: Float32Array;
  private readonly halves: Uint16Array;
  private readonly runRowsMax: number;

  constructor(
    store: EmbeddingStore,
    private readonly isDouble: boolean,
  ) {
    this.dimension = store.embeddingDim;
    this.isHalf = store.embeddingDtype === "float16";
    this.runRowsMax = Math.max(1, Math.floor(runBytesMax / (this.dimension * 4)));
    // Kernels take eight numbers at a time.
    const length = this.runRowsMax * this.dimension + 8;
    const memory = allocateMemory(length * 6);
    this.kernels = loadKernels(memory);
    this.floats = new Float32Array(memory.buffer as unknown as ArrayBuffer, 0, length);
    this.halves = new Uint16Array(memory.buffer as unknown as ArrayBuffer, length * 4, length);
  }

  newValues(rowCount: number): VectorValues {
    return this.isHalf ? new Uint16Array(rowCount * this.dimension) : new Float32Array(rowCount * this.dimension);
  }

  /** Vector after vector of the rows; what one holds must be copied before the next is asked for. */
  *round(vectors: ListView, rowCount: number): Generator<VectorValues | VectorProblem> {
    for (let start = 0; start < rowCount; start += this.runRowsMax) {
      const end = Math.min(rowCount, start + this.runRowsMax);
      const values = this.roundRun(vectors, start, end);
      for (let row = start; row < end; row++) {
        yield values ? values.subarray((row - start) * this.dimension, (row - start + 1) * this.dimension) : this.roundOne(vectors, row);
      }
    }
  }

  /** Undefined unless all of them are right and lie one after another. */
  private roundRun(vectors: ListView, start: number, end: number): VectorValues | undefined {
    if (this.isDouble) return undefined;
    const {items, validity} = viewItems(vectors.child, Float32Array);
    if (!validity.isFull) return undefined;
    const first = vectors.offset(start);
    for (let row = start; row < end; row++) {
      if (!vectors.validity.isValid(row) || vectors.length(row) !== this.dimension || vectors.offset(row) !== first + (row - start) * this.dimension) return undefined;
    }
    const length = (end - start) * this.dimension;
    const padded = Math.ceil(length / 8) * 8;
    this.floats.set(items.subarray(first, first + length));
    this.floats.fill(0, length, padded);
    const {kernels, floats, halves} = this;
    if (!this.isHalf) return kernels.maxMagnitude(floats.byteOffset, padded) < Infinity ? floats.subarray(0, length) : undefined;
    const overflows = kernels.roundToHalves(floats.byteOffset, halves.byteOffset, padded) !== 0;
    return overflows || kernels.hasSpecialHalves(halves.byteOffset, padded) !== 0 ? undefined : halves.subarray(0, length);
  }

  private roundOne(vectors: ListView, row: number): VectorValues | VectorProblem {
    if (!vectors.validity.isValid(row)) return "missing";
    if (vectors.length(row) !== this.dimension) return "length";
    const {items, validity} = this.isDouble ? viewItems(vectors.child, Float64Array) : viewItems(vectors.child, Float32Array);
    const start = vectors.offset(row);
    const values = this.isHalf ? this.halves : this.floats;
    let overflows = false;
    for (let d = 0; d < this.dimension; d++) {
      const value = items[start + d]!;
      if (!Number.isFinite(value) || !validity.isValid(start + d)) return "value";
      // A double rounds to a half once, not through a float.
      const stored = this.isHalf ? roundToHalf(value) : Math.fround(value);
      if (this.isHalf ? (stored & 0x7fff) === halfInfinity : !Number.isFinite(stored)) overflows = true;
      values[d] = stored;
    }
    return overflows ? "overflow" : values.subarray(0, this.dimension);
  }
}
