import {resolve} from "node:path";
import {Option, type Command} from "commander";
import {addExample, addGroup, addProjectFlags, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface OutputFlags extends ProjectFlags {
  readonly output?: string;
}

interface TypesFlags extends OutputFlags {
  readonly language: "ts" | "python";
}

export function addGenerateCommands(program: Command, terminal: Terminal): void {
  const generate = addGroup(program, "generate", "files that other programs read, made from the definitions");
  addExample(generate, "daeda generate types dssm_ranking --output rows.ts", "daeda generate dagster --output dagster.json");

  const give = async (output: string | undefined, text: string): Promise<void> => {
    if (output === undefined) return terminal.answer(text.trimEnd());
    const {writeAnswer} = await import("../answer-file.js");
    terminal.answer(`wrote ${writeAnswer(resolve(terminal.directory, output), text)}`);
  };

  const types = generate
    .command("types")
    .description("the rows of a service as a TypeScript interface or a Python dataclass")
    .argument("[service]", "the service; default: default_service of the settings")
    .addOption(new Option("--language <language>", "which").choices(["ts", "python"]).default("ts"))
    .option("--output <file>", "write to a file instead of stdout")
    .action(async (name: string | undefined, options: TypesFlags) => {
      const [{renderRowTypes}, {getService}, {openContext}] = await Promise.all([import("../row-types.js"), import("../catalog.js"), import("../context.js")]);
      const context = openContext(options, terminal);
      const project = context.loadProject();
      await give(options.output, renderRowTypes(project, getService(project, name, context.settings), options.language));
    });
  addProjectFlags(types);
  addExample(types, "daeda generate types dssm_ranking --output rows.ts", "daeda generate types dssm_ranking --language python");

  const dagster = generate
    .command("dagster")
    .description("the project's services, checks and views as JSON, from which daedalus_dagster makes Dagster's definitions")
    .option("--output <file>", "write to a file instead of stdout")
    .action(async (options: OutputFlags) => {
      const [{describeForDagster}, {openContext}] = await Promise.all([import("../dagster-assets.js"), import("../context.js")]);
      const described = describeForDagster(openContext(options, terminal).loadProject());
      await give(options.output, JSON.stringify(described, null, 2));
    });
  addProjectFlags(dagster);
  addExample(dagster, "daeda generate dagster", "daeda generate dagster --output dagster.json");
}
