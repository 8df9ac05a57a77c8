/**
 * Is one rolling aggregation over places cheaper than one window function a spec? Parquet to parquet, rows written in time order:
 * 4 M events of 60 k users in 8 days, windows of 7 days for the 500 k events of the last day, six specs.
 * `npm run bench -- [--repeats 3] [--seed 1] [--skew 2] [--only duckdb,polars]`. Each run is a process of its own, because peak
 * memory belongs to a process; the contenders take turns, because a machine has moods.
 */
import {spawnSync} from "node:child_process";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import type {AggregationEngine, Window} from "../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {writeFeed} from "./feed.js";

const dayUs = 86_400_000_000;
const columns = ["like_ids_7d", "click_ids_7d", "view_ids_7d", "like_count_7d", "view_count_7d", "like_tack_ids_7d"];

const shared = {elementType: "BIGINT", pairCondition: undefined, windowUs: 7 * dayUs, current: undefined, exclude: undefined, knownAt: undefined};
const self = {history: "artwork_id", target: "artwork_id"};
const windows: readonly Window[] = [
  {...shared, name: "like_ids_7d", operation: "list", value: "artwork_id", condition: "is_like", maxItems: 32, exclude: self},
  {...shared, name: "click_ids_7d", operation: "list", value: "artwork_id", condition: "is_click", maxItems: 32},
  {...shared, name: "view_ids_7d", operation: "list", value: "artwork_id", condition: "is_view", maxItems: 32},
  {...shared, name: "like_count_7d", operation: "count", value: undefined, condition: "is_like", maxItems: undefined},
  {...shared, name: "view_count_7d", operation: "count", value: undefined, condition: "is_view", maxItems: undefined},
  {...shared, name: "like_tack_ids_7d", operation: "flatten_distinct", value: "tack_ids", condition: "is_like", maxItems: 32},
];

interface Job {
  readonly contender: string;
  readonly feed: string;
  readonly output: string;
}

const targetDay = "event_timestamp >= TIMESTAMP '2026-02-08'";
const kept = "user_id, artwork_id, event_timestamp, event";

async function runEngine(session: DuckDbSession, engine: AggregationEngine, {feed, output}: Job): Promise<void> {
  await session.run(`CREATE TABLE history AS
SELECT user_id, artwork_id, tack_ids, epoch_us(event_timestamp) AS __ts,
  event = 'like_click' AS is_like, event = 'detail_click' AS is_click, event = 'view' AS is_view
FROM '${feed}'`);
  await session.run(`CREATE TABLE target AS
SELECT row_number() OVER (ORDER BY event_timestamp) - 1 AS __row, epoch_us(event_timestamp) AS __ts, ${kept}
FROM '${feed}' WHERE ${targetDay}`);
  const keys = [{target: "user_id", history: "user_id"}];
  const task = {target: "target", history: "history", output: "windows", keys, orderColumns: ["user_id", "artwork_id"], windows};
  await engine.run(session, task);
  await session.run(`COPY (
  SELECT ${kept}, ${columns.join(", ")} FROM target JOIN windows USING (__row) ORDER BY __row
) TO '${output}' (FORMAT parquet, COMPRESSION zstd)`);
}

/**
 * What one would write without us. `list_distinct` keeps no order, so its distinct values are not the newest ones: the exact list
 * would cost more, and the comparison below looks only at rows that hold all of their values.
 */
async function runWindowFunctions(session: DuckDbSession, {feed, output}: Job): Promise<void> {
  await session.run(`COPY (
  SELECT ${kept},
    list_filter(like_ids, lambda id: id <> artwork_id)[-32:] AS like_ids_7d, click_ids[-32:] AS click_ids_7d, view_ids[-32:] AS view_ids_7d,
    like_count_7d, view_count_7d, list_distinct(flatten(tack_ids))[-32:] AS like_tack_ids_7d
  FROM (
    SELECT ${kept},
      coalesce(list(artwork_id) FILTER (event = 'like_click') OVER past, []) AS like_ids,
      coalesce(list(artwork_id) FILTER (event = 'detail_click') OVER past, []) AS click_ids,
      coalesce(list(artwork_id) FILTER (event = 'view') OVER past, []) AS view_ids,
      count(*) FILTER (event = 'like_click') OVER past AS like_count_7d,
      count(*) FILTER (event = 'view') OVER past AS view_count_7d,
      coalesce(list(tack_ids) FILTER (event = 'like_click') OVER past, []) AS tack_ids
    FROM '${feed}'
    WINDOW past AS (
      PARTITION BY user_id ORDER BY event_timestamp
      RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING
    )
  )
  WHERE ${targetDay}
  ORDER BY event_timestamp
) TO '${output}' (FORMAT parquet, COMPRESSION zstd)`);
}

const contenders: Readonly<Record<string, (session: DuckDbSession, job: Job) => Promise<void>>> = {
  duckdb: async (session, job) => runEngine(session, (await import("../src/engines/duckdb/rolling.js")).duckdbAggregation, job),
  native: async (session, job) => runEngine(session, (await import("../src/engines/native/native.js")).nativeAggregation, job),
  polars: async (session, job) => runEngine(session, (await import("../src/engines/polars/rolling.js")).polarsAggregation, job),
  "window functions": runWindowFunctions,
};

const openSession = (): Promise<DuckDbSession> => DuckDbSession.open({config: new Map([["threads", "2"]])});

async function runJob(job: Job): Promise<void> {
  const startedMs = performance.now();
  const session = await openSession();
  try {
    await contenders[job.contender]!(session, job);
  } finally {
    session.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const {user, system} = process.cpuUsage();
  console.log(JSON.stringify({seconds, cpuSeconds: (user + system) / 1e6, peakMiB: process.resourceUsage().maxRSS / 1024}));
}

interface Measured {
  readonly seconds: number;
  /** Of all threads: what a machine with other work to do cannot change much. */
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

function measure(job: Job): Measured {
  const script = fileURLToPath(import.meta.url);
  const child = spawnSync(process.execPath, ["--import", "tsx", script, "--job", JSON.stringify(job)], {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]});
  if (child.status !== 0) throw new Error(`${job.contender} ended with ${child.status ?? child.signal}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1)!) as Measured;
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/** How many rows differ from the first contender's, column by column. */
async function countDifferences(outputs: ReadonlyMap<string, string>): Promise<Record<string, unknown>[]> {
  const session = await openSession();
  try {
    const [[first, path] = ["", ""], ...others] = [...outputs];
    const compared: Record<string, unknown>[] = [];
    for (const [other, otherPath] of others) {
      const differs = columns.map((column) => {
        const isUnordered = other === "window functions" && column === "like_tack_ids_7d";
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

async function compareAll(options: {readonly repeats: number; readonly seed: number; readonly skew: number; readonly names: readonly string[]}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-windows-"));
  try {
    const feed = join(folder, "feed.parquet");
    await writeFeed(feed, options);
    const measured = new Map<string, Measured[]>(options.names.map((name) => [name, []]));
    const outputs = new Map(options.names.map((name) => [name, join(folder, `${name}.parquet`)]));
    for (let repeat = 0; repeat < options.repeats; repeat += 1) {
      for (const name of options.names) measured.get(name)!.push(measure({contender: name, feed, output: outputs.get(name)!}));
    }
    console.log(`| seed ${options.seed}, skew ${options.skew} | median of ${options.repeats} | fastest | CPU | peak memory |\n|---|---|---|---|---|`);
    for (const [name, runs] of measured) {
      const seconds = runs.map((run) => run.seconds);
      const [cpu, peak] = [median(runs.map((run) => run.cpuSeconds)), median(runs.map((run) => run.peakMiB))];
      console.log(`| ${name} | ${median(seconds).toFixed(1)} s | ${Math.min(...seconds).toFixed(1)} s | ${cpu.toFixed(1)} s | ${peak.toFixed(0)} MiB |`);
    }
    for (const compared of await countDifferences(outputs)) console.log(JSON.stringify(compared, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)));
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
    only: {type: "string", default: Object.keys(contenders).join(",")},
  },
});
if (values.job !== undefined) await runJob(JSON.parse(values.job) as Job);
else await compareAll({repeats: Number(values.repeats), seed: Number(values.seed), skew: Number(values.skew), names: values.only.split(",")});
