/** Extensions for tests: fetched once for this machine, kept in the user's cache folder, and asked for again by no test. */
import {mkdirSync, symlinkSync} from "node:fs";
import {homedir} from "node:os";
import {join} from "node:path";
import {installExtension} from "../../src/pipeline/extension-install.js";
import type {ExtensionName} from "../../src/sources/extensions.js";

export const extensionDirectory = process.env["DAEDALUS_TEST_EXTENSIONS"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "daedalus-test", "extensions");

/** `compute.duckdb_config` that finds them. Signatures are left to the tests of `extension-install`: to check one costs a tenth of a second in each session. */
export const extensionConfig: ReadonlyMap<string, string> = new Map([["extension_directory", extensionDirectory], ["allow_unsigned_extensions", "true"]]);
/** The same as lines of YAML below `duckdb_config`, with which the runtime of a shop ends. */
export const extensionLines = [...extensionConfig].map(([key, value]) => `    ${key}: "${value}"\n`).join("");

/** Why one of them cannot be had here; undefined when all can. */
export async function findMissingExtension(...names: readonly ExtensionName[]): Promise<string | undefined> {
  for (const name of names) {
    try {
      await installExtension(name, {config: new Map([["extension_directory", extensionDirectory]]), environment: process.env});
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return undefined;
}

/** Lets a process whose home is this folder find the extensions where DuckDB looks for them. */
export function linkExtensions(home: string): void {
  mkdirSync(join(home, ".duckdb"), {recursive: true});
  symlinkSync(extensionDirectory, join(home, ".duckdb", "extensions"));
}
