import {Option, type Command} from "commander";
import {addExample, addFormat, addGroup, addProjectFlags, parseCount, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

type Options = FormatOption & ProjectFlags;

export function addEmbeddingsCommands(program: Command, terminal: Terminal): void {
  const embeddings = addGroup(program, "embeddings", "the embedding stores of the project");
  addExample(embeddings, "daeda embeddings build artwork_embeddings");

  const build = embeddings
    .command("build")
    .description("build a store from its source_parquet; the old one stays until the new one is whole")
    .argument("<store>", "a store of embedding_stores")
    .option("--append", "keep what the store has, and add the rows whose ids it does not have")
    .action(async (name: string, options: Options & {readonly append?: boolean}) => {
      const {stores, project} = await open(options, terminal);
      const built = await stores.runBuildStore(project, name, terminal, {isAppend: options.append === true});
      if (options.format === "json") return terminal.answer(JSON.stringify(built, null, 2));
      const {formatCount, formatPath} = await import("../format.js");
      const size = `${formatCount(built.rows)} embeddings, ${(built.bytes / 1e6).toFixed(1)} MB`;
      const notes = [
        ...(options.append === true ? [`${formatCount(built.rows_added)} added`] : []),
        ...(built.rows_known > 0 ? [`${formatCount(built.rows_known)} rows with known ids passed over`] : []),
        ...(built.rows_replaced > 0 ? [`${formatCount(built.rows_replaced)} older rows passed over`] : []),
        ...(built.rows_resumed > 0 ? [`${formatCount(built.rows_resumed)} of a build that was killed`] : []),
      ];
      terminal.answer(`${[`${built.store}: ${size}`, ...notes].join("; ")}\n${formatPath(built.path, terminal.directory)}`);
    });
  addFormat(build);
  addProjectFlags(build);
  addExample(build, "daeda embeddings build artwork_embeddings");

  const stats = embeddings
    .command("stats")
    .description("say what is in a store, and check it against its definition")
    .argument("[store]", "a store of embedding_stores; default: the only one")
    .action(async (name: string | undefined, options: Options) => {
      const {stores, project} = await open(options, terminal);
      await answer(await stores.readStoreStatistics(project, name), options, terminal);
    });
  addFormat(stats);
  addProjectFlags(stats);
  addExample(stats, "daeda embeddings stats artwork_embeddings --format json");

  const compact = embeddings
    .command("compact")
    .description("rewrite a store in few pieces, with new indexes and without older versions")
    .argument("[store]", "a store of embedding_stores; default: the only one")
    .action(async (name: string | undefined, options: Options) => {
      const {stores, project} = await open(options, terminal);
      await answer(await stores.runCompactStore(project, name), options, terminal);
    });
  addFormat(compact);
  addProjectFlags(compact);
  addExample(compact, "daeda embeddings compact artwork_embeddings");

  const get = embeddings
    .command("get")
    .description("print the vector of an id")
    .argument("<id>", "an id of the store")
    .option("--store <store>", "a store of embedding_stores; default: the only one")
    .action(async (id: string, options: Options & StoreOption) => {
      const {stores, project} = await open(options, terminal);
      const found = await stores.readVector(project, options.store, id);
      if (options.format === "json") return terminal.answer(JSON.stringify(found, null, 2));
      terminal.answer(`${found.store} ${found.id}, norm ${found.norm}\n[${found.vector.join(", ")}]`);
    });
  addFormat(get);
  addProjectFlags(get);
  addExample(get, "daeda embeddings get 4711 --store artwork_embeddings");

  const nearest = embeddings
    .command("nearest")
    .description("print the ids whose vectors are nearest to that of an id")
    .argument("<id>", "an id of the store")
    .option("-k, --count <count>", "how many", parseCount, 10)
    .addOption(new Option("--metric <metric>", "how near is measured; default: the store's vector_index, else cosine").choices(["cosine", "l2", "dot"]))
    .option("--exact", "compare with every vector, also where there is a vector index")
    .option("--store <store>", "a store of embedding_stores; default: the only one")
    .action(async (id: string, options: Options & StoreOption & {readonly count: number; readonly metric?: "cosine" | "l2" | "dot"; readonly exact?: boolean}) => {
      const {stores, project} = await open(options, terminal);
      const found = await stores.findNearestVectors(project, options.store, {id, count: options.count, metric: options.metric, isExact: options.exact === true});
      if (options.format === "json") return terminal.answer(JSON.stringify(found, null, 2));
      const how = found.indexed ? "by the vector index" : "of all vectors";
      terminal.answer([`${found.store} ${found.id}: nearest by ${found.metric}, ${how}`, ...found.nearest.map((other) => `${other.id}  ${other.distance}`)].join("\n"));
    });
  addFormat(nearest);
  addProjectFlags(nearest);
  addExample(nearest, "daeda embeddings nearest 4711 -k 10 --store artwork_embeddings");
}

interface StoreOption {
  readonly store?: string;
}

async function answer(facts: unknown, {format}: Options, terminal: Terminal): Promise<void> {
  if (format === "json") return terminal.answer(JSON.stringify(facts, null, 2));
  const {stringify} = await import("yaml");
  terminal.answer(stringify(facts).trimEnd());
}

async function open(options: Options, terminal: Terminal) {
  const [stores, {openContext}] = await Promise.all([import("../stores.js"), import("../context.js")]);
  return {stores, project: openContext(options, terminal).loadProject()};
}
