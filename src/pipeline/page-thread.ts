/** What a thread does: one page after another. Values stay where the job said, in memory that is shared; only levels are sent back. */
import {parentPort, workerData} from "node:worker_threads";
import {PageComputer, type ComputerOptions, type PageJob} from "./page-job.js";
import {loadExported} from "./udf-module.js";

const computer = new PageComputer(workerData as ComputerOptions, loadExported);

parentPort!.on("message", (job: PageJob) => {
  computer.compute(job).then(
    (result) => parentPort!.postMessage({result}),
    (error: unknown) => parentPort!.postMessage({error}),
  );
});
