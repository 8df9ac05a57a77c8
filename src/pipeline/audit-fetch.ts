/** Brings what an audit is pointed at from the output's bucket into a folder that looks the same: an audit reads most of it anyway. */
import {join} from "node:path";
import type {Project} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {Environment} from "../sources/environment.js";
import {openOutputBucket} from "../sources/output-bucket.js";
import {openPartitions} from "./open-partitions.js";

/**
 * @param url of a service, a stage or a partition below `output_root`
 * @param directory that takes the files; the folder that stands for the url is returned
 * @throws DaedalusError when nothing is published there
 */
export async function fetchAudited(project: Project, url: string, {directory, environment, signal}: {readonly directory: string; readonly environment: Environment; readonly signal: AbortSignal}): Promise<string> {
  const root = openOutputBucket(project.runtime.outputRoot, project.runtime.outputStore, environment).location;
  const [name = "", wantedStage, partition] = url.startsWith(`${root}/`) ? url.slice(root.length + 1).replace(/\/+$/, "").split("/") : [];
  const service = project.services.get(name);
  if (!service) throw missing(url, `of buckets, what is below the project's output_root (${root}) is audited: ${root}/<service>`);
  const partitions = await openPartitions(project, service, undefined, environment);
  // Of a service its datasets, as in a folder. The manifests of skeletons tell whether datasets are stale.
  const stage = (["dataset", "skeleton"] as const).find((candidate) => (wantedStage === undefined ? partitions.publishedDays(candidate).length > 0 : candidate === wantedStage));
  const days = stage ? partitions.publishedDays(stage).filter((day) => partition === undefined || partition === `dt=${day}`) : [];
  if (!stage || days.length === 0) throw missing(url, "nothing is published there");
  for (const day of days) {
    if (stage === "dataset") partitions.copyManifest("skeleton", day, join(directory, name));
    await partitions.copyFiles(stage, day, join(directory, name), signal);
  }
  return join(directory, name, stage, ...(partition === undefined ? [] : [partition]));
}

const missing = (path: string, hint: string): DaedalusError => DaedalusError.of("file-missing", {path, what: "a parquet file to audit", hint});
