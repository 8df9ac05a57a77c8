/**
 * The operator's own defaults: a small TOML file outside any project. It holds no secrets and decides nothing that a flag
 * or the project's YAML says.
 */
import {chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync} from "node:fs";
import {homedir} from "node:os";
import {dirname, join, resolve} from "node:path";
// Pinned exactly: positions come from its syntax tree, which its authors call internal.
import {parse, TomlDocument} from "@decimalturn/toml-patch";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError, Problems, type Place} from "../errors.js";

export const settingDefaults = {
  dagster_graphql_url: "http://localhost:3000/graphql",
  api_url: "http://localhost:8000",
  feature_views_dir: "feature_views",
  feature_services_dir: "feature_services",
  default_service: "dssm_ranking",
  output_root: "data/training_output",
} as const;

export type SettingKey = keyof typeof settingDefaults;

export interface Settings {
  /** The file they were read from, or would have been. */
  readonly path: string;
  readonly isFilePresent: boolean;
  readonly values: Readonly<Record<SettingKey, string>>;
  /** The keys that the file sets; all others have their defaults. */
  readonly keysFromFile: ReadonlySet<SettingKey>;
}

const settingKeys = Object.keys(settingDefaults) as SettingKey[];
const isSettingKey = (key: string): key is SettingKey => Object.hasOwn(settingDefaults, key);
const isUrlKey = (key: SettingKey): boolean => key.endsWith("_url");

/** `$DAEDALUS_CONFIG`, else `~/.daedalus/config.toml`. */
export function settingsPath(env: NodeJS.ProcessEnv): string {
  if (env["DAEDALUS_CONFIG"]) return resolve(env["DAEDALUS_CONFIG"]);
  return join(env["HOME"] ?? homedir(), ".daedalus", "config.toml");
}

/** The effective settings: the file's values over the defaults. A file that is not there is as good as an empty one. */
export function readSettings(path: string): Settings {
  const text = readText(path);
  const fromFile = text === undefined ? {} : parseSettings(text, path);
  return {
    path,
    isFilePresent: text !== undefined,
    values: {...settingDefaults, ...fromFile},
    keysFromFile: new Set(Object.keys(fromFile) as SettingKey[]),
  };
}

/** The checked values of a settings file; all problems of the file are thrown together. */
export function parseSettings(text: string, file: string): Partial<Record<SettingKey, string>> {
  const document = parseToml(text, file);
  const lines = text.split(/\r?\n/);
  const problems = new Problems();
  const values: Partial<Record<SettingKey, string>> = {};
  for (const block of document.cst) {
    if (!("key" in block)) continue;
    const key = "item" in block.key ? block.key.item : block.key;
    const name = key.value.join(".");
    const {line, column} = key.loc.start;
    const place: Place = {file, line, column: column + 1, length: key.raw.length, text: lines[line - 1] ?? ""};
    if (!isSettingKey(name)) {
      problems.add("key-unknown", {key: name, nearest: findNearest(name, settingKeys), allowed: settingKeys}, place);
      continue;
    }
    const value: unknown = "value" in block && "value" in block.value ? block.value.value : undefined;
    const wrong = describeWrongValue(name, value);
    if (wrong) problems.add("value-wrong", wrong, place);
    else values[name] = value as string;
  }
  problems.throwIfErrors();
  return values;
}

/** Writes the file with every key at its default. */
export function initSettings(path: string, options: {readonly isForced: boolean}): void {
  if (existsSync(path) && !options.isForced) {
    throw DaedalusError.of("file-exists", {path, what: "the settings file", hint: "use --force to overwrite it"});
  }
  const lines = settingKeys.map((key) => `${key} = ${JSON.stringify(settingDefaults[key])}`);
  replaceFile(path, `# Defaults of the daeda command line. No secrets belong here.\n${lines.join("\n")}\n`);
}

/** Changes one key and leaves comments, order and everything else as they are; a broken file is not touched. */
export function setSetting(path: string, entry: {readonly key: string; readonly value: string}): void {
  const {key, value} = entry;
  if (!isSettingKey(key)) {
    throw DaedalusError.of("key-unknown", {key, nearest: findNearest(key, settingKeys), allowed: settingKeys});
  }
  const wrong = describeWrongValue(key, value);
  if (wrong) throw DaedalusError.of("value-wrong", wrong);
  const text = readText(path) ?? "";
  const values = parseSettings(text, path);
  const document = parseToml(text, path);
  document.patch({...values, [key]: value});
  replaceFile(path, document.toTomlString);
}

/** TOML that says the same as the settings, with a comment on where each value comes from. */
export function renderSettings(settings: Settings): string {
  const rows = settingKeys.map((key) => ({
    text: `${key} = ${JSON.stringify(settings.values[key])}`,
    origin: settings.keysFromFile.has(key) ? "file" : "default",
  }));
  const width = Math.max(...rows.map((row) => row.text.length));
  const head = settings.isFilePresent ? `# ${settings.path}` : `# ${settings.path} does not exist: these are the defaults`;
  return [head, ...rows.map((row) => `${row.text.padEnd(width)}  # ${row.origin}`)].join("\n");
}

function describeWrongValue(key: SettingKey, value: unknown): {key: string; expected: string; found: string} | undefined {
  if (typeof value !== "string") return {key, expected: "a text in quotes", found: value === undefined ? "a table" : typeof value};
  if (value.trim() === "") return {key, expected: "a text", found: "an empty one"};
  if (isUrlKey(key) && !(URL.canParse(value) && /^https?:$/.test(new URL(value).protocol))) {
    return {key, expected: "an http or https address", found: `"${value}"`};
  }
  return undefined;
}

function parseToml(text: string, file: string): TomlDocument {
  try {
    // The document alone does not see that a key is there twice.
    parse(text);
    return new TomlDocument(text);
  } catch (error) {
    throw DaedalusError.of("toml-broken", describeTomlError(error), {place: findTomlPlace(error, {text, file}), cause: error});
  }
}

/** The library's message has the place and an excerpt before the reason, which stands in its last line. */
function describeTomlError(error: unknown): {reason: string} {
  const reason = error instanceof Error ? (error.message.split("\n").at(-1) ?? "") : String(error);
  return {reason: reason.charAt(0).toLowerCase() + reason.slice(1)};
}

function findTomlPlace(error: unknown, source: {readonly text: string; readonly file: string}): Place | undefined {
  if (!(error instanceof Error && "line" in error && "column" in error)) return undefined;
  if (typeof error.line !== "number" || typeof error.column !== "number") return undefined;
  const text = source.text.split(/\r?\n/)[error.line - 1] ?? "";
  return {file: source.file, line: error.line, column: error.column + 1, length: 1, text};
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return undefined;
    throw DaedalusError.of("file-unreadable", {path, reason: code ?? String(error)}, {cause: error});
  }
}

/** Through a temporary name, so that a reader sees the old file or the new one; its mode stays, and a link stays a link. */
function replaceFile(path: string, text: string): void {
  const isPresent = existsSync(path);
  const targetPath = isPresent ? realpathSync(path) : path;
  const temporaryPath = `${targetPath}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(temporaryPath, text);
    if (isPresent) chmodSync(temporaryPath, statSync(targetPath).mode);
    renameSync(temporaryPath, targetPath);
  } catch (error) {
    rmSync(temporaryPath, {force: true});
    throw DaedalusError.of("file-unwritable", {path, reason: (error as NodeJS.ErrnoException).code ?? String(error)}, {cause: error});
  }
}
