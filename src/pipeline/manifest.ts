/** `_manifest.json` of a partition: what made it, from what, and what is in it. Later runs decide by it what is still current. */
import {readFileSync} from "node:fs";
import {z} from "zod";

const identity = z.object({files: z.number(), bytes: z.number(), digest: z.string()});

export const manifestSchema = z.object({
  format: z.literal(1),
  service: z.string(),
  service_version: z.number(),
  stage: z.enum(["skeleton", "dataset"]),
  day: z.string(),
  /** Of the part of the plan that makes this stage. */
  plan_digest: z.string(),
  sources: z.record(z.string(), identity),
  /** Dataset only: when the skeleton it was made of was written, and the stores it was enriched from. */
  skeleton_written_at: z.string().optional(),
  stores: z.record(z.string(), z.string()).optional(),
  versions: z.object({daedalus: z.string(), duckdb: z.string(), node: z.string()}),
  aggregation_engine: z.string(),
  rows: z.number(),
  files: z.array(z.object({name: z.string(), rows: z.number(), bytes: z.number()})),
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
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Undefined when the file is absent or is not a manifest of this format: such a partition counts as missing. */
export function readManifest(path: string): Manifest | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw error;
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export interface Wanted {
  readonly planDigest: string;
  readonly version: string;
  readonly sources: Manifest["sources"];
  readonly skeletonWrittenAt?: string | undefined;
  readonly stores?: Readonly<Record<string, string>> | undefined;
}

/** Why the partition must be made, in words; undefined when it is current. */
export function findStaleReason(manifest: Manifest | undefined, wanted: Wanted): string | undefined {
  if (!manifest) return "missing";
  if (manifest.versions.daedalus !== wanted.version) return `made by version ${manifest.versions.daedalus}`;
  if (manifest.plan_digest !== wanted.planDigest) return "the definitions changed";
  for (const [view, {digest}] of Object.entries(wanted.sources)) {
    if (manifest.sources[view]?.digest !== digest) return `the source of view "${view}" changed`;
  }
  if (manifest.skeleton_written_at !== wanted.skeletonWrittenAt) return "the skeleton is newer";
  for (const [store, version] of Object.entries(wanted.stores ?? {})) {
    if (manifest.stores?.[store] !== version) return `the embedding store "${store}" changed`;
  }
  return undefined;
}
