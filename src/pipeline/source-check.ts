/**
 * Before the first day is computed, every source of the plan is opened: columns and dtypes are compared with the declarations,
 * and each file's range of time is read from its footer, so that a day reads only the files that can matter to it.
 */
import {statSync} from "node:fs";
import {relative} from "node:path";
import {duckdbType, renderDtype} from "../definitions/dtype.js";
import {findNearest} from "../definitions/nearest.js";
import type {Project, View} from "../definitions/model.js";
import type {ColumnType, DuckDbSession} from "../engines/duckdb/connection.js";
import type {ScanColumn, ScanSource} from "../engines/duckdb/emit.js";
import {DaedalusError, type Place, type Problems} from "../errors.js";
import {digestOf} from "../plan/digest.js";
import type {Plan} from "../plan/operator.js";
import type {Environment} from "../sources/environment.js";
import {renderFileRanges} from "../sources/parquet.js";
import {quoteName} from "../sources/quote.js";
import {openSource, type Source} from "../sources/source.js";
import {isCompatible} from "./dtype-check.js";
import {reasonOf} from "./failure.js";

interface SourceFile {
  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** Inclusive range of the timestamp column; undefined when the footer does not tell. */
  readonly range: {readonly minUs: number; readonly maxUs: number} | undefined;
}

export interface CheckedSource {
  readonly view: View;
  readonly source: Source;
  readonly columns: ReadonlyMap<string, ScanColumn>;
  readonly files: readonly SourceFile[];
}

/** Problems are collected over all views; the result is usable only when none of them is an error. */
export async function checkSources(
  session: DuckDbSession,
  plan: Plan,
  project: Project,
  environment: Environment,
  problems: Problems,
): Promise<ReadonlyMap<string, CheckedSource>> {
  const needed = new Map<string, Set<string>>();
  for (const op of plan.operators) {
    if (op.opKind !== "scan") continue;
    const columns = needed.get(op.view) ?? new Set();
    needed.set(op.view, columns);
    for (const column of op.columns) columns.add(column);
  }
  const checked = new Map<string, CheckedSource>();
  for (const [name, columns] of needed) {
    const view = project.views.get(name)!;
    try {
      const source = openSource(view, project, environment);
      for (const sql of source.setup) await session.run(sql);
      const found = await session.describe(`SELECT * FROM ${source.renderRelation()}`);
      const scanColumns = checkColumns(view, columns, found, problems);
      checked.set(name, {view, source, columns: scanColumns, files: await readFiles(session, view, source)});
    } catch (error) {
      if (error instanceof DaedalusError) problems.all.push(error);
      else problems.add("source-unreadable", {view: name, reason: reasonOf(error)}, view.source.place);
    }
  }
  return checked;
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

async function readFiles(session: DuckDbSession, view: View, source: Source): Promise<SourceFile[]> {
  if (source.files.length === 0) return [];
  const ranges = new Map<string, SourceFile["range"]>();
  const time = view.timestampColumn;
  if (time !== undefined) {
    const sourceTime = [...view.source.fieldMapping].find(([, to]) => to === time)?.[0] ?? time;
    for (const row of await session.rows(renderFileRanges(source.files, sourceTime))) {
      const {file_name: file, is_known: isKnown, min_us: min, max_us: max} = row as {file_name: string; is_known: boolean; min_us: bigint | null; max_us: bigint | null};
      if (isKnown && min !== null && max !== null) ranges.set(file, {minUs: Number(min), maxUs: Number(max)});
    }
  }
  return source.files.map((path) => {
    const {size, mtimeMs} = statSync(path);
    return {path, size, modifiedMs: mtimeMs, range: ranges.get(path)};
  });
}

/** The files that can hold rows of `[fromUs, toUs)`; undefined bounds are open. */
export function filesBetween(checked: CheckedSource, fromUs: number | undefined, toUs: number | undefined): readonly SourceFile[] {
  return checked.files.filter(
    ({range}) => range === undefined || ((fromUs === undefined || range.maxUs >= fromUs) && (toUs === undefined || range.minUs < toUs)),
  );
}

/** Scans of one day: each relation is narrowed to the files that its bounds can reach. */
export function scansOf(sources: ReadonlyMap<string, CheckedSource>, dayEndUs: number): ReadonlyMap<string, ScanSource> {
  return new Map(
    [...sources].map(([name, checked]) => [
      name,
      {
        columns: checked.columns,
        place: checked.view.source.place,
        renderRelation: (bounds) => {
          const files = bounds ? filesBetween(checked, bounds.fromUs, dayEndUs) : checked.files;
          // One file stays for its schema when no file has rows: the bounds then keep nothing of it.
          const kept = files.length > 0 ? files : checked.files.slice(0, 1);
          return checked.source.renderRelation(kept.map((file) => file.path));
        },
      },
    ]),
  );
}

/** What the rows of a day depend on, per view: a digest over the files that its scans can reach. */
export function identifySources(
  sources: ReadonlyMap<string, CheckedSource>,
  plan: Plan,
  day: {readonly startUs: number; readonly endUs: number},
  root: string,
): Readonly<Record<string, {readonly files: number; readonly bytes: number; readonly digest: string}>> {
  const identities: Record<string, {files: number; bytes: number; digest: string}> = {};
  for (const [name, checked] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const reached = new Map<string, SourceFile>();
    for (const op of plan.operators) {
      if (op.opKind !== "scan" || op.view !== name) continue;
      const isBounded = op.timeColumn !== undefined;
      const fromUs = op.fromUs === undefined ? undefined : day.startUs + op.fromUs;
      const files = isBounded ? filesBetween(checked, fromUs, day.endUs) : checked.files;
      for (const file of files) reached.set(file.path, file);
    }
    const files = [...reached.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    identities[name] = {
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.size, 0),
      digest: digestOf(files.map(({path, size, modifiedMs}) => [relative(root, path), size, modifiedMs])),
    };
  }
  return identities;
}
