/** Rows that fetch their windows when they are written: the order of files, and what happens when results are too many to wait for that. */
import {readdirSync} from "node:fs";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import type {AggregationTask, Window} from "../../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {duckdbAggregation} from "../../src/engines/duckdb/rolling.js";
import {nativeAggregation, nativeWithin} from "../../src/engines/native/native.js";
import {readLimits} from "../../src/engines/session-limits.js";
import {renderWithWindows} from "../../src/engines/window-columns.js";
import {makeShop, march, shopFiles, trainShop, writeTables} from "../support/shop-project.js";
import {testSession} from "../support/test-session.js";

describe("files of a day", () => {
  it("hold rows in the order of time and keys, over several row groups and files, after a filter on a window", async () => {
    const service = shopFiles["feature_services/basket.yaml"];
    const runtime = march["config/training/runtime.yaml"];
    const root = await makeShop({
      "feature_services/basket.yaml": service.replace("columns:", 'filters: [{name: known, sql: "orders_ever > 2"}]\nderived: [{name: last_bought, dtype: BIGINT, sql: "bought[-1]"}]\ncolumns:').concat("  - {name: last_bought, kind: derived, dtype: BIGINT}\n"),
      "config/training/runtime.yaml": `${runtime.replace('threads: "1"', 'threads: "4"')}    preserve_insertion_order: "false"\nentity_spine_chunk_rows: 128000\n`,
    });
    const orders = `SELECT (hash(i, 1) % 3000)::BIGINT AS customer_id, (hash(i, 2) % 12)::BIGINT AS product_id, TIMESTAMP '2026-03-01' + to_seconds((hash(i, 3) % 80000)::BIGINT) AS at, i AS line, 1::INTEGER AS quantity FROM range(140000) AS t(i)`;
    await writeTables(root, {"data/orders/dt=2026-03-01/part-0.parquet": orders});
    for (const engine of ["native", "duckdb"]) await trainShop(root, {targetDay: "2026-03-01", stages: "skeleton", engine, outputRoot: engine});
    const relation = (engine: string): string => `read_parquet('${root}/${engine}/basket/skeleton/*/*.parquet', filename = true, file_row_number = true)`;
    const [found] = await (await testSession()).rows(`SELECT count(*) > 125000 AS many, count(DISTINCT right(n.filename, 18)) AS files,
  count(*) FILTER (n.bought IS DISTINCT FROM d.bought OR n.at <> d.at OR n.customer_id <> d.customer_id OR n.last_bought IS DISTINCT FROM d.last_bought OR d.at IS NULL) AS wrong
FROM ${relation("native")} AS n FULL JOIN ${relation("duckdb")} AS d ON n.file_row_number = d.file_row_number AND right(n.filename, 18) = right(d.filename, 18)`);
    expect(found).toEqual({many: true, files: 2n, wrong: 0n});
  });
});

describe("results that are more than memory has room for", () => {
  const shared = {elementType: "BIGINT", condition: undefined, pairCondition: undefined, windowUs: undefined, current: undefined, exclude: undefined, knownAt: undefined};
  const windows: readonly Window[] = [
    {...shared, name: "listed", operation: "distinct_list", value: "item", maxItems: undefined},
    {...shared, name: "counted", operation: "count", value: undefined, maxItems: undefined},
  ];
  const task: AggregationTask = {target: "target", history: "history", output: "windows", keys: [{target: "user_id", history: "user_id"}], orderColumns: ["item"], windows};
  let session: DuckDbSession;
  beforeAll(async () => {
    session = await DuckDbSession.open({config: new Map([["memory_limit", "100MB"], ["threads", "2"]])});
    await session.run("CREATE TABLE history AS SELECT hash(i, 1) % 300 AS user_id, CAST(i AS BIGINT) AS item, CAST(i AS BIGINT) AS __ts FROM range(24000) t(i)");
    // Some rows have no key, and one key has more rows than are computed at once.
    await session.run("CREATE TABLE target AS SELECT i AS __row, CASE WHEN i % 2 = 0 THEN 7 WHEN i % 11 > 0 THEN hash(i, 1) % 301 END AS user_id, CAST(i * 24 // 200 AS BIGINT) AS __ts FROM range(200000) t(i)");
    await session.run("CREATE TABLE mixed AS SELECT CAST(i * 7919 % 200000 AS BIGINT) AS __row FROM range(500) t(i)");
  });
  afterAll(() => session.close());

  it("wait in files of the session, from where rows fetch them in any order", async () => {
    const columns = await nativeWithin(() => ({resultBytes: 1 << 20, historyBytes: 1 << 20, targetBytes: 1 << 20})).run(session, task);
    expect(readdirSync(session.scratchDirectory).some((name) => name.startsWith("results-"))).toBe(true);
    // To compare takes more than to compute.
    await session.run("SET memory_limit = '1GB'");
    await duckdbAggregation.run(session, {...task, output: "expected"});
    const [row] = await session.rows(`SELECT count(*) AS rows, count(*) FILTER (w.listed IS DISTINCT FROM e.listed OR w.counted IS DISTINCT FROM e.counted) AS wrong
FROM (${renderWithWindows("target", columns)}) AS w FULL JOIN expected AS e USING (__row)`);
    expect(row).toEqual({rows: 200_000n, wrong: 0n});
    const [mixed] = await session.rows(`SELECT count(*) AS rows, count(*) FILTER (m.listed IS DISTINCT FROM e.listed) AS wrong
FROM (${renderWithWindows("mixed", new Map([["listed", columns.get("listed")!]]))}) AS m JOIN expected AS e USING (__row)`);
    expect(mixed).toEqual({rows: 500n, wrong: 0n});
  });

  it("leave DuckDB the memory that they do not hold", async () => {
    const {memoryBytes} = await readLimits(session);
    await nativeAggregation.run(session, {...task, windows: windows.slice(1)});
    const heldBytes = memoryBytes - (await readLimits(session)).memoryBytes;
    expect(heldBytes).toBeGreaterThan(8 * 100_000);
    expect(heldBytes).toBeLessThan(32 * 200_000);
  });
});

describe("history that is more than memory has room for", () => {
  it("is sorted by DuckDB instead, with the same result", async () => {
    const session = await DuckDbSession.open({config: new Map([["memory_limit", "100MB"], ["threads", "2"]])});
    try {
      // Latest first within each key, so that the order of arrival is wrong everywhere.
      await session.run("CREATE TABLE history AS SELECT hash(i, 1) % 300 AS user_id, CAST(i % 7 AS BIGINT) AS item, CAST((900000 - i) // 3 AS BIGINT) AS __ts FROM range(900000) t(i)");
      await session.run("CREATE TABLE target AS SELECT i AS __row, hash(i, 1) % 301 AS user_id, CAST(i * 300 AS BIGINT) AS __ts FROM range(1000) t(i)");
      const listed: Window = {name: "listed", operation: "list", value: "item", elementType: "BIGINT", maxItems: 5, condition: undefined, pairCondition: undefined, windowUs: undefined, current: undefined, exclude: undefined, knownAt: undefined};
      const task: AggregationTask = {target: "target", history: "history", output: "windows", keys: [{target: "user_id", history: "user_id"}], orderColumns: ["item"], windows: [listed]};
      const columns = await nativeAggregation.run(session, task);
      await session.run(`CREATE TABLE found AS ${renderWithWindows("target", columns)}`);
      await duckdbAggregation.run(session, {...task, output: "expected"});
      const [row] = await session.rows("SELECT count(*) AS rows, count(*) FILTER (len(f.listed) = 5) > 900 AS filled, count(*) FILTER (f.listed IS DISTINCT FROM e.listed) AS wrong FROM found AS f FULL JOIN expected AS e USING (__row)");
      expect(row).toEqual({rows: 1000n, filled: true, wrong: 0n});
    } finally {
      session.close();
    }
  });
});
