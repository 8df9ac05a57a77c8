import type {Command} from "commander";
import {addExample, addFormat, addGroup, type FormatOption} from "../flags.js";
import type {Terminal} from "../terminal.js";

export function addConfigCommands(program: Command, terminal: Terminal): void {
  const config = addGroup(program, "config", "the operator's own defaults, outside any project");
  addExample(config, "daeda config show");

  const init = config
    .command("init")
    .description("write the settings file with every key at its default")
    .option("--force", "overwrite the file that is there")
    .action(async (options: {force?: true}) => {
      const {initSettings, settingsPath} = await import("../settings.js");
      const path = settingsPath(terminal.env);
      initSettings(path, {isForced: options.force === true});
      terminal.answer(`wrote ${path}`);
    });
  addExample(init, "daeda config init");

  const show = config
    .command("show")
    .description("print the effective settings")
    .action(async (options: FormatOption) => {
      const {readSettings, renderSettings, settingsPath} = await import("../settings.js");
      const settings = readSettings(settingsPath(terminal.env));
      terminal.answer(options.format === "json" ? JSON.stringify(settings.values, null, 2) : renderSettings(settings));
    });
  addFormat(show);
  addExample(show, "daeda config show --format json");

  const set = config
    .command("set")
    .description("change one key; comments and order of the file stay")
    .argument("<key>", "a key that `daeda config show` prints")
    .argument("<value>", "its new value")
    .action(async (key: string, value: string) => {
      const {setSetting, settingsPath} = await import("../settings.js");
      const path = settingsPath(terminal.env);
      setSetting(path, {key, value});
      terminal.answer(`${key} = ${JSON.stringify(value)} in ${path}`);
    });
  addExample(set, "daeda config set output_root /mnt/training");

  const path = config
    .command("path")
    .description("print where the settings file is")
    .action(async () => {
      const {settingsPath} = await import("../settings.js");
      terminal.answer(settingsPath(terminal.env));
    });
  addExample(path, "DAEDALUS_CONFIG=team.toml daeda config path");
}
