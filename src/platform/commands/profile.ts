import {resolve} from "node:path";
import {Option, type Command} from "commander";
import {addExample, addFormat, addProjectFlags, collect, type FormatOption, type ProjectFlags} from "../flags.js";
import type {ProfileOptions} from "../../pipeline/profile.js";
import type {Terminal} from "../terminal.js";

interface ProfileFlags extends FormatOption, ProjectFlags {
  readonly day?: string;
  readonly stage: "dataset" | "skeleton";
  readonly outputRoot?: string;
  readonly column?: readonly string[];
}

export function addProfileCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("profile")
    .description("print what is in a partition: types, NULLs, quartiles, frequent values and histograms of its columns")
    .argument("<partition...>", "a partition's folder or parquet files; with --day, a service")
    .option("--day <day>", "this published day of the service, YYYY-MM-DD")
    .addOption(new Option("--stage <stage>", "which partition of the day").choices(["dataset", "skeleton"]).default("dataset"))
    .option("--output-root <folder>", "where datasets are, over output_root")
    .option("--column <column>", "only this column, at length; may be repeated", collect)
    .action(async (names: readonly string[], options: ProfileFlags) => {
      const [{profile}, {findProfiledFiles}, {profileToData, renderProfile}, {runStoppable}] = await Promise.all([
        import("../../pipeline/profile.js"),
        import("../../pipeline/profile-input.js"),
        import("../profile-report.js"),
        import("../signals.js"),
      ]);
      if (options.day !== undefined && names.length > 1) command.error("error: --day takes one service");
      const {files, ...access} =
        options.day === undefined ? {files: findProfiledFiles(names.map((name) => resolve(terminal.directory, name)))} : await openDay(names[0]!, options.day, options, terminal);
      const found = await runStoppable(terminal, (signal) => profile(files, {...access, ...(options.column && {columns: options.column}), signal}));
      if (options.format === "json") return terminal.answer(JSON.stringify(profileToData(found), null, 2));
      const what = options.day === undefined ? names.join(", ") : `${names[0]!} ${options.day}`;
      const style = terminal.env["TERM"] === "dumb" ? "ascii" : "blocks";
      terminal.answer(renderProfile(found, {what, isDetailed: options.column !== undefined, style}));
    });
  addFormat(command);
  addProjectFlags(command);
  addExample(
    command,
    "daeda profile data/training_output/dssm_ranking/dataset/dt=2026-04-15",
    "daeda profile dssm_ranking --day 2026-04-15 --column aes_score",
    "daeda profile exports/*.parquet --format json",
  );
}

async function openDay(name: string, day: string, options: ProfileFlags, terminal: Terminal): Promise<{readonly files: readonly string[]} & ProfileOptions> {
  const [{openContext}, {getService}, {findPublishedFiles}, {openPartitions}, {parseDay}, {DaedalusError}] = await Promise.all([
    import("../context.js"),
    import("../catalog.js"),
    import("../../pipeline/profile-input.js"),
    import("../../pipeline/open-partitions.js"),
    import("../../pipeline/day.js"),
    import("../../errors.js"),
  ]);
  if (parseDay(day) === undefined) throw DaedalusError.of("day-wrong", {day});
  const context = openContext(options, terminal);
  const project = context.loadProject();
  const service = getService(project, name, context.settings);
  const partitions = await openPartitions(project, service, options.outputRoot, terminal.env);
  const files = findPublishedFiles(partitions, {service: service.name, stage: options.stage, day});
  return {files, config: project.runtime.compute.duckdbConfig, prepare: (session) => partitions.prepare(session)};
}
