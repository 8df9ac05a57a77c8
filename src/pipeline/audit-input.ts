/** What an audit is pointed at: parquet files, and the manifests beside those that are partitions of ours. */
import {existsSync, readdirSync, readFileSync, statSync} from "node:fs";
import {basename, dirname, join} from "node:path";
import {z} from "zod";
import type {Project, Service} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {digestOf} from "../plan/digest.js";
import {findParquetFiles, renderParquetRelation} from "../sources/parquet.js";
import {explainReadFailure, reasonOf} from "./failure.js";
import {manifestSchema, type Manifest} from "./manifest.js";
import {version} from "./version.js";

export interface AuditedPartition {
  readonly directory: string;
  /** What every manifest says, whatever version wrote it. */
  readonly service: string;
  readonly madeBy: string;
  /** Undefined where another version wrote it in another form. */
  readonly manifest: Manifest | undefined;
  /** The manifest is signed, and the signature is not that of its content. */
  readonly isEdited: boolean;
}

export interface AuditInput {
  /** As the user wrote it. */
  readonly path: string;
  readonly files: readonly string[];
  readonly partitions: readonly AuditedPartition[];
  readonly columns: ReadonlyMap<string, string>;
}

/**
 * A file, a partition, a folder of partitions (of a service's folder: its datasets), or any folder or glob of parquet files.
 * @throws DaedalusError when there is nothing, when it cannot be read, or when a manifest is none
 */
export async function readAuditInput(session: DuckDbSession, path: string, project: Project): Promise<AuditInput> {
  const stage = ["dataset", "skeleton"].find((name) => existsSync(join(path, name)) && statSync(join(path, name)).isDirectory());
  const files = findParquetFiles(stage === undefined ? path : join(path, stage), project).filter((file) => !file.includes("/.staging/"));
  const directories = [...new Set(files.map(dirname))];
  // An empty folder with a manifest is a partition that lost its files, and worth saying so.
  if (files.length === 0) throw DaedalusError.of("file-missing", {path, what: "a parquet file to audit"});
  const partitions = directories.flatMap((directory) => {
    const path = join(directory, "_manifest.json");
    return existsSync(path) ? [{directory, ...readStrictManifest(path)}] : [];
  });
  const services = [...new Set(partitions.map(({service}) => service))];
  if (services.length > 1) throw DaedalusError.of("audit-mixed", {path, services});
  try {
    const described = await session.describe(`SELECT * FROM ${renderParquetRelation(files)}`);
    return {path, files, partitions, columns: new Map(described.map((column) => [column.name, column.type]))};
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: reasonOf(error)}, {cause: error});
  }
}

const anyManifest = z.looseObject({service: z.string(), versions: z.looseObject({daedalus: z.string()}), digest: z.string().optional()});

/** Training counts a manifest that it cannot read as a missing partition; an audit has to say it. */
function readStrictManifest(path: string): Omit<AuditedPartition, "directory"> {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw explainReadFailure(error, path);
    throw DaedalusError.of("manifest-broken", {path, reason: reasonOf(error)}, {cause: error});
  }
  const known = anyManifest.safeParse(data);
  const parsed = manifestSchema.safeParse(data);
  const isOther = known.success && known.data.versions.daedalus !== version;
  if (!known.success || (!parsed.success && !isOther)) {
    const issue = (known.error ?? parsed.error)!.issues[0]!;
    throw DaedalusError.of("manifest-broken", {path, reason: `${issue.path.join(".")}: ${issue.message}`});
  }
  const {digest, ...content} = known.data;
  const isEdited = digest !== undefined && digest !== digestOf(content);
  return {service: known.data.service, madeBy: known.data.versions.daedalus, manifest: parsed.data, isEdited};
}

export interface AuditNotes {
  /** What a reader should know, such as another version. */
  readonly notes: readonly string[];
  /** Where a manifest says something else than what lies beside it: its word is not worth anything. */
  readonly contradictions: readonly string[];
}

export async function checkManifests(session: DuckDbSession, input: AuditInput, service: Service | undefined): Promise<AuditNotes> {
  const notes: string[] = [];
  const contradictions: string[] = [];
  const counts = new Map<string, number>();
  for (const row of await session.rows(`SELECT filename AS file, count(*) AS rows FROM ${renderParquetRelation(input.files)} GROUP BY filename`)) {
    counts.set(row["file"] as string, Number(row["rows"]));
  }
  for (const {directory, manifest, madeBy, isEdited} of input.partitions) {
    const name = basename(directory);
    if (madeBy !== version) notes.push(`${name} was made by version ${madeBy}, this is ${version}: what a definition means may have changed between them`);
    if (isEdited) contradictions.push(`${name}: its manifest was edited, its digest is not that of its content`);
    if (!manifest) continue;
    if (service && manifest.service_version !== service.version) {
      notes.push(`${name} was made as version ${manifest.service_version} of service "${service.name}", its definition says ${service.version}`);
    }
    contradictions.push(...contradictionsOf(directory, manifest, counts).map((text) => `${name}: its manifest ${text}`));
  }
  return {notes, contradictions};
}

function contradictionsOf(directory: string, manifest: Manifest, counts: ReadonlyMap<string, number>): string[] {
  const found: string[] = [];
  const present = readdirSync(directory).filter((name) => name.endsWith(".parquet"));
  for (const file of manifest.files) {
    const path = join(directory, file.name);
    if (!existsSync(path)) {
      found.push(`names ${file.name}, which is not there`);
      continue;
    }
    const rows = counts.get(path) ?? 0;
    const {size} = statSync(path);
    if (rows !== file.rows) found.push(`says ${file.rows} rows for ${file.name}, which has ${rows}`);
    else if (size !== file.bytes) found.push(`says ${file.bytes} bytes for ${file.name}, which has ${size}`);
  }
  for (const name of present) if (!manifest.files.some((file) => file.name === name)) found.push(`does not name ${name}`);
  const sum = manifest.files.reduce((total, file) => total + file.rows, 0);
  if (sum !== manifest.rows) found.push(`says ${manifest.rows} rows in all, its files have ${sum}`);
  const day = /^dt=(.*)$/.exec(basename(directory))?.[1];
  if (day !== undefined && day !== manifest.day) found.push(`says ${manifest.day}`);
  return found;
}
