/**
 * Before the first day is computed, every source of the plan is opened: columns and dtypes are compared with the declarations,
 * and each file's range of time is read from its footer, so that a day reads only the files that can matter to it.
 */
import {duckdbType, renderDtype} from "../definitions/dtype.js";
import {findNearest} from "../definitions/nearest.js";
import type {Project, View} from "../definitions/model.js";
import type {ColumnType, DuckDbSession} from "../engines/duckdb/connection.js";
import {renderInstantText, type ScanColumn, type ScanSource} from "../engines/duckdb/emit.js";
import type {Place, Problems} from "../errors.js";
import {digestOf} from "../plan/digest.js";
import type {Plan} from "../plan/operator.js";
import type {Environment} from "../sources/environment.js";
import {quoteName} from "../sources/quote.js";
import {openSource, type Bounds, type Snapshot, type Source} from "../sources/source.js";
import {isCompatible} from "./dtype-check.js";
import type {Manifest} from "./manifest.js";
import {partsBetween, readFiles, readParts, type SourceFile, type SourcePart} from "./source-parts.js";
import {atSnapshot, type RunSnapshots} from "./run-snapshots.js";
import type {SourceSummaries} from "./source-summary.js";
import {explainSourceFailure, pinSource, prepareSession, retryLost} from "./source-session.js";

export interface CheckedSource {
  readonly view: View;
  readonly source: Source;
  readonly columns: ReadonlyMap<string, ScanColumn>;
  /** Of a database: none. */
  readonly files: readonly SourceFile[];
  /** What a change is seen by: the files, or the days of a table. */
  readonly parts: readonly SourcePart[];
}

interface CheckHints {
  /** What earlier starts found out about files. */
  readonly summaries?: SourceSummaries;
  /** The rows that are wanted: of files that differ, theirs are looked at. */
  readonly range?: {readonly startUs: number; readonly endUs: number} | undefined;
  readonly pinned?: RunSnapshots | undefined;
}

/** Problems are collected over all views; the result is usable only when none of them is an error. */
export async function checkSources(
  session: DuckDbSession,
  plan: Plan,
  project: Project,
  environment: Environment,
  problems: Problems,
  hints: CheckHints = {},
): Promise<ReadonlyMap<string, CheckedSource>> {
  const needed = new Map<string, Set<string>>();
  for (const op of plan.operators) {
    if (op.opKind !== "scan") continue;
    const columns = needed.get(op.view) ?? new Set();
    needed.set(op.view, columns);
    for (const column of op.columns) columns.add(column);
  }
  const checked = new Map<string, CheckedSource>();
  const snapshots = new Map<string, Snapshot>();
  for (const [name, columns] of needed) {
    const view = project.views.get(name)!;
    try {
      checked.set(name, await retryLost(() => checkSource(session, {view, columns, source: openSource(atSnapshot(view, hints.pinned), project, environment), root: project.root, snapshots, hints}, problems)));
    } catch (error) {
      problems.all.push(explainSourceFailure(view, error));
    }
  }
  return checked;
}

interface Unchecked {
  readonly view: View;
  readonly columns: ReadonlySet<string>;
  readonly source: Source;
  readonly root: string;
  readonly snapshots: Map<string, Snapshot>;
  readonly hints: CheckHints;
}

async function checkSource(session: DuckDbSession, {view, columns: needed, source: opened, root, snapshots, hints: {summaries, range}}: Unchecked, problems: Problems): Promise<CheckedSource> {
  await prepareSession(session, [opened]);
  const source = await pinSource(session, view, opened, snapshots);
  const files = await readFiles(session, {view, source, root, summaries});
  const wanted = range ? partsBetween(files, range.startUs, range.endUs) : files;
  const shown = (wanted.length > 0 ? wanted : files).map((file) => file.path);
  const found = await session.describe(`SELECT * FROM ${source.renderHeader?.() ?? source.renderRelation(shown)}`);
  const columns = checkColumns(view, needed, found, problems);
  // A table is split by a column that may be the very problem.
  const parts = files.length > 0 || problems.hasErrors ? files : await readParts(session, {view, source, types: found});
  return {view, source, columns, files, parts};
}

function checkColumns(view: View, needed: ReadonlySet<string>, found: readonly ColumnType[], problems: Problems): Map<string, ScanColumn> {
  const sourceNames = new Map([...view.source.fieldMapping].map(([from, to]) => [to, from]));
  const types = new Map(found.map((column) => [column.name, column.type]));
  const columns = new Map<string, ScanColumn>();
  for (const name of needed) {
    const field = view.fields.find((candidate) => candidate.name === name);
    const place: Place = field?.place ?? view.source.place;
    const sourceName = sourceNames.get(name) ?? name;
    const sourceType = types.get(sourceName);
    if (sourceType === undefined) {
      problems.add("source-column-missing", {view: view.name, column: sourceName, nearest: findNearest(sourceName, [...types.keys()]), columns: [...types.keys()]}, place);
      continue;
    }
    const isTime = [view.timestampColumn, view.time.availableAt, view.time.validTo].includes(name);
    const declared = isTime ? ({kind: "scalar", name: "TIMESTAMP"} as const) : field?.dtype;
    if (declared && !isCompatible(sourceType, declared) && !(isTime && sourceType === "DATE")) {
      problems.add("source-dtype", {view: view.name, column: sourceName, declared: renderDtype(declared), found: sourceType}, place);
      continue;
    }
    const isExact = declared === undefined || duckdbType(declared) === sourceType;
    const sql = isExact ? quoteName(sourceName) : `CAST(${quoteName(sourceName)} AS ${duckdbType(declared)})`;
    columns.set(name, {sql, sourceName, sourceType});
  }
  return columns;
}

/** Scans of rows before `endUs`: each relation is narrowed to the files that its bounds can reach. */
export function scansOf(sources: ReadonlyMap<string, CheckedSource>, endUs: number): ReadonlyMap<string, ScanSource> {
  return new Map(
    [...sources].map(([name, checked]) => [
      name,
      {
        columns: checked.columns,
        place: checked.view.source.place,
        renderRelation: (columns, bounds) => {
          const files = bounds ? partsBetween(checked.files, bounds.fromUs, endUs) : checked.files;
          // One file stays for its schema when no file has rows: the bounds then keep nothing of it.
          const kept = files.length > 0 ? files : checked.files.slice(0, 1);
          return checked.source.renderRelation(kept.map((file) => file.path), boundsOf(checked, columns, bounds && {...bounds, endUs}));
        },
        ...(checked.source.keyTypes && {
          renderKeyed: (columns, bounds, values) => {
            const keys = keysOf(checked, values, partsBetween(checked.parts, bounds?.fromUs, endUs));
            return keys && checked.source.renderRelation([], {...boundsOf(checked, columns, bounds && {...bounds, endUs}), keys});
          },
        }),
      },
    ]),
  );
}

/** Below this many rows, all of them come sooner than the keys go. */
const keyedRowsMin = 20_000;

/** Undefined where most rows would come anyway. */
function keysOf({source, columns}: CheckedSource, values: ReadonlyMap<string, readonly string[]>, parts: readonly SourcePart[]): Bounds["keys"] {
  const rows = parts.reduce((sum, {size}) => sum + size, 0);
  const keys = [...values].flatMap(([name, texts]) => {
    const column = columns.get(name);
    if (!column || !source.keyTypes?.has(column.sourceType) || texts.length * 4 > rows) return [];
    return [{column: column.sourceName, type: column.sourceType, values: texts}];
  });
  return rows < keyedRowsMin || keys.length === 0 ? undefined : keys;
}

interface TimeBounds {
  readonly timeColumn: string;
  readonly fromUs: number | undefined;
  readonly endUs: number;
}

/** Our names and instants as the source has them. */
export function boundsOf({columns}: CheckedSource, names: readonly string[], bounds: TimeBounds | undefined): Bounds {
  const time = bounds && columns.get(bounds.timeColumn);
  const isZoned = time?.sourceType === "TIMESTAMP WITH TIME ZONE";
  const text = (us: number | undefined): string | undefined => (us === undefined ? undefined : `${renderInstantText(us)}${isZoned ? "+00" : ""}`);
  const isInstant = isZoned || time?.sourceType === "TIMESTAMP";
  return {
    columns: [...new Set(names.flatMap((name) => columns.get(name)?.sourceName ?? []))],
    // Of other types only a cast is an instant, and the source's own cast may be another.
    time: time && isInstant ? {column: time.sourceName, type: isZoned ? "TIMESTAMPTZ" : "TIMESTAMP", from: text(bounds.fromUs), end: text(bounds.endUs)} : undefined,
  };
}

/** What the rows of a day depend on, per view: a digest over the files that its scans can reach. */
export function identifySources(
  sources: ReadonlyMap<string, CheckedSource>,
  plan: Plan,
  day: {readonly startUs: number; readonly endUs: number},
): Manifest["sources"] {
  const identities: Record<string, Manifest["sources"][string]> = {};
  for (const [name, checked] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const reached = new Map<string, SourcePart>();
    for (const op of plan.operators) {
      if (op.opKind !== "scan" || op.view !== name) continue;
      const isBounded = op.timeColumn !== undefined;
      const fromUs = op.fromUs === undefined ? undefined : day.startUs + op.fromUs;
      const parts = isBounded ? partsBetween(checked.parts, fromUs, day.endUs) : checked.parts;
      for (const part of parts) reached.set(JSON.stringify(part.identity), part);
    }
    const parts = [...reached].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part);
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const {label, snapshot} = checked.source;
    identities[name] = {
      ...(label === undefined ? {files: parts.length, bytes: size} : {files: 0, bytes: 0, table: label, rows: size, ...(snapshot === undefined ? {} : {snapshot})}),
      digest: digestOf(parts.map(({identity}) => identity)),
    };
  }
  return identities;
}
