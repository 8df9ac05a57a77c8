/**
 * The partitions of a service in a bucket. An object cannot be renamed, so files of a partition have names of their own each time it
 * is made, and the manifest, which is written last, says which of them count: whoever goes by it sees all of the old or all of the
 * new. Manifests are kept in a local folder as well, each read again only when the bucket has another one.
 */
import {createHash, randomUUID} from "node:crypto";
import {mkdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import type {ObjectClient, StoredObject} from "../sources/object-client.js";
import type {Source} from "../sources/source.js";
import {acquireBucketLock} from "./bucket-lock.js";
import type {DayLock} from "./lock.js";
import {readManifest, type Manifest} from "./manifest.js";
import type {Stage} from "./partition.js";

const manifestName = "_manifest.json";
/** Other keys are not ours, and what they name must not become a path of this machine. */
const manifestPattern = /^(?:skeleton|dataset)\/dt=\d{4}-\d{2}-\d{2}\/_manifest\.json$/;
const readersMax = 16;

/** What sessions need to read the bucket in place. */
export type BucketAccess = Pick<Source, "extensions" | "setup" | "secrets">;

export interface BucketOptions {
  readonly client: ObjectClient;
  readonly access: BucketAccess;
  /** Of the service's keys, with `/` at its end. */
  readonly prefix: string;
  /** The same as URL without `/` at its end, as users name it. */
  readonly location: string;
  /** Where manifests are kept. */
  readonly folder: string;
}

interface Upload {
  readonly stage: Stage;
  readonly day: string;
  /** Local path and name in the bucket of each file. */
  readonly files: readonly {readonly path: string; readonly name: string}[];
  readonly manifestText: string;
  readonly signal: AbortSignal | undefined;
}

export class BucketPartitions {
  readonly location: string;
  readonly access: BucketAccess;
  /** Keys below the prefix. */
  private readonly manifests = new Set<string>();

  private constructor(private readonly options: BucketOptions) {
    this.location = options.location;
    this.access = options.access;
  }

  /** Lists the bucket, and reads the manifests that are new. */
  static async open(options: BucketOptions): Promise<BucketPartitions> {
    const bucket = new BucketPartitions(options);
    await Promise.all((["skeleton", "dataset"] as const).map((stage) => bucket.look(`${stage}/`)));
    return bucket;
  }

  has(stage: Stage, day: string): boolean {
    return this.manifests.has(keyOf(stage, day));
  }

  days(stage: Stage): readonly string[] {
    return [...this.manifests].flatMap((key) => (key.startsWith(`${stage}/dt=`) ? [key.slice(stage.length + 4, -manifestName.length - 1)] : []));
  }

  urlOf(stage: Stage, day: string): string {
    return `${this.location}/${stage}/dt=${day}`;
  }

  /** Takes the day's lock, and looks at what is published of the day by then. */
  async lock(day: string, what: string): Promise<DayLock> {
    const name = `.locks/dt=${day}.lock`;
    const lock = await acquireBucketLock(this.options.client, `${this.options.prefix}${name}`, {what, path: `${this.location}/${name}`});
    try {
      for (const stage of ["skeleton", "dataset"] as const) {
        this.manifests.delete(keyOf(stage, day));
        await this.look(`${stage}/dt=${day}/`);
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /** The caller holds the day's lock. */
  async publish({stage, day, files, manifestText, signal}: Upload): Promise<void> {
    const {client, prefix, folder: kept} = this.options;
    const folder = `${prefix}${stage}/dt=${day}/`;
    const manifestKey = `${folder}${manifestName}`;
    const removeAll = (keys: readonly string[]): Promise<unknown> => Promise.all(keys.map((key) => client.remove(key)));
    const present = (await client.list(folder)).flatMap(({key}) => (key === manifestKey ? [] : [key]));
    const published = this.has(stage, day) ? readManifest(join(kept, keyOf(stage, day))) : undefined;
    const named = new Set(published?.files.map(({name}) => `${folder}${name}`));
    // What runs left that were killed before their manifest.
    await removeAll(present.filter((key) => !named.has(key)));
    const uploaded: string[] = [];
    try {
      for (const {path, name} of files) {
        uploaded.push(`${folder}${name}`);
        await client.upload(`${folder}${name}`, path, signal);
      }
      signal?.throwIfAborted();
    } catch (error) {
      await removeAll(uploaded).catch(() => undefined);
      throw error;
    }
    // Not to be broken off: whether it was written could not be said then, and its files have to stay.
    await client.write(manifestKey, manifestText);
    await removeAll(present.filter((key) => named.has(key)));
    await this.keep({key: manifestKey, etag: ""});
  }

  /** Brings files that the manifest names into a folder of this machine. */
  async download(stage: Stage, day: string, names: readonly string[], directory: string, signal?: AbortSignal): Promise<void> {
    mkdirSync(directory, {recursive: true});
    for (const name of names) await this.options.client.download(`${this.options.prefix}${stage}/dt=${day}/${name}`, join(directory, name), signal);
  }

  /** Whether the files of a partition are there as they were written. */
  async areWhole({stage, day, files}: Manifest): Promise<boolean> {
    const folder = `${this.options.prefix}${stage}/dt=${day}/`;
    const sizes = new Map((await this.options.client.list(folder)).map(({key, bytes}) => [key, bytes]));
    return files.every(({name, bytes}) => sizes.get(`${folder}${name}`) === bytes);
  }

  private async look(below: string): Promise<void> {
    const {client, prefix} = this.options;
    const waiting = (await client.list(`${prefix}${below}`)).filter(({key}) => manifestPattern.test(key.slice(prefix.length)));
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) await this.keep(next);
    };
    await Promise.all(Array.from({length: readersMax}, work));
  }

  private async keep({key, etag}: Pick<StoredObject, "key" | "etag">): Promise<void> {
    const {client, prefix, folder} = this.options;
    const name = key.slice(prefix.length);
    const path = join(folder, name);
    if (findKept(path) !== etag) {
      const found = await client.read(key);
      if (!found) return;
      mkdirSync(dirname(path), {recursive: true});
      replaceFile(path, found.text);
      replaceFile(`${path}.etag`, `${found.etag} ${digestOf(found.text)}`);
    }
    this.manifests.add(name);
  }
}

const keyOf = (stage: Stage, day: string): string => `${stage}/dt=${day}/${manifestName}`;

/** The etag of the manifest that is kept, if that is what was read with it: two runs may have written here at one time. */
function findKept(path: string): string | undefined {
  try {
    const [etag, digest] = readFileSync(`${path}.etag`, "utf8").split(" ");
    return digest === digestOf(readFileSync(path, "utf8")) ? etag : undefined;
  } catch {
    return undefined;
  }
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

function replaceFile(path: string, text: string): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
