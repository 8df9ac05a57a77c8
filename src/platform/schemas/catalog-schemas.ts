/** Views and services. */
import {z} from "zod";
import {mapping} from "../../definitions/schema-parts.js";
import {nextCursor, optionalService, pageParams, placeResult, word, type Immutable, type MethodSchema} from "./method-schema.js";

const viewSummary = z.strictObject({
  name: z.string(),
  entity: z.array(z.string()),
  source: z.string().describe("Its path or database, credentials as references."),
  join: z.enum(["pit", "latest", "static"]),
  fields: z.number().describe("How many."),
  description: z.string().optional(),
});

export type ViewSummary = Immutable<z.infer<typeof viewSummary>>;

const serviceSummary = z.strictObject({
  name: z.string(),
  version: z.number(),
  spine: z.string(),
  columns: z.number().describe("How many."),
  owner: z.string().optional(),
  description: z.string().optional(),
});

export type ServiceSummary = Immutable<z.infer<typeof serviceSummary>>;

const viewAnswer = z.strictObject({
  name: z.string(),
  entity: z.array(z.string()),
  join_keys: z.array(z.string()),
  description: z.string().optional(),
  ttl_seconds: z.number().optional(),
  online: z.boolean(),
  source: z.strictObject({
    name: z.string().optional(),
    path: z.string().optional(),
    database_path: z.string().optional(),
    table_name: z.string().optional(),
    query: z.string().optional(),
    data_path: z.string().optional(),
    timestamp_field: z.string().optional(),
    field_mapping: z.record(z.string(), z.string()).describe("Source column to our name."),
    credentials: z.array(z.string()).describe("Their names alone."),
  }),
  time: z.strictObject({
    join: z.enum(["pit", "latest", "static"]),
    boundary: z.enum(["strict", "inclusive"]),
    available_at: z.string().optional(),
    valid_to: z.string().optional(),
    embargo_seconds: z.number(),
    tie_break: z.array(z.string()),
    on_duplicate: z.enum(["pick", "error"]),
  }),
  rules: z.array(z.string()).describe("The time rules in sentences."),
  fields: z.array(z.strictObject({name: z.string(), dtype: z.string()})),
  place: placeResult,
});

export type ViewAnswer = Immutable<z.infer<typeof viewAnswer>>;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const check = z.strictObject({
  kind: z.string(),
  severity: z.enum(["error", "warn"]),
  columns: z.array(z.string()).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  values: z.array(scalar).optional(),
  fraction: z.number().optional(),
  rows: z.number().optional(),
  against_day: z.string().optional(),
  max_psi: z.number().optional(),
  max_fraction: z.number().optional(),
  buckets: z.number().optional(),
});

export type CheckAnswer = Immutable<z.infer<typeof check>>;

const serviceAnswer = z.strictObject({
  name: z.string(),
  version: z.number(),
  owner: z.string().optional(),
  description: z.string().optional(),
  serving: z.boolean(),
  grain: z.array(z.string()),
  spine: z.strictObject({
    view: z.string(),
    events: z.strictObject({column: z.string(), keep: z.array(z.string())}).optional(),
    lookback_days: z.number().optional(),
    keys: z.array(z.string()),
    item_key: z.string().optional(),
    session_filter: z
      .strictObject({
        column: z.string(),
        event_column: z.string(),
        view_events: z.array(z.string()),
        like_events: z.array(z.string()),
        drop_view_only: z.boolean(),
        drop_single_like: z.boolean(),
      })
      .optional(),
    coverage_filter: z.strictObject({store: z.string(), id_column: z.string()}).optional(),
  }),
  derived: z.array(z.strictObject({name: z.string(), dtype: z.string(), sql: z.string()})),
  filters: z.array(z.strictObject({name: z.string(), sql: z.string()})),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(["key", "event", "feature", "aggregation", "enrichment", "derived"]).optional(),
      dtype: z.string().optional(),
      meaning: z.string().optional().describe("Of an aggregation, and of a column that a view is joined for: what it holds and by which rules of time, in words."),
      default_sql: z.string().optional(),
      nullable: z.boolean().optional(),
      checks: z.array(check).optional(),
    }),
  ),
  checks: z.array(check),
  place: placeResult,
});

export type ServiceAnswer = Immutable<z.infer<typeof serviceAnswer>>;

const looks = {scope: "read", isReadOnly: true, isDestructive: false, isHeavy: false, paths: []} as const;

export const catalogSchemas = {
  "catalog.list_views": {
    ...looks,
    description: "Names every view of the project, with its source.",
    params: mapping(pageParams),
    result: z.strictObject({views: z.array(viewSummary), next_cursor: nextCursor}),
  },
  "catalog.show_view": {
    ...looks,
    description: "Everything one view says, defaults filled in; of credentials only their names.",
    params: mapping({name: word.describe("The view.")}),
    result: viewAnswer,
  },
  "service.list": {
    ...looks,
    description: "Names every service of the project, with its spine.",
    params: mapping(pageParams),
    result: z.strictObject({services: z.array(serviceSummary), next_cursor: nextCursor}),
  },
  "service.show": {
    ...looks,
    description: "The column contract of one service.",
    params: mapping({name: optionalService}),
    result: serviceAnswer,
  },
} as const satisfies Record<string, MethodSchema>;
