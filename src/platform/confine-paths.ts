/** Paths that callers of a server name stay within the project and the folder of its datasets. */
import {resolve, sep} from "node:path";
import type {Project} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {isObjectStore} from "../sources/output-bucket.js";

/**
 * `..` is refused wherever it stands, because a glob such as `{a,..}/b` only goes up once it is expanded. Links inside of the
 * folders were put there by whoever owns them.
 * @throws DaedalusError `path-outside`
 */
export function confinePaths(params: Readonly<Record<string, unknown>>, keys: readonly string[], project: Project): void {
  const {outputRoot} = project.runtime;
  const roots = [project.root, resolve(project.root, outputRoot)];
  for (const key of keys) {
    const path = params[key];
    if (typeof path !== "string") continue;
    const absolute = resolve(project.root, path);
    // What the project may do in its own bucket, or elsewhere with its keys, is not for callers to use on other prefixes.
    const isInside = isObjectStore(path)
      ? path === outputRoot || path.startsWith(`${outputRoot.replace(/\/+$/, "")}/`)
      : roots.some((root) => absolute === root || absolute.startsWith(root.endsWith(sep) ? root : root + sep));
    if (!isInside || path.includes("..") || path.includes("\0")) throw DaedalusError.of("path-outside", {key, path: path.slice(0, 100)});
  }
}
