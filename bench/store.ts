/**
 * How long does a store take to build, beside pylance writing the same table from the same parquet file of half vectors?
 * `DAEDALUS_PYTHON=... npx tsx bench/store.ts [--rows 1000000] [--dimension 1152] [--repeats 1] [--seed 1] [--memory 4GB] [--folder DIR]`
 * `daedalus` also looks for ids that occur twice and for vectors that are no numbers, and takes a digest of all. Each run is a process of
 * its own, with its output on the disk when it ends; `--folder` keeps the source for another run. Python needs `pylance` and `numpy`.
 */
import {spawnSync} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {buildStore} from "../src/pipeline/store-build.js";
import {printMeasured, type Measured} from "./measured-process.js";

interface Job {
  readonly source: string;
  readonly output: string;
  readonly rows: number;
  readonly dimension: number;
  readonly seed: number;
  readonly memory: string;
}

async function build(job: Job): Promise<void> {
  const startedMs = performance.now();
  const session = await DuckDbSession.open({config: new Map([["threads", "2"], ["memory_limit", job.memory]])});
  const place = {file: "bench", line: 1, column: 1, length: 1, text: ""};
  await buildStore(
    {
      name: "artworks", type: "lance", path: job.output, idColumn: "id", embeddingColumn: "image_embedding", embeddingDim: job.dimension, embeddingDtype: "float16",
      buildBatchSize: 50_000, sourceParquet: job.source, place,
    },
    {root: "/", session},
  );
  session.close();
  printMeasured((performance.now() - startedMs) / 1000);
}

function runChild(command: string, args: readonly string[]): Measured {
  const child = spawnSync(command, args, {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]});
  if (child.status !== 0) throw new Error(`${command} ended with ${child.status ?? child.signal ?? child.error?.message}`);
  const measured = JSON.parse(child.stdout.trim().split("\n").at(-1)!) as Measured;
  const endedMs = performance.now();
  // What the page cache still holds counts, too, and not for the next one.
  spawnSync("sync");
  return {...measured, seconds: measured.seconds + (performance.now() - endedMs) / 1000};
}

const script = fileURLToPath(import.meta.url);
const python = process.env["DAEDALUS_PYTHON"] ?? "python3";
const peer = fileURLToPath(new URL("store-peer.py", import.meta.url));
const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

function compare(size: {rows: number; dimension: number; seed: number; memory: string}, options: {repeats: number; folder: string | undefined}): void {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "bench-store-"));
  try {
    mkdirSync(folder, {recursive: true});
    const job: Job = {...size, source: join(folder, `vectors-${size.rows}.parquet`), output: join(folder, "store")};
    if (!existsSync(job.source)) runChild(python, [peer, JSON.stringify({...job, task: "source"})]);
    const runs: Record<"daedalus" | "pylance", Measured[]> = {daedalus: [], pylance: []};
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      runs.daedalus.push(runChild(process.execPath, ["--import", "tsx", script, "--job", JSON.stringify(job)]));
      rmSync(job.output, {recursive: true, force: true});
      runs.pylance.push(runChild(python, [peer, JSON.stringify({...job, task: "build"})]));
      rmSync(job.output, {recursive: true, force: true});
    }
    console.log(`${size.rows} rows of ${size.dimension} halves, seed ${size.seed}, medians of ${options.repeats}, bytes on the disk included`);
    for (const [name, measured] of Object.entries(runs)) {
      const of = (key: keyof Measured): number => median(measured.map((run) => run[key]));
      console.log(`${name}: ${of("seconds").toFixed(1)} s, CPU ${of("cpuSeconds").toFixed(1)} s, ${of("peakMiB").toFixed(0)} MiB`);
    }
    console.log(`daedalus is ${(median(runs.pylance.map((run) => run.seconds)) / median(runs.daedalus.map((run) => run.seconds))).toFixed(2)}x as fast`);
  } finally {
    if (options.folder === undefined) rmSync(folder, {recursive: true, force: true});
  }
}

const {values} = parseArgs({
  options: {
    job: {type: "string"},
    rows: {type: "string", default: "1000000"},
    dimension: {type: "string", default: "1152"},
    repeats: {type: "string", default: "1"},
    seed: {type: "string", default: "1"},
    memory: {type: "string", default: "4GB"},
    folder: {type: "string"},
  },
});
if (values.job !== undefined) await build(JSON.parse(values.job) as Job);
else compare({rows: Number(values.rows), dimension: Number(values.dimension), seed: Number(values.seed), memory: values.memory}, {repeats: Number(values.repeats), folder: values.folder});
