/** What the windows benchmark computes, once as plain data for all contenders, and as SQL of window functions. */
import type {Window} from "../src/engines/aggregation-engine.js";

const dayUs = 86_400_000_000;

/** One spec in words that every contender can follow. */
export interface Spec {
  readonly name: string;
  readonly operation: "list" | "count" | "flatten_distinct" | "max";
  readonly event: string;
  readonly days: number;
  readonly maxItems?: number;
  readonly excludesSelf?: boolean;
}

const six: readonly Spec[] = [
  {name: "like_ids_7d", operation: "list", event: "like_click", days: 7, maxItems: 32, excludesSelf: true},
  {name: "click_ids_7d", operation: "list", event: "detail_click", days: 7, maxItems: 32},
  {name: "view_ids_7d", operation: "list", event: "view", days: 7, maxItems: 32},
  {name: "like_count_7d", operation: "count", event: "like_click", days: 7},
  {name: "view_count_7d", operation: "count", event: "view", days: 7},
  {name: "like_tack_ids_7d", operation: "flatten_distinct", event: "like_click", days: 7, maxItems: 32},
];

/** Ten specs for each of four conditions. */
const forty: readonly Spec[] = ["view", "like_click", "detail_click", "dislike_click"].flatMap((event) => [
  ...[1, 3, 7].map((days): Spec => ({name: `${event}_ids_${days}d`, operation: "list", event, days, maxItems: 8})),
  ...[1, 2, 3, 4, 5, 7].map((days): Spec => ({name: `${event}_count_${days}d`, operation: "count", event, days})),
  {name: `${event}_max_7d`, operation: "max", event, days: 7},
]);

export const specSets: ReadonlyMap<string, readonly Spec[]> = new Map([
  ["6", six],
  ["40", forty],
]);

export const conditionOf = (event: string): string => `is_${event}`;

export function toWindow({name, operation, event, days, maxItems, excludesSelf}: Spec): Window {
  return {
    name,
    operation,
    value: operation === "count" ? undefined : operation === "flatten_distinct" ? "tack_ids" : "artwork_id",
    elementType: "BIGINT",
    condition: conditionOf(event),
    pairCondition: undefined,
    windowUs: days * dayUs,
    maxItems,
    current: undefined,
    exclude: excludesSelf ? {history: "artwork_id", target: "artwork_id"} : undefined,
    knownAt: undefined,
  };
}

/**
 * What one would write without us. `list_distinct` keeps no order, so its distinct values are not the newest ones: the exact list
 * would cost more, and the comparison looks only at rows that hold all of their values.
 */
export function renderWindowFunctions(specs: readonly Spec[], {kept, feed, where}: {readonly kept: string; readonly feed: string; readonly where: string}): string {
  const over = ({event, days}: Spec, aggregate: string): string => `${aggregate} FILTER (event = '${event}') OVER past_${days}`;
  const computed = specs.map((spec) => {
    if (spec.operation === "count") return `${over(spec, "count(*)")} AS ${spec.name}`;
    if (spec.operation === "max") return `${over(spec, "max(artwork_id)")} AS ${spec.name}`;
    return `coalesce(${over(spec, `list(${spec.operation === "list" ? "artwork_id" : "tack_ids"})`)}, []) AS ${spec.name}`;
  });
  const shown = specs.map(({name, operation, maxItems, excludesSelf}) => {
    if (operation === "count" || operation === "max") return name;
    const list = operation === "flatten_distinct" ? `list_distinct(flatten(${name}))` : excludesSelf ? `list_filter(${name}, lambda id: id <> artwork_id)` : name;
    return `${list}[-${maxItems}:] AS ${name}`;
  });
  const frames = [...new Set(specs.map(({days}) => days))].map(
    (days) => `past_${days} AS (PARTITION BY user_id ORDER BY event_timestamp RANGE BETWEEN INTERVAL ${days} DAYS PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING)`,
  );
  return `SELECT ${kept}, ${shown.join(", ")}
FROM (SELECT ${kept}, ${computed.join(",\n  ")} FROM '${feed}' WINDOW ${frames.join(",\n  ")})
WHERE ${where}
ORDER BY event_timestamp`;
}
