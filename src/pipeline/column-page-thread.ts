/** What a thread does: one job after another, its pages sent back without a copy. */
import {parentPort, workerData} from "node:worker_threads";
import {ColumnPageWriter, type ColumnPageJob, type ColumnPagesData} from "./column-pages.js";
import {loadZstd, zstdLevel} from "./zstd.js";

const writer = new ColumnPageWriter(workerData as ColumnPagesData, await loadZstd(zstdLevel.fast));

parentPort!.on("message", (job: ColumnPageJob) => {
  const result = writer.render(job);
  const pages = "length" in result ? result : [result];
  const buffers = pages.flatMap(({parts}) => parts.map(({buffer}) => buffer));
  parentPort!.postMessage(result, buffers.filter((buffer) => buffer instanceof ArrayBuffer));
});
