import {existsSync} from "node:fs";
import {join, resolve} from "node:path";
import type {Command} from "commander";
import {addExample, addFormat, addGroup, addProjectFlags, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

type Options = FormatOption & ProjectFlags & {readonly offline?: string};

export function addExtensionsCommands(program: Command, terminal: Terminal): void {
  const group = addGroup(program, "extensions", "the DuckDB extensions that sources are read with");
  addExample(group, "daeda extensions install postgres httpfs");

  const list = group
    .command("list")
    .description("say which are there")
    .action(async (options: Options) => {
      const {listExtensions} = await import("../../pipeline/extension-install.js");
      const found = await listExtensions(await readOptions(options, terminal));
      if (options.format === "json") return terminal.answer(JSON.stringify({extensions: found}, null, 2));
      const {renderTable} = await import("../table.js");
      terminal.answer(renderTable(["name", "state", "reads", "path"], found));
    });
  addFormat(list);
  addProjectFlags(list);
  addExample(list, "daeda extensions list");

  const install = group
    .command("install")
    .description("put extensions where DuckDB looks for them: from DuckDB's server, from Python wheels, or from a folder")
    .argument("[name...]", "the extensions; without any, those that the project's views need")
    .option("--offline <folder>", "take the files or wheels from this folder and ask no network")
    .action(async (names: readonly string[], options: Options) => {
      const {installExtension} = await import("../../pipeline/extension-install.js");
      const {getExtensionNames} = await import("../extensions.js");
      const offlineFolder = options.offline === undefined ? undefined : resolve(terminal.directory, options.offline);
      const project = await findProject(options, terminal);
      const extensionOptions = await readOptions(options, terminal);
      const installed = [];
      for (const name of getExtensionNames(names, project)) {
        const done = await installExtension(name, {...extensionOptions, offlineFolder});
        if (options.format === "text") terminal.answer(`${name}: ${done.from === "present" ? "is there" : `installed from ${words[done.from]}`}`);
        installed.push(done);
      }
      if (options.format === "json") terminal.answer(JSON.stringify({installed}, null, 2));
    });
  addFormat(install);
  addProjectFlags(install);
  addExample(install, "daeda extensions install", "daeda extensions install postgres httpfs --offline /media/usb/duckdb");

  const path = group
    .command("path")
    .description("print the folder where DuckDB looks for them")
    .action(async (options: ProjectFlags) => {
      const {findExtensionFolder} = await import("../../pipeline/extension-install.js");
      terminal.answer(await findExtensionFolder(await readOptions(options, terminal)));
    });
  addProjectFlags(path);
  addExample(path, "daeda extensions path");
}

const words = {duckdb: "DuckDB's server", wheel: "a Python wheel", folder: "the folder"} as const;

/** Extensions belong to a machine: a folder without a project will do, and DuckDB's own place is then meant. */
async function findProject(options: Options, terminal: Terminal) {
  const {openContext} = await import("../context.js");
  const path = options.runtimeConfigPath ?? join("config", "training", "runtime.yaml");
  return existsSync(resolve(terminal.directory, path)) ? openContext(options, terminal).loadProject() : undefined;
}

async function readOptions(options: ProjectFlags, terminal: Terminal) {
  const project = await findProject(options as Options, terminal);
  return {config: project?.runtime.compute.duckdbConfig ?? new Map<string, string>(), environment: terminal.env};
}
