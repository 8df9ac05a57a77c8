/**
 * What do windows cost? Parquet to parquet, rows written in time order: 4 M events of 60 k users in 8 days, windows of up to 7 days for
 * the 500 k events of the last day, 6 specs or 40 (`window-specs.ts`). Our engines beside one window function a spec, Polars in Python, and
 * the floor: DuckDB sorts the rows once and writes the same output.
 * `npx tsx bench/windows.ts [--specs 6|40] [--repeats 3] [--seed 1] [--skew 2] [--threads 2] [--events 4000000] [--memory 4GB] [--only native,floor]`. Each run is a process of
 * its own, because peak memory belongs to a process; `--only kernel` with `--threads 1` and `2` times the native engine's threads alone; the contenders take turns, because a machine has moods. `DAEDALUS_PYTHON` names a
 * Python with Polars; without it that one is left out.
 */
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import type {AggregationEngine} from "../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {areFunctions, renderWithWindows} from "../src/engines/window-columns.js";
import {ColumnWriter} from "../src/pipeline/column-writer.js";
import {KernelThreads} from "../src/engines/native/kernel-threads.js";
import {KeptColumns} from "../src/pipeline/kept-columns.js";
import {renderParquetOptions, rowGroupRowsMax} from "../src/pipeline/parquet-options.js";
import {writeRows} from "../src/pipeline/skeleton-file.js";
import {writeFeed} from "./feed.js";
import {measurePython, measureScript, printMeasured, renderMeasured, type Measured} from "./measured-process.js";
import {conditionOf, renderWindowFunctions, specSets, toWindow, type Spec} from "./window-specs.js";

interface Job {
  readonly contender: string;
  readonly feed: string;
  readonly output: string;
  readonly threads: number;
  /** DuckDB's memory_limit, which our buffers keep, too; undefined: its default. */
  readonly memory: string | undefined;
  readonly specs: readonly Spec[];
  /** The output to write again, for the floor. */
  readonly made: string;
}

const targetDay = "event_timestamp >= TIMESTAMP '2026-02-08'";
const kept = "user_id, artwork_id, event_timestamp, event";

async function runEngine(session: DuckDbSession, engine: AggregationEngine, {feed, output, specs}: Job): Promise<undefined> {
  const events = [...new Set(specs.map(({event}) => event))].map((event) => `, event = '${event}' AS ${conditionOf(event)}`);
  const values = specs.some(({operation}) => operation === "flatten_distinct") ? "artwork_id, tack_ids" : "artwork_id";
  const history = `SELECT user_id, ${values}, epoch_us(event_timestamp) AS __ts${events.join("")} FROM '${feed}'`;
  await session.run(`CREATE TABLE target AS
SELECT row_number() OVER (ORDER BY event_timestamp) - 1 AS __row, epoch_us(event_timestamp) AS __ts, ${kept}
FROM '${feed}' WHERE ${targetDay} ORDER BY __row`);
  const keys = [{target: "user_id", history: "user_id"}];
  const task = {target: "target", history: "history", output: "windows", keys, orderColumns: ["user_id", "artwork_id"], windows: specs.map(toWindow)};
  await session.run(`CREATE VIEW history AS ${history}`);
  const isView = (await engine.readsOnce?.(session, task)) === true;
  if (!isView) await session.run(`DROP VIEW history; CREATE TABLE history AS ${history}`);
  const columns = await engine.run(session, task);
  await session.run(`DROP ${isView ? "VIEW" : "TABLE"} history`);
  const names = specs.map(({name}) => name);
  const left = new KeptColumns();
  left.add(columns);
  const [count] = await session.rows("SELECT count(*) AS count FROM target");
  const rowCount = Number(count!["count"]);
  const made = {isOrdered: areFunctions(columns), kept: left};
  const columnWriter = new ColumnWriter();
  try {
    await writeRows(session, {path: output, relation: `(${renderWithWindows("target", columns)})`, columns: [...kept.split(", "), ...names], made, first: 0, last: rowCount - 1, rowCount, rowGroupRows: rowGroupRowsMax, columnWriter, signal: new AbortController().signal});
  } finally {
    await columnWriter.close();
  }
}

async function runWindowFunctions(session: DuckDbSession, {feed, output, specs}: Job): Promise<undefined> {
  await session.run(`COPY (${renderWindowFunctions(specs, {kept, feed, where: targetDay})}) TO '${output}' ${renderParquetOptions()}`);
}

/** Reading, sorting and writing are what nobody can leave out. The output is there before the time begins. */
async function runFloor(session: DuckDbSession, {feed, output, made}: Job): Promise<number> {
  await session.run(`CREATE TABLE made AS FROM '${made}'`);
  const startedMs = performance.now();
  await session.run(`CREATE TABLE sorted AS SELECT ${kept} FROM '${feed}' ORDER BY user_id, event_timestamp, artwork_id`);
  await session.run(`COPY made TO '${output}' ${renderParquetOptions()}`);
  return (performance.now() - startedMs) / 1000;
}

/** Of the native engine what its threads do: from the first job to the last result. */
async function runKernel(session: DuckDbSession, job: Job): Promise<number> {
  const run = Object.getOwnPropertyDescriptor(KernelThreads.prototype, "run")!.value as KernelThreads["run"];
  let [firstMs, lastMs] = [Infinity, 0];
  KernelThreads.prototype.run = async function (kernelJob) {
    firstMs = Math.min(firstMs, performance.now());
    const results = await run.call(this, kernelJob);
    lastMs = performance.now();
    return results;
  };
  await runEngine(session, (await import("../src/engines/native/native.js")).nativeAggregation, job);
  return (lastMs - firstMs) / 1000;
}

const kernel = "kernel";
/** Loaded before the time begins: here they are translated from TypeScript as they load, and a user's are not. */
const engines: Readonly<Record<string, () => Promise<AggregationEngine>>> = {
  native: async () => (await import("../src/engines/native/native.js")).nativeAggregation,
  duckdb: async () => (await import("../src/engines/duckdb/rolling.js")).duckdbAggregation,
  polars: async () => (await import("../src/engines/polars/rolling.js")).polarsAggregation,
};
/** Seconds are given by what does not count all of its time. */
const contenders: Readonly<Record<string, (session: DuckDbSession, job: Job) => Promise<number | undefined>>> = {
  [kernel]: runKernel,
  floor: runFloor,
  "window functions": runWindowFunctions,
};
const python = process.env["DAEDALUS_PYTHON"];
const polarsInPython = "polars in python";

const openSession = (threads = 2, memory?: string): Promise<DuckDbSession> => DuckDbSession.open({config: new Map([["threads", String(threads)], ...(memory === undefined ? [] : [["memory_limit", memory] as const])])});

async function runJob(job: Job): Promise<void> {
  const engine = await engines[job.contender]?.();
  const startedMs = performance.now();
  const session = await openSession(job.threads, job.memory);
  let counted: number | undefined;
  try {
    counted = engine ? await runEngine(session, engine, job) : await contenders[job.contender]!(session, job);
  } finally {
    session.close();
  }
  printMeasured(counted ?? (performance.now() - startedMs) / 1000);
}

function measure(job: Job): Measured {
  return job.contender === polarsInPython ? measurePython(python!, fileURLToPath(new URL("windows-peer.py", import.meta.url)), job) : measureScript(fileURLToPath(import.meta.url), job);
}

/** How many rows differ from the first contender's, column by column. */
async function countDifferences(outputs: ReadonlyMap<string, string>, specs: readonly Spec[]): Promise<Record<string, unknown>[]> {
  const session = await openSession();
  try {
    const [[first, path] = ["", ""], ...others] = [...outputs];
    const compared: Record<string, unknown>[] = [];
    for (const [other, otherPath] of others) {
      const differs = specs.map(({name: column, operation}) => {
        const isUnordered = other === "window functions" && operation === "flatten_distinct";
        const [own, theirs] = isUnordered ? [`list_sort(a.${column})`, `list_sort(b.${column})`] : [`a.${column}`, `b.${column}`];
        return `count(*) FILTER (${own} IS DISTINCT FROM ${theirs}${isUnordered ? ` AND len(a.${column}) < 32` : ""}) AS ${column}`;
      });
      const [row] = await session.rows(`SELECT count(*) AS rows, ${differs.join(", ")}
FROM '${path}' a FULL JOIN '${otherPath}' b USING (user_id, artwork_id, event_timestamp)`);
      compared.push({compared: `${first}, ${other}`, ...row});
    }
    return compared;
  } finally {
    session.close();
  }
}

async function compareAll(options: {readonly repeats: number; readonly seed: number; readonly skew: number; readonly threads: number; readonly events: number; readonly memory: string | undefined; readonly specs: readonly Spec[]; readonly names: readonly string[]}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-windows-"));
  try {
    const feed = join(folder, "feed.parquet");
    await writeFeed(feed, options);
    const measured = new Map<string, Measured[]>(options.names.map((name) => [name, []]));
    const outputs = new Map(options.names.map((name) => [name, join(folder, `${name}.parquet`)]));
    for (let repeat = 0; repeat < options.repeats; repeat += 1) {
      for (const name of options.names) {
        measured.get(name)!.push(measure({contender: name, feed, output: outputs.get(name)!, threads: options.threads, memory: options.memory, specs: options.specs, made: outputs.get(options.names[0]!)!}));
      }
    }
    console.log(renderMeasured(`${options.specs.length} specs, ${options.events} events, seed ${options.seed}, skew ${options.skew}, threads ${options.threads}`, measured));
    for (const compared of await countDifferences(outputs, options.specs)) console.log(JSON.stringify(compared, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)));
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

const {values} = parseArgs({
  options: {
    job: {type: "string"},
    repeats: {type: "string", default: "3"},
    seed: {type: "string", default: "1"},
    skew: {type: "string", default: "2"},
    only: {type: "string", default: [...Object.keys(engines), ...Object.keys(contenders).filter((name) => name !== kernel), ...(python === undefined ? [] : [polarsInPython])].join(",")},
    specs: {type: "string", default: "6"},
    threads: {type: "string", default: "2"},
    events: {type: "string", default: "4000000"},
    memory: {type: "string"},
  },
});
if (values.job !== undefined) await runJob(JSON.parse(values.job) as Job);
else await compareAll({repeats: Number(values.repeats), seed: Number(values.seed), skew: Number(values.skew), threads: Number(values.threads), events: Number(values.events), memory: values.memory, specs: specSets.get(values.specs)!, names: values.only.split(",")});
