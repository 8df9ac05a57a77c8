/**
 * What plans and calendars need of many manifests, repeated in few files: `.summary/<stage>/<month>` beside the partitions. A
 * cache and nothing else: an entry counts while its manifest is the file that it was read from, a file that is broken, edited or
 * of another version is as good as none, and when two processes write at once the entries of one are read anew.
 */
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync, type Stats} from "node:fs";
import {createHash} from "node:crypto";
import {dirname, join} from "node:path";
import {digestOf} from "../plan/digest.js";
import {inspectManifest, manifestFormat, publishedOf, type MadeBy, type Manifest, type Published} from "./manifest.js";
import type {Stage} from "./partition.js";
import {version} from "./version.js";

export interface PartitionSummary extends Published {
  readonly rows: number;
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

/** Size, inode, and times of change: whoever writes the manifest anew changes one of them. */
type FileIdentity = readonly [size: number, inode: number, modifiedMs: number, changedMs: number];

interface Entry {
  readonly file: FileIdentity;
  /** What the manifest says, or why it is not believed. */
  readonly published: PartitionSummary | string;
}

/** The partitions of one stage in one month. */
interface Shard {
  readonly entries: Map<string, Entry>;
  isChanged: boolean;
}

/** A shard on disk. Days share most of what is said of them, so that is written once: in `made`, `digests` and `.summary/made_by`. */
interface StoredShard {
  readonly made: readonly {readonly version: string; readonly made_by: string; readonly stores: Published["stores"]; readonly reaches: readonly string[]}[];
  readonly digests: readonly string[];
  readonly entries: readonly StoredEntry[];
}

type StoredEntry =
  | readonly [day: string, file: FileIdentity, reason: string]
  | readonly [day: string, file: FileIdentity, made: number, digests: readonly number[], writtenAt: string, skeletonWrittenAt: string | null, rows: number, bytes: number, warnings: readonly CheckFinding[]];

/** Part of every signature; the number is of the form of `StoredShard`. */
const format = `1 ${manifestFormat} ${version}`;

export class PartitionSummaries {
  private readonly shards = new Map<string, Shard>();
  /** Digest -> definitions: one object for all days, so that they are compared once. */
  private readonly definitions = new Map<string, MadeBy>();
  private readonly digests = new WeakMap<MadeBy, string>();

  constructor(
    /** `<output_root>/<service>`. */
    private readonly directory: string,
  ) {}

  /** Reads every month: for callers that will look at all days, while they wait for something else. */
  preload(): void {
    for (const stage of ["skeleton", "dataset"] as const) {
      const directory = this.pathOf(stage);
      if (!existsSync(directory)) continue;
      for (const month of readdirSync(directory)) if (/^\d{4}-\d\d$/.test(month)) this.shardOf(stage, month);
    }
  }

  /** What is published, or why nothing is: by the summary where it still holds, else by the manifest. */
  find(stage: Stage, day: string): PartitionSummary | string {
    const path = this.manifestOf(stage, day);
    const shard = this.shardOf(stage, day);
    const stat = findStat(path);
    if (!stat) {
      if (shard.entries.delete(day)) shard.isChanged = true;
      return "missing";
    }
    const known = shard.entries.get(day);
    if (known && isSame(known.file, stat)) return known.published;
    const published = this.summarize(inspectManifest(path), stage, day);
    // A manifest that was replaced while it was read is looked at again the next time.
    const after = findStat(path);
    if (after && isSame(identityOf(stat), after)) {
      shard.entries.set(day, {file: identityOf(stat), published});
      shard.isChanged = true;
    }
    return published;
  }

  /** Notes a partition that was just published, and writes its month. */
  note(stage: Stage, day: string): void {
    // Another process may have noted other days meanwhile.
    this.shards.delete(shardName(stage, day));
    this.find(stage, day);
    this.save();
  }

  /** Writes the months that were read anew. Who may not write there reads manifests the next time, too. */
  save(): void {
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
    return {...publishedOf(found), madeBy: this.share(digestOf(found.made_by), found.made_by), rows: found.rows, bytes, warnings};
  }

  private share(digest: string, madeBy: MadeBy): MadeBy {
    const known = this.definitions.get(digest);
    if (known) return known;
    this.definitions.set(digest, madeBy);
    this.digests.set(madeBy, digest);
    return madeBy;
  }

  private shardOf(stage: Stage, day: string): Shard {
    const name = shardName(stage, day);
    let shard = this.shards.get(name);
    if (!shard) {
      shard = {entries: this.load(name), isChanged: false};
      this.shards.set(name, shard);
    }
    return shard;
  }

  private load(name: string): Map<string, Entry> {
    const body = readSigned(this.pathOf(name));
    if (body === undefined) return new Map();
    // Signed with the same format: its form is known.
    const {made, digests, entries} = JSON.parse(body) as StoredShard;
    const definitions = made.map((group) => this.findDefinitions(group.made_by));
    const found = new Map<string, Entry>();
    for (const entry of entries) {
      const [day, file, group] = entry;
      if (typeof group === "string") {
        found.set(day, {file, published: group});
        continue;
      }
      const [, , , digestsOfDay, writtenAt, skeletonWrittenAt, rows, bytes, warnings] = entry as Exclude<StoredEntry, readonly [string, FileIdentity, string]>;
      const madeBy = definitions[group];
      if (!madeBy) continue;
      const {version, stores, reaches: names} = made[group]!;
      const reaches: Record<string, string> = {};
      for (let index = 0; index < names.length; index += 1) reaches[names[index]!] = digests[digestsOfDay[index]!]!;
      found.set(day, {file, published: {version, madeBy, reaches, stores, skeletonWrittenAt: skeletonWrittenAt ?? undefined, writtenAt, rows, bytes, warnings}});
    }
    return found;
  }

  private findDefinitions(digest: string): MadeBy | undefined {
    const known = this.definitions.get(digest);
    if (known) return known;
    const body = readSigned(this.pathOf(join("made_by", digest)));
    return body === undefined ? undefined : this.share(digest, JSON.parse(body) as MadeBy);
  }

  private write(name: string, {entries}: Shard): void {
    const made = new Positions<StoredShard["made"][number]>(JSON.stringify);
    const digests = new Positions<string>(String);
    const stored = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, {file, published}]): StoredEntry => {
      if (typeof published === "string") return [day, file, published];
      const {version, madeBy, reaches, stores, writtenAt, skeletonWrittenAt = null, rows, bytes, warnings} = published;
      const group = made.of({version, made_by: this.digests.get(madeBy)!, stores, reaches: Object.keys(reaches)});
      return [day, file, group, Object.values(reaches).map((digest) => digests.of(digest)), writtenAt, skeletonWrittenAt, rows, bytes, warnings];
    });
    for (const {made_by: digest} of made.all) {
      const path = this.pathOf(join("made_by", digest));
      if (readSigned(path) === undefined) writeSigned(path, JSON.stringify(this.definitions.get(digest)));
    }
    writeSigned(this.pathOf(name), JSON.stringify({made: made.all, digests: digests.all, entries: stored} satisfies StoredShard));
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

const shardName = (stage: Stage, day: string): string => `${stage}/${day.slice(0, 7)}`;

const identityOf = ({size, ino, mtimeMs, ctimeMs}: Stats): FileIdentity => [size, ino, mtimeMs, ctimeMs];

const isSame = (known: FileIdentity, stat: Stats): boolean => known[0] === stat.size && known[1] === stat.ino && known[2] === stat.mtimeMs && known[3] === stat.ctimeMs;

const sign = (body: string): string => createHash("sha256").update(`${format}\n${body}`).digest("hex");

/** The body of a file that is whole and of this version: its first line signs the rest. */
function readSigned(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const end = text.indexOf("\n");
  const body = text.slice(end + 1);
  return end > 0 && text.slice(0, end) === sign(body) ? body : undefined;
}

/** Two writers of one draft can mix their texts, which the signature then does not fit: as good as no summary. */
function writeSigned(path: string, body: string): void {
  mkdirSync(dirname(path), {recursive: true});
  const draft = `${path}.draft`;
  writeFileSync(draft, `${sign(body)}\n${body}`);
  renameSync(draft, path);
}

/** A path through something that is no folder leads nowhere, as one through nothing does. */
function findStat(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}
