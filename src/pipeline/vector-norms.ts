/** How long the vectors of a store are: quantiles that show vectors of zeros, vectors that were not normalized, and outliers. */
import type {EmbeddingReader, VectorValues} from "../sources/embedding-store.js";
import {halfTable} from "./half-float.js";

export interface VectorNorms {
  /** How many vectors were looked at. */
  readonly count: number;
  /** At 0, 0.01, 0.25, 0.5, 0.75, 0.99 and 1. */
  readonly quantiles: readonly {readonly at: number; readonly norm: number}[];
}

const sampleRows = 100_000;
const quantiles = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1];

/** Of all vectors, or of that many at equal distances. */
export async function readNorms(reader: EmbeddingReader, rowsMax = sampleRows): Promise<VectorNorms> {
  const count = Math.min(reader.rowCount, rowsMax);
  const positions = Int32Array.from({length: count}, (_, k) => Math.floor((k * reader.rowCount) / count));
  const norms = new Float64Array(count);
  await reader.gather(positions, (k, vector) => {
    norms[k] = Math.sqrt(squaredNorm(vector));
  });
  norms.sort();
  return {count, quantiles: count === 0 ? [] : quantiles.map((at) => ({at, norm: norms[Math.round(at * (count - 1))]!}))};
}

export function squaredNorm(vector: VectorValues): number {
  let sum = 0;
  if (vector instanceof Uint16Array) {
    const halves = halfTable();
    for (const bits of vector) sum += halves[bits]! * halves[bits]!;
  } else {
    for (const value of vector) sum += value * value;
  }
  return sum;
}
