import {resolveNumber, Names, type Context} from "./context.js";
import {parseDefault} from "./default-sql.js";
import type {OutputColumn, OutputStore, RuntimeConfig} from "./model.js";
import {findNearest} from "./nearest.js";
import {runtimeDefaults, type RawRuntime} from "./runtime-schema.js";

/** runtime.yaml as the model has it. */
export function parseRuntime(context: Context, raw: RawRuntime): RuntimeConfig {
  const {file, problems, references} = context;
  const feedStart = raw.feed_start === undefined ? undefined : String(raw.feed_start);
  const feedEnd = raw.feed_end === undefined ? undefined : String(raw.feed_end);
  if (feedStart !== undefined && feedEnd !== undefined && feedEnd < feedStart) {
    problems.add("value-wrong", {key: "feed_end", expected: `feed_start (${feedStart}) or later`, found: feedEnd}, file.place(raw, "feed_end"));
  }
  const number = (key: "entity_spine_chunk_rows" | "day_workers"): number =>
    resolveNumber(context, {owner: raw, key, value: raw[key] ?? runtimeDefaults[key], isWhole: true});
  const compute = raw.compute ?? {};
  const featureRefs = raw.feature_refs?.map((text, index) => {
    const [view = "", column = ""] = text.split(":");
    const place = file.place(raw.feature_refs!, index);
    references.push({kind: "view", view, place}, {kind: "view-column", view, column, place});
    return {view, column, place};
  });
  return {
    dataRoot: raw.data_root,
    feedStart,
    feedEnd,
    entitySpineChunkRows: number("entity_spine_chunk_rows"),
    dayWorkers: number("day_workers"),
    compute: {
      engine: compute.engine ?? runtimeDefaults.engine,
      duckdbConfig: new Map(Object.entries(compute.duckdb_config ?? {}).map(([key, value]) => [key, String(value)])),
      place: compute.engine === undefined ? undefined : file.place(compute, "engine"),
    },
    outputRoot: raw.output_root ?? runtimeDefaults.output_root,
    outputStore: parseOutputStore(context, raw, "output_store"),
    outputLake: raw.output_lake && {
      ...parseOutputStore(context, raw, "output_lake"),
      databasePath: raw.output_lake.database_path,
      dataPath: raw.output_lake.data_path,
      schema: raw.output_lake.schema ?? runtimeDefaults.lake_schema,
    },
    featureRefs,
    outputColumns: raw.output_columns && parseOutputColumns(context, raw.output_columns),
  };
}

const keyNames = ["access_key_id", "secret_access_key", "session_token"] as const;

function parseOutputStore({file, problems}: Context, raw: RawRuntime, key: "output_store" | "output_lake"): OutputStore {
  const {options = {}, credentials = {}} = raw[key] ?? {};
  for (const given of Object.keys(credentials)) {
    if (!(keyNames as readonly string[]).includes(given)) problems.add("key-unknown", {key: given, nearest: findNearest(given, keyNames), allowed: keyNames}, file.keyPlace(credentials, given));
  }
  if (("access_key_id" in credentials) !== ("secret_access_key" in credentials)) {
    problems.add("value-wrong", {key: "credentials", expected: "both access_key_id and secret_access_key, or neither", found: "one of them"}, file.keyPlace(raw[key]!, "credentials"));
  }
  return {
    options: new Map(Object.entries(options).map(([key, value]) => [key, String(value)])),
    credentials: new Map(Object.entries(credentials)),
    place: raw[key] === undefined ? undefined : file.keyPlace(raw, key),
  };
}

function parseOutputColumns(context: Context, raw: NonNullable<RawRuntime["output_columns"]>): OutputColumn[] {
  const names = new Names(context.problems);
  return raw.map((column, index) => {
    const isBare = typeof column === "string";
    const place = isBare ? context.file.place(raw, index) : context.file.place(column, "name");
    const name = isBare ? column : column.name;
    names.add("output column", name, place);
    return {name, defaultSql: isBare ? undefined : parseDefault(context, column), place};
  });
}
