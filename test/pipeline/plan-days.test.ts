/** What a plan says of days and columns, and that a run does that. */
import {appendFileSync, readFileSync, renameSync, utimesSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {beforeEach, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {planService, type ServicePlan} from "../../src/pipeline/plan-days.js";
import {renderServicePlan} from "../../src/platform/plan-report.js";
import {makeTrainedShop, shopDays, shopFiles, trainShop, writeTables} from "../support/shop-project.js";

let root: string;
beforeEach(async () => {
  root = await makeTrainedShop();
});

async function plan(targetDay?: string): Promise<ServicePlan> {
  const project = loadProject({root});
  return planService({project, service: project.services.get("basket")!, stages: "both", targetDay});
}

type Path = keyof typeof shopFiles;

function edit(path: Path, from: string, to: string): void {
  const text = readFileSync(join(root, path), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(root, path), text.replace(from, to));
}

/** Column -> reason, for the columns that are not current on the last day. */
async function staleColumns(): Promise<Record<string, string | undefined>> {
  const {groups} = await plan("2026-03-02");
  return Object.fromEntries(groups[0]!.columns.filter(({state}) => state !== "current").map(({name, reason}) => [name, reason]));
}

async function reasonOf(): Promise<string | undefined> {
  return (await plan("2026-03-02")).groups[0]!.reason;
}

const aggregations: Path = "config/training/aggregations.yaml";
const service: Path = "feature_services/basket.yaml";
const changed = "the definition changed";

describe("a plan of unchanged definitions", () => {
  it("finds every day and column current", async () => {
    const {groups} = await plan();
    expect(groups.map(({days, state, reason}) => [days, state, reason])).toEqual([[shopDays, "current", undefined]]);
    expect(new Set(groups[0]!.columns.map(({state}) => state))).toEqual(new Set(["current"]));
  });

  it("does not mind comments, the order of keys, specs and fields, or another number of rows a file", async () => {
    appendFileSync(join(root, service), "# a comment\n");
    writeFileSync(
      join(root, aggregations),
      `aggregation_specs:
  - {operation: count, name: orders_ever, window_days: null, group_by: [customer_id]}
  - {name: bought, max_items: 4, group_by: [customer_id], value_column: product_id, operation: list, window_days: 2}
  - {name: nobody_asks, group_by: [customer_id], operation: count, window_days: 30}
`,
    );
    edit("feature_views/orders.yaml", "  - {name: line, dtype: BIGINT}\n  - {name: quantity, dtype: INTEGER}", "  - {name: quantity, dtype: INTEGER}\n  - {name: line, dtype: BIGINT}");
    appendFileSync(join(root, "config/training/runtime.yaml"), "entity_spine_chunk_rows: 64\n");
    expect(await staleColumns()).toEqual({});
  });

  it("does not mind files with other names for views", async () => {
    renameSync(join(root, "feature_views/orders.yaml"), join(root, "feature_views/z.yaml"));
    expect(await staleColumns()).toEqual({});
  });
});

describe("a plan of a changed definition", () => {
  it.each<[what: string, path: Path, from: string, to: string, columns: readonly string[]]>([
    ["a ttl", "feature_views/prices.yaml", "entity: product", "entity: product\nttl: 1d", ["price"]],
    ["a boundary", "feature_views/prices.yaml", "entity: product", "entity: product\ntime: {boundary: inclusive}", ["price"]],
    ["a window", aggregations, "window_days: 2", "window_days: 3", ["bought"]],
    ["a limit", aggregations, "max_items: 4", "max_items: 3", ["bought"]],
    ["a condition", aggregations, "window_days: null", "window_days: null, condition: \"hist.quantity > 1\"", ["orders_ever"]],
    ["include_current", aggregations, "operation: count", "operation: count, include_current: true", ["orders_ever"]],
    ["a column's dtype", service, "name: quantity, kind: event, dtype: INTEGER", "name: quantity, kind: event", ["quantity"]],
  ])("names the columns that %s touches, and no others", async (_what, path, from, to, columns) => {
    edit(path, from, to);
    expect(await staleColumns()).toEqual(Object.fromEntries(columns.map((name) => [name, changed])));
    // And back: what was current before is current again.
    edit(path, to, from);
    expect(await staleColumns()).toEqual({});
  });

  it("names the columns that a view's own dtype or mapping touches", async () => {
    await writeTables(root, {"data/products.parquet": "SELECT i::BIGINT AS product_id, 'brand ' || (i % 3) AS brand, 'maker ' || i AS maker FROM range(11) AS t(i)"});
    await trainShop(root);
    edit("feature_views/products.yaml", "path: data/products.parquet", "path: data/products.parquet, field_mapping: {maker: brand}");
    expect(await staleColumns()).toEqual({brand: changed});
  });

  it("names what is derived from a changed column, and a column that is new", async () => {
    edit(service, "columns:", 'derived: [{name: often, dtype: BOOLEAN, sql: "orders_ever > 3"}]\ncolumns:');
    appendFileSync(join(root, service), "  - {name: often, kind: derived, dtype: BOOLEAN}\n");
    expect(await staleColumns()).toEqual({often: "not in the partition"});
    await trainShop(root);
    edit(aggregations, "operation: count", "operation: count, include_current: true");
    expect(await staleColumns()).toEqual({orders_ever: changed, often: changed});
  });

  it.each<[to: string, reason: string]>([
    ["filters: [{name: many, sql: \"quantity > 1\"}]\ncolumns:", 'rows changed: filter "many"'],
    ["filters: [{name: fans, sql: \"orders_ever > 1\"}]\ncolumns:", 'rows changed: filter "fans"'],
  ])("says of other rows which filter makes them: %s", async (to, reason) => {
    edit(service, "columns:", to);
    expect(await reasonOf()).toBe(reason);
    await trainShop(root);
    edit(service, to, "columns:");
    expect(await reasonOf()).toBe(reason.replace("rows changed:", "rows changed: without"));
  });

  it("says of a filter's own history that it changes rows, and of its name and place nothing", async () => {
    const filters = 'filters: [{name: fans, sql: "orders_ever > 1"}, {name: many, sql: "quantity > 0"}]\ncolumns:';
    edit(service, "columns:", filters);
    await trainShop(root);
    edit(service, filters, 'filters: [{name: several, sql: "quantity > 0"}, {name: fans, sql: "orders_ever > 1"}]\ncolumns:');
    expect(await staleColumns()).toEqual({});
    edit(aggregations, "operation: count", "operation: count, include_current: true");
    expect(await reasonOf()).toBe('rows changed: filter "fans"');
  });

  it("says of a service's version, of removed and moved columns, and of checks, what they are", async () => {
    edit(service, "version: 1", "version: 2");
    expect(await reasonOf()).toBe("rows changed: the version of the service");
    edit(service, "version: 2", "version: 1");
    const brand = "  - {name: brand, kind: feature, dtype: TEXT}\n";
    edit(service, brand, "");
    expect(await reasonOf()).toBe("brand: no longer wanted");
    appendFileSync(join(root, service), brand);
    expect(await reasonOf()).toBe("the order of columns changed");
    writeFileSync(join(root, service), `${shopFiles[service]}\nchecks: [{min_rows: 1}]\n`);
    expect(await reasonOf()).toBe("the checks changed");
    expect(await staleColumns()).toEqual({});
  });
});

describe("a plan of changed sources", () => {
  const touch = (path: string): void => utimesSync(join(root, path), new Date(), new Date(Date.now() + 5000));

  it("gives each column the days that its own window reaches", async () => {
    touch("data/orders/dt=2026-02-26/part-0.parquet");
    const {groups} = await plan();
    const stale = groups.map(({days, reason}) => [days, reason]);
    const why = 'the source of view "orders" changed';
    expect(stale).toEqual([
      [["2026-02-26"], why],
      [["2026-02-27"], `bought, orders_ever: ${why}`],
      [["2026-03-01", "2026-03-02"], `orders_ever: ${why}`],
    ]);
  });

  it("gives a view's file to the columns that are read from it", async () => {
    touch("data/products.parquet");
    expect(await staleColumns()).toEqual({brand: 'the source of view "products" changed'});
  });

  it("leaves days before a new file current", async () => {
    await writeTables(root, {"data/orders/dt=2026-03-03/part-0.parquet": "SELECT 1::BIGINT AS customer_id, 2::BIGINT AS product_id, TIMESTAMP '2026-03-03 01:00:00' AS at, 1::BIGINT AS line, 2::INTEGER AS quantity"});
    const {groups} = await plan();
    expect(groups.map(({days, state}) => [days, state])).toEqual([[shopDays, "current"], [["2026-03-03"], "missing"]]);
  });
});

describe("a plan of partitions that cannot be believed", () => {
  const path = "out/basket/skeleton/dt=2026-03-02/_manifest.json";
  const rewrite = (change: (manifest: Record<string, unknown>) => unknown): void => {
    writeFileSync(join(root, path), JSON.stringify(change(JSON.parse(readFileSync(join(root, path), "utf8")) as Record<string, unknown>)));
  };

  it.each<[what: string, reason: string, change: (manifest: Record<string, unknown>) => unknown]>([
    ["of an older format", "made by an older version", (manifest) => ({...manifest, format: 1})],
    ["of a newer format", "made by a newer version", (manifest) => ({...manifest, format: 99})],
    ["edited by hand", "its manifest was edited by hand", (manifest) => ({...manifest, rows: 7})],
    ["without a part", "its manifest is broken", ({made_by: _madeBy, ...manifest}) => manifest],
    ["that is no object", "its manifest is broken", () => [1]],
    ["that is nothing", "its manifest is broken", () => null],
  ])("counts a manifest %s as missing: %s", async (_what, reason, change) => {
    rewrite(change);
    const {groups} = await plan("2026-03-02");
    expect(groups.map((group) => [group.state, group.reason])).toEqual([["stale", reason]]);
    expect((await trainShop(root, {targetDay: "2026-03-02"})).days[0]!.state).toBe("written");
    expect((await plan("2026-03-02")).groups[0]!.state).toBe("current");
  });

  it("does not mind how the JSON is laid out", async () => {
    rewrite((manifest) => manifest);
    expect(await staleColumns()).toEqual({});
  });
});

describe("a run after a plan", () => {
  it("makes the days that the plan named, for the same reasons, and then nothing is left", async () => {
    edit(aggregations, "max_items: 4", "max_items: 3");
    utimesSync(join(root, "data/orders/dt=2026-03-02/part-0.parquet"), new Date(), new Date(Date.now() + 5000));
    const planned = (await plan()).groups.flatMap(({days, reason}) => days.map((day) => `${day} ${reason}`)).sort();
    const {events} = await trainShop(root);
    expect(events.flatMap((event) => (event.kind === "day-start" ? [`${event.day} ${event.reason}`] : [])).sort()).toEqual(planned);
    expect((await plan()).groups.map(({state}) => state)).toEqual(["current"]);
  });
});

describe("a rendered plan", () => {
  it("puts days with one answer into one line, and stale columns below it", async () => {
    edit(aggregations, "max_items: 4", "max_items: 3");
    utimesSync(join(root, "data/orders/dt=2026-03-02/part-0.parquet"), new Date(), new Date(Date.now() + 5000));
    expect(renderServicePlan(await plan(), root)).toBe(`basket: 4 days, 0 missing, 4 stale, 0 current
  2026-02-26 to 2026-03-01  3 days    stale
      bought: the definition changed
  2026-03-02                1 day     stale: the source of view "orders" changed
out/basket`);
  });
});
