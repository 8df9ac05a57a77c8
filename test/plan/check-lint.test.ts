/** Checks that no day can fail, or none can pass, are named where they stand. */
import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {Problems} from "../../src/errors.js";
import {compilePlan} from "../../src/plan/compile.js";
import {writeFiles} from "../support/project-files.js";

interface Checks {
  readonly column?: string;
  readonly more?: string;
  readonly checks?: string;
  readonly table?: string;
}

/** What lint says of the checks of one column, or of the day: severity, code, the text that the place marks, and why. */
function lint({column = "n", more = "", checks = "", table = ""}: Checks): string[] {
  const root = writeFiles({
    "feature_views/feed.yaml": `
name: feed
entity: [user, item]
source: {path: data/feed, timestamp_field: at}
fields: [{name: n, dtype: BIGINT}, {name: small, dtype: INTEGER}, {name: x, dtype: DOUBLE}, {name: yes, dtype: BOOLEAN}, {name: word, dtype: TEXT}, {name: on, dtype: DATE}, {name: tags, dtype: "TEXT[]"}]
`,
    "feature_services/s.yaml": `
name: s
spine: {view: feed}
columns:
  - {name: user_id}
  - {name: item_vector}
  - name: ${column}
    ${more}
    checks: [${checks}]
checks: [${table}]
`,
    "config/training/runtime.yaml": 'feed_start: "202602"\nfeed_end: "202603"\n',
    "config/training/aggregations.yaml": `
aggregation_specs:
  - {name: times, group_by: [user_id], operation: count, window_days: 7}
  - {name: kinds, group_by: [user_id], value_column: word, operation: count_distinct, window_days: 7}
  - {name: seen, group_by: [user_id], value_column: item_id, operation: list, window_days: 7}
  - {name: mean_x, group_by: [user_id], value_column: x, operation: mean, window_days: 7}
embedding_stores: [{name: store, path: x, id_column: id, embedding_column: v, embedding_dim: 4}]
enrichment_specs: [{name: item_vector, source_id_column: item_id, store_name: store, udf_name: lookup_embedding_udf}]
`,
  });
  const project = loadProject({root});
  const problems = new Problems();
  compilePlan(project, project.services.get("s")!, problems);
  return problems.all.map(({severity, code, place, facts}) => {
    const {reason, expected} = facts as {reason?: string; expected?: string};
    return `${severity} ${code} ${place!.text.slice(place!.column - 1, place!.column - 1 + place!.length)}: ${reason ?? expected ?? ""}`;
  });
}

describe("a check that can never fail", () => {
  it.each([
    ["all values NULL", {checks: "{max_null_fraction: 1}"}, "{max_null_fraction: 1}: all values may be NULL"],
    ["beside nullable: false", {more: "nullable: false", checks: "{max_null_fraction: 0.5}"}, '{max_null_fraction: 0.5}: "nullable: false" refuses every NULL already'],
    ["not_null beside nullable: false", {more: "nullable: false", checks: "{not_null: true, severity: warn}"}, '{not_null: true, severity: warn}: "nullable: false" refuses every NULL already'],
    ["beside not_null", {checks: "{not_null: true}, {max_null_fraction: 0.1}"}, '{max_null_fraction: 0.1}: "not_null" refuses every NULL already'],
    ["not_null of a count", {column: "times", checks: "{not_null: true}"}, "{not_null: true}: a count of nothing is 0, never NULL"],
    ["not_null of a list", {column: "seen", checks: "{not_null: true}"}, "{not_null: true}: a window without values gives an empty list, never NULL"],
    ["a count that may be anything", {column: "kinds", checks: "{range: [0, null]}"}, "{range: [0, null]}: a count is never below 0"],
    ["all numbers", {column: "small", checks: "{range: [-2147483648, 2147483647]}"}, "{range: [-2147483648, 2147483647]}: every INTEGER lies there"],
    ["no limits", {checks: "{range: [null, null]}"}, "{range: [null, null]}: every BIGINT lies there"],
    ["both booleans", {column: "yes", checks: "{accepted_values: [true, false]}"}, "{accepted_values: [true, false]}: a BOOLEAN is true or false"],
    ["a drift that nothing reaches", {checks: "{drift: {against: 2026-03-01, max_psi: 19}}"}, "{drift: {against: 2026-03-01, max_psi: 19}}: the index is never above 18.42"],
    ["twice the same", {checks: "{unique: true}, {unique: true, severity: warn}"}, "{unique: true, severity: warn}: the same check stands before it"],
    ["no rows", {table: "{min_rows: 0}"}, "{min_rows: 0}: a day never has fewer than 0 rows"],
    ["a value of another type among others", {checks: '{accepted_values: [1, "2", 2.5]}'}, '{accepted_values: [1, "2", 2.5]}: no BIGINT is "2" or 2.5: these accept nothing'],
  ] as const)("%s", (_name, checks, expected) => {
    expect(lint(checks)).toEqual([`warning check-vacuous ${expected}`]);
  });
});

describe("a check that can never pass", () => {
  it.each([
    ["a count below 0", {column: "times", checks: "{range: [null, -1]}"}, "{range: [null, -1]}: a count is never below 0"],
    ["between whole numbers", {checks: "{range: [0.2, 0.8]}"}, "{range: [0.2, 0.8]}: no whole number lies there"],
    ["beyond the type", {column: "small", checks: "{range: [3000000000, null]}"}, "{range: [3000000000, null]}: no INTEGER lies there"],
    ["numbers as text", {checks: '{accepted_values: ["1", "2"]}'}, '{accepted_values: ["1", "2"]}: no BIGINT is "1" or "2"'],
    ["no day", {column: "on", checks: "{accepted_values: [monday]}"}, '{accepted_values: [monday]}: no DATE is "monday"'],
    ["of a column that is not there", {table: "{unique: [user_id, small]}"}, '{unique: [user_id, small]}: the dataset has no column "small"'],
    ["of an embedding", {table: "{unique: [item_vector]}"}, '{unique: [item_vector]}: "item_vector" is added after the day is checked'],
  ] as const)("%s", (_name, checks, expected) => {
    expect(lint(checks)).toEqual([`error check-unpassable ${expected}`]);
  });

  it("is a warning where the check only warns, or a run may still make it pass", () => {
    expect(lint({checks: "{range: [0.2, 0.8], severity: warn}"})).toEqual(["warning check-unpassable {range: [0.2, 0.8], severity: warn}: no whole number lies there"]);
    const late = "2026-04-01 comes after the month of feed_end, 202603, and is not made";
    expect(lint({checks: "{drift: {against: 2026-04-01}}"})).toEqual([`warning check-unpassable {drift: {against: 2026-04-01}}: ${late}`]);
    expect(lint({table: "{row_count_change: {max_fraction: 0.5, against: 2026-04-01}}"})).toEqual([`warning check-unpassable {row_count_change: {max_fraction: 0.5, against: 2026-04-01}}: ${late}`]);
  });
});

describe("a check that its column's type does not have", () => {
  it("is found before anything is computed", () => {
    expect(lint({column: "word", checks: "{range: [0, 1]}"})).toEqual(["error check-impossible {range: [0, 1]}: numbers"]);
    expect(lint({column: "tags", checks: "{accepted_values: [a]}"})).toEqual(["error check-impossible {accepted_values: [a]}: single values"]);
  });
});

describe("a check that can pass and fail", () => {
  it.each([
    ["limits", {checks: "{range: [0, 10]}, {range: [null, 5], severity: warn}, {max_null_fraction: 0.2}, {unique: true}"}],
    ["a double without limits, which may be NaN", {column: "x", checks: "{range: [null, null]}, {range: [0.2, 0.8]}"}],
    ["a count", {column: "times", checks: "{range: [0, 1000]}, {range: [1, null]}, {drift: {against: 2026-01-01}}"}],
    ["a mean, which is NULL without values", {column: "mean_x", checks: "{not_null: true, severity: warn}, {max_null_fraction: 0.5}"}],
    ["values", {column: "on", checks: "{accepted_values: ['2026-03-01', infinity]}"}],
    ["a boolean", {column: "yes", checks: "{accepted_values: [true]}"}],
    ["of the day", {table: "{min_rows: 1}, {unique: [user_id, n]}, {row_count_change: {max_fraction: 0}}"}],
  ] as const)("%s", (_name, checks) => {
    expect(lint(checks)).toEqual([]);
  });
});
