import {appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, truncateSync, utimesSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {describe, expect, it} from "vitest";
import {DaedalusError, ProblemsError} from "../../src/errors.js";
import {acquireLock} from "../../src/pipeline/lock.js";
import {makeShop, makeTrainedShop, readDatasets, readManifestOf, readRows, shopDays, shopFiles, trainShop, writeTables, type ShopRun} from "../support/shop-project.js";

const states = (run: ShopRun): string[] => run.days.map(({day, state}) => `${day} ${state}`);
const reasons = (run: ShopRun): string[] => run.events.flatMap((event) => (event.kind === "day-start" ? [`${event.day} ${event.reason}`] : []));

async function failure(promise: Promise<unknown>): Promise<DaedalusError> {
  const error: unknown = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (error instanceof ProblemsError) return error.problems.find((problem) => problem.severity === "error")!;
  if (error instanceof DaedalusError) return error;
  throw error;
}

describe("a training run", () => {
  it("writes every day with data in the months, and nothing else", async () => {
    const root = await makeShop();
    const run = await trainShop(root);
    expect(states(run)).toEqual(shopDays.map((day) => `${day} written`));
    expect(run.rows).toBe(800);
    expect(readdirSync(join(root, "out", "basket", "dataset"))).toEqual(shopDays.map((day) => `dt=${day}`));
    expect(readdirSync(join(root, "out", "basket", "dataset", "dt=2026-03-01")).sort()).toEqual(["_manifest.json", "part-00000.parquet"]);
  });

  it("orders rows by time and then by keys, NULL first", async () => {
    const root = await makeShop();
    await trainShop(root, {targetDay: "2026-03-01"});
    const rows = (await readRows(join(root, "out/basket/dataset/dt=2026-03-01"), "\"at\"::VARCHAR AS moment, customer_id AS c, product_id AS p")).map((row) => JSON.parse(row) as {moment: string; c: number | null; p: number});
    const sorted = [...rows].sort((a, b) => a.moment.localeCompare(b.moment) || (a.c ?? -1) - (b.c ?? -1) || a.p - b.p);
    expect(rows).toEqual(sorted);
  });

  it("splits a day into files of at most entity_spine_chunk_rows rows, in order", async () => {
    const root = await makeShop();
    await trainShop(root, {targetDay: "2026-03-01"});
    const whole = await readRows(join(root, "out/basket/dataset/dt=2026-03-01"));
    await trainShop(root, {targetDay: "2026-03-01", isForced: true, load: {overrides: ["entity_spine_chunk_rows=64"]}});
    expect(readdirSync(join(root, "out/basket/dataset/dt=2026-03-01"))).toHaveLength(5);
    expect(await readRows(join(root, "out/basket/dataset/dt=2026-03-01"))).toEqual(whole);
  });

  it("gives the same rows whatever the number of workers, threads and the aggregation engine", async () => {
    const root = await makeTrainedShop();
    const wanted = await readDatasets(root);
    await trainShop(root, {isForced: true, dayWorkers: 3, load: {overrides: ["compute.duckdb_config.threads=1", "compute.duckdb_config.preserve_insertion_order=false"]}});
    expect(await readDatasets(root)).toEqual(wanted);
    await trainShop(root, {isForced: true, engine: "polars"});
    expect(await readDatasets(root)).toEqual(wanted);
  });

  it("records in the manifest what made the partition and what is in it", async () => {
    const root = await makeShop();
    await trainShop(root, {targetDay: "2026-03-01"});
    const manifest = readManifestOf(root, "dataset", "2026-03-01");
    expect(manifest).toMatchObject({service: "basket", day: "2026-03-01", stage: "dataset", rows: 200, aggregation_engine: "duckdb"});
    const columns = manifest["columns"] as {name: string; nulls: number; list_length?: {max: number}}[];
    expect(columns.map((column) => column.name)).toEqual(["customer_id", "product_id", "at", "quantity", "price", "brand", "bought", "orders_ever"]);
    expect(columns[0]).toMatchObject({nulls: 20});
    expect(columns[6]).toMatchObject({nulls: 0, list_length: {max: 4}});
  });

  it("leaves no lock, no staging and no scratch files behind", async () => {
    const root = await makeShop();
    await trainShop(root, {load: {overrides: [`compute.duckdb_config.temp_directory=${root}/spill`]}});
    const left = readdirSync(join(root, "out", "basket"), {recursive: true}).filter((name) => /\.lock$|\.staging\/.*dt=/.test(String(name)));
    expect(left).toEqual([]);
    expect(readdirSync(join(root, "spill"))).toEqual([]);
  });
});

describe("a second run", () => {
  it("does nothing when nothing changed", async () => {
    const root = await makeTrainedShop();
    expect(new Set((await trainShop(root)).days.map((day) => day.state))).toEqual(new Set(["current"]));
  });

  it("does nothing for a comment or another order of keys", async () => {
    const root = await makeTrainedShop();
    appendFileSync(join(root, "feature_views/orders.yaml"), "# a comment\n");
    writeFileSync(join(root, "feature_views/products.yaml"), "entity: product\nname: products\nfields: [{dtype: TEXT, name: brand}]\nsource: {path: data/products.parquet}\n");
    expect(new Set((await trainShop(root)).days.map((day) => day.state))).toEqual(new Set(["current"]));
  });

  it("redoes every day when a definition changed, and says so", async () => {
    const root = await makeTrainedShop();
    writeFileSync(join(root, "feature_views/prices.yaml"), shopFiles["feature_views/prices.yaml"].replace("entity: product", "entity: product\nttl: 1d"));
    expect(reasons(await trainShop(root))).toEqual(shopDays.map((day) => `${day} price: the definition changed`));
  });

  it("redoes the days that a changed file reaches, and no others", async () => {
    const root = await makeTrainedShop();
    const file = join(root, "data/orders/dt=2026-03-01/part-0.parquet");
    utimesSync(file, new Date(), new Date(Date.now() + 5000));
    expect(reasons(await trainShop(root))).toEqual([
      '2026-03-01 the source of view "orders" changed',
      '2026-03-02 bought, orders_ever: the source of view "orders" changed',
    ]);
  });

  it("finishes what an interrupted run left, with the same rows as an uninterrupted one", async () => {
    const whole = await makeTrainedShop();
    const root = await makeShop();
    const controller = new AbortController();
    const interrupted = trainShop(root, {signal: controller.signal, dayWorkers: 1, targetDay: undefined});
    setTimeout(() => controller.abort(), 700);
    await interrupted.catch((error: unknown) => expect(error).toMatchObject({code: "interrupted"}));
    await trainShop(root);
    expect(await readDatasets(root)).toEqual(await readDatasets(whole));
  });

  it("makes a partition again whose manifest was broken by hand", async () => {
    const root = await makeTrainedShop();
    writeFileSync(join(root, "out/basket/skeleton/dt=2026-03-01/_manifest.json"), "{");
    expect(reasons(await trainShop(root))).toEqual(["2026-03-01 its manifest is broken"]);
  });

  it("makes only the stage that is asked for", async () => {
    const root = await makeShop();
    expect(await failure(trainShop(root, {stages: "enrich"}))).toMatchObject({code: "skeleton-missing"});
    await trainShop(root, {stages: "skeleton"});
    expect(existsSync(join(root, "out/basket/dataset"))).toBe(false);
    await trainShop(root, {stages: "enrich"});
    expect(readdirSync(join(root, "out/basket/dataset"))).toHaveLength(4);
    writeFileSync(join(root, "feature_views/prices.yaml"), shopFiles["feature_views/prices.yaml"].replace("entity: product", "entity: product\nttl: 1d"));
    expect(await failure(trainShop(root, {stages: "enrich"}))).toMatchObject({code: "skeleton-stale"});
  });
});

describe("which days", () => {
  it("refuses a target date without data and names days nearby", async () => {
    const root = await makeShop();
    const error = await failure(trainShop(root, {targetDay: "2026-02-28"}));
    expect(error).toMatchObject({code: "day-empty", facts: {nearest: shopDays}});
  });

  it.each(["2026-02-30", "yesterday", "20260301"])("refuses %s as a day", async (day) => {
    expect(await failure(trainShop(await makeShop(), {targetDay: day}))).toMatchObject({code: "day-wrong"});
  });

  it("warns of a month without data between months with data", async () => {
    const root = await makeShop();
    const run = await trainShop(root, {stages: "skeleton", load: {overrides: ["feed_end=202604"]}});
    expect(run.events.flatMap((event) => (event.kind === "warning" ? [event.problem.facts] : []))).toEqual([{month: "202604", view: "orders"}]);
  });

  it("refuses months without any data, and months that are not said", async () => {
    const root = await makeShop();
    expect(await failure(trainShop(root, {load: {overrides: ["feed_start=202001", "feed_end=202002"]}}))).toMatchObject({code: "months-empty"});
    writeFileSync(join(root, "config/training/runtime.yaml"), "output_root: out\n");
    expect(await failure(trainShop(root))).toMatchObject({code: "months-missing"});
  });

  it("writes an empty partition with its columns when filters drop every row of a day", async () => {
    const root = await makeShop({"feature_services/basket.yaml": `${shopFiles["feature_services/basket.yaml"]}\nfilters: [{name: none, sql: "quantity > 100"}]\n`});
    const run = await trainShop(root, {targetDay: "2026-03-01"});
    expect(run.rows).toBe(0);
    expect(await readRows(run.days[0]!.directory)).toEqual([]);
  });
});

describe("sources that do not fit", () => {
  it("names every missing column and every wrong dtype of all views at once, before any day is computed", async () => {
    const root = await makeShop({
      "feature_views/orders.yaml": shopFiles["feature_views/orders.yaml"].replace("name: quantity, dtype: INTEGER", "name: quantity, dtype: TEXT"),
      "feature_views/products.yaml": shopFiles["feature_views/products.yaml"].replace("path: data/products.parquet", "path: data/products.parquet, field_mapping: {brnd: brand}"),
      "feature_services/basket.yaml": shopFiles["feature_services/basket.yaml"].replace("name: quantity, kind: event, dtype: INTEGER", "name: quantity, kind: event"),
    });
    const error: unknown = await trainShop(root).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProblemsError);
    expect((error as ProblemsError).problems.map(({code, place}) => [code, place?.file])).toEqual([
      ["source-dtype", "feature_views/orders.yaml"],
      ["source-column-missing", "feature_views/products.yaml"],
    ]);
    expect((error as ProblemsError).problems[1]!.hint).toContain("brand");
    expect(existsSync(join(root, "out"))).toBe(false);
  });

  it("names a file that is missing, and where it was looked for", async () => {
    const root = await makeShop({"feature_views/products.yaml": shopFiles["feature_views/products.yaml"].replace("products.parquet", "product.parquet")});
    expect(await failure(trainShop(root))).toMatchObject({code: "source-missing", facts: {view: "products", path: "data/product.parquet"}});
  });

  it("is not content with a partition of a source that leads nowhere", async () => {
    const root = await makeShop();
    symlinkSync(join(root, "unmounted"), join(root, "data/orders/dt=2026-03-03"));
    const error = await failure(trainShop(root, {targetDay: "2026-03-02"}));
    expect(error).toMatchObject({code: "source-denied", facts: {view: "orders"}});
    expect(error.message).toContain("dt=2026-03-03");
  });

  it.each([
    ["truncated", (path: string) => truncateSync(path, 200)],
    ["not parquet at all", (path: string) => writeFileSync(path, "hello")],
    ["empty", (path: string) => writeFileSync(path, "")],
  ])("names the view of a file that is %s", async (_what, damage) => {
    const root = await makeShop();
    damage(join(root, "data/orders/dt=2026-03-01/part-0.parquet"));
    const error = await failure(trainShop(root));
    expect(error).toMatchObject({code: "source-unreadable", facts: {view: "orders"}});
    expect(error.message).toContain("dt=2026-03-01");
  });

  it("names three keys of a static view with several rows for them", async () => {
    const root = await makeShop({}, {"data/products.parquet": "SELECT (i % 5)::BIGINT AS product_id, 'b' || i AS brand FROM range(10) AS t(i)"});
    const error = await failure(trainShop(root));
    expect(error).toMatchObject({code: "duplicate-rows", facts: {view: "products", keys: ["product_id=0", "product_id=1", "product_id=2"]}});
  });

  it("refuses rows of one key and instant where on_duplicate says error, and picks one where it does not", async () => {
    const tables = {"data/prices.parquet": "SELECT 1::BIGINT AS product_id, TIMESTAMP '2026-02-20' AS valid_at, i::DOUBLE AS price FROM range(3) AS t(i)"};
    const picky = shopFiles["feature_views/prices.yaml"].replace("fields:", "time: {on_duplicate: error}\nfields:");
    expect(await failure(trainShop(await makeShop({"feature_views/prices.yaml": picky}, tables)))).toMatchObject({code: "duplicate-rows", facts: {keys: ["product_id=1"]}});
    const run = await trainShop(await makeShop({}, tables), {targetDay: "2026-03-01"});
    expect(new Set(await readRows(run.days[0]!.directory, "price"))).toEqual(new Set(['{"price":2.0}', '{"price":null}']));
  });

  it("reads zoned timestamps as UTC instants", async () => {
    const plain = await makeTrainedShop();
    const zoned = await makeShop();
    const path = (day: string): string => `data/orders/dt=${day}/part-0.parquet`;
    await writeTables(zoned, Object.fromEntries(shopDays.map((day) => [path(day), `SELECT * REPLACE ("at"::TIMESTAMPTZ AS "at") FROM '${join(plain, path(day))}'`])));
    await trainShop(zoned);
    expect(await readDatasets(zoned)).toEqual(await readDatasets(plain));
  });

  it("keeps rows with NULL keys and gives them empty windows and no features", async () => {
    const root = await makeShop();
    await trainShop(root, {targetDay: "2026-03-02"});
    const rows = await readRows(join(root, "out/basket/dataset/dt=2026-03-02"), "customer_id, bought, orders_ever");
    expect(rows.filter((row) => row.includes('"customer_id":null')).every((row) => row.includes('"bought":[],"orders_ever":0'))).toBe(true);
    expect(rows.filter((row) => row.includes('"customer_id":null'))).toHaveLength(20);
  });

  it("carries NaN through as NaN", async () => {
    const root = await makeShop({}, {"data/prices.parquet": "SELECT i::BIGINT AS product_id, TIMESTAMP '2026-02-20' AS valid_at, 'NaN'::DOUBLE AS price FROM range(12) AS t(i)"});
    await trainShop(root, {targetDay: "2026-03-02"});
    expect(new Set(await readRows(join(root, "out/basket/dataset/dt=2026-03-02"), "isnan(price) AS nan"))).toEqual(new Set(['{"nan":true}']));
  });
});

describe("a partition under writing", () => {
  it("is refused to a second run while the first holds it", async () => {
    const root = await makeShop();
    mkdirSync(join(root, "out/basket/.locks"), {recursive: true});
    const lock = acquireLock(join(root, "out/basket/.locks/dt=2026-03-01.lock"), "basket 2026-03-01");
    expect(await failure(trainShop(root, {targetDay: "2026-03-01"}))).toMatchObject({code: "partition-locked", facts: {pid: process.pid}});
    lock.release();
    expect((await trainShop(root, {targetDay: "2026-03-01"})).rows).toBe(200);
  });

  it("stays as it was when a check of the new one fails, which is kept for inspection", async () => {
    const root = await makeTrainedShop();
    const before = await readDatasets(root);
    writeFileSync(join(root, "feature_services/basket.yaml"), `${shopFiles["feature_services/basket.yaml"]}\nchecks: [{min_rows: 1000}, {unique: [customer_id], severity: warn}]\n`);
    const error = await failure(trainShop(root));
    expect(error).toMatchObject({code: "checks-failed", facts: {failed: ["min_rows 1000 (200 rows)"]}});
    expect(readdirSync(error.facts["staged"] as string)).toContain("part-00000.parquet");
    expect(await readDatasets(root)).toEqual(before);
    writeFileSync(join(root, "feature_services/basket.yaml"), `${shopFiles["feature_services/basket.yaml"]}\nchecks: [{min_rows: 100}, {unique: [customer_id], severity: warn}]\n`);
    const run = await trainShop(root, {targetDay: "2026-03-01"});
    expect(run.days[0]!.checks.map(({check, isPassed}) => [check, isPassed])).toEqual([["min_rows 100", true], ["unique [customer_id]", false]]);
  });

  it("says where it could not write", async () => {
    const root = await makeShop();
    writeFileSync(join(root, "flat"), "a file, not a folder");
    expect(await failure(trainShop(root, {outputRoot: "flat/out"}))).toMatchObject({code: "output-unwritable"});
  });

  it("is not made of a source file that changed while it was read", async () => {
    const root = await makeShop();
    const run = trainShop(root, {targetDay: "2026-03-01"});
    const timer = setInterval(() => utimesSync(join(root, "data/products.parquet"), new Date(), new Date()), 1);
    const error = await failure(run).finally(() => clearInterval(timer));
    expect(error).toMatchObject({code: "source-changed", facts: {view: "products"}});
    expect(existsSync(join(root, "out/basket/skeleton/dt=2026-03-01"))).toBe(false);
  });

  it("is not made of a source file that another one of its size and time took the place of", async () => {
    const root = await makeShop();
    const [path, copy] = [join(root, "data/products.parquet"), join(root, "data/products.copy")];
    const touched = new Date("2026-01-01");
    utimesSync(path, touched, touched);
    // Once: a third file could get the number of the first.
    copyFileSync(path, copy);
    utimesSync(copy, touched, touched);
    const onEvent = ({kind}: {readonly kind: string}): void => {
      if (kind === "day-stage" && existsSync(copy)) renameSync(copy, path);
    };
    expect(await failure(trainShop(root, {targetDay: "2026-03-01", onEvent}))).toMatchObject({code: "source-changed", facts: {view: "products"}});
  });
});

describe("an operator's own SQL", () => {
  it("is blamed at its line when it fails while a day is computed", async () => {
    const root = await makeShop({"feature_services/basket.yaml": `${shopFiles["feature_services/basket.yaml"]}\nfilters: [{name: bad, sql: "error('boom')"}]\n`});
    const error = await failure(trainShop(root, {targetDay: "2026-03-01"}));
    expect(error.code).toBe("operator-failed");
    expect(error.message).toContain("boom");
  });

  it("cannot hide what follows it behind a comment", async () => {
    const root = await makeShop({"feature_services/basket.yaml": `${shopFiles["feature_services/basket.yaml"]}\nfilters: [{name: some, sql: "quantity > 2 -- few"}]\n`});
    const run = await trainShop(root, {targetDay: "2026-03-01"});
    expect(run.rows).toBeGreaterThan(0);
    expect(run.rows).toBeLessThan(200);
  });
});
