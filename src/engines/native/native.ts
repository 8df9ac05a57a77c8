/**
 * Our own windows: DuckDB hands the history over once, as vectors; it is sorted by key and instant (here, or by DuckDB where there is too
 * much of it), and a kernel slides over it (`window-values.ts`), only for the rows that are asked for. Results stay where they were made, and each
 * row fetches its own by a function of `__row` when it is written: lists are assembled once, in the order of the output, and nobody sorts or joins them.
 * What is held at a time is bounded: history comes in blocks of whole keys, and rows in slices of as many as their lists leave room for, by key,
 * so that a slice needs the history of few keys.
 */
import {availableParallelism} from "node:os";
import {randomUUID} from "node:crypto";
import {DaedalusError} from "../../errors.js";
import {quoteName} from "../../sources/quote.js";
import {inTable, resultTypeOf, type AggregationEngine, type AggregationTask, type SqlSession, type Window, type WindowColumn, type WindowColumns} from "../aggregation-engine.js";
import {chunkRows, widthOfType} from "../raw-vectors.js";
import {readLimits} from "../session-limits.js";
import {ArrivalsBuilder} from "./arrivals.js";
import {ColumnsBuilder, type Columns} from "./columns.js";
import type {Job} from "./job.js";
import {matchKeys, numberKeys, readTypes} from "./key-table.js";
import {openNativeJoins} from "./native-joins.js";
import {planPass, splitPasses, type Pass} from "./native-plan.js";
import {Locations, readChunk, WindowVectors, type FinishedJob, type ResultColumn} from "./window-vectors.js";
import {KernelThreads} from "./kernel-threads.js";
import {TieCheck, ValueTie} from "./tie-check.js";

/**
 * History rows of a block, and rows of a job: enough to be worth a message to another thread. A block has one job, because each thread prepares
 * the block for itself; only that of a key with much of the history has several, so that such a key keeps all threads busy.
 */
const blockRowsMin = 128 * 1024;
/** A block is full within a chunk. */
const blockCapacity = blockRowsMin + chunkRows;
const jobRowsMax = 64 * 1024;

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
export const nativeAggregation: AggregationEngine = {name: "native", refusal: refuse, readsOnce, run: runTask, openViewJoins: openNativeJoins};

/** Text and what is dropped by it are read for their dictionaries, too. */
function readsOnce(task: AggregationTask): boolean {
  return splitPasses(task).length === 1 && task.windows.every(({elementType, exclude}) => elementType !== "VARCHAR" && exclude === undefined);
}

interface Reach {
  readonly firstTs: bigint;
  readonly lastTs: bigint;
  readonly rowCount: number;
}

const keyTable = "__native_key";

async function runTask(session: SqlSession, task: AggregationTask): Promise<WindowColumns> {
  const types = {history: await readTypes(session, quoteName(task.history)), target: await readTypes(session, quoteName(task.target))};
  const [reachRow] = await session.rows(`SELECT coalesce(min(__ts), 0) AS first, coalesce(max(__ts), 0) AS last, count(*) AS count FROM ${quoteName(task.target)}`);
  const reach = {firstTs: reachRow!["first"] as bigint, lastTs: reachRow!["last"] as bigint, rowCount: Number(reachRow!["count"])};
  const limits = await readLimits(session);
  const passes = splitPasses(task);
  const shareBytes = limits.memoryBytes / 4;
  const threads = new KernelThreads(Math.min(limits.threadCount, availableParallelism()));
  const found = new Map<string, WindowColumn>();
  try {
    const keyCount = await numberKeys(session, {table: keyTable, relation: quoteName(task.target), keys: task.keys.map((key) => key.target)});
    for (const [at, windows] of passes.entries()) {
      const pass = planPass(task, windows, types);
      const output = passes.length === 1 ? task.output : `${task.output}__pass_${at}`;
      for (const [name, column] of await runPass(session, {task, pass, reach, threads, output, shareBytes, keyCount})) found.set(name, column);
    }
  } finally {
    await threads.close();
    await session.run(`DROP TABLE IF EXISTS ${keyTable}`);
  }
  return new Map(task.windows.map(({name}) => [name, found.get(name)!]));
}

async function runPass(session: SqlSession, run: PassRun): Promise<WindowColumns> {
  const {pass, reach, output, shareBytes} = run;
  const rowsAtOnce = rowsInMemory(pass.windows, shareBytes);
  try {
    for (const {table, values} of pass.dictionaries) {
      await session.run(`CREATE TEMP TABLE ${table} AS SELECT value, CAST(row_number() OVER (ORDER BY value) - 1 AS INTEGER) AS code FROM (SELECT DISTINCT value FROM (${values}))`);
    }
    const createTable = (): Promise<void> => session.run(`CREATE TABLE ${quoteName(output)} (__row BIGINT${pass.windows.map((window) => `, ${quoteName(window.name)} ${resultTypeOf(window)}`).join("")})`);
    if (reach.rowCount <= rowsAtOnce) {
      const computed = await guessed(pass, (isGuessed) => computeSlice(session, {...run, isGuessed, first: 0, end: reach.rowCount, keys: undefined}));
      // Results stay here, and rows fetch theirs, unless they are too many to stay or must become text again.
      if (computed.vectors.byteLength <= shareBytes && pass.decoded.size === 0) return provideColumns(session, computed);
      await createTable();
      await insertRows(session, run, computed);
    } else {
      await createTable();
      await writePlaces(session, run.task);
      await guessed(pass, async (isGuessed) => {
        await session.run(`DELETE FROM ${quoteName(output)}`);
        for (let first = 0; first < reach.rowCount; first += rowsAtOnce) {
          const end = Math.min(reach.rowCount, first + rowsAtOnce);
          await insertRows(session, run, await computeSlice(session, {...run, isGuessed, first, end, keys: await findKeys(session, first, end)}));
        }
      });
    }
    return inTable({windows: pass.windows, output});
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${placeTable}`);
    for (const {table} of pass.dictionaries) await session.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

/** Once more in the order that needs no guess, where the guess was wrong. */
async function guessed<T>({guess}: Pass, work: (isGuessed: boolean) => Promise<T>): Promise<T> {
  try {
    return await work(guess !== undefined);
  } catch (error) {
    if (!(error instanceof ValueTie)) throw error;
    return work(false);
  }
}

/**
 * How many rows have room for their results. Lists that are no stretches of the history are copied; how long they are is not known before, and
 * those without a limit are taken for long ones.
 */
function rowsInMemory(windows: readonly Window[], resultBytes: number): number {
  const copied = windows.filter(({operation, exclude, current}) => listOperations.has(operation) && (operation !== "list" || exclude || current));
  const bytes = 32 + 16 * windows.length + 8 * copied.reduce((sum, {maxItems}) => sum + Math.min(maxItems ?? 1024, 1024), 0);
  return Math.max(chunkRows, Math.floor(resultBytes / bytes / chunkRows) * chunkRows);
}

/** Where rows stand when they are sorted by key and instant, those without a key last. */
const placeTable = "__native_place";

async function writePlaces(session: SqlSession, task: AggregationTask): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE ${placeTable} AS
SELECT cur.__row, keys.__key, row_number() OVER (ORDER BY keys.__key NULLS LAST, cur.__ts, cur.__row) - 1 AS __place
FROM ${quoteName(task.target)} cur LEFT JOIN ${keyTable} keys ON ${matchSide(task, "target", "cur")}`);
}

/** The keys of the rows at places `[first, end)`. */
async function findKeys(session: SqlSession, first: number, end: number): Promise<KeyRange> {
  const [row] = await session.rows(`SELECT coalesce(min(__key), 0) AS first, coalesce(max(__key), -1) AS last FROM ${placeTable} WHERE __place >= ${first} AND __place < ${end}`);
  return {first: Number(row!["first"]), last: Number(row!["last"])};
}

interface KeyRange {
  readonly first: number;
  readonly last: number;
}

const matchSide = (task: AggregationTask, side: "target" | "history", alias: string): string => matchKeys(task.keys.map((key) => key[side]), alias);

interface PassRun {
  readonly task: AggregationTask;
  readonly pass: Pass;
  readonly reach: Reach;
  readonly threads: KernelThreads;
  /** The table of results, if one is made. */
  readonly output: string;
  /** What results may take, and what history may that waits to be sorted. */
  readonly shareBytes: number;
  readonly keyCount: number;
}

interface Slice extends PassRun {
  /** Whether the history comes in the order that the pass guesses. */
  readonly isGuessed: boolean;
  /** Rows `[first, end)`: by `__row`, or by their places where only these keys are asked for. */
  readonly first: number;
  readonly end: number;
  readonly keys: KeyRange | undefined;
}

interface Computed {
  readonly columns: readonly (ResultColumn & {readonly name: string})[];
  readonly vectors: WindowVectors;
}

async function computeSlice(session: SqlSession, slice: Slice): Promise<Computed> {
  const {pass, first, end, threads} = slice;
  const target = await readTarget(session, slice);
  const rows = new Int32Array(target.values[0]!.bytes, 0, target.rowCount);
  const locations = new Locations(end - first);
  const pending: Promise<void>[] = [];
  const finished: FinishedJob[] = [];
  const submit: Submit = async (history, from, to) => {
    const block = threads.beginBlock();
    for (let start = from; start < to; start += jobRowsMax) {
      const job: Job = {kernel: pass.kernel, block, history, target, from: start, to: Math.min(to, start + jobRowsMax)};
      const at = finished.push({from: job.from, results: []}) - 1;
      for (let row = job.from; row < job.to; row += 1) {
        locations.job[rows[row]! - first] = at;
        locations.place[rows[row]! - first] = row - job.from;
      }
      const done = threads.run(job).then((results) => {
        for (const result of results) {
          if (result.kind === "tie") throw new ValueTie();
          if (result.kind === "overflow") throw DaedalusError.of("aggregation-overflow", {spec: result.window});
        }
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
  return {columns, vectors: new WindowVectors(columns, finished, locations, first)};
}

function provideColumns(session: SqlSession, {columns, vectors}: Computed): WindowColumns {
  const prefix = uniqueName();
  return new Map(
    columns.map(({name, type}, at) => {
      const provided = `${prefix}_${at}`;
      session.provideFunction({name: provided, type, compute: (rows) => vectors.read(at, rows)});
      return [name, {function: provided, lists: vectors.stretches(at)}];
    }),
  );
}

async function insertRows(session: SqlSession, {pass, output, reach}: PassRun, {columns, vectors}: Computed): Promise<void> {
  const provided = uniqueName();
  session.provideTable({
    name: provided,
    columns: [{name: "__row", type: "BIGINT"}, ...columns],
    rowCount: vectors.rowCount,
    readChunk: (index) => readChunk(vectors, columns.length, index),
  });
  const rows = `(${renderDecoded(pass, provided)})`;
  const isPlaced = vectors.rowCount < reach.rowCount;
  await session.run(`INSERT INTO ${quoteName(output)}\n${isPlaced ? `SELECT p.__row, r.* EXCLUDE (__row) FROM ${rows} r JOIN ${placeTable} p ON r.__row = p.__place` : `FROM ${rows}`}`);
}

const uniqueName = (): string => `native_${randomUUID().replaceAll("-", "")}`;

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

async function readTarget(session: SqlSession, {task, pass, reach, first, end, keys}: Slice): Promise<Columns> {
  const target = quoteName(task.target);
  const rows = keys === undefined ? `FROM ${target}` : `SELECT t.* REPLACE (p.__place AS __row) FROM ${target} t JOIN ${placeTable} p ON t.__row = p.__row WHERE p.__place >= ${first} AND p.__place < ${end}`;
  const sql = `SELECT keys.__key, CAST(cur.__ts - ${reach.firstTs} AS DOUBLE), ${pass.target.select}
FROM (${rows}) cur JOIN ${keyTable} keys ON ${matchSide(task, "target", "cur")}${pass.target.joins}
ORDER BY keys.__key, cur.__ts`;
  const builder = new ColumnsBuilder(pass.target.shape, end - first);
  for await (const chunk of session.chunks(sql, ["INTEGER", "DOUBLE", ...pass.target.types])) builder.append(chunk);
  return builder.finish();
}

type Submit = (history: Job["history"], from: number, to: number) => Promise<void>;

/** Hands over blocks of whole keys with the rows of those keys; rows whose key has no history come with another block. */
async function streamHistory(session: SqlSession, slice: Slice, target: Columns, submit: Submit): Promise<void> {
  const {pass, isGuessed} = slice;
  const rowsUpTo = followTarget(target);
  const arrived = pass.arrivals !== undefined && isGuessed === (pass.guess !== undefined) ? await readArrivals(session, slice) : undefined;
  if (!arrived) return streamSorted(session, slice, async (history, lastKey) => submit(history, ...rowsUpTo(lastKey)));
  for (const block of arrived.blocks(pass.arrivals!, blockRowsMin)) await submit(block, ...rowsUpTo(block.firstKey + block.keyCount - 1));
}

/** Gives the rows of the target up to a key, from those that it gave before. */
function followTarget({key, rowCount}: Columns): (lastKey: number) => [from: number, to: number] {
  let row = 0;
  return (lastKey) => {
    const from = row;
    while (row < rowCount && key[row]! <= lastKey) row += 1;
    return [from, row];
  };
}

/** All rows in any order; undefined where they take too much memory. */
async function readArrivals(session: SqlSession, slice: Slice): Promise<ArrivalsBuilder | undefined> {
  const {history, guess} = slice.pass;
  const hashes = guess === undefined ? [] : [guess.hashes.value];
  const shape = {...history.shape, values: [...history.shape.values, ...hashes.map(() => ({width: 8, isList: false}))]};
  const builder = new ArrivalsBuilder(shape, slice.keys ?? {first: 0, last: slice.keyCount - 1});
  for await (const chunk of session.chunks(renderHistory(slice, hashes), ["INTEGER", "DOUBLE", ...history.types, ...hashes.map(() => "DOUBLE")])) {
    builder.append(chunk);
    if (builder.byteCount > slice.shareBytes) return undefined;
  }
  return builder;
}

async function streamSorted(session: SqlSession, slice: Slice, submit: (history: Columns, lastKey: number) => Promise<void>): Promise<void> {
  const {history, guess: planned, order} = slice.pass;
  const guess = slice.isGuessed ? planned : undefined;
  const hashes = guess === undefined ? [] : [guess.hashes.place, guess.hashes.value];
  const sql = `${renderHistory(slice, hashes)}
ORDER BY ${["keys.__key", "hist.__ts", ...(guess?.order ?? order)].map((sorted) => `${sorted} ASC NULLS FIRST`).join(", ")}`;
  let builder = new ColumnsBuilder(history.shape, blockCapacity);
  const ties = guess && new TieCheck();
  for await (const chunk of session.chunks(sql, ["INTEGER", "DOUBLE", ...history.types, ...hashes.map(() => "DOUBLE")])) {
    ties?.look(chunk);
    builder.append(chunk);
    if (builder.rowCount < blockRowsMin) continue;
    const complete = builder.lastKeyStart;
    if (complete === 0) continue;
    const {columns, rest} = builder.split(complete, blockCapacity);
    builder = rest;
    await submit(columns, columns.key[complete - 1]!);
  }
  await submit(builder.finish(), Infinity);
}

/** The history that rows may look at, of keys that they have. */
function renderHistory({task, pass, reach, keys}: Slice, added: readonly string[]): string {
  const bounded = pass.windows.flatMap(({windowUs}) => windowUs ?? []);
  const oldest = bounded.length === pass.windows.length ? ` AND hist.__ts >= ${reach.firstTs - BigInt(Math.max(...bounded))}` : "";
  const far = reach.firstTs - BigInt(farUs);
  const selected = [pass.history.select, ...added].filter((text) => text !== "").map((text) => `, ${text}`).join("");
  return `SELECT keys.__key, CAST(greatest(hist.__ts, ${far}) - ${reach.firstTs} AS DOUBLE)${selected}
FROM ${quoteName(task.history)} hist JOIN ${keyTable} keys ON ${matchSide(task, "history", "hist")}${pass.history.joins}
WHERE hist.__ts < ${reach.lastTs}${oldest}${keys === undefined ? "" : ` AND keys.__key BETWEEN ${keys.first} AND ${keys.last}`}`;
}
