import {Names, type Context} from "./context.js";
import {parseDtype} from "./dtype.js";
import {parseDuration} from "./duration.js";
import type {View, ViewSource} from "./model.js";
import {fillPath, type PathVariables} from "./path-variables.js";
import {parseTimeRules} from "./time-rules.js";
import type {RawView} from "./view-schema.js";

/** A view's file as the model has it. */
export function parseView(context: Context, raw: RawView, variables: PathVariables): View {
  const {file, problems} = context;
  const entities = typeof raw.entity === "string" ? [raw.entity] : raw.entity;
  if (Array.isArray(raw.entity)) Names.checkList(context, "entity", raw.entity);
  if (raw.join_keys) Names.checkList(context, "join key", raw.join_keys);
  const names = new Names(problems);
  const fields = raw.fields.map((field) => {
    const place = file.place(field, "name");
    names.add("field", field.name, place);
    return {name: field.name, dtype: parseDtype(field.dtype)!, place};
  });
  const source = parseSource(context, raw, variables);
  const ourName = (column: string): string => source.fieldMapping.get(column) ?? column;
  const timestampField = raw.source.timestamp_field ?? raw.time?.valid_from;
  const timestampColumn = timestampField === undefined ? undefined : ourName(timestampField);
  return {
    name: raw.name,
    entities,
    joinKeys: raw.join_keys ?? entities.map((entity) => `${entity}_id`),
    description: raw.description,
    ttlUs: raw.ttl === undefined ? undefined : parseDuration(raw.ttl),
    isOnline: raw.online ?? false,
    source,
    timestampColumn,
    time: parseTimeRules(context, raw, {timestampColumn, ourName}),
    fields,
    place: file.place(raw, "name"),
  };
}

function parseSource(context: Context, raw: RawView, variables: PathVariables): ViewSource {
  const {file, problems} = context;
  const {source} = raw;
  const mapping = source.field_mapping ?? {};
  const names = new Names(problems);
  for (const [column, name] of Object.entries(mapping)) names.add("mapped column", name, file.place(mapping, column));
  if (source.path === undefined && context.isIntact) checkDatabase(context, raw);
  const placeKey = source.path !== undefined ? "path" : "database_path";
  return {
    name: source.name,
    path: fillPath(context, variables, source, "path"),
    databasePath: source.database_path,
    tableName: source.table_name,
    query: source.query,
    dataPath: fillPath(context, variables, source, "data_path"),
    fieldMapping: new Map(Object.entries(mapping)),
    credentials: new Map(Object.entries(source.credentials ?? {})),
    options: new Map(Object.entries(source.options ?? {}).map(([key, value]) => [key, String(value)])),
    place: source[placeKey] === undefined ? file.keyPlace(raw, "source") : file.place(source, placeKey),
  };
}

function checkDatabase({file, problems}: Context, {name: view, source}: RawView): void {
  const hint = 'set "path" to parquet files, or "database_path" to a database, with "table_name" or "query"';
  if (source.database_path === undefined) {
    const place = file.keyPlace(file.value as object, "source");
    problems.add("source-incomplete", {view, reason: 'has neither "path" nor "database_path"', hint}, place);
  } else if (source.database_path === ":memory:") {
    problems.add("source-incomplete", {view, reason: 'is ":memory:", where no rows are', hint}, file.place(source, "database_path"));
  } else if (source.table_name === undefined && source.query === undefined) {
    const place = file.place(source, "database_path");
    problems.add("source-incomplete", {view, reason: "says no table", hint: 'set "table_name" or "query"'}, place);
  } else if (source.table_name !== undefined && source.query !== undefined) {
    const reason = 'keep "table_name" to read a table, or "query" to run SQL';
    problems.add("keys-conflict", {keys: ["table_name", "query"], reason}, file.keyPlace(source, "query"));
  }
}
