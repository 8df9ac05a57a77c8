/** A service with everything opened that its days are made from: what is wrong with any of it is said before the first day. */
import {existsSync, readFileSync} from "node:fs";
import {resolve} from "node:path";
import type {Project, Service} from "../definitions/model.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {readLimits, type SessionLimits} from "../engines/session-limits.js";
import {DaedalusError, Problems} from "../errors.js";
import {digestOf} from "../plan/digest.js";
import type {OperatorOf, Plan} from "../plan/operator.js";
import {compileRecipe, type SkeletonRecipe} from "../plan/recipe.js";
import {openLakeTable, type LakeTable} from "./lake-table.js";
import {dayRange, parseDay} from "./day.js";
import {listDays, type DayRange} from "./days.js";
import type {Effects} from "./effects.js";
import {openPartitions} from "./open-partitions.js";
import type {PartitionStore, Stage} from "./partition.js";
import {compileService} from "./plan-file.js";
import {checkSources, type CheckedSource} from "./source-check.js";
import {ReachDigests} from "./source-reach.js";
import {explainSourceFailure, retryLost} from "./source-session.js";
import {SourceSummaries} from "./source-summary.js";
import {readStoreVersion} from "./store-ids.js";

export interface ServiceOptions {
  readonly project: Project;
  readonly service: Service;
  /** `YYYY-MM-DD`; undefined: every day with feed data in `feed_start..feed_end`. */
  readonly targetDay?: string | undefined;
  /** These days only, both inclusive, as far as they have feed data. */
  readonly dayRange?: DayRange | undefined;
  readonly stages: "both" | "skeleton" | "enrich";
  /** Default: `output_root` of runtime.yaml; relative to the project's root. */
  readonly outputRoot?: string | undefined;
  /** View -> the snapshot to read of its lake or table, where its YAML names none. Default: the newest. */
  readonly snapshots?: ReadonlyMap<string, string> | undefined;
}

export type OpenEffects = Pick<Effects, "environment" | "onEvent"> & Partial<Pick<Effects, "now">>;

export interface OpenService {
  readonly project: Project;
  readonly service: Service;
  readonly stages: "both" | "skeleton" | "enrich";
  readonly plan: Plan;
  readonly recipe: SkeletonRecipe;
  readonly sources: ReadonlyMap<string, CheckedSource>;
  readonly reachDigests: ReachDigests;
  readonly partitions: PartitionStore;
  /** The wanted days, in order. */
  readonly days: readonly string[];
  /** Embedding store -> its version, for stores that the plan uses. */
  readonly storeVersions: ReadonlyMap<string, string>;
  /** The project's own function -> a digest of its module, for functions that the plan uses. */
  readonly udfVersions: ReadonlyMap<string, string>;
  readonly duckdbVersion: string;
  /** The lake that takes datasets as well. */
  readonly lake: LakeTable | undefined;
  /** What sessions of the run may use. */
  readonly limits: SessionLimits;
}

/**
 * Warnings are events.
 * @throws ProblemsError for definitions, sources and stores that do not fit
 */
export async function openService(options: ServiceOptions, effects: OpenEffects): Promise<OpenService> {
  const {project, service, stages, targetDay} = options;
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  problems.throwIfErrors();
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  try {
    const partitions = await openPartitions(project, service, options.outputRoot, effects.environment);
    const preloaded = targetDay === undefined ? partitions.summaries.preload() : undefined;
    const known = new SourceSummaries(partitions.folder, effects.now ?? Date.now);
    const range = targetDay !== undefined && parseDay(targetDay) !== undefined ? dayRange(targetDay) : undefined;
    const sources = await checkSources(session, plan, project, effects.environment, problems, {summaries: known, range, pinned: options.snapshots});
    const storeVersions = await readStoreVersions(options, plan, problems);
    problems.throwIfErrors();
    const spine = plan.operators.find((op) => op.opKind === "scan");
    const spineSource = sources.get(spine!.view)!;
    const {days, emptyMonths} = await retryLost(() => listDays(session, spineSource, project, {...options, summaries: known})).catch((error: unknown) => {
      throw explainSourceFailure(spineSource.view, error);
    });
    known.save();
    await preloaded;
    for (const month of emptyMonths) problems.add("month-empty", {month, view: spine!.view}, undefined, "warning");
    const [{version} = {version: "unknown"}] = (await session.rows("SELECT version() AS version")) as {version: string}[];
    for (const problem of problems.all) effects.onEvent({kind: "warning", problem});
    return {
      project,
      service,
      stages,
      plan,
      recipe: compileRecipe(project, service, plan),
      sources,
      reachDigests: new ReachDigests(sources),
      partitions,
      days,
      storeVersions,
      udfVersions: readUdfVersions(project, plan),
      duckdbVersion: version,
      lake: stages === "skeleton" ? undefined : await openLakeTable(project, service, sources.values(), effects.environment),
      limits: await readLimits(session),
    };
  } finally {
    session.close();
  }
}

/** The stage that users read: the last one that is made. */
export const lastStage = ({stages}: Pick<OpenService, "stages">): Stage => (stages === "skeleton" ? "skeleton" : "dataset");

export function sinkColumns(plan: Plan, stage: Stage): readonly string[] {
  const sink = plan.operators.find((op) => op.opKind === "sink" && op.dataset === stage);
  if (sink?.opKind !== "sink") throw new Error(`the plan has no sink for ${stage}`);
  return sink.columns;
}

export function enrichmentOperators(plan: Plan): readonly (OperatorOf<"arrow_udf_transform"> | OperatorOf<"ray_udf_transform">)[] {
  return plan.operators.flatMap((op) => (op.opKind === "arrow_udf_transform" || op.opKind === "ray_udf_transform" ? [op] : []));
}

async function readStoreVersions({project, stages}: ServiceOptions, plan: Plan, problems: Problems): Promise<ReadonlyMap<string, string>> {
  const versions = new Map<string, string>();
  for (const op of plan.operators) {
    const store = op.opKind === "join" && op.joinKind === "covered" ? op.right : "store" in op && stages !== "skeleton" ? op.store : undefined;
    if (store === undefined || versions.has(store)) continue;
    try {
      versions.set(store, await readStoreVersion(project.aggregations.stores.get(store)!, project.root));
    } catch (error) {
      if (!(error instanceof DaedalusError)) throw error;
      problems.all.push(error);
    }
  }
  return versions;
}

/** A function's module is part of what makes a dataset: an edited one makes its days stale. */
function readUdfVersions(project: Project, plan: Plan): ReadonlyMap<string, string> {
  return new Map(
    enrichmentOperators(plan).flatMap(({udf: name}) => {
      const udf = project.aggregations.udfs.get(name);
      if (!udf) return [];
      const path = resolve(project.root, udf.module);
      return [[udf.name, existsSync(path) ? digestOf(readFileSync(path, "utf8")) : "missing"] as const];
    }),
  );
}
