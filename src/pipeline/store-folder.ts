/**
 * Where a store is made: in a folder beside its place, which takes that place with two renames. The folder says what it is made from,
 * so that a build that was killed goes on where it was as long as that is still the same.
 */
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import type {EmbeddingStore} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {retiredPath, settleStore, storePath} from "../sources/embedding-store.js";
import {explainWriteFailure} from "./failure.js";
import {linkOrCopy} from "./link-or-copy.js";
import {acquireLock, type Lock} from "./lock.js";

export interface StoreFolder {
  /** The store's place. */
  readonly path: string;
  readonly folder: string;
  /** The table in the folder. */
  readonly table: string;
}

/** Name of the table, without `.lance`. */
export const buildTable = "store";
const noteName = "made-from.json";

/** One writer at a time. What `work` leaves in the folder is removed, unless the process is killed. */
export async function inStoreFolder<T>(store: EmbeddingStore, root: string, work: (folder: StoreFolder) => Promise<T>): Promise<T> {
  const path = storePath(store, root);
  const lock = lockStore(store, path);
  const folder = `${path}.building`;
  try {
    settleStore(path);
    checkReplaceable(store, path);
    return await work({path, folder, table: join(folder, `${buildTable}.lance`)});
  } finally {
    rmSync(folder, {recursive: true, force: true});
    lock.release();
  }
}

function lockStore(store: EmbeddingStore, path: string): Lock {
  try {
    return acquireLock(`${path}.lock`, `embedding store "${store.name}"`);
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
}

/** Empties the folder, unless a killed build left it half done from the same; whether it did. */
export function claimFolder({folder, table}: StoreFolder, madeFrom: string): boolean {
  const note = join(folder, noteName);
  if (existsSync(table) && existsSync(note) && readFileSync(note, "utf8") === madeFrom) return true;
  try {
    rmSync(folder, {recursive: true, force: true});
    mkdirSync(folder, {recursive: true});
    writeFileSync(note, madeFrom);
  } catch (error) {
    throw explainWriteFailure(error, folder);
  }
  return false;
}

/** The store's table in the folder, as links to the same files: Lance never changes a file that it has written. */
export function linkTable({path, table}: StoreFolder): void {
  for (const entry of readdirSync(path, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const to = join(table, from.slice(path.length));
    mkdirSync(dirname(to), {recursive: true});
    linkOrCopy(from, to);
  }
}

/** What is replaced is deleted: nothing but a Lance table or an empty folder may be. */
function checkReplaceable(store: EmbeddingStore, path: string): void {
  if (!existsSync(path) || existsSync(join(path, "_versions"))) return;
  if (statSync(path).isDirectory() && readdirSync(path).length === 0) return;
  throw DaedalusError.of("folder-foreign", {path, what: "a Lance table"}, {place: store.place});
}

export function replaceStore({path, table}: StoreFolder): void {
  const retired = retiredPath(path);
  rmSync(retired, {recursive: true, force: true});
  if (existsSync(path)) renameSync(path, retired);
  renameSync(table, path);
  rmSync(retired, {recursive: true, force: true});
}

export function folderBytes(folder: string): number {
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
