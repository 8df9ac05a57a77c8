/**
 * Where partitions live and how they appear. A partition is written in a staging folder of the same file system and renamed into
 * place with its manifest: readers see all of it or nothing. Staging is no part of a dataset's folder, so that a glob over one
 * never finds half-written files.
 */
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {z} from "zod";
import type {Project, Service} from "../definitions/model.js";
import {explainReadFailure} from "./failure.js";
import {inspectManifest, publishedOf, readManifest, renderManifest, signManifest, type Manifest, type Published} from "./manifest.js";
import {PartitionSummaries, type CheckFinding} from "./partition-summary.js";

export type Stage = "skeleton" | "dataset";

const failureName = "_failed.json";

/** The project's folder for partitions of the service. */
export function partitionsDirectory(project: Project, service: Service, outputRoot: string | undefined): string {
  return resolve(project.root, outputRoot ?? project.runtime.outputRoot, service.name);
}

export class PartitionStore {
  /** For callers that look at many partitions. */
  readonly summaries: PartitionSummaries;

  constructor(
    /** `<output_root>/<service>`. */
    readonly directory: string,
  ) {
    this.summaries = new PartitionSummaries(directory);
  }

  directoryOf(stage: Stage, day: string): string {
    return join(this.directory, stage, `dt=${day}`);
  }

  lockPath(day: string): string {
    return join(this.directory, ".locks", `dt=${day}.lock`);
  }

  private stagingOf(stage: Stage, day: string): string {
    return join(this.directory, ".staging", stage, `dt=${day}`);
  }

  /** The published partition's manifest; undefined when there is no complete partition. */
  findManifest(stage: Stage, day: string): Manifest | undefined {
    return readManifest(join(this.directoryOf(stage, day), "_manifest.json"));
  }

  /** What decides whether the published partition is current, or why there is none. */
  findPublished(stage: Stage, day: string): Published | string {
    const found = inspectManifest(join(this.directoryOf(stage, day), "_manifest.json"));
    if (typeof found === "string") return found;
    return found.stage === stage && found.day === day ? publishedOf(found) : "its manifest is of another partition";
  }

  /** Parquet files of a published partition, in row order. */
  filesOf(stage: Stage, day: string): readonly string[] {
    const directory = this.directoryOf(stage, day);
    return readdirSync(directory)
      .filter((name) => name.endsWith(".parquet"))
      .sort()
      .map((name) => join(directory, name));
  }

  /** Whether the files are there as they were written: what somebody replaced is not carried on. */
  areWhole({stage, day, files}: Manifest): boolean {
    const directory = this.directoryOf(stage, day);
    return files.every(({name, bytes}) => statSync(join(directory, name), {throwIfNoEntry: false})?.size === bytes);
  }

  /** Days that have a complete partition, sorted. */
  publishedDays(stage: Stage): readonly string[] {
    return listNames(join(this.directory, stage))
      .filter((name) => name.startsWith("dt="))
      .map((name) => name.slice("dt=".length))
      .sort();
  }

  /** An empty staging folder; whatever an earlier run left there, or would have made of this stage, goes. The caller holds the day's lock. */
  stage(stage: Stage, day: string): string {
    const staging = this.stagingOf(stage, day);
    this.discard(stage, day);
    if (stage === "skeleton") this.discard("dataset", day);
    mkdirSync(staging, {recursive: true});
    return staging;
  }

  /** Says beside staged files why they were not published. */
  noteFailure(stage: Stage, day: string, checks: readonly CheckFinding[]): void {
    writeFileSync(join(this.stagingOf(stage, day), failureName), `${JSON.stringify({checks})}\n`);
  }

  /** Day -> the checks that kept what its last run made from being published. */
  failures(): ReadonlyMap<string, readonly CheckFinding[]> {
    const found = new Map<string, readonly CheckFinding[]>();
    for (const stage of ["skeleton", "dataset"] as const) {
      const directory = join(this.directory, ".staging", stage);
      if (!existsSync(directory)) continue;
      for (const name of readdirSync(directory).sort()) {
        const path = join(directory, name, failureName);
        if (name.startsWith("dt=") && existsSync(path)) found.set(name.slice("dt=".length), readFailure(path));
      }
    }
    return found;
  }

  discard(stage: Stage, day: string): void {
    rmSync(this.stagingOf(stage, day), {recursive: true, force: true});
  }

  /** Puts the staged files and their manifest in the place of the partition, whether or not there was one. */
  publish(stage: Stage, day: string, manifest: Omit<Manifest, "digest">): void {
    const staging = this.stagingOf(stage, day);
    writeFileSync(join(staging, "_manifest.json"), renderManifest(signManifest(manifest)));
    const place = this.directoryOf(stage, day);
    const retired = `${staging}.retired`;
    rmSync(retired, {recursive: true, force: true});
    mkdirSync(join(this.directory, stage), {recursive: true});
    if (existsSync(place)) renameSync(place, retired);
    renameSync(staging, place);
    rmSync(retired, {recursive: true, force: true});
    this.summaries.note(stage, day);
  }
}

/** None of a folder that is not there. */
function listNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw explainReadFailure(error, directory);
  }
}

const failureSchema = z.object({checks: z.array(z.object({check: z.string(), found: z.string()}))});

/** None where a run was killed before it wrote them, or somebody edited them; that the day failed is known all the same. */
function readFailure(path: string): readonly CheckFinding[] {
  try {
    return failureSchema.parse(JSON.parse(readFileSync(path, "utf8"))).checks;
  } catch {
    return [];
  }
}
