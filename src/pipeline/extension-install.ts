/**
 * DuckDB extensions on this machine: which are there, and how one gets there. An extension is looked for on disk, then asked of
 * DuckDB's own server, then taken from the Python wheel of the same version; a folder given by the user comes instead of both.
 * DuckDB checks the signature of whatever it loads, so each one is loaded before it is put in its place.
 */
import {execFile} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync} from "node:fs";
import {homedir, tmpdir} from "node:os";
import {basename, join, resolve} from "node:path";
import {promisify} from "node:util";
import {gunzipSync} from "node:zlib";
import {globSync} from "tinyglobby";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {extensionNames, extensions, renderInstall, renderLoad, wheelName, type ExtensionName} from "../sources/extensions.js";
import {reasonOf} from "./failure.js";
import {findZipEntry} from "./zip-entry.js";

export interface ExtensionOptions {
  /** `compute.duckdb_config`, whose `extension_directory` counts. */
  readonly config: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ExtensionState {
  readonly name: ExtensionName;
  readonly state: "built in" | "installed" | "missing";
  readonly path: string;
  readonly reads: string;
}

export interface InstalledExtension {
  readonly name: ExtensionName;
  /** Where it was found: `present` when it was there before. */
  readonly from: "present" | "duckdb" | "wheel" | "folder";
  readonly path: string;
}

const wheelTimeoutMs = 300_000;

/** The folder that holds the extensions of this DuckDB version and platform. */
export async function findExtensionFolder({config, environment}: ExtensionOptions): Promise<string> {
  const session = await DuckDbSession.open();
  try {
    const [row] = await session.rows("SELECT version() AS version, platform FROM pragma_platform()");
    const {version, platform} = row as {version: string; platform: string};
    const root = config.get("extension_directory") ?? join(environment["HOME"] ?? homedir(), ".duckdb", "extensions");
    return resolve(root, version, platform);
  } finally {
    session.close();
  }
}

export async function listExtensions(options: ExtensionOptions): Promise<readonly ExtensionState[]> {
  const folder = await findExtensionFolder(options);
  const session = await DuckDbSession.open();
  try {
    const builtIn = await session.rows("SELECT extension_name AS name FROM duckdb_extensions() WHERE install_mode = 'STATICALLY_LINKED'");
    const known = new Set(builtIn.map((row) => row["name"] as string));
    return extensionNames.map((name) => {
      const path = pathIn(folder, name);
      const state = known.has(extensions[name].file) ? "built in" : existsSync(path) ? "installed" : "missing";
      return {name, state, path: state === "installed" ? path : "", reads: extensions[name].reads};
    });
  } finally {
    session.close();
  }
}

/**
 * Asks no network for an extension that is there.
 * @throws DaedalusError `extension-missing` with what was tried and why it failed
 */
export async function installExtension(name: ExtensionName, options: ExtensionOptions & {readonly offlineFolder?: string | undefined}): Promise<InstalledExtension> {
  if (name === "iceberg") await installExtension("avro", options);
  const folder = await findExtensionFolder(options);
  const path = pathIn(folder, name);
  const root = resolve(folder, "..", "..");
  if ((await tryLoad(root, name)) === undefined) return {name, from: "present", path};
  mkdirSync(folder, {recursive: true});
  if (options.offlineFolder !== undefined) {
    const found = findOffline(name, options.offlineFolder, basename(resolve(folder, "..")));
    if (found === undefined) throw missing(name, `${options.offlineFolder} holds neither ${fileOf(name)} nor a wheel of ${wheelName(name)} for DuckDB ${versionOf(folder)}`);
    await place(found, {name, folder});
    return {name, from: "folder", path};
  }
  const refused = await tryInstall(root, name);
  if (refused === undefined) return {name, from: "duckdb", path};
  await place(await downloadWheel(name, versionOf(folder), options, refused), {name, folder});
  return {name, from: "wheel", path};
}

const fileOf = (name: ExtensionName): string => `${extensions[name].file}.duckdb_extension`;
const pathIn = (folder: string, name: ExtensionName): string => join(folder, fileOf(name));
/** `.../v1.5.5/linux_amd64` -> `1.5.5`. */
const versionOf = (folder: string): string => basename(resolve(folder, "..")).replace(/^v/, "");
const missing = (extension: ExtensionName, reason: string): DaedalusError => DaedalusError.of("extension-missing", {extension, reason});

/** Why it does not load; undefined when it does. */
async function tryLoad(root: string, name: ExtensionName): Promise<string | undefined> {
  const session = await DuckDbSession.open({config: new Map([["extension_directory", root], ["autoinstall_known_extensions", "false"]])});
  try {
    await session.run(renderLoad(name));
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    session.close();
  }
}

async function tryInstall(root: string, name: ExtensionName): Promise<string | undefined> {
  const session = await DuckDbSession.open({config: new Map([["extension_directory", root]])});
  try {
    await session.run(renderInstall(name));
    await session.run(renderLoad(name));
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    session.close();
  }
}

/** Loads the file beside those that are there already, and only then renames it into their folder. */
async function place(content: Buffer, {name, folder}: {readonly name: ExtensionName; readonly folder: string}): Promise<void> {
  const trial = mkdtempSync(join(resolve(folder, ".."), ".installing-"));
  try {
    const place = join(trial, basename(resolve(folder, "..")), basename(folder));
    mkdirSync(place, {recursive: true});
    for (const sibling of readdirSync(folder)) if (sibling !== fileOf(name)) symlinkSync(join(folder, sibling), join(place, sibling));
    writeFileSync(join(place, fileOf(name)), content);
    const refused = await tryLoad(trial, name);
    if (refused !== undefined) throw missing(name, `DuckDB does not load the file: ${refused}`);
    renameSync(join(place, fileOf(name)), pathIn(folder, name));
  } finally {
    rmSync(trial, {recursive: true, force: true});
  }
}

function findOffline(name: ExtensionName, offlineFolder: string, version: string): Buffer | undefined {
  const plain = globSync([`**/${fileOf(name)}`, `**/${fileOf(name)}.gz`], {cwd: offlineFolder, absolute: true});
  // A mirror of DuckDB's server holds several versions; a file that lies in the folder itself is meant whatever its path says.
  const [file] = plain.filter((path) => !/\/v\d+\.\d+\.\d+\//.test(path.slice(offlineFolder.length)) || path.includes(`/${version}/`)).sort();
  if (file !== undefined) return file.endsWith(".gz") ? gunzipSync(readFileSync(file)) : readFileSync(file);
  const stem = wheelName(name).replaceAll("-", "_");
  const [wheel] = globSync(`**/${stem}-${version.replace(/^v/, "")}-*.whl`, {cwd: offlineFolder, absolute: true}).sort();
  return wheel === undefined ? undefined : unpackWheel(wheel, name);
}

async function downloadWheel(name: ExtensionName, version: string, {environment}: ExtensionOptions, refused: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "daedalus-wheel-"));
  const python = environment["DAEDALUS_PYTHON"] ?? "python3";
  const wanted = `${wheelName(name)}==${version}`;
  try {
    await promisify(execFile)(python, ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, wanted], {timeout: wheelTimeoutMs});
    const [wheel] = readdirSync(folder).filter((file) => file.endsWith(".whl"));
    const content = wheel === undefined ? undefined : unpackWheel(join(folder, wheel), name);
    if (content === undefined) throw new Error(`the wheel ${wanted} holds no ${fileOf(name)}`);
    return content;
  } catch (error) {
    throw missing(name, `DuckDB's server: ${refused}; pip download ${wanted}: ${pipReason(error)}`);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** pip says what it could not do in the last line; a missing Python has no lines. */
function pipReason(error: unknown): string {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  return stderr === "" ? reasonOf(error) : stderr.split("\n").at(-1)!.trim();
}

function unpackWheel(path: string, name: ExtensionName): Buffer | undefined {
  return findZipEntry(readFileSync(path), (entry) => basename(entry) === fileOf(name));
}
