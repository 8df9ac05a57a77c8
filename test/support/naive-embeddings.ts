/** What the embedding functions compute, in plain TypeScript: order and rounding are part of the contract, and kernels must agree bit for bit. */
import type {BuiltInWork, Pooling} from "../../src/pipeline/embedding-functions.js";
import {halfToNumber} from "../../src/pipeline/half-float.js";

const {fround} = Math;

/** Halves as their bits, or floats. */
export type Vector = Uint16Array | Float32Array;

const numbersOf = (vector: Vector): Float32Array => (vector instanceof Uint16Array ? Float32Array.from(vector, halfToNumber) : vector);

/** One vector of floats of the known vectors of a row; undefined for NULL. */
export function naivePool(known: readonly Vector[], pooling: Pooling, weights: readonly number[] = []): Float32Array | undefined {
  const vectors = known.map(numbersOf);
  if (vectors.length === 0) return undefined;
  if (pooling === "lookup") return vectors[0]!;
  const total = weights.reduce((sum, weight) => fround(sum + weight), 0);
  if (pooling === "weighted" && total === 0) return undefined;
  return vectors[0]!.map((_, d) => {
    const column = vectors.map((vector) => vector[d]!);
    if (pooling === "max") return column.reduce((most, value) => Math.max(most, value));
    if (pooling === "weighted") return column.reduce((sum, value, k) => fround(sum + fround(value * weights[k]!)), 0) / total;
    const sum = column.reduce((partial, value) => fround(partial + value), 0);
    return pooling === "mean" ? sum / vectors.length : sum;
  });
}

/** Four partial sums of products, of every fourth number each, and then (first + second) + (third + fourth). */
export function naiveDot(left: Float32Array, right: Float32Array): number {
  const sums = [0, 0, 0, 0];
  for (let d = 0; d < left.length; d++) sums[d % 4] = fround(sums[d % 4]! + fround(left[d]! * right[d]!));
  return fround(fround(sums[0]! + sums[1]!) + fround(sums[2]! + sums[3]!));
}

const norm = (vector: Float32Array): number => fround(Math.sqrt(naiveDot(vector, vector)));
const isUsable = (length: number): boolean => length > 0 && length < Infinity;

/** A vector or a number as the output has it, before halves are rounded; undefined for NULL. */
export function naiveFinish(vector: Float32Array, finish: BuiltInWork["finish"], other?: Float32Array): Float32Array | number | undefined {
  if (finish === "none") return vector;
  if (finish === "dot") return naiveDot(vector, other!);
  if (finish === "cosine") {
    const norms = fround(norm(vector) * norm(other!));
    return isUsable(norms) ? fround(naiveDot(vector, other!) / norms) : undefined;
  }
  if (finish === "l2_normalize") {
    const length = norm(vector);
    return isUsable(length) ? vector.map((value) => value / length) : undefined;
  }
  const magnitude = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!(magnitude < Infinity)) return undefined;
  return vector.map((value) => (magnitude === 0 ? 0 : roundToEven(fround(fround(value / magnitude) * 127))));
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
