/** feature_views/*.yaml. */
import {z} from "zod";
import {credentials, duration, fieldDtype, flag, listOf, location, mapping, name, names, oneOf, sourceColumn, storeOptions, text} from "./schema-parts.js";

const entity = z.union([name, names], {error: "a name or a list of names"});
const tieBreakText = 'a column, and optionally a direction, such as "version desc"';
const tieBreak = z.string({error: tieBreakText}).regex(/^\s*\S+(?:\s+(?:asc|desc))?\s*$/i, {error: tieBreakText});

const snapshotText = "the number of a snapshot, in quotes where it has more than 15 digits";
const secondsText = "a number of seconds above 0";

const optionsSchema = mapping({
  snapshot: z.union([z.int().nonnegative(), z.string().regex(/^\d{1,19}$/)], {error: snapshotText}).optional().describe("DuckLake, Iceberg: the snapshot to read; Delta: the version. Default: the newest when a run begins."),
  as_of: text.optional().describe("DuckLake, Iceberg, Delta: read the snapshot that was the newest at this instant, such as `2026-02-01 00:00:00+00`."),
  newest_metadata: flag.optional().meta({default: false}).describe("Iceberg: where no version hint says which metadata file is current, read the one with the highest number."),
  ...storeOptions,
  endpoint: storeOptions.endpoint.describe("S3 and R2: host and port of the store, where it is not Amazon's or Cloudflare's; `http://` before it turns TLS off. Snowflake: the URL, where it is not the account's own."),
  anonymous: flag.optional().meta({default: false}).describe("S3: the bucket is public; ask for it without credentials."),
  day_partition: name.optional().describe("Files and Delta: the hive key, or partition, whose value is the UTC day of every row below it, `dt` for folders such as `dt=2026-02-01`; files of other days are not opened."),
  sslmode: oneOf(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
    .optional()
    .describe("PostgreSQL: how much the connection is encrypted and its server verified, as libpq has it."),
  sslrootcert: location.optional().describe("PostgreSQL: file with the certificates that a server is verified with."),
  sslcert: location.optional().describe("PostgreSQL: file with the client's own certificate."),
  sslkey: location.optional().describe("PostgreSQL: file with the key of that certificate."),
  warehouse: text.optional().describe("Snowflake: the warehouse that runs the query."),
  role: text.optional().describe("Snowflake: the role that may read."),
  database: text.optional().describe("Snowflake: the database of names in the query that say none."),
  schema: text.optional().describe("Snowflake: the schema of names in the query that say none."),
  connect_timeout: z.int({error: secondsText}).positive({error: secondsText}).optional().meta({default: 10}).describe("PostgreSQL, Snowflake: seconds to wait for a server."),
  query_timeout: z.int({error: secondsText}).positive({error: secondsText}).optional().meta({default: 900}).describe("Snowflake: seconds until a query has its first rows; one that takes longer counts as lost."),
});

const sourceSchema = mapping({
  name: text.optional().describe("Name of the source, for messages."),
  path: location
    .optional()
    .describe("Parquet file, folder or glob, local or s3:// or r2://; `iceberg:` or `delta:` and the folder of a table; wins over `database_path`. `${data_root}` and `${feature_s3_root_dir}` are filled in."),
  database_path: location.optional().describe("Database to read from, as a URL; user and password only as ${ENV} references."),
  table_name: text.optional().describe("Table of the database, with its schema where it needs one."),
  query: text.optional().describe("SQL to run in the database instead of reading a table."),
  timestamp_field: sourceColumn.optional().describe("Source column with the instant of each row; without it the view is static."),
  field_mapping: z.record(z.string(), name, {error: "a mapping of source columns to our names"}).optional().describe("Source column: our name."),
  data_path: location.optional().describe("Where a DuckLake keeps its data files."),
  options: optionsSchema.optional().describe("How to reach the source, as far as that is no secret."),
  credentials: credentials
    .optional()
    .describe("What the source asks for, each value as an ${ENV} or ${file:/path} reference, resolved when a run opens the source."),
});

const timeSchema = mapping({
  boundary: oneOf(["strict", "inclusive"])
    .optional()
    .meta({default: "strict"})
    .describe("`strict`: a value known at the row's own instant is the future; `inclusive`: it counts."),
  available_at: sourceColumn
    .optional()
    .describe("Column with the instant at which a row became known. Default: the timestamp column."),
  valid_from: sourceColumn.optional().describe("Column with the instant from which a row is true; the same as `timestamp_field` of the source, said beside its end."),
  valid_to: sourceColumn.optional().describe("Column with the instant at which a row stops being true; NULL: not yet. A key's ranges may not overlap."),
  embargo: duration.optional().meta({default: "0s"}).describe("How much later than that a row may be used."),
  tie_break: listOf(tieBreak, "a list of columns")
    .optional()
    .describe("Columns that order rows of one key and instant, `asc` (default) or `desc` each."),
  on_duplicate: oneOf(["pick", "error"])
    .optional()
    .meta({default: "pick"})
    .describe("What two rows of one key, instant and rank mean: take one, or stop."),
  join: oneOf(["pit", "latest", "static"])
    .optional()
    .describe("`pit`: as of the row's instant, the default with a `timestamp_field`; `latest`: the newest row whatever the time; `static`: one row a key."),
});

export const viewSchema = mapping({
  name: name.describe("Name of the view, unique in the project."),
  entity: entity.describe("What a row is about: one entity or a list."),
  join_keys: names.optional().describe("Columns to join by. Default: `<entity>_id` for each entity."),
  description: text.optional().describe("What the view holds, for readers."),
  ttl: duration.optional().describe("How old a row may be and still count. Default: any age."),
  online: flag.optional().meta({default: false}).describe("Whether the view is also served online."),
  source: sourceSchema.describe("Where the rows are."),
  time: timeSchema.optional().describe("When a row counts."),
  fields: listOf(
    mapping({
      name: name.describe("Name of the column, after `field_mapping`."),
      dtype: fieldDtype.describe("BIGINT, INTEGER, DOUBLE, FLOAT, BOOLEAN, TEXT, TIMESTAMP or DATE, with `[]` for a list of them."),
    }),
    "a list of fields",
  ).describe("The columns that the view offers."),
}).describe("A feature view: a table of facts about entities.");

export type RawView = z.infer<typeof viewSchema>;
