/** A block of history beyond the addresses of a thread's memory. */
import {expect, it} from "vitest";
import {JobRunner, type Job} from "../../src/engines/native/job.js";

const empty = {key: new Int32Array(0), ts: new Float64Array(0), flags: [], values: []};

it("is told by its rows, and leaves the thread able to go on", () => {
  const runner = new JobRunner();
  const job: Job = {kernel: {lines: [], windows: []}, block: 1, history: {...empty, rowCount: 2 ** 31}, target: {...empty, rowCount: 0}, from: 0, to: 0};
  expect(runner.run(job)).toEqual([{kind: "large", rowCount: 2 ** 31}]);
  expect(runner.run({...job, block: 2, history: {...empty, rowCount: 0}})).toEqual([]);
  runner.close();
});
