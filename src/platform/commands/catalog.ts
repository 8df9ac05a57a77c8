import type {Command} from "commander";
import {addExample, addFormat, addGroup, addProjectFlags, collect, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";
import {addInferCommand} from "./views-infer.js";

type Options = FormatOption & ProjectFlags;

export function addCatalogCommands(program: Command, terminal: Terminal): void {
  const views = addGroup(program, "views", "the feature views of the project");
  addExample(views, "daeda views list");

  const listViews = views
    .command("list")
    .description("name every view, with its source")
    .action(async (options: Options) => {
      const {methods, openContext, renderTable} = await loadModules();
      const answer = methods["catalog.list_views"]({}, openContext(options, terminal));
      const columns = ["name", "entity", "join", "fields", "source", "description"] as const;
      terminal.answer(options.format === "json" ? toJson(answer) : renderTable(columns, answer.views));
    });
  addFormat(listViews);
  addProjectFlags(listViews);
  addExample(listViews, "daeda views list --format json");

  const showView = views
    .command("show")
    .description("print everything one view says, defaults filled in")
    .argument("<name>", "the view")
    .action(async (name: string, options: Options) => {
      const {methods, openContext, renderYaml} = await loadModules();
      const answer = methods["catalog.show_view"]({name}, openContext(options, terminal));
      terminal.answer(options.format === "json" ? toJson(answer) : renderYaml(answer));
    });
  addFormat(showView);
  addProjectFlags(showView);
  addExample(showView, "daeda views show feed_events");

  addInferCommand(views, terminal);

  const services = addGroup(program, "services", "the feature services of the project");
  addExample(services, "daeda services list");

  const listServices = services
    .command("list")
    .description("name every service, with its spine")
    .action(async (options: Options) => {
      const {methods, openContext, renderTable} = await loadModules();
      const answer = methods["service.list"]({}, openContext(options, terminal));
      const columns = ["name", "version", "spine", "columns", "owner", "description"] as const;
      terminal.answer(options.format === "json" ? toJson(answer) : renderTable(columns, answer.services));
    });
  addFormat(listServices);
  addProjectFlags(listServices);
  addExample(listServices, "daeda services list --format json");

  const showService = services
    .command("show")
    .description("print the column contract of one service")
    .argument("[name]", "the service; default: default_service of the settings")
    .action(async (name: string | undefined, options: Options) => {
      const {methods, openContext, renderYaml} = await loadModules();
      const answer = methods["service.show"]({name}, openContext(options, terminal));
      terminal.answer(options.format === "json" ? toJson(answer) : renderYaml(answer));
    });
  addFormat(showService);
  addProjectFlags(showService);
  addExample(showService, "daeda services show dssm_ranking");

  const lineage = services
    .command("lineage")
    .description("say which columns of views, and which embedding stores, each column is made from")
    .argument("[name]", "the service; default: default_service of the settings")
    .option("--column <name>", "this column only; may be repeated", collect)
    .action(async (service: string | undefined, options: Options & {column?: readonly string[]}) => {
      const {methods, openContext} = await loadModules();
      const answer = await methods["assets.lineage"]({service, columns: options.column}, openContext(options, terminal));
      terminal.answer(options.format === "json" ? toJson(answer) : (await import("../asset-report.js")).renderLineage(answer));
    });
  addFormat(lineage);
  addProjectFlags(lineage);
  addExample(lineage, "daeda services lineage dssm_ranking --column like_artwork_ids_7d");
}

async function loadModules() {
  const [{methods}, {openContext}, {renderTable}, {stringify}] = await Promise.all([
    import("../methods.js"),
    import("../context.js"),
    import("../table.js"),
    import("yaml"),
  ]);
  return {methods, openContext, renderTable, renderYaml: (answer: object) => stringify(answer, {lineWidth: 0}).trimEnd()};
}

function toJson(answer: object): string {
  return JSON.stringify(answer, null, 2);
}
