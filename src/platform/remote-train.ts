/** A training run whose days are computed elsewhere. What is wanted, and what came of it, is read from manifests on storage that both sides see. */
import type {CheckResult} from "../pipeline/quality.js";
import {digestPlan} from "../plan/digest.js";
import {Problems, DaedalusError} from "../errors.js";
import {pinnedDays} from "../pipeline/neighbour-days.js";
import {openPartitions} from "../pipeline/open-partitions.js";
import type {PartitionStore} from "../pipeline/partition.js";
import {compileService} from "../pipeline/plan-file.js";
import {planService} from "../pipeline/plan-days.js";
import type {DayReport, TrainReport} from "../pipeline/train.js";
import {getService} from "./catalog.js";
import {openContext} from "./context.js";
import {formatNumber} from "./format.js";
import type {RemoteRunner} from "./remote-run.js";
import {runStoppable} from "./signals.js";
import {parseSnapshots, renderSnapshots} from "./snapshot-flags.js";
import type {Terminal} from "./terminal.js";
import type {TrainRunOptions} from "./train-run.js";

/** @throws DaedalusError `remote-day-failed`, or what the runner throws when its cluster is not there */
export async function runTrainRemotely(options: TrainRunOptions, runner: RemoteRunner, terminal: Terminal): Promise<TrainReport> {
  const startedMs = Date.now();
  const context = openContext(options.flags, terminal);
  const project = context.loadProject();
  const service = getService(project, options.service, context.settings);
  const {stages, targetDay, dayRange, outputRoot, isForced = false} = options;
  return runStoppable(terminal, async (signal) => {
    const plan = await planService({project, service, stages, targetDay, dayRange, outputRoot, snapshots: parseSnapshots(options.snapshots ?? [], project)}, {
      environment: terminal.env,
      onEvent: (event) => {
        if (event.kind === "warning") context.onWarning(event.problem);
      },
    });
    const wanted = plan.groups.flatMap(({days, state}) => (isForced || state !== "current" ? days : [])).sort();
    terminal.note(`${service.name}: ${formatNumber(wanted.length, "day")} to write, ${plan.days.length - wanted.length} current`);
    const pinned = pinnedDays(service);
    const dayGroups = [wanted.filter((day) => pinned.has(day)), wanted.filter((day) => !pinned.has(day))];
    const {projectOptions} = context;
    const option = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [name, value]);
    const trainFlags = [
      ...(isForced ? ["--force"] : []),
      // The settings of this machine are not those of the others.
      ...option("--output-root", outputRoot ?? project.runtime.outputRoot),
      ...option("--engine", options.engine),
      // By the time of a later day there may be newer ones.
      ...renderSnapshots(plan.snapshots),
    ];
    const projectFlags = [
      ...option("--runtime-config-path", projectOptions.runtimeConfigPath),
      ...option("--aggregation-config-path", projectOptions.aggregationConfigPath),
      ...option("--feature-views-dir", projectOptions.featureViewsDir),
      ...option("--feature-services-dir", projectOptions.featureServicesDir),
      ...(projectOptions.overrides ?? []).flatMap((value) => ["--set", value]),
    ];
    const request = {service: service.name, dayGroups, projectFlags, trainFlags, stages, daysInFlight: options.dayWorkers};
    if (wanted.length > 0) await runner(request, {signal, environment: terminal.env, log: (text) => terminal.note(text)});
    const partitions = await openPartitions(project, service, outputRoot, terminal.env);
    const days = plan.days.map((day) => readDay(partitions, stages === "skeleton" ? "skeleton" : "dataset", {day, isWritten: wanted.includes(day)}));
    const written = days.filter(({state}) => state === "written");
    return {
      service: service.name,
      planDigest: digestPlan(compileService(project, service, new Problems())),
      outputDirectory: plan.outputDirectory,
      days,
      rows: written.reduce((sum, {rows}) => sum + rows, 0),
      seconds: (Date.now() - startedMs) / 1000,
    };
  });
}

function readDay(partitions: PartitionStore, stage: "skeleton" | "dataset", {day, isWritten}: {day: string; isWritten: boolean}): DayReport {
  const directory = partitions.directoryOf(stage, day);
  const manifest = partitions.findManifest(stage, day);
  if (!manifest) {
    const reason = `it said that it was done, but there is no manifest in ${directory}: the output must be on storage that both sides see`;
    throw DaedalusError.of("remote-day-failed", {day, where: "the other machine", reason, attempts: 1});
  }
  const checks = manifest.checks.map(({passed, ...check}): CheckResult => ({...check, isPassed: passed}));
  return {day, state: isWritten ? "written" : "current", rows: manifest.rows, seconds: isWritten ? manifest.seconds : 0, directory, checks: isWritten ? checks : []};
}
