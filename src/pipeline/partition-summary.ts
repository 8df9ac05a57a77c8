/**
 * What plans and calendars need of many manifests, repeated in few files: `.summary/<stage>/<year>` beside the partitions. A
 * cache and nothing else: an entry counts while its manifest is the file that it was read from, a file that is broken, edited or
 * of another version is as good as none, and when two processes write at once the entries of one are read anew.
 */
import {existsSync, readdirSync, statSync, type Stats} from "node:fs";
import {join} from "node:path";
import {digestOf} from "../plan/digest.js";
import {explainReadFailure} from "./failure.js";
import {inspectManifest, manifestFormat, publishedOf, type MadeBy, type Manifest, type Published} from "./manifest.js";
import type {Stage} from "./partition.js";
import {statInThread, type FileIdentity} from "./manifest-stats.js";
import {SignedFiles} from "./signed-files.js";
import {version} from "./version.js";

const stages = ["skeleton", "dataset"] as const;

/** Size of summaries from which on a thread is worth its start: some 10,000 partitions. */
const threadBytesMin = 1_500_000;

export interface PartitionSummary extends Published {
  readonly bytes: number;
  /** Checks that did not pass and did not keep the partition from being published. */
  readonly warnings: readonly CheckFinding[];
}

/** A check that did not pass. */
export interface CheckFinding {
  readonly check: string;
  /** In words: what was found. */
  readonly found: string;
}

interface Entry {
  readonly file: FileIdentity;
  /** What the manifest says, or why it is not believed. */
  readonly published: PartitionSummary | string;
}

/** The partitions of one stage in one year. */
interface Shard {
  readonly entries: Map<string, Entry>;
  isChanged: boolean;
}

/** A shard on disk. Days share most of what is said of them, so that is written once, and in `.summary/made_by`; entries have positions. */
interface StoredShard {
  readonly made: readonly {readonly version: string; readonly made_by: string; readonly stores: Published["stores"]}[];
  readonly digests: readonly string[];
  readonly reaches: readonly {readonly names: readonly string[]; readonly digests: readonly number[]}[];
  readonly warnings: readonly (readonly CheckFinding[])[];
  readonly carried: readonly Published["carried"][];
  readonly entries: readonly StoredEntry[];
}

type StoredPartition = readonly [day: string, file: FileIdentity, made: number, reaches: number, writtenAt: string, skeletonWrittenAt: string | null, rows: number, bytes: number, warnings: number, carried: number];
type StoredEntry = StoredPartition | readonly [day: string, file: FileIdentity, reason: string];

/** The number is of the form of `StoredShard`. */
const signed = new SignedFiles(`3 ${manifestFormat} ${version}`);

export class PartitionSummaries {
  private readonly shards = new Map<string, Shard>();
  /** Digest -> definitions: one object for all days, so that they are compared once. */
  private readonly definitions = new Map<string, MadeBy>();
  private readonly digests = new WeakMap<MadeBy, string>();
  /** What a thread just saw of all manifests. */
  private seen: Readonly<Record<Stage, ReadonlyMap<string, FileIdentity>>> | undefined;

  constructor(
    /** `<output_root>/<service>`. */
    private readonly directory: string,
    /** Knows which partitions there are, where the folder only keeps what was read of them. */
    private readonly bucket?: {has(stage: Stage, day: string): boolean},
  ) {}

  /**
   * Reads every summary, and where there are many looks at all manifests in a thread meanwhile: for callers that will ask for all
   * days at once. What the thread saw counts until `save`.
   */
  async preload(): Promise<void> {
    const years = stages.flatMap((stage) => listYears(this.pathOf(stage)).map((year) => `${stage}/${year}`));
    const bytes = years.reduce((sum, name) => sum + (findStat(this.pathOf(name))?.size ?? 0), 0);
    const seen = bytes < threadBytesMin || this.bucket ? undefined : statInThread(stages.map((stage) => `${this.directory}/${stage}`));
    for (const name of years) this.shardNamed(name);
    const found = await seen;
    if (found) this.seen = {skeleton: found[0]!, dataset: found[1]!};
  }

  /** Days that have a folder, sorted, where a thread just listed them. */
  seenDays(stage: Stage): readonly string[] | undefined {
    return this.seen && [...this.seen[stage].keys()].sort();
  }

  /** What is published, or why nothing is: by the summary where it still holds, else by the manifest. */
  find(stage: Stage, day: string): PartitionSummary | string {
    const path = this.manifestOf(stage, day);
    const shard = this.shardOf(stage, day);
    const isGone = this.bucket?.has(stage, day) === false;
    const identity = isGone ? undefined : (this.seen?.[stage].get(day) ?? identityOf(findStat(path)));
    if (!identity) {
      if (shard.entries.delete(day)) shard.isChanged = true;
      return "missing";
    }
    const known = shard.entries.get(day);
    if (known && isSame(known.file, identity)) return known.published;
    const published = this.summarize(inspectManifest(path), stage, day);
    // A manifest that was replaced while it was read is looked at again the next time.
    const after = identityOf(findStat(path));
    if (after && isSame(identity, after)) {
      shard.entries.set(day, {file: identity, published});
      shard.isChanged = true;
    }
    return published;
  }

  /** Notes a partition that was just published, and writes its year. */
  note(stage: Stage, day: string): void {
    // Another process may have noted other days meanwhile.
    this.shards.delete(shardName(stage, day));
    this.seen = undefined;
    this.find(stage, day);
    this.save();
  }

  /** Writes the years that were read anew. Who may not write there reads manifests the next time, too. */
  save(): void {
    this.seen = undefined;
    for (const [name, shard] of this.shards) {
      if (!shard.isChanged) continue;
      try {
        this.write(name, shard);
      } catch {
        return;
      }
      shard.isChanged = false;
    }
  }

  private summarize(found: Manifest | string, stage: Stage, day: string): PartitionSummary | string {
    if (typeof found === "string") return found;
    if (found.stage !== stage || found.day !== day) return "its manifest is of another partition";
    const bytes = found.files.reduce((sum, file) => sum + file.bytes, 0);
    const warnings = found.checks.flatMap((check) => (check.passed ? [] : [{check: check.check, found: check.found}]));
    return {...publishedOf(found), madeBy: this.share(digestOf(found.made_by), found.made_by), bytes, warnings};
  }

  private share(digest: string, madeBy: MadeBy): MadeBy {
    const known = this.definitions.get(digest);
    if (known) return known;
    this.definitions.set(digest, madeBy);
    this.digests.set(madeBy, digest);
    return madeBy;
  }

  private shardOf(stage: Stage, day: string): Shard {
    return this.shardNamed(shardName(stage, day));
  }

  private shardNamed(name: string): Shard {
    let shard = this.shards.get(name);
    if (!shard) {
      shard = {entries: this.load(name), isChanged: false};
      this.shards.set(name, shard);
    }
    return shard;
  }

  private load(name: string): Map<string, Entry> {
    const body = signed.read(this.pathOf(name));
    if (body === undefined) return new Map();
    // Signed with the same format: its form is known.
    const {made, digests, reaches: reached, warnings, carried, entries} = JSON.parse(body) as StoredShard;
    const groups = made.map(({version, made_by: digest, stores}) => ({version, madeBy: this.findDefinitions(digest), stores}));
    const reaches = reached.map(({names, digests: positions}) => Object.fromEntries(names.map((name, index) => [name, digests[positions[index]!]!])));
    const found = new Map<string, Entry>();
    for (const entry of entries) {
      const [day, file, reason] = entry;
      if (typeof reason === "string") {
        found.set(day, {file, published: reason});
        continue;
      }
      const [, , group, reach, writtenAt, skeletonWrittenAt, rows, bytes, finding, carry] = entry as StoredPartition;
      const {version, madeBy, stores} = groups[group]!;
      if (!madeBy) continue;
      found.set(day, {file, published: {version, madeBy, reaches: reaches[reach]!, stores, skeletonWrittenAt: skeletonWrittenAt ?? undefined, writtenAt, rows, bytes, warnings: warnings[finding]!, carried: carried[carry]!}});
    }
    return found;
  }

  private findDefinitions(digest: string): MadeBy | undefined {
    const known = this.definitions.get(digest);
    if (known) return known;
    const body = signed.read(this.pathOf(join("made_by", digest)));
    return body === undefined ? undefined : this.share(digest, JSON.parse(body) as MadeBy);
  }

  private write(name: string, {entries}: Shard): void {
    const made = new Positions<StoredShard["made"][number]>(JSON.stringify);
    const digests = new Positions<string>(String);
    const reached = new Positions<StoredShard["reaches"][number]>(JSON.stringify);
    const findings = new Positions<readonly CheckFinding[]>(JSON.stringify);
    const carries = new Positions<Published["carried"]>(JSON.stringify);
    const stored = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, {file, published}]): StoredEntry => {
      if (typeof published === "string") return [day, file, published];
      const {version, madeBy, reaches, stores, writtenAt, skeletonWrittenAt = null, rows, bytes, warnings, carried} = published;
      const group = made.of({version, made_by: this.digests.get(madeBy)!, stores});
      const reach = reached.of({names: Object.keys(reaches), digests: Object.values(reaches).map((digest) => digests.of(digest))});
      return [day, file, group, reach, writtenAt, skeletonWrittenAt, rows, bytes, findings.of(warnings), carries.of(carried)];
    });
    for (const {made_by: digest} of made.all) {
      const path = this.pathOf(join("made_by", digest));
      if (signed.read(path) === undefined) signed.write(path, JSON.stringify(this.definitions.get(digest)));
    }
    signed.write(this.pathOf(name), JSON.stringify({made: made.all, digests: digests.all, reaches: reached.all, warnings: findings.all, carried: carries.all, entries: stored} satisfies StoredShard));
  }

  /** A hundred thousand of these are made at once, which `path.join` would take its time for. */
  private manifestOf(stage: Stage, day: string): string {
    return `${this.directory}/${stage}/dt=${day}/_manifest.json`;
  }

  private pathOf(name: string): string {
    return join(this.directory, ".summary", name);
  }
}

/** Values in the order in which they first came, each once. */
class Positions<T> {
  readonly all: T[] = [];
  private readonly known = new Map<string, number>();

  constructor(private readonly keyOf: (value: T) => string) {}

  of(value: T): number {
    const key = this.keyOf(value);
    let position = this.known.get(key);
    if (position === undefined) {
      position = this.all.push(value) - 1;
      this.known.set(key, position);
    }
    return position;
  }
}

export const renderFinding = ({check, found}: CheckFinding): string => `${check} (${found})`;

const shardName = (stage: Stage, day: string): string => `${stage}/${day.slice(0, 4)}`;

const identityOf = (stat: Stats | undefined): FileIdentity | undefined => stat && [stat.size, stat.ino, stat.mtimeMs, stat.ctimeMs];

const isSame = (a: FileIdentity, b: FileIdentity): boolean => a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];

function listYears(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).filter((name) => /^\d{4}$/.test(name)) : [];
}

/** A path through something that is no folder leads nowhere, as one through nothing does. */
function findStat(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw explainReadFailure(error, path);
  }
}
