/**
 * The time contract in plain TypeScript: a day's rows straight from the definitions, one row and one column at a time. It knows
 * no plan, no operator and no engine, so that what it shares with them is the definition only.
 */
import {resultDtypeOf} from "../../src/definitions/aggregation-operation.js";
import type {AggregationSpec, View} from "../../src/definitions/model.js";
import type {Dtype} from "../../src/definitions/dtype.js";
import type {Scalar, Value} from "../../src/definitions/value.js";
import {DaedalusError} from "../../src/errors.js";
import type {CaseInputs, Rows} from "../../src/pipeline/case-rows.js";
import {computeOperation} from "./naive-operations.js";
import {evaluateSql} from "./naive-sql.js";

type NaiveRow = ReadonlyMap<string, Value>;

const dayUs = 86_400_000_000;

/** NULL first. Lists compare item by item. */
function compareValues(a: Value, b: Value): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
      const order = compareValues(a[index] as Scalar, b[index] as Scalar);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

const keyText = (values: readonly Value[]): string => values.map((value) => `${typeof value}:${String(value)}`).join("|");
const same = (a: Value, b: Value): boolean => a !== null && b !== null && keyText([a]) === keyText([b]);

/** A number of an expression as the dtype; what comes out of rows has it already. */
function cast(value: Value, dtype: Dtype | undefined): Value {
  if (dtype?.kind !== "scalar" || value === null) return value;
  if (dtype.name === "BIGINT" || dtype.name === "INTEGER") return typeof value === "number" ? BigInt(Math.round(value)) : value;
  if (dtype.name === "DOUBLE" || dtype.name === "FLOAT") return Number(value);
  return value;
}

class NaiveDay {
  private readonly rowsOfView = new Map<View, readonly NaiveRow[]>();
  private readonly rowsOfKey = new Map<string, readonly NaiveRow[]>();
  private readonly indexed = new Set<string>();
  private readonly spine: View;
  private readonly loaded: readonly View[];
  private readonly dayStartUs: number;

  constructor(private readonly inputs: CaseInputs) {
    const {project, service, views, day} = inputs;
    this.spine = project.views.get(service.spine.view)!;
    const refs = project.runtime.featureRefs;
    this.loaded = [...project.views.values()].filter((view) => !refs || view === this.spine || refs.some((ref) => ref.view === view.name));
    this.dayStartUs = Date.parse(`${day}T00:00:00Z`) * 1000;
    for (const [name, {columns, rows}] of views) {
      this.rowsOfView.set(
        project.views.get(name)!,
        rows.map((row) => new Map(columns.map((column, index) => [column.name, row[index]!]))),
      );
    }
  }

  /** The dataset's rows in order. @throws DaedalusError as a run does */
  rows(): readonly NaiveRow[] {
    const {service} = this.inputs;
    const spine = this.spineRows();
    const time = this.spine.timestampColumn!;
    let rows = spine.filter((row) => (row.get(time) as number) >= this.dayStartUs).sort((a, b) => this.compareSpine(a, b));
    for (const filter of service.filters) rows = rows.filter((row) => evaluateSql(filter.sql, (name) => this.column(row, name)) === true);
    rows = this.filterSessions(rows);
    return rows.map((row) => new Map((service.columns ?? []).map(({name, dtype, defaultSql}) => [name, this.outputColumn(row, {name, dtype, defaultSql})])));
  }

  private outputColumn(row: NaiveRow, {name, dtype, defaultSql}: {name: string; dtype: Dtype | undefined; defaultSql: string | undefined}): Value {
    const isMade = this.findProducer(name) !== undefined;
    return cast(isMade ? this.column(row, name) : evaluateSql(defaultSql ?? "NULL", () => null), dtype);
  }

  private compareSpine(a: NaiveRow, b: NaiveRow): number {
    const first = [this.spine.timestampColumn!, ...this.inputs.service.spine.keys, ...this.spine.time.tieBreak.map((tie) => tie.column)];
    for (const name of [...first, ...[...this.ownColumns(this.spine)].sort()]) {
      const order = compareValues(a.get(name) ?? null, b.get(name) ?? null);
      if (order !== 0) return order;
    }
    return 0;
  }

  /** The rows of the spine's view that exist for the service, up to the end of the day. */
  private spineRows(): NaiveRow[] {
    const {events, coverageFilter} = this.inputs.service.spine;
    const covered = coverageFilter && new Set(this.inputs.stores.get(coverageFilter.store) ?? []);
    return (this.rowsOfView.get(this.spine) ?? []).filter((row) => {
      const at = row.get(this.spine.timestampColumn!) ?? null;
      if (typeof at !== "number" || at >= this.dayStartUs + dayUs) return false;
      if (events && !events.keep.includes(row.get(events.column) as string)) return false;
      if (!covered) return true;
      const id = row.get(coverageFilter.idColumn) ?? null;
      return id !== null && covered.has(String(id));
    });
  }

  private filterSessions(rows: NaiveRow[]): NaiveRow[] {
    const filter = this.inputs.service.spine.sessionFilter;
    if (!filter) return rows;
    const sessions = new Map<string, string[]>();
    for (const row of rows) {
      const key = keyText([row.get(filter.column) ?? null]);
      sessions.set(key, [...(sessions.get(key) ?? []), String(row.get(filter.eventColumn))]);
    }
    return rows.filter((row) => {
      const session = row.get(filter.column) ?? null;
      if (session === null) return true;
      const others = sessions.get(keyText([session]))!.filter((event) => !filter.viewEvents.includes(event));
      if (filter.dropViewOnly && others.length === 0) return false;
      return !(filter.dropSingleLike && others.length === 1 && filter.likeEvents.includes(others[0]!));
    });
  }

  private findProducer(name: string): "aggregation" | "derived" | "source" | undefined {
    const {project, service} = this.inputs;
    if (project.aggregations.specs.some((spec) => spec.name === name)) return "aggregation";
    if (service.derived.some((derived) => derived.name === name)) return "derived";
    return this.isKnown(this.spine, name) ? "source" : undefined;
  }

  private column(row: NaiveRow, name: string): Value {
    const {project, service} = this.inputs;
    switch (this.findProducer(name)) {
      case "aggregation":
        return this.window(row, project.aggregations.specs.find((spec) => spec.name === name)!);
      case "derived": {
        const {sql, dtype} = service.derived.find((derived) => derived.name === name)!;
        return cast(evaluateSql(sql, (inner) => this.column(row, inner)), dtype);
      }
      case "source":
        return this.source(this.spine, row, name);
      case undefined:
        throw new Error(`the naive day knows no column ${name}`);
    }
  }

  // Views.

  private ownColumns(view: View): Set<string> {
    const {availableAt, validTo, tieBreak} = view.time;
    return new Set([...view.joinKeys, ...view.fields.map((field) => field.name), ...tieBreak.map((tie) => tie.column), ...[view.timestampColumn, availableAt, validTo].filter((name) => name !== undefined)]);
  }

  private ownerOf(base: View, name: string): View | undefined {
    return this.loaded.find((view) => view !== base && !view.joinKeys.includes(name) && (view.fields.some((field) => field.name === name) || view.timestampColumn === name));
  }

  private isKnown(base: View, name: string): boolean {
    return this.ownColumns(base).has(name) || this.ownerOf(base, name) !== undefined;
  }

  /** A column of a row of `base`: its own, or that of a view joined as of the row. */
  private source(base: View, row: NaiveRow, name: string): Value {
    if (this.ownColumns(base).has(name)) return row.get(name) ?? null;
    const view = this.ownerOf(base, name)!;
    this.expectUnique(view);
    this.expectApart(view);
    const keys = view.joinKeys.map((key) => this.source(base, row, key));
    if (keys.includes(null)) return null;
    const candidates = this.candidates(view, keys);
    const at = base.timestampColumn === undefined ? null : (row.get(base.timestampColumn) ?? null);
    return this.newest(view, candidates, at as number | null)?.get(name) ?? null;
  }

  private candidates(view: View, keys: readonly Value[]): readonly NaiveRow[] {
    if (!this.indexed.has(view.name)) {
      this.indexed.add(view.name);
      for (const row of this.rowsOfView.get(view) ?? []) {
        const key = `${view.name}/${keyText(view.joinKeys.map((name) => row.get(name) ?? null))}`;
        this.rowsOfKey.set(key, [...(this.rowsOfKey.get(key) ?? []), row]);
      }
    }
    return this.rowsOfKey.get(`${view.name}/${keyText(keys)}`) ?? [];
  }

  private expectUnique(view: View): void {
    const {time, timestampColumn} = view;
    if (time.join !== "static" && time.onDuplicate === "pick") return;
    const telling = time.join === "static" ? view.joinKeys : [...view.joinKeys, timestampColumn!, ...time.tieBreak.map((tie) => tie.column)];
    const rows = (this.rowsOfView.get(view) ?? []).filter((row) => view.joinKeys.every((key) => (row.get(key) ?? null) !== null) && (time.join !== "pit" || this.isOfDay(view, row)));
    const seen = new Set(rows.map((row) => keyText(telling.map((name) => row.get(name) ?? null))));
    if (seen.size < rows.length) throw DaedalusError.of("duplicate-rows", {view: view.name, keys: [], isStatic: time.join === "static"});
  }

  /** Whether any row of the day could meet the view's row. */
  private isOfDay(view: View, row: NaiveRow): boolean {
    const knownAt = this.knownAt(view, row);
    return knownAt !== null && (row.get(view.timestampColumn!) ?? null) !== null && knownAt < this.dayStartUs + dayUs;
  }

  private knownAt(view: View, row: NaiveRow): number | null {
    const at = row.get(view.time.availableAt ?? view.timestampColumn!) ?? null;
    return typeof at === "number" ? at + view.time.embargoUs : null;
  }

  private newest(view: View, rows: readonly NaiveRow[], at: number | null): NaiveRow | undefined {
    const {time, timestampColumn, ttlUs} = view;
    if (time.join === "static") return rows[0];
    let known = rows;
    if (time.join === "pit") {
      if (at === null) return undefined;
      known = rows.filter((row) => {
        const knownAt = this.knownAt(view, row);
        const stamp = row.get(timestampColumn!) ?? null;
        if (knownAt === null || typeof stamp !== "number") return false;
        if (ttlUs !== undefined && stamp < at - ttlUs) return false;
        return time.boundary === "strict" ? knownAt < at : knownAt <= at;
      });
    }
    const fields = view.fields.map((field) => field.name).sort();
    const first = (a: NaiveRow, b: NaiveRow): number => {
      const stamps = compareValues(b.get(timestampColumn!) ?? null, a.get(timestampColumn!) ?? null);
      if (stamps !== 0) return stamps;
      for (const {column, isDescending} of [...time.tieBreak, ...fields.map((column) => ({column, isDescending: true}))]) {
        const [left, right] = [a.get(column) ?? null, b.get(column) ?? null];
        // A value wins against none, whatever the direction.
        if (left === null || right === null) {
          if (left !== right) return left === null ? 1 : -1;
          continue;
        }
        const order = compareValues(left, right);
        if (order !== 0) return isDescending ? -order : order;
      }
      return 0;
    };
    const found = [...known].sort(first)[0];
    return found && time.join === "pit" && time.validTo !== undefined && !this.holds(view, found, at!) ? undefined : found;
  }

  /** Until its end, which the boundary puts on one side or the other. */
  private holds({time}: View, row: NaiveRow, at: number): boolean {
    const end = row.get(time.validTo!) ?? null;
    return typeof end !== "number" || (time.boundary === "strict" ? at <= end : at < end);
  }

  private expectApart(view: View): void {
    const {time, timestampColumn} = view;
    if (time.join !== "pit" || time.validTo === undefined) return;
    const ranges = (this.rowsOfView.get(view) ?? []).flatMap((row) => {
      const [start, end] = [row.get(timestampColumn!) ?? null, row.get(time.validTo!) ?? null];
      const keys = view.joinKeys.map((key) => row.get(key) ?? null);
      return typeof start === "number" && !keys.includes(null) ? [{key: keyText(keys), start, end: typeof end === "number" ? end : Infinity}] : [];
    });
    const overlaps = ranges.some((a) => ranges.some((b) => a.key === b.key && a.start < b.start && b.start < a.end));
    if (overlaps) throw DaedalusError.of("ranges-overlap", {view: view.name, keys: []});
  }

  // Windows.

  private historyRows(view: View, spec: AggregationSpec): readonly NaiveRow[] {
    const {lookbackDays} = this.inputs.service.spine;
    if (view !== this.spine) return this.rowsOfView.get(view) ?? [];
    const isCut = lookbackDays !== undefined && spec.windowUs !== undefined;
    return this.spineRows().filter((row) => !isCut || (row.get(view.timestampColumn!) as number) >= this.dayStartUs - lookbackDays * dayUs);
  }

  private readonly histories = new Map<string, ReadonlyMap<string, readonly NaiveRow[]>>();

  private historyOf(view: View, spec: AggregationSpec, keys: readonly Value[]): readonly NaiveRow[] {
    let byKey = this.histories.get(spec.name);
    if (!byKey) {
      const grouped = new Map<string, NaiveRow[]>();
      for (const row of this.historyRows(view, spec)) {
        const key = keyText(spec.groupBy.map((pair) => this.source(view, row, pair.history)));
        const rows = grouped.get(key) ?? [];
        grouped.set(key, rows);
        rows.push(row);
      }
      byKey = grouped;
      this.histories.set(spec.name, byKey);
    }
    return byKey.get(keyText(keys)) ?? [];
  }

  private window(row: NaiveRow, spec: AggregationSpec): Value {
    const {project, service} = this.inputs;
    const view = spec.history === undefined ? this.spine : project.views.get(spec.history)!;
    const {itemKey, keys: spineKeys} = service.spine;
    const at = row.get(this.spine.timestampColumn!) as number;
    const keys = spec.groupBy.map((pair) => this.source(this.spine, row, pair.spine));
    const value = (of: View, one: NaiveRow): Value => (spec.valueColumn === undefined ? 1n : this.source(of, one, spec.valueColumn));
    const holds = (of: View, one: NaiveRow): boolean =>
      spec.condition === undefined || evaluateSql(spec.condition, (name, qualifier) => (qualifier === "cur" ? this.source(this.spine, row, name) : this.source(of, one, name))) === true;

    const past = (keys.includes(null) ? [] : this.historyOf(view, spec, keys)).filter((one) => {
      const stamp = one.get(view.timestampColumn!) ?? null;
      if (typeof stamp !== "number" || stamp >= at || (spec.windowUs !== undefined && stamp < at - spec.windowUs)) return false;
      const knownAt = this.knownAt(view, one);
      if (knownAt === null || knownAt >= at) return false;
      if (!holds(view, one)) return false;
      if (spec.excludeSelf === false) return true;
      const isList = Array.isArray(value(view, one)) || spec.operation === "flatten_distinct";
      const column = spec.excludeSelf === true ? (isList || spec.valueColumn === undefined ? itemKey! : spec.valueColumn) : spec.excludeSelf;
      return !same(this.source(view, one, column), this.source(this.spine, row, column));
    });
    const order = [...view.time.tieBreak.map((tie) => tie.column), ...(view === this.spine ? spineKeys : view.joinKeys)];
    const sorted = past.sort((a, b) => {
      for (const name of [view.timestampColumn!, ...order]) {
        const difference = compareValues(a.get(name) ?? null, b.get(name) ?? null);
        if (difference !== 0) return difference;
      }
      return compareValues(value(view, a), value(view, b));
    });
    const values = sorted.map((one) => value(view, one));
    if (spec.includeCurrent && !keys.includes(null) && holds(this.spine, row)) values.push(value(this.spine, row));

    const present = values.flatMap((one, index) => (one === null ? [] : [{value: one, at: index < sorted.length ? (sorted[index]!.get(view.timestampColumn!) as number) : at}]));
    return cast(computeOperation(spec, present, at), dtypeOfColumn(spec.name, this.inputs));
  }
}

/** The naive day in the shape in which a run gives it. */
export function runNaiveDay(inputs: CaseInputs): Rows {
  const rows = new NaiveDay(inputs).rows();
  const columns = (inputs.service.columns ?? []).map(({name}) => ({name, dtype: dtypeOfColumn(name, inputs)}));
  return {columns, rows: rows.map((row) => columns.map(({name}) => row.get(name)!))};
}

function dtypeOfColumn(name: string, inputs: CaseInputs): Dtype {
  const {project, service, views} = inputs;
  const spec = project.aggregations.specs.find((one) => one.name === name);
  if (spec) return resultDtypeOf(spec.operation, spec.valueColumn === undefined ? undefined : dtypeOfColumn(spec.valueColumn, inputs))!;
  const declared = service.derived.find((derived) => derived.name === name) ?? service.columns?.find((column) => column.name === name);
  if (declared?.dtype) return declared.dtype;
  const given = [...views.values()].flatMap(({columns}) => columns).find((column) => column.name === name);
  const field = [...project.views.values()].flatMap(({fields}) => fields).find((column) => column.name === name);
  return field?.dtype ?? given?.dtype ?? {kind: "scalar", name: "BIGINT"};
}
