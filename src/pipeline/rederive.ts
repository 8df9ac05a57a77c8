/**
 * Columns once more, by a path of their own: plain range joins written straight from the time contract, one column after the
 * other, with every history row of the keys at hand. Nothing of the engines or of the emitted SQL is used, so that a mistake
 * there cannot hide here. Slow, and meant for the rows of a sample.
 */
import {duckdbType} from "../definitions/dtype.js";
import type {AggregationSpec, Project, Service, View} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {columnsOf, joinableColumnsOf, loadedViews} from "../plan/chain.js";
import type {Plan} from "../plan/operator.js";
import {parseSqlIdentifiers} from "../plan/sql-identifiers.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import {dayUs} from "./day.js";
import {renderItem, renderResult} from "./rederive-operations.js";
import {SourceRows} from "./source-rows.js";
import {loadStoreIds} from "./store-ids.js";
import type {Environment} from "../sources/environment.js";

/** A temp table with `__id` (unique), `__at` (the instant that counts) and the columns named. Grows by columns. */
export interface RowSet {
  table: string;
  /** Whose rows they are; undefined for rows of a foreign file. */
  readonly view: View | undefined;
  /** How the plan calls the same chain of joins. */
  readonly prefix: string;
  readonly columns: Set<string>;
}

/** The history of a spec, prepared for a set of rows: what pairs with what, and what each rule says of a pair. */
export interface PreparedWindow {
  readonly spec: AggregationSpec;
  readonly rows: string;
  readonly history: string;
  /** SQL over `cur` and `hist`. */
  readonly keys: string;
  readonly condition: string;
  readonly isSelf: string;
  readonly isOwn: string;
  readonly known: string;
  readonly cut: string | undefined;
  readonly order: readonly string[];
}

const microseconds = (us: number): string => `to_microseconds(${us})`;

/** The column that `exclude_self` compares; undefined without it. */
function excludedColumnOf(spec: AggregationSpec, service: Service, isListValue: boolean): string | undefined {
  if (spec.excludeSelf === false) return undefined;
  if (typeof spec.excludeSelf === "string") return spec.excludeSelf;
  return isListValue ? service.spine.itemKey : spec.valueColumn;
}

/** When a row of the view became known, as SQL over the alias. */
export function renderKnown(view: View, alias: string): string {
  const column = `${alias}.${quoteName(view.time.availableAt ?? view.timestampColumn!)}`;
  return view.time.embargoUs === 0 ? column : `${column} + ${microseconds(view.time.embargoUs)}`;
}

/** The version's field, or NULL once its range is over: an older version does not come back. */
function renderWhileValid(view: View, field: string): string {
  const value = `v.${quoteName(field)}`;
  const {join, validTo, boundary} = view.time;
  if (join !== "pit" || validTo === undefined) return value;
  const end = `v.${quoteName(validTo)}`;
  return `CASE WHEN ${end} IS NULL OR l.__at ${boundary === "strict" ? "<=" : "<"} ${end} THEN ${value} END`;
}

export class Rederivation {
  readonly sources: SourceRows;
  readonly views: readonly View[];
  /** By the name of the spec, for rows of the day. */
  readonly windows = new Map<string, PreparedWindow>();
  private tableCount = 0;
  private readonly storeTables = new Map<string, string>();

  constructor(
    readonly session: DuckDbSession,
    readonly project: Project,
    readonly service: Service | undefined,
    /** Says which columns tell apart what a view's own rules leave equal; nothing else is taken from it. */
    private readonly plan: Plan | undefined,
    environment: Environment,
    /** Tells the tables of several derivations in one session apart. */
    private readonly number = 0,
  ) {
    this.sources = new SourceRows(session, project, environment);
    this.views = loadedViews(project, service);
  }

  get spineView(): View | undefined {
    return this.service && this.project.views.get(this.service.spine.view);
  }

  async makeTable(query: string): Promise<string> {
    this.tableCount += 1;
    const table = `__rederived_${this.number}_${this.tableCount}`;
    await this.session.run(`CREATE TEMP TABLE ${table} AS ${query}`);
    return table;
  }

  /** Drops what was made. */
  async close(): Promise<void> {
    for (let index = 1; index <= this.tableCount; index += 1) await this.session.run(`DROP TABLE __rederived_${this.number}_${index}`);
    for (const table of this.storeTables.values()) await this.session.run(`DROP TABLE ${table}`);
  }

  /** Which view joins a column onto rows of `base`. */
  findOwner(base: View | undefined, name: string): View | undefined {
    return this.views.find((view) => view !== base && joinableColumnsOf(view).includes(name));
  }

  /** The columns of `base` itself that the names need, be it as keys of joins. */
  ownColumnsFor(base: View, names: Iterable<string>, path: readonly string[] = []): Set<string> {
    const own = new Set<string>();
    for (const name of names) {
      if (columnsOf(base).has(name)) own.add(name);
      else {
        const owner = this.findOwner(base, name);
        if (!owner || path.includes(owner.name)) continue;
        for (const key of this.ownColumnsFor(base, owner.joinKeys, [...path, owner.name])) own.add(key);
      }
    }
    return own;
  }

  /** Everything of the row that the names stand for, through aggregations and derived columns down to the names of views. */
  rowNamesFor(names: Iterable<string>, seen = new Set<string>()): Set<string> {
    const found = new Set<string>();
    for (const name of names) {
      if (seen.has(name)) continue;
      seen.add(name);
      const derived = this.service?.derived.find((candidate) => candidate.name === name);
      const spec = this.findSpec(name);
      const inner = derived ? this.namesIn(derived.sql) : spec ? this.rowNamesOfSpec(spec) : undefined;
      if (inner) for (const leaf of this.rowNamesFor(inner, seen)) found.add(leaf);
      else found.add(name);
    }
    return found;
  }

  findSpec(name: string): AggregationSpec | undefined {
    return this.project.aggregations.specs.find((spec) => spec.name === name);
  }

  /** The names of the expression that are columns of a row. */
  namesIn(sql: string): string[] {
    const {names} = parseSqlIdentifiers(sql);
    const known = new Set([
      ...this.project.aggregations.specs.map((spec) => spec.name),
      ...(this.service?.derived ?? []).map((derived) => derived.name),
      ...(this.spineView ? columnsOf(this.spineView) : []),
      ...this.views.filter((view) => view !== this.spineView).flatMap(joinableColumnsOf),
    ]);
    return [...known].filter((name) => names.has(name.toLowerCase()));
  }

  historyViewOf(spec: AggregationSpec): View {
    return spec.history === undefined ? this.spineView! : this.project.views.get(spec.history)!;
  }

  private isListValue(spec: AggregationSpec): boolean {
    if (spec.operation === "flatten_distinct") return true;
    const view = this.historyViewOf(spec);
    const owner = spec.valueColumn === undefined ? undefined : columnsOf(view).has(spec.valueColumn) ? view : this.findOwner(view, spec.valueColumn);
    return owner?.fields.find((field) => field.name === spec.valueColumn)?.dtype.kind === "list";
  }

  private rowNamesOfSpec(spec: AggregationSpec): string[] {
    const excluded = excludedColumnOf(spec, this.service!, this.isListValue(spec));
    const needsRow = spec.condition !== undefined && (spec.includeCurrent || parseSqlIdentifiers(spec.condition).qualifiers.has("cur"));
    return [
      ...spec.groupBy.map((pair) => pair.spine),
      ...(excluded === undefined ? [] : [excluded]),
      ...(spec.includeCurrent && spec.valueColumn !== undefined ? [spec.valueColumn] : []),
      ...(needsRow ? this.historyNamesIn(spec.condition, this.spineView!) : []),
    ];
  }

  /** Makes the column part of the rows, whatever makes it. @throws DaedalusError when nothing does */
  async request(rows: RowSet, name: string): Promise<void> {
    if (rows.columns.has(name)) return;
    const derived = this.service?.derived.find((candidate) => candidate.name === name);
    const spec = this.findSpec(name);
    if (rows.prefix === "day" && spec) {
      const window = await this.prepareWindow(rows, spec);
      this.windows.set(name, window);
      await this.addWindow(rows, window);
    } else if (rows.prefix === "day" && derived) {
      for (const input of this.namesIn(derived.sql)) await this.request(rows, input);
      rows.table = await this.makeTable(`SELECT *, CAST((${derived.sql}\n) AS ${duckdbType(derived.dtype)}) AS ${quoteName(name)} FROM ${rows.table}`);
      rows.columns.add(name);
    } else {
      const owner = this.findOwner(rows.view, name);
      if (!owner) throw DaedalusError.of("column-unknown", {column: name, service: this.service?.name ?? "the audited file"});
      const {from, order} = await this.renderVersions(rows, owner, [name]);
      const pick = `SELECT l.__id, ${renderWhileValid(owner, name)} AS ${quoteName(name)} FROM ${from} QUALIFY row_number() OVER (PARTITION BY l.__id${order.length > 0 ? ` ORDER BY ${order.join(", ")}` : ""}) = 1`;
      rows.table = await this.makeTable(`SELECT l.*, p.${quoteName(name)} FROM ${rows.table} AS l LEFT JOIN (${pick}) AS p USING (__id)`);
      rows.columns.add(name);
    }
  }

  /** Every value that the view's rules allow for each row: several where rows of one key, instant and rank differ. */
  async listAlternatives(rows: RowSet, owner: View, field: string): Promise<string> {
    const {from, order} = await this.renderVersions(rows, owner, [field]);
    const rank = this.rankOf(owner, order);
    const best = `SELECT l.__id, ${renderWhileValid(owner, field)} AS value FROM ${from} QUALIFY rank() OVER (PARTITION BY l.__id${rank.length > 0 ? ` ORDER BY ${rank.join(", ")}` : ""}) = 1`;
    return this.makeTable(`SELECT DISTINCT l.__row, b.value FROM ${rows.table} AS l LEFT JOIN (${best}) AS b USING (__id)`);
  }

  /** Of a view that is joined whatever the time: how many rows see a version that was not known before them, and by how much. */
  async measureLatest(rows: RowSet, owner: View, field: string): Promise<{rows: number; worstLeadUs: number | undefined}> {
    const {from, order} = await this.renderVersions(rows, owner, [field]);
    const lead = `epoch_us(${renderKnown(owner, "v")}) - epoch_us(l.__at)`;
    const best = `SELECT l.__row, ${lead} AS lead FROM ${from} QUALIFY row_number() OVER (PARTITION BY l.__id ORDER BY ${order.join(", ")}) = 1`;
    const [found] = await this.session.rows(`SELECT count(DISTINCT __row) AS rows, max(lead) AS worst FROM (${best}) WHERE lead >= 0`);
    return {rows: Number(found!["rows"]), worstLeadUs: found!["worst"] === null ? undefined : Number(found!["worst"])};
  }

  /** The part of the order that the view declares: timestamp and tie_break. */
  private rankOf(owner: View, order: readonly string[]): readonly string[] {
    return owner.time.join === "static" ? [] : order.slice(0, 1 + owner.time.tieBreak.length);
  }

  /** Rows `l` beside the view's rows `v` that they may see, and the order in which the first one counts. */
  private async renderVersions(rows: RowSet, owner: View, fields: readonly string[]): Promise<{from: string; order: string[]}> {
    for (const key of owner.joinKeys) await this.request(rows, key);
    const {time, timestampColumn} = owner;
    const timed = time.join === "static" ? [] : [timestampColumn!, time.availableAt, time.validTo].filter((name) => name !== undefined);
    const more = this.tieFieldsOf(rows, owner, fields);
    const columns = [...new Set([...owner.joinKeys, ...fields, ...more, ...timed, ...time.tieBreak.map((tie) => tie.column)])];
    const relation = await this.sources.renderRelation(owner, columns);
    const conditions = owner.joinKeys.map((key) => `l.${quoteName(key)} = v.${quoteName(key)}`);
    const at = `v.${quoteName(timestampColumn ?? "")}`;
    if (time.join === "pit") {
      const known = renderKnown(owner, "v");
      conditions.push(`isfinite(${at})`, `isfinite(${known})`, `${known} ${time.boundary === "strict" ? "<" : "<="} l.__at`);
      if (owner.ttlUs !== undefined) conditions.push(`${at} >= l.__at - ${microseconds(owner.ttlUs)}`);
    }
    const order = [
      ...(time.join === "static" ? [] : [`${at} DESC NULLS LAST`]),
      ...time.tieBreak.map((tie) => `v.${quoteName(tie.column)} ${tie.isDescending ? "DESC" : "ASC"} NULLS LAST`),
      ...more.map((field) => `v.${quoteName(field)} DESC NULLS LAST`),
    ];
    return {from: `${rows.table} AS l JOIN ${relation} AS v ON ${conditions.join(" AND ")}`, order};
  }

  /** All rows of the view for the rows' keys, whenever they are, as `l` and `v`; and the order with the best row first. */
  async renderAllVersions(rows: RowSet, owner: View, fields: readonly string[]): Promise<{from: string; order: string[]}> {
    const always: View = {...owner, time: {...owner.time, join: owner.time.join === "pit" ? "latest" : owner.time.join}};
    return this.renderVersions(rows, always, fields);
  }

  private tieFieldsOf(rows: RowSet, owner: View, fields: readonly string[]): readonly string[] {
    const output = `${rows.prefix}_with_${owner.name}`;
    const op = this.plan?.operators.find((candidate) => candidate.output === output);
    return op?.opKind === "pit_join" || op?.opKind === "join" ? op.fields : fields;
  }

  /** `hist` rows that are rows of the spine: only events that are kept, of items that are covered. */
  async renderSpineConditions(alias: string): Promise<string[]> {
    const {events, coverageFilter} = this.service!.spine;
    const conditions: string[] = [];
    if (events) conditions.push(`${alias}.${quoteName(events.column)} IN (${events.keep.map(quoteText).join(", ")})`);
    if (coverageFilter) {
      const {store, idColumn} = coverageFilter;
      const table = this.storeTables.get(store) ?? `__store_ids_${this.number}_${this.storeTables.size}`;
      if (!this.storeTables.has(store)) await loadStoreIds(this.session, this.project.aggregations.stores.get(store)!, this.project.root, table);
      this.storeTables.set(store, table);
      conditions.push(`${alias}.${quoteName(idColumn)} IN (SELECT id FROM ${table})`);
    }
    return conditions;
  }

  /** The columns that make a row of the spine: of its own view, and what its filters read. */
  spineColumns(): string[] {
    const {keys, events, coverageFilter, sessionFilter} = this.service!.spine;
    const view = this.spineView!;
    const more = [events?.column, coverageFilter?.idColumn, sessionFilter?.column, sessionFilter?.eventColumn].filter((name) => name !== undefined);
    return [...new Set([view.timestampColumn!, ...keys, ...more])];
  }

  private async prepareWindow(rows: RowSet, spec: AggregationSpec): Promise<PreparedWindow> {
    for (const name of this.rowNamesOfSpec(spec)) await this.request(rows, name);
    const view = this.historyViewOf(spec);
    const service = this.service!;
    const isSpine = view === this.spineView;
    const isPair = spec.condition !== undefined && parseSqlIdentifiers(spec.condition).qualifiers.has("cur");
    const excluded = excludedColumnOf(spec, service, this.isListValue(spec));
    const orderColumns = [...new Set([...view.time.tieBreak.map((tie) => tie.column), ...(isSpine ? service.spine.keys : view.joinKeys)])];
    const inCondition = spec.condition === undefined ? [] : this.historyNamesIn(spec.condition, view);
    const names = [...spec.groupBy.map((pair) => pair.history), ...orderColumns, ...inCondition, excluded, spec.valueColumn].filter((name) => name !== undefined);
    const history = await this.loadHistory(rows, spec, view, names);
    for (const name of names) await this.request(history, name);
    const condition = `coalesce((${spec.condition ?? "true"}\n), false)`;
    if (!isPair) history.table = await this.makeTable(`SELECT hist.*, ${condition} AS __kept FROM ${history.table} AS hist`);
    const shared = isSpine ? [...columnsOf(view)].filter((name) => rows.columns.has(name) && history.columns.has(name)) : [];
    const {lookbackDays} = service.spine;
    const isCut = isSpine && lookbackDays !== undefined && spec.windowUs !== undefined && lookbackDays * dayUs < spec.windowUs;
    return {
      spec,
      rows: rows.table,
      history: history.table,
      keys: spec.groupBy.map((pair) => `cur.${quoteName(pair.spine)} = hist.${quoteName(pair.history)}`).join(" AND "),
      condition: isPair ? condition : "hist.__kept",
      isSelf: excluded === undefined ? "false" : `coalesce(hist.${quoteName(excluded)} = cur.${quoteName(excluded)}, false)`,
      isOwn: isSpine ? ["hist.__at = cur.__at", ...shared.map((name) => `hist.${quoteName(name)} IS NOT DISTINCT FROM cur.${quoteName(name)}`)].join(" AND ") : "false",
      known: view.time.availableAt === undefined && view.time.embargoUs === 0 ? "hist.__at" : "hist.__known",
      cut: isCut ? `date_trunc('day', cur.__at) - ${microseconds(lookbackDays * dayUs)}` : undefined,
      order: ["hist.__at", ...orderColumns.map((name) => `hist.${quoteName(name)} ASC NULLS FIRST`), ...(spec.valueColumn === undefined ? [] : [`hist.${quoteName(spec.valueColumn)} ASC NULLS FIRST`])],
    };
  }

  private historyNamesIn(sql: string, view: View): string[] {
    const {names} = parseSqlIdentifiers(sql);
    const known = new Set([...columnsOf(view), ...this.views.filter((other) => other !== view).flatMap(joinableColumnsOf)]);
    return [...known].filter((name) => names.has(name.toLowerCase()));
  }

  /** History rows of the rows' keys, of all time. A key that a join brings cannot narrow what is read. */
  private async loadHistory(rows: RowSet, spec: AggregationSpec, view: View, names: readonly string[]): Promise<RowSet> {
    const isSpine = view === this.spineView;
    const own = this.ownColumnsFor(view, [...names, ...(isSpine ? this.spineColumns() : view.joinKeys)]);
    own.add(view.timestampColumn!);
    if (view.time.availableAt !== undefined) own.add(view.time.availableAt);
    const relation = await this.sources.renderRelation(view, [...own]);
    const conditions = [`isfinite(hist.${quoteName(view.timestampColumn!)})`, ...(isSpine ? await this.renderSpineConditions("hist") : [])];
    for (const pair of spec.groupBy) {
      if (own.has(pair.history)) conditions.push(`hist.${quoteName(pair.history)} IN (SELECT ${quoteName(pair.spine)} FROM ${rows.table})`);
    }
    const columns = quoteNames([...own]);
    const table = await this.makeTable(
      `SELECT row_number() OVER () AS __id, ${columns}, hist.${quoteName(view.timestampColumn!)} AS __at, ${renderKnown(view, "hist")} AS __known, __file, __file_row
      FROM ${relation} AS hist WHERE ${conditions.join(" AND ")}`,
    );
    return {table, view, prefix: `history_${view.name}${spec.windowUs === undefined ? "_all" : ""}`, columns: own};
  }

  private async addWindow(rows: RowSet, window: PreparedWindow): Promise<void> {
    const {spec} = window;
    const value = spec.valueColumn === undefined ? undefined : quoteName(spec.valueColumn);
    const past = [
      window.keys,
      "hist.__at < cur.__at",
      `${window.known} < cur.__at`,
      window.condition,
      `NOT ${window.isSelf}`,
      ...(spec.windowUs === undefined ? [] : [`hist.__at >= cur.__at - ${microseconds(spec.windowUs)}`]),
      ...(window.cut === undefined ? [] : [`hist.__at >= ${window.cut}`]),
    ];
    const item = renderItem(spec, value === undefined ? undefined : `hist.${value}`, "(epoch_us(cur.__at) - epoch_us(hist.__at))");
    const collected = `list(${item} ORDER BY ${window.order.join(", ")})${value === undefined ? "" : ` FILTER (hist.${value} IS NOT NULL)`}`;
    const found = await this.makeTable(
      `SELECT cur.__id, ${collected} AS found FROM ${rows.table} AS cur JOIN ${window.history} AS hist ON ${past.join(" AND ")} GROUP BY cur.__id`,
    );
    const current = spec.includeCurrent ? await this.makeCurrent(rows, spec) : undefined;
    const own = current === undefined ? "NULL" : "c.own";
    const add = current === undefined ? "" : ` LEFT JOIN ${current} AS c USING (__id)`;
    const type = (await this.session.describe(`SELECT found FROM ${found}`))[0]!.type;
    const all = `coalesce(f.found, []::${type}) || coalesce(${own}, []::${type})`;
    rows.table = await this.makeTable(
      `SELECT * EXCLUDE (__all), ${renderResult(spec, "__all", type.slice(0, -2))} AS ${quoteName(spec.name)} FROM (SELECT l.*, ${all} AS __all FROM ${rows.table} AS l LEFT JOIN ${found} AS f USING (__id)${add})`,
    );
    rows.columns.add(spec.name);
  }

  /** What `include_current` adds for each row, as the same type as what the past gives. */
  private async makeCurrent(rows: RowSet, spec: AggregationSpec): Promise<string> {
    const value = spec.valueColumn === undefined ? undefined : `hist.${quoteName(spec.valueColumn)}`;
    const holds = [
      ...spec.groupBy.map((pair) => `hist.${quoteName(pair.spine)} IS NOT NULL`),
      ...(spec.condition === undefined ? [] : [`coalesce((${spec.condition}\n), false)`]),
      ...(value === undefined ? [] : [`${value} IS NOT NULL`]),
    ];
    const own = `[${renderItem(spec, value, "0")}]`;
    const isPair = spec.condition !== undefined && parseSqlIdentifiers(spec.condition).qualifiers.has("cur");
    const cur = isPair ? ` JOIN ${rows.table} AS cur ON hist.__id = cur.__id` : "";
    return this.makeTable(`SELECT hist.__id, ${own} AS own FROM ${rows.table} AS hist${cur} WHERE ${holds.join(" AND ")}`);
  }
}
