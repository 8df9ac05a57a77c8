/** Trains a service: every wanted day that is missing or stale becomes one published partition, or none. */
import {availableParallelism} from "node:os";
import {DaedalusError} from "../errors.js";
import {digestPlan} from "../plan/digest.js";
import {loadAggregationEngine} from "./aggregation-engines.js";
import {ColumnWriter} from "./column-writer.js";
import {countSpineRows, DayBlocks, withDayRows} from "./day-block.js";
import {DayPlanner, reasonOfDay, type DayPlan} from "./day-plan.js";
import {realEffects, type Effects} from "./effects.js";
import {pinnedDays} from "./neighbour-days.js";
import {lastStage, openService, type ServiceOptions} from "./open-service.js";
import {findBySummary, planDays} from "./plan-days.js";
import type {CheckResult} from "./quality.js";
import {forceDay, isGated, trainDay, type DayRows, type Run} from "./train-day.js";

export interface TrainOptions extends ServiceOptions {
  /** Redo days that are current, and all columns of days that are not. */
  readonly isForced?: boolean;
  /** Default: `compute.engine` of runtime.yaml. */
  readonly engine?: string | undefined;
  /** Default: `day_workers` of runtime.yaml. */
  readonly dayWorkers?: number | undefined;
}

export interface DayReport {
  readonly day: string;
  readonly state: "written" | "current";
  readonly rows: number;
  readonly seconds: number;
  /** The folder of the partition that users read (`dataset`, or `skeleton` with --skeleton-only). */
  readonly directory: string;
  readonly checks: readonly CheckResult[];
}

export interface TrainReport {
  readonly service: string;
  readonly planDigest: string;
  readonly outputDirectory: string;
  readonly days: readonly DayReport[];
  /** Rows of the days that were written. */
  readonly rows: number;
  readonly seconds: number;
}

/**
 * @throws ProblemsError for definitions and sources that do not fit, before any day is computed
 * @throws DaedalusError for the first day that fails; days that were finished stay published
 */
export async function train(options: TrainOptions, effects: Effects = realEffects): Promise<TrainReport> {
  const startedMs = effects.now();
  const {project, service} = options;
  const engine = await loadAggregationEngine(options.engine ?? project.runtime.compute.engine);
  const open = await openService(options, effects);
  const {days, partitions} = open;
  const run: Run = {...open, planner: new DayPlanner(open), engine, isForced: options.isForced ?? false, effects};
  const find = findBySummary(open);
  const planned = new Map(planDays(open, run.planner, find).map((plan) => [plan.day, run.isForced ? forceDay(plan) : plan]));
  const wanted = days.filter((day) => reasonOfDay(planned.get(day)!) !== undefined);
  effects.onEvent({kind: "plan", service: service.name, days: wanted, current: days.filter((day) => reasonOfDay(planned.get(day)!) === undefined)});

  const workers = Math.max(1, Math.min(options.dayWorkers ?? project.runtime.dayWorkers, wanted.length, availableParallelism() * 4));
  const pinned = pinnedDays(service);
  const first = await runDays(run, wanted.filter((day) => pinned.has(day)), planned, workers);
  const others = await runDays(run, wanted.filter((day) => !pinned.has(day)), planned, workers);
  const written = new Map([...first, ...others]);
  const stage = lastStage(run);
  const reports = days.map((day): DayReport => {
    const directory = partitions.directoryOf(stage, day);
    const done = written.get(day);
    if (done) return done;
    const published = find(stage, day);
    return {day, state: "current", rows: typeof published === "string" ? 0 : published.rows, seconds: 0, directory, checks: []};
  });
  return {
    service: service.name,
    planDigest: digestPlan(open.plan),
    outputDirectory: partitions.directory,
    days: reports,
    rows: [...written.values()].reduce((sum, day) => sum + day.rows, 0),
    seconds: (effects.now() - startedMs) / 1000,
  };
}

/** The first day that fails stops the others at their next step; its error is the run's. */
async function runDays(run: Run, days: readonly string[], planned: ReadonlyMap<string, DayPlan>, workers: number): Promise<Map<string, DayReport>> {
  const {effects} = run;
  const written = new Map<string, DayReport>();
  const failure = new AbortController();
  const shared: Run = {...run, effects: {...effects, signal: AbortSignal.any([effects.signal, failure.signal])}};
  const errors: unknown[] = [];
  const blocks = new DayBlocks(run, days, planned, workers, await countSpineRows(run, days));
  const started = new Map<string, number>();
  const start = (day: string): void => {
    if (started.has(day)) return;
    started.set(day, effects.now());
    effects.onEvent({kind: "day-start", day, reason: reasonOfDay(planned.get(day)!) ?? ""});
  };
  const makeDay = async (day: string, columnWriter: ColumnWriter, dayRows?: DayRows): Promise<void> => {
    start(day);
    const {rows, checks} = await trainDay(shared, day, columnWriter, dayRows);
    const seconds = (effects.now() - started.get(day)!) / 1000;
    written.set(day, {day, state: "written", rows, seconds, directory: run.partitions.directoryOf(lastStage(run), day), checks});
    effects.onEvent({kind: "day-done", day, rows, seconds});
    blocks.note(rows);
  };
  const makeBlock = async (block: readonly string[], columnWriter: ColumnWriter): Promise<void> => {
    start(block[0]!);
    if (block.length > 1) {
      try {
        await withDayRows(shared, block, columnWriter, async (rows) => {
          for (const day of block) await makeDay(day, columnWriter, rows);
        });
      } catch (error) {
        if (shared.effects.signal.aborted || isGated(error)) throw error;
      }
    }
    for (const day of block) if (!written.has(day)) await makeDay(day, columnWriter);
  };
  const work = async (): Promise<void> => {
    const columnWriter = new ColumnWriter();
    try {
      for (let block = blocks.next(); block.length > 0 && !shared.effects.signal.aborted; block = blocks.next()) await makeBlock(block, columnWriter);
    } catch (error) {
      errors.push(error);
      failure.abort();
    } finally {
      await columnWriter.close();
    }
  };
  await Promise.all(Array.from({length: workers}, work));
  if (effects.signal.aborted) throw DaedalusError.of("interrupted", {});
  if (errors.length > 0) throw errors[0];
  return written;
}
