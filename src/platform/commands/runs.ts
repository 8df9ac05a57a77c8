import {InvalidArgumentError, Option, type Command} from "commander";
import {addDayFlags, addExample, addFormat, addGroup, addProjectFlags, collect, type DayFlags, type FormatOption, type ProjectFlags} from "../flags.js";
import {runnerNames, runStatuses} from "../runs/run-names.js";
import {exitCodes, type Terminal} from "../terminal.js";

interface StartFlags extends FormatOption, ProjectFlags, DayFlags {
  readonly runner: (typeof runnerNames)[number];
  readonly runnerOption?: readonly string[];
  readonly skeletonOnly?: true;
  readonly outputRoot?: string;
  readonly engine?: string;
  readonly force?: true;
  readonly idempotencyKey?: string;
  readonly wait?: true;
}

interface ListFlags extends FormatOption {
  readonly service?: string;
  readonly status?: (typeof runStatuses)[number];
  readonly limit: number;
  readonly cursor?: string;
}

interface LogsFlags extends FormatOption {
  readonly tail?: number;
  readonly follow?: true;
}

const runArgument = ["<run>", "the run's id"] as const;

export function addRunsCommands(program: Command, terminal: Terminal): void {
  const runs = addGroup(program, "runs", "training runs in the background: they outlive this terminal");
  addExample(runs, "daeda runs start dssm_ranking --target-date 2026-04-15", "daeda runs list");
  const toJson = (answer: object): string => JSON.stringify(answer, null, 2);

  const start = runs
    .command("start")
    .description("put a run into the queue")
    .argument("[service]", "the service; default: default_service of the settings")
    .addOption(new Option("--runner <name>", "who does the work").choices(runnerNames).default("local"))
    .option("--runner-option <key=value>", "what the runner needs besides; may be repeated", collect)
    .option("--skeleton-only", "stop before the embeddings")
    .option("--output-root <folder>", "where datasets are written")
    .option("--engine <name>", "the aggregation engine, over compute.engine")
    .option("--force", "redo days that are current")
    .option("--idempotency-key <key>", "called again with the same key, it answers with the same run")
    .option("--wait", "follow the run to its end, and exit as it does")
    .action(async (service: string | undefined, options: StartFlags) => {
      const [{methods, openContext}, {getEngineName}] = await Promise.all([loadModules(), import("../../pipeline/aggregation-engines.js")]);
      const {targetDate, fromDate, toDate} = options;
      if (targetDate === undefined && fromDate === undefined) start.error("error: name a day with --target-date, or days with --from-date and --to-date");
      const context = openContext(options, terminal);
      const started = await methods["runs.materialize_partition"](
        {
          service,
          partition: targetDate,
          range: fromDate === undefined || toDate === undefined ? undefined : {first: fromDate, last: toDate},
          force: options.force,
          skeleton_only: options.skeletonOnly,
          output_root: options.outputRoot,
          engine: options.engine === undefined ? undefined : getEngineName(options.engine),
          runner: options.runner,
          runner_options: Object.fromEntries((options.runnerOption ?? []).map(splitOption)),
          idempotency_key: options.idempotencyKey,
        },
        context,
      );
      if (options.wait) {
        const {followLog} = await import("../runs/follow-log.js");
        for await (const line of followLog(context.runs, started.run_id, context.signal)) terminal.note(line.text);
        const {status, error} = await context.runs.look(started.run_id);
        if (status !== "succeeded") terminal.exitCode = error?.code === "checks-failed" ? exitCodes.checkFailed : exitCodes.expectedError;
        return terminal.answer(options.format === "json" ? toJson({run_id: started.run_id, status}) : `${started.run_id} ${status}`);
      }
      terminal.answer(options.format === "json" ? toJson(started) : `${started.run_id} ${started.status}`);
    });
  addDayFlags(start, "");
  addFormat(start);
  addProjectFlags(start);
  addExample(start, "daeda runs start dssm_ranking --target-date 2026-04-15", "daeda runs start dssm_ranking --from-date 2026-04-01 --to-date 2026-04-30 --wait");

  const list = runs
    .command("list")
    .description("the runs, newest first")
    .option("--service <name>", "runs of this service only")
    .addOption(new Option("--status <status>", "runs with this status only").choices(runStatuses))
    .option("--limit <count>", "how many", parseLines, 50)
    .option("--cursor <run>", "go on behind this run")
    .action(async ({service, status, limit, cursor, format}: ListFlags) => {
      const {methods, openContext} = await loadModules();
      const answer = await methods["runs.list"]({service, status, limit, cursor}, openContext({}, terminal));
      terminal.answer(format === "json" ? toJson(answer) : (await import("../run-report.js")).renderRuns(answer));
    });
  addFormat(list);
  addExample(list, "daeda runs list --status failed");

  const show = runs
    .command("show")
    .description("everything that is known of one run")
    .argument(...runArgument)
    .action(async (run_id: string, {format}: FormatOption) => {
      const {methods, openContext} = await loadModules();
      const answer = await methods["runs.get"]({run_id}, openContext({}, terminal));
      terminal.answer(format === "json" ? toJson(answer) : (await import("yaml")).stringify(answer, {lineWidth: 0}).trimEnd());
    });
  addFormat(show);
  addExample(show, "daeda runs show 20260415T061044123Z-9f3c01ab");

  const logs = runs
    .command("logs")
    .description("what a run has said; as JSON, a line for each line")
    .argument(...runArgument)
    .option("--tail <count>", "its last lines only", parseLines)
    .option("--follow", "go on until the run ends")
    .action(async (run_id: string, {tail, follow, format}: LogsFlags) => {
      const [{openContext}, {followLog}, {renderLogLine}] = await Promise.all([import("../context.js"), import("../runs/follow-log.js"), import("../run-report.js")]);
      const {runs: queue, signal} = openContext({}, terminal);
      for await (const line of followLog(queue, run_id, signal, {tail, isFollowing: follow === true})) terminal.answer(format === "json" ? JSON.stringify(line) : renderLogLine(line));
    });
  addFormat(logs);
  addExample(logs, "daeda runs logs 20260415T061044123Z-9f3c01ab --follow");

  const cancel = runs
    .command("cancel")
    .description("end a run at its next clean point; finished days stay")
    .argument(...runArgument)
    .action(async (run_id: string, {format}: FormatOption) => {
      const {methods, openContext} = await loadModules();
      const answer = await methods["runs.cancel"]({run_id}, openContext({}, terminal));
      const text = answer.status === "cancelled" ? `${run_id} cancelled` : `${run_id} will end at its next clean point`;
      terminal.answer(format === "json" ? toJson(answer) : text);
    });
  addFormat(cancel);
  addExample(cancel, "daeda runs cancel 20260415T061044123Z-9f3c01ab");

  const keep = runs
    .command("keep", {hidden: true})
    .description("the process of a run; the queue starts it")
    .argument(...runArgument)
    .action(async (run_id: string) => {
      const [{openContext}, {keepRun}, {runStoppable}] = await Promise.all([import("../context.js"), import("../runs/keep-run.js"), import("../signals.js")]);
      const {runs: queue} = openContext({}, terminal);
      await runStoppable(terminal, (signal) => keepRun(queue, run_id, {environment: terminal.env, directory: terminal.directory, signal}));
    });
  addExample(keep, "daeda runs keep 20260415T061044123Z-9f3c01ab");
}

async function loadModules() {
  const [{methods}, {openContext}] = await Promise.all([import("../methods.js"), import("../context.js")]);
  return {methods, openContext};
}

function splitOption(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError(`"${text}" is not written key=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function parseLines(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 1 to 9999.");
  return Number(text);
}
