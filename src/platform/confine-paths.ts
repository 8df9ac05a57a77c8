/** Paths that callers of a server name stay within the project and the folder of its datasets. */
import {resolve, sep} from "node:path";
import type {Project} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";

/**
 * `..` is refused wherever it stands, because a glob such as `{a,..}/b` only goes up once it is expanded. Links inside of the
 * folders were put there by whoever owns them.
 * @throws DaedalusError `path-outside`
 */
export function confinePaths(params: Readonly<Record<string, unknown>>, keys: readonly string[], project: Project): void {
  const roots = [project.root, resolve(project.root, project.runtime.outputRoot)];
  for (const key of keys) {
    const path = params[key];
    if (typeof path !== "string") continue;
    const absolute = resolve(project.root, path);
    const isInside = roots.some((root) => absolute === root || absolute.startsWith(root.endsWith(sep) ? root : root + sep));
    if (!isInside || path.includes("..") || path.includes("\0")) throw DaedalusError.of("path-outside", {key, path: path.slice(0, 100)});
  }
}
