/** Where a call finds its project: flags over the operator's settings. */
import {loadProject, type ProjectOptions} from "../definitions/project.js";
import type {Project} from "../definitions/model.js";
import type {ProjectFlags} from "./flags.js";
import {readSettings, settingsPath, type Settings} from "./settings.js";
import type {Terminal} from "./terminal.js";

export interface MethodContext {
  readonly settings: Settings;
  readonly projectOptions: ProjectOptions;
  /** @throws ProblemsError with every problem of every file */
  loadProject(): Project;
}

/** The project in the folder where the command was called. */
export function openContext(flags: ProjectFlags, terminal: Terminal): MethodContext {
  const settings = readSettings(settingsPath(terminal.env));
  const projectOptions: ProjectOptions = {
    root: terminal.directory,
    runtimeConfigPath: flags.runtimeConfigPath,
    aggregationConfigPath: flags.aggregationConfigPath,
    featureViewsDir: flags.featureViewsDir ?? settings.values.feature_views_dir,
    featureServicesDir: flags.featureServicesDir ?? settings.values.feature_services_dir,
    overrides: flags.set,
    outputRootDefault: settings.values.output_root,
  };
  return {settings, projectOptions, loadProject: () => loadProject(projectOptions)};
}
