import {PassThrough} from "node:stream";
import {stripVTControlCharacters} from "node:util";
import {describe, expect, it} from "vitest";
import {DaedalusError} from "../../src/errors.js";
import type {TrainEvent} from "../../src/pipeline/effects.js";
import {formatDuration, formatNumber, formatPath} from "../../src/platform/format.js";
import {startProgress} from "../../src/platform/progress.js";
import type {Terminal} from "../../src/platform/terminal.js";

/** A terminal whose stderr is kept, and a clock that moves one second with each event. */
function runEvents(events: readonly TrainEvent[], options: {readonly isInteractive: boolean}): string {
  const stream = Object.assign(new PassThrough(), {isTTY: options.isInteractive, columns: 120});
  const terminal: Terminal = {
    env: {},
    directory: ".",
    scriptPath: "daeda",
    stderr: stream,
    isInteractive: options.isInteractive,
    exitCode: 0,
    answer: () => expect.unreachable("progress is no answer"),
    note: (text) => void stream.write(`${text}\n`),
    paint: (text) => text,
  };
  let nowMs = 0;
  const progress = startProgress(terminal, () => nowMs);
  for (const event of events) {
    progress.onEvent(event);
    nowMs += 1000;
  }
  progress.end();
  return stripVTControlCharacters(String(stream.read() ?? ""));
}

const events: readonly TrainEvent[] = [
  {kind: "warning", problem: DaedalusError.of("month-empty", {month: "202603", view: "feed"}, {severity: "warning"})},
  {kind: "plan", service: "ranking", days: ["2026-04-01", "2026-04-02", "2026-04-03"], current: ["2026-03-31"]},
  {kind: "day-start", day: "2026-04-01", reason: "missing"},
  {kind: "day-stage", day: "2026-04-01", stage: "skeleton"},
  {kind: "day-done", day: "2026-04-01", rows: 4500, seconds: 3},
  {kind: "day-start", day: "2026-04-02", reason: "stale"},
  {kind: "day-done", day: "2026-04-02", rows: 500, seconds: 71},
];

describe("the progress of a training run", () => {
  it("is a line for the plan and for each finished day, where nobody watches", () => {
    expect(runEvents(events, {isInteractive: false}).split("\n")).toEqual([
      'warning month-empty: view "feed" has no rows in the month 202603',
      "ranking: 3 days to write, 1 current",
      "2026-04-01 (missing): 4,500 rows in 3.0 s; 1/3 days, 1,500 rows/s, ETA 6.0 s",
      "2026-04-02 (stale): 500 rows in 1 min 11 s; 2/3 days, 1,000 rows/s, ETA 2.5 s",
      "",
    ]);
  });

  it("is a bar with days, rows a second and the time left, on a terminal", () => {
    const text = runEvents(events, {isInteractive: true});
    expect(text).toContain("warning month-empty");
    expect(text).toContain("0/3 days");
    expect(text).toMatch(/2\/3 days {2}1,000 rows\/s {2}ETA 2\.5 s/);
  });

  it("names a day at work and its stage, on a terminal, and counts the others", () => {
    expect(runEvents(events.slice(1, 4), {isInteractive: true})).toContain("ETA unknown  2026-04-01 skeleton");
    const text = runEvents([...events.slice(1, 4), {kind: "day-start", day: "2026-04-02", reason: "stale"}], {isInteractive: true});
    expect(text).toContain("ETA unknown  2026-04-01 skeleton and 1 more");
  });

  it("draws no bar when every day is current", () => {
    const plan: TrainEvent = {kind: "plan", service: "ranking", days: [], current: ["2026-03-31"]};
    expect(runEvents([plan], {isInteractive: true})).toBe("ranking: 0 days to write, 1 current\n");
  });

  it("shows no time left before the first day is done", () => {
    const text = runEvents(events.slice(0, 4), {isInteractive: true});
    expect(text).toContain("ETA unknown");
    expect(text).not.toMatch(/ETA \d/);
  });
});

describe("numbers and paths in words", () => {
  it.each([
    [0, "0.0 s"],
    [9.94, "9.9 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min 0 s"],
    [3599.6, "1 h 0 min"],
    [7620, "2 h 7 min"],
  ])("%d seconds are %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it.each([
    ["/a/project/out/x", "out/x"],
    ["/a/other/out", "/a/other/out"],
    ["/a/project", "/a/project"],
    ["/a/project/..out", "..out"],
  ])("%s is %s in /a/project", (path, text) => expect(formatPath(path, "/a/project")).toBe(text));

  it("have a plural but for one", () => {
    expect([0, 1, 1200].map((count) => formatNumber(count, "day"))).toEqual(["0 days", "1 day", "1,200 days"]);
  });
});
