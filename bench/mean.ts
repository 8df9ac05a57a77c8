/**
 * How fast is the mean of vectors in one thread, beside NumPy? Lists of ten random ids over a pool of vectors: ours are halves, NumPy's
 * are floats, which it adds faster than halves. `DAEDALUS_PYTHON=... npx tsx bench/mean.ts [--rows 20000] [--vectors 20000] [--seed 1]`
 */
import {spawnSync} from "node:child_process";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import {allocateMemory} from "../src/engines/wasm.js";
import {roundToHalf} from "../src/pipeline/half-float.js";
import {PageComputer, scratchBytes} from "../src/pipeline/page-job.js";
import {seededRandom} from "../test/support/seeded-random.js";

const {values} = parseArgs({
  options: {
    rows: {type: "string", default: "20000"},
    vectors: {type: "string", default: "20000"},
    dimension: {type: "string", default: "1152"},
    repeats: {type: "string", default: "3"},
    seed: {type: "string", default: "1"},
  },
});
const size = {rows: Number(values.rows), vectors: Number(values.vectors), dimension: Number(values.dimension), seed: Number(values.seed)};
const listLength = 10;
const pageRows = 400;

/** Seconds to compute all means as pages, halves rounded and levels rendered. */
async function runOwn(): Promise<number> {
  const {dimension, rows, vectors} = size;
  const random = seededRandom(size.seed);
  const limits = {idsMax: pageRows * listLength, lengthMax: dimension};
  const poolAt = scratchBytes(limits);
  const outAt = poolAt + vectors * dimension * 2;
  const memory = allocateMemory(outAt + pageRows * dimension * 2 + 64);
  const pool = new Uint16Array(memory.buffer as unknown as ArrayBuffer, poolAt, vectors * dimension);
  for (let k = 0; k < pool.length; k++) pool[k] = roundToHalf(random() * 2 - 1);
  const computer = new PageComputer(
    {
      memory,
      scratch: {at: 0, ...limits},
      functions: [{column: "mean", dtype: {kind: "vector", name: "HALF_FLOAT", dimension}, dimension, stored: "float16", work: {pooling: "mean", finish: "none", otherPooling: undefined}}],
    },
    () => Promise.reject(new Error("no function of a project")),
  );
  const slots = Int32Array.from({length: rows * listLength}, () => Math.floor(random() * vectors));
  const offsets = Int32Array.from({length: pageRows + 1}, (_, row) => row * listLength);
  const startedMs = performance.now();
  for (let row = 0; row + pageRows <= rows; row += pageRows) {
    const ids = {offsets, slots: slots.subarray(row * listLength, (row + pageRows) * listLength)};
    await computer.compute({work: 0, rowStart: row, rowCount: pageRows, ids, otherIds: undefined, poolAt, hasSpecials: false, outAt});
  }
  return (performance.now() - startedMs) / 1000;
}

function runPeer(): number {
  const peer = fileURLToPath(new URL("enrich-peer.py", import.meta.url));
  const env = {...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1"};
  const child = spawnSync(process.env["DAEDALUS_PYTHON"] ?? "python3", [peer, JSON.stringify({...size, task: "mean"})], {encoding: "utf8", env, stdio: ["ignore", "pipe", "inherit"]});
  if (child.status !== 0) throw new Error(`python ended with ${child.status ?? child.signal ?? child.error?.message}`);
  return (JSON.parse(child.stdout) as {seconds: number}).seconds;
}

const own: number[] = [];
const peers: number[] = [];
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  own.push(await runOwn());
  peers.push(runPeer());
}
const rate = (seconds: number): string => `${((size.rows * listLength * size.dimension) / seconds / 1e9).toFixed(2)} G elements/s`;
const [ours, theirs] = [Math.min(...own), Math.min(...peers)];
console.log(`${size.rows} means of ${listLength} of ${size.vectors} vectors of ${size.dimension}, seed ${size.seed}, fastest of ${own.length}`);
console.log(`daedalus, from halves to halves: ${ours.toFixed(3)} s, ${rate(ours)}`);
console.log(`NumPy, from floats to floats: ${theirs.toFixed(3)} s, ${rate(theirs)}`);
console.log(`${(theirs / ours).toFixed(2)}x as fast`);
