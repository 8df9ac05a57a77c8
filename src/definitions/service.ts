import {resolveNumber, Names, type Context} from "./context.js";
import {parseDefault} from "./default-sql.js";
import {parseDtype} from "./dtype.js";
import type {CheckSeverity, ColumnCheck, Derived, RowFilter, Service, ServiceColumn, Spine, TableCheck, View} from "./model.js";
import {columnCheckKinds, driftDefaults, tableCheckKinds, type RawService} from "./service-schema.js";

type RawColumn = NonNullable<RawService["columns"]>[number];
type RawColumnCheck = NonNullable<RawColumn["checks"]>[number];
type RawTableCheck = NonNullable<RawService["checks"]>[number];

/** A service's file as the model has it. Keys and grain that it does not say come from the spine's view. */
export function parseService(context: Context, raw: RawService, views: ReadonlyMap<string, View>): Service {
  const {file, references} = context;
  const spineView = views.get(raw.spine.view);
  const spine = parseSpine(context, raw, spineView?.joinKeys ?? []);
  if (raw.grain) {
    Names.checkList(context, "grain column", raw.grain);
    for (const [index, column] of raw.grain.entries()) references.push({kind: "column", column, place: file.place(raw.grain, index)});
  }
  const timestamp = spineView?.timestampColumn;
  return {
    name: raw.name,
    version: raw.version ?? 1,
    owner: raw.owner,
    description: raw.description,
    grain: raw.grain ?? [...spine.keys, ...(timestamp === undefined ? [] : [timestamp])],
    isServing: raw.serving ?? false,
    spine,
    derived: parseDerived(context, raw),
    filters: parseFilters(context, raw),
    columns: raw.columns && parseColumns(context, raw.columns),
    checks: (raw.checks ?? []).flatMap((check, index) => parseTableCheck(context, {raw: check, owner: raw.checks!, index})),
    place: file.place(raw, "name"),
  };
}

function parseSpine(context: Context, {spine: raw, name}: RawService, joinKeys: readonly string[]): Spine {
  const {file, references} = context;
  const {view} = raw;
  const refer = (owner: object, key: string | number, column: string | undefined): void => {
    if (column !== undefined) references.push({kind: "view-column", view, column, place: file.place(owner, key)});
  };
  references.push({kind: "timed-view", view, what: `the spine of service "${name}"`, place: file.place(raw, "view")});
  if (raw.keys) {
    Names.checkList(context, "spine key", raw.keys);
    for (const [index, key] of raw.keys.entries()) refer(raw.keys, index, key);
  }
  if (raw.events) refer(raw.events, "column", raw.events.column);
  refer(raw, "item_key", raw.item_key);
  const coverage = raw.coverage_filter;
  if (coverage) {
    references.push({kind: "store", store: coverage.store, place: file.place(coverage, "store")});
    refer(coverage, "id_column", coverage.id_column);
  }
  return {
    view,
    events: raw.events,
    lookbackDays:
      raw.lookback_days === undefined
        ? undefined
        : resolveNumber(context, {owner: raw, key: "lookback_days", value: raw.lookback_days, isWhole: false}),
    keys: raw.keys ?? joinKeys,
    itemKey: raw.item_key,
    sessionFilter: parseSessionFilter(context, raw),
    coverageFilter: coverage && {store: coverage.store, idColumn: coverage.id_column, place: file.place(coverage, "store")},
    place: file.place(raw, "view"),
  };
}

function parseSessionFilter({file, isIntact, problems, references}: Context, spine: RawService["spine"]): Spine["sessionFilter"] {
  const raw = spine.session_filter;
  if (!raw) return undefined;
  const place = file.keyPlace(spine, "session_filter");
  references.push({kind: "column", column: raw.column, place: file.place(raw, "column")});
  if (!spine.events && isIntact) problems.add("key-missing", {key: "events", what: 'a spine with "session_filter"'}, place);
  if (raw.drop_single_like === true && !raw.like_events && isIntact) {
    problems.add("key-missing", {key: "like_events", what: '"drop_single_like"'}, file.keyPlace(raw, "drop_single_like"));
  }
  if (raw.drop_view_only !== true && raw.drop_single_like !== true && isIntact) {
    const reason = 'neither "drop_view_only" nor "drop_single_like" is true';
    problems.add("setting-without-effect", {key: "session_filter", reason}, place, "warning");
  }
  return {
    column: raw.column,
    eventColumn: spine.events?.column ?? "",
    viewEvents: raw.view_events,
    likeEvents: raw.like_events ?? [],
    dropViewOnly: raw.drop_view_only ?? false,
    dropSingleLike: raw.drop_single_like ?? false,
  };
}

function parseDerived({file, problems}: Context, raw: RawService): Derived[] {
  const names = new Names(problems);
  return (raw.derived ?? []).map((derived) => {
    names.add("derived column", derived.name, file.place(derived, "name"));
    return {name: derived.name, dtype: parseDtype(derived.dtype)!, sql: derived.sql, place: file.place(derived, "sql")};
  });
}

function parseFilters({file, problems}: Context, raw: RawService): RowFilter[] {
  const names = new Names(problems);
  return (raw.filters ?? []).map((filter) => {
    names.add("filter", filter.name, file.place(filter, "name"));
    return {name: filter.name, sql: filter.sql, place: file.place(filter, "sql")};
  });
}

function parseColumns(context: Context, raw: readonly RawColumn[]): ServiceColumn[] {
  const {file} = context;
  const names = new Names(context.problems);
  return raw.map((column) => {
    const place = file.place(column, "name");
    names.add("column", column.name, place);
    return {
      name: column.name,
      kind: column.kind,
      dtype: column.dtype === undefined ? undefined : parseDtype(column.dtype),
      defaultSql: parseDefault(context, column),
      isNullable: column.nullable ?? true,
      checks: (column.checks ?? []).flatMap((check, index) => parseColumnCheck(context, column.name, {raw: check, owner: column.checks!, index})),
      place,
    };
  });
}

interface CheckAt<R> {
  readonly raw: R;
  readonly owner: readonly unknown[];
  readonly index: number;
}

function parseColumnCheck(context: Context, column: string, {raw, owner, index}: CheckAt<RawColumnCheck>): ColumnCheck[] {
  const place = context.file.place(owner, index);
  const base: {severity: CheckSeverity; place: typeof place} = {severity: raw.severity ?? "error", place};
  const found = columnCheckKinds.filter((kind) => raw[kind] !== undefined);
  if (found.length !== 1) {
    if (context.isIntact || found.length > 0) context.problems.add("check-ambiguous", {found, known: columnCheckKinds}, place);
    return [];
  }
  if (raw.not_null) return [{...base, kind: "not_null"}];
  if (raw.unique) return [{...base, kind: "unique"}];
  if (raw.range) return [{...base, kind: "range", min: raw.range[0] ?? undefined, max: raw.range[1] ?? undefined}];
  if (raw.accepted_values) return [{...base, kind: "accepted_values", values: raw.accepted_values}];
  if (raw.drift) {
    const {against, max_psi: maxPsi = driftDefaults.maxPsi, buckets = driftDefaults.buckets} = raw.drift;
    return [{...base, kind: "drift", againstDay: against, maxPsi, buckets}];
  }
  if (raw.embedding_coverage !== undefined) {
    context.references.push({kind: "enrichment", column, place});
    return [{...base, kind: "embedding_coverage", fraction: raw.embedding_coverage}];
  }
  return [{...base, kind: "max_null_fraction", fraction: raw.max_null_fraction ?? 0}];
}

function parseTableCheck(context: Context, {raw, owner, index}: CheckAt<RawTableCheck>): TableCheck[] {
  const {file, problems, references} = context;
  const place = file.place(owner, index);
  const base: {severity: CheckSeverity; place: typeof place} = {severity: raw.severity ?? "error", place};
  const found = tableCheckKinds.filter((kind) => raw[kind] !== undefined);
  if (found.length !== 1) {
    if (context.isIntact || found.length > 0) problems.add("check-ambiguous", {found, known: tableCheckKinds}, place);
    return [];
  }
  if (raw.row_count_change) {
    const {max_fraction: maxFraction, against = "previous"} = raw.row_count_change;
    return [{...base, kind: "row_count_change", maxFraction, againstDay: against === "previous" ? undefined : against}];
  }
  if (raw.unique === undefined) return [{...base, kind: "min_rows", rows: raw.min_rows ?? 0}];
  const {unique} = raw;
  unique.forEach((column, at) => references.push({kind: "column", column, place: file.place(unique, at)}));
  return [{...base, kind: "unique", columns: unique}];
}
