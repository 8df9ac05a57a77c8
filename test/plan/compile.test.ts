import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {Problems} from "../../src/errors.js";
import {compilePlan} from "../../src/plan/compile.js";
import {digestPlan} from "../../src/plan/digest.js";
import type {Operator, Plan} from "../../src/plan/operator.js";
import {writeFiles} from "../support/project-files.js";

const files = {
  "feature_views/feed.yaml": `
name: feed
entity: [user, item]
source: {path: data/feed, timestamp_field: at}
fields:
  - {name: event, dtype: TEXT}
  - {name: unused, dtype: TEXT}
`,
  "feature_views/item.yaml": `
name: item
entity: item
source: {path: data/item, timestamp_field: published_at}
fields:
  - {name: author_id, dtype: BIGINT}
  - {name: tags, dtype: "TEXT[]"}
`,
  "feature_views/author.yaml": `
name: author
entity: author
source: {path: data/author}
fields:
  - {name: country, dtype: TEXT}
`,
  "feature_services/ranking.yaml": `
name: ranking
version: 1
spine: {view: feed, item_key: item_id}
columns:
  - {name: user_id, kind: key}
  - {name: at, kind: event}
  - {name: likes, kind: aggregation}
`,
  "config/training/aggregations.yaml": `
aggregation_specs:
  - {name: likes, group_by: [user_id], value_column: item_id, operation: list, window_days: 7, max_items: 5, condition: "hist.event = 'like'"}
  - {name: tags_liked, group_by: [user_id], value_column: tags, operation: flatten_distinct, window_days: 3, max_items: 5}
  - {name: ever, group_by: [user_id], operation: count, window_days: null}
`,
};

function compile(changes: Readonly<Record<string, string>> = {}): {plan: Plan; problems: Problems} {
  const project = loadProject({root: writeFiles({...files, ...changes})});
  const problems = new Problems();
  return {plan: compilePlan(project, project.services.get("ranking")!, problems), problems};
}

const service = (more: string, columns = ""): Record<string, string> => ({
  "feature_services/ranking.yaml": `
name: ranking
version: 1
spine: {view: feed, item_key: item_id}
${more}
columns:
  - {name: user_id, kind: key}
${columns}
`,
});

const find = (plan: Plan, name: string): Operator => {
  const operator = plan.operators.find((candidate) => candidate.name === name);
  if (!operator) throw new Error(`no operator ${name} among ${plan.operators.map((op) => op.name).join(", ")}`);
  return operator;
};

describe("what a plan reads", () => {
  it("reads no column that nothing uses", () => {
    const {plan} = compile();
    expect(find(plan, "scan_day_rows")).toMatchObject({columns: ["at", "item_id", "user_id"]});
    expect(find(plan, "scan_history_feed_rows")).toMatchObject({columns: ["at", "event", "item_id", "user_id"]});
  });

  it("reads a history as far back as its longest window and no view that is not needed", () => {
    const {plan} = compile();
    expect(find(plan, "scan_history_feed_rows")).toMatchObject({fromUs: -7 * 86_400_000_000});
    expect(plan.operators.some((op) => op.opKind === "scan" && op.view === "item")).toBe(false);
  });

  it("computes no aggregation that no column, filter or enrichment uses", () => {
    const {plan} = compile();
    const rolling = plan.operators.filter((op) => op.opKind === "rolling_aggregate");
    expect(rolling.flatMap((op) => op.windows.map((window) => window.name))).toEqual(["likes"]);
  });

  it("computes an aggregation that only a filter mentions", () => {
    const {plan} = compile(service('filters: [{name: active, sql: "ever > 3"}]'));
    const rolling = plan.operators.filter((op) => op.opKind === "rolling_aggregate");
    expect(rolling.flatMap((op) => op.windows.map((window) => window.name))).toEqual(["ever"]);
    expect(find(plan, "scan_history_feed_all_rows")).toMatchObject({fromUs: undefined});
  });

  it("joins the view of a value column onto the history at the history row's instant", () => {
    const {plan} = compile(service("", "  - {name: tags_liked, kind: aggregation}"));
    expect(find(plan, "join_history_feed_with_item")).toMatchObject({opKind: "pit_join", leftTime: "at", rightTime: "published_at", fields: ["tags"]});
  });

  it("joins a view whose key another view gives after that view", () => {
    const {plan} = compile(service("", "  - {name: country, kind: feature}"));
    const joins = plan.operators.filter((op) => op.opKind === "join" || op.opKind === "pit_join").map((op) => op.right);
    expect(joins).toEqual(["item", "author"]);
  });

  it("puts derived columns into an order in which each finds what it needs", () => {
    const derived = 'derived: [{name: b, dtype: BIGINT, sql: "a + 1"}, {name: a, dtype: BIGINT, sql: "item_id"}]';
    const {plan} = compile(service(derived, "  - {name: b, kind: derived}"));
    const names = plan.operators.map((op) => op.name).filter((name) => name.startsWith("project_day_derived"));
    expect(names).toEqual(["project_day_derived_a", "project_day_derived_b"]);
  });

  it("cuts windows at an explicit shorter lookback, and warns", () => {
    const spine = "spine: {view: feed, lookback_days: 2}";
    const {plan, problems} = compile({"feature_services/ranking.yaml": files["feature_services/ranking.yaml"].replace(/spine:.*/, spine)});
    expect(find(plan, "scan_history_feed_rows")).toMatchObject({fromUs: -2 * 86_400_000_000});
    expect(problems.all.map(({code, severity}) => [code, severity])).toEqual([["lookback-short", "warning"]]);
  });
});

describe("what a plan refuses", () => {
  it.each([
    ["a column that nothing produces", service("", "  - {name: lkes}"), "column-unknown", {column: "lkes"}],
    ["a condition's spelling of a value column", {"config/training/aggregations.yaml": files["config/training/aggregations.yaml"].replace("value_column: item_id", "value_column: itm_id")}, "column-unknown", {column: "itm_id", nearest: "item_id"}],
    ["a condition's spelling of a history column", {"config/training/aggregations.yaml": files["config/training/aggregations.yaml"].replace("hist.event = 'like'", "hist.evnt = 'like'")}, "column-unknown", {column: "evnt", nearest: "event"}],
    ["a condition's spelling of a column of the row", {"config/training/aggregations.yaml": files["config/training/aggregations.yaml"].replace("hist.event = 'like'", "hist.event = cur.evnt")}, "column-unknown", {column: "evnt", nearest: "event"}],
    ["a condition that asks for the moment", {"config/training/aggregations.yaml": files["config/training/aggregations.yaml"].replace("hist.event = 'like'", "hist.at < now()")}, "sql-unstable", {what: 'the condition of aggregation "likes"', call: "now"}],
    ["a filter by chance", service('filters: [{name: sample, sql: "random() < 0.1"}]'), "sql-unstable", {what: 'filter "sample"', call: "random"}],
    ["a derived column that counts from today", service('derived: [{name: days, dtype: BIGINT, sql: "date_part(\'day\', age(at))"}]', "  - {name: days}"), "sql-unstable", {what: 'derived column "days"', call: "age"}],
    ["a wrong kind", service("", "  - {name: likes, kind: feature}"), "column-kind", {column: "likes", kind: "feature"}],
    ["a wrong dtype", service("", '  - {name: tags_liked, dtype: "BIGINT[]"}'), "column-dtype", {declared: "BIGINT[]", produced: "TEXT[]"}],
    ["derived columns in a circle", service('derived: [{name: a, dtype: BIGINT, sql: "b"}, {name: b, dtype: BIGINT, sql: "a"}]', "  - {name: a}"), "reference-cycle", {names: ["a", "b", "a"]}],
    ["a name with two producers", service('derived: [{name: likes, dtype: BIGINT, sql: "1"}]', "  - {name: likes}"), "column-ambiguous", {column: "likes"}],
    ["a list of lists", {"config/training/aggregations.yaml": files["config/training/aggregations.yaml"].replace("value_column: item_id", "value_column: tags")}, "aggregation-value", {operation: "list", dtype: "TEXT[]"}],
    [
      "the same column in two views",
      {...service("", "  - {name: country}"), "feature_views/place.yaml": "name: place\nentity: user\nsource: {path: data/place}\nfields:\n  - {name: country, dtype: TEXT}\n"},
      "column-ambiguous",
      {column: "country", producers: ["view author", "view place"]},
    ],
  ])("refuses %s", (_what, changes, code, facts) => {
    const {problems} = compile(changes);
    expect(problems.all.map((problem) => problem.code)).toContain(code);
    expect(problems.all.find((problem) => problem.code === code)!.facts).toMatchObject(facts);
    expect(problems.all.find((problem) => problem.code === code)!.place).toBeDefined();
  });

  it("refuses join keys that need each other", () => {
    const {problems} = compile({
      ...service("", "  - {name: x}"),
      "feature_views/a.yaml": "name: a\nentity: p\njoin_keys: [q]\nsource: {path: d}\nfields:\n  - {name: r, dtype: BIGINT}\n  - {name: x, dtype: BIGINT}\n",
      "feature_views/b.yaml": "name: b\nentity: p\njoin_keys: [r]\nsource: {path: d}\nfields:\n  - {name: q, dtype: BIGINT}\n",
    });
    expect(problems.all.map((problem) => problem.code)).toContain("reference-cycle");
  });
});

describe("the digest", () => {
  it("changes with a ttl, a condition or a filter", () => {
    const first = digestPlan(compile().plan);
    const condition = {"config/training/aggregations.yaml": files["config/training/aggregations.yaml"].replace("= 'like'", "= 'love'")};
    expect(digestPlan(compile(condition).plan)).not.toBe(first);
    const likes = "  - {name: at, kind: event}\n  - {name: likes, kind: aggregation}";
    expect(digestPlan(compile(service("", likes)).plan)).toBe(first);
    expect(digestPlan(compile(service('filters: [{name: f, sql: "true"}]', likes)).plan)).not.toBe(first);
  });

  it("does not change with comments, key order, unused definitions or the choice of engine", () => {
    const {plan} = compile();
    const reordered = files["feature_views/feed.yaml"].replace("name: feed\nentity: [user, item]", "# a comment\nentity: [user, item]\nname: feed");
    const unused = files["config/training/aggregations.yaml"].replace("window_days: 3", "window_days: 4");
    expect(digestPlan(compile({"feature_views/feed.yaml": reordered, "config/training/aggregations.yaml": unused}).plan)).toBe(digestPlan(plan));
    expect(digestPlan({...plan, operators: plan.operators.map((op) => ({...op, engine: "worker" as const}))})).toBe(digestPlan(plan));
  });
});
