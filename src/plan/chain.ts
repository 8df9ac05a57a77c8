/**
 * A chain is the rows of one view with what is joined onto them: the day's rows are one, each history is one. Names are asked
 * for first; the operators are written afterwards, so that each scan reads just the columns that somebody asked for.
 */
import type {Project, Service, View} from "../definitions/model.js";
import type {Dtype} from "../definitions/dtype.js";
import type {Place, Problems} from "../errors.js";
import type {Operator} from "./operator.js";

/** The columns that a view has of its own, before joins: keys, timestamp, fields and those of its time rules. */
export function columnsOf(view: View): ReadonlySet<string> {
  return new Set([
    ...view.joinKeys,
    ...(view.timestampColumn === undefined ? [] : [view.timestampColumn]),
    ...view.fields.map((field) => field.name),
    ...[view.time.availableAt, view.time.validTo].filter((name) => name !== undefined),
    ...view.time.tieBreak.map((tie) => tie.column),
  ]);
}

/** The columns that a view adds when it is joined: fields and, by its name, the timestamp. */
export function joinableColumnsOf(view: View): readonly string[] {
  const fields = view.fields.map((field) => field.name).filter((name) => !view.joinKeys.includes(name));
  const {timestampColumn} = view;
  return timestampColumn === undefined || fields.includes(timestampColumn) ? fields : [...fields, timestampColumn];
}

/** The views that may add columns: those that `feature_refs` names, where it is set, and the service's spine. */
export function loadedViews({views, runtime}: Project, service: Service | undefined): readonly View[] {
  const refs = service && runtime.featureRefs?.map((ref) => ref.view);
  return [...views.values()].filter(({name}) => !refs || name === service.spine.view || refs.includes(name));
}

interface JoinedView {
  readonly view: View;
  readonly fields: Set<string>;
}

export class Chain {
  private readonly baseColumns = new Set<string>();
  private readonly joined = new Map<string, JoinedView>();
  private readonly own: ReadonlySet<string>;
  /** Column -> the views that add it. */
  private readonly producers = new Map<string, View[]>();
  /** Every name that `request` could answer. */
  readonly resolvableNames: ReadonlySet<string>;

  constructor(
    readonly prefix: string,
    readonly base: View,
    views: readonly View[],
    private readonly problems: Problems,
  ) {
    this.own = columnsOf(base);
    for (const view of views) {
      for (const name of view === base ? [] : joinableColumnsOf(view)) {
        const others = this.producers.get(name);
        if (others) others.push(view);
        else this.producers.set(name, [view]);
      }
    }
    this.resolvableNames = new Set([...this.own, ...this.producers.keys()]);
  }

  /** Makes the column part of the chain. False when no view has it; an ambiguous or circular name is a problem. */
  request(name: string, place: Place | undefined, path: readonly string[] = []): boolean {
    if (this.own.has(name)) {
      this.baseColumns.add(name);
      return true;
    }
    const candidates = this.producers.get(name) ?? [];
    if (candidates.length > 1) {
      this.problems.add("column-ambiguous", {column: name, producers: candidates.map((view) => `view ${view.name}`)}, place);
      return true;
    }
    const view = candidates[0];
    if (!view) return false;
    const known = this.joined.get(view.name);
    if (known) {
      known.fields.add(name);
      return true;
    }
    if (path.includes(view.name)) {
      this.problems.add("reference-cycle", {what: "the join keys of views", names: [...path, view.name]}, view.place);
      return true;
    }
    for (const key of view.joinKeys) {
      if (this.request(key, place, [...path, view.name])) continue;
      this.problems.add("join-key-missing", {view: view.name, key, base: this.base.name, column: name}, place);
      return true;
    }
    this.joined.set(view.name, {view, fields: new Set([name])});
    return true;
  }

  /** The dtype of a column that has been requested, where a field declares it. */
  findDtype(name: string): Dtype | undefined {
    const owner = this.own.has(name) ? this.base : this.producers.get(name)?.[0];
    const field = owner?.fields.find((candidate) => candidate.name === name);
    if (field) return field.dtype;
    return owner?.timestampColumn === name ? {kind: "scalar", name: "TIMESTAMP"} : undefined;
  }

  isOwn(name: string): boolean {
    return this.own.has(name);
  }

  scanColumns(): string[] {
    return [...this.baseColumns].sort();
  }

  /** Operators that join the requested views onto `input`; gives the name of the last output. */
  renderJoins(input: string, fromUs: number | undefined, operators: Operator[]): string {
    let current = input;
    for (const {view, fields} of this.joined.values()) {
      const scanned = `${this.prefix}_${view.name}_rows`;
      const output = `${this.prefix}_with_${view.name}`;
      const {time, timestampColumn, joinKeys} = view;
      const added = [...fields].sort();
      const tieColumns = time.tieBreak.map((tie) => tie.column);
      const isPit = time.join === "pit" && timestampColumn !== undefined;
      const timed = time.join === "static" ? [] : [timestampColumn, time.availableAt, time.validTo].filter((name) => name !== undefined);
      const reachUs = isPit && view.ttlUs !== undefined && fromUs !== undefined ? fromUs - view.ttlUs : undefined;
      operators.push({
        opKind: "scan",
        name: `scan_${scanned}`,
        inputs: [],
        output: scanned,
        engine: "sql",
        view: view.name,
        columns: [...new Set([...joinKeys, ...added, ...timed, ...tieColumns])].sort(),
        // A row may become known before its own timestamp, so with `available_at` only the join can bound it.
        ...(isPit && time.availableAt === undefined ? {timeColumn: timestampColumn, fromUs: reachUs} : {}),
      });
      const common = {
        name: `join_${output}`,
        inputs: [current, scanned] as const,
        output,
        engine: "sql" as const,
        right: view.name,
        keys: joinKeys,
        fields: added,
        tieBreak: time.tieBreak,
        onDuplicate: time.onDuplicate,
      };
      operators.push(
        isPit
          ? {
              opKind: "pit_join",
              ...common,
              leftTime: this.base.timestampColumn!,
              rightTime: timestampColumn,
              boundary: time.boundary,
              availableAt: time.availableAt,
              embargoUs: time.embargoUs,
              ttlUs: view.ttlUs,
              validTo: time.validTo,
            }
          : {
              opKind: "join",
              ...common,
              joinKind: time.join === "static" ? "static" : "latest",
              timeColumn: time.join === "static" ? undefined : timestampColumn,
            },
      );
      current = output;
    }
    return current;
  }
}
