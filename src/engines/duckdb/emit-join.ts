/** Joins of views onto rows: point in time, newest, static, and the filter by what an embedding store covers. */
import {DaedalusError} from "../../errors.js";
import type {Operator, OperatorOf} from "../../plan/operator.js";
import {quoteName, quoteNames} from "../../sources/quote.js";
import type {ViewJoinTask} from "../view-join.js";
import {emitDrop, emitTable, findStreamed, renderInstant, renderScan, run, view, type EmitContext, type Step} from "./emit.js";

type AnyJoin = OperatorOf<"join"> | OperatorOf<"pit_join">;

const equalKeys = (keys: readonly string[], left: string, right: string): string =>
  keys.map((key) => `${left}.${quoteName(key)} = ${right}.${quoteName(key)}`).join(" AND ");

/** The declared order, in which the first row wins; NULL never wins against a value. */
const tieOrder = (op: AnyJoin): string[] => [
  ...op.tieBreak.map((tie) => `${quoteName(tie.column)} ${tie.isDescending ? "DESC" : "ASC"} NULLS LAST`),
  // Rows that still differ are told apart by their values, so that the order of files and threads decides nothing.
  ...op.fields.map((field) => `${quoteName(field)} DESC NULLS LAST`),
];

const reversed = (order: readonly string[]): string[] =>
  order.map((term) =>
    term.includes(" DESC ") ? term.replace(" DESC NULLS LAST", " ASC NULLS FIRST") : term.replace(" ASC NULLS LAST", " DESC NULLS FIRST"),
  );

/** Fails when two right rows that `can` be an answer are alike in `columns`, naming up to three of their keys. */
function expectUnique(op: AnyJoin, right: string, columns: readonly string[], context: EmitContext, can: readonly string[] = []): Step {
  const sql = `SELECT ${quoteNames(op.keys)}, count(*) AS __count FROM ${right} AS r
WHERE ${[...op.keys.map((key) => `${quoteName(key)} IS NOT NULL`), ...can].join(" AND ")}
GROUP BY ${quoteNames(columns)} HAVING count(*) > 1 ORDER BY ${quoteNames(op.keys)} LIMIT 3`;
  return {
    kind: "expect-none",
    sql,
    fail: (rows) => {
      const keys = rows.map((row) => op.keys.map((key) => `${key}=${String(row[key])}`).join(", "));
      const isStatic = op.opKind === "join" && op.joinKind === "static";
      return DaedalusError.of("duplicate-rows", {view: op.right, keys, isStatic}, {place: context.scans.get(op.right)?.place});
    },
  };
}

/** Fails when two ranges of a key overlap: then no row could say which of them is true. Versions of one range share its start. */
function expectApart(op: OperatorOf<"pit_join">, right: string, context: EmitContext): Step {
  const keys = quoteNames(op.keys);
  const [start, end] = [quoteName(op.rightTime), quoteName(op.validTo!)];
  const sql = `SELECT DISTINCT ${keys} FROM (
  FROM ${right} SELECT ${keys}, ${start}, max(coalesce(${end}, 'infinity')) OVER (PARTITION BY ${keys} ORDER BY ${start} RANGE BETWEEN UNBOUNDED PRECEDING AND to_microseconds(1) PRECEDING) AS __earlier_end
  WHERE isfinite(${start}) AND ${op.keys.map((key) => `${quoteName(key)} IS NOT NULL`).join(" AND ")}
) WHERE __earlier_end > ${start} ORDER BY ${keys} LIMIT 3`;
  return {
    kind: "expect-none",
    sql,
    fail: (rows) => {
      const named = rows.map((row) => op.keys.map((key) => `${key}=${String(row[key])}`).join(", "));
      return DaedalusError.of("ranges-overlap", {view: op.right, keys: named}, {place: context.scans.get(op.right)?.place});
    },
  };
}

export function emitJoin(op: OperatorOf<"join">, context: EmitContext): Step[] {
  if (op.joinKind === "covered") {
    const id = quoteName(op.keys[0]!);
    const ids = quoteName(context.coveredTable(op.right));
    return [view(op.output, `SELECT l.*\nFROM ${quoteName(op.inputs[0]!)} AS l SEMI JOIN ${ids} AS ids ON l.${id} = ids.id`)];
  }
  const left = emitTable(op.inputs[0]!, context);
  const right = quoteName(op.inputs[1]!);
  const steps: Step[] = [...left.steps];
  const ties = op.tieBreak.map((tie) => tie.column);
  const time = op.timeColumn;
  let rows = right;
  if (time === undefined) {
    steps.push(expectUnique(op, right, op.keys, context));
  } else {
    if (op.onDuplicate === "error") steps.push(expectUnique(op, right, [...op.keys, time, ...ties], context));
    const order = [`${quoteName(time)} DESC NULLS LAST`, ...tieOrder(op)].join(", ");
    rows = `(FROM ${right} QUALIFY row_number() OVER (PARTITION BY ${quoteNames(op.keys)} ORDER BY ${order}) = 1)`;
  }
  const added = op.fields.map((field) => `, r.${quoteName(field)}`).join("");
  context.tables.set(op.output, op.output);
  steps.push(
    run(`CREATE TEMP TABLE ${quoteName(op.output)} AS
SELECT l.*${added}
FROM ${quoteName(left.table)} AS l LEFT JOIN ${rows} AS r ON ${equalKeys(op.keys, "l", "r")}`),
    ...emitDrop(op.inputs[0]!, context),
  );
  return steps;
}

/** The right rows whose keys the left table has: of a source that can be asked by key, no others come. */
function emitNarrowed(op: OperatorOf<"pit_join">, left: string, context: EmitContext): {readonly relation: string; readonly steps: readonly Step[]} {
  const right = op.inputs[1];
  const scan = context.plan.operators.find((other) => other.output === right);
  if (scan?.opKind !== "scan" || !context.scans.get(scan.view)?.renderKeyed) return {relation: right, steps: []};
  const relation = `${op.output}__right`;
  const keys = new Map(op.keys.map((key) => [key, `SELECT DISTINCT CAST(${quoteName(key)} AS VARCHAR) AS value FROM ${quoteName(left)} WHERE ${quoteName(key)} IS NOT NULL`]));
  const create = (kind: "TABLE" | "VIEW", sql: string): string => `CREATE TEMP ${kind} ${quoteName(relation)} AS\n${sql}`;
  const render = (values: ReadonlyMap<string, readonly string[]>): string | undefined => {
    const narrowed = renderScan(scan, context, values);
    // The join reads it twice.
    return narrowed && create("TABLE", narrowed);
  };
  return {relation, steps: [{kind: "narrow", keys, sql: create("VIEW", `FROM ${quoteName(right)}`), render}]};
}

/** The first join of the chain by the same keys. Joins and filters change no key and add no rows: its rows have all keys of later ones. */
function findFirstJoin(op: OperatorOf<"pit_join">, {plan}: EmitContext): OperatorOf<"pit_join"> {
  let first = op;
  for (let other: Operator | undefined = op; other?.opKind === "pit_join" || other?.opKind === "join" || other?.opKind === "filter"; ) {
    if (other.opKind === "pit_join" && other.keys.join() === op.keys.join()) first = other;
    const [input]: readonly string[] = other.inputs;
    other = plan.operators.find(({output}) => output === input);
  }
  return first;
}

/** A table of the distinct keys of the rows, which joins by the same keys share: the first of them that SQL does makes it. */
function emitKeys(op: OperatorOf<"pit_join">, left: string, context: EmitContext): {readonly table: string; readonly steps: readonly Step[]} {
  const table = `${findFirstJoin(op, context).output}__keys`;
  if (context.tables.has(table)) return {table, steps: []};
  context.tables.set(table, table);
  return {table, steps: [run(`CREATE TEMP TABLE ${quoteName(table)} AS SELECT DISTINCT ${quoteNames(op.keys)} FROM ${quoteName(left)}`)]};
}

/** What a view's rows must be to be an answer at all. */
interface Answerable {
  /** When a row counts as known. */
  readonly known: string;
  readonly can: readonly string[];
}

function answerableOf(op: OperatorOf<"pit_join">, {endUs}: EmitContext): Answerable {
  const time = quoteName(op.rightTime);
  const knownColumn = op.availableAt === undefined ? time : quoteName(op.availableAt);
  const known = op.embargoUs === 0 ? knownColumn : `${knownColumn} + to_microseconds(${op.embargoUs})`;
  return {known, can: [...[...new Set([time, knownColumn])].map((column) => `isfinite(${column})`), `${known} < ${renderInstant(endUs)}`]};
}

/** An engine may join views onto numbered rows; what it cannot is joined by SQL. */
export function emitPitJoin(op: OperatorOf<"pit_join">, context: EmitContext): Step[] {
  const right = quoteName(op.inputs[1]);
  const answerable = answerableOf(op, context);
  const checks: Step[] = [];
  if (op.onDuplicate === "error") checks.push(expectUnique(op, right, [...op.keys, op.rightTime, ...op.tieBreak.map((tie) => tie.column)], context, answerable.can));
  if (op.validTo !== undefined) checks.push(expectApart(op, right, context));
  if (context.hasViewJoins !== true || !isNumbered(op.inputs[0], context)) {
    const left = emitTable(op.inputs[0], context);
    const narrowed = emitNarrowed(op, left.table, context);
    return [...left.steps, ...checks, ...narrowed.steps, ...emitAsof(op, narrowed.relation, answerable, context)];
  }
  const [rows] = op.inputs;
  const narrowed = emitNarrowed(op, rows, context);
  const task: ViewJoinTask = {
    rows,
    keys: op.keys,
    instant: op.leftTime,
    rowSet: findFirstJoin(op, context).output,
    versions: `SELECT *, ${answerable.known} AS __known FROM ${quoteName(narrowed.relation)} WHERE ${answerable.can.join(" AND ")}`,
    time: op.rightTime,
    isKnownInOrder: op.availableAt === undefined,
    fields: op.fields,
    order: [quoteName(op.rightTime), ...reversed(tieOrder(op))],
    isInclusive: op.boundary === "inclusive",
    ttlUs: op.ttlUs,
    validTo: op.validTo,
  };
  const inSql = (): Step[] => {
    const left = emitTable(rows, context);
    return [...left.steps, ...emitAsof(op, narrowed.relation, answerable, context)];
  };
  return [...checks, ...narrowed.steps, {kind: "view-join", task, added: op.output, streamed: findStreamed(rows, context), inSql}];
}

/** Whether the rows have a `__row`: the day's have, a history's have not. */
function isNumbered(relation: string, context: EmitContext): boolean {
  const op = context.plan.operators.find(({output}) => output === relation);
  if (op === undefined || op.opKind === "scan") return false;
  return (op.opKind === "project" && op.shape.kind === "rows") || isNumbered(op.inputs[0], context);
}

/**
 * ASOF join against the right rows that can be an answer. Without `available_at` a later timestamp is known later, so that is
 * one row a key and instant, which they mostly are already: looking is cheaper than sorting. With it, a row can be an answer only if
 * no row known as early is newer: a running maximum.
 */
function emitAsof(op: OperatorOf<"pit_join">, right: string, {known, can}: Answerable, context: EmitContext): Step[] {
  const left = emitTable(op.inputs[0], context);
  const distinct = emitKeys(op, left.table, context);
  const time = quoteName(op.rightTime);
  const instant = `l.${quoteName(op.leftTime)}`;
  const holds: string[] = [];
  if (op.ttlUs !== undefined) holds.push(`r.${time} >= ${instant} - to_microseconds(${op.ttlUs})`);
  if (op.validTo !== undefined) {
    const end = `r.${quoteName(op.validTo)}`;
    // Ranges follow one another without a gap: where the next begins to count, this one ends to.
    holds.push(`(${end} IS NULL OR ${instant} ${op.boundary === "strict" ? "<=" : "<"} ${end})`);
  }
  const candidates = `${op.output}__candidates`;
  const answers = emitAnswers(op, candidates);
  // Looked at twice where one row is picked of those that are alike.
  const kind = op.availableAt === undefined ? "TABLE" : "VIEW";
  const isTrue = holds.length === 0 ? undefined : holds.join(" AND ");
  const added = op.fields.map((field) => {
    const name = quoteName(field);
    return isTrue === undefined ? `, r.${name}` : `, CASE WHEN ${isTrue} THEN r.${name} END AS ${name}`;
  });
  context.tables.set(op.output, op.output);
  return [
    ...distinct.steps,
    run(`CREATE TEMP ${kind} ${quoteName(candidates)} AS
SELECT r.*, ${known} AS __known
FROM ${quoteName(right)} AS r SEMI JOIN ${quoteName(distinct.table)} AS l ON ${equalKeys(op.keys, "l", "r")}
WHERE ${can.join(" AND ")}`),
    answers.step,
    run(`CREATE TEMP TABLE ${quoteName(op.output)} AS
SELECT l.*${added.join("")}
FROM ${quoteName(left.table)} AS l ASOF LEFT JOIN ${quoteName(answers.relation)} AS r
  ON ${equalKeys(op.keys, "l", "r")} AND ${instant} ${op.boundary === "strict" ? ">" : ">="} r.__known`),
    run(`DROP VIEW ${quoteName(answers.relation)}`),
    run(`DROP ${kind} ${quoteName(candidates)}`),
    ...emitDrop(op.inputs[0], context),
  ];
}

/** A view of the candidates that ASOF may pick: no two of a key that it could not tell apart. */
function emitAnswers(op: OperatorOf<"pit_join">, candidates: string): {readonly relation: string; readonly step: Step} {
  const relation = `${op.output}__answers`;
  const [keys, time, from] = [quoteNames(op.keys), quoteName(op.rightTime), quoteName(candidates)];
  const create = (sql: string): string => `CREATE TEMP VIEW ${quoteName(relation)} AS\n${sql}`;
  if (op.availableAt !== undefined) {
    const newest = `SELECT *, row_number() OVER (PARTITION BY ${keys} ORDER BY ${time}, ${reversed(tieOrder(op)).join(", ")}) AS __rank FROM ${from}`;
    return {relation, step: run(create(`FROM (${newest})\nQUALIFY __rank = max(__rank) OVER (PARTITION BY ${keys} ORDER BY __known)`))};
  }
  const shortcut = {unless: `SELECT 1 FROM ${from} GROUP BY ${keys}, ${time} HAVING count(*) > 1 LIMIT 1`, sql: create(`FROM ${from}`)};
  return {relation, step: {kind: "run", sql: create(`FROM ${from} QUALIFY row_number() OVER (PARTITION BY ${keys}, ${time} ORDER BY ${tieOrder(op).join(", ")}) = 1`), shortcut}};
}
