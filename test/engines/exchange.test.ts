import {afterAll, beforeAll, describe, expect, it} from "vitest";
import type {AggregationTask} from "../../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {polarsAggregation} from "../../src/engines/polars/rolling.js";

describe("tasks one after another in one session", () => {
  let session: DuckDbSession;
  beforeAll(async () => {
    session = await DuckDbSession.open();
  });
  afterAll(() => session.close());

  const window = {name: "found", operation: "list", condition: undefined, pairCondition: undefined, windowUs: undefined, maxItems: undefined, current: undefined, exclude: undefined, knownAt: undefined} as const;

  it("each find their own rows, however alike the files are that pass between the engines", async () => {
    for (let round = 0; round < 40; round += 1) {
      await session.run(`CREATE OR REPLACE TABLE target AS SELECT 0::BIGINT AS __row, 1::BIGINT AS user_id, 10::BIGINT AS __ts`);
      await session.run(`CREATE OR REPLACE TABLE history AS SELECT 1::BIGINT AS user_id, 5::BIGINT AS __ts, ${round}::BIGINT AS whole, ${round}::DOUBLE AS broken`);
      const isWhole = round % 2 === 0;
      const windows = [{...window, value: isWhole ? "whole" : "broken", elementType: isWhole ? "BIGINT" : "DOUBLE"}];
      const task: AggregationTask = {target: "target", history: "history", output: "found_rows", keys: [{target: "user_id", history: "user_id"}], orderColumns: [], windows};
      await session.run("DROP TABLE IF EXISTS found_rows");
      await polarsAggregation.run(session, task);
      const [row] = await session.rows("SELECT found[1]::DOUBLE AS first FROM found_rows");
      expect(row, `round ${round}`).toEqual({first: round});
    }
  });
});
