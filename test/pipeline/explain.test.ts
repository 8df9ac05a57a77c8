/** One row at a time: the rows behind each value, and the rule that dropped each other, on rows that one can check by hand. */
import {rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {explainRow, type ColumnExplanation, type ExplainOptions, type RowExplanation} from "../../src/pipeline/explain.js";
import {train} from "../../src/pipeline/train.js";
import {renderExplanation} from "../../src/platform/explain-report.js";
import {writeFiles} from "../support/project-files.js";
import {writeTables} from "../support/shop-project.js";

const files = {
  "feature_views/feed.yaml": `
name: feed
entity: [user, item]
source: {path: data/feed.parquet, timestamp_field: at}
time: {tie_break: [seq]}
fields:
  - {name: event, dtype: TEXT}
  - {name: session, dtype: TEXT}
  - {name: seq, dtype: BIGINT}
`,
  "feature_views/score.yaml": `
name: score
entity: item
ttl: 3d
source: {path: data/score.parquet, timestamp_field: scored_at}
time: {available_at: published_at, tie_break: [version desc]}
fields:
  - {name: score, dtype: BIGINT}
  - {name: version, dtype: BIGINT}
`,
  "feature_services/ranking.yaml": `
name: ranking
version: 1
spine:
  view: feed
  item_key: item_id
  events: {column: event, keep: [view, like]}
  session_filter: {column: session, view_events: [view], like_events: [like], drop_view_only: true, drop_single_like: false}
derived:
  - {name: score_twice, dtype: BIGINT, sql: score * 2}
filters:
  - {name: wanted_items, sql: item_id < 50}
columns:
  - {name: user_id, kind: key, dtype: BIGINT}
  - {name: item_id, kind: key, dtype: BIGINT}
  - {name: at, kind: event, dtype: TIMESTAMP}
  - {name: score, kind: feature, dtype: BIGINT}
  - {name: likes, kind: aggregation, dtype: "BIGINT[]"}
  - {name: score_twice, kind: derived, dtype: BIGINT}
  - {name: origin, default: feed}
`,
  "config/training/runtime.yaml": 'feed_start: "202603"\nfeed_end: "202603"\noutput_root: out\n',
  "config/training/aggregations.yaml": `
aggregation_specs:
  - {name: likes, group_by: [user_id], value_column: item_id, operation: list, window_days: 1, max_items: 2, exclude_self: true, condition: "hist.event = 'like'"}
`,
};

const feed = `SELECT * FROM (VALUES
  (1, 9, TIMESTAMP '2026-03-01 11:59:59.999999', 'like', 'a', 1),
  (1, 10, TIMESTAMP '2026-03-01 12:00:00', 'like', 'a', 2),
  (1, 11, TIMESTAMP '2026-03-01 13:00:00', 'like', 'a', 3),
  (1, 12, TIMESTAMP '2026-03-01 14:00:00', 'like', 'a', 4),
  (1, 13, TIMESTAMP '2026-03-01 15:00:00', 'view', 'a', 5),
  (1, 20, TIMESTAMP '2026-03-01 16:00:00', 'like', 'a', 6),
  (1, 20, TIMESTAMP '2026-03-02 12:00:00', 'view', 'b', 7),
  (1, 21, TIMESTAMP '2026-03-02 12:00:00', 'like', 'b', 8),
  (1, 22, TIMESTAMP '2026-03-02 12:10:00', 'like', 'b', 9),
  (2, 20, TIMESTAMP '2026-03-02 12:00:00', 'view', 'c', 1),
  (2, 60, TIMESTAMP '2026-03-02 12:00:01', 'like', 'c', 2),
  (2, 20, TIMESTAMP '2026-03-02 12:00:02', 'skip', 'c', 3),
  (3, 20, TIMESTAMP '2026-03-02 12:00:00', 'view', 'd', 1),
  (3, 20, TIMESTAMP '2026-03-02 12:00:00', 'like', 'd', 2),
  (NULL, 20, TIMESTAMP '2026-03-02 12:00:00', 'like', 'e', 1)
) AS t(user_id, item_id, "at", event, session, seq)`;

const score = `SELECT * FROM (VALUES
  (20, 1, TIMESTAMP '2026-02-20', TIMESTAMP '2026-02-20', 1),
  (20, 2, TIMESTAMP '2026-03-01', TIMESTAMP '2026-03-01', 1),
  (20, 3, TIMESTAMP '2026-03-02 06:00:00', TIMESTAMP '2026-03-02 07:00:00', 1),
  (20, 4, TIMESTAMP '2026-03-02 06:00:00', TIMESTAMP '2026-03-02 07:00:00', 2),
  (20, 5, TIMESTAMP '2026-03-02 11:00:00', TIMESTAMP '2026-03-02 12:00:00', 1),
  (20, 6, TIMESTAMP '2026-03-02 12:00:00', TIMESTAMP '2026-03-02 12:00:00', 1),
  (20, 7, NULL, TIMESTAMP '2026-03-01', 1)
) AS t(item_id, score, scored_at, published_at, version)`;

let root: string;
beforeAll(async () => {
  root = writeFiles(files);
  await writeTables(root, {"data/feed.parquet": feed, "data/score.parquet": score});
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

function explain(keys: readonly string[], at: string, options: Partial<ExplainOptions> = {}): Promise<RowExplanation> {
  const project = loadProject({root});
  return explainRow({project, service: project.services.get("ranking")!, keys, at, ...options});
}

const theRow = ["user_id=1", "item_id=20"];
const noon = "2026-03-02T12:00:00";
const column = (explanation: RowExplanation, name: string): ColumnExplanation => explanation.columns.find((found) => found.name === name)!;
const verdicts = ({history}: ColumnExplanation): unknown[] => history!.shown.map(({value, rule}) => [value, rule ?? "counts"]);

describe("explaining a row", () => {
  it("gives each history row of a window the rule that drops it, with file and row number", async () => {
    const likes = column(await explain(theRow, noon), "likes");
    expect(likes.value).toBe("[11, 12]");
    expect(verdicts(likes)).toEqual([
      ["9", "outside_window"],
      ["10", "max_items"],
      ["11", "counts"],
      ["12", "counts"],
      ["13", "condition"],
      ["20", "self"],
      ["20", "future"],
      ["21", "future"],
      ["22", "future"],
    ]);
    expect(likes.history).toMatchObject({total: 9, used: 2, dropped: {outside_window: 1, max_items: 1, condition: 1, self: 1, future: 3}});
    expect(likes.history!.shown[2]).toMatchObject({file: join(root, "data/feed.parquet"), fileRow: 2});
    expect(likes.operator).toMatchObject({opKind: "rolling_aggregate", aggregationEngine: "duckdb"});
    expect(likes.operator!.statements.join("\n")).toContain("hist.event = 'like'");
  });

  it("gives each version of a view the reason why another one counts", async () => {
    const found = column(await explain(theRow, noon), "score");
    expect(found.value).toBe("4");
    expect(verdicts(found)).toEqual([
      ["7", "no_timestamp"],
      ["1", "ttl"],
      ["2", "newer_version"],
      ["4", "counts"],
      ["3", "tie"],
      ["5", "not_yet_available"],
      ["6", "future"],
    ]);
    expect(found.operator).toMatchObject({opKind: "pit_join", name: "join_day_with_score"});
  });

  it("gives a derived column its inputs, and a default its reason", async () => {
    const explanation = await explain(theRow, noon);
    expect(column(explanation, "score_twice")).toMatchObject({kind: "derived", value: "8", inputs: {score: "4"}});
    expect(column(explanation, "origin")).toMatchObject({kind: "default", definition: "its default: nothing produces it"});
  });

  it("explains the columns that are asked for, and no others", async () => {
    expect((await explain(theRow, noon, {columns: ["score"]})).columns.map(({name}) => name)).toEqual(["score"]);
    await expect(explain(theRow, noon, {columns: ["scor"]})).rejects.toMatchObject({code: "reference-unknown", facts: {nearest: "score"}});
  });

  it("takes an instant in another zone, and a key that is NULL", async () => {
    expect((await explain(theRow, "2026-03-02T14:00:00+02:00", {columns: ["score"]})).row).toMatchObject({at: "2026-03-02 12:00:00"});
    expect(Object.keys((await explain(theRow, noon, {columns: ["score"]})).row).slice(0, 3)).toEqual(["user_id", "item_id", "at"]);
    const nobody = await explain(["user_id=NULL", "item_id=20"], noon);
    expect(column(nobody, "likes")).toMatchObject({value: "[]", history: {total: 0}});
  });

  it("bounds the rows it shows, those that count first", async () => {
    const many = writeFiles(files);
    const rows = "SELECT 1 AS user_id, i AS item_id, TIMESTAMP '2026-03-02' + to_seconds(i) AS \"at\", CASE WHEN i % 100 = 0 THEN 'like' ELSE 'view' END AS event, 'a' AS session, i AS seq FROM range(1, 1001) AS t(i)";
    await writeTables(many, {"data/feed.parquet": rows, "data/score.parquet": score});
    const project = loadProject({root: many});
    const explanation = await explainRow({project, service: project.services.get("ranking")!, keys: ["user_id=1", "item_id=30"], at: "2026-03-02T00:00:30", columns: ["likes"]});
    expect(column(explanation, "likes").history).toMatchObject({total: 1000, used: 0, dropped: {condition: 29, future: 971}});
    expect(column(explanation, "likes").history!.shown).toHaveLength(50);
    rmSync(many, {recursive: true});
  });
});

describe("a row that is not in the dataset", () => {
  it.each([
    ["the kinds of events that are kept", ["user_id=2", "item_id=20"], "2026-03-02T12:00:02", "spine.events: event is none of view, like"],
    ["a filter", ["user_id=2", "item_id=60"], "2026-03-02T12:00:01", "filter wanted_items: item_id < 50"],
    ["the session filter, which counts what the other filters leave", ["user_id=2", "item_id=20"], "2026-03-02T12:00:00", "session_filter: its session has only view"],
  ])("is explained with %s", async (_name, keys, at, droppedBy) => {
    expect(await explain(keys, at)).toMatchObject({droppedBy});
  });

  it("is an error that names rows nearby", async () => {
    await expect(explain(theRow, "2026-03-02T12:00:01")).rejects.toMatchObject({
      code: "row-missing",
      facts: {nearby: ["user_id=1, item_id=20 at 2026-03-02T12:00:00.000000", "user_id=1, item_id=20 at 2026-03-01T16:00:00.000000"]},
    });
    await expect(explain(["user_id=8", "item_id=20"], noon)).rejects.toMatchObject({code: "row-missing", facts: {nearby: expect.arrayContaining(["user_id=1, item_id=20 at 2026-03-02T12:00:00.000000"]) as string[]}});
  });

  it("is an error that tells rows apart where several have the keys", async () => {
    await expect(explain(["user_id=3", "item_id=20"], noon)).rejects.toMatchObject({code: "row-ambiguous", facts: {count: 2, column: "event", values: ["like", "view"]}});
    expect((await explain(["user_id=3", "item_id=20", "event=like"], noon)).row).toMatchObject({seq: "2", event: "like"});
  });

  it.each([
    ["a key without a value", ["user_id", "item_id=20"], noon, "flag-wrong"],
    ["a missing key", ["user_id=1"], noon, "flag-wrong"],
    ["a key of another type", ["user_id=one", "item_id=20"], noon, "flag-wrong"],
    ["a column that the spine does not have", ["users_id=1", "item_id=20"], noon, "reference-unknown"],
    ["an instant that is none", theRow, "noon", "flag-wrong"],
  ])("is refused for %s", async (_name, keys, at, code) => {
    await expect(explain(keys, at)).rejects.toMatchObject({code});
  });

  it("is refused in words that say what is there", async () => {
    await expect(explain(["user=1"], noon)).rejects.toMatchObject({message: 'column "user" of view "feed" does not exist', hint: 'did you mean "user_id"?'});
    await expect(explain([], noon)).rejects.toMatchObject({message: "--key is missing", hint: "write --key user_id=...: the keys of the spine are user_id, item_id"});
  });
});

describe("the partition of the day", () => {
  it("is compared with, and a difference is said", async () => {
    expect(await explain(theRow, noon)).toMatchObject({partition: undefined});
    const project = loadProject({root});
    await train({project, service: project.services.get("ranking")!, stages: "both"});
    const same = await explain(theRow, noon);
    expect(same.partition).toMatchObject({stage: "dataset", hasRow: true});
    expect(same.columns.filter(({agrees}) => agrees !== undefined).map(({name, agrees}) => [name, agrees])).toEqual(["user_id", "item_id", "at", "score", "likes", "score_twice"].map((name) => [name, true]));
    expect(renderExplanation(same, root)).toContain("origin (default): its default: nothing produces it\n  value     feed (in the partition)");
    expect(await explain(["user_id=2", "item_id=60"], "2026-03-02T12:00:01")).toMatchObject({partition: {hasRow: false}});
    writeFileSync(join(root, "config/training/aggregations.yaml"), files["config/training/aggregations.yaml"].replace("max_items: 2", "max_items: 3"));
    expect(column(await explain(theRow, noon), "likes")).toMatchObject({value: "[10, 11, 12]", stored: "[11, 12]", agrees: false});
  });
});
