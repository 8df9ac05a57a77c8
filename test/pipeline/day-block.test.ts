/** Days whose rows are computed in one pass: each must be what it is alone, whatever becomes of the others. */
import {readdirSync, readFileSync, rmSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {Problems} from "../../src/errors.js";
import {canShare, DayBlocks} from "../../src/pipeline/day-block.js";
import type {DayPlan} from "../../src/pipeline/day-plan.js";
import {realEffects, type TrainEvent} from "../../src/pipeline/effects.js";
import {compileService} from "../../src/pipeline/plan-file.js";
import {train} from "../../src/pipeline/train.js";
import {skeletonPlan} from "../../src/plan/recipe.js";
import {columnsOfView, randomDefinitions, randomHistory, writeBatch, type BatchRow, type RandomDefinitions} from "../support/random-project.js";
import {seededRandom, type Random} from "../support/seeded-random.js";
import {makeShop, readRows, shopDays, shopFiles, trainShop, writeTables} from "../support/shop-project.js";

const dayUs = 86_400_000_000;
const service = "feature_services/basket.yaml";
const aggregations = "config/training/aggregations.yaml";

let session: DuckDbSession;
beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
});
afterAll(() => session.close());

/** Histories that begin on one of four days, and reach from one day into the next. */
function drawRows(random: Random): readonly BatchRow[] {
  return Array.from({length: 80}, (_, index) => {
    const history = index + 1;
    const shift = (history % 4) * dayUs;
    return randomHistory(random, history, history * 100).map((row) => ({
      ...row,
      values: row.values.map((value, column) => (typeof value === "number" && columnsOfView[row.view][column]!.dtype.name === "TIMESTAMP" ? value + shift : value)),
    }));
  }).flat();
}

/** Day -> its rows. */
async function trainRandom({project}: RandomDefinitions, engine: string, targetDay?: string): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  const {days} = await train({project, service: [...project.services.values()][0]!, stages: "skeleton", engine, isForced: true, ...(targetDay === undefined ? {dayRange: {firstDay: "2026-03-01", lastDay: "2026-03-05"}} : {targetDay})}, realEffects);
  for (const {day, directory} of days) found.set(day, await readRows(directory));
  return found;
}

describe("days that are computed together", () => {
  it("are what each is alone, on every engine", async () => {
    let shared = 0;
    for (let seed = 1; seed <= 6; seed += 1) {
      const random = seededRandom(60_000 + seed);
      const definitions = randomDefinitions(random, true);
      const {project} = definitions;
      try {
        await writeBatch(session, definitions, drawRows(random), 3);
        if (canShare(skeletonPlan(compileService(project, [...project.services.values()][0]!, new Problems())))) shared += 1;
        const engine = ["duckdb", "native", "polars"][seed % 3]!;
        const together = await trainRandom(definitions, engine);
        expect(together.size).toBeGreaterThan(3);
        for (const [day, rows] of [...together].slice(0, 3)) expect(rows, `seed ${60_000 + seed}, ${engine}, ${day}`).toEqual((await trainRandom(definitions, engine, day)).get(day));
      } finally {
        rmSync(project.root, {recursive: true});
      }
    }
    expect(shared).toBeGreaterThan(2);
  }, 300_000);

  it("are written in several files each, with their checks and statistics", async () => {
    const root = await makeShop();
    const load = {overrides: ["entity_spine_chunk_rows=64"]};
    await trainShop(root, {load});
    await trainShop(root, {load, outputRoot: "alone", targetDay: "2026-03-01"});
    const [together, alone] = ["out", "alone"].map((output) => join(root, output, "basket/dataset/dt=2026-03-01"));
    expect(readdirSync(together!)).toEqual(readdirSync(alone!));
    const facts = (directory: string): unknown => {
      const {columns, checks, files, sources, reaches, made_by: madeBy} = JSON.parse(readFileSync(join(directory, "_manifest.json"), "utf8")) as Record<string, unknown>;
      return {columns, checks, files, sources, reaches, madeBy};
    };
    expect(facts(together!)).toEqual(facts(alone!));
  });
});

describe("what fails in a block of days", () => {
  const kinds = (events: readonly TrainEvent[], kind: TrainEvent["kind"]): readonly string[] => events.flatMap((event) => (event.kind === kind && "day" in event ? [event.day] : []));

  it("is the failure of its own day, after the days before it", async () => {
    const root = await makeShop({"feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("fields:", "time: {on_duplicate: error}\nfields:")});
    await writeTables(root, {"data/prices.parquet": "SELECT 1::BIGINT AS product_id, TIMESTAMP '2026-03-01 22:00:00' AS valid_at, i::DOUBLE AS price FROM range(2) AS t(i)"});
    const events: TrainEvent[] = [];
    await expect(trainShop(root, {onEvent: (event) => events.push(event)})).rejects.toMatchObject({code: "duplicate-rows"});
    expect(kinds(events, "day-done")).toEqual(["2026-02-26", "2026-02-27"]);
    expect(kinds(events, "day-start")).toEqual(["2026-02-26", "2026-02-27", "2026-03-01"]);
  });

  it("may be a check of a day, which is not made again alone", async () => {
    const root = await makeShop({[service]: shopFiles[service].replace("columns:", "checks: [{min_rows: 100}]\ncolumns:")});
    await writeTables(root, {"data/orders/dt=2026-03-01/part-0.parquet": "SELECT 1::BIGINT AS customer_id, 1::BIGINT AS product_id, TIMESTAMP '2026-03-01 01:00:00' AS at, i AS line, 1::INTEGER AS quantity FROM range(50) AS t(i)"});
    const events: TrainEvent[] = [];
    await expect(trainShop(root, {onEvent: (event) => events.push(event)})).rejects.toMatchObject({code: "checks-failed", facts: {day: "2026-03-01"}});
    expect(kinds(events, "day-done")).toEqual(["2026-02-26", "2026-02-27"]);
    expect(kinds(events, "day-checks").filter((day) => day === "2026-03-01")).toHaveLength(1);
  });
});

describe("whether days may be computed together", () => {
  async function share(changes: Record<string, string>): Promise<boolean> {
    const root = await makeShop(changes);
    const project = loadProject({root});
    return canShare(skeletonPlan(compileService(project, project.services.get("basket")!, new Problems())));
  }
  const withService = (text: string): Record<string, string> => ({[service]: shopFiles[service].replace("columns:", `${text}\ncolumns:`)});

  it("is so where a row looks at itself and its past alone", async () => {
    expect(await share(withService('derived: [{name: twice, dtype: DOUBLE, sql: "price * 2"}]\nfilters: [{name: some, sql: "quantity > 1"}]'))).toBe(true);
  });

  it.each([
    ["a session filter", {[service]: shopFiles[service].replace("spine: {view: orders}", "spine: {view: orders, events: {column: quantity, keep: [\"1\"]}, session_filter: {column: customer_id, view_events: [\"1\"], like_events: [\"2\"], drop_view_only: true, drop_single_like: false}}")}],
    ["a column over all rows of the day", {[service]: `${shopFiles[service]}  - {name: place, kind: derived, dtype: BIGINT}\nderived: [{name: place, dtype: BIGINT, sql: "row_number() OVER (ORDER BY at)"}]\n`}],
    ["a filter over all rows of the day", withService('filters: [{name: large, sql: "quantity > (SELECT 1)"}]')],
    ["a window that lookback_days cuts", {[service]: shopFiles[service].replace("spine: {view: orders}", "spine: {view: orders, lookback_days: 1}"), [aggregations]: shopFiles[aggregations].replace("window_days: null", "window_days: 2")}],
  ])("is not so for %s", async (_what, changes) => {
    expect(await share(changes)).toBe(false);
  });
});

describe("blocks of days", () => {
  const missing: DayPlan = {day: "", skeleton: {state: "missing", reason: "missing"}, dataset: undefined, lake: undefined};
  function blocksOf(days: readonly string[], {memoryBytes = 2 ** 34, rows = 1000, workers = 1, planned = missing, wanted = days}: {memoryBytes?: number; rows?: number; workers?: number; planned?: DayPlan; wanted?: readonly string[]} = {}): string[][] {
    const blocks = new DayBlocks({days, limits: {threadCount: 1, memoryBytes}}, wanted, new Map(days.map((day) => [day, planned])), workers, rows);
    const found: string[][] = [];
    for (let block = blocks.next(); block.length > 0; block = blocks.next()) {
      found.push([...block]);
    }
    return found;
  }
  const [first, second, third, fourth] = shopDays as [string, string, string, string];

  it("hold as many days as fit into memory, and about as many each", () => {
    expect(blocksOf(shopDays)).toEqual([shopDays]);
    expect(blocksOf(shopDays, {memoryBytes: 3 * 1000 * 4096})).toEqual([[first, second], [third, fourth]]);
    expect(blocksOf(shopDays, {rows: 600_000})).toEqual([[first], [second], [third], [fourth]]);
  });

  it("leave days to other workers", () => {
    expect(blocksOf(shopDays, {workers: 2})).toEqual([[first, second], [third], [fourth]]);
  });

  it("hold no days that keep their rows, and none with another day between them", () => {
    expect(blocksOf(shopDays, {planned: {...missing, skeleton: {state: "stale", scope: "columns", columns: new Map(), reason: ""}}})).toHaveLength(4);
    expect(blocksOf(shopDays, {wanted: [first, second, fourth]})).toEqual([[first, second], [fourth]]);
  });
});
