import {Names, type Context} from "./context.js";
import {parseDtype} from "./dtype.js";
import {parseDuration} from "./duration.js";
import type {TimeRules, View, ViewSource} from "./model.js";
import {fillPath, type PathVariables} from "./path-variables.js";
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
    time: parseTime(context, raw, {hasTimestamp: timestampColumn !== undefined, ourName}),
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

interface Timing {
  readonly hasTimestamp: boolean;
  /** Our name of a column that may be named as the source does. */
  readonly ourName: (column: string) => string;
}

function parseTime({file, problems}: Context, raw: RawView, {hasTimestamp, ourName}: Timing): TimeRules {
  const time = raw.time ?? {};
  const {timestamp_field: timestampField} = raw.source;
  if (timestampField !== undefined && time.valid_from !== undefined && ourName(time.valid_from) !== ourName(timestampField)) {
    const reason = "both say when a row begins to be true: remove one of them, or let them name the same column";
    problems.add("keys-conflict", {keys: ["timestamp_field", "valid_from"], reason}, file.place(time, "valid_from"));
  }
  const join = time.join ?? (hasTimestamp ? "pit" : "static");
  if (!hasTimestamp && join !== "static") {
    problems.add("timestamp-needed", {what: `"join: ${join}"`, view: raw.name}, file.place(time, "join"));
  }
  if (!hasTimestamp && time.valid_to !== undefined) {
    problems.add("timestamp-needed", {what: '"valid_to"', view: raw.name}, file.keyPlace(time, "valid_to"));
  }
  if (time.join === "latest" && time.valid_to !== undefined) {
    const reason = '"join: latest" takes the newest row whatever the time';
    problems.add("setting-without-effect", {key: "valid_to", reason}, file.keyPlace(time, "valid_to"), "warning");
  }
  if (!hasTimestamp) {
    const reason = 'the view has no "timestamp_field", so each key has one row for all time';
    if (raw.ttl !== undefined) problems.add("setting-without-effect", {key: "ttl", reason}, file.keyPlace(raw, "ttl"), "warning");
    for (const key of ["boundary", "available_at", "embargo"] as const) {
      if (time[key] !== undefined) problems.add("setting-without-effect", {key, reason}, file.keyPlace(time, key), "warning");
    }
  }
  const tieBreak = (time.tie_break ?? []).map((text) => {
    const [column = "", direction] = text.trim().split(/\s+/);
    return {column: ourName(column), isDescending: direction?.toLowerCase() === "desc"};
  });
  const names = new Names(problems);
  tieBreak.forEach(({column}, index) => names.add("tie_break column", column, file.place(time.tie_break ?? [], index)));
  return {
    boundary: time.boundary ?? "strict",
    availableAt: time.available_at === undefined ? undefined : ourName(time.available_at),
    validTo: time.valid_to === undefined ? undefined : ourName(time.valid_to),
    embargoUs: parseDuration(time.embargo ?? "0s") ?? 0,
    tieBreak,
    onDuplicate: time.on_duplicate ?? "pick",
    join,
  };
}
