/** What a thread does: one job after another. */
import {parentPort} from "node:worker_threads";
import {JobRunner, type Job} from "./job.js";

const runner = new JobRunner();

parentPort!.on("message", (job: Job) => parentPort!.postMessage(runner.run(job)));
