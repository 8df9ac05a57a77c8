/**
 * How much memory do the ids of a large store take? `npx tsx bench/id-map.ts [--ids 10000000] [--kind bigint|text] [--folder DIR]`
 * A process of its own opens the store and reads its ids: what it takes is the difference of its resident memory, after the collector
 * has run, and what the map says of itself. Ids lie 3,000,019 apart; text ids are those numbers after `item-`.
 */
import {spawnSync} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import type {EmbeddingStore} from "../src/definitions/model.js";
import {openStore, StoreWriter, type IdKind} from "../src/sources/embedding-store.js";

const dimension = 4;
const batchRows = 500_000;
const place = {file: "bench", line: 1, column: 1, length: 1, text: ""};

const storeOf = (path: string): EmbeddingStore => ({
  name: "items", type: "lance", path, idColumn: "id", embeddingColumn: "vector", embeddingDim: dimension, embeddingDtype: "float16", buildBatchSize: batchRows, sourceParquet: undefined, place,
});

async function writeStore(folder: string, kind: IdKind, count: number): Promise<void> {
  const writer = await StoreWriter.create(folder, "store", {idColumn: "id", idKind: kind, embeddingColumn: "vector", dimension, dtype: "float16"});
  for (let start = 0; start < count; start += batchRows) {
    const length = Math.min(batchRows, count - start);
    const ids = BigInt64Array.from({length}, (_, k) => BigInt(start + k) * 3_000_019n - 500n);
    await writer.add(kind === "bigint" ? ids : Array.from(ids, (id) => `item-${id}`), new Uint16Array(length * dimension));
  }
  await writer.finish(`${count} ${kind}`);
  writer.close();
}

/** Resident MiB, once nothing can be collected. */
async function settledMiB(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    (globalThis as unknown as {gc: () => void}).gc();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return process.memoryUsage().rss / 2 ** 20;
}

async function measure(folder: string): Promise<void> {
  const reader = await openStore(storeOf(join(folder, "store.lance")), "/");
  const before = await settledMiB();
  const startedMs = performance.now();
  const index = await reader.index();
  const seconds = (performance.now() - startedMs) / 1000;
  const after = await settledMiB();
  const peak = process.resourceUsage().maxRSS / 1024;
  const own = index.byteCount / 2 ** 20;
  console.log(`${reader.rowCount} ids: ${own.toFixed(0)} MiB by its own count; resident ${before.toFixed(0)} -> ${after.toFixed(0)} MiB, ${(after - before).toFixed(0)} more; peak ${peak.toFixed(0)} MiB; ${seconds.toFixed(1)} s`);
  console.log(`${((index.byteCount / reader.rowCount)).toFixed(1)} bytes an id`);
  reader.close();
}

const {values} = parseArgs({
  options: {measure: {type: "string"}, ids: {type: "string", default: "10000000"}, kind: {type: "string", default: "bigint"}, folder: {type: "string"}},
});
if (values.measure !== undefined) await measure(values.measure);
else {
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), "bench-ids-"));
  try {
    mkdirSync(folder, {recursive: true});
    if (!existsSync(join(folder, "store.lance"))) await writeStore(folder, values.kind as IdKind, Number(values.ids));
    const child = spawnSync(process.execPath, ["--expose-gc", "--import", "tsx", fileURLToPath(import.meta.url), "--measure", folder], {stdio: "inherit"});
    if (child.status !== 0) throw new Error(`measuring ended with ${child.status ?? child.signal}`);
  } finally {
    if (values.folder === undefined) rmSync(folder, {recursive: true, force: true});
  }
}
