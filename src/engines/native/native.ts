/**
 * Our own windows: DuckDB sorts the history once by key and instant and hands it over as vectors; a kernel slides over it
 * (`window-values.ts`), only for the rows that are asked for; DuckDB reads the result as a table.
 * What is held at a time is bounded: history comes in blocks of whole keys, and rows in slices of as many as their lists leave room for.
 */
import {availableParallelism} from "node:os";
import {randomUUID} from "node:crypto";
import {DaedalusError} from "../../errors.js";
import {quoteName} from "../../sources/quote.js";
import {resultTypeOf, type AggregationEngine, type AggregationTask, type SqlSession, type Window} from "../aggregation-engine.js";
import {widthOfType} from "../raw-vectors.js";
import {ColumnsBuilder, type Columns} from "./columns.js";
import type {Job} from "./job.js";
import {planPass, splitPasses, type Pass} from "./native-plan.js";
import {Locations, ResultChunks, type FinishedJob} from "./result-chunks.js";
import {KernelThreads} from "./kernel-threads.js";
import {TieCheck, ValueTie} from "./tie-check.js";

/**
 * History rows of a block, and rows of a job: enough to be worth a message to another thread. A block has about one job; the block of a key
 * with much of the history has many, so that such a key keeps all threads busy.
 */
const blockRowsMin = 128 * 1024;
const jobRowsMax = 16 * 1024;

/** Instants are told as microseconds from the first row's; what lies further away is as far as this. */
const farUs = 2 ** 52;

const listOperations: ReadonlySet<string> = new Set(["list", "distinct_list", "flatten_distinct", "top_k"]);
const droppingOperations: ReadonlySet<string> = new Set(["list", "distinct_list", "flatten_distinct", "count"]);

function refuse({operation, elementType, pairCondition, knownAt, windowUs, exclude, current, value}: Window): string | undefined {
  if (pairCondition !== undefined) return "a condition that mentions cur.* is no property of the history alone";
  if (knownAt !== undefined) return "history that is known later than its instant is no range of a sorted history";
  if (windowUs !== undefined && windowUs > farUs) return "the window is longer than a century";
  if (exclude && !droppingOperations.has(operation)) return `${operation} with exclude_self looks at all of a window again for each row`;
  if (current && operation === "top_k") return "top_k with include_current looks at all values of a window again for each row";
  const isText = elementType === "VARCHAR";
  if (isText && operation === "flatten_distinct") return "lists of text are not numbers";
  if (value !== undefined && operation !== "count" && !isText && !widthOfType.has(elementType)) return `values of type ${elementType} have no fixed width`;
  return undefined;
}

/**
 * @example
 * await nativeAggregation.run(session, {target: "spine", history: "events", output: "windows", keys, orderColumns, windows});
 */
export const nativeAggregation: AggregationEngine = {name: "native", refusal: refuse, run: runTask};

interface Reach {
  readonly firstTs: bigint;
  readonly lastTs: bigint;
  readonly rowCount: number;
}

const keyTable = "__native_key";

async function runTask(session: SqlSession, task: AggregationTask): Promise<void> {
  const types = {history: await readTypes(session, task.history), target: await readTypes(session, task.target)};
  const [reachRow] = await session.rows(`SELECT coalesce(min(__ts), 0) AS first, coalesce(max(__ts), 0) AS last, count(*) AS count FROM ${quoteName(task.target)}`);
  const reach = {firstTs: reachRow!["first"] as bigint, lastTs: reachRow!["last"] as bigint, rowCount: Number(reachRow!["count"])};
  const [settings] = await session.rows("SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory");
  const columns = task.windows.map((window) => `, ${quoteName(window.name)} ${resultTypeOf(window)}`);
  const passes = splitPasses(task);
  const outputs = passes.map((_, at) => (passes.length === 1 ? task.output : `${task.output}__pass_${at}`));
  const rowsAtOnce = rowsInMemory(task.windows, parseBytes(settings!["memory"] as string));
  const threads = new KernelThreads(Math.min(Number(settings!["threads"]), availableParallelism()));
  const temporary: string[] = [];
  try {
    await writeKeys(session, task, temporary);
    for (const [at, windows] of passes.entries()) {
      const declared = passes.length === 1 ? columns : windows.map((window) => `, ${quoteName(window.name)} ${resultTypeOf(window)}`);
      await session.run(`CREATE TABLE ${quoteName(outputs[at]!)} (__row BIGINT${declared.join("")})`);
      const pass = planPass(task, passes.length === 1 ? task.windows : windows, types);
      for (const {table, values} of pass.dictionaries) {
        temporary.push(table);
        await session.run(`CREATE TEMP TABLE ${table} AS SELECT value, CAST(row_number() OVER (ORDER BY value) - 1 AS INTEGER) AS code FROM (SELECT DISTINCT value FROM (${values}))`);
      }
      const runSlices = async (isGuessed: boolean): Promise<void> => {
        for (let first = 0; first < reach.rowCount; first += rowsAtOnce) {
          await runSlice(session, {task, pass, isGuessed, reach, threads, output: outputs[at]!, first, end: Math.min(reach.rowCount, first + rowsAtOnce)});
        }
      };
      try {
        await runSlices(pass.guess !== undefined);
      } catch (error) {
        if (!(error instanceof ValueTie)) throw error;
        await session.run(`DELETE FROM ${quoteName(outputs[at]!)}`);
        await runSlices(false);
      }
      for (const {table} of pass.dictionaries) await session.run(`DROP TABLE ${table}`);
      temporary.splice(1);
    }
    if (passes.length > 1) await joinPasses(session, task, outputs);
  } finally {
    await threads.close();
    for (const table of temporary) await session.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

async function readTypes(session: SqlSession, table: string): Promise<ReadonlyMap<string, string>> {
  const rows = await session.rows(`DESCRIBE FROM ${quoteName(table)}`);
  return new Map(rows.map((row) => [row["column_name"] as string, row["column_type"] as string]));
}

/** `18.6 GiB`, as DuckDB words its limit. */
function parseBytes(text: string): number {
  const [, number = "1", unit = "GiB"] = /^([\d.]+) (\w+)$/.exec(text) ?? [];
  return Number(number) * 1024 ** ["bytes", "KiB", "MiB", "GiB", "TiB"].indexOf(unit);
}

/** Results get a quarter of the memory. How long lists are is not known before; those without a limit are taken for long ones. */
function rowsInMemory(windows: readonly Window[], memoryBytes: number): number {
  const listed = windows.filter(({operation}) => listOperations.has(operation));
  const bytes = 32 + 16 * windows.length + 8 * listed.reduce((sum, {maxItems}) => sum + Math.min(maxItems ?? 1024, 1024), 0);
  return Math.max(chunkMultiple, Math.floor(memoryBytes / 4 / bytes / chunkMultiple) * chunkMultiple);
}
const chunkMultiple = 2048;

async function writeKeys(session: SqlSession, task: AggregationTask, temporary: string[]): Promise<void> {
  const names = task.keys.map((key, at) => `${quoteName(key.target)} AS key_${at + 1}`).join(", ");
  const present = task.keys.map((key) => `${quoteName(key.target)} IS NOT NULL`).join(" AND ");
  temporary.push(keyTable);
  await session.run(`CREATE TEMP TABLE ${keyTable} AS
SELECT *, CAST(row_number() OVER () AS INTEGER) AS __key FROM (SELECT DISTINCT ${names} FROM ${quoteName(task.target)} WHERE ${present})`);
}

const matchKeys = (task: AggregationTask, side: "target" | "history", alias: string): string =>
  task.keys.map((key, at) => `${alias}.${quoteName(key[side])} = keys.key_${at + 1}`).join(" AND ");

interface Slice {
  readonly task: AggregationTask;
  readonly pass: Pass;
  /** Whether the history comes in the order that the pass guesses. */
  readonly isGuessed: boolean;
  readonly reach: Reach;
  readonly threads: KernelThreads;
  readonly output: string;
  /** Rows `[first, end)` by `__row`. */
  readonly first: number;
  readonly end: number;
}

async function runSlice(session: SqlSession, slice: Slice): Promise<void> {
  const {pass, first, end, threads} = slice;
  const target = await readTarget(session, slice);
  const rows = new Int32Array(target.values[0]!.bytes, 0, target.rowCount);
  const locations = new Locations(end - first);
  const pending: Promise<void>[] = [];
  const finished: FinishedJob[] = [];
  const submit = async (history: Columns, from: number, to: number): Promise<void> => {
    for (let start = from; start < to; start += jobRowsMax) {
      const job: Job = {kernel: pass.kernel, history, target, from: start, to: Math.min(to, start + jobRowsMax)};
      const at = finished.push({from: job.from, results: []}) - 1;
      for (let row = job.from; row < job.to; row += 1) {
        locations.job[rows[row]! - first] = at;
        locations.place[rows[row]! - first] = row - job.from;
      }
      const done = threads.run(job).then((results) => {
        for (const result of results) if (result.kind === "overflow") throw DaedalusError.of("aggregation-overflow", {spec: result.window});
        finished[at] = {from: job.from, results};
      });
      // A failure is met where the job is awaited.
      done.catch(() => undefined);
      pending.push(done);
      // Blocks wait in memory for a thread: only a few may.
      if (pending.length > 3 * threads.count) await pending.shift();
    }
  };
  try {
    await streamHistory(session, slice, target, submit);
  } finally {
    await Promise.allSettled(pending);
  }
  await Promise.all(pending);

  const columns = pass.windows.map((window) => {
    const isCoded = pass.decoded.has(window.name);
    const type = resultTypeOf(window);
    const isNullWithoutValue = !listOperations.has(window.operation) && !["count", "count_distinct", "sum", "decay_sum"].includes(window.operation);
    return {name: window.name, type: isCoded ? type.replace("VARCHAR", "INTEGER") : type, isNullWithoutValue};
  });
  const chunks = new ResultChunks(columns, finished, locations, first);
  const provided = `native_${randomUUID().replaceAll("-", "")}`;
  session.provideTable({
    name: provided,
    columns: [{name: "__row", type: "BIGINT"}, ...columns],
    rowCount: end - first,
    readChunk: (index) => chunks.read(index),
  });
  await session.run(`INSERT INTO ${quoteName(slice.output)}\n${renderDecoded(pass, provided)}`);
}

/** Numbers of dictionaries become their values again. */
function renderDecoded({windows, decoded}: Pass, provided: string): string {
  if (decoded.size === 0) return `FROM ${provided}()`;
  const tables = [...new Set(decoded.values())];
  const values = windows.map(({name, operation}) => {
    const column = `r.${quoteName(name)}`;
    const dictionary = decoded.get(name);
    if (!dictionary) return column;
    const all = `d_${tables.indexOf(dictionary)}.all_values`;
    return `${listOperations.has(operation) ? `list_transform(${column}, lambda code: ${all}[code + 1])` : `${all}[${column} + 1]`} AS ${quoteName(name)}`;
  });
  const joins = tables.map(({table}, at) => ` CROSS JOIN (SELECT list(value ORDER BY code) AS all_values FROM ${table}) d_${at}`);
  return `SELECT r.__row, ${values.join(", ")} FROM ${provided}() r${joins.join("")}`;
}

async function readTarget(session: SqlSession, {task, pass, reach, first, end}: Slice): Promise<Columns> {
  const sql = `SELECT keys.__key, CAST(cur.__ts - ${reach.firstTs} AS DOUBLE), ${pass.target.select}
FROM (FROM ${quoteName(task.target)} WHERE __row >= ${first} AND __row < ${end}) cur JOIN ${keyTable} keys ON ${matchKeys(task, "target", "cur")}${pass.target.joins}
ORDER BY keys.__key, cur.__ts`;
  const builder = new ColumnsBuilder(pass.target.shape, end - first);
  for await (const chunk of session.chunks(sql, ["INTEGER", "DOUBLE", ...pass.target.types])) builder.append(chunk);
  return builder.finish();
}

/** Hands over blocks of whole keys with the rows of those keys; rows whose key has no history come with the next block. */
async function streamHistory(session: SqlSession, {task, pass, isGuessed, reach}: Slice, target: Columns, submit: (history: Columns, from: number, to: number) => Promise<void>): Promise<void> {
  const bounded = pass.windows.flatMap(({windowUs}) => windowUs ?? []);
  const oldest = bounded.length === pass.windows.length ? ` AND hist.__ts >= ${reach.firstTs - BigInt(Math.max(...bounded))}` : "";
  const far = reach.firstTs - BigInt(farUs);
  const guess = isGuessed ? pass.guess : undefined;
  const selected = [pass.history.select, guess?.select ?? ""].filter((text) => text !== "").map((text) => `, ${text}`).join("");
  const sql = `SELECT keys.__key, CAST(greatest(hist.__ts, ${far}) - ${reach.firstTs} AS DOUBLE)${selected}
FROM ${quoteName(task.history)} hist JOIN ${keyTable} keys ON ${matchKeys(task, "history", "hist")}${pass.history.joins}
WHERE hist.__ts < ${reach.lastTs}${oldest}
ORDER BY ${["keys.__key", "hist.__ts", ...(guess ?? pass).order].map((sorted) => `${sorted} ASC NULLS FIRST`).join(", ")}`;
  let row = 0;
  let builder = new ColumnsBuilder(pass.history.shape, blockRowsMin);
  const ties = guess && new TieCheck();
  for await (const chunk of session.chunks(sql, ["INTEGER", "DOUBLE", ...pass.history.types, ...(guess?.types ?? [])])) {
    ties?.look(chunk);
    builder.append(chunk);
    if (builder.rowCount < blockRowsMin) continue;
    const complete = builder.lastKeyStart;
    if (complete === 0) continue;
    const {columns, rest} = builder.split(complete, blockRowsMin);
    builder = rest;
    const lastKey = columns.key[complete - 1]!;
    const from = row;
    while (row < target.rowCount && target.key[row]! <= lastKey) row += 1;
    await submit(columns, from, row);
  }
  await submit(builder.finish(), row, target.rowCount);
}

async function joinPasses(session: SqlSession, task: AggregationTask, outputs: readonly string[]): Promise<void> {
  const [first, ...others] = outputs.map(quoteName);
  const names = task.windows.map((window) => quoteName(window.name)).join(", ");
  await session.run(`CREATE TABLE ${quoteName(task.output)} AS SELECT __row, ${names} FROM ${first!}${others.map((other) => ` JOIN ${other} USING (__row)`).join("")}`);
  for (const table of outputs) await session.run(`DROP TABLE ${quoteName(table)}`);
}
