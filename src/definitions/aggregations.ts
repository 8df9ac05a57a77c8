import {givesList, operationRules} from "./aggregation-operation.js";
import type {RawAggregations} from "./aggregations-schema.js";
import {storeDefaults} from "./aggregations-schema.js";
import {resolveNumber, Names, type Context} from "./context.js";
import {dayUs, parseDuration} from "./duration.js";
import type {AggregationConfig, AggregationSpec, EmbeddingStore, EnrichmentSpec, Udf} from "./model.js";
import {fillPath, type PathVariables} from "./path-variables.js";

type Raw<K extends keyof RawAggregations> = NonNullable<RawAggregations[K]>[number];
type RawSpec = Raw<"aggregation_specs">;

/** Functions that every project has. */
export const builtinUdfNames = [
  "lookup_embedding_udf", "avg_pool_embeddings_udf", "max_pool", "sum_pool", "weighted_pool", "l2_normalize", "quantize_int8", "dot", "cosine",
] as const;

/** Keys of an enrichment that only some functions read, and whether these need them. */
const enrichmentKeys = {
  pool: {functions: ["l2_normalize", "quantize_int8", "dot", "cosine"], isNeeded: false},
  other_id_column: {functions: ["dot", "cosine"], isNeeded: true},
  time_column: {functions: ["weighted_pool"], isNeeded: true},
  half_life: {functions: ["weighted_pool"], isNeeded: true},
} as const;

/** aggregations.yaml as the model has it. */
export function parseAggregations(context: Context, raw: RawAggregations, variables: PathVariables): AggregationConfig {
  const {file, problems} = context;
  // Aggregations and enrichments both make columns of the dataset, so that their names must not meet.
  const columnNames = new Names(problems);
  const storeNames = new Names(problems);
  const udfNames = new Names(problems);
  const stores = new Map<string, EmbeddingStore>();
  for (const store of raw.embedding_stores ?? []) {
    if (storeNames.add("embedding store", store.name, file.place(store, "name"))) stores.set(store.name, parseStore(context, store, variables));
  }
  const udfs = new Map<string, Udf>();
  for (const udf of raw.udfs ?? []) {
    const place = file.place(udf, "name");
    if ((builtinUdfNames as readonly string[]).includes(udf.name)) {
      problems.add("name-duplicate", {what: "function", name: udf.name, first: "the functions that are built in"}, place);
    } else if (udfNames.add("function", udf.name, place)) udfs.set(udf.name, {name: udf.name, module: udf.module, place});
  }
  return {
    specs: (raw.aggregation_specs ?? []).map((spec) => {
      columnNames.add("aggregation", spec.name, file.place(spec, "name"));
      return parseSpec(context, spec);
    }),
    enrichments: (raw.enrichment_specs ?? []).map((spec) => {
      columnNames.add("enrichment", spec.name, file.place(spec, "name"));
      return parseEnrichment(context, spec);
    }),
    stores,
    udfs,
  };
}

function parseSpec(context: Context, raw: RawSpec): AggregationSpec {
  const {file, references} = context;
  checkSpec(context, raw);
  const {history, timestamp_column: timestampColumn} = raw;
  if (history !== undefined) {
    references.push({kind: "timed-view", view: history, what: `the history of "${raw.name}"`, place: file.place(raw, "history")});
  }
  if (timestampColumn !== undefined) {
    references.push({kind: "timestamp-column", history, column: timestampColumn, place: file.place(raw, "timestamp_column")});
  }
  const maxItems =
    raw.max_items === undefined ? undefined : resolveNumber(context, {owner: raw, key: "max_items", value: raw.max_items, isWhole: true});
  return {
    name: raw.name,
    history,
    groupBy: parseGroupBy(context, raw),
    valueColumn: raw.value_column,
    operation: raw.operation,
    timestampColumn,
    includeCurrent: raw.include_current ?? false,
    windowUs: parseWindow(context, raw),
    condition: raw.condition,
    conditionPlace: file.place(raw, raw.condition === undefined ? "name" : "condition"),
    maxItems: givesList(raw.operation) ? maxItems : undefined,
    halfLifeUs: raw.operation === "decay_sum" && raw.half_life !== undefined ? parseDuration(raw.half_life) : undefined,
    excludeSelf: raw.exclude_self ?? false,
    place: file.place(raw, "name"),
  };
}

/** Microseconds that a number can tell apart: 285 years. */
const windowDaysMax = Math.floor(Number.MAX_SAFE_INTEGER / dayUs);

/** `window_days` or `window`; undefined for all history. */
function parseWindow(context: Context, raw: RawSpec): number | undefined {
  const {file, isIntact, problems} = context;
  if (raw.window !== undefined && raw.window_days !== undefined) {
    const reason = "both say how far the window looks back: remove one of them";
    problems.add("keys-conflict", {keys: ["window", "window_days"], reason}, file.keyPlace(raw, "window"));
  } else if (raw.window === undefined && raw.window_days === undefined && isIntact) {
    problems.add("key-missing", {key: "window_days", what: `the aggregation "${raw.name}"`}, file.place(raw, "name"));
  }
  if (raw.window !== undefined) {
    const windowUs = parseDuration(raw.window);
    if (windowUs === 0) problems.add("value-wrong", {key: "window", expected: "a duration above 0", found: raw.window}, file.place(raw, "window"));
    return windowUs;
  }
  if (raw.window_days === null || raw.window_days === undefined) return undefined;
  const windowDays = resolveNumber(context, {owner: raw, key: "window_days", value: raw.window_days, isWhole: false});
  const windowUs = Math.round(windowDays * dayUs);
  if (windowDays > 0 && (windowUs === 0 || windowDays > windowDaysMax)) {
    const expected = `at least a microsecond and at most ${windowDaysMax} days, or null for all history`;
    problems.add("value-wrong", {key: "window_days", expected, found: String(windowDays)}, file.place(raw, "window_days"));
  }
  return windowUs;
}

function parseGroupBy({file, references, problems}: Context, {group_by: raw}: RawSpec): AggregationSpec["groupBy"] {
  const names = new Names(problems);
  const pair = (owner: object, key: string | number, columns: {spine: string; history: string}): {spine: string; history: string} => {
    names.add("group_by column", columns.spine, file.keyPlace(owner, key));
    references.push({kind: "column", column: columns.history, place: file.place(owner, key)});
    if (columns.spine !== columns.history) references.push({kind: "column", column: columns.spine, place: file.keyPlace(owner, key)});
    return columns;
  };
  if (Array.isArray(raw)) return raw.map((column, index) => pair(raw, index, {spine: column, history: column}));
  return Object.entries(raw).map(([spine, history]) => pair(raw, spine, {spine, history}));
}

function checkSpec({file, isIntact, problems}: Context, raw: RawSpec): void {
  const lacksValue = raw.value_column === undefined && isIntact;
  if (lacksValue && operationRules[raw.operation].isOfRows !== true) {
    problems.add("key-missing", {key: "value_column", what: `the operation "${raw.operation}"`}, file.place(raw, "operation"));
  } else if (lacksValue && raw.exclude_self === true) {
    const what = '"exclude_self: true"';
    problems.add("key-missing", {key: "value_column", what}, file.place(raw, "exclude_self"));
  }
  const excludesSelf = raw.exclude_self !== undefined && raw.exclude_self !== false;
  if (raw.include_current === true && excludesSelf) {
    const reason = "the row itself either counts or does not: remove one of them";
    problems.add("keys-conflict", {keys: ["include_current", "exclude_self"], reason}, file.keyPlace(raw, "include_current"));
  }
  if (raw.include_current === true && raw.history !== undefined) {
    const reason = "the row itself is no row of another history: remove one of them";
    problems.add("keys-conflict", {keys: ["include_current", "history"], reason}, file.keyPlace(raw, "include_current"));
  }
  if (!givesList(raw.operation) && raw.max_items !== undefined) {
    const reason = raw.operation === "count" ? "a count counts every row of its window" : `"${raw.operation}" is one value, of everything in its window`;
    problems.add("setting-without-effect", {key: "max_items", reason}, file.keyPlace(raw, "max_items"), "warning");
  }
  if (raw.operation === "top_k" && raw.max_items === undefined && isIntact) {
    problems.add("key-missing", {key: "max_items", what: 'the operation "top_k"'}, file.place(raw, "operation"));
  }
  if (raw.operation === "decay_sum" && raw.half_life === undefined && isIntact) {
    problems.add("key-missing", {key: "half_life", what: 'the operation "decay_sum"'}, file.place(raw, "operation"));
  }
  if (raw.operation === "decay_sum" && raw.half_life !== undefined && parseDuration(raw.half_life) === 0) {
    problems.add("value-wrong", {key: "half_life", expected: "a duration above 0", found: raw.half_life}, file.place(raw, "half_life"));
  }
  if (raw.operation !== "decay_sum" && raw.half_life !== undefined) {
    const reason = `the values of "${raw.operation}" do not decay`;
    problems.add("setting-without-effect", {key: "half_life", reason}, file.keyPlace(raw, "half_life"), "warning");
  }
}

function parseEnrichment(context: Context, raw: Raw<"enrichment_specs">): EnrichmentSpec {
  const {file, references} = context;
  references.push({kind: "store", store: raw.store_name, place: file.place(raw, "store_name")});
  references.push({kind: "udf", udf: raw.udf_name, place: file.place(raw, "udf_name")});
  checkEnrichment(context, raw);
  const {time_column: timeColumn} = raw;
  const halfLifeUs = raw.half_life === undefined ? undefined : parseDuration(raw.half_life);
  return {
    name: raw.name,
    sourceIdColumn: raw.source_id_column,
    storeName: raw.store_name,
    udfName: raw.udf_name,
    compression: raw.compression === "zstd" ? raw.compression : undefined,
    pool: raw.pool,
    otherIdColumn: raw.other_id_column,
    recency: timeColumn === undefined || halfLifeUs === undefined ? undefined : {timeColumn, halfLifeUs},
    place: file.place(raw, "name"),
  };
}

function checkEnrichment({file, isIntact, problems}: Context, raw: Raw<"enrichment_specs">): void {
  for (const [key, {functions, isNeeded}] of Object.entries(enrichmentKeys) as [keyof typeof enrichmentKeys, {functions: readonly string[]; isNeeded: boolean}][]) {
    const isRead = functions.includes(raw.udf_name);
    if (raw[key] !== undefined && !isRead) {
      const reason = `${functions.join(", ")} read it, "${raw.udf_name}" does not`;
      problems.add("setting-without-effect", {key, reason}, file.keyPlace(raw, key), "warning");
    }
    if (raw[key] === undefined && isRead && isNeeded && isIntact) problems.add("key-missing", {key, what: `the function "${raw.udf_name}"`}, file.place(raw, "udf_name"));
  }
  if (raw.half_life !== undefined && parseDuration(raw.half_life) === 0) {
    problems.add("value-wrong", {key: "half_life", expected: "a duration above 0", found: raw.half_life}, file.place(raw, "half_life"));
  }
}

function parseStore(context: Context, raw: Raw<"embedding_stores">, variables: PathVariables): EmbeddingStore {
  return {
    name: raw.name,
    type: raw.type ?? storeDefaults.type,
    path: fillPath(context, variables, raw, "path") ?? raw.path,
    idColumn: raw.id_column,
    embeddingColumn: raw.embedding_column,
    embeddingDim: resolveNumber(context, {owner: raw, key: "embedding_dim", value: raw.embedding_dim, isWhole: true}),
    embeddingDtype: raw.embedding_dtype ?? storeDefaults.embedding_dtype,
    buildBatchSize: resolveNumber(context, {
      owner: raw,
      key: "build_batch_size",
      value: raw.build_batch_size ?? storeDefaults.build_batch_size,
      isWhole: true,
    }),
    sourceParquet: fillPath(context, variables, raw, "source_parquet"),
    orderColumn: raw.order_column,
    vectorIndex: raw.vector_index,
    place: context.file.place(raw, "name"),
  };
}
