import type {Command} from "commander";
import {addExample, addFormat, addGroup, addProjectFlags, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

type Options = FormatOption & ProjectFlags;

export function addEmbeddingsCommands(program: Command, terminal: Terminal): void {
  const embeddings = addGroup(program, "embeddings", "the embedding stores of the project");
  addExample(embeddings, "daeda embeddings build artwork_embeddings");

  const build = embeddings
    .command("build")
    .description("build a store from its source_parquet; the old one stays until the new one is whole")
    .argument("<store>", "a store of embedding_stores")
    .action(async (name: string, options: Options) => {
      const {stores, project} = await open(options, terminal);
      const built = await stores.runBuildStore(project, name, terminal);
      if (options.format === "json") return terminal.answer(JSON.stringify(built, null, 2));
      const {formatCount, formatPath} = await import("../format.js");
      const size = `${formatCount(built.rows)} embeddings, ${(built.bytes / 1e6).toFixed(1)} MB`;
      terminal.answer(`${built.store}: ${size}\n${formatPath(built.path, terminal.directory)}`);
    });
  addFormat(build);
  addProjectFlags(build);
  addExample(build, "daeda embeddings build artwork_embeddings");

  const stats = embeddings
    .command("stats")
    .description("say what is in a store, and check it against its definition")
    .argument("<store>", "a store of embedding_stores")
    .action(async (name: string, options: Options) => {
      const {stores, project} = await open(options, terminal);
      const statistics = await stores.readStoreStatistics(project, name);
      if (options.format === "json") return terminal.answer(JSON.stringify(statistics, null, 2));
      const {stringify} = await import("yaml");
      terminal.answer(stringify(statistics).trimEnd());
    });
  addFormat(stats);
  addProjectFlags(stats);
  addExample(stats, "daeda embeddings stats artwork_embeddings --format json");
}

async function open(options: Options, terminal: Terminal) {
  const [stores, {openContext}] = await Promise.all([import("../stores.js"), import("../context.js")]);
  return {stores, project: openContext(options, terminal).loadProject()};
}
