/** Whether a partition is what would be made today, and if not, what of it must be made and why, in words. */
import type {MadeBy, Published} from "./manifest.js";

/** What a stage of a day would be made of today. */
export interface Wanted {
  readonly version: string;
  readonly madeBy: MadeBy;
  /** Name of a reach -> digest of its files on that day. */
  readonly reaches: ReadonlyMap<string, string>;
  readonly stores: Readonly<Record<string, string>>;
  /** Dataset only. */
  readonly skeleton?: SkeletonTimes | undefined;
}

/** When the columns of a skeleton were computed: those that are not carried, when it was written. */
export type SkeletonTimes = Pick<Published, "writtenAt" | "carried">;

const computedAt = (column: string, {writtenAt, carried}: SkeletonTimes): string => carried[column] ?? writtenAt;

/** What a partition says of columns that it takes from another. */
export const timesOf = (columns: readonly string[], from: SkeletonTimes): Record<string, string> =>
  Object.fromEntries(columns.map((name) => [name, computedAt(name, from)]));

export type Verdict =
  | {readonly state: "current"}
  | {readonly state: "missing"; readonly reason: string}
  /** All of it: the rows may be others. */
  | {readonly state: "stale"; readonly scope: "rows"; readonly reason: string}
  /** The rows stay. Without stale columns, the files are only arranged or checked anew. */
  | {readonly state: "stale"; readonly scope: "columns"; readonly columns: ReadonlyMap<string, string>; readonly reason: string};

interface Comparison {
  readonly rows: string | undefined;
  readonly columns: ReadonlyMap<string, string>;
  readonly shape: string | undefined;
}

const current: Verdict = {state: "current"};
const skeletonNewer = "the skeleton is newer";

/** Compares many days with one set of definitions, which are compared once for days that were made by the same. */
export class Judge {
  private readonly compared = new WeakMap<MadeBy, Comparison>();

  constructor(
    /** Today's definitions of the stage. */
    private readonly madeBy: MadeBy,
    /** Name of a reach -> its view. */
    private readonly viewOf: ReadonlyMap<string, string>,
    /** Dataset only: column -> what it is made of in the skeleton, which for a column of the skeleton is itself. */
    private readonly inputsOf: ReadonlyMap<string, readonly string[]> = new Map(),
  ) {}

  /** `published`: a partition, or why there is none. */
  judge(published: Published | string, wanted: Omit<Wanted, "madeBy">): Verdict {
    if (typeof published === "string") return {state: "missing", reason: published};
    const stale = (reason: string): Verdict => ({state: "stale", scope: "rows", reason});
    if (published.version !== wanted.version) return stale(`made by version ${published.version}`);
    const compared = this.compare(published.madeBy);
    if (compared.rows !== undefined) return stale(compared.rows);
    const newer = this.findNewer(published, wanted.skeleton);
    if (newer.length > 0 && newer.length === this.inputsOf.size) return stale(skeletonNewer);
    const columns = new Map([...newer.map((name) => [name, this.madeBy.columns[name] ? "its ids are newer" : skeletonNewer] as const), ...compared.columns]);
    const shape = published.skeletonWrittenAt === wanted.skeleton?.writtenAt ? compared.shape : skeletonNewer;
    const changed = new Map<string, string>();
    for (const [name, digest] of wanted.reaches) {
      if (published.reaches[name] !== digest) changed.set(name, `the source of view "${this.viewOf.get(name)!}" changed`);
    }
    const changedStores = new Map<string, string>();
    for (const [store, version] of Object.entries(wanted.stores)) {
      if (published.stores[store] !== version) changedStores.set(store, `the embedding store "${store}" changed`);
    }
    if (changed.size + changedStores.size > 0) return this.judgeSources(columns, shape, changed, changedStores);
    return staleColumns(columns, shape) ?? current;
  }

  /** Columns whose values in the skeleton may be others than those that the dataset was made of. */
  private findNewer({skeletonWrittenAt, carried}: Published, skeleton: SkeletonTimes | undefined): readonly string[] {
    if (!skeleton || skeleton.writtenAt === skeletonWrittenAt) return [];
    const before = {writtenAt: skeletonWrittenAt ?? "", carried};
    return [...this.inputsOf].flatMap(([name, inputs]) => (inputs.some((input) => computedAt(input, before) !== computedAt(input, skeleton)) ? [name] : []));
  }

  private judgeSources(columns: ReadonlyMap<string, string>, shape: string | undefined, changed: ReadonlyMap<string, string>, changedStores: ReadonlyMap<string, string>): Verdict {
    const reasonOf = ({reaches, stores}: Pick<MadeBy["rows"][number], "reaches" | "stores">): string | undefined => {
      for (const name of reaches) if (changed.has(name)) return changed.get(name);
      for (const store of stores) if (changedStores.has(store)) return changedStores.get(store);
      return undefined;
    };
    for (const part of this.madeBy.rows) {
      const reason = reasonOf(part);
      if (reason !== undefined) return {state: "stale", scope: "rows", reason};
    }
    const all = new Map(columns);
    for (const [name, recipe] of Object.entries(this.madeBy.columns)) {
      const reason = all.get(name) ?? reasonOf(recipe);
      if (reason !== undefined) all.set(name, reason);
    }
    return staleColumns(all, shape) ?? current;
  }

  private compare(made: MadeBy): Comparison {
    let comparison = this.compared.get(made);
    if (!comparison) {
      comparison = compareDefinitions(made, this.madeBy);
      this.compared.set(made, comparison);
    }
    return comparison;
  }
}

function staleColumns(columns: ReadonlyMap<string, string>, shape: string | undefined): Verdict | undefined {
  if (columns.size === 0) return shape === undefined ? undefined : {state: "stale", scope: "columns", columns, reason: shape};
  return {state: "stale", scope: "columns", columns, reason: renderReasons(columns)};
}

function compareDefinitions(made: MadeBy, wanted: MadeBy): Comparison {
  const columns = new Map<string, string>();
  for (const [name, {definition}] of Object.entries(wanted.columns)) {
    const before = made.columns[name];
    if (!before) columns.set(name, "not in the partition");
    else if (before.definition !== definition) columns.set(name, "the definition changed");
  }
  return {rows: compareRows(made, wanted), columns, shape: compareShape(made, wanted)};
}

/** Parts are compared by what they say, so that another name or order of filters is no change. */
function compareRows(made: MadeBy, wanted: MadeBy): string | undefined {
  const missing = (from: MadeBy, others: MadeBy): string | undefined => {
    const known = new Set(others.rows.map((part) => part.definition));
    return from.rows.find((part) => !known.has(part.definition))?.what;
  };
  const changed = missing(wanted, made);
  if (changed !== undefined) return `rows changed: ${changed}`;
  const removed = missing(made, wanted);
  return removed === undefined ? undefined : `rows changed: without ${removed}`;
}

function compareShape(made: MadeBy, wanted: MadeBy): string | undefined {
  const surplus = made.order.filter((name) => !wanted.order.includes(name));
  if (surplus.length > 0) return `${renderNames(surplus)}: no longer wanted`;
  if (made.order.join("\n") !== wanted.order.join("\n")) return "the order of columns changed";
  return made.checks === wanted.checks ? undefined : "the checks changed";
}

function renderReasons(columns: ReadonlyMap<string, string>): string {
  const names = new Map<string, string[]>();
  for (const [name, reason] of columns) names.set(reason, [...(names.get(reason) ?? []), name]);
  return [...names].map(([reason, those]) => `${renderNames(those)}: ${reason}`).join("; ");
}

const renderNames = (names: readonly string[]): string => (names.length > 4 ? `${names.length} columns` : names.join(", "));
