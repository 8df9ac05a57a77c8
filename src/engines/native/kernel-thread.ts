/** What a thread does: one job after another. */
import {parentPort} from "node:worker_threads";
import {JobRunner, type Job} from "./job.js";
import {countBytes, countSharedGarbage} from "./shared-garbage.js";

const runner = new JobRunner();
const garbage = countSharedGarbage();

parentPort!.on("message", (job: Job) => {
  const results = runner.run(job);
  parentPort!.postMessage(results);
  // Whoever asked for them holds them now.
  garbage.note(countBytes(results));
});
