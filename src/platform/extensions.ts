import type {Project} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError} from "../errors.js";
import {extensionNames, type ExtensionName} from "../sources/extensions.js";
import {extensionsOf} from "../sources/source-kind.js";

const isExtensionName = (name: string): name is ExtensionName => (extensionNames as readonly string[]).includes(name);

/** The extensions named, or those that the views of the project need. */
export function getExtensionNames(names: readonly string[], project: Project | undefined): readonly ExtensionName[] {
  const known: ExtensionName[] = [];
  for (const name of names) {
    if (!isExtensionName(name)) {
      const hint = `daeda knows ${extensionNames.join(", ")}`;
      throw DaedalusError.of("reference-unknown", {what: "extension", name, nearest: findNearest(name, extensionNames), hint});
    }
    known.push(name);
  }
  if (known.length > 0) return known;
  const views = [...(project?.views.values() ?? [])];
  return [...new Set(views.flatMap((view) => extensionsOf(view, view.source.path ?? view.source.databasePath ?? "")))].sort();
}
