/**
 * Writes a test case from real rows: the rows of the sources that one row of the dataset can be made of. The plan's own joins are
 * run for that one row, and each of its relations carries the number of the source row that it began as.
 */
import type {Project, Service} from "../definitions/model.js";
import {renderInstant, renderValue} from "../definitions/value.js";
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {emitOperator, type EmitContext, type ScanSource} from "../engines/duckdb/emit.js";
import {DaedalusError, Problems} from "../errors.js";
import type {OperatorOf, Plan} from "../plan/operator.js";
import type {Environment} from "../sources/environment.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {renderCase} from "./case-render.js";
import {compileCasePlan, dtypeOf, readValue, renderRead, runCaseRows, type CaseInputs, type InputColumn, type Rows} from "./case-rows.js";
import {dayUs, renderDay} from "./day.js";
import {checkSources, scansOf} from "./source-check.js";
import {loadStoreIds} from "./store-ids.js";

export interface RecordOptions {
  readonly project: Project;
  readonly service: Service;
  /** Columns of the spine's view and their values, as text. */
  readonly keys: ReadonlyMap<string, string>;
  readonly atUs: number;
  readonly engine: AggregationEngine;
  readonly environment: Environment;
}

const sourceRow = "__source_row";

/** The text of a test file. @throws DaedalusError when there is no such row, or when the service drops it */
export async function recordCase(options: RecordOptions): Promise<string> {
  const {service, keys, atUs} = options;
  const inputs = await readReachedRows(options);
  const session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
  try {
    const {columns, rows} = await runCaseRows(session, inputs, options.engine);
    const time = columns.findIndex(({name}) => name === inputs.plan.timeColumn);
    const isWanted = rows.filter((row) => row[time] === atUs && columns.every(({name, dtype}, index) => !keys.has(name) || renderValue(row[index]!, dtype) === keys.get(name) || row[index] === keys.get(name)));
    if (time < 0 || isWanted.length === 0) throw DaedalusError.of("record-row-dropped", {service: service.name, row: describeRow(options)});
    const enriched = new Set(options.project.aggregations.enrichments.map(({name}) => name));
    const shown = columns.flatMap(({name}, index) => (enriched.has(name) ? [] : [index]));
    const expected: Rows = {columns: shown.map((index) => columns[index]!), rows: isWanted.map((row) => shown.map((index) => row[index]!))};
    return `# Recorded from the sources by daeda test --record.\n${renderCase({name: describeRow(options), inputs, expected, isComplete: false})}`;
  } finally {
    session.close();
  }
}

const describeRow = ({keys, atUs}: RecordOptions): string => `${[...keys].map(([name, value]) => `${name}=${value}`).join(", ")} at ${renderInstant(atUs)}`;

async function readReachedRows(options: RecordOptions): Promise<CaseInputs> {
  const {project, service, atUs, environment} = options;
  const plan = compileCasePlan(project, service);
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  try {
    const problems = new Problems();
    const sources = await checkSources(session, plan, project, environment, problems);
    problems.throwIfErrors();
    const dayStartUs = Math.floor(atUs / dayUs) * dayUs;
    const reach = new Reach(session, options, {...plan, operators: plan.operators.map((op) => (op.opKind === "scan" ? {...op, columns: [...op.columns, sourceRow]} : op))}, dayStartUs);
    return {project, service, plan, day: renderDay(dayStartUs), ...(await reach.read(scansOf(sources, dayStartUs + dayUs)))};
  } finally {
    session.close();
  }
}

class Reach {
  private readonly context: EmitContext;
  private readonly scans = new Map<string, ScanSource>();
  private readonly stores = new Set<string>();

  constructor(
    private readonly session: DuckDbSession,
    private readonly options: RecordOptions,
    private readonly plan: Plan,
    dayStartUs: number,
  ) {
    this.context = {plan, startUs: dayStartUs, endUs: dayStartUs + dayUs, scans: this.scans, coveredTable: (store) => `__ids_${store}`, tables: new Map()};
  }

  async read(sources: ReadonlyMap<string, ScanSource>): Promise<Pick<CaseInputs, "views" | "stores">> {
    for (const [view, source] of sources) await this.copySource(view, source);
    for (const op of this.plan.operators) {
      if (op.opKind === "scan") await this.runScan(op);
      else if (op.opKind === "rolling_aggregate") await this.add(this.baseScan(op.inputs[1]).view, `SELECT ${sourceRow} FROM ${quoteName(op.inputs[1])} AS h WHERE ${this.renderReaches(op, "h", undefined)}`);
      else if (op.opKind === "pit_join" || op.opKind === "join") await this.runJoin(op);
      else if (op.opKind === "filter" && this.isBeforeWindows(op)) await this.runSteps(op);
      else if (op.opKind === "project" && op.shape.kind === "rows") await this.runSteps(op);
    }
    const views = new Map<string, Rows<InputColumn>>();
    for (const view of this.scans.keys()) views.set(view, await this.readRows(view));
    const stores = new Map<string, string[]>();
    for (const store of this.stores) stores.set(store, await this.readIds(store));
    return {views, stores};
  }

  /** The view's rows under our names and numbered, so that they are told apart wherever they go. */
  private async copySource(view: string, source: ScanSource): Promise<void> {
    const scans = this.plan.operators.filter((op) => op.opKind === "scan" && op.view === view) as OperatorOf<"scan">[];
    const isBounded = scans.every((op) => op.timeColumn !== undefined);
    const timeColumn = scans[0]?.timeColumn;
    const starts = scans.map((op) => op.fromUs);
    const fromUs = starts.includes(undefined) ? undefined : Math.min(...starts.map((start) => this.context.startUs + start!));
    const select = [...source.columns].map(([name, {sql}]) => `${sql} AS ${quoteName(name)}`).join(", ");
    const table = realTable(view);
    await this.session.run(`CREATE TABLE ${quoteName(table)} AS SELECT *, row_number() OVER () AS ${sourceRow} FROM (SELECT ${select} FROM ${source.renderRelation([...source.columns.keys()], isBounded && timeColumn !== undefined ? {timeColumn, fromUs} : undefined)})`);
    await this.session.run(`CREATE TABLE ${quoteName(reachedTable(view))} (${sourceRow} BIGINT)`);
    const columns = await this.session.describe(`FROM ${quoteName(table)}`);
    this.scans.set(view, {
      place: source.place,
      columns: new Map(columns.map(({name, type}) => [name, {sql: quoteName(name), sourceName: name, sourceType: type}])),
      renderRelation: () => quoteName(table),
    });
  }

  private async runSteps(op: Plan["operators"][number]): Promise<void> {
    // What must hold of whole views is no business of a single row.
    for (const step of emitOperator(op, this.context)) if (step.kind === "run") await this.session.run(step.sql);
  }

  /** The day's scan finds the row that is asked for, a history's what the windows of that row reach; the rest comes through joins. */
  private async runScan(op: OperatorOf<"scan">): Promise<void> {
    const all = `${op.output}__all`;
    await this.runSteps({...op, output: all});
    const windows = this.plan.operators.filter((other): other is OperatorOf<"rolling_aggregate"> => other.opKind === "rolling_aggregate" && this.baseScan(other.inputs[1]).output === op.output);
    let where = "true";
    if (op === this.plan.operators[0]) where = await this.renderIsRow(all, op.view);
    else if (windows.length > 0) where = windows.map((window) => `(${this.renderReaches(window, "h", new Set(op.columns))})`).join(" OR ");
    await this.session.run(`CREATE TABLE ${quoteName(op.output)} AS SELECT * FROM ${quoteName(all)} AS h WHERE ${where}`);
    if (op === this.plan.operators[0]) await this.add(op.view, `SELECT ${sourceRow} FROM ${quoteName(op.output)}`);
  }

  private async renderIsRow(relation: string, view: string): Promise<string> {
    const {service, keys, atUs} = this.options;
    const {timeColumn} = this.plan;
    const isOfKey = [...keys].map(([name, value]) => `CAST(${quoteName(name)} AS VARCHAR) = ${quoteText(value)}`).join(" AND ");
    const isRow = `${isOfKey} AND ${quoteName(timeColumn)} = make_timestamp(${atUs})`;
    const [first] = await this.session.rows(`SELECT 1 FROM ${quoteName(relation)} WHERE ${isRow} LIMIT 1`);
    if (!first) {
      const near = await this.session.rows(`SELECT epoch_us(${quoteName(timeColumn)}) AS us FROM ${quoteName(realTable(view))} WHERE ${isOfKey} AND ${quoteName(timeColumn)} IS NOT NULL
        GROUP BY 1 ORDER BY abs(us - ${atUs}), us LIMIT 3`);
      const nearby = near.map(({us}) => renderInstant(Number(us as bigint)));
      throw DaedalusError.of("row-missing", {service: service.name, row: describeRow(this.options), nearby});
    }
    const session = service.spine.sessionFilter?.column;
    return session === undefined ? isRow : `(${isRow}) OR ${quoteName(session)} IN (SELECT ${quoteName(session)} FROM ${quoteName(relation)} WHERE ${isRow})`;
  }

  private async runJoin(op: OperatorOf<"join"> | OperatorOf<"pit_join">): Promise<void> {
    if (op.opKind === "join" && op.joinKind === "covered") {
      this.stores.add(op.right);
      const {project} = this.options;
      await loadStoreIds(this.session, project.aggregations.stores.get(op.right)!, project.root, this.context.coveredTable(op.right));
    } else {
      const keys = op.keys.map((key) => `l.${quoteName(key)} = r.${quoteName(key)}`).join(" AND ");
      await this.add(op.right, `SELECT ${sourceRow} FROM ${quoteName(op.inputs[1])} AS r WHERE EXISTS (FROM ${quoteName(op.inputs[0])} AS l WHERE ${keys})`);
    }
    await this.runSteps(op);
  }

  private isBeforeWindows(op: OperatorOf<"filter">): boolean {
    return op.predicate.kind === "values";
  }

  /** The scan that a chain begins with. */
  private baseScan(relation: string): OperatorOf<"scan"> {
    const op = this.plan.operators.find((other) => other.output === relation)!;
    return op.opKind === "scan" ? op : this.baseScan(op.inputs[0]);
  }

  /** Whether a history row can be in a window of the row: by the keys that are there (undefined: all), and by time. */
  private renderReaches(op: OperatorOf<"rolling_aggregate">, history: string, there: ReadonlySet<string> | undefined): string {
    const first = this.plan.operators.find((other) => other.opKind === "rolling_aggregate")!;
    const lengths = op.windows.map(({windowUs}) => windowUs);
    const time = `${history}.${quoteName(op.historyTime)}`;
    const conditions = op.keys.filter((key) => there?.has(key.history) ?? true).map((key) => `${history}.${quoteName(key.history)} = t.${quoteName(key.spine)}`);
    conditions.push(`${time} < t.${quoteName(op.leftTime)}`);
    if (!lengths.includes(undefined)) conditions.push(`${time} >= t.${quoteName(op.leftTime)} - to_microseconds(${Math.max(...lengths.map((length) => length!))})`);
    return `EXISTS (FROM ${quoteName(first.inputs[0])} AS t WHERE ${conditions.join(" AND ")})`;
  }

  private async add(view: string, select: string): Promise<void> {
    await this.session.run(`INSERT INTO ${quoteName(reachedTable(view))} ${select}`);
  }

  private async readRows(view: string): Promise<Rows<InputColumn>> {
    const described = await this.session.describe(`SELECT * EXCLUDE (${sourceRow}) FROM ${quoteName(realTable(view))}`);
    const columns = described.map(({name, type}): InputColumn => ({name, dtype: dtypeOf(type), isZoned: false}));
    const {timestampColumn, joinKeys} = this.options.project.views.get(view)!;
    const names = new Set(columns.map(({name}) => name));
    const time = timestampColumn !== undefined && names.has(timestampColumn) ? [quoteName(timestampColumn)] : [];
    const order = [...time, ...joinKeys.filter((key) => names.has(key)).map(quoteName), sourceRow];
    const reached = `${quoteName(realTable(view))} SEMI JOIN ${quoteName(reachedTable(view))} USING (${sourceRow})`;
    const select = columns.map(({name, dtype}) => `${renderRead(quoteName(name), dtype)} AS ${quoteName(name)}`).join(", ");
    const rows = await this.session.rows(`SELECT ${select} FROM ${reached} ORDER BY ${order.map((column) => `${column} NULLS FIRST`).join(", ")}`);
    return {columns, rows: rows.map((row) => columns.map(({name, dtype}) => readValue(row[name], dtype)))};
  }

  /** Of the ids that a store knows, those that the case's events are about. */
  private async readIds(store: string): Promise<string[]> {
    const {view, coverageFilter} = this.options.service.spine;
    const id = quoteName(coverageFilter!.idColumn);
    const rows = await this.session.rows(`SELECT CAST(ids.id AS VARCHAR) AS text FROM ${quoteName(this.context.coveredTable(store))} AS ids
      WHERE ids.id IN (SELECT ${id} FROM ${quoteName(realTable(view))} SEMI JOIN ${quoteName(reachedTable(view))} USING (${sourceRow})) ORDER BY ids.id`);
    return rows.map((row) => row["text"] as string);
  }
}

const realTable = (view: string): string => `__real_${view}`;
const reachedTable = (view: string): string => `__reached_${view}`;
