/** The SIMD kernels of kernels/embeddings.ts. */
import {instantiate, type SharedMemory} from "../engines/wasm.js";

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

export const loadKernels = (memory: SharedMemory): Kernels => instantiate("embeddings", memory) as Kernels;

/** A dimension, rounded up to what a kernel does at once. */
export const paddedLength = (dimension: number): number => Math.ceil(dimension / 8) * 8;
