/**
 * Our own windows: DuckDB hands the history over once, as vectors; it is sorted by key and instant (here, or by DuckDB where there is too
 * much of it), and a kernel slides over it (`window-values.ts`), only for the rows that are asked for. Results stay where they were made, and each
 * row fetches its own by a function of `__row` when it is written: lists are assembled once, in the order of the output, and nobody sorts or joins them.
 * What is held at a time is bounded: history comes in blocks of whole keys, of rows as many keys are read as have room, and results that have no room
 * go to a file (`spilled-results.ts`).
 */
import {availableParallelism} from "node:os";
import {randomUUID} from "node:crypto";
import {DaedalusError} from "../../errors.js";
import {quoteName} from "../../sources/quote.js";
import {inTable, resultTypeOf, type AggregationEngine, type AggregationTask, type ProvidedColumn, type SqlSession, type Window, type WindowColumn, type WindowColumns} from "../aggregation-engine.js";
import {collectGarbage} from "../garbage.js";
import {chunkRows, widthOfType} from "../raw-vectors.js";
import {readLimits, type SessionLimits} from "../session-limits.js";
import {ArrivalsBuilder} from "./arrivals.js";
import {ColumnsBuilder, type Columns} from "./columns.js";
import type {Job} from "./job.js";
import {matchKeys, numberKeys, readTypes} from "./key-table.js";
import {openNativeJoins} from "./native-joins.js";
import {planPass, splitPasses, type Pass, type TaskTypes} from "./native-plan.js";
import {KernelThreads} from "./kernel-threads.js";
import {MemoryFull} from "./memory-stack.js";
import {countBytes, countSharedGarbage} from "./shared-garbage.js";
import {TieCheck, ValueTie} from "./tie-check.js";
import {WindowResults, type RowResults} from "./window-results.js";
import type {ResultColumn} from "./window-vectors.js";

/**
 * History rows of a block, and rows of a job: enough to be worth a message to another thread. A block has one job, because each thread prepares
 * the block for itself; only that of a key with much of the history has several, so that such a key keeps all threads busy. They are few, however
 * many rows it has, because each slides its windows from the start of the key.
 */
const blockRowsMin = 128 * 1024;
/** A block is full within a chunk. */
const blockCapacity = blockRowsMin + chunkRows;
const jobRowsMin = 64 * 1024;
const jobsPerThread = 2;

/**
 * How many rows have room for their results. Lists that are no stretches of the history are copied; how long they are is not known before, and
 * those without a limit are taken for long ones.
 */
function fitJobRows(windows: readonly Window[], resultBytes: number): number {
  const copied = windows.filter(({operation, exclude, current}) => listOperations.has(operation) && (operation !== "list" || exclude || current));
  const bytes = 32 + 16 * windows.length + 8 * copied.reduce((sum, {maxItems}) => sum + Math.min(maxItems ?? 1024, 1024), 0);
  return Math.max(chunkRows, Math.floor(resultBytes / bytes / chunkRows) * chunkRows);
}

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
export const nativeAggregation: AggregationEngine = nativeWithin((memoryBytes) => ({resultBytes: memoryBytes / 4, historyBytes: memoryBytes / 8, targetBytes: memoryBytes / 8}));

/** The same with other shares of what the session may use. */
export function nativeWithin(share: (memoryBytes: number) => Shares): AggregationEngine {
  return {name: "native", refusal: refuse, readsOnce, run: (session, task) => runTask(session, task, share), openViewJoins: openNativeJoins};
}

/** Text and what is compared in several spellings are read for their dictionaries, too. */
async function readsOnce(session: SqlSession, task: AggregationTask): Promise<boolean> {
  const [windows = [], ...others] = splitPasses(task);
  return others.length === 0 && planPass(task, windows, await readTaskTypes(session, task)).dictionaries.length === 0;
}

async function readTaskTypes(session: SqlSession, {history, target}: AggregationTask): Promise<TaskTypes> {
  return {history: await readTypes(session, quoteName(history)), target: await readTypes(session, quoteName(target))};
}

interface Reach {
  readonly firstTs: bigint;
  readonly lastTs: bigint;
  readonly rowCount: number;
}

const keyTable = "__native_key";

async function runTask(session: SqlSession, task: AggregationTask, share: (memoryBytes: number) => Shares): Promise<WindowColumns> {
  const types = await readTaskTypes(session, task);
  const [reachRow] = await session.rows(`SELECT coalesce(min(__ts), 0) AS first, coalesce(max(__ts), 0) AS last, count(*) AS count FROM ${quoteName(task.target)}`);
  const reach = {firstTs: reachRow!["first"] as bigint, lastTs: reachRow!["last"] as bigint, rowCount: Number(reachRow!["count"])};
  const limits = await readLimits(session);
  const passes = splitPasses(task);
  const shares = share(limits.memoryBytes);
  const threads = new KernelThreads(Math.min(limits.threadCount, availableParallelism()));
  const found = new Map<string, WindowColumn>();
  let heldBytes = 0;
  try {
    await limitMemory(session, limits, limits.memoryBytes / 2);
    threads.expect(reach.rowCount);
    const keyCount = await numberKeys(session, {table: keyTable, relation: quoteName(task.target), keys: task.keys.map((key) => key.target)});
    for (const [at, windows] of passes.entries()) {
      const pass = planPass(task, windows, types);
      const output = passes.length === 1 ? task.output : `${task.output}__pass_${at}`;
      const {columns, byteLength} = await runPass(session, {task, pass, reach, threads, threadCount: limits.threadCount, output, shares, keyCount});
      for (const [name, column] of columns) found.set(name, column);
      heldBytes += byteLength;
    }
  } finally {
    await threads.close();
    await session.run(`DROP TABLE IF EXISTS ${keyTable}`);
    await limitMemory(session, limits, limits.memoryBytes - heldBytes);
  }
  return new Map(task.windows.map(({name}) => [name, found.get(name)!]));
}

/** What DuckDB needs for each of its threads, as its documentation has it. */
const threadBytes = 125_000_000;

/** Leaves memory to DuckDB, but not less than it needs. It renders a limit rounded down, and must not render the same one as less. */
async function limitMemory(session: SqlSession, {memoryBytes, threadCount}: SessionLimits, bytes: number): Promise<void> {
  const least = Math.min(memoryBytes, threadCount * threadBytes);
  // It refuses what is less than it holds and cannot write to its temporary files: then it keeps what it has.
  await session.run(`SET memory_limit = '${Math.ceil(Math.max(bytes, least) / 1024) + 1} KiB'`).catch(() => undefined);
}

interface PassColumns {
  readonly columns: WindowColumns;
  /** Of memory, until the session closes. */
  readonly byteLength: number;
}

async function runPass(session: SqlSession, run: PassRun): Promise<PassColumns> {
  const {pass} = run;
  try {
    for (const {table, values} of pass.dictionaries) {
      await session.run(`CREATE TEMP TABLE ${table} AS SELECT value, CAST(row_number() OVER (ORDER BY value) - 1 AS INTEGER) AS code FROM (SELECT DISTINCT value FROM (${values}))`);
    }
    const results = await computeRows(session, run, pass.guess !== undefined);
    const functions = provideColumns(session, pass, results);
    // Results stay here, and rows fetch theirs, unless they must become text again.
    if (pass.decoded.size === 0) return {columns: functions, byteLength: results.byteLength};
    await session.run(`CREATE TABLE ${quoteName(run.output)} AS\n${renderDecoded(run, functions)}`);
    return {columns: inTable({windows: pass.windows, output: run.output}), byteLength: results.byteLength};
  } finally {
    for (const {table} of pass.dictionaries) await session.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

/** Once more in the order that needs no guess, where the guess was wrong. */
async function computeRows(session: SqlSession, run: PassRun, isGuessed: boolean): Promise<RowResults> {
  const {pass, reach, shares, threadCount} = run;
  const columns = pass.windows.map((window) => describeResult(pass, window));
  const results = new WindowResults({columns, rowCount: reach.rowCount, bytesMax: shares.resultBytes, threadCount, directory: session.scratchDirectory});
  try {
    for (const keys of await divideKeys(session, run)) await computeSlice(session, {...run, isGuessed, keys}, results);
    return results.finish();
  } catch (error) {
    results.discard();
    if (!(error instanceof ValueTie && isGuessed)) throw error;
    return computeRows(session, run, false);
  }
}

function describeResult({decoded}: Pick<Pass, "decoded">, window: Window): ResultColumn {
  const type = resultTypeOf(window);
  return {
    type: decoded.has(window.name) ? type.replace("VARCHAR", "INTEGER") : type,
    isNullWithoutValue: !listOperations.has(window.operation) && !["count", "count_distinct", "sum", "decay_sum"].includes(window.operation),
  };
}

interface KeyRange {
  readonly first: number;
  readonly last: number;
  /** Of the target. */
  readonly rowCount: number;
}

/** As many keys at a time as the rows leave room for, but at least one. */
async function divideKeys(session: SqlSession, {task, pass, reach, keyCount, shares}: PassRun): Promise<readonly KeyRange[]> {
  const {flagWords, values} = pass.target.shape;
  const rowBytes = 12 + 4 * flagWords + values.reduce((sum, {width, isList}) => sum + (isList ? 16 * width : width), 0);
  const rowsMax = shares.targetBytes / rowBytes;
  if (reach.rowCount <= rowsMax) return [{first: 0, last: keyCount - 1, rowCount: reach.rowCount}];
  const ranges: KeyRange[] = [];
  let [first, rowCount] = [0, 0];
  const sql = `SELECT keys.__key, CAST(count(*) AS INTEGER) FROM ${quoteName(task.target)} cur JOIN ${keyTable} keys ON ${matchSide(task, "target", "cur")} GROUP BY keys.__key ORDER BY keys.__key`;
  for await (const chunk of session.chunks(sql, ["INTEGER", "INTEGER"])) {
    const [keys, counts] = chunk.columns.map(({data}) => new Int32Array(data.buffer, data.byteOffset, chunk.rowCount));
    for (let at = 0; at < chunk.rowCount; at += 1) {
      if (rowCount > 0 && rowCount + counts![at]! > rowsMax) {
        ranges.push({first, last: keys![at]! - 1, rowCount});
        [first, rowCount] = [keys![at]!, 0];
      }
      rowCount += counts![at]!;
    }
  }
  return [...ranges, {first, last: keyCount - 1, rowCount}];
}

const matchSide = (task: AggregationTask, side: "target" | "history", alias: string): string => matchKeys(task.keys.map((key) => key[side]), alias);

/** Bytes of memory. */
export interface Shares {
  /** For results. */
  readonly resultBytes: number;
  /** For history that waits to be sorted. */
  readonly historyBytes: number;
  /** For what is read of the rows. */
  readonly targetBytes: number;
}

interface PassRun {
  readonly task: AggregationTask;
  readonly pass: Pass;
  readonly reach: Reach;
  readonly threads: KernelThreads;
  /** Of DuckDB. */
  readonly threadCount: number;
  /** The table of results, if one is made. */
  readonly output: string;
  readonly shares: Shares;
  readonly keyCount: number;
}

interface Slice extends PassRun {
  /** Whether the history comes in the order that the pass guesses. */
  readonly isGuessed: boolean;
  readonly keys: KeyRange;
}

async function computeSlice(session: SqlSession, slice: Slice, results: WindowResults): Promise<void> {
  const {pass, threads, shares} = slice;
  const rowsMax = fitJobRows(pass.windows, shares.resultBytes / (3 * threads.count));
  const target = await readTarget(session, slice);
  const rows = new Int32Array(target.values[0]!.bytes, 0, target.rowCount);
  const pending: Promise<void>[] = [];
  const submit: Submit = async (history, from, to) => {
    const block = threads.beginBlock();
    const jobRows = Math.min(rowsMax, Math.max(jobRowsMin, Math.ceil((to - from) / (jobsPerThread * threads.count))));
    for (let start = from; start < to; start += jobRows) {
      const job: Job = {kernel: pass.kernel, block, history, target, from: start, to: Math.min(to, start + jobRows)};
      const done = threads.run(job).then((computed) => {
        for (const result of computed) {
          if (result.kind === "tie") throw new ValueTie();
          if (result.kind === "large") throw DaedalusError.of("aggregation-key-large", {rows: result.rowCount});
          if (result.kind === "overflow") throw DaedalusError.of("aggregation-overflow", {spec: result.window});
        }
        results.add({rows: rows.slice(job.from, job.to), results: computed});
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
}

function provideColumns(session: SqlSession, {windows, decoded}: Pass, results: RowResults): ReadonlyMap<string, ProvidedColumn> {
  const prefix = `native_${randomUUID().replaceAll("-", "")}`;
  return new Map(
    windows.map((window, at) => {
      const provided = `${prefix}_${at}`;
      session.provideFunction({name: provided, type: describeResult({decoded}, window).type, compute: (rows) => results.read(at, rows)});
      return [window.name, {function: provided, kept: results.kept(at)}];
    }),
  );
}

/** A table of all results, in which numbers of dictionaries are their values again. */
function renderDecoded({pass: {windows, decoded}, reach}: PassRun, functions: ReadonlyMap<string, {readonly function: string}>): string {
  const tables = [...new Set(decoded.values())];
  const values = windows.map((window) => {
    const {name, operation} = window;
    const column = `${functions.get(name)!.function}(r.__row)`;
    const dictionary = decoded.get(name);
    if (!dictionary) return `${column} AS ${quoteName(name)}`;
    const all = `d_${tables.indexOf(dictionary)}.all_values`;
    return `${listOperations.has(operation) ? `list_transform(${column}, lambda code: ${all}[code + 1])` : `${all}[${column} + 1]`} AS ${quoteName(name)}`;
  });
  const joins = tables.map(({table}, at) => ` CROSS JOIN (SELECT list(value ORDER BY code) AS all_values FROM ${table}) d_${at}`);
  return `SELECT r.__row, ${values.join(", ")} FROM range(${reach.rowCount}) r(__row)${joins.join("")}`;
}

async function readTarget(session: SqlSession, {task, pass, reach, keys, keyCount}: Slice): Promise<Columns> {
  const sql = `SELECT keys.__key, CAST(cur.__ts - ${reach.firstTs} AS DOUBLE), ${pass.target.select}
FROM ${quoteName(task.target)} cur JOIN ${keyTable} keys ON ${matchSide(task, "target", "cur")}${pass.target.joins}${renderKeyRange(" WHERE", keys, keyCount)}
ORDER BY keys.__key, cur.__ts`;
  const builder = new ColumnsBuilder(pass.target.shape, keys.rowCount);
  for await (const chunk of session.chunks(sql, ["INTEGER", "DOUBLE", ...pass.target.types])) builder.append(chunk);
  return builder.finish();
}

const renderKeyRange = (word: string, {first, last}: KeyRange, keyCount: number): string => (first === 0 && last === keyCount - 1 ? "" : `${word} keys.__key BETWEEN ${first} AND ${last}`);

type Submit = (history: Job["history"], from: number, to: number) => Promise<void>;

/** Hands over blocks of whole keys with the rows of those keys; rows whose key has no history come with another block. */
async function streamHistory(session: SqlSession, slice: Slice, target: Columns, submit: Submit): Promise<void> {
  const {pass, isGuessed} = slice;
  const rowsUpTo = followTarget(target);
  if (pass.arrivals && isGuessed === (pass.guess !== undefined)) {
    const arrived = await readArrivals(session, slice);
    for (const block of arrived?.blocks(pass.arrivals, blockRowsMin) ?? []) await submit(block, ...rowsUpTo(block.firstKey + block.keyCount - 1));
    if (arrived) return;
    // What had no room is held by nobody now.
    collectGarbage("major");
  }
  await streamSorted(session, slice, async (history, lastKey) => submit(history, ...rowsUpTo(lastKey)));
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
  const {history} = slice.pass;
  const builder = new ArrivalsBuilder(history.shape, slice.keys);
  try {
    await session.forEachChunk(renderHistory(slice, []), ["INTEGER", "DOUBLE", ...history.types], (chunk) => {
      builder.append(chunk);
      if (builder.byteCount > slice.shares.historyBytes) throw new MemoryFull();
    });
    return builder;
  } catch (error) {
    if (!(error instanceof MemoryFull)) throw error;
    return undefined;
  }
}

async function streamSorted(session: SqlSession, slice: Slice, submit: (history: Columns, lastKey: number) => Promise<void>): Promise<void> {
  const {history, guess: planned, order} = slice.pass;
  const guess = slice.isGuessed ? planned : undefined;
  const hashes = guess === undefined ? [] : [guess.hashes.place, guess.hashes.value];
  const sql = `${renderHistory(slice, hashes)}
ORDER BY ${["keys.__key", "hist.__ts", ...(guess?.order ?? order)].map((sorted) => `${sorted} ASC NULLS FIRST`).join(", ")}`;
  let builder = new ColumnsBuilder(history.shape, blockCapacity);
  const ties = guess && new TieCheck();
  const garbage = countSharedGarbage();
  for await (const chunk of session.chunks(sql, ["INTEGER", "DOUBLE", ...history.types, ...hashes.map(() => "DOUBLE")])) {
    ties?.look(chunk);
    builder.append(chunk);
    if (builder.rowCount < blockRowsMin) continue;
    const complete = builder.lastKeyStart;
    if (complete === 0) continue;
    const {columns, rest} = builder.split(complete, blockCapacity);
    builder = rest;
    await submit(columns, columns.key[complete - 1]!);
    garbage.note(countBytes([columns, columns.flags, columns.values.map(({bytes}) => new Uint8Array(bytes))]));
  }
  await submit(builder.finish(), Infinity);
}

/** The history that rows may look at, of keys that they have. */
function renderHistory({task, pass, reach, keys, keyCount}: Slice, added: readonly string[]): string {
  const bounded = pass.windows.flatMap(({windowUs}) => windowUs ?? []);
  const oldest = bounded.length === pass.windows.length ? ` AND hist.__ts >= ${reach.firstTs - BigInt(Math.max(...bounded))}` : "";
  const far = reach.firstTs - BigInt(farUs);
  const selected = [pass.history.select, ...added].filter((text) => text !== "").map((text) => `, ${text}`).join("");
  return `SELECT keys.__key, CAST(greatest(hist.__ts, ${far}) - ${reach.firstTs} AS DOUBLE)${selected}
FROM ${quoteName(task.history)} hist JOIN ${keyTable} keys ON ${matchSide(task, "history", "hist")}${pass.history.joins}
WHERE hist.__ts < ${reach.lastTs}${oldest}${renderKeyRange(" AND", keys, keyCount)}`;
}
