/** A project's own embedding functions, loaded from its TypeScript or JavaScript modules. */
import {existsSync} from "node:fs";
import {resolve} from "node:path";
import type {Udf} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError} from "../errors.js";
import type {UserEmbeddingFunction} from "./embedding-functions.js";
import {reasonOf} from "./failure.js";

/** Checks that a module exports a function under the udf's name, and says where the module is. */
export async function checkUserFunction(udf: Udf, root: string): Promise<string> {
  const path = resolve(root, udf.module);
  if (!existsSync(path)) throw DaedalusError.of("file-missing", {path, what: `module of udf "${udf.name}"`}, {place: udf.place});
  const module = await importModule(udf, path);
  if (typeof module[udf.name] === "function") return path;
  const names = Object.keys(module).filter((name) => typeof module[name] === "function");
  throw DaedalusError.of("udf-missing", {udf: udf.name, path, nearest: findNearest(udf.name, names), exported: names}, {place: udf.place});
}

/** The function of a module that was checked. */
export async function loadExported({udf, modulePath}: {readonly udf: string; readonly modulePath: string}): Promise<UserEmbeddingFunction> {
  return (await importTypeScript(modulePath))[udf] as UserEmbeddingFunction;
}

async function importModule(udf: Udf, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await importTypeScript(path);
  } catch (error) {
    throw DaedalusError.of("udf-broken", {udf: udf.name, path, reason: reasonOf(error)}, {place: udf.place, cause: error});
  }
}

/** Node 20 cannot read TypeScript; jiti does, together with the TypeScript that the module imports, and reads JavaScript too. */
async function importTypeScript(path: string): Promise<Readonly<Record<string, unknown>>> {
  const {createJiti} = await import("jiti");
  return await createJiti(import.meta.url, {fsCache: false}).import<Record<string, unknown>>(path);
}
