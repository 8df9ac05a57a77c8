import {InvalidArgumentError, Option, type Command} from "commander";
import {addExample, addFormat, addGroup, addProjectFlags, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface PartitionFlags extends FormatOption, ProjectFlags {
  readonly stage?: "skeleton" | "dataset";
  readonly outputRoot?: string;
}

interface ListFlags extends PartitionFlags {
  readonly limit?: number;
  readonly cursor?: string;
}

const stageOption = (): Option => new Option("--stage <stage>", "which partition of a day; default: dataset").choices(["skeleton", "dataset"]);
const outputRootOption = ["--output-root <folder>", "where datasets are written"] as const;

export function addPartitionsCommands(program: Command, terminal: Terminal): void {
  const partitions = addGroup(program, "partitions", "what is published of a service, as manifests say it");
  addExample(partitions, "daeda partitions list dssm_ranking");

  const list = partitions
    .command("list")
    .description("the published days, newest first")
    .argument("[service]", "the service; default: default_service of the settings")
    .addOption(stageOption())
    .option(...outputRootOption)
    .option("--limit <count>", "how many; default: 1000", parseLimit)
    .option("--cursor <day>", "go on behind this day")
    .action(async (service: string | undefined, {stage, outputRoot, limit, cursor, ...options}: ListFlags) => {
      const {methods, openContext} = await loadModules();
      const answer = await methods["partitions.list"]({service, stage, output_root: outputRoot, limit, cursor}, openContext(options, terminal));
      terminal.answer(options.format === "json" ? JSON.stringify(answer, null, 2) : (await import("../asset-report.js")).renderPartitions(answer, terminal.directory));
    });
  addFormat(list);
  addProjectFlags(list);
  addExample(list, "daeda partitions list dssm_ranking --limit 10");

  const show = partitions
    .command("show")
    .description("the manifest of one published day")
    .argument("<service>", "the service")
    .argument("<day>", "YYYY-MM-DD")
    .addOption(stageOption())
    .option(...outputRootOption)
    .action(async (service: string, day: string, {stage, outputRoot, ...options}: PartitionFlags) => {
      const {methods, openContext} = await loadModules();
      const answer = await methods["partitions.show"]({service, day, stage, output_root: outputRoot}, openContext(options, terminal));
      terminal.answer(options.format === "json" ? JSON.stringify(answer, null, 2) : (await import("yaml")).stringify(answer, {lineWidth: 0}).trimEnd());
    });
  addFormat(show);
  addProjectFlags(show);
  addExample(show, "daeda partitions show dssm_ranking 2026-04-15");
}

async function loadModules() {
  const [{methods}, {openContext}] = await Promise.all([import("../methods.js"), import("../context.js")]);
  return {methods, openContext};
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > 1000) throw new InvalidArgumentError("It must be a whole number from 1 to 1000.");
  return Number(text);
}
