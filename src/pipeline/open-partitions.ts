/** The partitions of a service, wherever `output_root` says they are. */
import {resolve} from "node:path";
import type {Project, Service} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {digestOf} from "../plan/digest.js";
import type {Environment} from "../sources/environment.js";
import {isObjectStore, openOutputBucket, type BucketKeys, type OutputBucket} from "../sources/output-bucket.js";
import {BucketPartitions} from "./bucket-partitions.js";
import {PartitionStore} from "./partition.js";
import {prepareSession} from "./source-session.js";

/**
 * @param outputRoot in place of the project's
 * @throws DaedalusError when the output is a bucket that cannot be reached or refuses
 */
export async function openPartitions(project: Project, service: Service, outputRoot: string | undefined, environment: Environment): Promise<PartitionStore> {
  const root = outputRoot ?? project.runtime.outputRoot;
  if (!isObjectStore(root)) return new PartitionStore(resolve(project.root, root, service.name));
  // Only who writes to a bucket needs a client.
  const {ObjectClient} = await import("../sources/object-client.js");
  const output = openOutputBucket(root, project.runtime.outputStore, environment);
  const client = new ObjectClient(output.addressWith(output.keys ?? (await findKeys(project, output))));
  const folder = resolve(project.root, ".daedalus", "output", digestOf(output.addressWith({accessKeyId: "", secretAccessKey: "", sessionToken: undefined})).slice(0, 12), output.prefix, service.name);
  const bucket = await BucketPartitions.open({client, access: output, prefix: `${output.prefix}${service.name}/`, location: `${output.location}/${service.name}`, folder});
  return new PartitionStore(folder, bucket);
}

/** What DuckDB would read the bucket with: environment, profile or the machine's role. */
async function findKeys({runtime}: Project, output: OutputBucket): Promise<BucketKeys> {
  const {DuckDbSession} = await import("../engines/duckdb/connection.js");
  const session = await DuckDbSession.open({config: new Map([...runtime.compute.duckdbConfig, ["allow_unredacted_secrets", "true"]])});
  try {
    await prepareSession(session, [output]);
    const [row] = await session.rows("SELECT secret_string AS text FROM duckdb_secrets(redact = false)");
    const facts = new Map(String(row?.["text"]).split(";").map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]));
    const [accessKeyId, secretAccessKey] = [facts.get("key_id"), facts.get("secret")];
    if (accessKeyId !== undefined && secretAccessKey !== undefined) return {accessKeyId, secretAccessKey, sessionToken: facts.get("session_token")};
  } catch (error) {
    if (error instanceof DaedalusError) throw error;
  } finally {
    session.close();
  }
  throw DaedalusError.of("output-denied", {location: output.location, reason: "this machine has no credentials for it: set output_store.credentials in runtime.yaml"});
}
