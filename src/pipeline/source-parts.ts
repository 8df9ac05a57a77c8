/** What a source is made of that can change: its files, or the days of a table; and which of that a day can reach. */
import {statSync} from "node:fs";
import {relative} from "node:path";
import type {View} from "../definitions/model.js";
import type {ColumnType, DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {renderFileRanges} from "../sources/parquet.js";
import type {Source} from "../sources/source.js";
import {dayUs, parseDay} from "./day.js";
import type {SourceSummaries, ViewSummary} from "./source-summary.js";

export interface SourcePart {
  /** What tells it from itself before a change. */
  readonly identity: readonly (string | number)[];
  /** Bytes of a file, rows of a table's day. */
  readonly size: number;
  /** Inclusive range of the timestamp column; undefined where nothing tells. */
  readonly range: {readonly minUs: number; readonly maxUs: number} | undefined;
}

/** A file as its folder or store lists it. */
export interface ListedFile {
  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** When anything about it changed last, which nobody can set; a store knows no more than `modifiedMs`. */
  readonly changedMs: number;
  /** 0 where there are none. */
  readonly inode: number;
}

export interface SourceFile extends SourcePart, ListedFile {}

interface FileReading {
  readonly view: View;
  readonly source: Source;
  readonly root: string;
  /** What an earlier start found out. */
  readonly summaries?: SourceSummaries | undefined;
}

/** Files and what is known of them without reading their rows. */
export async function readFiles(session: DuckDbSession, {view, source, root, summaries}: FileReading): Promise<SourceFile[]> {
  const files: ListedFile[] = source.listing ? await listFiles(session, source.listing.sql) : source.files.map((path) => ({path, ...statFile(path)}));
  if (files.length === 0) {
    if (source.listing) throw DaedalusError.of("source-missing", {view: view.name, path: source.listing.path, tried: []}, {place: view.source.place});
    return [];
  }
  const key = view.source.options.get("day_partition");
  const ranges = new Map<string, SourceFile["range"]>(files.flatMap(({path}) => (key === undefined ? [] : rangeOfFolder(path, key))));
  const time = sourceTimeOf(view);
  if (time !== undefined && source.hasFooters === true) {
    const unknown = files.filter(({path}) => !ranges.has(path));
    for (const [path, range] of await readRanges(session, unknown, time, summaries?.of(view.name, time))) ranges.set(path, range);
  }
  return files.map((file) => {
    const name = source.listing ? file.path : relative(root, file.path);
    return {...file, range: ranges.get(file.path), identity: [name, file.size, file.modifiedMs]};
  });
}

async function readRanges(session: DuckDbSession, files: readonly ListedFile[], time: string, summary: ViewSummary | undefined): Promise<ReadonlyMap<string, SourceFile["range"]>> {
  const ranges = new Map<string, SourceFile["range"]>();
  const unread: ListedFile[] = [];
  for (const file of files) {
    const range = summary?.find(file).range;
    if (range === undefined) unread.push(file);
    else if (range !== null) ranges.set(file.path, range);
  }
  for (const [path, range] of await askFooters(session, unread.map(({path}) => path), time)) ranges.set(path, range);
  for (const file of unread) summary?.note(file, {range: ranges.get(file.path) ?? null});
  return ranges;
}

/** Of files whose footers know it. */
async function askFooters(session: DuckDbSession, files: readonly string[], time: string): Promise<ReadonlyMap<string, SourceFile["range"]>> {
  const ranges = new Map<string, SourceFile["range"]>();
  if (files.length === 0) return ranges;
  for (const row of await session.rows(renderFileRanges(files, time))) {
    const {file_name: path, is_known: isKnown, min_us: min, max_us: max} = row as {file_name: string; is_known: boolean; min_us: bigint | null; max_us: bigint | null};
    if (isKnown && min !== null && max !== null) ranges.set(path, {minUs: Number(min), maxUs: Number(max)});
  }
  return ranges;
}

export async function listFiles(session: DuckDbSession, sql: string): Promise<ListedFile[]> {
  const rows = (await session.rows(sql)) as {path: string; size: bigint; modified_us: bigint | null}[];
  return rows.map(({path, size, modified_us: us}) => {
    const modifiedMs = us === null ? 0 : Number(us) / 1000;
    return {path, size: Number(size), modifiedMs, changedMs: modifiedMs, inode: 0};
  });
}

function statFile(path: string): Omit<ListedFile, "path"> {
  const {size, mtimeMs, ctimeMs, ino} = statSync(path);
  return {size, modifiedMs: mtimeMs, changedMs: ctimeMs, inode: ino};
}

/** `.../dt=2026-02-01/part.parquet` -> that day. */
function rangeOfFolder(path: string, key: string): [string, SourcePart["range"]][] {
  const value = path.split("/").find((part) => part.startsWith(`${key}=`))?.slice(key.length + 1);
  const startUs = value === undefined ? undefined : parseDay(value);
  return startUs === undefined ? [] : [[path, {minUs: startUs, maxUs: startUs + dayUs - 1}]];
}

/** The days of a table, one part where it has no timestamp; of a table that lists its files these. */
export async function readParts(session: DuckDbSession, {view, source, types}: {readonly view: View; readonly source: Source; readonly types: readonly ColumnType[]}): Promise<SourcePart[]> {
  if (source.renderTableFiles) return readTableFiles(session, view, source, source.renderTableFiles(sourceTimeOf(view)));
  const time = types.find(({name}) => name === sourceTimeOf(view));
  const queries = source.renderParts?.(time) ?? [];
  for (const [index, query] of queries.entries()) {
    try {
      const rows = (await session.rows(query)) as {day: bigint | null; rows: bigint; version: string}[];
      return rows.map(({day, rows: count, version}) => {
        const startUs = day === null ? undefined : Number(day) * dayUs;
        const range = startUs === undefined ? undefined : {minUs: startUs, maxUs: startUs + dayUs - 1};
        return {identity: [source.label ?? "", String(day), Number(count), version], size: Number(count), range};
      });
    } catch (error) {
      if (index === queries.length - 1) throw error;
    }
  }
  return [];
}

/** Files of such a table are never written again: what is added, or taken away, has another name. */
async function readTableFiles(session: DuckDbSession, view: View, source: Source, query: string): Promise<SourcePart[]> {
  const rows = (await session.rows(query)) as {file: string; version: unknown; rows: bigint; min_us: bigint | null; max_us: bigint | null}[];
  const unknown = rows.filter(({min_us: min}) => min === null).map(({file}) => file);
  const time = source.hasTableFooters === true ? sourceTimeOf(view) : undefined;
  const footers = time === undefined ? new Map<string, SourceFile["range"]>() : await askFooters(session, unknown, time);
  return rows.map(({file, version, rows: count, min_us: min, max_us: max}) => ({
    identity: [source.label ?? "", file, Number(count), String(version)],
    size: Number(count),
    range: min === null || max === null ? footers.get(file) : {minUs: Number(min), maxUs: Number(max)},
  }));
}

/** The timestamp column as the source calls it. */
export function sourceTimeOf(view: View): string | undefined {
  const time = view.timestampColumn;
  return [...view.source.fieldMapping].find(([, to]) => to === time)?.[0] ?? time;
}

/** Those that can hold rows of `[fromUs, toUs)`; undefined bounds are open. */
export function partsBetween<P extends SourcePart>(parts: readonly P[], fromUs: number | undefined, toUs: number | undefined): readonly P[] {
  return parts.filter(
    ({range}) => range === undefined || ((fromUs === undefined || range.maxUs >= fromUs) && (toUs === undefined || range.minUs < toUs)),
  );
}
