/** A project that is read once and again when a file of it changes, for processes that live long. */
import {readdirSync, statSync} from "node:fs";
import {join, resolve} from "node:path";
import {loadProject, type ProjectOptions} from "../../definitions/project.js";
import type {Project} from "../../definitions/model.js";

/** Files are not looked at more often than this: with many views that is work, too. */
const lookMs = 250;

export class ProjectCache {
  readonly #options: ProjectOptions;
  readonly #now: () => number;
  #identity: string | undefined;
  #lookedMs = -Infinity;
  #load: () => Project;
  #loads = 0;

  constructor(options: ProjectOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
    this.#load = () => loadProject(options);
  }

  /** How often the files were read. */
  get loads(): number {
    return this.#loads;
  }

  /** A change is seen within a quarter of a second. @throws ProblemsError, as often as it is asked until a file changes */
  load(): Project {
    const nowMs = this.#now();
    if (nowMs - this.#lookedMs >= lookMs) {
      this.#lookedMs = nowMs;
      const identity = identify(this.#options);
      if (identity !== this.#identity) {
        this.#identity = identity;
        this.#load = this.#read();
      }
    }
    return this.#load();
  }

  #read(): () => Project {
    this.#loads += 1;
    try {
      const project = loadProject(this.#options);
      return () => project;
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }
}

/** Every file that a project is read from, with its size and time. */
function identify({root, runtimeConfigPath, aggregationConfigPath, featureViewsDir, featureServicesDir}: ProjectOptions): string {
  const files = ["config/base.yaml", runtimeConfigPath ?? "config/training/runtime.yaml", aggregationConfigPath ?? "config/training/aggregations.yaml"];
  const folders = [featureViewsDir ?? "feature_views", featureServicesDir ?? "feature_services"].map((folder) => resolve(root, folder));
  const paths = [...files.map((file) => resolve(root, file)), ...folders.flatMap((folder) => listFiles(folder).map((name) => join(folder, name)))];
  return paths.map((path) => `${path} ${identifyFile(path)}`).join("\n");
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // Reading the project says what is wrong with the folder.
    return [];
  }
}

function identifyFile(path: string): string {
  try {
    const stat = statSync(path, {throwIfNoEntry: false});
    return stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : "absent";
  } catch {
    return "unreadable";
  }
}
