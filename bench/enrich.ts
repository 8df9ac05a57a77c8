/**
 * What do embedding columns cost, beside a Python pipeline and beside writing the same bytes? One skeleton file of `--rows` rows gets
 * the vector of its item and the mean over a list of up to 32 ids (mean about 10), from a store of `--vectors` vectors of 1152 halves.
 * `DAEDALUS_PYTHON=... npx tsx bench/enrich.ts [--rows 500000] [--vectors 200000] [--repeats 3] [--seed 1] [--memory 2GB] [--folder DIR]`
 * Data and outputs stay in `--folder`, so that a second run starts at once. The peer needs `pylance`, `pyarrow` and `numpy`. Each run is
 * a process of its own; outputs are compared bit for bit.
 */
import {spawnSync} from "node:child_process";
import {closeSync, existsSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import type {EmbeddingStore} from "../src/definitions/model.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {enrichPartition} from "../src/pipeline/enrich.js";
import {roundToHalf} from "../src/pipeline/half-float.js";
import {StoreWriter} from "../src/sources/embedding-store.js";

const place = {file: "bench", line: 1, column: 1, length: 1, text: ""};
const added = ["image_embedding", "like_artwork_avg_embeds"];
const kept = ["user_id", "artwork_id", "event_timestamp", "event", "like_artwork_ids_7d", "view_artwork_ids_7d", "prompt"];

interface Job {
  readonly folder: string;
  readonly dimension: number;
  readonly memory: string;
}

const storeOf = ({dimension}: Job): EmbeddingStore => ({
  name: "artworks", type: "lance", path: "store.lance", idColumn: "id", embeddingColumn: "image_embedding", embeddingDim: dimension, embeddingDtype: "float16",
  buildBatchSize: 50_000, sourceParquet: undefined, place,
});

async function enrich(job: Job): Promise<void> {
  const startedMs = performance.now();
  const session = await DuckDbSession.open({config: new Map([["threads", "2"], ["memory_limit", job.memory]])});
  try {
    const store = storeOf(job);
    const shared = {store, udf: undefined, dtype: {kind: "vector", name: "HALF_FLOAT", dimension: job.dimension} as const};
    await enrichPartition({
      skeletonFiles: [join(job.folder, "skeleton.parquet")],
      outputDirectory: join(job.folder, "daedalus"),
      enrichments: [
        {...shared, name: added[0]!, sourceColumn: "artwork_id", udfName: "lookup_embedding_udf"},
        {...shared, name: added[1]!, sourceColumn: "like_artwork_ids_7d", udfName: "avg_pool_embeddings_udf"},
      ],
      columnOrder: [...kept, ...added],
      root: job.folder,
      session,
    });
  } finally {
    session.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  syncOutput(join(job.folder, "daedalus"));
  const syncedSeconds = (performance.now() - startedMs) / 1000;
  const {user, system} = process.cpuUsage();
  console.log(JSON.stringify({seconds, syncedSeconds, cpuSeconds: (user + system) / 1e6, peakMiB: process.resourceUsage().maxRSS / 1024}));
}

function syncOutput(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = openSync(join(folder, name), "r+");
    fsyncSync(file);
    closeSync(file);
  }
}

interface Measured {
  readonly seconds: number;
  /** With the bytes on the disk. */
  readonly syncedSeconds?: number;
  readonly cpuSeconds?: number;
  readonly peakMiB: number;
}

function runChild(command: string, args: readonly string[]): Measured {
  const child = spawnSync(command, args, {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]});
  if (child.status !== 0) throw new Error(`${command} ended with ${child.status ?? child.signal ?? child.error?.message}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1)!) as Measured;
}

const script = fileURLToPath(import.meta.url);
const runOwn = (job: Job): Measured => runChild(process.execPath, ["--import", "tsx", script, "--job", JSON.stringify(job)]);

function runPeer(job: Job): Measured {
  const python = process.env["DAEDALUS_PYTHON"] ?? "python3";
  const task = {task: "enrich", store: join(job.folder, "store.lance"), skeleton: join(job.folder, "skeleton.parquet"), output: join(job.folder, "python.parquet"), dimension: job.dimension};
  return runChild(python, [fileURLToPath(new URL("enrich-peer.py", import.meta.url)), JSON.stringify(task)]);
}

/** Seconds to write as many bytes as the output has, from the page cache to the disk. */
function runDd(job: Job): number {
  const startedMs = performance.now();
  const [from, to] = [join(job.folder, "daedalus", "part-00000.parquet"), join(job.folder, "dd.bin")];
  const child = spawnSync("dd", [`if=${from}`, `of=${to}`, "bs=4M", "conv=fsync"], {stdio: "ignore"});
  if (child.status !== 0) throw new Error("dd failed");
  const seconds = (performance.now() - startedMs) / 1000;
  rmSync(to);
  return seconds;
}

interface Size {
  readonly rows: number;
  readonly vectors: number;
  readonly seed: number;
}

async function writeStore(job: Job, {vectors, seed}: Size): Promise<void> {
  const writer = await StoreWriter.create(job.folder, "store", {idColumn: "id", idKind: "bigint", embeddingColumn: "image_embedding", dimension: job.dimension, dtype: "float16"});
  const halves = Uint16Array.from({length: 4096}, (_, k) => roundToHalf((k - 2047.5) / 2048));
  let state = seed >>> 0;
  for (let start = 0; start < vectors; start += 20_000) {
    const count = Math.min(20_000, vectors - start);
    const values = new Uint16Array(count * job.dimension);
    for (let k = 0; k < values.length; k++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      values[k] = halves[state >>> 20]!;
    }
    await writer.add(BigInt64Array.from({length: count}, (_, k) => BigInt(start + k) * 3_000_019n - 500n), values);
  }
  await writer.finish(`${vectors} of seed ${seed}`);
}

/** Every fiftieth id is unknown; popular artworks come more often. */
async function writeSkeleton(job: Job, {rows, vectors, seed}: Size): Promise<void> {
  const session = await DuckDbSession.open({config: new Map([["threads", "2"]])});
  try {
    await session.run(`CREATE MACRO uniform(number, stream) AS (hash(number, stream, ${seed}) >> 11) / 9007199254740992.0`);
    const id = (number: string, stream: number): string => `CAST(floor(${vectors * 1.02} * uniform(${number}, ${stream}) ** 1.5) AS BIGINT) * 3000019 - 500`;
    const ids = (stream: number): string => `[${id("i * 32 + place", stream)} FOR place IN range(CAST(floor(33 * uniform(i, ${stream + 1}) ** 2.3) AS BIGINT))]`;
    await session.run(`COPY (
  SELECT CAST(60000 * uniform(i, 1) AS BIGINT) AS user_id, ${id("i", 2)} AS artwork_id, make_timestamp(1770508800000000 + i * 170000) AS event_timestamp,
    CASE WHEN uniform(i, 3) < 0.8 THEN 'view' ELSE 'like_click' END AS event, ${ids(4)} AS like_artwork_ids_7d, ${ids(6)} AS view_artwork_ids_7d,
    'a prompt of some words, number ' || hash(i) AS prompt
  FROM range(${rows}) numbers(i) ORDER BY i
) TO '${join(job.folder, "skeleton.parquet")}' (FORMAT parquet, COMPRESSION zstd)`);
  } finally {
    session.close();
  }
}

/** Rows whose new columns are not the same bits; vectors are compared as the floats that they are. */
async function countDifferences({folder}: Job): Promise<unknown> {
  const session = await DuckDbSession.open({config: new Map([["threads", "2"], ["memory_limit", "6GB"]])});
  try {
    const digest = (path: string): string =>
      `SELECT event_timestamp, ${added.map((name) => `hash(${name}) AS ${name}`).join(", ")} FROM read_parquet('${path}')`;
    const differ = added.map((name) => `count(*) FILTER (a.${name} IS DISTINCT FROM b.${name}) AS ${name}`);
    const [row] = await session.rows(`SELECT count(*) AS rows, ${differ.join(", ")}
FROM (${digest(join(folder, "daedalus", "part-00000.parquet"))}) a FULL JOIN (${digest(join(folder, "python.parquet"))}) b USING (event_timestamp)`);
    return row;
  } finally {
    session.close();
  }
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

interface CompareOptions {
  readonly repeats: number;
  readonly dimension: number;
  readonly memory: string;
  readonly hasPeer: boolean;
  readonly folder: string | undefined;
}

async function compare(size: Size, options: CompareOptions): Promise<void> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "bench-enrich-"));
  try {
    const job: Job = {folder, dimension: options.dimension, memory: options.memory};
    if (!existsSync(join(folder, "skeleton.parquet"))) {
      mkdirSync(folder, {recursive: true});
      await writeStore(job, size);
      await writeSkeleton(job, size);
    }
    const own: Measured[] = [];
    const peers: Measured[] = [];
    const dds: number[] = [];
    let byteCount = 0;
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      rmSync(join(folder, "daedalus"), {recursive: true, force: true});
      mkdirSync(join(folder, "daedalus"));
      own.push(runOwn(job));
      byteCount = statSync(join(folder, "daedalus", "part-00000.parquet")).size;
      dds.push(runDd(job));
      if (options.hasPeer) peers.push(runPeer(job));
    }
    const seconds = (runs: readonly Measured[]): string => `${median(runs.map((run) => run.seconds)).toFixed(2)} s`;
    const peak = (runs: readonly Measured[]): string => `${Math.max(...runs.map((run) => run.peakMiB)).toFixed(0)} MiB`;
    console.log(`${size.rows} rows, ${size.vectors} vectors of ${options.dimension}, ${(byteCount / 1e6).toFixed(0)} MB, seed ${size.seed}, medians of ${options.repeats}`);
    console.log(`daedalus ${seconds(own)}, with fsync ${median(own.map((run) => run.syncedSeconds!)).toFixed(2)} s, CPU ${median(own.map((run) => run.cpuSeconds!)).toFixed(2)} s, ${peak(own)}`);
    console.log(`dd with fsync ${median(dds).toFixed(2)} s`);
    if (!options.hasPeer) return;
    console.log(`python ${seconds(peers)}, ${peak(peers)}`);
    console.log(JSON.stringify(await countDifferences(job), (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)));
  } finally {
    if (options.folder === undefined) rmSync(folder, {recursive: true, force: true});
  }
}

const {values} = parseArgs({
  options: {
    job: {type: "string"},
    rows: {type: "string", default: "500000"},
    vectors: {type: "string", default: "200000"},
    dimension: {type: "string", default: "1152"},
    repeats: {type: "string", default: "3"},
    seed: {type: "string", default: "1"},
    memory: {type: "string", default: "2GB"},
    folder: {type: "string"},
    "no-peer": {type: "boolean", default: false},
  },
});
if (values.job !== undefined) await enrich(JSON.parse(values.job) as Job);
else {
  const size = {rows: Number(values.rows), vectors: Number(values.vectors), seed: Number(values.seed)};
  await compare(size, {repeats: Number(values.repeats), dimension: Number(values.dimension), memory: values.memory, hasPeer: !values["no-peer"], folder: values.folder});
}
