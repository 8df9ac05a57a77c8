import {Option, type Command} from "commander";
import {addDayFlags, addExample, addFormat, addGroup, addProjectFlags, collect, parseCount, type DayFlags, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";
import {addRunnerFlags, findRemoteRunner, type RunnerFlags} from "./runner-flags.js";

interface CompileOptions extends FormatOption, ProjectFlags {
  /** False with `--no-write`. */
  readonly write: boolean;
  readonly outputDir?: string;
}

interface PlanFlags extends FormatOption, ProjectFlags, DayFlags {
  readonly skeletonOnly?: true;
  readonly outputRoot?: string;
}

interface TrainFlags extends FormatOption, ProjectFlags, DayFlags, RunnerFlags {
  readonly dayWorkers?: number;
  readonly skeletonOnly?: true;
  readonly enrichOnly?: true;
  readonly outputRoot?: string;
  readonly engine?: string;
  readonly force?: true;
  readonly snapshot?: readonly string[];
}

const serviceArgument = ["[service]", "the service; default: default_service of the settings"] as const;

const allDays = "; default: feed_start to feed_end";

export function addPipelineCommands(program: Command, terminal: Terminal): void {
  const pipeline = addGroup(program, "pipeline", "from a service to its plan and its datasets");
  addExample(pipeline, "daeda pipeline train dssm_ranking");

  const compile = pipeline
    .command("compile")
    .description("write the plan of a service: the operators that its dataset is made by")
    .argument(...serviceArgument)
    .option("--no-write", "print the plan and write no file")
    .option("--output-dir <folder>", "instead of config/pipelines")
    .action(async (service: string | undefined, options: CompileOptions) => {
      const [{methods}, {openContext}] = await Promise.all([import("../methods.js"), import("../context.js")]);
      const params = {service, no_write: !options.write, output_dir: options.outputDir};
      const answer = methods["pipeline.compile"](params, openContext(options, terminal));
      if (options.format === "json") return terminal.answer(JSON.stringify(answer, null, 2));
      if (answer.path !== null) return terminal.answer(`wrote ${answer.path}`);
      const {stringify} = await import("yaml");
      terminal.answer(stringify(answer.plan, {lineWidth: 120}).trimEnd());
    });
  addFormat(compile);
  addProjectFlags(compile);
  addExample(compile, "daeda pipeline compile dssm_ranking", "daeda pipeline compile dssm_ranking --no-write --format json");

  const plan = pipeline
    .command("plan")
    .description("say which days and columns are missing or stale, and why; compute nothing")
    .argument(...serviceArgument)
    .option("--skeleton-only", "what a run without embeddings would do")
    .option("--output-root <folder>", "where datasets are written")
    .action(async (service: string | undefined, options: PlanFlags) => {
      const [{runPlan}, {renderServicePlan, servicePlanToData}, {openContext}] = await Promise.all([import("../plan-run.js"), import("../plan-report.js"), import("../context.js")]);
      const params = {service, target_date: options.targetDate, from_date: options.fromDate, to_date: options.toDate, skeleton_only: options.skeletonOnly, output_root: options.outputRoot};
      const answer = await runPlan(params, openContext(options, terminal));
      terminal.answer(options.format === "json" ? JSON.stringify(servicePlanToData(answer), null, 2) : renderServicePlan(answer, terminal.directory));
    });
  addDayFlags(plan, allDays);
  addFormat(plan);
  addProjectFlags(plan);
  addExample(plan, "daeda pipeline plan dssm_ranking");

  const status = pipeline
    .command("status")
    .description("show how the days of a service stand, as a calendar")
    .argument(...serviceArgument)
    .option("--skeleton-only", "look at skeletons alone")
    .option("--output-root <folder>", "where datasets are written")
    .action(async (service: string | undefined, options: PlanFlags) => {
      const [{runStatus}, {renderServiceStatus, serviceStatusToData}, {openContext}] = await Promise.all([import("../plan-run.js"), import("../status-report.js"), import("../context.js")]);
      const params = {service, skeleton_only: options.skeletonOnly, output_root: options.outputRoot};
      const answer = await runStatus(params, openContext(options, terminal));
      terminal.answer(options.format === "json" ? JSON.stringify(serviceStatusToData(answer), null, 2) : renderServiceStatus(answer, terminal.directory));
    });
  addFormat(status);
  addProjectFlags(status);
  addExample(status, "daeda pipeline status dssm_ranking");

  const train = pipeline
    .command("train")
    .description("write a partition for each day that is missing or stale")
    .argument(...serviceArgument)
    .option("--day-workers <count>", "days computed at the same time", parseCount)
    .addOption(new Option("--skeleton-only", "stop before the embeddings").conflicts("enrichOnly"))
    .option("--enrich-only", "add the embeddings to skeletons that are there")
    .option("--output-root <folder>", "where datasets are written")
    .option("--engine <name>", "the aggregation engine, over compute.engine")
    .option("--force", "redo days that are current")
    .option("--snapshot <view=number>", "the snapshot to read of a view's lake or table, where its YAML names none; may be repeated", collect)
    .action(async (service: string | undefined, options: TrainFlags) => {
      const request = {
        flags: options,
        service,
        targetDay: options.targetDate,
        dayRange: options.fromDate === undefined || options.toDate === undefined ? undefined : {firstDay: options.fromDate, lastDay: options.toDate},
        dayWorkers: options.dayWorkers,
        stages: options.skeletonOnly ? "skeleton" : options.enrichOnly ? "enrich" : "both",
        outputRoot: options.outputRoot,
        engine: options.engine,
        isForced: options.force === true,
        snapshots: options.snapshot,
      } as const;
      const runner = await findRemoteRunner(options, terminal);
      const running = runner
        ? import("../remote-train.js").then(({runTrainRemotely}) => runTrainRemotely(request, runner, terminal))
        : import("../train-run.js").then(({runTrain}) => runTrain(request, terminal));
      const [report, {renderReport, reportToData}] = await Promise.all([running, import("../train-report.js")]);
      terminal.answer(options.format === "json" ? JSON.stringify(reportToData(report), null, 2) : renderReport(report, terminal.directory));
    });
  addRunnerFlags(train);
  addDayFlags(train, allDays);
  addFormat(train);
  addProjectFlags(train);
  addExample(
    train,
    "daeda pipeline train dssm_ranking",
    "daeda pipeline train dssm_ranking --target-date 2026-04-15 --set compute.engine=polars",
    "daeda pipeline train dssm_ranking --runner ray --ray-address http://ray-head:8265 --ray-num-cpus 16 --ray-memory 64GiB",
  );
}
