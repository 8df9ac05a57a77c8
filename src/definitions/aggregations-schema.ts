/** config/training/aggregations.yaml. */
import {z} from "zod";
import {aggregationOperations} from "./aggregation-operation.js";
import {daysOrConstant, duration, flag, listOf, location, mapping, name, names, oneOf, positiveOrConstant, text} from "./schema-parts.js";

const groupByText = "a list of columns, or a mapping of spine keys to history columns";
const groupBy = z.union([names, z.record(name, name).refine((map) => Object.keys(map).length > 0, {error: groupByText})], {error: groupByText});

const windowText = "a number of days above 0, null for all history, or the name of a constant of base.yaml";

const specSchema = mapping({
  name: name.describe("Name of the aggregation, and of the column it makes."),
  history: name.optional().describe("View whose rows are aggregated. Default: the spine."),
  group_by: groupBy.describe("Columns that a row and its history share: a list, or spine key: history column where the names differ."),
  value_column: name.optional().describe("Column that is aggregated; `count`, `time_since_last` and `decay_sum` without it are about rows."),
  operation: oneOf(aggregationOperations).describe(
    "`list`: the values, oldest first; `count`: how many; `flatten_distinct`: distinct values of lists, oldest first; `distinct_list`: distinct values, oldest first; `top_k`: the most frequent values; `count_distinct`: how many values; `sum`, `mean`, `stddev`, `min`, `max`, `first`, `last`; `time_since_last`: seconds since the newest event; `decay_sum`: the sum of values that halve with each `half_life`.",
  ),
  timestamp_column: name.optional().describe("The history's timestamp column, for readers: it can be no other."),
  include_current: flag.optional().meta({default: false}).describe("Whether the row itself counts, last."),
  window_days: z
    .union([daysOrConstant, z.null()], {error: windowText})
    .optional()
    .describe("Days before the row that count; null for all history. Either this or `window`."),
  window: duration.optional().describe("The same as a duration, such as `90m`: for windows shorter than a day."),
  condition: text.optional().describe("SQL over `hist.` and `cur.` columns; only true keeps a history row."),
  max_items: positiveOrConstant.optional().describe("The newest so many values of a list are kept; of `top_k` the most frequent. Default: all."),
  half_life: duration.optional().describe("`decay_sum`: the age at which a value counts half."),
  exclude_self: z
    .union([flag, name], {error: "true, false or a column name"})
    .optional()
    .meta({default: false})
    .describe("Leaves out history with the row's own value: of `value_column`, of the item for list-valued columns, or of the column named."),
});

const enrichmentSchema = mapping({
  name: name.describe("Name of the column it makes."),
  source_id_column: name.describe("Column with the id or ids to look up."),
  store_name: name.describe("Embedding store to look in."),
  udf_name: name.describe(
    "`lookup_embedding_udf` (one id), `avg_pool_embeddings_udf`, `max_pool`, `sum_pool`, `weighted_pool` (a list), `l2_normalize`, `quantize_int8`, `dot`, `cosine` (either), or one of `udfs`.",
  ),
  compression: oneOf(["none", "zstd"]).optional().meta({default: "none"}).describe("How the column's pages are compressed. Vectors of noise do not shrink; few distinct, sparse or 8-bit ones do."),
  pool: oneOf(["mean", "max", "sum"]).optional().meta({default: "mean"}).describe("How `l2_normalize`, `quantize_int8`, `dot` and `cosine` make one vector of a list."),
  other_id_column: name.optional().describe("`dot`, `cosine`: column with the id or ids to compare with."),
  time_column: name.optional().describe("`weighted_pool`: column with an instant for each id."),
  half_life: duration.optional().describe("`weighted_pool`: the age at which a vector counts half."),
});

export const storeDefaults = {type: "lance", embedding_dtype: "float16", build_batch_size: 50_000} as const;

const storeSchema = mapping({
  name: name.describe("Name of the store."),
  type: oneOf(["lance"]).optional().meta({default: storeDefaults.type}).describe("Kind of store."),
  path: location.describe("Folder of the store. `${data_root}` and `${feature_s3_root_dir}` are filled in."),
  id_column: text.describe("Column with the ids."),
  embedding_column: text.describe("Column with the vectors."),
  embedding_dim: positiveOrConstant.describe("Length of a vector."),
  embedding_dtype: oneOf(["float16", "float32"]).optional().meta({default: storeDefaults.embedding_dtype}).describe("Precision of a stored value."),
  build_batch_size: positiveOrConstant
    .optional()
    .meta({default: storeDefaults.build_batch_size})
    .describe("Rows a batch when the store is built."),
  source_parquet: location.optional().describe("Parquet file, folder or glob that the store is built from."),
  order_column: text.optional().describe("Column of the source: of several rows with one id, that with the greatest value is taken. Without it, they are an error."),
  vector_index: oneOf(["cosine", "l2", "dot"]).optional().describe("Builds a vector index for `daeda embeddings nearest`, by this measure."),
});

const udfSchema = mapping({
  name: name.describe("Name of the function."),
  module: text.describe("TypeScript module that exports it, relative to the project."),
});

export const aggregationsSchema = mapping({
  aggregation_specs: listOf(specSchema, "a list of aggregations").optional().describe("Rolling aggregations over events."),
  enrichment_specs: listOf(enrichmentSchema, "a list of enrichments").optional().describe("Embedding columns added after the skeleton."),
  embedding_stores: listOf(storeSchema, "a list of stores").optional().describe("Where embeddings are kept."),
  udfs: listOf(udfSchema, "a list of functions").optional().describe("Functions of the project's own for enrichments."),
}).describe("Rolling aggregations, enrichments and embedding stores.");

export type RawAggregations = z.infer<typeof aggregationsSchema>;
