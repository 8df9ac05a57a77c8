/** The SIMD kernels of kernels/embeddings.ts, which the build compiles into `dist`, over memory that threads share. */
import {readFileSync} from "node:fs";

/** What the types of Node leave out. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: {readonly env: {readonly memory: SharedMemory}}) => {readonly exports: unknown};
  readonly Memory: new (limits: {readonly initial: number; readonly maximum: number; readonly shared: true}) => SharedMemory;
}

/** Numbers are addresses, but for kinds, counts, lengths and what is marked as a value. */
export interface Kernels {
  hasSpecialHalves(from: number, length: number): number;
  sumVectors(kind: VectorKind, vectors: number, count: number, to: number, length: number): void;
  maxVectors(kind: VectorKind, vectors: number, count: number, to: number, length: number): void;
  sumWeighted(kind: VectorKind, vectors: number, weights: number, count: number, to: number, length: number): void;
  copyVectors(vectors: number, count: number, to: number, byteCount: number): void;
  divide(row: number, byValue: number, length: number): void;
  dot(left: number, right: number, length: number): number;
  maxMagnitude(row: number, length: number): number;
  quantize(row: number, magnitudeValue: number, to: number, length: number): void;
  roundToHalves(row: number, to: number, length: number): number;
}

/** `anyHalf`: of which some are infinite or NaN. */
export const vectorKind = {half: 0, anyHalf: 1, float: 2} as const;
export type VectorKind = (typeof vectorKind)[keyof typeof vectorKind];

/** Seen from the sources and from the compiled files alike. */
const moduleUrl = new URL("../../dist/kernels/embeddings.wasm", import.meta.url);
const pageBytes = 65_536;
/** What a 32-bit address reaches. */
export const memoryBytesMax = 65_535 * pageBytes;

const {WebAssembly} = globalThis as unknown as {readonly WebAssembly: WebAssemblyApi};
let compiled: object | undefined;

/** Memory of zeros, which costs nothing until it is written to. */
export function allocateMemory(byteCount: number): SharedMemory {
  const pages = Math.max(1, Math.ceil(byteCount / pageBytes));
  return new WebAssembly.Memory({initial: pages, maximum: pages, shared: true});
}

export function loadKernels(memory: SharedMemory): Kernels {
  compiled ??= new WebAssembly.Module(readFileSync(moduleUrl));
  return new WebAssembly.Instance(compiled, {env: {memory}}).exports as Kernels;
}

/** A dimension, rounded up to what a kernel does at once. */
export const paddedLength = (dimension: number): number => Math.ceil(dimension / 8) * 8;
