/** config/training/runtime.yaml. */
import {z} from "zod";
import {credentials, listOf, literal, location, mapping, name, oneOf, positiveOrConstant, storeOptions, text} from "./schema-parts.js";

/** The aggregation engines that `compute.engine` may name. */
export const aggregationEngineNames = ["duckdb", "native", "polars"] as const;

export const runtimeDefaults = {
  entity_spine_chunk_rows: 500_000,
  day_workers: 1,
  engine: "duckdb",
  output_root: "data/training_output",
  lake_schema: "main",
} as const;

const monthText = 'a month as YYYYMM, such as "202602"';
const monthPattern = /^[1-9]\d{3}(?:0[1-9]|1[0-2])$/;
const month = z.union(
  [
    z.string().regex(monthPattern, {error: monthText}),
    z.int().refine((value) => monthPattern.test(String(value)), {error: monthText}),
  ],
  {error: monthText},
);

const settingText = "text, a number, true or false";
const setting = z.union([z.string(), z.number(), z.boolean()], {error: settingText});

const refText = '"view:column"';
const featureRef = z
  .string({error: refText})
  .regex(/^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$/, {error: refText});

const lakeText = 'a DuckLake, such as "ducklake:sqlite:lake.sqlite"';
const lakePath = location.refine((value) => /^ducklake:/i.test(value), {error: lakeText});

const outputColumn = z.union(
  [
    name,
    mapping({
      name: name.describe("Name of the column."),
      default: literal.optional().describe("Value that fills the column when nothing makes it."),
      default_sql: text.optional().describe("The same, as SQL, such as a typed NULL."),
    }),
  ],
  {error: "a column name, or a mapping with a name and a default"},
);

export const runtimeSchema = mapping({
  data_root: location.optional().describe("Folder for `${data_root}` in a view's `path`, and where relative paths that the project does not have are looked for. Nothing is copied there."),
  feed_start: month.optional().describe("First month to process, as YYYYMM, inclusive."),
  feed_end: month.optional().describe("Last month to process, as YYYYMM, inclusive."),
  entity_spine_chunk_rows: positiveOrConstant
    .optional()
    .meta({default: runtimeDefaults.entity_spine_chunk_rows})
    .describe("Rows that one file of a partition holds at most."),
  day_workers: positiveOrConstant
    .optional()
    .meta({default: runtimeDefaults.day_workers})
    .describe("Days processed at the same time; each takes its own memory and spill space."),
  compute: mapping({
    engine: oneOf(aggregationEngineNames)
      .optional()
      .meta({default: runtimeDefaults.engine})
      .describe("What computes rolling aggregations. The results are the same."),
    duckdb_config: z
      .record(z.string(), setting, {error: "a mapping of DuckDB settings"})
      .optional()
      .describe("Settings handed to DuckDB, such as threads, memory_limit, temp_directory."),
  })
    .optional()
    .describe("How a day is computed."),
  output_root: location.optional().meta({default: runtimeDefaults.output_root}).describe("Folder that the partitions are written to, or a prefix of a bucket: `s3://...`, `r2://...`."),
  output_store: mapping({
    options: mapping(storeOptions).optional().describe("How to reach the store, as far as that is no secret."),
    credentials: credentials
      .optional()
      .describe("`access_key_id`, `secret_access_key` and perhaps `session_token`, each as an ${ENV} or ${file:/path} reference. Default: what the machine itself has."),
  })
    .optional()
    .describe("The object store of `output_root`."),
  output_lake: mapping({
    database_path: lakePath.describe("The lake, as in a view's source: `ducklake:postgres:...`, `ducklake:sqlite:...`, `ducklake:<file>`. It is made where there is none."),
    data_path: location.optional().describe("Where the lake keeps its files: a folder, or a prefix of a bucket."),
    schema: name.optional().meta({default: runtimeDefaults.lake_schema}).describe("Schema of the table, which is called like the service."),
    options: mapping(storeOptions).optional().describe("Of a `data_path` in a bucket: how to reach it, as far as that is no secret."),
    credentials: credentials
      .optional()
      .describe("Of a `data_path` in a bucket: as in `output_store`. Default: what the machine itself has."),
  })
    .optional()
    .describe("A DuckLake whose table has the rows of all datasets as well."),
  feature_refs: listOf(featureRef, 'a list of "view:column"')
    .optional()
    .describe("Views to load, each named by one of its columns; all its columns come along. Default: every view."),
  output_columns: listOf(outputColumn, "a list of columns")
    .min(1, {error: "a list with at least one column"})
    .optional()
    .describe("Columns of the daily files, in order. Default: the service's `columns`."),
}).describe("What a training run reads, computes and writes.");

export type RawRuntime = z.infer<typeof runtimeSchema>;
