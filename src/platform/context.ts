/** Where a call finds its project: flags over the operator's settings. */
import {userInfo} from "node:os";
import {loadProject, type ProjectOptions} from "../definitions/project.js";
import type {Project} from "../definitions/model.js";
import type {DaedalusError} from "../errors.js";
import type {Environment} from "../sources/environment.js";
import {paintProblem} from "./failure.js";
import type {ProjectFlags} from "./flags.js";
import {RunQueue} from "./runs/run-queue.js";
import {readSettings, settingsPath, type Settings} from "./settings.js";
import type {Terminal} from "./terminal.js";

export interface MethodContext {
  readonly settings: Settings;
  readonly projectOptions: ProjectOptions;
  /** What `${NAME}` in definitions stands for. */
  readonly environment: Environment;
  readonly runs: RunQueue;
  /** Given to the processes of runs, which read the same files. */
  readonly projectFlags: ProjectFlags;
  /** Who calls, as the records of runs name them. */
  readonly caller: string;
  /** Ends a call that takes long. */
  readonly signal: AbortSignal;
  /** What is said on the way to an answer. */
  readonly onWarning: (problem: DaedalusError) => void;
  /** @throws ProblemsError with every problem of every file */
  loadProject(): Project;
}

/** The project in the folder where the command was called. */
export function openContext(flags: ProjectFlags, terminal: Terminal, settings: Settings = readSettings(settingsPath(terminal.env))): MethodContext {
  const projectOptions: ProjectOptions = {
    root: terminal.directory,
    runtimeConfigPath: flags.runtimeConfigPath,
    aggregationConfigPath: flags.aggregationConfigPath,
    featureViewsDir: flags.featureViewsDir ?? settings.values.feature_views_dir,
    featureServicesDir: flags.featureServicesDir ?? settings.values.feature_services_dir,
    overrides: flags.set,
    outputRootDefault: settings.values.output_root,
  };
  return {
    settings,
    projectOptions,
    environment: terminal.env,
    runs: new RunQueue({directory: terminal.directory, environment: terminal.env}),
    projectFlags: {
      runtimeConfigPath: flags.runtimeConfigPath,
      aggregationConfigPath: flags.aggregationConfigPath,
      featureViewsDir: flags.featureViewsDir,
      featureServicesDir: flags.featureServicesDir,
      set: flags.set,
    },
    caller: userInfo().username,
    signal: new AbortController().signal,
    onWarning: (problem) => terminal.note(paintProblem(problem, terminal)),
    loadProject: () => loadProject(projectOptions),
  };
}
