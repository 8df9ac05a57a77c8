/** What a thread does: one page after another, each sent back in one piece. */
import {parentPort, workerData} from "node:worker_threads";
import {ListPageWriter, type ListPageJob} from "./list-pages.js";
import type {ListThreadData} from "./list-columns.js";
import {loadZstd, zstdLevel} from "./zstd.js";

const {columns, isCompressed} = workerData as ListThreadData;
const zstd = isCompressed.includes(true) ? await loadZstd(zstdLevel.fast) : undefined;
const writer = new ListPageWriter(columns, isCompressed.map((is) => (is ? zstd : undefined)));

parentPort!.on("message", (job: ListPageJob) => {
  const page = writer.render(job);
  const bytes = new Uint8Array(Buffer.concat(page.parts));
  parentPort!.postMessage({...page, parts: [bytes]}, [bytes.buffer]);
});
