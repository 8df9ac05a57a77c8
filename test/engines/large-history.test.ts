/** Histories beyond one batch, where the oracle is too slow: every pair of rows, joined as the time contract words it, is the measure. */
import {afterAll, beforeAll, describe, expect, test} from "vitest";
import type {Window} from "../../src/engines/aggregation-engine.js";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {duckdbAggregation} from "../../src/engines/duckdb/rolling.js";
import {renderWithWindows} from "../../src/engines/window-columns.js";
import {engines, openSession} from "./engine-runs.js";

const shared = {elementType: "BIGINT", condition: "is_kept", pairCondition: undefined, windowUs: 20_000, current: undefined, knownAt: undefined};
const own = {history: "item", target: "item"};
const windows: readonly Window[] = [
  {...shared, name: "listed", operation: "list", value: "item", maxItems: 5, exclude: undefined},
  {...shared, name: "others", operation: "list", value: "item", maxItems: 5, exclude: own},
  {...shared, name: "counted", operation: "count", value: undefined, maxItems: undefined, exclude: own},
  {...shared, name: "flattened", operation: "flatten_distinct", value: "tags", maxItems: 7, exclude: undefined},
  {...shared, name: "other tags", operation: "flatten_distinct", value: "tags", maxItems: 7, exclude: own},
  {...shared, name: "all tags", operation: "flatten_distinct", value: "tags", maxItems: 40, exclude: undefined},
  {...shared, name: "all other tags", operation: "flatten_distinct", value: "tags", maxItems: undefined, exclude: own},
];
const tables = {target: "target", history: "history", keys: [{target: "user_id", history: "user_id"}], orderColumns: ["seq"]};

let session: DuckDbSession;
beforeAll(async () => {
  session = await openSession();
  // Two batches, and a user who has half of the rows; few items and tags, so that much is dropped and repeated.
  await session.run(`CREATE TABLE history AS
SELECT number // 4 AS __ts, CASE WHEN number % 2 = 0 THEN 0 ELSE hash(number, 1) % 3000 END AS user_id, hash(number, 2) % 50 AS seq,
  CAST(hash(number, 3) % 9 AS BIGINT) AS item, [CAST(hash(number, place, 4) % 30 AS BIGINT) FOR place IN range(2)] AS tags, number % 3 > 0 AS is_kept
FROM range(700000) numbers(number)`);
  await session.run(`CREATE TABLE target AS
SELECT row_number() OVER () - 1 AS __row, * FROM history USING SAMPLE 0.05 PERCENT (bernoulli, 7)`);
  const paired = windows.map((window) => ({...window, pairCondition: "true"}));
  await duckdbAggregation.run(session, {...tables, output: "expected", windows: paired});
});
afterAll(() => session.close());

describe.each(engines)("$name", (engine) => {
  test("computes histories beyond one batch as pairs of rows do", async () => {
    const found = await engine.run(session, {...tables, output: "windows", windows});
    await session.run(`CREATE TABLE found AS ${renderWithWindows("target", found)}`);
    const differing = windows.map(({name}) => `count(*) FILTER (w."${name}" IS DISTINCT FROM e."${name}") AS "${name}"`);
    const filled = windows.map(({name}) => `count(DISTINCT w."${name}") > 20 AS "${name} filled"`);
    const [row] = await session.rows(`SELECT count(*) > 100 AS rows, ${[...differing, ...filled].join(", ")} FROM found w FULL JOIN expected e USING (__row)`);
    expect(row).toEqual({
      rows: true,
      ...Object.fromEntries(windows.map(({name}) => [name, 0n])),
      ...Object.fromEntries(windows.map(({name}) => [`${name} filled`, true])),
    });
    await session.run("DROP TABLE found; DROP TABLE IF EXISTS windows");
  });
});
