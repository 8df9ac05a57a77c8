/** Every engine on every edge; the oracle too, because a proof by a wrong oracle proves nothing. */
import {afterAll, beforeAll, describe, expect, test} from "vitest";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {edgeTask} from "./edge-task.js";
import {flattenEdges, keyEdges, timeEdges, valueEdges} from "./edges.js";
import {acceptedBy, engines, findDifference, openSession, runEngine} from "./engine-runs.js";
import {currentEdges, excludeEdges, pairEdges} from "./filter-edges.js";
import {choiceEdges, frequencyEdges, statisticEdges, sumEdges, timeSinceEdges} from "./operation-edges.js";
import {computeWindows} from "./oracle.js";

const operationEdges = {...sumEdges, ...statisticEdges, ...choiceEdges, ...frequencyEdges, ...timeSinceEdges};
const edges = {...timeEdges, ...keyEdges, ...valueEdges, ...flattenEdges, ...currentEdges, ...excludeEdges, ...pairEdges, ...operationEdges};

let session: DuckDbSession;
beforeAll(async () => {
  session = await openSession();
});
afterAll(() => session.close());

describe("the oracle", () => {
  test.each(Object.entries(edges))("%s", (_, edge) => {
    expect(computeWindows(edgeTask(edge)).map((row) => row["found"])).toEqual(edge.gives);
  });
});

describe.each(engines)("$name", (engine) => {
  test.each(Object.entries(edges))("%s", async (name, edge) => {
    const task = edgeTask(edge);
    if (acceptedBy(engine, task).windows.length === 0) {
      expect(engine.refusal(task.windows[0]!)).toMatch(/\w+ \w+/);
      return;
    }
    const run = await runEngine(session, engine, task);
    expect(findDifference(task, run, {about: name})).toBeUndefined();
  });

  test("drops its temporary tables, also after an error", async () => {
    const task = edgeTask({...timeEdges["a limit cuts within one instant"]!, condition: "no such column"});
    await expect(runEngine(session, engine, task)).rejects.toThrow("no such column");
    const left = await session.rows("SELECT table_name FROM duckdb_tables() WHERE temporary");
    expect(left).toEqual([]);
  });
});
