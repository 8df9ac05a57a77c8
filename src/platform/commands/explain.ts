import type {Command} from "commander";
import {addExample, addFormat, addGroup, addProjectFlags, collect, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface ExplainFlags extends FormatOption, ProjectFlags {
  readonly key?: readonly string[];
  readonly at: string;
  readonly column?: readonly string[];
  readonly outputRoot?: string;
}

export function addExplainCommands(program: Command, terminal: Terminal): void {
  const explain = addGroup(program, "explain", "why a dataset is what it is");
  addExample(explain, "daeda explain row dssm_ranking --key user_id=5 --key artwork_id=7 --at 2026-03-02T12:00:00");

  const row = explain
    .command("row")
    .description("say of one row where each value comes from, and which history rows were left out by which rule")
    .argument("[service]", "the service; default: default_service of the settings")
    .option("--key <column=value>", "a key of the spine, or another of its columns to tell rows apart; NULL for no value; may be repeated", collect)
    .requiredOption("--at <instant>", "the instant of the row, UTC where no zone is given")
    .option("--column <name>", "this column only; may be repeated", collect)
    .option("--output-root <folder>", "where the datasets are, to compare with")
    .action(async (name: string | undefined, options: ExplainFlags) => {
      const [{explainRow}, {openContext}, {getService}, {explanationToData, renderExplanation}, {runStoppable}] = await Promise.all([
        import("../../pipeline/explain.js"),
        import("../context.js"),
        import("../catalog.js"),
        import("../explain-report.js"),
        import("../signals.js"),
      ]);
      const context = openContext(options, terminal);
      const project = context.loadProject();
      const service = getService(project, name, context.settings);
      const wanted = {project, service, keys: options.key ?? [], at: options.at, columns: options.column, outputRoot: options.outputRoot};
      const explanation = await runStoppable(terminal, (signal) => explainRow(wanted, {signal, environment: terminal.env}));
      terminal.answer(options.format === "json" ? JSON.stringify(explanationToData(explanation), null, 2) : renderExplanation(explanation, project.root));
    });
  addFormat(row);
  addProjectFlags(row);
  addExample(
    row,
    "daeda explain row dssm_ranking --key user_id=5 --key artwork_id=7 --at 2026-03-02T12:00:00.000001",
    "daeda explain row dssm_ranking --key user_id=5 --key artwork_id=7 --at 2026-03-02T12:00:00Z --column aes_score --format json",
  );
}
