/** Runs a plan over rows in memory: what test cases are made of, no source is touched. */
import {duckdbType, parseDtype, type Dtype} from "../definitions/dtype.js";
import type {Project, Service} from "../definitions/model.js";
import {renderInstant, type Scalar, type Value} from "../definitions/value.js";
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import type {ColumnType, DuckDbSession} from "../engines/duckdb/connection.js";
import type {EmitContext, ScanSource} from "../engines/duckdb/emit.js";
import {Problems} from "../errors.js";
import type {Plan} from "../plan/operator.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {findColumnDtype} from "./column-dtype.js";
import {dayUs, parseDay} from "./day.js";
import {placeOfOperator} from "./operator-place.js";
import {compileService} from "./plan-file.js";
import {runRows} from "./skeleton.js";
import {skeletonPlan} from "../plan/recipe.js";

export interface RowColumn {
  readonly name: string;
  readonly dtype: Dtype;
}

export interface InputColumn extends RowColumn {
  /** The source holds the timestamps with a zone. */
  readonly isZoned: boolean;
}

export interface Rows<C extends RowColumn = RowColumn> {
  readonly columns: readonly C[];
  /** A value for each column. */
  readonly rows: readonly (readonly Value[])[];
}

export interface CaseInputs {
  readonly project: Project;
  readonly service: Service;
  /** What of the service's plan makes the skeleton. */
  readonly plan: Plan;
  readonly day: string;
  /** View -> its rows; a view that is not here has none. */
  readonly views: ReadonlyMap<string, Rows<InputColumn>>;
  /** Embedding store -> the ids that it knows. */
  readonly stores: ReadonlyMap<string, readonly string[]>;
}

/** @throws ProblemsError when the service does not compile */
export function compileCasePlan(project: Project, service: Service): Plan {
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  problems.throwIfErrors();
  return skeletonPlan(plan);
}

/**
 * The day's rows in their order, embedding columns at their defaults. The session is left as it was found.
 * @throws DaedalusError as a run does
 */
export async function runCaseRows(session: DuckDbSession, inputs: CaseInputs, engine: AggregationEngine): Promise<Rows> {
  const {project, service, plan} = inputs;
  await session.run("BEGIN");
  try {
    const startUs = parseDay(inputs.day)!;
    const context: EmitContext = {
      plan,
      startUs,
      endUs: startUs + dayUs,
      scans: await writeInputs(session, inputs),
      coveredTable: (store) => `__ids_${store}`,
      tables: new Map(),
    };
    return await runRows(
      {session, plan, context, engine, signal: new AbortController().signal, placeOf: (operator) => placeOfOperator(operator, project, service)},
      (step) => readRows(session, step.relation, step.columns),
    );
  } finally {
    // Takes back every table and view at once, also after an error.
    await session.run("ROLLBACK");
  }
}

async function writeInputs(session: DuckDbSession, inputs: CaseInputs): Promise<ReadonlyMap<string, ScanSource>> {
  const {project, service, plan} = inputs;
  const scans = new Map<string, ScanSource>();
  for (const name of new Set(plan.operators.flatMap((op) => (op.opKind === "scan" ? [op.view] : [])))) {
    const view = project.views.get(name)!;
    const scanned = new Set(plan.operators.flatMap((op) => (op.opKind === "scan" && op.view === name ? op.columns : [])));
    const given = inputs.views.get(name) ?? {columns: [], rows: []};
    const absent = [...scanned].filter((column) => given.columns.every((known) => known.name !== column));
    const columns = [
      ...given.columns,
      ...absent.map((column): InputColumn => ({name: column, dtype: findColumnDtype(column, project, service, view) ?? bigint, isZoned: false})),
    ];
    const table = `__rows_${name}`;
    await writeTable(session, {table, columns: columns.map((column) => ({name: column.name, type: sourceType(column)})), rows: given.rows.map((row) => [...row, ...absent.map(() => null)]), dtypes: columns.map((column) => column.dtype)});
    const scanColumns = columns.map((column) => {
      const quoted = quoteName(column.name);
      return [column.name, {sql: column.isZoned ? `CAST(${quoted} AS TIMESTAMP)` : quoted, sourceName: column.name, sourceType: sourceType(column)}] as const;
    });
    scans.set(name, {columns: new Map(scanColumns), place: view.source.place, renderRelation: () => quoteName(table)});
  }
  for (const op of plan.operators) {
    if (op.opKind !== "join" || op.joinKind !== "covered") continue;
    const id = scans.get(service.spine.view)!.columns.get(op.keys[0]!)!;
    await session.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(`__ids_${op.right}`)} (id ${id.sourceType})`);
    const ids = inputs.stores.get(op.right) ?? [];
    if (ids.length > 0) await session.run(`INSERT INTO ${quoteName(`__ids_${op.right}`)} VALUES ${ids.map((known) => `(${quoteText(known)})`).join(", ")}`);
  }
  return scans;
}

const bigint: Dtype = {kind: "scalar", name: "BIGINT"};

const sourceType = ({dtype, isZoned}: InputColumn): string => (isZoned ? "TIMESTAMP WITH TIME ZONE" : duckdbType(dtype));

interface NewTable {
  readonly table: string;
  readonly columns: readonly ColumnType[];
  readonly dtypes: readonly Dtype[];
  readonly rows: readonly (readonly Value[])[];
}

/** All rows travel as one text of JSON with every value as text, which the table's column types turn into what it is: DuckDB plans each literal that it is given. */
async function writeTable(session: DuckDbSession, {table, columns, dtypes, rows}: NewTable): Promise<void> {
  const declared = columns.map(({name, type}) => `${quoteName(name)} ${type}`).join(", ");
  await session.run(`CREATE TEMP TABLE ${quoteName(table)} (${declared})`);
  if (rows.length === 0) return;
  const json = JSON.stringify(rows.map((row) => Object.fromEntries(row.map((value, index) => [`c${index}`, renderText(value, dtypes[index]!)]))));
  const structure = JSON.stringify([Object.fromEntries(dtypes.map(({kind}, index) => [`c${index}`, kind === "list" ? ["VARCHAR"] : "VARCHAR"]))]);
  await session.run(`INSERT INTO ${quoteName(table)} SELECT unnest(from_json(${quoteText(json)}, ${quoteText(structure)}), max_depth := 2)`);
}

function renderText(value: Value, dtype: Dtype): string | null | readonly (string | null)[] {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item: Scalar) => renderText(item, {kind: "scalar", name: dtype.name} as Dtype) as string | null);
  return typeof value === "number" && dtype.name === "TIMESTAMP" ? renderInstant(value) : String(value);
}

/** Rows of a relation that has `__row`, in that order. */
async function readRows(session: DuckDbSession, relation: string, names: readonly string[]): Promise<Rows> {
  const types = new Map((await session.describe(`FROM ${quoteName(relation)}`)).map(({name, type}) => [name, type]));
  const columns = names.map((name) => ({name, dtype: dtypeOf(types.get(name)!)}));
  const select = columns.map(({name, dtype}) => `${renderRead(quoteName(name), dtype)} AS ${quoteName(name)}`).join(", ");
  const rows = await session.rows(`SELECT ${select} FROM ${quoteName(relation)} ORDER BY __row`);
  return {columns, rows: rows.map((row) => columns.map(({name, dtype}) => readValue(row[name], dtype)))};
}

/** The dtype that holds a DuckDB type's values; types that only a default can have become the nearest. */
export function dtypeOf(type: string): Dtype {
  const [, element = type, brackets = ""] = /^(.*?)(\[\])?$/.exec(type) ?? [];
  const name = /^(U?(TINY|SMALL|HUGE|BIG)INT|UINTEGER)$/.test(element) ? "BIGINT" : element.startsWith("DECIMAL") ? "DOUBLE" : element.startsWith("TIMESTAMP") ? "TIMESTAMP" : element;
  return parseDtype(`${name}${brackets}`) ?? {kind: brackets === "" ? "scalar" : "list", name: "TEXT"};
}

/** SQL that gives a column as what `readValue` takes: instants as microseconds, which the binding would cut to milliseconds. */
export function renderRead(column: string, dtype: Dtype): string {
  if (dtype.name === "TIMESTAMP") return dtype.kind === "list" ? `list_transform(${column}, lambda t: epoch_us(t))` : `epoch_us(${column})`;
  const type = dtype.name === "DATE" ? "VARCHAR" : duckdbType({kind: "scalar", name: dtype.name} as Dtype);
  return `CAST(${column} AS ${type}${dtype.kind === "list" ? "[]" : ""})`;
}

export function readValue(value: unknown, dtype: Dtype): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => readScalar(item, dtype.name));
  return readScalar(value, dtype.name);
}

function readScalar(value: unknown, name: string): Scalar {
  if (value === null || value === undefined) return null;
  if (name === "TIMESTAMP") return Number(value);
  return name === "INTEGER" ? BigInt(value as number) : (value as Scalar);
}
