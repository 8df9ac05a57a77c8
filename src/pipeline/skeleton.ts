/** Runs the SQL part of a plan for one day: operators in order, windows by an aggregation engine, rows into parquet files. */
import {statSync} from "node:fs";
import {join} from "node:path";
import {operationRules} from "../definitions/aggregation-operation.js";
import {wholeTypes, type AggregationEngine, type AggregationTask, type Window} from "../engines/aggregation-engine.js";
import {duckdbAggregation} from "../engines/duckdb/rolling.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {emitOperator, type EmitContext, type Step} from "../engines/duckdb/emit.js";
import {DaedalusError, type Place} from "../errors.js";
import type {Operator, Plan} from "../plan/operator.js";
import {quoteName, quoteNames, quoteText} from "../sources/quote.js";
import {explainWriteFailure, reasonOf} from "./failure.js";
import {parquetOptions} from "./parquet-options.js";

export interface WrittenFile {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface RowsOptions {
  readonly session: DuckDbSession;
  readonly plan: Plan;
  readonly context: EmitContext;
  readonly engine: AggregationEngine;
  readonly signal: AbortSignal;
  /** Where files are written, if any are. */
  readonly directory?: string;
  /** The YAML line to blame when an operator's own SQL fails. */
  placeOf(operator: Operator): Place | undefined;
}

export interface SkeletonOptions extends RowsOptions {
  readonly directory: string;
  /** How many rows each file may hold. */
  readonly rowsPerFile: number;
}

type WriteStep = Extract<Step, {kind: "write"}>;

/** Rows are ordered over all files, by time and then by the spine's keys. */
export function runSkeleton(options: SkeletonOptions): Promise<readonly WrittenFile[]> {
  return runRows(options, (step) => writeFiles(step, options));
}

/** Makes the relation of the day's rows, whose column `__row` is their order, and hands it to `write`. */
export async function runRows<T>(options: RowsOptions, write: (step: WriteStep) => Promise<T>): Promise<T> {
  for (const operator of options.plan.operators) {
    for (const step of emitOperator(operator, options.context)) {
      options.signal.throwIfAborted();
      try {
        if (step.kind === "write") return await write(step);
        await runStep(step, options);
      } catch (error) {
        throw explain(error, operator, options);
      }
    }
  }
  throw new Error("the plan has no skeleton sink");
}

async function runStep(step: Exclude<Step, WriteStep>, {session, engine}: RowsOptions): Promise<void> {
  if (step.kind === "run") {
    await session.run(step.sql);
  } else if (step.kind === "narrow") {
    await session.run((await renderNarrowed(step, session)) ?? step.sql);
  } else if (step.kind === "expect-none") {
    const rows = await session.rows(step.sql);
    if (rows.length > 0) throw step.fail(rows);
  } else {
    await runAggregation(session, engine, await completeTask(session, step.task));
  }
}

/** More than this many keys are no help to a server, and a long statement. */
const keysMax = 50_000;

async function renderNarrowed(step: Extract<Step, {kind: "narrow"}>, session: DuckDbSession): Promise<string | undefined> {
  const values = new Map<string, readonly string[]>();
  for (const [key, sql] of step.keys) {
    const rows = await session.rows(`${sql} LIMIT ${keysMax + 1}`);
    if (rows.length <= keysMax) values.set(key, rows.map((row) => row["value"] as string).sort());
  }
  return values.size === 0 ? undefined : step.render(values);
}

/** Fills in what only the prepared history table knows: the element types. */
export async function completeTask(session: DuckDbSession, task: Extract<Step, {kind: "aggregate"}>["task"]): Promise<AggregationTask> {
  const columns = await session.describe(`FROM ${quoteName(task.history)}`);
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const elementType = (window: Omit<Window, "elementType">): string => {
    const {operation, value} = window;
    // What only counts or tells the time looks at a value to see whether it is NULL.
    if (operation === "count" || operation === "time_since_last" || value === undefined) return "BIGINT";
    const type = types.get(value)!;
    if (operationRules[operation].takes === "number" && !wholeTypes.has(type) && !/^(DOUBLE|FLOAT|DECIMAL.*)$/.test(type)) {
      throw DaedalusError.of("aggregation-value", {spec: window.name, operation, column: value, expected: "a single number", dtype: type});
    }
    return operation === "flatten_distinct" ? type.replace(/\[\d*\]$/, "") : type;
  };
  return {...task, windows: task.windows.map((window) => ({...window, elementType: elementType(window)}))};
}

/** Windows that the chosen engine refuses are computed by `duckdb`, which can do them all. */
async function runAggregation(session: DuckDbSession, engine: AggregationEngine, task: AggregationTask): Promise<void> {
  const able = task.windows.filter((window) => engine.refusal(window) === undefined);
  const refused = task.windows.filter((window) => engine.refusal(window) !== undefined);
  if (refused.length === 0) return engine.run(session, task);
  if (able.length === 0) return duckdbAggregation.run(session, task);
  const [first, second] = [`${task.output}__able`, `${task.output}__refused`];
  await engine.run(session, {...task, windows: able, output: first});
  await duckdbAggregation.run(session, {...task, windows: refused, output: second});
  const columns = task.windows.map((window) => quoteName(window.name)).join(", ");
  await session.run(
    `CREATE TEMP TABLE ${quoteName(task.output)} AS SELECT __row, ${columns} FROM ${quoteName(first)} JOIN ${quoteName(second)} USING (__row)`,
  );
  for (const table of [first, second]) await session.run(`DROP TABLE ${quoteName(table)}`);
}

async function writeFiles(step: WriteStep, {session, directory, rowsPerFile, signal}: SkeletonOptions): Promise<WrittenFile[]> {
  const relation = quoteName(step.relation);
  await session.run(`CREATE TEMP TABLE __kept AS SELECT __row, row_number() OVER (ORDER BY __row) - 1 AS __position FROM ${relation}`);
  const [{count} = {count: 0n}] = (await session.rows("SELECT count(*) AS count FROM __kept")) as {count: bigint}[];
  const rowCount = Number(count);
  const fileCount = Math.max(1, Math.ceil(rowCount / rowsPerFile));
  const files: WrittenFile[] = [];
  for (let index = 0; index < fileCount; index += 1) {
    signal.throwIfAborted();
    const [first, end] = [index * rowsPerFile, Math.min(rowCount, (index + 1) * rowsPerFile)];
    const isPart = `__row IN (SELECT __row FROM __kept WHERE __position >= ${first} AND __position < ${end})`;
    const name = `part-${String(index).padStart(5, "0")}.parquet`;
    const path = join(directory, name);
    const query = `SELECT ${quoteNames(step.columns)} FROM ${relation}${fileCount > 1 ? ` WHERE ${isPart}` : ""} ORDER BY __row`;
    await session.run(`COPY (${query}) TO ${quoteText(path)} ${parquetOptions}`);
    files.push({name, rows: end - first, bytes: statSync(path).size});
  }
  return files;
}

function explain(error: unknown, operator: Operator, options: RowsOptions): unknown {
  if (error instanceof DaedalusError || options.signal.aborted) return error;
  const explained = explainWriteFailure(error, options.directory ?? options.session.scratchDirectory);
  if (explained instanceof DaedalusError) return explained;
  return DaedalusError.of("operator-failed", {operator: operator.name, reason: reasonOf(error)}, {place: options.placeOf(operator), cause: error});
}
