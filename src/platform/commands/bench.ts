import type {Command} from "commander";
import {addExample, addFormat, addProjectFlags, parseCount, type FormatOption, type ProjectFlags} from "../flags.js";
import {exitCodes, type Terminal} from "../terminal.js";

interface BenchFlags extends FormatOption, ProjectFlags {
  readonly targetDate?: string;
  readonly repeats: number;
}

export function addBenchCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("bench")
    .description("make one day of a service with each aggregation engine, and say which one suits it")
    .argument("[service]", "default: the settings' default_service")
    .option("--target-date <day>", "the day, YYYY-MM-DD; default: the newest with events")
    .option("--repeats <count>", "how often each engine makes it; the fastest counts", parseCount, 3)
    .action(async (name: string | undefined, options: BenchFlags) => {
      const [{openService}, {getService}, {openContext}, {benchEngines, findSuited}, {formatBytes, formatDuration}, {runStoppable}, {renderTable}] = await Promise.all([
        import("../../pipeline/open-service.js"),
        import("../catalog.js"),
        import("../context.js"),
        import("../engine-bench.js"),
        import("../format.js"),
        import("../signals.js"),
        import("../table.js"),
      ]);
      const context = openContext(options, terminal);
      const project = context.loadProject();
      const service = getService(project, name, context.settings);
      const {days} = await openService({project, service, stages: "skeleton", targetDay: options.targetDate}, {environment: terminal.env, onEvent: () => undefined});
      const day = days.at(-1)!;
      const {repeats} = options;
      const figures = await runStoppable(terminal, (signal) => benchEngines({project, service, flags: options, day, repeats, signal}, terminal));
      const suited = findSuited(figures);
      if (!suited) terminal.exitCode = exitCodes.expectedError;
      const configured = project.runtime.compute.engine;
      if (options.format === "json") {
        const engines = figures.map(({engine, seconds, peakBytes, rows, differing, failure}) => ({engine, seconds, peak_memory_bytes: peakBytes, rows, differing_rows: differing, failure}));
        return terminal.answer(JSON.stringify({service: service.name, day, engines, suited: suited?.engine ?? null, configured}, null, 2));
      }
      terminal.answer(renderTable(["engine", "time", "peak memory", "rows", "equal"], figures.map(({engine, seconds, peakBytes, rows, differing, failure}) => ({
        engine,
        time: failure ?? formatDuration(seconds!),
        "peak memory": peakBytes && formatBytes(peakBytes),
        rows,
        equal: differing === undefined ? undefined : differing === 0 ? "yes" : `${differing} differ`,
      }))));
      if (suited) terminal.answer(`${service.name} ${day}: "${suited.engine}" suits it${suited.engine === configured ? ", which compute.engine says" : `; compute.engine says "${configured}"`}`);
    });
  addFormat(command);
  addProjectFlags(command);
  addExample(command, "daeda bench dssm_ranking", "daeda bench dssm_ranking --target-date 2026-04-15 --repeats 1");
}
