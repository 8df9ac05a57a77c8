/**
 * What do point-in-time joins cost? Parquet to parquet: 1 M rows of one day get the newest value of each of ten views of 1 M rows, strictly
 * before their instant. `pipeline train` whole, with its checks and manifest, with the engines `native` and `duckdb`, beside ASOF joins written by hand
 * for DuckDB, in one query or with a table after each, and `join_asof` of Polars and `merge_asof` of pandas.
 * `npm run build && npx tsx bench/pit-join.ts [--rows 1000000] [--views 10] [--repeats 3] [--seed 1] [--threads 2] [--only "native;polars"]`. Each run is a process
 * of its own; the contenders take turns. `DAEDALUS_PYTHON` names a Python with Polars, pandas and pyarrow; without it those are left out.
 */
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import type * as Projects from "../src/definitions/project.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {renderParquetOptions} from "../src/pipeline/parquet-options.js";
import type * as Training from "../src/pipeline/train.js";
import {measurePython, measureScript, printMeasured, renderMeasured, type Measured} from "./measured-process.js";

interface Job {
  readonly contender: string;
  /** A project with its data. */
  readonly root: string;
  readonly output: string;
  readonly views: number;
  readonly threads: number;
}

const keys = 200_000;
const valuesOf = (views: number): string[] => Array.from({length: views}, (_, index) => `value_${index}`);
const spineColumns = "item_id, happened_at, weight";

const files = (views: number, threads: number): Record<string, string> => ({
  "feature_views/events.yaml": "name: events\nentity: item\nsource: {path: data/events.parquet, timestamp_field: happened_at}\nfields: [{name: weight, dtype: DOUBLE}]\n",
  ...Object.fromEntries(valuesOf(views).map((name) => [`feature_views/${name}.yaml`, `name: view_of_${name}\nentity: item\nsource: {path: data/${name}.parquet, timestamp_field: known_at}\nfields: [{name: ${name}, dtype: BIGINT}]\n`])),
  "feature_services/joined.yaml": `name: joined
spine: {view: events}
columns:
  - {name: item_id, kind: key, dtype: BIGINT}
  - {name: happened_at, kind: event, dtype: TIMESTAMP}
  - {name: weight, kind: event, dtype: DOUBLE}
${valuesOf(views).map((name) => `  - {name: ${name}, kind: feature, dtype: BIGINT}`).join("\n")}
`,
  "config/training/runtime.yaml": `feed_start: "202602"\nfeed_end: "202602"\ncompute: {duckdb_config: {threads: "${threads}"}}\n`,
});

/** A view's versions lie in thirty days, the events in the last of them. No two of a key share an instant. */
async function makeProject(root: string, {rows, views, seed, threads}: {readonly rows: number; readonly views: number; readonly seed: number; readonly threads: number}): Promise<void> {
  for (const [path, text] of Object.entries(files(views, threads))) {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    writeFileSync(join(root, path), text);
  }
  mkdirSync(join(root, "data"));
  const session = await openSession(threads);
  // A hash of a hash: DuckDB joins the hashes of several values by XOR, which would leave two salts correlated.
  const chance = (salt: number): string => `(hash(hash(i, ${salt + 1000 * seed})) % 1000000) / 1000000.0`;
  const write = (name: string, select: string, order: string): Promise<void> => session.run(`COPY (SELECT ${select} FROM range(${rows}) AS t(i) ORDER BY ${order}) TO '${join(root, "data", `${name}.parquet`)}' (FORMAT parquet, COMPRESSION zstd)`);
  const instant = (from: string, days: number, salt: number): string => `TIMESTAMP '${from}' + to_microseconds(floor(${days} * 86400 * ${chance(salt)})::BIGINT * 1000000 + i % 1000000)`;
  await write("events", `floor(${keys} * ${chance(1)})::BIGINT AS item_id, ${instant("2026-02-28", 1, 2)} AS happened_at, ${chance(3)} AS weight`, "happened_at");
  for (const [index, name] of valuesOf(views).entries()) {
    await write(name, `floor(${keys} * ${chance(10 + index)})::BIGINT AS item_id, ${instant("2026-01-30", 30, 100 + index)} AS known_at, i AS ${name}`, "known_at");
  }
  session.close();
}

const openSession = (threads: number): Promise<DuckDbSession> => DuckDbSession.open({config: new Map([["threads", String(threads)]])});

const engines = ["native", "duckdb"];

/** As it is installed: compiled. */
const compiled = {project: new URL("../dist/definitions/project.js", import.meta.url).href, train: new URL("../dist/pipeline/train.js", import.meta.url).href};

type Run = (job: Job) => Promise<void>;

async function loadOurs(): Promise<Run> {
  const {loadProject} = (await import(compiled.project)) as typeof Projects;
  const {train} = (await import(compiled.train)) as typeof Training;
  return async ({root, contender}) => {
    const project = loadProject({root});
    await train({project, service: project.services.get("joined")!, stages: "skeleton", targetDay: "2026-02-28", engine: contender, outputRoot: contender, isForced: true});
  };
}

const outputOf = (root: string, contender: string): string => join(root, engines.includes(contender) ? `${contender}/joined/skeleton/dt=2026-02-28/*.parquet` : `${contender}.parquet`);

async function runOneQuery({root, output, views, threads}: Job): Promise<void> {
  const session = await openSession(threads);
  const joins = valuesOf(views).map((name) => `ASOF LEFT JOIN '${join(root, "data", `${name}.parquet`)}' AS of_${name} ON of_${name}.item_id = events.item_id AND of_${name}.known_at < events.happened_at`);
  await session.run(`COPY (SELECT events.*, ${valuesOf(views).join(", ")} FROM '${join(root, "data/events.parquet")}' AS events ${joins.join("\n")} ORDER BY events.happened_at) TO '${output}' ${renderParquetOptions()}`);
  session.close();
}

async function runTables({root, output, views, threads}: Job): Promise<void> {
  const session = await openSession(threads);
  let rows = `'${join(root, "data/events.parquet")}'`;
  for (const name of valuesOf(views)) {
    await session.run(`CREATE TABLE with_${name} AS SELECT l.*, ${name} FROM ${rows} AS l ASOF LEFT JOIN '${join(root, "data", `${name}.parquet`)}' AS r ON r.item_id = l.item_id AND r.known_at < l.happened_at`);
    if (rows.startsWith("with_")) await session.run(`DROP TABLE ${rows}`);
    rows = `with_${name}`;
  }
  await session.run(`COPY (FROM ${rows} ORDER BY happened_at) TO '${output}' ${renderParquetOptions()}`);
  session.close();
}

const contenders: Readonly<Record<string, () => Promise<Run>>> = {native: loadOurs, duckdb: loadOurs, "SQL, one query": () => Promise.resolve(runOneQuery), "SQL, a table a join": () => Promise.resolve(runTables)};
const python = process.env["DAEDALUS_PYTHON"];
const inPython = python === undefined ? [] : ["polars", "pandas"];

function measure(job: Job): Measured {
  return inPython.includes(job.contender) ? measurePython(python!, fileURLToPath(new URL("pit-join-peer.py", import.meta.url)), job) : measureScript(fileURLToPath(import.meta.url), job);
}

/** Rows whose cells are not all those of the first output: in order of the row, which no two share. */
async function countDifferences([first, ...others]: readonly (readonly [string, string])[], views: number): Promise<readonly string[]> {
  const session = await openSession(2);
  const columns = `${spineColumns}, ${valuesOf(views).join(", ")}`;
  const found: string[] = [];
  for (const [name, path] of others) {
    const [row] = await session.rows(`SELECT count(*) AS rows, (SELECT count(*) FROM ((SELECT ${columns} FROM '${first![1]}') EXCEPT ALL (SELECT ${columns} FROM '${path}'))) AS differing FROM '${path}'`);
    found.push(`${first![0]}, ${name}: ${String(row!["rows"])} rows, ${String(row!["differing"])} differ`);
  }
  session.close();
  return found;
}

const {values} = parseArgs({
  options: {
    job: {type: "string"},
    rows: {type: "string", default: "1000000"},
    views: {type: "string", default: "10"},
    repeats: {type: "string", default: "3"},
    seed: {type: "string", default: "1"},
    threads: {type: "string", default: "2"},
    only: {type: "string", default: [...Object.keys(contenders), ...inPython].join(";")},
  },
});

async function runJob(job: Job): Promise<void> {
  const run = await contenders[job.contender]!();
  const startedMs = performance.now();
  await run(job);
  printMeasured((performance.now() - startedMs) / 1000);
}

async function compareAll(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "bench-pit-join-"));
  const [rows, views, repeats, seed, threads] = [values.rows, values.views, values.repeats, values.seed, values.threads].map(Number) as [number, number, number, number, number];
  const names = values.only.split(";");
  try {
    await makeProject(root, {rows, views, seed, threads});
    const measured = new Map<string, Measured[]>(names.map((name) => [name, []]));
    const outputs = names.map((name) => [name, outputOf(root, name)] as const);
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      for (const [contender, output] of outputs) measured.get(contender)!.push(measure({contender, root, output, views, threads}));
    }
    console.log(renderMeasured(`${views} views of ${rows} rows on ${rows} rows, seed ${seed}, threads ${threads}`, measured));
    for (const line of await countDifferences(outputs, views)) console.log(line);
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}

if (values.job !== undefined) await runJob(JSON.parse(values.job) as Job);
else await compareAll();
