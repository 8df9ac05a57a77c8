/** Prepares the two tables of an aggregation engine, and joins what it computed back onto the rows. */
import type {OperatorOf, WindowSpec} from "../../plan/operator.js";
import {quoteName, quoteNames} from "../../sources/quote.js";
import {emitTable, findStreamed, renderDrop, run, type EmitContext, type Step} from "./emit.js";

const conditionColumn = (index: number): string => `__condition_${index}`;
const currentColumn = (index: number): string => `__current_${index}`;

/** A comment at the end of a user's expression must not swallow what follows, hence the line break. */
const isTrue = (sql: string): string => `coalesce((${sql}\n), false)`;

export function emitRollingAggregate(op: OperatorOf<"rolling_aggregate">, context: EmitContext): Step[] {
  const [rows, history] = op.inputs;
  const rowsTable = emitTable(rows, context);
  // Several operators may share a history: its joins and its reading are done once.
  const readers = context.plan.operators.filter((other) => (other.inputs as readonly string[]).includes(history));
  const isShared = readers.length > 1;
  const historyTable = isShared ? emitTable(history, context) : {table: history, steps: []};
  const target = `${op.output}__target`;
  const prepared = `${op.output}__history`;
  const output = `${op.output}__windows`;
  context.tables.set(op.output, rowsTable.table);
  return [
    ...rowsTable.steps,
    ...historyTable.steps,
    run(renderTarget(op, rowsTable.table, target)),
    {
      kind: "aggregate",
      history: renderHistory(op, historyTable.table, target),
      spent: isShared ? (readers.at(-1) === op ? [`DROP TABLE ${quoteName(historyTable.table)}`] : []) : renderDrop(history, context),
      rows,
      added: op.output,
      streamed: findStreamed(rows, context),
      task: {
        target,
        history: prepared,
        output,
        keys: op.keys.map((key) => ({target: key.spine, history: key.history})),
        orderColumns: op.orderColumns,
        windows: op.windows.map((window, index) => ({
          name: window.name,
          operation: window.operation,
          value: window.valueColumn,
          condition: window.condition === undefined || window.isPairCondition ? undefined : conditionColumn(index),
          pairCondition: window.isPairCondition ? window.condition : undefined,
          windowUs: window.windowUs,
          maxItems: window.maxItems,
          halfLifeUs: window.halfLifeUs,
          current: window.includeCurrent
            ? {value: window.valueColumn, condition: window.condition === undefined ? undefined : currentColumn(index)}
            : undefined,
          exclude: window.excludeColumn === undefined ? undefined : {history: window.excludeColumn, target: window.excludeColumn},
          knownAt: isLate(op) ? "__known" : undefined,
        })),
      },
    },
    run(`DROP TABLE ${quoteName(target)}`),
  ];
}

const isLate = (op: OperatorOf<"rolling_aggregate">): boolean => op.availableAt !== undefined || op.embargoUs > 0;

/** Conditions are read for column names by the plan; here only `*` of the other side must be kept whole. */
const pairWindows = (op: OperatorOf<"rolling_aggregate">): readonly WindowSpec[] => op.windows.filter((window) => window.isPairCondition);

function renderTarget(op: OperatorOf<"rolling_aggregate">, rows: string, target: string): string {
  const excluded = op.windows.map((window) => window.excludeColumn);
  const current = op.windows.map((window) => (window.includeCurrent ? window.valueColumn : undefined));
  const needed = new Set([...op.keys.map((key) => key.spine), ...excluded, ...current].filter((name) => name !== undefined));
  // With a pair condition the engine evaluates `cur.*` itself, so every column stays.
  const columns = pairWindows(op).length > 0 ? "hist.* EXCLUDE (__row)" : quoteNames([...needed]);
  const conditions = op.windows.flatMap((window, index) =>
    window.includeCurrent && window.condition !== undefined ? [`, ${isTrue(window.condition)} AS ${currentColumn(index)}`] : [],
  );
  const isSelfPair = op.windows.some((window) => window.includeCurrent && window.isPairCondition);
  const cur = isSelfPair ? ` JOIN ${quoteName(rows)} AS cur ON hist.__row = cur.__row` : "";
  return `CREATE TEMP TABLE ${quoteName(target)} AS
SELECT hist.__row, epoch_us(hist.${quoteName(op.leftTime)}) AS __ts, ${columns}${conditions.join("")}
FROM ${quoteName(rows)} AS hist${cur}`;
}

function renderHistory(op: OperatorOf<"rolling_aggregate">, history: string, target: string): string {
  const values = op.windows.flatMap((window) => [window.valueColumn, window.excludeColumn]);
  const needed = new Set([...op.keys.map((key) => key.history), ...op.orderColumns, ...values].filter((name) => name !== undefined));
  const columns = pairWindows(op).length > 0 ? "hist.*" : [...needed].map((name) => `hist.${quoteName(name)}`).join(", ");
  const conditions = op.windows.flatMap((window, index) =>
    window.condition === undefined || window.isPairCondition ? [] : [{name: conditionColumn(index), sql: isTrue(window.condition)}],
  );
  const known = isLate(op) ? `, epoch_us(hist.${quoteName(op.availableAt ?? op.historyTime)}) + ${op.embargoUs} AS __known` : "";
  const keys = op.keys.map((key) => `hist.${quoteName(key.history)} = t.${quoteName(key.spine)}`).join(" AND ");
  // A row that no window's condition keeps is not worth sorting.
  const useful = conditions.length === op.windows.length ? ` AND (${conditions.map((condition) => condition.sql).join(" OR ")})` : "";
  return `SELECT ${columns}, epoch_us(hist.${quoteName(op.historyTime)}) AS __ts${known}${conditions.map(({name, sql}) => `, ${sql} AS ${name}`).join("")}
FROM ${quoteName(history)} AS hist SEMI JOIN ${quoteName(target)} AS t ON ${keys}
WHERE hist.${quoteName(op.historyTime)} IS NOT NULL${useful}`;
}
