import {describe, expect, it} from "vitest";
import type {Service} from "../../src/definitions/model.js";
import {expectProblems, readSound} from "./marked-project.js";

const file = "feature_services/ranking.yaml";
const service = (lines: string): string => `name: ranking\nspine: {view: events}\n${lines}\n`;
const spine = (inside: string): string => `name: ranking\nspine: {view: events, ${inside}}\n`;
const stores = "embedding_stores: [{name: store, path: x, id_column: id, embedding_column: v, embedding_dim: embed_dim}]\n";

function readService(text: string, files: Readonly<Record<string, string>> = {}): Service {
  return readSound({...files, [file]: text}).services.get("ranking")!;
}

describe("a service", () => {
  it("says everything that the model holds", () => {
    const read = readService(
      `
name: ranking
version: 3
owner: recsys
description: Ranks.
grain: [user_id, ts]
serving: true
spine:
  view: events
  events: {column: event, keep: [view, like]}
  lookback_days: half_day
  keys: [item_id, user_id]
  item_key: item_id
  session_filter: {column: session, view_events: [view], like_events: [like], drop_view_only: true, drop_single_like: true}
  coverage_filter: {store: store, id_column: item_id}
derived:
  - {name: age_hours, dtype: DOUBLE, sql: "age * 2"}
filters:
  - {name: safe, sql: "age > 3"}
columns:
  - {name: user_id, kind: key, dtype: BIGINT, nullable: false}
  - {name: age, kind: feature, dtype: DOUBLE, default: 0.0, checks: [{range: [0, null]}, {max_null_fraction: 0.2, severity: warn}]}
  - {name: event, checks: [{accepted_values: [view, 1, true]}, {not_null: true}, {unique: true}]}
  - {name: v, kind: enrichment, dtype: "HALF_FLOAT[8]", default_sql: "CAST(NULL AS FLOAT[])"}
checks:
  - {min_rows: 1}
  - {unique: [user_id, ts], severity: warn}
`,
      {"config/training/aggregations.yaml": stores},
    );
    expect(read).toMatchObject({
      name: "ranking",
      version: 3,
      owner: "recsys",
      description: "Ranks.",
      grain: ["user_id", "ts"],
      isServing: true,
      spine: {
        view: "events",
        events: {column: "event", keep: ["view", "like"]},
        lookbackDays: 0.5,
        keys: ["item_id", "user_id"],
        itemKey: "item_id",
        sessionFilter: {
          column: "session",
          eventColumn: "event",
          viewEvents: ["view"],
          likeEvents: ["like"],
          dropViewOnly: true,
          dropSingleLike: true,
        },
        coverageFilter: {store: "store", idColumn: "item_id", place: {line: 15, column: 28}},
        place: {line: 9, column: 9},
      },
      derived: [{name: "age_hours", dtype: {kind: "scalar", name: "DOUBLE"}, sql: "age * 2", place: {line: 17, column: 43}}],
      filters: [{name: "safe", sql: "age > 3", place: {line: 19, column: 23}}],
      columns: [
        {name: "user_id", kind: "key", dtype: {name: "BIGINT"}, defaultSql: undefined, isNullable: false, checks: []},
        {
          name: "age",
          defaultSql: "CAST('0.0' AS DOUBLE)",
          isNullable: true,
          checks: [
            {kind: "range", min: 0, max: undefined, severity: "error", place: {line: 22, column: 70, length: 18}},
            {kind: "max_null_fraction", fraction: 0.2, severity: "warn"},
          ],
        },
        {
          name: "event",
          kind: undefined,
          dtype: undefined,
          checks: [{kind: "accepted_values", values: ["view", 1, true]}, {kind: "not_null"}, {kind: "unique"}],
        },
        {name: "v", dtype: {kind: "vector", name: "HALF_FLOAT", dimension: 8}, defaultSql: "CAST(NULL AS FLOAT[])"},
      ],
      checks: [
        {kind: "min_rows", rows: 1, severity: "error"},
        {kind: "unique", columns: ["user_id", "ts"], severity: "warn", place: {line: 27}},
      ],
      place: {file, line: 2, column: 7},
    });
  });

  it("takes what it does not say from the spine's view", () => {
    expect(readService(service(""))).toMatchObject({
      version: 1,
      owner: undefined,
      grain: ["user_id", "item_id", "ts"],
      isServing: false,
      spine: {events: undefined, lookbackDays: undefined, keys: ["user_id", "item_id"], itemKey: undefined, sessionFilter: undefined},
      derived: [],
      filters: [],
      columns: undefined,
      checks: [],
    });
  });

  it("compares with the previous day, by ten buckets and up to a PSI of 0.2, where its checks do not say more", () => {
    const read = readService(
      service("columns: [{name: age, checks: [{drift: {against: 2026-03-02}}, {drift: {against: 2026-03-02, max_psi: 0.1, buckets: 20}, severity: warn}]}]\nchecks: [{row_count_change: {max_fraction: 0.5}}, {row_count_change: {max_fraction: 2, against: 2026-03-02}}]"),
    );
    expect(read.columns![0]!.checks).toMatchObject([
      {kind: "drift", againstDay: "2026-03-02", maxPsi: 0.2, buckets: 10, severity: "error", place: {line: 3}},
      {kind: "drift", againstDay: "2026-03-02", maxPsi: 0.1, buckets: 20, severity: "warn"},
    ]);
    expect(read.checks).toMatchObject([
      {kind: "row_count_change", maxFraction: 0.5, againstDay: undefined, place: {line: 4}},
      {kind: "row_count_change", maxFraction: 2, againstDay: "2026-03-02"},
    ]);
  });

  it.each([
    ["3", "3"],
    ["-7", "-7"],
    ["9007199254740993", "9007199254740993"],
    ["1.0", "CAST('1.0' AS DOUBLE)"],
    ["0.1", "CAST('0.1' AS DOUBLE)"],
    ["1e3", "CAST('1000.0' AS DOUBLE)"],
    ["true", "TRUE"],
    ["none", "'none'"],
    ['"it\'s"', "'it''s'"],
    ['""', "''"],
    ["null", "NULL"],
    ["[]", "[]"],
    ["[1, 2.5, a, null]", "[1, CAST('2.5' AS DOUBLE), 'a', NULL]"],
    ["0x1F", "31"],
  ])("has the default %s as %s", (written, expected) => {
    const [column] = readService(service(`columns: [{name: a, default: ${written}}]`)).columns!;
    expect(column!.defaultSql).toBe(expected);
  });
});

describe("a wrong service", () => {
  it("has keys that nobody knows, in every part of it", () => {
    const text = `
name: ranking
«vresion»: 1
spine:
  view: events
  «look_back_days»: 3
  events: {column: event, keep: [view], «keeps»: [like]}
  session_filter: {column: session, view_events: [view], «drop_views_only»: true}
derived: [{name: a, dtype: DOUBLE, sql: "1", «sqll»: "2"}]
filters: [{name: a, sql: "1", «when»: "2"}]
columns: [{name: a, «dtpye»: TEXT, checks: [{not_null: true, «severty»: warn}]}]
checks: [{min_rows: 1, «rows»: 2}]
`;
    expectProblems({[file]: text}, [
      {code: "key-unknown", facts: {key: "vresion", nearest: "version"}},
      {code: "key-unknown", facts: {key: "look_back_days", nearest: "lookback_days"}},
      {code: "key-unknown", facts: {key: "keeps", nearest: "keep"}},
      // Nothing is said of the filter dropping nothing: the key that was meant is being reported.
      {code: "key-unknown", facts: {key: "drop_views_only", nearest: "drop_view_only"}},
      {code: "key-unknown", facts: {key: "sqll", nearest: "sql"}},
      {code: "key-unknown", facts: {key: "when"}},
      {code: "key-unknown", facts: {key: "dtpye", nearest: "dtype"}},
      {code: "key-unknown", facts: {key: "severty", nearest: "severity"}},
      {code: "key-unknown", facts: {key: "rows"}},
    ]);
  });

  it("has values of other types", () => {
    const text = `
name: ranking
version: «"3"»
grain: «user_id»
spine: {view: events, events: {column: event, keep: «[]»}, lookback_days: «-1»}
filters: «{safe: "1"}»
columns: [{name: a, kind: «keys», dtype: «HALF_FLOAT», nullable: «no», default: «{a: 1}»}]
`;
    expectProblems({[file]: text}, [
      {code: "value-wrong", facts: {key: "version", expected: "a whole number above 0", found: '"3"'}},
      {code: "value-wrong", facts: {key: "grain", expected: "a list of names"}},
      {code: "value-wrong", facts: {key: "keep", expected: "a list with at least one event name", found: "a list"}},
      {code: "value-wrong", facts: {key: "lookback_days", found: "-1"}},
      {code: "value-wrong", facts: {key: "filters", expected: "a list of filters", found: "a mapping"}},
      {code: "value-wrong", facts: {key: "kind", nearest: "key"}},
      {code: "dtype-unknown", facts: {dtype: "HALF_FLOAT"}},
      {code: "value-wrong", facts: {key: "nullable", found: '"no"'}},
      {code: "value-wrong", facts: {key: "default", expected: "text, a number, true or false, null, or a list of them"}},
    ]);
  });

  it("lacks a spine", () => {
    expectProblems({[file]: "«»name: ranking\n"}, [{code: "key-missing", facts: {key: "spine", what: "a service"}}]);
    expectProblems({[file]: "name: ranking\nspine: «{}»\n"}, [
      {code: "key-missing", facts: {key: "view", what: '"spine"'}},
    ]);
  });

  it("uses a name twice", () => {
    const text = `
name: ranking
grain: [user_id, «user_id»]
spine: {view: events, keys: [item_id, «item_id»]}
derived: [{name: a, dtype: DOUBLE, sql: "1"}, {name: «a», dtype: DOUBLE, sql: "1"}]
filters: [{name: a, sql: "1"}, {name: «a», sql: "1"}]
columns: [{name: a}, {name: «a»}]
`;
    expectProblems({[file]: text}, [
      {code: "name-duplicate", facts: {what: "grain column", name: "user_id"}},
      {code: "name-duplicate", facts: {what: "spine key", name: "item_id"}},
      {code: "name-duplicate", facts: {what: "derived column", name: "a", first: `${file}:5:18`}},
      {code: "name-duplicate", facts: {what: "filter", name: "a"}},
      {code: "name-duplicate", facts: {what: "column", name: "a"}},
    ]);
    expectProblems({"feature_services/zz.yaml": "name: «ranking»\nspine: {view: events}\n"}, [
      {code: "name-duplicate", facts: {what: "service", name: "ranking", first: `${file}:1:7`}},
    ]);
  });

  it("filters sessions without saying which events there are", () => {
    expectProblems({[file]: spine("«session_filter»: {column: session, view_events: [view], drop_view_only: true}")}, [
      {code: "key-missing", facts: {key: "events", what: 'a spine with "session_filter"'}},
    ]);
    expectProblems({[file]: spine("events: {column: event, keep: [view]}, session_filter: {column: session, view_events: [view], «drop_single_like»: true}")}, [
      {code: "key-missing", facts: {key: "like_events", what: '"drop_single_like"'}},
    ]);
  });

  it("filters sessions and drops none", () => {
    expectProblems({[file]: spine("events: {column: event, keep: [view]}, «session_filter»: {column: session, view_events: [view]}")}, [
      {code: "setting-without-effect", facts: {key: "session_filter"}, severity: "warning"},
    ]);
  });

  it("says a default as a value and as SQL", () => {
    expectProblems({[file]: service('columns: [{name: a, default: 1, «default_sql»: "2"}]')}, [
      {code: "keys-conflict", facts: {keys: ["default", "default_sql"]}},
    ]);
  });

  it("has a default that only SQL can say", () => {
    expectProblems({[file]: service("columns: [{name: a, default: «.nan»}, {name: b, default: [«[1]»]}]")}, [
      {code: "value-wrong", facts: {key: "default", found: "NaN"}},
      {code: "value-wrong", facts: {key: "default[0]", expected: "text, a number, true or false, or null", found: "a list"}},
    ]);
  });

  it("has checks that nobody knows", () => {
    const known = ["not_null", "unique", "range", "accepted_values", "max_null_fraction", "embedding_coverage", "drift", "severity"];
    expectProblems({[file]: service("columns: [{name: a, checks: [{«freshness»: 0.9}, {«notnull»: true}]}]\nchecks: [{«max_rows»: 2}]")}, [
      {code: "key-unknown", facts: {key: "freshness", nearest: undefined, allowed: known}},
      {code: "key-unknown", facts: {key: "notnull", nearest: "not_null"}},
      {code: "key-unknown", facts: {key: "max_rows", allowed: ["min_rows", "unique", "row_count_change", "severity"]}},
    ]);
  });

  it("has checks that check nothing, or several things at once", () => {
    expectProblems({[file]: service("columns: [{name: a, checks: [«{severity: warn}», «{not_null: true, unique: true}»]}]\nchecks: [«{}»]")}, [
      {code: "check-ambiguous", facts: {found: []}},
      {code: "check-ambiguous", facts: {found: ["not_null", "unique"]}},
      {code: "check-ambiguous", facts: {found: [], known: ["min_rows", "unique", "row_count_change"]}},
    ]);
  });

  it("has checks that make no sense", () => {
    const checks = "{range: «[10, 0]»}, {range: «[1]»}, {range: [«low», 1]}, {max_null_fraction: «1.5»}, {not_null: «false»}, {accepted_values: «[]»}";
    expectProblems({[file]: service(`columns: [{name: a, checks: [${checks}, {accepted_values: [«9007199254740993»]}, {not_null: true, severity: «fatal»}]}]\nchecks: [{min_rows: «-1»}]`)}, [
      {code: "value-wrong", facts: {key: "range", found: "a list"}},
      {code: "value-wrong", facts: {key: "range", found: "a list"}},
      {code: "value-wrong", facts: {key: "range[0]", expected: "a number or null", found: '"low"'}},
      {code: "value-wrong", facts: {key: "max_null_fraction", expected: "a number from 0 to 1", found: "1.5"}},
      {code: "value-wrong", facts: {key: "not_null", expected: "true", found: "false"}},
      {code: "value-wrong", facts: {key: "accepted_values", expected: "a list with at least one value"}},
      {code: "value-wrong", facts: {key: "accepted_values[0]"}},
      {code: "value-wrong", facts: {key: "severity", expected: 'one of "error", "warn"'}},
      {code: "value-wrong", facts: {key: "min_rows", found: "-1"}},
    ]);
  });

  it("compares with days that do not exist, or beyond what can be", () => {
    const drifts = "{drift: {against: «2026-02-30»}}, {drift: {against: «previous»}}, {drift: «{max_psi: 0.1}»}, {drift: {against: 2026-03-02, max_psi: «0», buckets: «1»}}";
    const changes = "{row_count_change: {max_fraction: «-0.1»}}, {row_count_change: «{against: previous}»}, {row_count_change: {max_fraction: 1, against: «yesterday»}}, {row_count_change: {max_fraction: 1, «ageinst»: previous}}";
    expectProblems({[file]: service(`columns: [{name: a, checks: [${drifts}, {embedding_coverage: «2»}]}]\nchecks: [${changes}]`)}, [
      {code: "value-wrong", facts: {key: "against", expected: "a day, YYYY-MM-DD", found: '"2026-02-30"'}},
      {code: "value-wrong", facts: {key: "against", found: '"previous"'}},
      {code: "key-missing", facts: {key: "against", what: '"drift"'}},
      {code: "value-wrong", facts: {key: "max_psi", expected: "a number above 0", found: "0"}},
      {code: "value-wrong", facts: {key: "buckets", expected: "a whole number from 2 to 1000", found: "1"}},
      {code: "value-wrong", facts: {key: "embedding_coverage", expected: "a number from 0 to 1", found: "2"}},
      {code: "value-wrong", facts: {key: "max_fraction", expected: "a number, 0 or more", found: "-0.1"}},
      {code: "key-missing", facts: {key: "max_fraction", what: '"row_count_change"'}},
      {code: "value-wrong", facts: {key: "against", expected: '"previous" or a day, YYYY-MM-DD', found: '"yesterday"'}},
      {code: "key-unknown", facts: {key: "ageinst", nearest: "against"}},
    ]);
  });

  it("asks for the coverage of a column that is no embedding", () => {
    expectProblems({[file]: service("columns: [{name: age, checks: [«{embedding_coverage: 0.9}»]}]")}, [
      {code: "reference-unknown", facts: {what: "embedding column", name: "age", hint: "there are no embedding columns"}},
    ]);
  });
});
