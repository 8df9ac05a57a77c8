/** feature_services/*.yaml. */
import {z} from "zod";
import {
  columnDtype, day, dayOrPrevious, daysOrConstant, fieldDtype, flag, listOf, literal, mapping, name, names, oneOf, scalarValue, severity, text,
} from "./schema-parts.js";

const events = listOf(text, "a list of event names").min(1, {error: "a list with at least one event name"});

const spineSchema = mapping({
  view: name.describe("View whose rows are the events; it needs a `timestamp_field`."),
  events: mapping({
    column: name.describe("Column with the event's kind."),
    keep: events.describe("Kinds of events that become rows, and that windows over the spine see."),
  })
    .optional()
    .describe("Which events count. Default: all."),
  lookback_days: daysOrConstant
    .optional()
    .describe("Days of events read before each day. Default: as many as the longest window needs; fewer cut the windows."),
  keys: names.optional().describe("Columns that identify who and what an event is about. Default: the view's join keys."),
  item_key: name.optional().describe("The key that says which item an event is about; `exclude_self` on list-valued columns compares it."),
  session_filter: mapping({
    column: name.describe("Column with the session."),
    view_events: events.describe("Kinds of events that are mere views."),
    like_events: events.optional().describe("Kinds of events that are likes; needed by `drop_single_like`."),
    drop_view_only: flag.optional().meta({default: false}).describe("Drop sessions with nothing but views."),
    drop_single_like: flag.optional().meta({default: false}).describe("Drop sessions whose only event beyond views is one like."),
  })
    .optional()
    .describe("Drops whole sessions from a day's rows, after the windows are computed."),
  coverage_filter: mapping({
    store: name.describe("Embedding store to look in."),
    id_column: name.describe("Column with the item's id."),
  })
    .optional()
    .describe("Drops spine rows whose item has no embedding, before the windows are computed."),
});

/** What a column can be checked for; a check names one of these and, optionally, its severity. */
export const columnCheckKinds = ["not_null", "unique", "range", "accepted_values", "max_null_fraction", "embedding_coverage", "drift"] as const;
export const tableCheckKinds = ["min_rows", "unique", "row_count_change"] as const;

const on = z.literal(true, {error: "true"});
const bound = z.union([z.number(), z.null()], {error: "a number or null"});
const rangeText = "two numbers [min, max], null for an open end, min at most max";
const range = z
  .tuple([bound, bound], {error: rangeText})
  .refine(([min, max]) => min === null || max === null || min <= max, {error: rangeText});
const fractionText = "a number from 0 to 1";
const fraction = z.number({error: fractionText}).min(0, {error: fractionText}).max(1, {error: fractionText});
const psiText = "a number above 0";
const bucketsText = "a whole number from 2 to 1000";
export const driftDefaults = {maxPsi: 0.2, buckets: 10} as const;

const drift = mapping({
  against: day.describe("The day to compare with, as it is published."),
  max_psi: z.number({error: psiText}).positive({error: psiText}).optional().meta({default: driftDefaults.maxPsi}).describe("The population stability index from which on the column has drifted."),
  buckets: z.int({error: bucketsText}).min(2, {error: bucketsText}).max(1000, {error: bucketsText}).optional().meta({default: driftDefaults.buckets}).describe("Quantiles of the other day, or its most frequent values, that shares are compared in."),
});

const columnCheck = mapping({
  not_null: on.optional().describe("No value is NULL."),
  unique: on.optional().describe("No value appears twice."),
  range: range.optional().describe("Every value lies in [min, max]; null leaves an end open."),
  accepted_values: listOf(scalarValue, "a list of values").min(1, {error: "a list with at least one value"}).optional().describe("Every value is one of these."),
  max_null_fraction: fraction.optional().describe("At most this share of the values is NULL."),
  embedding_coverage: fraction.optional().describe("At least this share of the rows has a vector; for embedding columns."),
  drift: drift.optional().describe("The values are distributed as on another day, up to a population stability index."),
  severity,
});

const rowsText = "a whole number, 0 or more";
const changeText = "a number, 0 or more";
const tableCheck = mapping({
  min_rows: z.int({error: rowsText}).min(0, {error: rowsText}).optional().describe("A day has at least so many rows."),
  unique: names.optional().describe("No two rows agree in all of these columns."),
  row_count_change: mapping({
    max_fraction: z.number({error: changeText}).min(0, {error: changeText}).describe("The change that is allowed, as a share of the other day's rows; 0.5 is half more or half less."),
    against: dayOrPrevious.optional().meta({default: "previous"}).describe("The day to compare with; `previous` is the newest day before that is published."),
  })
    .optional()
    .describe("A day has about as many rows as another one."),
  severity,
});

const columnKinds = ["key", "event", "feature", "aggregation", "enrichment", "derived"] as const;

const columnSchema = mapping({
  name: name.describe("Name of the column in the dataset."),
  kind: oneOf(columnKinds).optional().describe("What makes the column. Default: whatever has its name."),
  dtype: columnDtype.optional().describe("Type in the dataset, also `HALF_FLOAT[n]` or `FLOAT[n]` for embeddings. Default: what its maker says."),
  default: literal.optional().describe("Value that fills the column when nothing makes it."),
  default_sql: text.optional().describe("The same, as SQL."),
  nullable: flag.optional().meta({default: true}).describe("Whether the column may hold NULL."),
  checks: listOf(columnCheck, "a list of checks").optional().describe("What is checked of the column before a day is published."),
});

const sql = text.describe("A SQL expression over the day's columns.");

export const serviceSchema = mapping({
  name: name.describe("Name of the service, and of its folder under `output_root`."),
  version: z.int({error: "a whole number above 0"}).positive({error: "a whole number above 0"}).optional().meta({default: 1}).describe("Version of the contract."),
  owner: text.optional().describe("Who answers for it."),
  description: text.optional().describe("What the dataset is for."),
  grain: names.optional().describe("Columns that say what one row is. Default: the spine's keys and its timestamp."),
  serving: flag.optional().meta({default: false}).describe("Whether the service is also served online."),
  spine: spineSchema.describe("The events that become rows."),
  derived: listOf(
    mapping({
      name: name.describe("Name of the derived column."),
      dtype: fieldDtype.describe("Type of the result."),
      sql,
    }),
    "a list of derived columns",
  )
    .optional()
    .describe("Columns computed from other columns of the same row."),
  filters: listOf(mapping({name: name.describe("Name of the filter, for counts and messages."), sql}), "a list of filters")
    .optional()
    .describe("Conditions that a day's rows must meet, applied in this order; NULL drops the row."),
  columns: listOf(columnSchema, "a list of columns")
    .min(1, {error: "a list with at least one column"})
    .optional()
    .describe("The dataset's columns, in order. Default: `output_columns` of runtime.yaml."),
  checks: listOf(tableCheck, "a list of checks").optional().describe("What is checked of a whole day before it is published."),
}).describe("A feature service: the contract of one dataset.");

export type RawService = z.infer<typeof serviceSchema>;
