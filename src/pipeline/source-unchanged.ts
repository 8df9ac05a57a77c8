import {existsSync, statSync} from "node:fs";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import type {CheckedSource} from "./source-check.js";
import {listFiles, type ListedFile} from "./source-parts.js";
import {prepareSession} from "./source-session.js";

type Identity = Pick<ListedFile, "size" | "modifiedMs" | "inode">;

/** A source file that was replaced while it was read could mix two states of the world in one partition. Copies may keep size and time. */
export async function assertUnchanged(session: DuckDbSession, sources: Iterable<CheckedSource>, day: string): Promise<void> {
  for (const {view, source, files} of sources) {
    const listed = source.listing && (await listAgain(session, source, source.listing.sql));
    for (const file of files) {
      const found = listed ? listed.get(file.path) : statFile(file.path);
      if (found?.size === file.size && found.modifiedMs === file.modifiedMs && found.inode === file.inode) continue;
      throw DaedalusError.of("source-changed", {view: view.name, file: file.path, day}, {place: view.source.place});
    }
  }
}

async function listAgain(session: DuckDbSession, source: CheckedSource["source"], sql: string): Promise<ReadonlyMap<string, Identity>> {
  await prepareSession(session, [source]);
  return new Map((await listFiles(session, sql)).map((file) => [file.path, file]));
}

function statFile(path: string): Identity | undefined {
  if (!existsSync(path)) return undefined;
  const {size, mtimeMs, ino} = statSync(path);
  return {size, modifiedMs: mtimeMs, inode: ino};
}
