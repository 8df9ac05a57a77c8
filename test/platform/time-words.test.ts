import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import type {Project} from "../../src/definitions/model.js";
import {describeService} from "../../src/platform/catalog.js";
import {explainAggregation, explainView} from "../../src/platform/time-words.js";
import {writeFiles} from "../support/project-files.js";

const service = "name: s\nspine: {view: feed, item_key: item_id}\n";
const feed = "name: feed\nentity: [user, item]\nsource: {path: data, timestamp_field: happened_at}\nfields: [{name: event, dtype: TEXT}]\n";

function load(files: Readonly<Record<string, string>>): Project {
  return loadProject({root: writeFiles({"feature_services/s.yaml": service, "feature_views/feed.yaml": feed, ...files})});
}

const explain = (lines: string, source = "path: data, timestamp_field: updated_at"): readonly string[] =>
  explainView(load({"feature_views/v.yaml": `name: v\nentity: user\nfields: []\nsource: {${source}}\n${lines}\n`}).views.get("v")!);

describe("a view's rules in words", () => {
  it("say the default", () => {
    expect(explain("")).toEqual(["Of the rows with updated_at before the row's instant; an equal instant is the future, the one with the newest updated_at."]);
  });

  it("say every rule that was set", () => {
    const rules = explain("ttl: 90d\ntime: {boundary: inclusive, available_at: known_at, embargo: 90m, valid_to: ended_at, tie_break: [version desc, source], on_duplicate: error}");
    expect(rules).toEqual([
      "Of the rows with known_at + 1h 30m at or before the row's instant, the one with the newest updated_at.",
      "NULL when its updated_at is more than 90d before the row's instant.",
      "NULL when its ended_at is at or before the row's instant; ranges of one key may not overlap.",
      "Rows of one user_id, updated_at: the greatest version, then the least source.",
      "Rows of one user_id, updated_at that this leaves equal stop the run.",
    ]);
  });

  it("warn of a join whatever the time, and say what a static view is", () => {
    expect(explain("time: {join: latest}")).toEqual(["The row with the newest updated_at, whatever the time: this can carry the future into a row."]);
    expect(explain("", "path: data")).toEqual(["One row for each user_id, whatever the time."]);
  });
});

describe("an aggregation in words", () => {
  const aggregate = (spec: string, files: Readonly<Record<string, string>> = {}): string => {
    const project = load({...files, "config/training/aggregations.yaml": `aggregation_specs: [{name: a, ${spec}}]\n`});
    const found = project.aggregations.specs[0]!;
    return explainAggregation(found, project.services.get("s")!, project.views.get(found.history ?? "feed")!);
  };

  it.each([
    [
      'group_by: [user_id], value_column: item_id, operation: list, window_days: 7, max_items: 32, condition: "hist.event = \'like\'", exclude_self: true',
      "Values of item_id of rows of feed with the same user_id, from 7d before the row's instant up to it, without it, where hist.event = 'like', without those of the row's own item_id, the newest 32, oldest first.",
    ],
    ["group_by: [user_id, item_id], operation: count, window: 90m, include_current: true", "How many rows of feed with the same user_id and the same item_id, from 1h 30m before the row's instant up to it, without it, and the row itself, last."],
    ["history: feed, group_by: {user_id: item_id}, value_column: event, operation: count, window_days: null", "How many rows of feed whose event is not NULL with item_id equal to the row's user_id, before the row's instant."],
  ])("says %s", (spec, sentence) => {
    expect(aggregate(spec)).toBe(sentence);
  });

  it("says when late rows count, how ties are ordered and where a window is cut", () => {
    const spec = "group_by: [user_id], value_column: event, operation: list, window_days: 7";
    const late = {"feature_views/feed.yaml": feed.replace("fields", "time: {available_at: seen_at, embargo: 90m, tie_break: [seq, page desc]}\nfields")};
    expect(aggregate(spec, late)).toBe(
      "Values of event of rows of feed with the same user_id, from 7d before the row's instant up to it, without it, those whose seen_at + 1h 30m is before it, oldest first and at one instant by seq, page.",
    );
    const short = {"feature_services/s.yaml": service.replace("view: feed", "view: feed, lookback_days: 2")};
    expect(aggregate(spec, short)).toContain("up to it, without it, none from more than 2d before the day, oldest first.");
    expect(aggregate(spec.replace("7", "2"), short)).not.toContain("none from");
  });
});

it("a service says of each column that a view is joined for by which rules, and of the spine's own nothing", () => {
  const project = load({
    "feature_services/s.yaml": `${service}derived: [{name: twice, dtype: BIGINT, sql: "2 * age"}]\ncolumns: [{name: event}, {name: age}, {name: twice}]\n`,
    "feature_views/profile.yaml": "name: profile\nentity: user\nttl: 90d\nsource: {path: data, timestamp_field: updated_at}\nfields: [{name: age, dtype: BIGINT}]\n",
  });
  expect(describeService(project, project.services.get("s")!).columns.map(({name, meaning}) => ({name, meaning}))).toEqual([
    {name: "event", meaning: undefined},
    {
      name: "age",
      meaning: "age of profile, joined by user_id. Of the rows with updated_at before the row's instant; an equal instant is the future, the one with the newest updated_at. NULL when its updated_at is more than 90d before the row's instant.",
    },
    {name: "twice", meaning: undefined},
  ]);
});
