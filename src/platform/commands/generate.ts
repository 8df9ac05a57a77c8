import {resolve} from "node:path";
import type {Command} from "commander";
import {addExample, addGroup, addProjectFlags, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface OutputFlags extends ProjectFlags {
  readonly output?: string;
}

export function addGenerateCommands(program: Command, terminal: Terminal): void {
  const generate = addGroup(program, "generate", "files that other programs read, made from the definitions");
  addExample(generate, "daeda generate dagster --output dagster.json");

  const dagster = generate
    .command("dagster")
    .description("the project's services, checks and views as JSON, from which daedalus_dagster makes Dagster's definitions")
    .option("--output <file>", "write to a file instead of stdout")
    .action(async (options: OutputFlags) => {
      const [{describeForDagster}, {openContext}, {writeAnswer}] = await Promise.all([import("../dagster-assets.js"), import("../context.js"), import("../answer-file.js")]);
      const described = describeForDagster(openContext(options, terminal).loadProject());
      const text = JSON.stringify(described, null, 2);
      terminal.answer(options.output === undefined ? text : `wrote ${writeAnswer(resolve(terminal.directory, options.output), text)}`);
    });
  addProjectFlags(dagster);
  addExample(dagster, "daeda generate dagster", "daeda generate dagster --output dagster.json");
}
