import {resolve} from "node:path";
import type {Command} from "commander";
import {addExample, addFormat, addProjectFlags, parseCount, type FormatOption, type ProjectFlags} from "../flags.js";
import {exitCodes, type Terminal} from "../terminal.js";

export function addProjectCommands(program: Command, terminal: Terminal): void {
  const init = program
    .command("init")
    .description("write a new project: a view, a service, a configuration, and schemas for editors")
    .argument("[directory]", "where", ".")
    .option("--force", "overwrite files that are there")
    .action(async (directory: string, options: {force?: true}) => {
      const [{initProject}, {templateService}] = await Promise.all([import("../init.js"), import("../project-template.js")]);
      const {written, kept} = initProject(resolve(terminal.directory, directory), {isForced: options.force === true});
      for (const path of written) terminal.answer(`wrote ${path}`);
      for (const path of kept) terminal.answer(`kept ${path} (--force overwrites it)`);
      const enter = directory === "." ? "" : `cd ${directory} && `;
      terminal.answer(
        `\nNext: put events as parquet files below data/events (user_id, item_id, event_timestamp, event), then\n  ${enter}daeda lint\n  daeda pipeline train ${templateService}`,
      );
    });
  addExample(init, "daeda init my-project");

  const demo = program
    .command("demo")
    .description("make an example project with generated data, and train it")
    .argument("[directory]", "an empty or new folder, or that of an earlier demo", "daedalus-demo")
    .option("--days <count>", "days of events to generate", parseCount, 60)
    .action(async (directory: string, options: {days: number}) => {
      const {runDemo} = await import("../demo.js");
      terminal.answer(await runDemo({directory, days: options.days}, terminal));
    });
  addExample(demo, "daeda demo", "daeda demo /tmp/small --days 7");

  const lint = program
    .command("lint")
    .description("check every definition; all problems of all files at once")
    .action(async (options: FormatOption & ProjectFlags) => {
      const [{lintProject}, {openContext}, {problemToData}, {renderProblem}, {formatNumber}] = await Promise.all([
        import("../lint.js"),
        import("../context.js"),
        import("../failure.js"),
        import("../../errors.js"),
        import("../format.js"),
      ]);
      const {problems, ...counts} = await lintProject(openContext(options, terminal).projectOptions);
      if (counts.errors > 0) terminal.exitCode = exitCodes.expectedError;
      if (options.format === "json") return terminal.answer(JSON.stringify({...counts, problems: problems.map(problemToData)}, null, 2));
      for (const problem of problems) terminal.answer(renderProblem(problem));
      const {errors, warnings, views, services} = counts;
      const read = views === null || services === null ? "" : ` in ${formatNumber(views, "view")} and ${formatNumber(services, "service")}`;
      terminal.answer(`${formatNumber(errors, "error")}, ${formatNumber(warnings, "warning")}${read}`);
    });
  addFormat(lint);
  addProjectFlags(lint);
  addExample(lint, "daeda lint", "daeda lint --format json");

  const schema = program
    .command("schema")
    .description("write a JSON Schema for each kind of YAML file")
    .option("--output-dir <folder>", "where; default: .daedalus/schemas")
    .action(async (options: FormatOption & {outputDir?: string}) => {
      const {schemaDirectory, writeSchemas} = await import("../init.js");
      const files = writeSchemas(resolve(terminal.directory, options.outputDir ?? schemaDirectory));
      terminal.answer(options.format === "json" ? JSON.stringify({files}, null, 2) : files.map((file) => `wrote ${file}`).join("\n"));
    });
  addFormat(schema);
  addExample(schema, "daeda schema --output-dir schemas");
}
