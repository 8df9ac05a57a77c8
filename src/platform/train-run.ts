/** One training run as the command line starts it: stoppable, with its progress on stderr. */
import type {TrainEvent} from "../pipeline/effects.js";
import {openPartitions} from "../pipeline/open-partitions.js";
import {train, type TrainOptions, type TrainReport} from "../pipeline/train.js";
import {getService} from "./catalog.js";
import {openContext} from "./context.js";
import type {ProjectFlags} from "./flags.js";
import {startProgress} from "./progress.js";
import {runStoppable} from "./signals.js";
import {parseSnapshots} from "./snapshot-flags.js";
import type {Terminal} from "./terminal.js";

export interface TrainRunOptions extends Omit<TrainOptions, "project" | "service" | "snapshots"> {
  readonly flags: ProjectFlags;
  /** Default: the settings' `default_service`. */
  readonly service: string | undefined;
  /** As `--snapshot` has them. */
  readonly snapshots?: readonly string[] | undefined;
}

export async function runTrain({flags, service, snapshots = [], ...options}: TrainRunOptions, terminal: Terminal): Promise<TrainReport> {
  const context = openContext(flags, terminal);
  const project = context.loadProject();
  const wanted = getService(project, service, context.settings);
  const progress = startProgress(terminal);
  const dagster = terminal.pipes && (await import("./dagster-report.js")).startDagsterReport(terminal.pipes, wanted, options.stages);
  const onEvent = (event: TrainEvent): void => {
    progress.onEvent(event);
    dagster?.onEvent(event);
  };
  try {
    const report = await runStoppable(terminal, (signal) => train({...options, project, service: wanted, snapshots: parseSnapshots(snapshots, project)}, {signal, onEvent, environment: terminal.env, now: Date.now}));
    dagster?.finish(report, await openPartitions(project, wanted, options.outputRoot, terminal.env));
    return report;
  } finally {
    progress.end();
  }
}
