/** Trains a service: every wanted day that is missing or stale becomes one published partition, or none. */
import {existsSync, readFileSync} from "node:fs";
import {availableParallelism} from "node:os";
import {resolve} from "node:path";
import type {Project, Service} from "../definitions/model.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems} from "../errors.js";
import {digestOf, digestPlan} from "../plan/digest.js";
import type {Plan} from "../plan/operator.js";
import {readStoreVersion} from "./store-ids.js";
import {loadAggregationEngine} from "./aggregation-engines.js";
import {listDays} from "./days.js";
import {realEffects, type Effects} from "./effects.js";
import {pinnedDays} from "./neighbour-days.js";
import {PartitionStore} from "./partition.js";
import {compileService} from "./plan-file.js";
import type {CheckResult} from "./quality.js";
import {checkSources, type CheckedSource} from "./source-check.js";
import {lastStage, partitionsDirectory, planDay, trainDay, type DayPlan, type Run} from "./train-day.js";

export interface TrainOptions {
  readonly project: Project;
  readonly service: Service;
  /** `YYYY-MM-DD`; undefined: every day with feed data in `feed_start..feed_end`. */
  readonly targetDay?: string | undefined;
  readonly stages: "both" | "skeleton" | "enrich";
  /** Redo days that are current. */
  readonly isForced?: boolean;
  /** Default: `compute.engine` of runtime.yaml. */
  readonly engine?: string | undefined;
  /** Default: `day_workers` of runtime.yaml. */
  readonly dayWorkers?: number | undefined;
  /** Default: `output_root` of runtime.yaml; relative to the project's root. */
  readonly outputRoot?: string | undefined;
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
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  problems.throwIfErrors();
  const engine = await loadAggregationEngine(options.engine ?? project.runtime.compute.engine);
  const prepared = await prepare(options, plan, problems, effects);
  for (const problem of problems.all) effects.onEvent({kind: "warning", problem});

  const run: Run = {
    project,
    service,
    plan,
    engine,
    sources: prepared.sources,
    partitions: new PartitionStore(partitionsDirectory(project, service, options.outputRoot)),
    stages: options.stages,
    isForced: options.isForced ?? false,
    duckdbConfig: project.runtime.compute.duckdbConfig,
    duckdbVersion: prepared.duckdbVersion,
    storeVersions: prepared.storeVersions,
    udfVersions: readUdfVersions(project, plan),
    effects,
  };
  const planned = new Map(prepared.days.map((day) => [day, planDay(run, day)]));
  const isWanted = ({skeleton, dataset}: DayPlan): boolean => skeleton !== undefined || dataset !== undefined;
  const wanted = prepared.days.filter((day) => isWanted(planned.get(day)!));
  effects.onEvent({kind: "plan", service: service.name, days: wanted, current: prepared.days.filter((day) => !wanted.includes(day))});

  const workers = Math.max(1, Math.min(options.dayWorkers ?? project.runtime.dayWorkers, wanted.length, availableParallelism() * 4));
  const pinned = pinnedDays(service);
  const first = await runDays(run, wanted.filter((day) => pinned.has(day)), planned, workers);
  const others = await runDays(run, wanted.filter((day) => !pinned.has(day)), planned, workers);
  const written = new Map([...first, ...others]);
  const stage = lastStage(run);
  const days = prepared.days.map((day): DayReport => {
    const directory = run.partitions.directoryOf(stage, day);
    const rows = run.partitions.findManifest(stage, day)?.rows ?? 0;
    return written.get(day) ?? {day, state: "current", rows, seconds: 0, directory, checks: []};
  });
  return {
    service: service.name,
    planDigest: digestPlan(plan),
    outputDirectory: run.partitions.directory,
    days,
    rows: [...written.values()].reduce((sum, day) => sum + day.rows, 0),
    seconds: (effects.now() - startedMs) / 1000,
  };
}

interface Prepared {
  readonly sources: ReadonlyMap<string, CheckedSource>;
  readonly days: readonly string[];
  readonly storeVersions: ReadonlyMap<string, string>;
  readonly duckdbVersion: string;
}

/** Opens every source and store once, so that what is wrong with any of them is said before the first day is computed. */
async function prepare({project, targetDay, stages}: TrainOptions, plan: Plan, problems: Problems, effects: Effects): Promise<Prepared> {
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  try {
    const sources = await checkSources(session, plan, project, effects.environment, problems);
    const storeVersions = new Map<string, string>();
    for (const op of plan.operators) {
      const store = op.opKind === "join" && op.joinKind === "covered" ? op.right : "store" in op && stages !== "skeleton" ? op.store : undefined;
      if (store === undefined || storeVersions.has(store)) continue;
      try {
        storeVersions.set(store, await readStoreVersion(project.aggregations.stores.get(store)!, project.root));
      } catch (error) {
        if (!(error instanceof DaedalusError)) throw error;
        problems.all.push(error);
      }
    }
    problems.throwIfErrors();
    const spine = plan.operators.find((op) => op.opKind === "scan");
    const {days, emptyMonths} = await listDays(session, sources.get(spine!.view)!, project, targetDay);
    for (const month of emptyMonths) problems.add("month-empty", {month, view: spine!.view}, undefined, "warning");
    const [{version} = {version: "unknown"}] = (await session.rows("SELECT version() AS version")) as {version: string}[];
    return {sources, days, storeVersions, duckdbVersion: version};
  } finally {
    session.close();
  }
}

/** A function's module is part of what makes a dataset: an edited one makes its days stale. */
function readUdfVersions(project: Project, plan: Plan): ReadonlyMap<string, string> {
  const used = plan.operators.flatMap((op) => ("udf" in op ? [project.aggregations.udfs.get(op.udf)] : []));
  return new Map(
    used.flatMap((udf) => {
      if (!udf) return [];
      const path = resolve(project.root, udf.module);
      return [[udf.name, existsSync(path) ? digestOf(readFileSync(path, "utf8")) : "missing"] as const];
    }),
  );
}

/** The first day that fails stops the others at their next step; its error is the run's. */
async function runDays(run: Run, days: readonly string[], planned: ReadonlyMap<string, DayPlan>, workers: number): Promise<Map<string, DayReport>> {
  const {effects} = run;
  const written = new Map<string, DayReport>();
  const failure = new AbortController();
  const shared: Run = {...run, effects: {...effects, signal: AbortSignal.any([effects.signal, failure.signal])}};
  const errors: unknown[] = [];
  const queue = [...days];
  const work = async (): Promise<void> => {
    for (let day = queue.shift(); day !== undefined && !shared.effects.signal.aborted; day = queue.shift()) {
      const startedMs = effects.now();
      const {skeleton, dataset} = planned.get(day)!;
      effects.onEvent({kind: "day-start", day, reason: skeleton ?? dataset ?? ""});
      try {
        const {rows, checks} = await trainDay(shared, day);
        const seconds = (effects.now() - startedMs) / 1000;
        written.set(day, {day, state: "written", rows, seconds, directory: run.partitions.directoryOf(lastStage(run), day), checks});
        effects.onEvent({kind: "day-done", day, rows, seconds});
      } catch (error) {
        errors.push(error);
        failure.abort();
      }
    }
  };
  await Promise.all(Array.from({length: workers}, work));
  if (effects.signal.aborted) throw DaedalusError.of("interrupted", {});
  if (errors.length > 0) throw errors[0];
  return written;
}
