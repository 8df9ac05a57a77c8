/** A small project with real parquet files: four days of orders over two months, a price list with versions, static products. */
import {cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {loadProject, type ProjectOptions} from "../../src/definitions/project.js";
import type {TrainEvent} from "../../src/pipeline/effects.js";
import {realEffects} from "../../src/pipeline/effects.js";
import {train, type TrainOptions, type TrainReport} from "../../src/pipeline/train.js";
import {renderParquetRelation} from "../../src/sources/parquet.js";
import {quoteText} from "../../src/sources/quote.js";
import {writeFiles} from "./project-files.js";
import {testSession} from "./test-session.js";

export const shopFiles = {
  "feature_views/orders.yaml": `
name: orders
entity: [customer, product]
source: {path: data/orders, timestamp_field: at}
time: {tie_break: [line]}
fields:
  - {name: line, dtype: BIGINT}
  - {name: quantity, dtype: INTEGER}
`,
  "feature_views/prices.yaml": `
name: prices
entity: product
source: {path: data/prices.parquet, timestamp_field: valid_at}
fields:
  - {name: price, dtype: DOUBLE}
`,
  "feature_views/products.yaml": `
name: products
entity: product
source: {path: data/products.parquet}
fields:
  - {name: brand, dtype: TEXT}
`,
  "feature_services/basket.yaml": `
name: basket
version: 1
spine: {view: orders}
columns:
  - {name: customer_id, kind: key, dtype: BIGINT}
  - {name: product_id, kind: key, dtype: BIGINT}
  - {name: at, kind: event, dtype: TIMESTAMP}
  - {name: quantity, kind: event, dtype: INTEGER}
  - {name: price, kind: feature, dtype: DOUBLE}
  - {name: brand, kind: feature, dtype: TEXT}
  - {name: bought, kind: aggregation, dtype: "BIGINT[]"}
  - {name: orders_ever, kind: aggregation, dtype: BIGINT}
`,
  // One thread: the threads of DuckDB wait for one another actively, which is a quarter of the time that such small days take.
  "config/training/runtime.yaml": `
feed_start: "202602"
feed_end: "202603"
output_root: out
compute:
  duckdb_config:
    threads: "1"
`,
  "config/training/aggregations.yaml": `
aggregation_specs:
  - {name: bought, group_by: [customer_id], value_column: product_id, operation: list, window_days: 2, max_items: 4}
  - {name: orders_ever, group_by: [customer_id], operation: count, window_days: null}
`,
};

/** 200 orders a day; every tenth without a customer; ties at whole minutes. */
const orders = (day: string): string => `
SELECT CASE WHEN i % 10 = 9 THEN NULL ELSE hash(i, '${day}') % 7 END::BIGINT AS customer_id, (hash(i, '${day}', 2) % 12)::BIGINT AS product_id,
  TIMESTAMP '${day}' + to_minutes((hash(i, '${day}', 3) % 300)::BIGINT) AS at, i AS line, (hash(i, 4) % 5)::INTEGER AS quantity
FROM range(200) AS t(i)`;

export const shopDays = ["2026-02-26", "2026-02-27", "2026-03-01", "2026-03-02"];

/** The shop with two of its four days, where no test needs more. */
export const march = {"config/training/runtime.yaml": shopFiles["config/training/runtime.yaml"].replace('"202602"', '"202603"')};
export const marchDays = shopDays.slice(2);

const shopTables: Readonly<Record<string, string>> = {
  ...Object.fromEntries(shopDays.map((day) => [`data/orders/dt=${day}/part-0.parquet`, orders(day)])),
  "data/prices.parquet": `SELECT (i % 10)::BIGINT AS product_id, TIMESTAMP '2026-02-20' + to_hours((i * 7)::BIGINT) AS valid_at,
    CASE WHEN i = 3 THEN 'NaN'::DOUBLE ELSE i * 1.5 END AS price FROM range(60) AS t(i)`,
  "data/products.parquet": "SELECT i::BIGINT AS product_id, 'brand ' || (i % 3) AS brand FROM range(11) AS t(i)",
};

const writtenTables = new Map<string, Buffer>();

/** Writes query results as parquet files below the folder; the same query gives the same file. */
export async function writeTables(root: string, tables: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, query] of Object.entries(tables)) {
    const target = join(root, path);
    mkdirSync(dirname(target), {recursive: true});
    const known = writtenTables.get(query);
    if (known) {
      writeFileSync(target, known);
      continue;
    }
    await (await testSession()).run(`COPY (${query}) TO ${quoteText(target)} (FORMAT parquet)`);
    writtenTables.set(query, readFileSync(target));
  }
}

export async function makeShop(changes: Readonly<Record<string, string>> = {}, tables: Readonly<Record<string, string>> = {}): Promise<string> {
  const root = writeFiles({...shopFiles, ...changes});
  await writeTables(root, {...shopTables, ...tables});
  return root;
}

const trainedShops = new Map<string, Promise<string>>();

/** A shop as `makeShop` and `trainShop` leave it: trained once, then copied. */
export async function makeTrainedShop(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const id = JSON.stringify(changes);
  // Sources are known by their times, of which a copy keeps the milliseconds: so the one that is trained is a copy already.
  const trained = trainedShops.get(id) ?? makeShop(changes).then(async (root) => {
    const copy = copyShop(root);
    await trainShop(copy);
    return copy;
  });
  trainedShops.set(id, trained);
  return copyShop(await trained);
}

export function copyShop(from: string): string {
  const root = writeFiles({});
  cpSync(from, root, {recursive: true, preserveTimestamps: true});
  return root;
}

export interface ShopRun extends TrainReport {
  readonly events: readonly TrainEvent[];
}

export async function trainShop(root: string, options: Partial<Omit<TrainOptions, "project" | "service">> & {load?: Partial<ProjectOptions>; signal?: AbortSignal; onEvent?: (event: TrainEvent) => void} = {}): Promise<ShopRun> {
  const {load, signal, onEvent, ...rest} = options;
  const project = loadProject({root, ...load});
  const events: TrainEvent[] = [];
  const effects = {...realEffects, onEvent: (event: TrainEvent) => (events.push(event), onEvent?.(event)), ...(signal ? {signal} : {})};
  const report = await train({project, service: project.services.get("basket")!, stages: "both", ...rest}, effects);
  return {...report, events};
}

/** Rows of a partition as JSON lines, in file order. */
export async function readRows(directory: string, select = "* EXCLUDE (dt)"): Promise<string[]> {
  const session = await testSession();
  const files = readdirSync(directory).filter((name) => name.endsWith(".parquet")).sort();
  const relation = renderParquetRelation(files.map((name) => join(directory, name)));
  const rows = await session.rows(`SELECT to_json(t)::VARCHAR AS row FROM (SELECT ${select} FROM ${relation}) AS t`);
  return rows.map((row) => row["row"] as string);
}

/** Every published file below the service's folder and its rows or bytes: what two runs must agree on. */
export async function readDatasets(root: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const stage of ["skeleton", "dataset"]) {
    const directory = join(root, "out", "basket", stage);
    for (const day of readdirSync(directory).sort()) found[`${stage}/${day}`] = await readRows(join(directory, day));
  }
  return found;
}

export function readManifestOf(root: string, stage: string, day: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, "out", "basket", stage, `dt=${day}`, "_manifest.json"), "utf8")) as Record<string, unknown>;
}
