/** What an enrichment computes: from the ids of some rows and the vectors they mean, a vector for each row. */
import {DaedalusError} from "../errors.js";
import type {VectorValues} from "../sources/embedding-store.js";
import {halfInfinity, halfTable, roundToHalf} from "./half-float.js";
import type {ListPage} from "./parquet-pages.js";
import type {VectorDtype} from "./parquet-splice.js";

/**
 * Some consecutive rows and the vectors that their ids mean.
 * @example
 * for (let row = 0; row < batch.rowCount; row++) {
 *   for (let k = batch.offsets[row]; k < batch.offsets[row + 1]; k++) {
 *     const vector = batch.indices[k];
 *     if (vector !== -1) use(batch.pool.subarray(vector * batch.dimension, (vector + 1) * batch.dimension));
 *   }
 * }
 */
export interface EmbeddingBatch<Pool extends VectorValues = Float32Array> {
  readonly rowCount: number;
  /** The ids of row r are `indices[offsets[r] .. offsets[r + 1])`: in list order, one for a scalar column. `rowCount + 1` entries. */
  readonly offsets: Int32Array;
  /** For each id the number of its vector in the pool; -1 for an id that is NULL or that the store does not know. */
  readonly indices: Int32Array;
  /** Vectors one after another: vector v is `pool[v * dimension .. (v + 1) * dimension)`. Shared by batches: not to be written to. */
  readonly pool: Pool;
  readonly dimension: number;
}

/** A vector for each row of a batch. */
export interface EmbeddingResult {
  /** `rowCount` vectors of the output's dimension, one after another; where `isNull` is set anything. */
  readonly values: Float32Array;
  /** 1 where the row has no vector: `rowCount` entries. */
  readonly isNull: Uint8Array;
}

/** The signature of a project's own function. */
export type UserEmbeddingFunction = (batch: EmbeddingBatch) => EmbeddingResult | Promise<EmbeddingResult>;

export interface VectorRows {
  readonly values: VectorValues;
  readonly isNull: Uint8Array;
}

export interface BuiltInFunction {
  /** The source column that it makes sense for. */
  readonly takes: "id" | "list";
  /** Its values are halves only where the pool's are. */
  readonly run: (batch: EmbeddingBatch<VectorValues>) => VectorRows;
  /** A kernel computes the same, bit for bit, where both the pool and the output are halves. */
  readonly hasHalfKernel?: boolean;
}

/** The functions that need no module. */
export const builtInFunctions: ReadonlyMap<string, BuiltInFunction> = new Map<string, BuiltInFunction>([
  ["lookup_embedding_udf", {takes: "id", run: lookUpVectors}],
  ["avg_pool_embeddings_udf", {takes: "list", run: averageVectors, hasHalfKernel: true}],
]);

/** The row's own vector, as it is stored. */
function lookUpVectors({rowCount, offsets, indices, pool, dimension}: EmbeddingBatch<VectorValues>): VectorRows {
  const values = pool instanceof Uint16Array ? new Uint16Array(rowCount * dimension) : new Float32Array(rowCount * dimension);
  const isNull = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const start = offsets[row]!;
    const vector = start < offsets[row + 1]! ? indices[start]! : -1;
    if (vector === -1) isNull[row] = 1;
    else values.set(pool.subarray(vector * dimension, (vector + 1) * dimension), row * dimension);
  }
  return {values, isNull};
}

/**
 * The mean over the known ids of a list: summed as 32-bit floats in list order, an id as often as it occurs, then divided. The
 * order is part of the contract: another one rounds differently, and every engine must agree bit for bit.
 */
function averageVectors({rowCount, offsets, indices, pool, dimension}: EmbeddingBatch<VectorValues>): VectorRows {
  const values = new Float32Array(rowCount * dimension);
  const isNull = new Uint8Array(rowCount);
  const table = pool instanceof Uint16Array ? halfTable() : undefined;
  for (let row = 0; row < rowCount; row++) {
    // Writing to a Float32Array rounds each partial sum to 32 bits.
    const sums = values.subarray(row * dimension, (row + 1) * dimension);
    let count = 0;
    for (let k = offsets[row]!; k < offsets[row + 1]!; k++) {
      const vector = indices[k]!;
      if (vector === -1) continue;
      count++;
      const start = vector * dimension;
      if (table) for (let d = 0; d < dimension; d++) sums[d]! += table[pool[start + d]!]!;
      else for (let d = 0; d < dimension; d++) sums[d]! += pool[start + d]!;
    }
    if (count === 0) isNull[row] = 1;
    else if (count > 1) for (let d = 0; d < dimension; d++) sums[d]! /= count;
  }
  return {values, isNull};
}

export interface PackTarget {
  readonly column: string;
  readonly dtype: VectorDtype;
  /** The row of the file that the batch starts at. */
  readonly rowStart: number;
}

/** The rows as a page of the output's type; a finite number that a half cannot hold is an error. */
export function packVectors(rows: VectorRows, target: PackTarget): ListPage {
  const {dimension} = target.dtype;
  // A function of the project may mark its NULL rows with any number.
  const isNull = rows.isNull.map((mark) => (mark === 0 ? 0 : 1));
  const rowCount = isNull.length;
  const offsets = new Int32Array(rowCount + 1);
  for (let row = 0; row < rowCount; row++) offsets[row + 1] = offsets[row]! + (isNull[row] ? 0 : dimension);
  const length = offsets[rowCount]!;
  const values = target.dtype.name === "HALF_FLOAT" ? new Uint16Array(length) : new Float32Array(length);
  const table = rows.values instanceof Uint16Array ? halfTable() : undefined;
  for (let row = 0; row < rowCount; row++) {
    if (isNull[row]) continue;
    const from = rows.values.subarray(row * dimension, (row + 1) * dimension);
    const start = offsets[row]!;
    if (values instanceof Float32Array === rows.values instanceof Float32Array) values.set(from, start);
    else if (table) for (let d = 0; d < dimension; d++) values[start + d] = table[from[d]!]!;
    else roundRow(from, values.subarray(start, start + dimension), {...target, rowStart: target.rowStart + row});
  }
  return {rowCount, offsets, isNull, values};
}

function roundRow(from: VectorValues, to: VectorValues, target: PackTarget): void {
  for (let d = 0; d < from.length; d++) {
    const bits = roundToHalf(from[d]!);
    if ((bits & 0x7fff) === halfInfinity && Number.isFinite(from[d])) {
      throw DaedalusError.of("embedding-overflow", {column: target.column, row: target.rowStart, value: from[d]!});
    }
    to[d] = bits;
  }
}
