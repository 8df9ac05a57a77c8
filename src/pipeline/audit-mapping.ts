/** What each column of an audited file claims to be: from flags, or from the service that its manifest names. */
import type {AggregationSpec, Derived, Project, Service, View} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError, Problems} from "../errors.js";
import {columnsOf, joinableColumnsOf, loadedViews} from "../plan/chain.js";
import {contractOf} from "../plan/contract.js";
import {parseSqlIdentifiers} from "../plan/sql-identifiers.js";
import type {AuditInput} from "./audit-input.js";
import {dayUs} from "./day.js";

export interface MappingFlags {
  /** `user_id` or `user_id=column`. */
  readonly spineKeys: readonly string[];
  readonly time: string | undefined;
  /** `column=view.field`, `column=aggregation`, or with a service just `column`. */
  readonly columns: readonly string[];
}

export type Claim =
  | {readonly kind: "spine"; readonly field: string}
  | {readonly kind: "view"; readonly view: View; readonly field: string}
  | {readonly kind: "aggregation"; readonly spec: AggregationSpec}
  | {readonly kind: "derived"; readonly derived: Derived};

export interface AuditColumn {
  /** In the file. */
  readonly name: string;
  readonly claim: Claim;
  /** In words. */
  readonly definition: string;
  /** Views joined with `join: latest` that the value depends on. */
  readonly latestViews: readonly string[];
}

export interface SkippedColumn {
  readonly name: string;
  readonly reason: string;
}

export interface AuditMapping {
  readonly service: Service | undefined;
  /** Our name -> the column of the file. */
  readonly keys: ReadonlyMap<string, string>;
  readonly time: string;
  readonly columns: readonly AuditColumn[];
  readonly skipped: readonly SkippedColumn[];
}

/** @throws DaedalusError for a mapping that names nothing, something unknown, or a column that the file lacks */
export function readMapping(project: Project, service: Service | undefined, flags: MappingFlags, input: AuditInput): AuditMapping {
  if (flags.columns.length === 0 && !service) throw DaedalusError.of("audit-empty-mapping", {path: input.path});
  const reader = new MappingReader(project, service, input);
  const {columns, skipped} = flags.columns.length > 0 ? reader.readColumns(flags.columns) : reader.readContract();
  const keys = reader.readKeys(flags.spineKeys);
  const time = reader.readTime(flags.time);
  for (const [name, column] of keys) reader.expectColumn(column, `the key ${name}`);
  reader.expectColumn(time, "the time of a row");
  for (const {name} of columns) reader.expectColumn(name, "to be audited");
  return {service, keys, time, columns, skipped};
}

class MappingReader {
  constructor(
    private readonly project: Project,
    private readonly service: Service | undefined,
    private readonly input: AuditInput,
  ) {}

  private get spineView(): View | undefined {
    return this.service && this.project.views.get(this.service.spine.view);
  }

  expectColumn(column: string, what: string): void {
    const columns = [...this.input.columns.keys()];
    if (this.input.columns.has(column)) return;
    throw DaedalusError.of("audit-column-missing", {path: this.input.path, what, column, nearest: findNearest(column, columns), columns});
  }

  readKeys(flags: readonly string[]): ReadonlyMap<string, string> {
    const keys = new Map<string, string>();
    for (const flag of flags) {
      const [, name, column] = /^([^=]+)(?:=(.+))?$/.exec(flag) ?? [];
      if (name === undefined) throw DaedalusError.of("flag-wrong", {flag: "spine-key", value: flag, expected: "--spine-key user_id or --spine-key user_id=column"});
      keys.set(name, column ?? name);
    }
    for (const key of this.service?.spine.keys ?? []) if (!keys.has(key) && (flags.length === 0 || this.input.columns.has(key))) keys.set(key, key);
    if (keys.size === 0) throw DaedalusError.of("flag-wrong", {flag: "spine-key", value: undefined, expected: "--spine-key user_id, once for each key of a row"});
    return keys;
  }

  readTime(flag: string | undefined): string {
    const time = flag ?? this.spineView?.timestampColumn;
    if (time === undefined || time === "") throw DaedalusError.of("flag-wrong", {flag: "time", value: undefined, expected: "--time and the column with the instant of a row"});
    return time;
  }

  readColumns(flags: readonly string[]): {columns: AuditColumn[]; skipped: SkippedColumn[]} {
    const columns = flags.map((flag) => {
      const [, name, definition] = /^([^=]+)(?:=(.+))?$/.exec(flag) ?? [];
      if (name === undefined) throw DaedalusError.of("flag-wrong", {flag: "column", value: flag, expected: "--column name=view.field or --column name=aggregation"});
      return this.describe(name, this.readDefinition(name, definition ?? name));
    });
    return {columns, skipped: []};
  }

  private readDefinition(column: string, definition: string): Claim {
    const [, viewName, field] = /^([^.]+)\.(.+)$/.exec(definition) ?? [];
    if (viewName !== undefined && field !== undefined) {
      const view = this.project.views.get(viewName);
      const fields = view ? joinableColumnsOf(view) : [];
      if (view && view === this.spineView && columnsOf(view).has(field)) return {kind: "spine", field};
      if (view && fields.includes(field)) return {kind: "view", view, field};
      const nearest = view ? findNearest(field, fields) : findNearest(viewName, this.project.views.keys());
      throw DaedalusError.of("audit-definition-unknown", {column, definition, nearest: nearest === undefined ? undefined : view ? `${viewName}.${nearest}` : `${nearest}.${field}`});
    }
    const claim = this.findNamed(definition);
    if (claim) return claim;
    const embedding = this.project.aggregations.enrichments.find((spec) => spec.name === definition);
    if (embedding) throw DaedalusError.of("audit-embedding", {column, definition, store: embedding.storeName});
    const names = [...this.project.aggregations.specs.map((spec) => spec.name), ...(this.service?.derived ?? []).map((derived) => derived.name)];
    throw DaedalusError.of("audit-definition-unknown", {column, definition, nearest: findNearest(definition, names)});
  }

  private findNamed(name: string): Claim | undefined {
    if (this.service) return findClaim(this.project, this.service, name);
    if (!this.project.aggregations.specs.some((spec) => spec.name === name)) return undefined;
    throw DaedalusError.of("audit-service-needed", {what: `the aggregation "${name}"`, services: [...this.project.services.keys()]});
  }

  readContract(): {columns: AuditColumn[]; skipped: SkippedColumn[]} {
    const problems = new Problems();
    const contract = contractOf(this.project, this.service!, problems);
    problems.throwIfErrors();
    const columns: AuditColumn[] = [];
    const skipped: SkippedColumn[] = [];
    const isSkeleton = this.input.partitions.some(({manifest}) => manifest?.stage === "skeleton");
    for (const {name} of contract) {
      const enrichment = this.project.aggregations.enrichments.find((spec) => spec.name === name);
      if (enrichment) {
        const reason = isSkeleton ? "a skeleton has no embeddings" : `an embedding is looked up by ${enrichment.sourceIdColumn}, not derived from history; \`daeda embeddings stats ${enrichment.storeName}\` checks its store`;
        skipped.push({name, reason});
        continue;
      }
      const claim = this.findNamed(name);
      if (claim) columns.push(this.describe(name, claim));
      else skipped.push({name, reason: "nothing produces it: it holds its default"});
    }
    return {columns, skipped};
  }

  private describe(name: string, claim: Claim): AuditColumn {
    return {name, claim, definition: describeClaim(claim), latestViews: [...this.latestViewsOf(claim)]};
  }

  /** A view of `join: latest` may hide behind a key, a value or a condition as well. */
  private latestViewsOf(claim: Claim): Set<string> {
    const found = new Set<string>();
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const inner = this.service && findClaim(this.project, this.service, name);
      if (inner) visitClaim(inner);
    };
    const visitSql = (sql: string): void => {
      for (const name of parseSqlIdentifiers(sql).names) visit(name);
    };
    const visitClaim = (inner: Claim): void => {
      if (inner.kind === "view") {
        if (inner.view.time.join === "latest") found.add(inner.view.name);
        for (const key of inner.view.joinKeys) visit(key);
      } else if (inner.kind === "derived") visitSql(inner.derived.sql);
      else if (inner.kind === "aggregation") {
        const {spec} = inner;
        const excluded = typeof spec.excludeSelf === "string" ? [spec.excludeSelf] : [];
        for (const column of [...spec.groupBy.flatMap((pair) => [pair.spine, pair.history]), ...excluded, ...(spec.valueColumn === undefined ? [] : [spec.valueColumn])]) visit(column);
        if (spec.condition !== undefined) visitSql(spec.condition);
      }
    };
    visitClaim(claim);
    return found;
  }
}

/** What a name means among the columns of the service; undefined for embeddings and for what nothing produces. */
export function findClaim(project: Project, service: Service, name: string): Claim | undefined {
  const spec = project.aggregations.specs.find((candidate) => candidate.name === name);
  if (spec) return {kind: "aggregation", spec};
  const derived = service.derived.find((candidate) => candidate.name === name);
  if (derived) return {kind: "derived", derived};
  const spine = project.views.get(service.spine.view)!;
  if (columnsOf(spine).has(name)) return {kind: "spine", field: name};
  const view = loadedViews(project, service).find((candidate) => candidate !== spine && joinableColumnsOf(candidate).includes(name));
  return view && {kind: "view", view, field: name};
}

export function describeClaim(claim: Claim): string {
  switch (claim.kind) {
    case "spine":
      return "the spine's own";
    case "view":
      return `${claim.view.name}.${claim.field}`;
    case "derived":
      return claim.derived.sql;
    case "aggregation": {
      const {spec} = claim;
      const window = spec.windowUs === undefined ? "all history" : describeWindow(spec.windowUs);
      return `${spec.operation} ${spec.valueColumn === undefined ? "of rows" : `of ${spec.valueColumn}`} over ${window}`;
    }
  }
}

function describeWindow(us: number): string {
  const [length, unit] = us >= dayUs ? [us / dayUs, "day"] : [us / 60_000_000, "minute"];
  return `${length} ${unit}${length === 1 ? "" : "s"}`;
}
