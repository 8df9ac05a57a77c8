/** The invariant that everything else serves: whatever happens at a row's instant or later, the row stays as it is. */
import {afterAll, beforeAll, describe, expect, test} from "vitest";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {seededRandom, type Random} from "../support/seeded-random.js";
import type {Row} from "./cells.js";
import {acceptedBy, engines, findDifference, openSession, runEngine} from "./engine-runs.js";
import type {TestTask} from "./oracle.js";
import {randomEvent, randomInstant, randomTask, worldsPerTask} from "./random-task.js";

let session: DuckDbSession;
beforeAll(async () => {
  session = await openSession();
});
afterAll(() => session.close());

/** In each world an instant, at and after which events are removed, changed and added. Known instants move with their events. */
function rewriteFuture(task: TestTask, random: Random): {readonly task: TestTask; readonly presents: readonly bigint[]} {
  const presents = Array.from({length: worldsPerTask}, () => randomInstant(random));
  const isFuture = (event: Row): boolean => (event["__ts"] as bigint) >= presents[Number(event["world"])]!;
  const rows = task.history.rows
    .filter((event) => !isFuture(event) || random() < 0.6)
    .map((event) => {
      if (!isFuture(event) || random() < 0.5) return event;
      const other = randomEvent(random, event["world"] as bigint);
      return isFuture(other) ? other : event;
    });
  for (let world = 0; world < worldsPerTask; world++) {
    rows.push(...Array.from({length: 4}, () => randomEvent(random, BigInt(world))).filter(isFuture));
  }
  return {task: {...task, history: {...task.history, rows}}, presents};
}

/** The rows of each world up to its present. */
function pastOf(task: TestTask, rows: readonly Row[], presents: readonly bigint[]): {readonly target: Row[]; readonly output: Row[]} {
  const isPast = (row: Row): boolean => (row["__ts"] as bigint) <= presents[Number(row["world"])]!;
  return {
    target: task.target.rows.filter(isPast),
    output: rows.filter((_, at) => isPast(task.target.rows[at]!)),
  };
}

describe.each(engines)("$name", (engine) => {
  test("a row never changes with what happens at its instant or later", async () => {
    const seeds = [1000, 1001, 1002, 1003, 1004];
    let changedLater = 0;
    for (const seed of seeds) {
      const before = acceptedBy(engine, randomTask(seed));
      const {task: after, presents} = rewriteFuture(before, seededRandom(seed));
      const [first, second] = [await runEngine(session, engine, before), await runEngine(session, engine, after)];
      const [past, pastAfter] = [pastOf(before, first.rows, presents), pastOf(after, second.rows, presents)];
      const pastTask = {...after, target: {...after.target, rows: past.target}};
      const difference = findDifference(pastTask, {...second, rows: pastAfter.output}, {about: `seed ${seed}`, expected: past.output});
      expect(difference).toBeUndefined();
      if (findDifference(after, second, {about: "", expected: first.rows}) !== undefined) changedLater++;
    }
    expect(changedLater, "rewriting the future must change later rows of every task, or this test proves nothing").toBe(seeds.length);
  });
});
