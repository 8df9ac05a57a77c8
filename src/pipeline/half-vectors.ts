/** Half vectors in the memory of the SIMD kernels of kernels/embeddings.ts, which the build compiles into `dist`. */
import {readFileSync} from "node:fs";
import type {EmbeddingBatch, VectorRows} from "./embedding-functions.js";

/** What the types of Node leave out. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: {readonly env: {readonly memory: WasmMemory}}) => {readonly exports: unknown};
  readonly Memory: new (limits: {readonly initial: number}) => WasmMemory;
}

/** Numbers are addresses, but for counts and lengths. */
interface Kernel {
  hasSpecialHalves(from: number, length: number): number;
  sumVectors(hasSpecials: boolean, vectors: number, count: number, to: number, length: number): void;
  divide(row: number, by: number, length: number): void;
  roundToHalves(row: number, to: number, length: number): void;
}

/** Seen from the sources and from the compiled files alike. */
const moduleUrl = new URL("../../dist/kernels/embeddings.wasm", import.meta.url);
const wasmPageBytes = 65_536;
/** Vectors summed by one call: a longer list is left to the plain function. */
const listLengthMax = 16_384;

let compiled: object | undefined;

/** Some vectors of one dimension: `values` is filled by the caller, before the first question. */
export class HalfVectors {
  readonly values: Uint16Array;
  private readonly memory: WasmMemory;
  private readonly kernel: Kernel;
  /** The dimension, rounded up to what a kernel does at once: it computes some numbers that nobody reads. */
  private readonly length: number;
  private readonly poolAt: number;
  private readonly sumsAt: number;
  private readonly rowAt: number;
  private hasSpecials: boolean | undefined;

  constructor(
    vectorCount: number,
    private readonly dimension: number,
  ) {
    const {WebAssembly} = globalThis as unknown as {readonly WebAssembly: WebAssemblyApi};
    this.length = Math.ceil(dimension / 8) * 8;
    // The addresses of one list lie at 0, then come the sums, the rounded row, and the vectors.
    this.sumsAt = listLengthMax * 4;
    this.rowAt = this.sumsAt + this.length * 4;
    this.poolAt = this.rowAt + this.length * 2;
    const byteCount = this.poolAt + (vectorCount * dimension + 8) * 2;
    this.memory = new WebAssembly.Memory({initial: Math.ceil(byteCount / wasmPageBytes)});
    compiled ??= new WebAssembly.Module(readFileSync(moduleUrl));
    this.kernel = new WebAssembly.Instance(compiled, {env: {memory: this.memory}}).exports as Kernel;
    this.values = new Uint16Array(this.memory.buffer, this.poolAt, vectorCount * dimension);
  }

  /** What `avg_pool_embeddings_udf` computes, rounded to halves, over `values`. `canAverage` must have said yes. */
  average(batch: Omit<EmbeddingBatch, "pool">): VectorRows {
    const {rowCount, offsets, indices} = batch;
    const {dimension, kernel} = this;
    const values = new Uint16Array(rowCount * dimension);
    const isNull = new Uint8Array(rowCount);
    const addresses = new Int32Array(this.memory.buffer, 0, listLengthMax);
    const row = new Uint16Array(this.memory.buffer, this.rowAt, dimension);
    this.hasSpecials ??= kernel.hasSpecialHalves(this.poolAt, Math.ceil(this.values.length / 8) * 8) !== 0;
    for (let r = 0; r < rowCount; r++) {
      const [start, end] = [offsets[r]!, offsets[r + 1]!];
      let count = 0;
      for (let k = start; k < end; k++) {
        const vector = indices[k]!;
        if (vector === -1) continue;
        addresses[count++] = this.poolAt + vector * dimension * 2;
      }
      if (count === 0) {
        isNull[r] = 1;
        continue;
      }
      kernel.sumVectors(this.hasSpecials, 0, count, this.sumsAt, this.length);
      if (count > 1) kernel.divide(this.sumsAt, count, this.length);
      kernel.roundToHalves(this.sumsAt, this.rowAt, this.length);
      values.set(row, r * dimension);
    }
    return {values, isNull};
  }

  /** Whether every list of a batch is short enough for the kernels. */
  canAverage({rowCount, offsets}: Pick<EmbeddingBatch, "rowCount" | "offsets">): boolean {
    for (let r = 0; r < rowCount; r++) if (offsets[r + 1]! - offsets[r]! > listLengthMax) return false;
    return true;
  }
}
