/** What an enrichment computes: from the ids of some rows and the vectors they mean, a vector or a number for each row. */
import type {EmbeddingDtype} from "./parquet-column.js";

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
export interface EmbeddingBatch {
  readonly rowCount: number;
  /** The ids of row r are `indices[offsets[r] .. offsets[r + 1])`: in list order, one for a scalar column. `rowCount + 1` entries. */
  readonly offsets: Int32Array;
  /** For each id the number of its vector in the pool; -1 for an id that is NULL or that the store does not know. */
  readonly indices: Int32Array;
  /** The vectors of this batch, one after another: vector v is `pool[v * dimension .. (v + 1) * dimension)`. */
  readonly pool: Float32Array;
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

/** How the vectors of a row's ids become one: `lookup` takes that of a single id. */
export type Pooling = "lookup" | "mean" | "max" | "sum" | "weighted";

/** What becomes of that vector. */
export type Finish = "none" | "l2_normalize" | "quantize_int8" | "dot" | "cosine";

export interface BuiltInFunction {
  /** The source column that it makes sense for. */
  readonly takes: "id" | "list" | "any";
  /** Of a list of ids; undefined: as the enrichment says. */
  readonly pooling?: Pooling;
  readonly finish: Finish;
}

/** The functions that need no module. */
export const builtInFunctions: ReadonlyMap<string, BuiltInFunction> = new Map<string, BuiltInFunction>([
  ["lookup_embedding_udf", {takes: "id", pooling: "lookup", finish: "none"}],
  ["avg_pool_embeddings_udf", {takes: "list", pooling: "mean", finish: "none"}],
  ["max_pool", {takes: "list", pooling: "max", finish: "none"}],
  ["sum_pool", {takes: "list", pooling: "sum", finish: "none"}],
  ["weighted_pool", {takes: "list", pooling: "weighted", finish: "none"}],
  ["l2_normalize", {takes: "any", finish: "l2_normalize"}],
  ["quantize_int8", {takes: "any", finish: "quantize_int8"}],
  ["dot", {takes: "any", finish: "dot"}],
  ["cosine", {takes: "any", finish: "cosine"}],
]);

/** Everything that a thread has to know of a column to compute its pages. */
export interface PageFunction {
  readonly column: string;
  readonly dtype: EmbeddingDtype;
  /** Of the store. */
  readonly dimension: number;
  readonly stored: "float16" | "float32";
  /** Of the column's pages. Default: none. */
  readonly compression?: "zstd" | undefined;
  readonly work: BuiltInWork | {readonly udf: string; readonly modulePath: string};
}

export interface BuiltInWork {
  readonly pooling: Pooling;
  readonly finish: Finish;
  /** How the ids of the other column are pooled, for `dot` and `cosine`. */
  readonly otherPooling: Pooling | undefined;
}
