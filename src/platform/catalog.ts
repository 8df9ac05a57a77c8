/** Views and services as the command line and the APIs show them: plain data with the words of the YAML. */
import {renderDtype} from "../definitions/dtype.js";
import type {ColumnCheck, Project, Service, TableCheck, View} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError, type Place} from "../errors.js";
import {columnsOf, joinableColumnsOf, loadedViews} from "../plan/chain.js";
import type {CheckAnswer, ServiceAnswer, ServiceSummary, ViewAnswer, ViewSummary} from "./schemas/catalog-schemas.js";
import type {Settings} from "./settings.js";
import {explainAggregation, explainView} from "./time-words.js";

/** The view of that name, or an error with the nearest one. */
export function getView(project: Project, name: string): View {
  const view = project.views.get(name);
  if (view) return view;
  throw DaedalusError.of("reference-unknown", {
    what: "feature view",
    name,
    nearest: findNearest(name, project.views.keys()),
    hint: "`daeda views list` names them all",
  });
}

/** The service of that name, or an error with the nearest one; without a name, `default_service` of the settings. */
export function getService(project: Project, name: string | undefined, settings: Settings): Service {
  const wanted = name ?? settings.values.default_service;
  const service = project.services.get(wanted);
  if (service) return service;
  const names = [...project.services.keys()];
  const known = `the services are ${names.join(", ")}`;
  throw DaedalusError.of("reference-unknown", {
    what: "feature service",
    name: wanted,
    nearest: name === undefined ? undefined : findNearest(name, names),
    hint: name === undefined ? `none was named, so default_service of ${settings.path} counts; ${known}` : known,
  });
}

export function summarizeView(view: View): ViewSummary {
  return {
    name: view.name,
    entity: view.entities,
    source: view.source.path ?? view.source.databasePath ?? "",
    join: view.time.join,
    fields: view.fields.length,
    description: view.description,
  };
}

export function summarizeService(project: Project, service: Service): ServiceSummary {
  return {
    name: service.name,
    version: service.version,
    spine: service.spine.view,
    columns: (service.columns ?? project.runtime.outputColumns ?? []).length,
    owner: service.owner,
    description: service.description,
  };
}

const viewAnswers = new WeakMap<View, ViewAnswer>();

/** Everything a view says; of its credentials only the names, since what they hold is nobody's business here. Frozen: the same view has the same answer. */
export function describeView(view: View): ViewAnswer {
  let answer = viewAnswers.get(view);
  if (!answer) viewAnswers.set(view, (answer = Object.freeze(makeViewAnswer(view))));
  return answer;
}

function makeViewAnswer(view: View): ViewAnswer {
  const {source, time} = view;
  return {
    name: view.name,
    entity: view.entities,
    join_keys: view.joinKeys,
    description: view.description,
    ttl_seconds: seconds(view.ttlUs),
    online: view.isOnline,
    source: {
      name: source.name,
      path: source.path,
      database_path: source.databasePath,
      table_name: source.tableName,
      query: source.query,
      data_path: source.dataPath,
      timestamp_field: view.timestampColumn,
      field_mapping: Object.fromEntries(source.fieldMapping),
      credentials: [...source.credentials.keys()],
    },
    time: {
      join: time.join,
      boundary: time.boundary,
      available_at: time.availableAt,
      valid_to: time.validTo,
      embargo_seconds: time.embargoUs / 1e6,
      tie_break: time.tieBreak.map((tie) => (tie.isDescending ? `${tie.column} desc` : tie.column)),
      on_duplicate: time.onDuplicate,
    },
    rules: explainView(view),
    fields: view.fields.map((field) => ({name: field.name, dtype: renderDtype(field.dtype)})),
    place: describePlace(view.place),
  };
}

/** Everything a service says, its columns from `output_columns` where it lists none itself. */
export function describeService(project: Project, service: Service): ServiceAnswer {
  const {spine} = service;
  const session = spine.sessionFilter;
  return {
    name: service.name,
    version: service.version,
    owner: service.owner,
    description: service.description,
    serving: service.isServing,
    grain: service.grain,
    spine: {
      view: spine.view,
      events: spine.events,
      lookback_days: spine.lookbackDays,
      keys: spine.keys,
      item_key: spine.itemKey,
      session_filter: session && {
        column: session.column,
        event_column: session.eventColumn,
        view_events: session.viewEvents,
        like_events: session.likeEvents,
        drop_view_only: session.dropViewOnly,
        drop_single_like: session.dropSingleLike,
      },
      coverage_filter: spine.coverageFilter && {store: spine.coverageFilter.store, id_column: spine.coverageFilter.idColumn},
    },
    derived: service.derived.map(({name, dtype, sql}) => ({name, dtype: renderDtype(dtype), sql})),
    filters: service.filters.map(({name, sql}) => ({name, sql})),
    columns: describeColumns(project, service),
    checks: service.checks.map(describeCheck),
    place: describePlace(service.place),
  };
}

function describeColumns(project: Project, service: Service): ServiceAnswer["columns"] {
  if (!service.columns) {
    return (project.runtime.outputColumns ?? []).map((column) => ({name: column.name, default_sql: column.defaultSql}));
  }
  return service.columns.map((column) => ({
    name: column.name,
    kind: column.kind,
    dtype: column.dtype && renderDtype(column.dtype),
    meaning: explainColumn(project, service, column.name),
    default_sql: column.defaultSql,
    nullable: column.isNullable,
    checks: column.checks.map(describeCheck),
  }));
}

/** What time has to do with a column: of an aggregation, and of a column that one view is joined for. */
function explainColumn(project: Project, service: Service, name: string): string | undefined {
  const spec = project.aggregations.specs.find((candidate) => candidate.name === name);
  if (spec) return explainAggregation(spec, service, project.views.get(spec.history ?? service.spine.view)!);
  const spine = project.views.get(service.spine.view)!;
  if (columnsOf(spine).has(name) || service.derived.some((derived) => derived.name === name)) return undefined;
  const views = loadedViews(project, service).filter((view) => view !== spine && joinableColumnsOf(view).includes(name));
  // Several are an error of the plan.
  return views.length === 1 ? [`${name} of ${views[0]!.name}, joined by ${views[0]!.joinKeys.join(", ")}.`, ...explainView(views[0]!)].join(" ") : undefined;
}

function describeCheck({kind, severity, place: _, ...facts}: ColumnCheck | TableCheck): CheckAnswer {
  return {kind, severity, ...Object.fromEntries(Object.entries(facts).map(([key, value]) => [key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]))};
}

function describePlace({file, line}: Place): {file: string; line: number} {
  return {file, line};
}

function seconds(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds / 1e6;
}
