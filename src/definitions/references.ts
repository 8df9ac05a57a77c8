/**
 * Names that one definition uses and another one declares. Files are translated one by one and leave their references here;
 * once all are read, each is looked up. Which column a dataset's column comes from is the plan's question, not asked here.
 */
import type {Place, Problems} from "../errors.js";
import type {View} from "./model.js";
import {findNearest} from "./nearest.js";

export type Reference = {readonly place: Place} & (
  | {readonly kind: "view"; readonly view: string}
  /** A view that must have a timestamp: `what` needs it. */
  | {readonly kind: "timed-view"; readonly view: string; readonly what: string}
  | {readonly kind: "view-column"; readonly view: string; readonly column: string}
  /** A column of any view, or one that the definitions make. */
  | {readonly kind: "column"; readonly column: string}
  /** A spec's `timestamp_column`; without a history, the spine's. */
  | {readonly kind: "timestamp-column"; readonly history: string | undefined; readonly column: string}
  /** A time rule that the view's join does not read, and only a history or a spine of it would. */
  | {readonly kind: "history-rule"; readonly view: string; readonly key: string; readonly reason: string}
  | {readonly kind: "store"; readonly store: string}
  /** A column of `enrichment_specs`. */
  | {readonly kind: "enrichment"; readonly column: string}
  | {readonly kind: "udf"; readonly udf: string}
);

/** What is declared. Where a file could not be read in full, `partial*` says which absences prove nothing. */
export interface Declarations {
  readonly views: ReadonlyMap<string, View>;
  /** Views whose file has problems; their columns may be more than those known. */
  readonly partialViews: ReadonlySet<string>;
  /** True when their folder could not be read. */
  readonly areViewsUnknown: boolean;
  readonly spineViews: readonly string[];
  /** Columns that services and aggregations make. */
  readonly madeColumns: ReadonlySet<string>;
  readonly stores: ReadonlySet<string>;
  readonly enrichments: ReadonlySet<string>;
  readonly udfs: ReadonlySet<string>;
  readonly isPartial: boolean;
  readonly isAggregationsPartial: boolean;
}

/** The columns that a view offers: join keys, timestamp, fields. */
function columnsOf(view: View): string[] {
  const timestamp = view.timestampColumn === undefined ? [] : [view.timestampColumn];
  return [...new Set([...view.joinKeys, ...timestamp, ...view.fields.map((field) => field.name)])];
}

export function checkReferences(references: readonly Reference[], declared: Declarations, problems: Problems): void {
  const allColumns = new Set([...declared.views.values()].flatMap(columnsOf));
  for (const name of declared.madeColumns) allColumns.add(name);

  const checkView = (name: string, place: Place): View | undefined => {
    const view = declared.views.get(name);
    const isUnknown = !view && !declared.areViewsUnknown && !declared.partialViews.has(name);
    if (isUnknown) reportUnknown({what: "view", plural: "views", name, place}, [...declared.views.keys(), ...declared.partialViews], problems);
    return view;
  };

  for (const reference of references) {
    const {place} = reference;
    switch (reference.kind) {
      case "view":
        checkView(reference.view, place);
        break;
      case "timed-view": {
        const view = checkView(reference.view, place);
        if (view && view.timestampColumn === undefined && !declared.partialViews.has(view.name)) {
          problems.add("timestamp-needed", {what: reference.what, view: view.name}, place);
        }
        break;
      }
      case "view-column": {
        const view = declared.views.get(reference.view);
        if (!view || declared.partialViews.has(view.name) || columnsOf(view).includes(reference.column)) break;
        const name = `${view.name}:${reference.column}`;
        const columns = columnsOf(view).map((column) => `${view.name}:${column}`);
        reportUnknown({what: "column", plural: "columns", name, place}, columns, problems);
        break;
      }
      case "column":
        if (declared.isPartial || allColumns.has(reference.column)) break;
        reportUnknown({what: "column", name: reference.column, place}, allColumns, problems);
        break;
      case "timestamp-column": {
        const histories = reference.history === undefined ? declared.spineViews : [reference.history];
        const expected = histories.map((name) => declared.views.get(name)?.timestampColumn);
        if (declared.isPartial || expected.some((column) => column === undefined || column === reference.column)) break;
        if (expected.length === 0) break;
        const whose = reference.history === undefined ? "the spine's timestamp column" : `the timestamp column of view "${reference.history}"`;
        problems.add(
          "value-wrong",
          {key: "timestamp_column", expected: `${whose}, "${[...new Set(expected)].join('" or "')}"`, found: `"${reference.column}"`},
          place,
        );
        break;
      }
      case "history-rule": {
        const {view, key, reason} = reference;
        const isRead = references.some((other) => other.kind === "timed-view" && other.view === view);
        if (!declared.isPartial && !isRead) problems.add("setting-without-effect", {key, reason}, place, "warning");
        break;
      }
      case "store":
        if (declared.isAggregationsPartial || declared.stores.has(reference.store)) break;
        reportUnknown({what: "embedding store", plural: "stores", name: reference.store, place}, declared.stores, problems);
        break;
      case "enrichment":
        if (declared.isAggregationsPartial || declared.enrichments.has(reference.column)) break;
        reportUnknown({what: "embedding column", plural: "embedding columns", name: reference.column, place}, declared.enrichments, problems);
        break;
      case "udf":
        if (declared.isAggregationsPartial || declared.udfs.has(reference.udf)) break;
        reportUnknown({what: "function", plural: "functions", name: reference.udf, place}, declared.udfs, problems);
        break;
    }
  }
}

interface Unknown {
  readonly what: string;
  /** Set where the list of what exists is short enough to be shown. */
  readonly plural?: string;
  readonly name: string;
  readonly place: Place;
}

function reportUnknown({what, plural, name, place}: Unknown, existing: Iterable<string>, problems: Problems): void {
  const names = [...new Set(existing)];
  const shown = names.map((known) => `"${known}"`).join(", ");
  const hint = plural === undefined ? undefined : names.length === 0 ? `there are no ${plural}` : `the ${plural} are ${shown}`;
  problems.add("reference-unknown", {what, name, nearest: findNearest(name, names), hint}, place);
}
