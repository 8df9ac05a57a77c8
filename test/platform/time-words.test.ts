import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import type {Project} from "../../src/definitions/model.js";
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
  const aggregate = (spec: string): string => {
    const project = load({"config/training/aggregations.yaml": `aggregation_specs: [{name: a, ${spec}}]\n`});
    return explainAggregation(project.aggregations.specs[0]!, project.services.get("s")!);
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
});
