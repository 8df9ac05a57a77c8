/** What a day needs today: today's definitions and sources held against what is published. */
import type {ColumnCheck, Service, TableCheck} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import {digestOf} from "../plan/digest.js";
import type {Plan} from "../plan/operator.js";
import {dayRange} from "./day.js";
import type {MadeBy, Published} from "./manifest.js";
import {enrichmentOperators, sinkColumns, type OpenService} from "./open-service.js";
import type {Stage} from "./partition.js";
import {Judge, timesOf, type SkeletonTimes, type Verdict, type Wanted} from "./verdict.js";
import {version} from "./version.js";

export interface DayPlan {
  readonly day: string;
  /** Undefined where the stage is not asked for. */
  readonly skeleton: Verdict | undefined;
  readonly dataset: Verdict | undefined;
  /** Whether the lake has the dataset; undefined without a lake, and where a dataset is made first. */
  readonly lake: Verdict | undefined;
}

export type FindPublished = (stage: Stage, day: string) => Published | string;

/** Plans days of one service. Definitions are digested once; a day costs a look at its files' digests. */
export class DayPlanner {
  private readonly skeletonBy: MadeBy;
  private readonly datasetBy: MadeBy;
  private readonly skeletonJudge: Judge;
  private readonly datasetJudge: Judge;
  /** Store -> its version, of those that decide about rows or columns of a skeleton, and those that a dataset is enriched from. */
  private readonly skeletonStores: Readonly<Record<string, string>>;
  private readonly datasetStores: Readonly<Record<string, string>>;

  constructor(private readonly open: OpenService) {
    const {recipe, plan, service, storeVersions, udfVersions} = open;
    const checks = digestOf(checksOf(service));
    this.skeletonBy = {rows: [...recipe.rows], columns: Object.fromEntries(recipe.columns), order: [...sinkColumns(plan, "skeleton")], checks};
    const embeddings = enrichmentOperators(plan).map(({name: _name, inputs: _inputs, output: _output, engine: _engine, ...rest}) => {
      const definition = digestOf([rest, udfVersions.get(rest.udf) ?? ""]);
      return [rest.column, {definition, reaches: [], stores: [rest.store]}] as const;
    });
    this.datasetBy = {rows: [], columns: Object.fromEntries(embeddings), order: [...sinkColumns(plan, "dataset")], checks};
    const viewOf = new Map([...recipe.reaches].map(([name, {view}]) => [name, view]));
    this.skeletonJudge = new Judge(this.skeletonBy, viewOf);
    this.datasetJudge = new Judge(this.datasetBy, viewOf, inputsOf(plan));
    const covered = new Set(recipe.rows.flatMap((part) => part.stores).concat([...recipe.columns.values()].flatMap((column) => column.stores)));
    const enriching = new Set(embeddings.flatMap(([, {stores}]) => stores));
    this.skeletonStores = Object.fromEntries([...storeVersions].filter(([store]) => covered.has(store)));
    this.datasetStores = Object.fromEntries([...storeVersions].filter(([store]) => enriching.has(store)));
  }

  wantedSkeleton(day: string): Wanted {
    const {recipe, reachDigests} = this.open;
    const range = dayRange(day);
    const reaches = new Map([...recipe.reaches].map(([name, reach]) => [name, reachDigests.digestOf(reach, range)]));
    return {version, madeBy: this.skeletonBy, reaches, stores: this.skeletonStores};
  }

  /** Of the skeleton that the dataset is made of. */
  wantedDataset(skeleton: SkeletonTimes): Wanted {
    return {version, madeBy: this.datasetBy, reaches: new Map(), stores: this.datasetStores, skeleton};
  }

  /** @throws DaedalusError when --enrich-only finds no current skeleton */
  planDay(day: string, find: FindPublished): DayPlan {
    const {stages, service} = this.open;
    const published = find("skeleton", day);
    const skeleton = this.skeletonJudge.judge(published, this.wantedSkeleton(day));
    if (stages === "enrich" && skeleton.state === "missing") throw DaedalusError.of("skeleton-missing", {service: service.name, day});
    if (stages === "enrich" && skeleton.state === "stale") throw DaedalusError.of("skeleton-stale", {service: service.name, day, reason: skeleton.reason});
    if (stages === "skeleton") return {day, skeleton, dataset: undefined, lake: undefined};
    const found = find("dataset", day);
    const dataset = this.datasetJudge.judge(found, this.wantedDataset(timesAfter(published, skeleton)));
    return {day, skeleton: stages === "enrich" ? undefined : skeleton, dataset, lake: dataset.state === "current" ? this.judgeLake(day, found as Published) : undefined};
  }

  private judgeLake(day: string, {writtenAt, rows}: Published): Verdict | undefined {
    const {lake} = this.open;
    if (!lake) return undefined;
    const has = lake.days.get(day);
    if (has === writtenAt || (has === undefined && rows === 0)) return {state: "current"};
    return {state: "stale", scope: "columns", columns: new Map(), reason: has === undefined ? "the lake does not have it" : "the lake has another version of it"};
  }
}

/** What the skeleton will say of its columns when it is made as the verdict says. */
function timesAfter(published: Published | string, verdict: Verdict): SkeletonTimes {
  if (typeof published === "string" || verdict.state === "missing") return notYet;
  if (verdict.state === "current") return published;
  if (verdict.scope === "rows") return notYet;
  const kept = published.madeBy.order.filter((name) => !verdict.columns.has(name));
  return {...notYet, carried: timesOf(kept, published)};
}

const notYet: SkeletonTimes = {writtenAt: "", carried: {}};

/** What the skeleton's columns are to a dataset: column -> the columns of the skeleton that it is made of. */
function inputsOf(plan: Plan): ReadonlyMap<string, readonly string[]> {
  const embeddings = new Map(enrichmentOperators(plan).map(({column, sourceColumn, with: {otherColumn, recency} = {}}) => {
    const others = [otherColumn, recency?.timeColumn, recency?.rowTimeColumn];
    return [column, [sourceColumn, ...others.filter((name) => name !== undefined)]] as const;
  }));
  return new Map(sinkColumns(plan, "dataset").map((name) => [name, embeddings.get(name) ?? [name]]));
}

/** Why the day must be made; undefined when it is current. */
export function reasonOfDay({skeleton, dataset, lake}: DayPlan): string | undefined {
  for (const verdict of [skeleton, dataset, lake]) if (verdict && verdict.state !== "current") return verdict.reason;
  return undefined;
}

/** Checks belong to what a stage is, but where they stand in the file does not. */
function checksOf(service: Service): unknown {
  const plain = ({place: _place, ...check}: ColumnCheck | TableCheck): unknown => check;
  return [(service.columns ?? []).map((column) => [column.name, column.isNullable, column.checks.map(plain)]), service.checks.map(plain)];
}
