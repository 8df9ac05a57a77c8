/** What methods are called with, for a project in a folder; runs are started by the built command line. */
import {loadProject, type ProjectOptions} from "../../src/definitions/project.js";
import type {MethodContext} from "../../src/platform/context.js";
import {RunQueue, type RunQueueOptions} from "../../src/platform/runs/run-queue.js";
import {readSettings, settingsPath} from "../../src/platform/settings.js";
import {daedaPath} from "./run-daeda.js";

export interface ContextOptions extends Pick<RunQueueOptions, "limits">, Pick<ProjectOptions, "overrides"> {
  readonly onWarning?: MethodContext["onWarning"];
}

export function makeContext(root: string, {limits, overrides, onWarning = () => undefined}: ContextOptions = {}): MethodContext {
  const environment = {PATH: process.env["PATH"] ?? "", HOME: root, NO_COLOR: "1"};
  const projectOptions: ProjectOptions = {root, overrides};
  return {
    settings: readSettings(settingsPath({HOME: root})),
    projectOptions,
    environment,
    runs: new RunQueue({directory: root, environment, limits, cliPath: daedaPath}),
    projectFlags: {},
    caller: "tester",
    signal: new AbortController().signal,
    onWarning,
    loadProject: () => loadProject(projectOptions),
  };
}
