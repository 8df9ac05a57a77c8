/** `_manifest.json` of a partition: what made it, from what, and what is in it. Later runs decide by it what is still current. */
import {readFileSync} from "node:fs";
import {z} from "zod";
import {digestOf} from "../plan/digest.js";
import {explainReadFailure} from "./failure.js";

const identity = z.object({
  files: z.number(),
  bytes: z.number(),
  /** Of a database, in place of files. */
  table: z.string().optional(),
  rows: z.number().optional(),
  /** Of a lake: what was read of it. */
  snapshot: z.union([z.number(), z.string()]).optional(),
  digest: z.string(),
});
const recipe = z.object({definition: z.string(), reaches: z.array(z.string()).readonly(), stores: z.array(z.string()).readonly()});

/** The definitions that a partition was made by; days of one run have the same. */
const madeBySchema = z.object({
  /** What decides which rows there are, in parts that a reason can name. Empty for a dataset: its rows are the skeleton's. */
  rows: z.array(recipe.extend({what: z.string()})),
  /** Of a dataset: the embeddings alone. */
  columns: z.record(z.string(), recipe),
  /** All columns of the files, in order. */
  order: z.array(z.string()),
  /** Of the checks that the partition passed. */
  checks: z.string(),
});

export type MadeBy = z.infer<typeof madeBySchema>;

export const manifestFormat = 3;

export const manifestSchema = z.object({
  format: z.literal(manifestFormat),
  service: z.string(),
  service_version: z.number(),
  stage: z.enum(["skeleton", "dataset"]),
  day: z.string(),
  /** Of the part of the plan that makes this stage. */
  plan_digest: z.string(),
  sources: z.record(z.string(), identity),
  made_by: madeBySchema,
  /** Name of a reach into a view -> digest of the files that it held. */
  reaches: z.record(z.string(), z.string()),
  /** Columns that were taken from an earlier partition -> when that was written which computed them. Of a dataset: those of its skeleton, too. */
  carried: z.record(z.string(), z.string()),
  /** Dataset only: when the skeleton it was made of was written, and the stores it was enriched from. */
  skeleton_written_at: z.string().optional(),
  stores: z.record(z.string(), z.string()).optional(),
  versions: z.object({daedalus: z.string(), duckdb: z.string(), node: z.string()}),
  aggregation_engine: z.string(),
  rows: z.number(),
  files: z.array(z.object({name: z.string().regex(/^[\w.-]+$/), rows: z.number(), bytes: z.number()})),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      nulls: z.number(),
      min: z.string().optional(),
      max: z.string().optional(),
      distinct_estimate: z.number().optional(),
      list_length: z.object({min: z.number(), mean: z.number(), max: z.number()}).optional(),
    }),
  ),
  checks: z.array(z.object({check: z.string(), severity: z.enum(["error", "warn"]), passed: z.boolean(), found: z.string()})),
  seconds: z.number(),
  peak_memory_bytes: z.number(),
  written_at: z.string(),
  /** Of all of the above: whoever edits a manifest does not edit this. */
  digest: z.string(),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** The manifest with its own digest. */
export const signManifest = (manifest: Omit<Manifest, "digest">): Manifest => ({...manifest, digest: digestOf(manifest)});

/** The text of a manifest's file. */
export const renderManifest = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** Undefined when the file is absent or is not a manifest of this format: such a partition counts as missing. */
export function readManifest(path: string): Manifest | undefined {
  const found = inspectManifest(path);
  return typeof found === "string" ? undefined : found;
}

/** The manifest, or why there is none that can be believed, in words. */
export function inspectManifest(path: string): Manifest | string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return "missing";
    // Nothing is known of it then, least of all that it is missing.
    throw explainReadFailure(error, path);
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return "its manifest is broken";
  }
  const {format, digest, ...rest} = (data ?? {}) as {format?: unknown; digest?: unknown};
  if (typeof format === "number" && format < manifestFormat) return "made by an older version";
  if (typeof format === "number" && format > manifestFormat) return "made by a newer version";
  const parsed = manifestSchema.safeParse(data);
  if (!parsed.success) return "its manifest is broken";
  return digest === digestOf({format, ...rest}) ? parsed.data : "its manifest was edited by hand";
}

/** What decides whether a partition is current: of the manifest, the part that summaries repeat. */
export interface Published {
  readonly version: string;
  readonly madeBy: MadeBy;
  readonly reaches: Readonly<Record<string, string>>;
  readonly stores: Readonly<Record<string, string>>;
  readonly skeletonWrittenAt: string | undefined;
  readonly writtenAt: string;
  readonly rows: number;
  readonly carried: Readonly<Record<string, string>>;
}

export function publishedOf(manifest: Manifest): Published {
  return {
    version: manifest.versions.daedalus,
    madeBy: manifest.made_by,
    reaches: manifest.reaches,
    stores: manifest.stores ?? {},
    skeletonWrittenAt: manifest.skeleton_written_at,
    writtenAt: manifest.written_at,
    rows: manifest.rows,
    carried: manifest.carried,
  };
}
