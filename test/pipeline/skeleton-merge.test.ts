/** Days of which some columns are computed and the others carried over: they must be what a run from nothing makes. */
import {readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {describe, expect, it} from "vitest";
import {spawnDaeda} from "../support/run-daeda.js";
import {below, pick, seededRandom, type Random} from "../support/seeded-random.js";
import {makeShop, makeTrainedShop, march, marchDays, readManifestOf, readRows, shopDays, shopFiles, trainShop, writeTables, type ShopRun} from "../support/shop-project.js";

type Path = keyof typeof shopFiles;
const aggregations: Path = "config/training/aggregations.yaml";
const service: Path = "feature_services/basket.yaml";
const prices: Path = "feature_views/prices.yaml";

/** Prices of which several hold at one instant, and orders that are alike in everything but what some projects do not read. */
const tables = {
  ...Object.fromEntries(
    shopDays.map((day) => [
      `data/orders/dt=${day}/part-0.parquet`,
      `SELECT CASE WHEN i % 10 = 9 THEN NULL ELSE hash(i, '${day}') % 4 END::BIGINT AS customer_id, (hash(i, '${day}', 2) % 3)::BIGINT AS product_id,
        TIMESTAMP '${day}' + to_hours((hash(i, '${day}', 3) % 6)::BIGINT) AS at, i AS line, (hash(i, 4) % 5)::INTEGER AS quantity FROM range(120) AS t(i)`,
    ]),
  ),
  "data/prices.parquet": `SELECT (i % 3)::BIGINT AS product_id, TIMESTAMP '2026-02-24' + to_hours(((i // 6) * 9)::BIGINT) AS valid_at,
    (hash(i, 1) % 4)::DOUBLE AS price, (hash(i, 2) % 9)::BIGINT AS discount FROM range(120) AS t(i)`,
};

function edit(root: string, path: Path, from: string, to: string): void {
  const text = readFileSync(join(root, path), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(root, path), text.replace(from, to));
}

/** What was not taken from an earlier partition. */
function computedOf(root: string, day = "2026-03-02"): string[] {
  const {columns, carried} = readManifestOf(root, "skeleton", day) as {columns: {name: string}[]; carried: Record<string, string>};
  return columns.map(({name}) => name).filter((name) => !(name in carried));
}

async function readAll(root: string, outputRoot: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const stage of ["skeleton", "dataset"]) {
    const directory = join(root, outputRoot, "basket", stage);
    for (const day of readdirSync(directory).sort()) found[`${stage}/${day}`] = await readRows(join(directory, day), "*");
  }
  return found;
}

/** What a run makes that finds nothing to carry over. */
async function readFresh(root: string): Promise<Record<string, string[]>> {
  rmSync(join(root, "fresh"), {recursive: true, force: true});
  await trainShop(root, {outputRoot: "fresh"});
  return readAll(root, "fresh");
}

const reasons = (run: ShopRun): string[] => run.events.flatMap((event) => (event.kind === "day-start" ? [event.reason] : []));

describe("a day whose rows stay", () => {
  it("computes the stale columns alone, and gives what a run from nothing gives", async () => {
    const root = await makeTrainedShop(march);
    expect(computedOf(root)).toHaveLength(8);
    edit(root, prices, "entity: product", "entity: product\nttl: 1d");
    await trainShop(root);
    expect(computedOf(root)).toEqual(["price"]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });

  it("keeps statistics and checks of all columns", async () => {
    const root = await makeShop(march);
    edit(root, service, "dtype: DOUBLE}", "dtype: DOUBLE, checks: [{max_null_fraction: 0.9, severity: warn}]}");
    await trainShop(root);
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    await trainShop(root);
    expect(computedOf(root)).toEqual(["bought"]);
    await readFresh(root);
    const merged = readManifestOf(root, "skeleton", "2026-03-02");
    const fresh = JSON.parse(readFileSync(join(root, "fresh/basket/skeleton/dt=2026-03-02/_manifest.json"), "utf8")) as Record<string, unknown>;
    for (const part of ["columns", "checks", "made_by", "reaches", "sources", "rows"]) expect(merged[part]).toEqual(fresh[part]);
  });

  it("carries rows over several files, whatever their new size", async () => {
    const root = await makeShop(march);
    const load = {overrides: ["entity_spine_chunk_rows=64"]};
    await trainShop(root, {load});
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    await trainShop(root, {load: {overrides: ["entity_spine_chunk_rows=50"]}});
    expect(computedOf(root)).toEqual(["bought"]);
    expect(readdirSync(join(root, "out/basket/dataset/dt=2026-03-02"))).toHaveLength(5);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });

  it("computes nothing for columns that are moved or removed, or for checks", async () => {
    const root = await makeTrainedShop(march);
    const brand = "  - {name: brand, kind: feature, dtype: TEXT}\n";
    edit(root, service, brand, "");
    await trainShop(root);
    expect(computedOf(root)).toEqual([]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
    edit(root, service, "  - {name: bought", `${brand}  - {name: bought`);
    edit(root, service, "columns:", "checks: [{min_rows: 1}]\ncolumns:");
    await trainShop(root);
    expect(computedOf(root)).toEqual(["brand"]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });

  it("fails a new check without touching what is published", async () => {
    const root = await makeTrainedShop(march);
    const before = await readAll(root, "out");
    edit(root, service, "columns:", "checks: [{min_rows: 1000}]\ncolumns:");
    await expect(trainShop(root)).rejects.toMatchObject({code: "checks-failed"});
    expect(await readAll(root, "out")).toEqual(before);
  });

  it("picks another row for a column when a field that is added decides between rows of one instant", async () => {
    const root = await makeShop({...march, [prices]: shopFiles[prices].replace("DOUBLE}", "DOUBLE}\n  - {name: discount, dtype: BIGINT}")});
    await writeTables(root, tables);
    await trainShop(root);
    edit(root, service, "  - {name: brand", "  - {name: discount, kind: feature, dtype: BIGINT}\n  - {name: brand");
    expect(reasons(await trainShop(root))[0]).toBe("price: the definition changed; discount: not in the partition");
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
    // A column that reads one of them is computed from the row that both of them pick.
    edit(root, service, "columns:", 'derived: [{name: level, dtype: DOUBLE, sql: "price * 2"}]\ncolumns:');
    edit(root, service, "  - {name: brand", "  - {name: level, kind: derived, dtype: DOUBLE}\n  - {name: brand");
    await trainShop(root);
    expect(computedOf(root)).toEqual(["level"]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });

  it("takes nothing from a day when it is forced", async () => {
    const root = await makeTrainedShop(march);
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    await trainShop(root, {isForced: true});
    expect(computedOf(root)).toHaveLength(8);
  });
});

describe("a published day that cannot be used", () => {
  async function makeStale(): Promise<string> {
    const root = await makeTrainedShop();
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    return root;
  }
  const file = "out/basket/skeleton/dt=2026-03-02/part-0.parquet";
  const path = file.replace("part-0", "part-00000");

  it("is made from its sources when a file is gone, or is another", async () => {
    const root = await makeStale();
    rmSync(join(root, path));
    writeFileSync(join(root, path.replace("03-02", "03-01")), "short");
    await trainShop(root);
    expect([computedOf(root), computedOf(root, "2026-03-01"), computedOf(root, "2026-02-27")].map((columns) => columns.length)).toEqual([8, 8, 1]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });

  it("is made from its sources when its rows are not those of today, though its manifest says so", async () => {
    const root = await makeStale();
    // The same bytes, another day's rows: the manifest of this day, signed anew, beside the files of that one.
    const {renderManifest, signManifest} = await import("../../src/pipeline/manifest.js");
    const manifestPath = join(root, "out/basket/skeleton/dt=2026-03-02/_manifest.json");
    const other = join(root, path.replace("03-02", "03-01"));
    writeFileSync(join(root, path), readFileSync(other));
    const {digest: _digest, ...manifest} = JSON.parse(readFileSync(manifestPath, "utf8")) as {digest: string; files: {name: string; rows: number; bytes: number}[]};
    const signed = {...manifest, files: [{...manifest.files[0]!, bytes: readFileSync(other).length}]};
    writeFileSync(manifestPath, renderManifest(signManifest(signed as unknown as Parameters<typeof signManifest>[0])));
    await trainShop(root);
    expect(computedOf(root)).toHaveLength(8);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });

  it("is made from its sources when no column tells its rows apart", async () => {
    const root = await makeShop({[service]: "name: basket\nversion: 1\nspine: {view: orders}\ncolumns: [{name: brand}, {name: bought}]\n"});
    await trainShop(root);
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    await trainShop(root);
    expect(computedOf(root)).toEqual(["brand", "bought"]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });
});

describe("a partial run that is stopped", () => {
  it("leaves each day as it was or as it should be, and the next run ends the same", async () => {
    const root = await makeTrainedShop();
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    const controller = new AbortController();
    let count = 0;
    // In the middle of the second day: by then the first is done.
    const onEvent = ({kind}: {readonly kind: string}): void => {
      if (kind === "day-start" && (count += 1) === 2) controller.abort();
    };
    const stopped = trainShop(root, {signal: controller.signal, dayWorkers: 1, onEvent});
    await expect(stopped).rejects.toMatchObject({code: "interrupted"});
    const run = await trainShop(root);
    expect(new Set(reasons(run))).toEqual(new Set(["bought: the definition changed"]));
    for (const day of shopDays) expect(computedOf(root, day)).toEqual(["bought"]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });
});

describe("a partial run that is killed", () => {
  it.each([21, 22, 23])("leaves whole days, and the next run ends the same (seed %i)", async (seed) => {
    const root = await makeTrainedShop(march);
    edit(root, aggregations, "max_items: 4", "max_items: 2");
    // The process needs most of a second to start; its two days take about half of another.
    const afterMs = 300 + seededRandom(seed)() * 1000;
    await spawnDaeda(["pipeline", "train", "basket"], {directory: root, onStart: (child) => void setTimeout(() => child.kill("SIGKILL"), afterMs)});
    for (const day of marchDays) expect(await readRows(join(root, "out/basket/skeleton", `dt=${day}`))).toHaveLength(200);
    const {exitCode, stderr} = await spawnDaeda(["pipeline", "train", "basket"], {directory: root});
    expect(exitCode, stderr).toBe(0);
    for (const day of marchDays) expect(computedOf(root, day)).toEqual(["bought"]);
    expect(await readAll(root, "out")).toEqual(await readFresh(root));
  });
});

/** A project of the same views and files: its windows, rules, columns, derived columns and filters are drawn. */
function drawProject(random: Random): Record<string, string> {
  const coin = (chance = 0.5): boolean => random() < chance;
  const spec = (text: string): string => {
    const rules = [...(coin(0.3) ? ["include_current: true"] : []), ...(coin(0.4) ? [`condition: "${pick(random, ["hist.quantity > 1", "hist.price > 1", "hist.quantity < cur.quantity"])}"`] : [])];
    return `  - {${[text, ...rules].join(", ")}, group_by: [customer_id], window_days: ${pick(random, ["1", "2", "null"])}}\n`;
  };
  const optional = [
    "{name: quantity}",
    "{name: line}",
    "{name: price, kind: feature, dtype: DOUBLE}",
    "{name: discount, kind: feature}",
    "{name: brand, kind: feature, dtype: TEXT}",
    "{name: bought, kind: aggregation}",
    "{name: orders_ever, kind: aggregation}",
    "{name: spent, kind: aggregation}",
    "{name: often, kind: derived, dtype: BIGINT}",
    "{name: level, kind: derived, dtype: DOUBLE}",
  ];
  // Rarely another set of columns of the spine: those order rows that are alike.
  const chosen = optional.filter((_column, index) => coin(index < 2 ? 0.9 : 0.6));
  const columns = ["{name: customer_id}", "{name: product_id}", "{name: at}", ...(coin(0.2) ? chosen.reverse() : chosen)];
  const filters = coin(0.2) ? [`filters: [{name: some, sql: "${pick(random, ["quantity > 0", "orders_ever > 1"])}"}]`] : [];
  return {
    "feature_views/orders.yaml": shopFiles["feature_views/orders.yaml"].replace("time: {tie_break: [line]}\n", ""),
    [prices]: `name: prices
entity: product
source: {path: data/prices.parquet, timestamp_field: valid_at}
time: {boundary: ${coin(0.7) ? "strict" : "inclusive"}, embargo: ${pick(random, ["0s", "0s", "2h"])}, on_duplicate: pick}
${coin(0.3) ? "ttl: 10h\n" : ""}fields: [{name: price, dtype: DOUBLE}, {name: discount, dtype: BIGINT}]
`,
    [aggregations]: `aggregation_specs:\n${[
      `name: bought, value_column: product_id, operation: list, max_items: ${1 + below(random, 3)}`,
      "name: orders_ever, operation: count",
      `name: spent, value_column: ${pick(random, ["quantity", "price"])}, operation: list, max_items: 3`,
    ]
      .map(spec)
      .join("")}`,
    [service]: `name: basket
version: 1
spine: {view: orders}
derived: [{name: often, dtype: BIGINT, sql: "orders_ever + ${below(random, 2)}"}, {name: level, dtype: DOUBLE, sql: "price * ${pick(random, ["2", "discount"])}"}]
${[...filters, "columns:"].join("\n")}
${columns.map((column) => `  - ${column}`).join("\n")}
`,
  };
}

/** Only some of the files of the other project: the fewer differ, the more is carried over. */
function mix(random: Random, first: Record<string, string>, second: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(first).map(([path, text]) => [path, random() < 0.5 ? second[path]! : text]));
}

describe("random edits of definitions", () => {
  const carried: number[] = [];

  it.each(Array.from({length: 8}, (_seed, index) => 4000 + index))("give the rows of a run from nothing, there and back (seed %i)", async (seed) => {
    const random = seededRandom(seed);
    const first = drawProject(random);
    const second = mix(random, first, drawProject(random));
    const root = await makeShop({...march, ...first});
    await writeTables(root, tables);
    await trainShop(root);
    const wanted = await readAll(root, "out");
    const write = (files: Record<string, string>): void => {
      for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
    };
    for (const files of [second, first]) {
      write(files);
      const run = await trainShop(root);
      const all = (readManifestOf(root, "skeleton", "2026-03-02")["columns"] as unknown[]).length;
      if (run.days[0]!.state === "written") carried.push(all - computedOf(root).length);
      expect(await readAll(root, "out"), JSON.stringify(files)).toEqual(files === first ? wanted : await readFresh(root));
    }
    rmSync(root, {recursive: true});
  });

  it("carried columns over in a good part of them", () => {
    expect(carried.filter((count) => count > 0).length).toBeGreaterThan(5);
  });
});
