/**
 * Operators as DuckDB statements. Relational operators become views, so that DuckDB plans a whole chain as one query; a table
 * is made only where rows are read several times or an ASOF join ends (several of those in one query multiply its memory).
 */
import {DaedalusError, type Place} from "../../errors.js";
import type {Operator, OperatorOf, OpKind, Plan} from "../../plan/operator.js";
import {quoteName, quoteText} from "../../sources/quote.js";
import type {AggregationTask, Window} from "../aggregation-engine.js";
import type {ViewJoinTask} from "../view-join.js";
import {emitJoin, emitPitJoin} from "./emit-join.js";
import {emitRollingAggregate} from "./emit-rolling.js";

/** A column of a source under our name, as SQL that has the declared type. */
export interface ScanColumn {
  readonly sql: string;
  /** The column in the source and its DuckDB type, for bounds that a scan can push down. */
  readonly sourceName: string;
  readonly sourceType: string;
}

interface ScanBounds {
  readonly timeColumn: string;
  readonly fromUs: number | undefined;
}

export interface ScanSource {
  readonly columns: ReadonlyMap<string, ScanColumn>;
  /**
   * The relation of the columns; with bounds only rows from `fromUs` (undefined: the beginning) to the end of the day are asked
   * of it. It may give more of both.
   */
  renderRelation(columns: readonly string[], bounds: ScanBounds | undefined): string;
  /** Of a source that can be asked by key: the same for these keys only (our name -> values as text). Undefined where that spares nothing. */
  renderKeyed?(columns: readonly string[], bounds: ScanBounds | undefined, keys: ReadonlyMap<string, readonly string[]>): string | undefined;
  readonly place: Place;
}

export interface EmitContext {
  readonly plan: Plan;
  /** The instants of the wanted rows, `[startUs, endUs)`, in UTC microseconds: a day, or several of which `canShare` says that they may be one pass. */
  readonly startUs: number;
  readonly endUs: number;
  readonly scans: ReadonlyMap<string, ScanSource>;
  /** Temp table with the one column `id` that holds the ids of an embedding store. */
  coveredTable(store: string): string;
  /** Relation -> the table that has its rows, or an earlier form of them with the same `__row`. Grown while emitting. */
  readonly tables: Map<string, string>;
  /** Whether whoever runs the steps can have views joined by an engine: then joins onto numbered rows are such steps. */
  readonly hasViewJoins?: boolean;
}

/** What to do, in order. */
export type Step =
  /** `shortcut.sql` does the same where `shortcut.unless` finds nothing. `sorted`: the table that it makes has its rows in the order of `__row`. */
  | {readonly kind: "run"; readonly sql: string; readonly shortcut?: {readonly unless: string; readonly sql: string}; readonly sorted?: string}
  /** The query must find nothing; a row is a problem of the user's data. */
  | {readonly kind: "expect-none"; readonly sql: string; fail(rows: readonly Record<string, unknown>[]): DaedalusError}
  /** Each key's values are looked up by its query; they make the statement that stands for `sql`, which does the same without them. */
  | {readonly kind: "narrow"; readonly keys: ReadonlyMap<string, string>; readonly sql: string; render(values: ReadonlyMap<string, readonly string[]>): string | undefined}
  /**
   * Makes the view `added`: all of `rows`, and the windows. `history` is the query that the task's history relation stands for, `spent` what is of
   * no use once that was read. Element types are filled in from the relation once it exists. `streamed`: see `findStreamed`.
   */
  | {
      readonly kind: "aggregate";
      readonly task: Omit<AggregationTask, "windows"> & {readonly windows: readonly Omit<Window, "elementType">[]};
      readonly history: string;
      readonly spent: readonly string[];
      readonly rows: string;
      readonly added: string;
      readonly streamed: string | undefined;
    }
  /** Makes the view `added`: all of the task's rows, and its fields; or, where the engine cannot, the table of that name by the steps of `inSql`. `streamed`: see `findStreamed`. */
  | {readonly kind: "view-join"; readonly task: ViewJoinTask; readonly added: string; readonly streamed: string | undefined; readonly inSql: () => readonly Step[]}
  /** `rows`: a table with `__row` and the spine's columns of all rows of the relation, and perhaps of others. */
  | {readonly kind: "write"; readonly relation: string; readonly columns: readonly string[]; readonly streamed: string | undefined; readonly rows: string};

export const run = (sql: string): Step => ({kind: "run", sql});

export const view = (name: string, sql: string): Step => run(`CREATE TEMP VIEW ${quoteName(name)} AS\n${sql}`);

/** A table of the relation's rows: itself, one made before, or one made now. */
export function emitTable(relation: string, context: EmitContext): {table: string; steps: readonly Step[]} {
  const known = context.tables.get(relation);
  if (known !== undefined) return {table: known, steps: []};
  const table = `${relation}__table`;
  context.tables.set(relation, table);
  return {table, steps: [run(`CREATE TEMP TABLE ${quoteName(table)} AS FROM ${quoteName(relation)}`)]};
}

/**
 * The table whose rows the relation streams, with fewer rows and other columns at most: in the table's order, where DuckDB keeps orders.
 * Undefined where a join, a subquery or a window stands between, after which DuckDB promises no order.
 */
export function findStreamed(relation: string, context: EmitContext): string | undefined {
  if (context.tables.get(relation) === relation) return relation;
  const op = context.plan.operators.find(({output}) => output === relation);
  return op && isStreaming(op) ? findStreamed(op.inputs[0], context) : undefined;
}

/** Whether an expression looks at nothing but its own row. */
export const isScalar = (sql: string): boolean => !/\b(select|from|over|unnest)\b/i.test(sql);

function isStreaming(op: Operator): boolean {
  // A point-in-time join that is no table by now was made by an engine.
  if (op.opKind === "rolling_aggregate" || op.opKind === "pit_join") return true;
  if (op.opKind === "filter") return op.predicate.kind === "values" || (op.predicate.kind === "sql" && isScalar(op.predicate.sql));
  if (op.opKind !== "project" || op.shape.kind === "rows") return false;
  return op.shape.kind === "derive" ? op.shape.columns.every(({sql}) => isScalar(sql)) : op.shape.columns.every(({defaultSql}) => defaultSql === undefined || isScalar(defaultSql));
}

/** The table that the rows of a relation come from: itself, or that of the first of its inputs that is one. */
function findRows(relation: string, context: EmitContext): string {
  const table = context.tables.get(relation);
  if (table !== undefined) return table;
  const op = context.plan.operators.find(({output}) => output === relation);
  return findRows(op!.inputs[0], context);
}

/** Drops the table of a relation that no other operator reads: rows should not be held twice. */
export const emitDrop = (relation: string, context: EmitContext): readonly Step[] => renderDrop(relation, context).map(run);

export function renderDrop(relation: string, context: EmitContext): readonly string[] {
  const table = context.tables.get(relation);
  const readers = context.plan.operators.filter((op) => (op.inputs as readonly string[]).includes(relation)).length;
  const isOwn = table === relation || table === `${relation}__table`;
  return isOwn && readers === 1 ? [`DROP TABLE ${quoteName(table)}`] : [];
}

/** Microseconds since 1970 as a literal that DuckDB pushes into a scan. */
export function renderInstant(us: number, type = "TIMESTAMP"): string {
  return `${type} '${renderInstantText(us)}${type === "TIMESTAMPTZ" ? "+00" : ""}'`;
}

/** `2026-02-03 04:05:06.000007`. */
export function renderInstantText(us: number): string {
  const text = new Date(Math.floor(us / 1000)).toISOString().replace("T", " ").replace("Z", "");
  return `${text}${String(((us % 1000) + 1000) % 1000).padStart(3, "0")}`;
}

/** Undefined: the source is not asked by key. */
export function renderScan(op: OperatorOf<"scan">, context: EmitContext, keys?: ReadonlyMap<string, readonly string[]>): string | undefined {
  const source = context.scans.get(op.view)!;
  const select = op.columns.map((name) => `${source.columns.get(name)!.sql} AS ${quoteName(name)}`).join(", ");
  const fromUs = op.fromUs === undefined ? undefined : context.startUs + op.fromUs;
  const bounds: string[] = [];
  if (op.timeColumn !== undefined) {
    const {sql, sourceName, sourceType} = source.columns.get(op.timeColumn)!;
    const isZoned = sourceType === "TIMESTAMP WITH TIME ZONE";
    // The source's own column is compared where that is exact, since a cast would hide it from the scan's statistics.
    const column = isZoned || sourceType === "TIMESTAMP" ? quoteName(sourceName) : sql;
    const literal = isZoned ? "TIMESTAMPTZ" : "TIMESTAMP";
    bounds.push(fromUs === undefined ? `isfinite(${column})` : `${column} >= ${renderInstant(fromUs, literal)}`);
    bounds.push(`${column} < ${renderInstant(context.endUs, literal)}`);
  }
  const where = bounds.length > 0 ? `\nWHERE ${bounds.join(" AND ")}` : "";
  const asked = op.timeColumn === undefined ? undefined : {timeColumn: op.timeColumn, fromUs};
  const relation = keys ? source.renderKeyed?.(op.columns, asked, keys) : source.renderRelation(op.columns, asked);
  return relation === undefined ? undefined : `SELECT ${select}\nFROM ${relation}${where}`;
}

function emitFilter(op: OperatorOf<"filter">): Step[] {
  const input = quoteName(op.inputs[0]);
  const {predicate} = op;
  if (predicate.kind === "sql") return [view(op.output, `FROM ${input}\nWHERE (${predicate.sql}\n)`)];
  const texts = (values: readonly string[]): string => `(${values.map(quoteText).join(", ")})`;
  if (predicate.kind === "values") return [view(op.output, `FROM ${input}\nWHERE ${quoteName(predicate.column)} IN ${texts(predicate.keep)}`)];
  const session = quoteName(predicate.column);
  const event = quoteName(predicate.eventColumn);
  const isView = `coalesce(${event} IN ${texts(predicate.viewEvents)}, false)`;
  const isLike = predicate.likeEvents.length === 0 ? "false" : `coalesce(${event} IN ${texts(predicate.likeEvents)}, false)`;
  const dropped = [
    ...(predicate.dropViewOnly ? [`bool_and(${isView})`] : []),
    ...(predicate.dropSingleLike ? [`(count_if(NOT ${isView}) = 1 AND count_if(NOT ${isView} AND ${isLike}) = 1)`] : []),
  ];
  if (dropped.length === 0) return [view(op.output, `FROM ${input}`)];
  const sessions = `SELECT ${session} FROM ${input} WHERE ${session} IS NOT NULL GROUP BY ${session} HAVING ${dropped.join(" OR ")}`;
  return [view(op.output, `FROM ${input}\nWHERE ${session} IS NULL OR ${session} NOT IN (${sessions})`)];
}

function emitProject(op: OperatorOf<"project">, context: EmitContext): Step[] {
  const input = quoteName(op.inputs[0]);
  const {shape} = op;
  if (shape.kind === "rows") {
    const order = shape.orderBy.map((name) => `${quoteName(name)} NULLS FIRST`).join(", ");
    context.tables.set(op.output, op.output);
    // Joined by an engine, rows are written in the order of this table: DuckDB promises to number them and to keep them as they are sorted.
    if (context.hasViewJoins === true) {
      const sql = `CREATE TEMP TABLE ${quoteName(op.output)} AS\nSELECT row_number() OVER () - 1 AS __row, *\nFROM (FROM ${input} ORDER BY ${order})`;
      return [run("SET preserve_insertion_order = true"), {kind: "run", sql, sorted: op.output}];
    }
    const sql = `SELECT row_number() OVER (ORDER BY ${order}) - 1 AS __row, *\nFROM ${input}`;
    return [run(`CREATE TEMP TABLE ${quoteName(op.output)} AS\n${sql}`)];
  }
  if (shape.kind === "derive") {
    const added = shape.columns.map(({name, sql, type}) => `CAST((${sql}\n) AS ${type}) AS ${quoteName(name)}`).join(", ");
    return [view(op.output, `SELECT *, ${added}\nFROM ${input}`)];
  }
  const columns = shape.columns.map(({name, defaultSql, type}) => {
    const value = defaultSql ?? quoteName(name);
    return `${type === undefined ? value : `CAST(${value} AS ${type})`} AS ${quoteName(name)}`;
  });
  return [view(op.output, `SELECT __row, ${columns.join(", ")}\nFROM ${input}`)];
}

function refuse(op: Operator): never {
  throw DaedalusError.of("operator-not-sql", {operator: op.name, opKind: op.opKind});
}

/** One emitter for each kind: a kind that is forgotten does not compile. */
const emitters: {readonly [K in OpKind]: (op: OperatorOf<K>, context: EmitContext) => readonly Step[]} = {
  scan: (op, context) => [view(op.output, renderScan(op, context)!)],
  filter: emitFilter,
  project: emitProject,
  join: emitJoin,
  pit_join: emitPitJoin,
  rolling_aggregate: emitRollingAggregate,
  arrow_udf_transform: refuse,
  ray_udf_transform: refuse,
  sink: (op, context) => (op.dataset === "skeleton" ? [{kind: "write", relation: op.inputs[0], columns: op.columns, streamed: findStreamed(op.inputs[0], context), rows: findRows(op.inputs[0], context)}] : refuse(op)),
};

/** The steps of one operator; operators are emitted in the plan's order, with one context for all. */
export function emitOperator<K extends OpKind>(op: OperatorOf<K>, context: EmitContext): readonly Step[] {
  return (emitters[op.opKind] as (op: OperatorOf<K>, context: EmitContext) => readonly Step[])(op, context);
}

