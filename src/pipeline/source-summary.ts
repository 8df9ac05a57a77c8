/**
 * What was read of source files, so that the next start need not open them: `.summary/sources/<view>` beside the partitions. A cache
 * and nothing else: an entry counts while its file has the stamp that it was read with, and losing it costs time.
 */
import {existsSync} from "node:fs";
import {join} from "node:path";
import {SignedFiles} from "./signed-files.js";
import type {ListedFile} from "./source-parts.js";

/** Undefined: not looked at. */
export interface FileSummary {
  /** Of the timestamp column, as the footer says; null where it does not. */
  readonly range?: {readonly minUs: number; readonly maxUs: number} | null;
  /** UTC days that have a row, in runs of `[first, last]` since 1970. */
  readonly days?: readonly (readonly [first: number, last: number])[];
}

type Stamp = readonly [size: number, modifiedMs: number, changedMs: number, inode: number];

interface Entry {
  readonly stamp: Stamp;
  readonly summary: FileSummary;
}

/** The files of a view, with what is known by the column that is its timestamp. */
interface Stored {
  readonly time: string;
  readonly files: readonly (readonly [path: string, stamp: Stamp, summary: FileSummary])[];
}

const signed = new SignedFiles("sources 1");

/** A file that was written this recently may be written again without a change of its times, which some file systems keep in seconds. */
const settleMs = 3000;

export class SourceSummaries {
  private readonly views = new Map<string, ViewSummary>();

  constructor(
    /** `<output_root>/<service>`. */
    private readonly directory: string,
    private readonly now: () => number,
  ) {}

  /** `time`: the timestamp column as the source calls it. */
  of(view: string, time: string): ViewSummary {
    let summary = this.views.get(view);
    if (summary?.time !== time) {
      summary = new ViewSummary(time, this.load(view, time), this.now);
      this.views.set(view, summary);
    }
    return summary;
  }

  /** Writes what was learnt, where there is a dataset to write beside. Who may not write there reads the files the next time, too. */
  save(): void {
    if (!existsSync(this.directory)) return;
    for (const [view, summary] of this.views) {
      const stored = summary.takeChanges();
      if (!stored) continue;
      try {
        signed.write(this.pathOf(view), JSON.stringify(stored));
      } catch {
        return;
      }
    }
  }

  private load(view: string, time: string): ReadonlyMap<string, Entry> {
    const body = signed.read(this.pathOf(view));
    const stored = body === undefined ? undefined : (JSON.parse(body) as Stored);
    return new Map(stored?.time === time ? stored.files.map(([path, stamp, summary]) => [path, {stamp, summary}]) : []);
  }

  private pathOf(view: string): string {
    return join(this.directory, ".summary", "sources", view);
  }
}

export class ViewSummary {
  private readonly used = new Map<string, Entry>();
  private isChanged = false;

  constructor(
    readonly time: string,
    private readonly loaded: ReadonlyMap<string, Entry>,
    private readonly now: () => number,
  ) {}

  find(file: ListedFile): FileSummary {
    const {path} = file;
    const stamp = stampOf(file);
    let entry = this.used.get(path) ?? this.loaded.get(path);
    if (!entry || !isSame(entry.stamp, stamp)) entry = {stamp, summary: {}};
    this.used.set(path, entry);
    return entry.summary;
  }

  note(file: ListedFile, summary: FileSummary): void {
    if (this.now() - file.changedMs < settleMs) return;
    this.used.set(file.path, {stamp: stampOf(file), summary: {...this.find(file), ...summary}});
    this.isChanged = true;
  }

  /** Of the files that were asked for and of which something is known: those that are gone are forgotten. */
  takeChanges(): Stored | undefined {
    if (!this.isChanged) return undefined;
    this.isChanged = false;
    const known = [...this.used].filter(([, {summary}]) => Object.keys(summary).length > 0);
    return {time: this.time, files: known.map(([path, {stamp, summary}]) => [path, stamp, summary])};
  }
}

const stampOf = ({size, modifiedMs, changedMs, inode}: ListedFile): Stamp => [size, modifiedMs, changedMs, inode];

const isSame = (a: Stamp, b: Stamp): boolean => a.every((value, index) => value === b[index]);
