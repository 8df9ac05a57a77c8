/** One day of one service: skeleton, then dataset, each staged, checked, published, and skipped when it is current. */
import {readdirSync, statSync} from "node:fs";
import {basename, join} from "node:path";
import {parseDtype} from "../definitions/dtype.js";
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {digestPlan} from "../plan/digest.js";
import {skeletonPlan} from "../plan/recipe.js";
import {findCarried, type CarriedEmbeddings} from "./carried-embeddings.js";
import type {ColumnWriter} from "./column-writer.js";
import {dayRange} from "./day.js";
import type {DayPlan, DayPlanner} from "./day-plan.js";
import {openDayRows} from "./day-rows.js";
import type {Effects} from "./effects.js";
import {enrichPartition, type ResolvedEnrichment} from "./enrich.js";
import {explainWriteFailure, reasonOf} from "./failure.js";
import {limitFiles} from "./file-limits.js";
import type {LakeTable} from "./lake-table.js";
import {linkOrCopy} from "./link-or-copy.js";
import type {DayLock} from "./lock.js";
import {manifestFormat, publishedOf, type Manifest} from "./manifest.js";
import {enrichmentOperators, lastStage, sinkColumns, type OpenService} from "./open-service.js";
import type {EmbeddingDtype} from "./parquet-column.js";
import type {Stage} from "./partition.js";
import {renderFinding} from "./partition-summary.js";
import {countedLists, readStatistics, runChecks, type CheckResult, type ColumnStatistics} from "./quality.js";
import {runSkeleton, type WrittenFile} from "./skeleton.js";
import {mergeSkeleton} from "./skeleton-merge.js";
import {blameSource} from "./source-blame.js";
import {identifySources} from "./source-check.js";
import {attemptsMax, isConnectionLoss, retryLost} from "./source-session.js";
import {assertUnchanged} from "./source-unchanged.js";
import {timesOf, type Verdict, type Wanted} from "./verdict.js";
import {version} from "./version.js";

/** What all days of a run share. */
export interface Run extends OpenService {
  readonly planner: DayPlanner;
  readonly engine: AggregationEngine;
  readonly isForced: boolean;
  readonly effects: Effects;
}

/** Everything that is asked for is made again, whatever it is. */
export function forceDay({day, skeleton, dataset, lake}: DayPlan): DayPlan {
  const force = (verdict: Verdict | undefined): Verdict | undefined =>
    verdict && {state: "stale", scope: "rows", reason: verdict.state === "current" ? "forced" : verdict.reason};
  return {day, skeleton: force(skeleton), dataset: force(dataset), lake};
}

export interface DayResult {
  readonly rows: number;
  readonly checks: readonly CheckResult[];
}

/** Rows that are computed, or will be when they are written. */
export interface DayRows {
  readonly session: DuckDbSession;
  readonly write: (day: string, directory: string) => Promise<readonly WrittenFile[]>;
}

/**
 * @param shared rows of several days, this one among them; default: the day's own
 * @throws DaedalusError when the day cannot be made; what was published before stays.
 */
export async function trainDay(run: Run, day: string, columnWriter: ColumnWriter, shared?: DayRows): Promise<DayResult> {
  const {partitions, service, effects} = run;
  let lock: DayLock | undefined;
  try {
    lock = await partitions.lock(day, `${service.name} ${day}`);
    // Whoever held the lock before may have finished the day.
    const plan = (): DayPlan => {
      const now = run.planner.planDay(day, (stage) => partitions.findPublished(stage, day));
      return run.isForced ? forceDay(now) : now;
    };
    const {skeleton} = plan();
    const checks: CheckResult[] = [];
    if (skeleton && skeleton.state !== "current") {
      // A day whose database went away is begun anew, in a session that connects anew.
      const make = (): Promise<readonly CheckResult[]> => withOwnRows(run, columnWriter, (rows) => makeSkeleton(run, day, rows, skeleton));
      checks.push(...(shared ? await makeSkeleton(run, day, shared, skeleton) : await retryLost(make, effects.signal)));
    }
    // What of the dataset can stay follows from the skeleton that was made.
    const {dataset} = plan();
    if (dataset && dataset.state !== "current") checks.push(...(await makeDataset(run, day, dataset, shared?.session)));
    if (run.lake) await writeLake(run.lake, run, day);
    return {rows: partitions.findManifest(lastStage(run), day)?.rows ?? 0, checks};
  } catch (error) {
    if (effects.signal.aborted) throw DaedalusError.of("interrupted", {}, {cause: error});
    if (isConnectionLoss(error)) {
      const place = error instanceof DaedalusError ? error.place : undefined;
      throw DaedalusError.of("source-lost", {day, attempts: attemptsMax, reason: reasonOf(error)}, {cause: error, place});
    }
    throw explainWriteFailure(error, partitions.folder);
  } finally {
    await lock?.release();
  }
}

export async function inSession<T>({project, effects}: Run, work: (session: DuckDbSession) => Promise<T>): Promise<T> {
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  const interrupt = (): void => session.interrupt();
  effects.signal.addEventListener("abort", interrupt);
  try {
    return await work(session);
  } finally {
    effects.signal.removeEventListener("abort", interrupt);
    session.close();
  }
}

function withOwnRows<T>(run: Run, columnWriter: ColumnWriter, work: (rows: DayRows) => Promise<T>): Promise<T> {
  const {plan, project} = run;
  return inSession(run, (session) =>
    work({
      session,
      write: async (day, directory) => runSkeleton({...(await openDayRows(run, dayRange(day), session, skeletonPlan(plan))), directory, columnWriter, limits: limitFiles(plan, project)}),
    }),
  );
}

async function makeSkeleton(run: Run, day: string, {session, write}: DayRows, verdict: Verdict): Promise<readonly CheckResult[]> {
  const {plan, service, sources, effects} = run;
  const startedMs = effects.now();
  effects.onEvent({kind: "day-stage", day, stage: "skeleton"});
  const wanted = run.planner.wantedSkeleton(day);
  const sourcesRead = identifySources(sources, skeletonPlan(plan), dayRange(day));
  const directory = run.partitions.stage("skeleton", day);
  const expectUnchanged = (): Promise<void> => assertUnchanged(session, [...sources].flatMap(([name, source]) => (sourcesRead[name] ? [source] : [])), day);
  try {
    const stale = verdict.state === "stale" && verdict.scope === "columns" ? new Set(verdict.columns.keys()) : undefined;
    const merged = stale && (await mergeSkeleton(run, {day, stale, directory}));
    const files = merged ?? (await write(day, directory));
    const enriched = enrichmentOperators(plan).map((op) => op.column);
    const columns = sinkColumns(plan, "skeleton");
    const made = columns.filter((column) => !enriched.includes(column));
    const paths = files.map((file) => join(directory, file.name));
    const checks = await runChecks(session, paths, service, {columns: made, hasTableChecks: true, neighbours: {partitions: run.partitions, stage: "skeleton", day}});
    gate(run, "skeleton", day, {checks, directory});
    const statistics = await readStatistics(session, paths, columns, countedLists(files));
    await expectUnchanged();
    const published = merged && run.partitions.findManifest("skeleton", day)!;
    const carried = published ? timesOf(columns.filter((column) => !stale.has(column)), publishedOf(published)) : {};
    await publish(run, {stage: "skeleton", day, wanted, carried, sources: sourcesRead, files, statistics, checks, startedMs});
    return checks;
  } catch (error) {
    discardUnlessGated(run, "skeleton", day, error);
    throw effects.signal.aborted ? error : blameSource(await findChange(error, expectUnchanged), sources.values());
  }
}

/** A source that changed while it was read is why reading it failed; whoever opened it first may not know. */
async function findChange(error: unknown, expectUnchanged: () => Promise<void>): Promise<unknown> {
  if (!(error instanceof DaedalusError && error.code === "operator-failed") || isConnectionLoss(error)) return error;
  try {
    await expectUnchanged();
    return error;
  } catch (found) {
    return found instanceof DaedalusError && found.code === "source-changed" ? found : error;
  }
}

/** `session`: one that is open, instead of the dataset's own. */
async function makeDataset(run: Run, day: string, verdict: Verdict, session: DuckDbSession | undefined): Promise<readonly CheckResult[]> {
  const {plan, partitions, effects} = run;
  const startedMs = effects.now();
  effects.onEvent({kind: "day-stage", day, stage: "enrich"});
  const skeleton = partitions.findManifest("skeleton", day)!;
  const wanted = run.planner.wantedDataset(publishedOf(skeleton));
  const directory = partitions.stage("dataset", day);
  try {
    const columns = sinkColumns(plan, "dataset");
    const enrichments = enrichmentsOf(run);
    const isSame = enrichments.length === 0 && columns.length === sinkColumns(plan, "skeleton").length;
    const embeddings = enrichments.map(({name}) => name);
    const carried = await findCarried(partitions, day, verdict, embeddings);
    const enrich = (open: DuckDbSession): ReturnType<typeof enrichDay> => enrichDay(run, {day, directory, enrichments, carried, columns}, open);
    const {checks, added} = isSame ? {checks: [], added: []} : await (session ? enrich(session) : inSession(run, enrich));
    if (isSame) for (const path of await partitions.holdFiles("skeleton", day, effects.signal)) linkOrCopy(path, join(directory, basename(path)));
    const statistics = new Map([...skeleton.columns, ...added].map((column) => [column.name, column]));
    const files = parquetNames(directory).map((name, index) => ({name, rows: skeleton.files[index]?.rows ?? 0, bytes: statSync(join(directory, name)).size}));
    // The skeleton has placeholders where the dataset has embeddings.
    const skeletonTimes = Object.entries(skeleton.carried).filter(([name]) => !embeddings.includes(name));
    await publish(run, {stage: "dataset", day, wanted, carried: {...Object.fromEntries(skeletonTimes), ...carried.times}, sources: {}, files, statistics: columns.map((column) => statistics.get(column)!), checks: [...skeletonChecks(skeleton), ...checks], startedMs});
    return checks;
  } catch (error) {
    discardUnlessGated(run, "dataset", day, error);
    throw error;
  }
}

async function writeLake(lake: LakeTable, {partitions, effects}: Run, day: string): Promise<void> {
  const manifest = partitions.findManifest("dataset", day);
  if (!manifest || lake.days.get(day) === manifest.written_at) return;
  effects.onEvent({kind: "day-stage", day, stage: "publish"});
  await lake.write({day, writtenAt: manifest.written_at, files: await partitions.holdFiles("dataset", day, effects.signal), signal: effects.signal});
}

interface Enriching {
  readonly day: string;
  readonly directory: string;
  readonly enrichments: readonly ResolvedEnrichment[];
  readonly carried: CarriedEmbeddings;
  readonly columns: readonly string[];
}

async function enrichDay(run: Run, {day, directory, enrichments, carried, columns}: Enriching, session: DuckDbSession): Promise<{checks: readonly CheckResult[]; added: readonly ColumnStatistics[]}> {
  const {project, service, partitions, effects} = run;
  const computed = enrichments.filter(({name}) => !carried.names.includes(name));
  await enrichPartition({skeletonFiles: await partitions.holdFiles("skeleton", day, effects.signal), outputDirectory: directory, enrichments: computed, carried, columnOrder: columns, root: project.root, session, signal: effects.signal});
  const paths = parquetNames(directory).map((name) => join(directory, name));
  const names = enrichments.map((enrichment) => enrichment.name);
  const checks = await runChecks(session, paths, service, {columns: names, hasTableChecks: false, neighbours: {partitions, stage: "dataset", day}});
  gate(run, "dataset", day, {checks, directory});
  return {checks, added: [...carried.statistics, ...(await readStatistics(session, paths, computed.map(({name}) => name)))]};
}

const parquetNames = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith(".parquet")).sort();

const skeletonChecks = (manifest: Manifest): CheckResult[] => manifest.checks.map(({passed, ...check}) => ({...check, isPassed: passed}));

function enrichmentsOf({plan, project}: Run): readonly ResolvedEnrichment[] {
  return enrichmentOperators(plan).map((op) => {
    const dtype = parseDtype(op.dtype);
    if (dtype?.kind !== "vector" && (dtype?.kind !== "scalar" || dtype.name !== "FLOAT")) throw new Error(`enrichment ${op.name} has dtype ${op.dtype}`);
    const {aggregations} = project;
    return {name: op.column, sourceColumn: op.sourceColumn, store: aggregations.stores.get(op.store)!, udfName: op.udf, udf: aggregations.udfs.get(op.udf), dtype: dtype as EmbeddingDtype, ...op.with};
  });
}

function gate({partitions, service, effects}: Run, stage: Stage, day: string, {checks, directory}: {checks: readonly CheckResult[]; directory: string}): void {
  effects.onEvent({kind: "day-checks", day, stage, checks});
  const failed = checks.filter((check) => !check.isPassed && check.severity === "error").map(({check, found}) => ({check, found}));
  if (failed.length === 0) return;
  partitions.noteFailure(stage, day, failed);
  throw DaedalusError.of("checks-failed", {service: service.name, day, failed: failed.map(renderFinding), staged: directory});
}

/** What failed its checks stays staged for inspection until the next run of the day. */
function discardUnlessGated({partitions}: Run, stage: Stage, day: string, error: unknown): void {
  if (!isGated(error)) partitions.discard(stage, day);
}

/** Whether a day was made and did not pass its checks. */
export const isGated = (error: unknown): boolean => error instanceof DaedalusError && error.code === "checks-failed";

interface Made {
  readonly stage: Stage;
  readonly day: string;
  readonly wanted: Wanted;
  readonly carried: Manifest["carried"];
  readonly sources: Manifest["sources"];
  readonly files: readonly WrittenFile[];
  readonly statistics: readonly ColumnStatistics[];
  readonly checks: readonly CheckResult[];
  readonly startedMs: number;
}

function publish(run: Run, {stage, day, wanted, carried, sources, files, statistics, checks, startedMs}: Made): Promise<void> {
  const {effects, service, plan} = run;
  effects.signal.throwIfAborted();
  effects.onEvent({kind: "day-stage", day, stage: "publish"});
  const nowMs = effects.now();
  const manifest: Omit<Manifest, "digest"> = {
    format: manifestFormat,
    service: service.name,
    service_version: service.version,
    stage,
    day,
    plan_digest: digestPlan(stage === "skeleton" ? skeletonPlan(plan) : plan),
    sources,
    made_by: wanted.madeBy,
    reaches: Object.fromEntries(wanted.reaches),
    carried,
    skeleton_written_at: wanted.skeleton?.writtenAt,
    stores: wanted.stores,
    versions: {daedalus: version, duckdb: run.duckdbVersion, node: process.versions.node},
    aggregation_engine: run.engine.name,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    files: files.map(({name, rows, bytes}) => ({name, rows, bytes})),
    columns: [...statistics],
    checks: checks.map(({isPassed, ...check}) => ({...check, passed: isPassed})),
    seconds: (nowMs - startedMs) / 1000,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    written_at: new Date(nowMs).toISOString(),
  };
  return run.partitions.publish(stage, day, manifest, effects.signal);
}
