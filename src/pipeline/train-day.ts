/** One day of one service: skeleton, then dataset, each staged, checked, published, and skipped when it is current. */
import {copyFileSync, existsSync, linkSync, readdirSync, statSync} from "node:fs";
import {basename, join, resolve} from "node:path";
import {parseDtype} from "../definitions/dtype.js";
import type {ColumnCheck, Project, Service, TableCheck} from "../definitions/model.js";
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {digestOf, digestPlan} from "../plan/digest.js";
import type {Operator, Plan} from "../plan/operator.js";
import {dayUs, parseDay} from "./day.js";
import type {Effects} from "./effects.js";
import {enrichPartition, type ResolvedEnrichment} from "./enrich.js";
import {explainWriteFailure} from "./failure.js";
import {acquireLock, type Lock} from "./lock.js";
import {findStaleReason, type Manifest, type Wanted} from "./manifest.js";
import type {PartitionStore, Stage} from "./partition.js";
import {readStatistics, runChecks, type CheckResult, type ColumnStatistics} from "./quality.js";
import {placeOfOperator} from "./operator-place.js";
import {runSkeleton, type WrittenFile} from "./skeleton.js";
import {identifySources, scansOf, type CheckedSource} from "./source-check.js";
import {loadStoreIds} from "./store-ids.js";
import {version} from "./version.js";

/** What all days of a run share. */
export interface Run {
  readonly project: Project;
  readonly service: Service;
  readonly plan: Plan;
  readonly sources: ReadonlyMap<string, CheckedSource>;
  readonly engine: AggregationEngine;
  readonly partitions: PartitionStore;
  readonly stages: "both" | "skeleton" | "enrich";
  readonly isForced: boolean;
  readonly duckdbConfig: ReadonlyMap<string, string>;
  readonly duckdbVersion: string;
  /** Embedding store -> its version, for stores that the plan uses. */
  readonly storeVersions: ReadonlyMap<string, string>;
  /** The project's own function -> a digest of its module, for functions that the plan uses. */
  readonly udfVersions: ReadonlyMap<string, string>;
  readonly effects: Effects;
}

/** Why the day's stages must be made, in words; undefined where a stage is current or not asked for. */
export interface DayPlan {
  readonly skeleton: string | undefined;
  readonly dataset: string | undefined;
}

/** The stage that users read: the last one that the run makes. */
export const lastStage = (run: Run): Stage => (run.stages === "skeleton" ? "skeleton" : "dataset");

/** Reads manifests only. @throws DaedalusError when --enrich-only finds no current skeleton */
export function planDay(run: Run, day: string): DayPlan {
  const found = run.partitions.findManifest("skeleton", day);
  const reason = findStaleReason(found, wantedSkeleton(run, day));
  if (run.stages === "enrich") {
    if (!found) throw DaedalusError.of("skeleton-missing", {service: run.service.name, day});
    if (reason !== undefined) throw DaedalusError.of("skeleton-stale", {service: run.service.name, day, reason});
  }
  const skeleton = run.stages === "enrich" ? undefined : (reason ?? (run.isForced ? "forced" : undefined));
  if (run.stages === "skeleton") return {skeleton, dataset: undefined};
  if (skeleton !== undefined) return {skeleton, dataset: `its skeleton is made: ${skeleton}`};
  const dataset = findStaleReason(run.partitions.findManifest("dataset", day), wantedDataset(run, found!));
  return {skeleton, dataset: dataset ?? (run.isForced ? "forced" : undefined)};
}

const isSkeletonOperator = (op: Operator): boolean =>
  op.opKind !== "arrow_udf_transform" && op.opKind !== "ray_udf_transform" && !(op.opKind === "sink" && op.dataset === "dataset");

export function skeletonPlan(plan: Plan): Plan {
  return {...plan, operators: plan.operators.filter(isSkeletonOperator)};
}

/** Checks belong to what a stage is, but where they stand in the file does not. */
function checksOf(service: Service): unknown {
  const plain = ({place: _place, ...check}: ColumnCheck | TableCheck): unknown => check;
  return [(service.columns ?? []).map((column) => [column.name, column.isNullable, column.checks.map(plain)]), service.checks.map(plain)];
}

function wantedSkeleton(run: Run, day: string): Wanted {
  const startUs = parseDay(day)!;
  const plan = skeletonPlan(run.plan);
  const covered = new Set(plan.operators.flatMap((op) => (op.opKind === "join" && op.joinKind === "covered" ? [op.right] : [])));
  return {
    planDigest: digestOf([digestPlan(plan), checksOf(run.service)]),
    version,
    sources: identifySources(run.sources, plan, {startUs, endUs: startUs + dayUs}, run.project.root),
    stores: Object.fromEntries([...run.storeVersions].filter(([store]) => covered.has(store))),
  };
}

function wantedDataset(run: Run, skeleton: Manifest): Wanted {
  return {
    planDigest: digestOf([digestPlan(run.plan), checksOf(run.service), [...run.udfVersions]]),
    version,
    sources: {},
    skeletonWrittenAt: skeleton.written_at,
    stores: Object.fromEntries(run.storeVersions),
  };
}

export interface DayResult {
  readonly rows: number;
  readonly checks: readonly CheckResult[];
}

/** @throws DaedalusError when the day cannot be made; what was published before stays. */
export async function trainDay(run: Run, day: string): Promise<DayResult> {
  const {partitions, service, effects} = run;
  let lock: Lock | undefined;
  try {
    lock = acquireLock(partitions.lockPath(day), `${service.name} ${day}`);
    // Whoever held the lock before may have finished the day.
    const planned = planDay(run, day);
    const checks: CheckResult[] = [];
    const session = await DuckDbSession.open({config: run.duckdbConfig});
    const interrupt = (): void => session.interrupt();
    effects.signal.addEventListener("abort", interrupt);
    try {
      if (planned.skeleton !== undefined) checks.push(...(await makeSkeleton(run, day, session)));
      if (planned.dataset !== undefined) checks.push(...(await makeDataset(run, day, session)));
    } finally {
      effects.signal.removeEventListener("abort", interrupt);
      session.close();
    }
    return {rows: partitions.findManifest(lastStage(run), day)?.rows ?? 0, checks};
  } catch (error) {
    if (effects.signal.aborted) throw DaedalusError.of("interrupted", {}, {cause: error});
    throw explainWriteFailure(error, partitions.directory);
  } finally {
    lock?.release();
  }
}

async function makeSkeleton(run: Run, day: string, session: DuckDbSession): Promise<readonly CheckResult[]> {
  const {plan, project, service, sources, effects} = run;
  const startedMs = effects.now();
  effects.onEvent({kind: "day-stage", day, stage: "skeleton"});
  for (const {source} of sources.values()) for (const sql of source.setup) await session.run(sql);
  const wanted = wantedSkeleton(run, day);
  const directory = run.partitions.stage("skeleton", day);
  try {
    const covered = new Map(Object.keys(wanted.stores ?? {}).map((store) => [store, `__ids_${store}`]));
    for (const [store, table] of covered) await loadStoreIds(session, project.aggregations.stores.get(store)!, project.root, table);
    const dayStartUs = parseDay(day)!;
    const files = await runSkeleton({
      session,
      plan: skeletonPlan(plan),
      context: {
        plan: skeletonPlan(plan),
        dayStartUs,
        dayEndUs: dayStartUs + dayUs,
        scans: scansOf(sources, dayStartUs + dayUs),
        coveredTable: (store) => covered.get(store)!,
        tables: new Map(),
      },
      engine: run.engine,
      directory,
      rowsPerFile: project.runtime.entitySpineChunkRows,
      signal: effects.signal,
      placeOf: (operator) => placeOfOperator(operator, project, service),
    });
    const enriched = enrichedColumns(plan);
    const columns = sinkOf(plan, "skeleton").columns;
    const made = columns.filter((column) => !enriched.includes(column));
    const paths = files.map((file) => join(directory, file.name));
    const checks = await runChecks(session, paths, service, {columns: made, hasTableChecks: true, neighbours: {partitions: run.partitions, stage: "skeleton", day}});
    gate(run, day, directory, checks);
    const statistics = await readStatistics(session, paths, columns);
    assertUnchanged(run, day, wanted);
    publish(run, {stage: "skeleton", day, wanted, files, statistics, checks, startedMs});
    return checks;
  } catch (error) {
    discardUnlessGated(run, "skeleton", day, error);
    throw error;
  }
}

async function makeDataset(run: Run, day: string, session: DuckDbSession): Promise<readonly CheckResult[]> {
  const {plan, project, service, partitions, effects} = run;
  const startedMs = effects.now();
  effects.onEvent({kind: "day-stage", day, stage: "enrich"});
  const skeleton = partitions.findManifest("skeleton", day)!;
  const wanted = wantedDataset(run, skeleton);
  const directory = partitions.stage("dataset", day);
  try {
    const inputs = partitions.filesOf("skeleton", day);
    const columns = sinkOf(plan, "dataset").columns;
    const enrichments = enrichmentsOf(run);
    const isSame = enrichments.length === 0 && columns.length === sinkOf(plan, "skeleton").columns.length;
    if (isSame) for (const path of inputs) linkOrCopy(path, join(directory, basename(path)));
    else await enrichPartition({skeletonFiles: inputs, outputDirectory: directory, enrichments, columnOrder: columns, root: project.root, session, signal: effects.signal});
    const names = readdirSync(directory).filter((name) => name.endsWith(".parquet")).sort();
    const paths = names.map((name) => join(directory, name));
    const added = enrichments.map((enrichment) => enrichment.name);
    const checks = await runChecks(session, paths, service, {columns: added, hasTableChecks: false, neighbours: {partitions, stage: "dataset", day}});
    gate(run, day, directory, checks);
    const statistics = new Map([...skeleton.columns, ...(await readStatistics(session, paths, added))].map((column) => [column.name, column]));
    const files = names.map((name, index) => ({name, rows: skeleton.files[index]?.rows ?? 0, bytes: statSync(join(directory, name)).size}));
    publish(run, {stage: "dataset", day, wanted, files, statistics: columns.map((column) => statistics.get(column)!), checks: [...skeletonChecks(skeleton), ...checks], startedMs});
    return checks;
  } catch (error) {
    discardUnlessGated(run, "dataset", day, error);
    throw error;
  }
}

const skeletonChecks = (manifest: Manifest): CheckResult[] => manifest.checks.map(({passed, ...check}) => ({...check, isPassed: passed}));

function sinkOf(plan: Plan, dataset: Stage): Extract<Operator, {opKind: "sink"}> {
  const sink = plan.operators.find((op) => op.opKind === "sink" && op.dataset === dataset);
  if (sink?.opKind !== "sink") throw new Error(`the plan has no sink for ${dataset}`);
  return sink;
}

function enrichedColumns(plan: Plan): readonly string[] {
  return plan.operators.flatMap((op) => (op.opKind === "arrow_udf_transform" || op.opKind === "ray_udf_transform" ? [op.column] : []));
}

function enrichmentsOf({plan, project}: Run): readonly ResolvedEnrichment[] {
  return plan.operators.flatMap((op) => {
    if (op.opKind !== "arrow_udf_transform" && op.opKind !== "ray_udf_transform") return [];
    const dtype = parseDtype(op.dtype);
    if (dtype?.kind !== "vector") throw new Error(`enrichment ${op.name} has no vector dtype`);
    const store = project.aggregations.stores.get(op.store)!;
    return [{name: op.column, sourceColumn: op.sourceColumn, store, udfName: op.udf, udf: project.aggregations.udfs.get(op.udf), dtype}];
  });
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Some file systems have no hard links; a copy serves as well.
    copyFileSync(from, to);
  }
}

function gate(run: Run, day: string, directory: string, checks: readonly CheckResult[]): void {
  const failed = checks.filter((check) => !check.isPassed && check.severity === "error").map(({check, found}) => `${check} (${found})`);
  if (failed.length > 0) throw DaedalusError.of("checks-failed", {service: run.service.name, day, failed, staged: directory});
}

/** What failed its checks stays staged for inspection until the next run of the day. */
function discardUnlessGated({partitions}: Run, stage: Stage, day: string, error: unknown): void {
  if (!(error instanceof DaedalusError && error.code === "checks-failed")) partitions.discard(stage, day);
}

/** A source file that was replaced while it was read could mix two states of the world in one partition. */
function assertUnchanged(run: Run, day: string, wanted: Wanted): void {
  for (const [name, checked] of run.sources) {
    for (const file of checked.files) {
      const now = existsSync(file.path) ? statSync(file.path) : undefined;
      if (now?.size === file.size && now.mtimeMs === file.modifiedMs) continue;
      if (wanted.sources[name]) throw DaedalusError.of("source-changed", {view: name, file: file.path, day}, {place: checked.view.source.place});
    }
  }
}

interface Made {
  readonly stage: Stage;
  readonly day: string;
  readonly wanted: Wanted;
  readonly files: readonly WrittenFile[];
  readonly statistics: readonly ColumnStatistics[];
  readonly checks: readonly CheckResult[];
  readonly startedMs: number;
}

function publish(run: Run, {stage, day, wanted, files, statistics, checks, startedMs}: Made): void {
  const {effects, service} = run;
  effects.signal.throwIfAborted();
  effects.onEvent({kind: "day-stage", day, stage: "publish"});
  const nowMs = effects.now();
  run.partitions.publish(stage, day, {
    format: 1,
    service: service.name,
    service_version: service.version,
    stage,
    day,
    plan_digest: wanted.planDigest,
    sources: wanted.sources,
    skeleton_written_at: wanted.skeletonWrittenAt,
    stores: wanted.stores,
    versions: {daedalus: version, duckdb: run.duckdbVersion, node: process.versions.node},
    aggregation_engine: run.engine.name,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    files: [...files],
    columns: [...statistics],
    checks: checks.map(({isPassed, ...check}) => ({...check, passed: isPassed})),
    seconds: (nowMs - startedMs) / 1000,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    written_at: new Date(nowMs).toISOString(),
  });
}

/** The project's folder for partitions of the service. */
export function partitionsDirectory(project: Project, service: Service, outputRoot: string | undefined): string {
  return resolve(project.root, outputRoot ?? project.runtime.outputRoot, service.name);
}
