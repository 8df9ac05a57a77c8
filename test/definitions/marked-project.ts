/**
 * Projects written as texts in which `«` and `»` stand around the places where problems are expected, in the order in which they
 * are reported. The marks are taken out before anything is read.
 */
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {expect} from "vitest";
import {readProject, type ProjectOptions} from "../../src/definitions/project.js";
import type {Project} from "../../src/definitions/model.js";
import type {DaedalusError, ErrorCode, Severity} from "../../src/errors.js";

export type Files = Readonly<Record<string, string>>;

/** A project without problems, in which a test replaces the file that it is about. */
const soundFiles: Files = {
  "config/base.yaml": "max_items_len: 32\nembed_dim: 8\nhalf_day: 0.5\n",
  "feature_views/events.yaml": `
name: events
entity: [user, item]
source: {path: data/events, timestamp_field: ts}
fields:
  - {name: event, dtype: TEXT}
  - {name: session, dtype: TEXT}
`,
  "feature_views/profile.yaml": `
name: profile
entity: user
source: {path: data/profile, timestamp_field: updated_at}
fields:
  - {name: age, dtype: INTEGER}
  - {name: followed_ids, dtype: "BIGINT[]"}
`,
  "feature_views/items.yaml": `
name: items
entity: item
source: {path: data/items}
fields: [{name: author_id, dtype: BIGINT}]
`,
  "feature_services/ranking.yaml": "name: ranking\nspine: {view: events}\n",
};

export type ReadOptions = Omit<ProjectOptions, "root">;

interface Read {
  readonly project: Project | undefined;
  readonly problems: readonly DaedalusError[];
}

/** Reads the sound project with some files replaced; `undefined` leaves a file out. */
export function readFiles(files: Readonly<Record<string, string | undefined>>, options: ReadOptions = {}): Read {
  const root = mkdtempSync(join(tmpdir(), "daedalus-definitions-"));
  try {
    for (const [path, text] of Object.entries({...soundFiles, ...files})) {
      if (text === undefined) continue;
      mkdirSync(dirname(join(root, path)), {recursive: true});
      writeFileSync(join(root, path), text);
    }
    const {project, problems} = readProject({...options, root});
    return {project, problems: problems.all};
  } finally {
    rmSync(root, {recursive: true});
  }
}

/** The project of files that must be sound. */
export function readSound(files: Readonly<Record<string, string | undefined>>, options: ReadOptions = {}): Project {
  const {project, problems} = readFiles(files, options);
  expect(problems.map((problem) => `${problem.place?.file ?? ""}:${problem.place?.line ?? ""}: ${problem.message}`)).toEqual([]);
  return project!;
}

export interface Expected {
  readonly code: ErrorCode;
  /** Facts to compare; others may be there. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly severity?: Severity;
}

/** Checks code, facts and place of every problem: a marked text has exactly as many marks as problems. */
export function expectProblems(files: Files, expected: readonly Expected[], options: ReadOptions = {}): void {
  const marks: Mark[] = [];
  const overrides = options.overrides?.map((override) => takeMarks("--set", override, marks));
  const clean = Object.fromEntries(Object.entries(files).map(([file, text]) => [file, takeMarks(file, text, marks)]));
  const {problems} = readFiles(clean, {...options, overrides});
  const found = problems.map(({code, facts, severity, place}, index) => ({
    code,
    severity,
    facts: Object.fromEntries(Object.keys(expected[index]?.facts ?? {}).map((key) => [key, facts[key]])),
    mark: place && {file: place.file, line: place.line, column: place.column, length: place.length},
  }));
  expect(found).toEqual(
    expected.map(({code, facts = {}, severity = "error"}, index) => ({code, severity, facts, mark: marks[index]})),
  );
  expect(marks).toHaveLength(expected.length);
}

interface Mark {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** The text without its marks, which are added to `marks` in the order of their starts. */
function takeMarks(file: string, text: string, marks: Mark[]): string {
  const clean = text.split("\n").map((marked, index) => {
    let line = marked;
    for (let start = line.indexOf("«"); start >= 0; start = line.indexOf("«")) {
      const end = line.indexOf("»");
      if (end < start) throw new Error(`${file}:${index + 1}: a mark is not closed`);
      marks.push({file, line: index + 1, column: start + 1, length: Math.max(1, end - start - 1)});
      line = line.slice(0, start) + line.slice(start + 1, end) + line.slice(end + 1);
    }
    return line;
  });
  return clean.join("\n");
}
