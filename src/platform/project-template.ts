/** What `daeda init` writes: the smallest project that lints and, once its events are there, trains. */
import type {SchemaName} from "../definitions/json-schema.js";

export interface TemplateFile {
  readonly path: string;
  /** Which published schema the editor checks it with. */
  readonly schema: SchemaName;
  readonly body: string;
}

export const templateService = "ranking";

export const templateFiles: readonly TemplateFile[] = [
  {
    path: "config/base.yaml",
    schema: "base",
    body: `# Constants: other files may write the name where they mean the number.
max_liked_items: 32
`,
  },
  {
    path: "config/training/runtime.yaml",
    schema: "runtime",
    body: `# The months to train, first and last included.
feed_start: "202601"
feed_end: "202601"

# Days computed at the same time. Each needs its own memory.
day_workers: 1

compute:
  engine: native
  duckdb_config:
    memory_limit: "4GiB"

output_root: data/training_output
`,
  },
  {
    path: "config/training/aggregations.yaml",
    schema: "aggregations",
    body: `# Rolling windows over the events. A window sees only what happened before the row's own instant.
aggregation_specs:
  - name: liked_item_ids_7d
    group_by: [user_id]
    value_column: item_id
    operation: list
    window_days: 7
    condition: "hist.event = 'like'"
    max_items: max_liked_items
    exclude_self: true
  - name: item_view_count_1d
    group_by: [item_id]
    operation: count
    window_days: 1
    condition: "hist.event = 'view'"
`,
  },
  {
    path: "feature_views/events.yaml",
    schema: "view",
    body: `name: events
entity: [user, item]
description: Who saw and liked which item, and when.
source:
  path: data/events
  timestamp_field: event_timestamp
fields:
  - {name: event, dtype: TEXT}
`,
  },
  {
    path: `feature_services/${templateService}.yaml`,
    schema: "service",
    body: `name: ${templateService}
version: 1
description: A row for each view and like, with what was known before it.
grain: [user_id, item_id, event_timestamp]
spine:
  view: events
  events: {column: event, keep: [view, like]}
  item_key: item_id
columns:
  - {name: user_id, kind: key, dtype: BIGINT, nullable: false}
  - {name: item_id, kind: key, dtype: BIGINT, nullable: false}
  - {name: event_timestamp, kind: event, dtype: TIMESTAMP}
  - {name: event, kind: event, dtype: TEXT}
  - {name: liked_item_ids_7d, kind: aggregation, dtype: "BIGINT[]"}
  - {name: item_view_count_1d, kind: aggregation, dtype: BIGINT}
`,
  },
];
