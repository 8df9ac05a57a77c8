/**
 * What does reading through a view cost beside DuckDB by hand, what does PostgreSQL send of a large table, and is it held?
 *
 * `npx tsx bench/sources.ts overhead|keys|stream [--rows N]`, after `npm run build`. PostgreSQL is a server that the script starts and stops; data
 * is made by formula. What `keys` counts is the server's own count, by pg_stat_statements. Contenders run in processes of their own.
 */
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import {loadProject} from "../src/definitions/project.js";
import type {View} from "../src/definitions/model.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {renderScan} from "../src/engines/duckdb/emit.js";
import {Problems} from "../src/errors.js";
import {realEffects} from "../src/pipeline/effects.js";
import {checkSources, scansOf} from "../src/pipeline/source-check.js";
import {prepareSession} from "../src/pipeline/source-session.js";
import {train} from "../src/pipeline/train.js";
import {quoteName, quoteText} from "../src/sources/quote.js";
import {extensionConfig, extensionLines, findMissingExtension} from "../test/support/extensions.js";
import {startPostgres, type PostgresServer} from "../test/support/postgres-server.js";
import {measureScript, median, printMeasured, type Measured} from "./measured-process.js";

const {values: flags, positionals} = parseArgs({allowPositionals: true, options: {job: {type: "string"}, rows: {type: "string"}, pairs: {type: "string", default: "41"}}});
const script = fileURLToPath(import.meta.url);
const dayUs = 86_400_000_000;
const firstUs = Date.UTC(2026, 0, 1) * 1000;
const dayOf = (index: number): string => new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10);
const columns = ["user_id", "item_id", "at", "value", "note"];

/** Rows of one day, the same in DuckDB's SQL and PostgreSQL's but for the source of numbers. */
const rowsOf = (numbers: string, day: string): string =>
  `SELECT (i * 7919) % 100003 AS user_id, (i * 104729) % 50021 AS item_id, TIMESTAMP '${day}' + (i % 86400) * INTERVAL '1 second' AS at, CAST(i AS DOUBLE PRECISION) / 3 AS value, 'event number ' || i AS note FROM ${numbers}`;

interface Job {
  readonly contender: "view" | "by hand" | "pairs" | "train";
  readonly root: string;
  readonly view: string;
  readonly days: number;
  readonly pairs: number;
  /** What a person would write; `DAY` and `NEXT` stand for the days. */
  readonly setup: readonly string[];
  readonly relation: string;
}

function makeProject(views: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "daedalus-sources-"));
  const runtime = 'feed_start: "202601"\nfeed_end: "202601"\noutput_root: out\ncompute:\n  duckdb_config:\n    threads: "2"\n    memory_limit: "2GiB"\n';
  const fields = "fields:\n  - {name: value, dtype: DOUBLE}\n  - {name: note, dtype: TEXT}\n";
  const written = Object.entries(views).map(([name, source]) => [`feature_views/${name}.yaml`, `name: ${name}\nentity: [user, item]\nsource: {${source}, timestamp_field: at}\n${fields}`]);
  const files = {"config/training/runtime.yaml": `${runtime}${extensionLines}`, "config/training/aggregations.yaml": "aggregation_specs: []\n", "feature_services/.keep": "", ...Object.fromEntries(written), ...more} as Record<string, string>;
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    writeFileSync(join(root, path), text);
  }
  return root;
}

type Read = (day: number) => Promise<string>;

const consume = (select: string): string => `SELECT count(*) || ' ' || sum(hash(${columns.map(quoteName).join(", ")})) AS answer FROM (${select})`;

async function openSession(): Promise<DuckDbSession> {
  return DuckDbSession.open({config: new Map([["threads", "2"], ["memory_limit", "2GiB"], ...extensionConfig])});
}

/** Reads a day as the pipeline does: the source is checked once, then each day's scan is rendered and run. */
async function openView(session: DuckDbSession, job: Job): Promise<{readonly read: Read; readonly checkMs: number}> {
  const project = loadProject({root: job.root});
  const view: View = project.views.get(job.view)!;
  const scan = {opKind: "scan", name: "scan", output: "scan", inputs: [], engine: "sql", view: view.name, columns, timeColumn: "at", fromUs: 0} as const;
  const plan = {service: "", version: 0, timeColumn: "at", operators: [scan]};
  const problems = new Problems();
  const startedMs = performance.now();
  const checked = await checkSources(session, plan, project, process.env, problems);
  problems.throwIfErrors();
  const checkMs = performance.now() - startedMs;
  await prepareSession(session, [...checked.values()].map(({source}) => source));
  const render = (day: number): string => {
    const [startUs, endUs] = [firstUs + day * dayUs, firstUs + (day + 1) * dayUs];
    return renderScan(scan, {plan, startUs, endUs, scans: scansOf(checked, endUs), coveredTable: (store) => store, tables: new Map()})!;
  };
  return {read: async (day) => (await session.rows(consume(render(day))))[0]!["answer"] as string, checkMs};
}

async function openByHand(session: DuckDbSession, job: Job): Promise<Read> {
  for (const sql of job.setup) await session.run(sql);
  return async (day) => {
    const relation = job.relation.replaceAll("DAY", dayOf(day)).replaceAll("NEXT", dayOf(day + 1));
    const select = `SELECT ${columns.map(quoteName).join(", ")} FROM ${relation}`;
    return (await session.rows(consume(select)))[0]!["answer"] as string;
  };
}

/** Both in one process and in turn, each in a session of its own; the quotient of a pair does not know how busy the machine was. */
async function runPairs(job: Job): Promise<void> {
  const sessions = [await openSession(), await openSession()];
  const {read: view, checkMs} = await openView(sessions[0]!, job);
  const byHand = await openByHand(sessions[1]!, job);
  const time = async (read: Read, day: number): Promise<[number, string]> => {
    const startedMs = performance.now();
    const answer = await read(day);
    return [performance.now() - startedMs, answer];
  };
  const found: {view: number; byHand: number}[] = [];
  for (let pair = -2; pair < job.pairs; pair += 1) {
    const day = (pair + job.days) % job.days;
    const isViewFirst = pair % 2 === 0;
    const first = await time(isViewFirst ? view : byHand, day);
    const second = await time(isViewFirst ? byHand : view, day);
    if (first[1] !== second[1]) throw new Error(`${job.view}: the view and DuckDB by hand do not agree on ${dayOf(day)}: ${first[1]}, ${second[1]}`);
    if (pair >= 0) found.push(isViewFirst ? {view: first[0], byHand: second[0]} : {view: second[0], byHand: first[0]});
  }
  for (const session of sessions) session.close();
  const quotients = found.map((pair) => pair.view / pair.byHand);
  console.log(JSON.stringify({view: median(found.map((pair) => pair.view)), byHand: median(found.map((pair) => pair.byHand)), overhead: median(quotients) - 1, checkMs}));
}

async function runJob(job: Job): Promise<void> {
  if (job.contender === "pairs") return runPairs(job);
  const startedMs = performance.now();
  if (job.contender === "train") {
    const project = loadProject({root: job.root});
    await train({project, service: project.services.get("basket")!, stages: "both", targetDay: dayOf(0)}, realEffects);
    return printMeasured((performance.now() - startedMs) / 1000);
  }
  const session = await openSession();
  const read = job.contender === "view" ? (await openView(session, job)).read : await openByHand(session, job);
  for (let day = 0; day < job.days; day += 1) await read(day);
  session.close();
  printMeasured((performance.now() - startedMs) / 1000);
}

function putCredentials({user, password}: PostgresServer): void {
  process.env["BENCH_USER"] = user;
  process.env["BENCH_PASSWORD"] = password;
}
const urlOf = (server: PostgresServer): string => `database_path: "postgresql://\${BENCH_USER}:\${BENCH_PASSWORD}@127.0.0.1:${server.port}/postgres"`;

async function compareOverhead(): Promise<void> {
  const [days, rows] = [10, Number(flags.rows ?? 1_000_000)];
  const server = await startPostgres({log_statement: "none"});
  putCredentials(server);
  const root = makeProject({
    parquet: "path: feed",
    postgres: `${urlOf(server)}, table_name: public.feed`,
    ducklake: 'database_path: "ducklake:sqlite:lake.sqlite", table_name: feed',
  });
  try {
    const session = await openSession();
    for (const name of ["ducklake", "sqlite_scanner"]) await session.run(`LOAD ${name}`);
    await session.run(`ATTACH ${quoteText(`ducklake:sqlite:${root}/lake.sqlite`)} AS lake (DATA_PATH ${quoteText(`${root}/lake/`)})`);
    const pgRows = Math.round(rows / 5);
    for (let day = 0; day < days; day += 1) {
      mkdirSync(join(root, `feed/dt=${dayOf(day)}`), {recursive: true});
      await session.run(`COPY (${rowsOf(`range(${rows}) AS t(i)`, dayOf(day))}) TO ${quoteText(join(root, `feed/dt=${dayOf(day)}/part-0.parquet`))} (FORMAT parquet)`);
      await session.run(`${day === 0 ? "CREATE TABLE lake.feed AS" : "INSERT INTO lake.feed"} ${rowsOf(`range(${rows}) AS t(i)`, dayOf(day))}`);
      await server.run(`${day === 0 ? "CREATE UNLOGGED TABLE public.feed AS" : "INSERT INTO public.feed"} ${rowsOf(`generate_series(0::bigint, ${pgRows - 1}) AS i`, dayOf(day))}`);
    }
    session.close();
    await server.run("VACUUM ANALYZE public.feed");
    const within = `WHERE "at" >= TIMESTAMP 'DAY' AND "at" < TIMESTAMP 'NEXT'`;
    const sources: Record<string, Pick<Job, "setup" | "relation">> = {
      parquet: {setup: [], relation: `read_parquet(${quoteText(join(root, "feed/dt=DAY/*.parquet"))}) ${within}`},
      postgres: {
        setup: ["LOAD postgres_scanner", `CREATE SECRET pg (TYPE postgres, HOST '127.0.0.1', PORT ${server.port}, DATABASE 'postgres', USER 'postgres', PASSWORD ${quoteText(server.password)})`, "ATTACH '' AS pg (TYPE postgres, SECRET pg, READ_ONLY)"],
        relation: `pg.public.feed ${within}`,
      },
      ducklake: {setup: ["LOAD ducklake", "LOAD sqlite_scanner", `ATTACH ${quoteText(`ducklake:sqlite:${root}/lake.sqlite`)} AS by_hand (READ_ONLY)`], relation: `by_hand.feed ${within}`},
    };
    console.log(`| ${days} days of ${rows} rows (PostgreSQL ${pgRows}) | view | by hand | overhead | peak memory: view, by hand | once a run |\n|---|---|---|---|---|---|`);
    for (const [view, source] of Object.entries(sources)) {
      const job = {root, view, days, pairs: Number(flags.pairs), ...source};
      const pairs = measureJob({...job, contender: "pairs"}) as unknown as {view: number; byHand: number; overhead: number; checkMs: number};
      const peaks = (["view", "by hand"] as const).map((contender) => measureJob({...job, contender}).peakMiB.toFixed(0));
      console.log(`| ${view} | ${pairs.view.toFixed(1)} ms | ${pairs.byHand.toFixed(1)} ms | ${(pairs.overhead * 100).toFixed(1)} % | ${peaks.join(", ")} MiB | ${pairs.checkMs.toFixed(0)} ms |`);
    }
  } finally {
    rmSync(root, {recursive: true, force: true});
    await server.stop();
  }
}

/** A day's 10,000 products against their prices, of which the table has ten million. */
async function countTransferred(): Promise<void> {
  const [rows, keys] = [Number(flags.rows ?? 10_000_000), 10_000];
  const products = rows / 10;
  const server = await startPostgres({log_statement: "none", shared_preload_libraries: "pg_stat_statements"});
  putCredentials(server);
  const root = makeProject(
    {},
    {
      "feature_views/orders.yaml": "name: orders\nentity: product\nsource: {path: orders.parquet, timestamp_field: at}\nfields: []\n",
      "feature_views/prices.yaml": `name: prices\nentity: product\nsource: {${urlOf(server)}, table_name: public.prices, timestamp_field: valid_at}\nfields:\n  - {name: price, dtype: DOUBLE}\n`,
      "feature_services/basket.yaml": "name: basket\nversion: 1\nspine: {view: orders}\ncolumns:\n  - {name: product_id, kind: key, dtype: BIGINT}\n  - {name: at, kind: event, dtype: TIMESTAMP}\n  - {name: price, kind: feature, dtype: DOUBLE}\n",
    },
  );
  try {
    const session = await openSession();
    await session.run(`COPY (SELECT (i * 7919) % ${products} AS product_id, TIMESTAMP '${dayOf(0)}' + INTERVAL (i % 86400) SECOND AS at FROM range(${keys}) AS t(i)) TO ${quoteText(join(root, "orders.parquet"))} (FORMAT parquet)`);
    session.close();
    await server.run(`CREATE UNLOGGED TABLE public.prices AS SELECT i % ${products} AS product_id, timestamp '2025-12-01' + (i / ${products}) * interval '1 day' AS valid_at, i / 7.0::float8 AS price FROM generate_series(0::bigint, ${rows - 1}) AS i`);
    await server.run("CREATE INDEX ON public.prices (product_id)");
    await server.run("VACUUM ANALYZE public.prices");
    await server.run("CREATE EXTENSION pg_stat_statements");
    await server.run("SELECT pg_stat_statements_reset()");
    const run = measureJob({contender: "train", root, view: "prices", days: 1, pairs: 0, setup: [], relation: ""} );
    const statements = await server.run("SELECT left(query, 60) AS query, calls, rows FROM pg_stat_statements WHERE rows > 0 AND query NOT LIKE '%pg_stat%' ORDER BY rows DESC");
    const sent = statements.reduce((sum, {rows: count}) => sum + Number(count), 0);
    const needed = keys * 10;
    console.log(`${rows} rows, ${keys} keys, ${needed} rows needed; sent in all statements: ${sent} (${(sent / needed).toFixed(2)}x); ${describe(run)}`);
    for (const statement of statements.slice(0, 4)) console.log(`  ${String(statement["rows"])} rows in ${String(statement["calls"])} calls: ${String(statement["query"])}`);
  } finally {
    rmSync(root, {recursive: true, force: true});
    await server.stop();
  }
}

async function streamTable(): Promise<void> {
  const rows = Number(flags.rows ?? 10_000_000);
  const server = await startPostgres({log_statement: "none"});
  putCredentials(server);
  const root = makeProject({feed: `${urlOf(server)}, table_name: public.feed`});
  try {
    await server.run(`CREATE UNLOGGED TABLE public.feed AS ${rowsOf(`generate_series(0::bigint, ${rows - 1}) AS i`, dayOf(0))}`);
    const [size] = await server.run(`SELECT sum(pg_column_size(f.*)) / 1048576 AS mib FROM public.feed AS f`);
    const job = {root, view: "feed", pairs: 0, setup: [], relation: ""};
    console.log(`${rows} rows, ${Number(size!["mib"]).toFixed(0)} MiB of rows, every value of which is looked at: ${describe(measureJob({...job, contender: "view", days: 1}))}`);
    console.log(`none of them: ${describe(measureJob({...job, contender: "view", days: 0}))}`);
  } finally {
    rmSync(root, {recursive: true, force: true});
    await server.stop();
  }
}

const measureJob = (job: Job): Measured => measureScript(script, job);
const describe = ({seconds, cpuSeconds, peakMiB}: Measured): string => `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s CPU, peak memory ${peakMiB.toFixed(0)} MiB`;

const tasks: Readonly<Record<string, () => Promise<void>>> = {overhead: compareOverhead, keys: countTransferred, stream: streamTable};
if (flags.job !== undefined) await runJob(JSON.parse(flags.job) as Job);
else {
  const missing = await findMissingExtension("postgres", "sqlite", "ducklake");
  if (missing !== undefined) throw new Error(missing);
  await (tasks[positionals[0] ?? ""] ?? (() => Promise.reject(new Error("say overhead, keys or stream"))))();
}
