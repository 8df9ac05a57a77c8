/**
 * Where partitions live and how they appear. A partition is written in a staging folder of the same file system and renamed into
 * place with its manifest: readers see all of it or nothing. Staging is no part of a dataset's folder, so that a glob over one
 * never finds half-written files. Where the output is a bucket, the folder has what is staged and the manifests, and files go up from it.
 */
import {copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from "node:fs";
import {randomUUID} from "node:crypto";
import {join} from "node:path";
import {z} from "zod";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import type {BucketPartitions} from "./bucket-partitions.js";
import {explainReadFailure} from "./failure.js";
import {acquireLock, type DayLock} from "./lock.js";
import {inspectManifest, publishedOf, readManifest, renderManifest, signManifest, type Manifest, type Published} from "./manifest.js";
import {PartitionSummaries, type CheckFinding} from "./partition-summary.js";
import {prepareSession} from "./source-session.js";

export type Stage = "skeleton" | "dataset";

const failureName = "_failed.json";

export class PartitionStore {
  /** For callers that look at many partitions. */
  readonly summaries: PartitionSummaries;

  constructor(
    /** `<output_root>/<service>`, or the folder of this machine that stands before a bucket. */
    readonly folder: string,
    private readonly bucket?: BucketPartitions,
  ) {
    this.summaries = new PartitionSummaries(folder, bucket);
  }

  /** As users name it: a folder, or the URL of one in a bucket. */
  get directory(): string {
    return this.bucket?.location ?? this.folder;
  }

  directoryOf(stage: Stage, day: string): string {
    return this.bucket?.urlOf(stage, day) ?? this.placeOf(stage, day);
  }

  private placeOf(stage: Stage, day: string): string {
    return join(this.folder, stage, `dt=${day}`);
  }

  private stagingOf(stage: Stage, day: string): string {
    return join(this.folder, ".staging", stage, `dt=${day}`);
  }

  /** Files of a bucket that this machine has while it makes the day. */
  private heldOf(stage: Stage, day: string): string {
    return join(this.folder, ".held", stage, `dt=${day}`);
  }

  /** @throws DaedalusError `partition-locked` when another run makes the day */
  async lock(day: string, what: string): Promise<DayLock> {
    const {bucket, folder} = this;
    if (!bucket) return acquireLock(join(folder, ".locks", `dt=${day}.lock`), what);
    const lock = await bucket.lock(day, what);
    return {
      release: async () => {
        for (const stage of ["skeleton", "dataset"] as const) rmSync(this.heldOf(stage, day), {recursive: true, force: true});
        await lock.release();
      },
    };
  }

  /** Lets the session read `filesOf`. */
  async prepare(session: DuckDbSession): Promise<void> {
    if (this.bucket) await prepareSession(session, [this.bucket.access]);
  }

  /** The published partition's manifest; undefined when there is no complete partition. */
  findManifest(stage: Stage, day: string): Manifest | undefined {
    if (this.bucket?.has(stage, day) === false) return undefined;
    return readManifest(join(this.placeOf(stage, day), "_manifest.json"));
  }

  /** What decides whether the published partition is current, or why there is none. */
  findPublished(stage: Stage, day: string): Published | string {
    if (this.bucket?.has(stage, day) === false) return "missing";
    const found = inspectManifest(join(this.placeOf(stage, day), "_manifest.json"));
    if (typeof found === "string") return found;
    return found.stage === stage && found.day === day ? publishedOf(found) : "its manifest is of another partition";
  }

  /** Parquet files of a published partition, in row order; a session has to be prepared for them. */
  filesOf(stage: Stage, day: string): readonly string[] {
    if (this.bucket) return this.findManifest(stage, day)?.files.map(({name}) => `${this.bucket!.urlOf(stage, day)}/${name}`) ?? [];
    const directory = this.placeOf(stage, day);
    return readdirSync(directory)
      .filter((name) => name.endsWith(".parquet"))
      .sort()
      .map((name) => join(directory, name));
  }

  /** The same files on this machine, until the day's lock is released. The caller holds it. */
  async holdFiles(stage: Stage, day: string, signal?: AbortSignal): Promise<readonly string[]> {
    if (!this.bucket) return this.filesOf(stage, day);
    const names = this.findManifest(stage, day)?.files.map(({name}) => name) ?? [];
    const directory = this.heldOf(stage, day);
    await this.bucket.download(stage, day, names.filter((name) => !existsSync(join(directory, name))), directory, signal);
    return names.map((name) => join(directory, name));
  }

  /** Copies what is published out of a bucket, to `<directory>/<stage>/dt=<day>`. */
  async copyFiles(stage: Stage, day: string, directory: string, signal: AbortSignal): Promise<void> {
    this.copyManifest(stage, day, directory);
    const names = this.findManifest(stage, day)?.files.map(({name}) => name) ?? [];
    await this.bucket?.download(stage, day, names, join(directory, stage, `dt=${day}`), signal);
  }

  copyManifest(stage: Stage, day: string, directory: string): void {
    if (typeof this.findPublished(stage, day) === "string") return;
    const target = join(directory, stage, `dt=${day}`);
    mkdirSync(target, {recursive: true});
    copyFileSync(join(this.placeOf(stage, day), "_manifest.json"), join(target, "_manifest.json"));
  }

  /** Whether the files are there as they were written: what somebody replaced is not carried on. */
  async areWhole(manifest: Manifest): Promise<boolean> {
    if (this.bucket) return this.bucket.areWhole(manifest);
    const directory = this.placeOf(manifest.stage, manifest.day);
    return manifest.files.every(({name, bytes}) => statSync(join(directory, name), {throwIfNoEntry: false})?.size === bytes);
  }

  /** Days that have a complete partition, sorted. */
  publishedDays(stage: Stage): readonly string[] {
    const days = this.bucket?.days(stage) ?? listNames(join(this.folder, stage)).flatMap((name) => (name.startsWith("dt=") ? [name.slice("dt=".length)] : []));
    return [...days].sort();
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
      const directory = join(this.folder, ".staging", stage);
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
  async publish(stage: Stage, day: string, manifest: Omit<Manifest, "digest">, signal?: AbortSignal): Promise<void> {
    if (this.bucket) await this.upload(this.bucket, {stage, day, manifest, signal});
    else this.rename(stage, day, renderManifest(signManifest(manifest)));
    this.summaries.note(stage, day);
  }

  private rename(stage: Stage, day: string, manifestText: string): void {
    const staging = this.stagingOf(stage, day);
    writeFileSync(join(staging, "_manifest.json"), manifestText);
    const place = this.placeOf(stage, day);
    const retired = `${staging}.retired`;
    rmSync(retired, {recursive: true, force: true});
    mkdirSync(join(this.folder, stage), {recursive: true});
    if (existsSync(place)) renameSync(place, retired);
    renameSync(staging, place);
    rmSync(retired, {recursive: true, force: true});
  }

  private async upload(bucket: BucketPartitions, {stage, day, manifest, signal}: {stage: Stage; day: string; manifest: Omit<Manifest, "digest">; signal: AbortSignal | undefined}): Promise<void> {
    const token = randomUUID().slice(0, 8);
    const nameAnew = (name: string): string => name.replace(/(?:-[0-9a-f]{8})?\.parquet$/, `-${token}.parquet`);
    const staging = this.stagingOf(stage, day);
    const files = manifest.files.map(({name}) => ({path: join(staging, name), name: nameAnew(name)}));
    const signed = signManifest({...manifest, files: manifest.files.map((file) => ({...file, name: nameAnew(file.name)}))});
    await bucket.publish({stage, day, files, manifestText: renderManifest(signed), signal});
    // A dataset is made of the skeleton's files, which then need not come back.
    const held = this.heldOf(stage, day);
    rmSync(held, {recursive: true, force: true});
    mkdirSync(held, {recursive: true});
    for (const {path, name} of files) renameSync(path, join(held, name));
    this.discard(stage, day);
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
