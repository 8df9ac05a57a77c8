/** A project's own embedding functions, loaded from its TypeScript or JavaScript modules. */
import {existsSync} from "node:fs";
import {resolve} from "node:path";
import type {Udf} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError} from "../errors.js";
import type {UserEmbeddingFunction} from "./embedding-functions.js";
import {reasonOf} from "./failure.js";

/** The function that a module exports under the udf's name. */
export async function loadUserFunction(udf: Udf, root: string): Promise<UserEmbeddingFunction> {
  const path = resolve(root, udf.module);
  if (!existsSync(path)) throw DaedalusError.of("file-missing", {path, what: `module of udf "${udf.name}"`}, {place: udf.place});
  const module = await importModule(udf, path);
  const exported = module[udf.name];
  if (typeof exported === "function") return exported as UserEmbeddingFunction;
  const names = Object.keys(module).filter((name) => typeof module[name] === "function");
  throw DaedalusError.of("udf-missing", {udf: udf.name, path, nearest: findNearest(udf.name, names), exported: names}, {place: udf.place});
}

async function importModule(udf: Udf, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    // Node 20 cannot read TypeScript; jiti does, together with the TypeScript that the module imports, and reads JavaScript too.
    const {createJiti} = await import("jiti");
    return await createJiti(import.meta.url, {fsCache: false}).import<Record<string, unknown>>(path);
  } catch (error) {
    throw DaedalusError.of("udf-broken", {udf: udf.name, path, reason: reasonOf(error)}, {place: udf.place, cause: error});
  }
}
