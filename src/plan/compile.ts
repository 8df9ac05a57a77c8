/**
 * A service becomes a plan. Names are resolved backwards, from the dataset's columns to what produces them, so that nothing
 * is read or computed that no column, filter or enrichment needs.
 */
import type {AggregationSpec, EmbeddingStore, EnrichmentSpec, Project, Service, View} from "../definitions/model.js";
import {findDtypeRefusal, resultDtypeOf} from "../definitions/aggregation-operation.js";
import {duckdbType, renderDtype, type Dtype} from "../definitions/dtype.js";
import {findNearest} from "../definitions/nearest.js";
import type {Place, Problems} from "../errors.js";
import {Chain, loadedViews} from "./chain.js";
import {lintChecks} from "./check-lint.js";
import {checkContract, contractOf, type ContractColumn} from "./contract.js";
import type {Operator, OperatorOf, Plan, WindowSpec} from "./operator.js";
import {parseSqlIdentifiers} from "./sql-identifiers.js";
import {findUnstable} from "./sql-unstable.js";

const dayUs = 86_400_000_000;

/** What produces a column of the dataset. */
export type Producer =
  | {readonly kind: "source"; readonly isSpine: boolean; readonly dtype: Dtype | undefined}
  | {readonly kind: "aggregation"; readonly dtype: Dtype | undefined}
  | {readonly kind: "derived"; readonly dtype: Dtype}
  | {readonly kind: "enrichment"; readonly dtype: Dtype; readonly isOwn: boolean}
  | {readonly kind: "default"};

/** Problems of the service are added to `problems`; the plan is usable only when none of them is an error. */
export function compilePlan(project: Project, service: Service, problems: Problems): Plan {
  return new Compiler(project, service, problems).compile();
}

interface RollingGroup {
  readonly history: Chain;
  readonly isSpine: boolean;
  readonly isBounded: boolean;
  readonly specs: AggregationSpec[];
}

class Compiler {
  private readonly spineView: View;
  private readonly timeColumn: string;
  private readonly views: readonly View[];
  private readonly day: Chain;
  private readonly histories = new Map<string, Chain>();
  private readonly groups = new Map<string, RollingGroup>();
  private readonly specs: ReadonlyMap<string, AggregationSpec>;
  private readonly requestedSpecs = new Set<string>();
  /** In the order in which they can be computed. */
  private readonly derived: string[] = [];
  private readonly operators: Operator[] = [];

  constructor(
    private readonly project: Project,
    private readonly service: Service,
    private readonly problems: Problems,
  ) {
    this.spineView = project.views.get(service.spine.view)!;
    this.timeColumn = this.spineView.timestampColumn!;
    this.views = loadedViews(project, service);
    this.specs = new Map(project.aggregations.specs.map((spec) => [spec.name, spec]));
    this.day = new Chain("day", this.spineView, this.views, problems);
  }

  compile(): Plan {
    const {service, day} = this;
    const {spine} = service;
    const contract = contractOf(this.project, service, this.problems);
    for (const name of [this.timeColumn, ...spine.keys]) this.requestSpine(name, spine.place);
    for (const tie of this.spineView.time.tieBreak) day.request(tie.column, this.spineView.place);
    if (spine.events) this.requestSpine(spine.events.column, spine.place);
    if (spine.coverageFilter) this.requestSpine(spine.coverageFilter.idColumn, spine.coverageFilter.place);
    if (spine.sessionFilter) {
      this.requestSpine(spine.sessionFilter.column, spine.place);
      this.requestSpine(spine.sessionFilter.eventColumn, spine.place);
    }
    for (const filter of service.filters) {
      this.expectStable(filter.sql, `filter "${filter.name}"`, filter.place);
      this.requestSql(filter.sql, filter.place, []);
    }

    const enrichments = this.project.aggregations.enrichments;
    const producers = new Map<string, Producer>();
    for (const column of contract) {
      const producer = this.requestColumn(column.name, column, []);
      if (producer) producers.set(column.name, producer);
    }
    const used = enrichments.filter((spec) => producers.get(spec.name)?.kind === "enrichment");
    const inputs = used.flatMap((spec) => inputsOf(spec).map((column) => ({column, place: spec.place})));
    if (used.some((spec) => spec.recency)) inputs.push({column: this.timeColumn, place: used.find((spec) => spec.recency)!.place});
    for (const {column, place} of inputs) this.requestInput(column, place);
    checkContract(service, contract, producers, this.problems);
    lintChecks(this.project, service, producers, this.problems);

    const rows = this.renderDay();
    const windowed = this.renderWindows(rows);
    const filtered = this.renderDerivedAndFilters(windowed);
    this.renderOutput(filtered, contract, producers, inputs.map(({column}) => column));
    return {service: service.name, version: service.version, timeColumn: this.timeColumn, operators: this.operators};
  }

  private requestSpine(name: string, place: Place): void {
    if (this.day.isOwn(name)) this.day.request(name, place);
    else this.addUnknown(name, place, this.day.resolvableNames);
  }

  private addUnknown(name: string, place: Place | undefined, known: Iterable<string>): void {
    const nearest = findNearest(name, [...known]);
    this.problems.add("column-unknown", {column: name, service: this.service.name, nearest}, place);
  }

  /** A column of the day's rows that a window compares with: windows come before anything that is derived from them. */
  private requestRow(name: string, place: Place): void {
    if (!this.day.request(name, place)) this.addUnknown(name, place, this.day.resolvableNames);
  }

  /** A column that an enrichment reads: produced before the embeddings. */
  private requestInput(name: string, place: Place): void {
    const producer = this.requestColumn(name, {name, place, defaultSql: undefined}, []);
    if (producer?.kind === "enrichment") this.addUnknown(name, place, this.day.resolvableNames);
  }

  private requestColumn(name: string, column: Pick<ContractColumn, "name" | "place" | "defaultSql">, path: readonly string[]): Producer | undefined {
    const enrichment = this.project.aggregations.enrichments.find((spec) => spec.name === name);
    const spec = this.specs.get(name);
    const derived = this.service.derived.find((candidate) => candidate.name === name);
    const isSource = this.day.resolvableNames.has(name);
    const producers = [
      ...(enrichment ? ["an enrichment"] : []),
      ...(spec ? ["an aggregation"] : []),
      ...(derived ? ["a derived column"] : []),
      ...(isSource ? ["a view column"] : []),
    ];
    if (producers.length > 1) {
      this.problems.add("column-ambiguous", {column: name, producers}, column.place);
      return undefined;
    }
    if (enrichment) {
      const store = this.project.aggregations.stores.get(enrichment.storeName);
      if (!store) return undefined;
      return {kind: "enrichment", dtype: enrichmentDtype(enrichment.udfName, store), isOwn: this.project.aggregations.udfs.has(enrichment.udfName)};
    }
    if (spec) return {kind: "aggregation", dtype: this.requestSpec(spec)};
    if (derived) {
      this.requestDerived(derived.name, path);
      return {kind: "derived", dtype: derived.dtype};
    }
    if (this.day.request(name, column.place)) return {kind: "source", isSpine: this.day.isOwn(name), dtype: this.day.findDtype(name)};
    if (column.defaultSql !== undefined) return {kind: "default"};
    this.addUnknown(name, column.place, [...this.day.resolvableNames, ...this.specs.keys(), ...this.service.derived.map((d) => d.name)]);
    return undefined;
  }

  private requestDerived(name: string, path: readonly string[]): void {
    if (this.derived.includes(name)) return;
    const derived = this.service.derived.find((candidate) => candidate.name === name)!;
    if (path.includes(name)) {
      this.problems.add("reference-cycle", {what: "derived columns", names: [...path, name]}, derived.place);
      return;
    }
    this.expectStable(derived.sql, `derived column "${name}"`, derived.place);
    this.requestSql(derived.sql, derived.place, [...path, name]);
    if (!this.derived.includes(name)) this.derived.push(name);
  }

  private expectStable(sql: string, what: string, place: Place): void {
    const call = findUnstable(sql);
    if (call !== undefined) this.problems.add("sql-unstable", {what, call}, place);
  }

  /** Requests whatever of the known names the expression mentions. */
  private requestSql(sql: string, place: Place, path: readonly string[]): void {
    const {names} = parseSqlIdentifiers(sql);
    const known = new Set([...this.specs.keys(), ...this.service.derived.map((derived) => derived.name), ...this.day.resolvableNames]);
    for (const name of known) if (names.has(name.toLowerCase())) this.requestColumn(name, {name, place, defaultSql: undefined}, path);
  }

  private historyOf(spec: AggregationSpec): {chain: Chain; view: View; isSpine: boolean; isBounded: boolean} {
    const view = spec.history === undefined ? this.spineView : this.project.views.get(spec.history)!;
    const isSpine = view === this.spineView;
    const isBounded = spec.windowUs !== undefined;
    const prefix = `history_${view.name}${isBounded ? "" : "_all"}`;
    let chain = this.histories.get(prefix);
    if (!chain) {
      chain = new Chain(prefix, view, this.views, this.problems);
      this.histories.set(prefix, chain);
    }
    return {chain, view, isSpine, isBounded};
  }

  /** Requests what the spec reads on both sides; gives the dtype of its result where it is known. */
  private requestSpec(spec: AggregationSpec): Dtype | undefined {
    const {chain, view, isSpine, isBounded} = this.historyOf(spec);
    if (!this.requestedSpecs.has(spec.name)) {
      this.requestedSpecs.add(spec.name);
      const groupName = `${chain.prefix}|${spec.groupBy.map((pair) => `${pair.spine}=${pair.history}`).join(",")}`;
      const group = this.groups.get(groupName) ?? {history: chain, isSpine, isBounded, specs: []};
      this.groups.set(groupName, group);
      group.specs.push(spec);

      const own = [view.timestampColumn!, view.time.availableAt, ...(isSpine ? this.service.spine.keys : view.joinKeys), ...view.time.tieBreak.map((tie) => tie.column)];
      for (const name of own) if (name !== undefined) chain.request(name, spec.place);
      for (const pair of spec.groupBy) {
        this.requestHistory(chain, pair.history, spec);
        this.requestRow(pair.spine, spec.place);
      }
      if (spec.valueColumn !== undefined) this.requestHistory(chain, spec.valueColumn, spec);
      if (isSpine && this.service.spine.events) chain.request(this.service.spine.events.column, spec.place);
      if (isSpine && this.service.spine.coverageFilter) chain.request(this.service.spine.coverageFilter.idColumn, spec.place);
      this.requestCondition(chain, spec);
      const exclude = this.excludeColumnOf(spec, chain);
      if (exclude !== undefined) {
        this.requestHistory(chain, exclude, spec);
        this.requestRow(exclude, spec.place);
      }
      if (spec.includeCurrent && spec.valueColumn !== undefined) this.requestRow(spec.valueColumn, spec.place);
    }
    const value = spec.valueColumn === undefined ? undefined : chain.findDtype(spec.valueColumn);
    const expected = value && findDtypeRefusal(spec.operation, value);
    if (expected !== undefined) {
      this.problems.add("aggregation-value", {spec: spec.name, operation: spec.operation, column: spec.valueColumn!, expected, dtype: renderDtype(value!)}, spec.place);
    }
    return resultDtypeOf(spec.operation, value);
  }

  private requestHistory(chain: Chain, name: string, spec: AggregationSpec): void {
    if (!chain.request(name, spec.place)) this.addUnknown(name, spec.place, chain.resolvableNames);
  }

  private requestCondition(chain: Chain, spec: AggregationSpec): void {
    if (spec.condition === undefined) return;
    this.expectStable(spec.condition, `the condition of aggregation "${spec.name}"`, spec.conditionPlace);
    const {names, members} = parseSqlIdentifiers(spec.condition);
    const sides = [["hist", chain], ["cur", this.day]] as const;
    for (const [side, {resolvableNames}] of sides) {
      const known = new Set([...resolvableNames].map((name) => name.toLowerCase()));
      for (const name of members.get(side) ?? []) if (!known.has(name.toLowerCase())) this.addUnknown(name, spec.conditionPlace, resolvableNames);
    }
    for (const name of chain.resolvableNames) if (names.has(name.toLowerCase())) this.requestHistory(chain, name, spec);
    // `cur.*` and, with include_current, the row itself: the same names are needed on the day's side.
    if (!isPairCondition(spec) && !spec.includeCurrent) return;
    for (const name of this.day.resolvableNames) if (names.has(name.toLowerCase())) this.requestRow(name, spec.place);
  }

  /** `exclude_self: true` compares the value, or for a list-valued column the item. */
  private excludeColumnOf(spec: AggregationSpec, chain: Chain): string | undefined {
    if (spec.excludeSelf === false) return undefined;
    if (typeof spec.excludeSelf === "string") return spec.excludeSelf;
    const isList = spec.operation === "flatten_distinct" || (spec.valueColumn !== undefined && chain.findDtype(spec.valueColumn)?.kind === "list");
    if (!isList && spec.valueColumn !== undefined) return spec.valueColumn;
    const {itemKey} = this.service.spine;
    if (itemKey === undefined) this.problems.add("item-key-missing", {spec: spec.name, service: this.service.name}, spec.place);
    return itemKey;
  }

  private renderScan(chain: Chain, fromUs: number | undefined): string {
    const output = `${chain.prefix}_rows`;
    this.operators.push({
      opKind: "scan",
      name: `scan_${output}`,
      inputs: [],
      output,
      engine: "sql",
      view: chain.base.name,
      columns: chain.scanColumns(),
      timeColumn: chain.base.timestampColumn,
      fromUs,
    });
    return output;
  }

  /** What makes a row of the spine's view a row of the spine. */
  private renderSpineFilters(prefix: string, input: string): string {
    const {events, coverageFilter} = this.service.spine;
    let current = input;
    if (events) {
      const output = `${prefix}_events`;
      this.operators.push({opKind: "filter", name: `filter_${output}`, inputs: [current], output, engine: "sql", predicate: {kind: "values", column: events.column, keep: events.keep}});
      current = output;
    }
    if (coverageFilter) {
      const output = `${prefix}_covered`;
      this.operators.push({
        opKind: "join",
        name: `join_${output}`,
        inputs: [current],
        output,
        engine: "sql",
        joinKind: "covered",
        right: coverageFilter.store,
        keys: [coverageFilter.idColumn],
        fields: [],
        tieBreak: [],
        onDuplicate: "pick",
      });
      current = output;
    }
    return current;
  }

  private renderDay(): string {
    const {day, spineView, service} = this;
    const scanned = this.renderSpineFilters("day", this.renderScan(day, 0));
    const first = [this.timeColumn, ...service.spine.keys, ...spineView.time.tieBreak.map((tie) => tie.column)];
    const orderBy = [...new Set([...first, ...day.scanColumns()])];
    this.operators.push({opKind: "project", name: "project_day_ordered", inputs: [scanned], output: "day_ordered", engine: "sql", shape: {kind: "rows", orderBy}});
    return day.renderJoins("day_ordered", 0, this.operators);
  }

  private historyStartUs(chain: Chain): number | undefined {
    const groups = [...this.groups.values()].filter((group) => group.history === chain);
    if (groups.some((group) => !group.isBounded)) return undefined;
    const longestUs = Math.max(...groups.flatMap((group) => group.specs.map((spec) => spec.windowUs ?? 0)));
    const {lookbackDays} = this.service.spine;
    if (chain.base !== this.spineView || lookbackDays === undefined || lookbackDays * dayUs >= longestUs) return -longestUs;
    const facts = {service: this.service.name, lookbackDays, longestDays: longestUs / dayUs};
    this.problems.add("lookback-short", facts, this.service.spine.place, "warning");
    return -lookbackDays * dayUs;
  }

  private renderWindows(rows: string): string {
    const inputs = new Map<Chain, string>();
    for (const chain of new Set([...this.groups.values()].map((group) => group.history))) {
      const fromUs = this.historyStartUs(chain);
      const scanned = this.renderScan(chain, fromUs);
      const spine = chain.base === this.spineView ? this.renderSpineFilters(chain.prefix, scanned) : scanned;
      inputs.set(chain, chain.renderJoins(spine, fromUs, this.operators));
    }
    let current = rows;
    for (const [index, group] of [...this.groups.values()].entries()) {
      const {base} = group.history;
      const output = `day_windows_${index + 1}`;
      const keys = group.isSpine ? this.service.spine.keys : base.joinKeys;
      this.operators.push({
        opKind: "rolling_aggregate",
        name: `roll_${output}`,
        inputs: [current, inputs.get(group.history)!],
        output,
        engine: "sql",
        keys: group.specs[0]!.groupBy,
        leftTime: this.timeColumn,
        historyTime: base.timestampColumn!,
        availableAt: base.time.availableAt,
        embargoUs: base.time.embargoUs,
        orderColumns: [...new Set([...base.time.tieBreak.map((tie) => tie.column), ...keys])],
        windows: group.specs.map((spec) => this.windowOf(spec, group.history)),
      });
      current = output;
    }
    return current;
  }

  private windowOf(spec: AggregationSpec, chain: Chain): WindowSpec {
    return {
      name: spec.name,
      operation: spec.operation,
      valueColumn: spec.valueColumn,
      windowUs: spec.windowUs,
      condition: spec.condition,
      isPairCondition: isPairCondition(spec),
      maxItems: spec.maxItems,
      halfLifeUs: spec.halfLifeUs,
      includeCurrent: spec.includeCurrent,
      excludeColumn: this.excludeColumnOf(spec, chain),
    };
  }

  private renderDerivedAndFilters(input: string): string {
    const {service} = this;
    let current = input;
    for (const name of this.derived) {
      const {sql, dtype} = service.derived.find((derived) => derived.name === name)!;
      const output = `day_derived_${name}`;
      const columns = [{name, sql, type: duckdbType(dtype)}];
      this.operators.push({opKind: "project", name: `project_${output}`, inputs: [current], output, engine: "sql", shape: {kind: "derive", columns}});
      current = output;
    }
    const push = (suffix: string, predicate: Extract<Operator, {opKind: "filter"}>["predicate"]): void => {
      const output = `day_filtered_${suffix}`;
      this.operators.push({opKind: "filter", name: `filter_${output}`, inputs: [current], output, engine: "sql", predicate});
      current = output;
    };
    for (const filter of service.filters) push(filter.name, {kind: "sql", sql: filter.sql});
    if (service.spine.sessionFilter) push("sessions", {kind: "sessions", ...service.spine.sessionFilter});
    return current;
  }

  private parametersOf({compression, pool, otherIdColumn, recency}: EnrichmentSpec): Partial<Pick<OperatorOf<"ray_udf_transform">, "with">> {
    const parameters = {
      ...(compression && {compression}),
      ...(pool && {pool}),
      ...(otherIdColumn !== undefined && {otherColumn: otherIdColumn}),
      ...(recency && {recency: {...recency, rowTimeColumn: this.timeColumn}}),
    };
    return Object.keys(parameters).length === 0 ? {} : {with: parameters};
  }

  private renderOutput(input: string, contract: readonly ContractColumn[], producers: ReadonlyMap<string, Producer>, ids: readonly string[]): void {
    const names = contract.map((column) => column.name);
    const extra = [...new Set(ids)].filter((id) => !names.includes(id));
    const columns = contract.map((column) => {
      const producer = producers.get(column.name);
      const isAbsent = producer?.kind === "enrichment" || producer?.kind === "default";
      return {
        name: column.name,
        defaultSql: isAbsent ? (column.defaultSql ?? "CAST(NULL AS FLOAT[])") : undefined,
        type: column.dtype && producer?.kind !== "enrichment" ? duckdbType(column.dtype) : undefined,
      };
    });
    this.operators.push(
      {
        opKind: "project",
        name: "project_skeleton",
        inputs: [input],
        output: "skeleton",
        engine: "sql",
        shape: {kind: "output", columns: [...columns, ...extra.map((name) => ({name}))]},
      },
      {opKind: "sink", name: "sink_skeleton", inputs: ["skeleton"], output: "skeleton_partition", engine: "sql", dataset: "skeleton", columns: [...names, ...extra]},
    );
    let current = "skeleton_partition";
    for (const spec of this.project.aggregations.enrichments) {
      const producer = producers.get(spec.name);
      if (producer?.kind !== "enrichment") continue;
      const output = `enriched_${spec.name}`;
      this.operators.push({
        opKind: spec.udfName === "lookup_embedding_udf" ? "arrow_udf_transform" : "ray_udf_transform",
        name: `enrich_${spec.name}`,
        inputs: [current],
        output,
        engine: "worker",
        udf: spec.udfName,
        store: spec.storeName,
        sourceColumn: spec.sourceIdColumn,
        column: spec.name,
        dtype: renderDtype(contract.find((column) => column.name === spec.name)?.dtype ?? producer.dtype),
        ...this.parametersOf(spec),
      });
      current = output;
    }
    this.operators.push({opKind: "sink", name: "sink_dataset", inputs: [current], output: "dataset_partition", engine: "worker", dataset: "dataset", columns: names});
  }
}

/** Columns of the skeleton that an enrichment reads. */
const inputsOf = (spec: EnrichmentSpec): string[] =>
  [spec.sourceIdColumn, spec.otherIdColumn, spec.recency?.timeColumn].filter((column) => column !== undefined);

function enrichmentDtype(udfName: string, store: EmbeddingStore): Dtype {
  if (udfName === "dot" || udfName === "cosine") return {kind: "scalar", name: "FLOAT"};
  const name = udfName === "quantize_int8" ? "TINYINT" : store.embeddingDtype === "float16" ? "HALF_FLOAT" : "FLOAT";
  return {kind: "vector", name, dimension: store.embeddingDim};
}

function isPairCondition(spec: AggregationSpec): boolean {
  return spec.condition !== undefined && parseSqlIdentifiers(spec.condition).qualifiers.has("cur");
}
