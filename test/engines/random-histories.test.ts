/** Every engine on seeded random histories, against the oracle. A failure tells its seed: `randomTask(seed)` is the whole task. */
import {afterAll, beforeAll, describe, expect, test} from "vitest";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {acceptedBy, engines, findDifference, openSession, runEngine} from "./engine-runs.js";
import {randomTask, worldsPerTask} from "./random-task.js";

/** `RANDOM_SEED=7 RANDOM_TASKS=1000 npx vitest run test/engines/random-histories.test.ts` looks elsewhere, and longer. */
const firstSeed = Number(process.env["RANDOM_SEED"] ?? 1);
const taskCount = Number(process.env["RANDOM_TASKS"] ?? 8);

let session: DuckDbSession;
beforeAll(async () => {
  session = await openSession();
});
afterAll(() => session.close());

describe.each(engines)("$name", (engine) => {
  test(`agrees with the oracle on ${taskCount * worldsPerTask} random histories`, {timeout: 600_000}, async () => {
    for (let seed = firstSeed; seed < firstSeed + taskCount; seed++) {
      const task = acceptedBy(engine, randomTask(seed));
      const run = await runEngine(session, engine, task);
      expect(findDifference(task, run, {about: `seed ${seed}`})).toBeUndefined();
    }
  });
});
