import {describe, expect, it} from "vitest";
import {expectProblems, readSound} from "./marked-project.js";

const file = "config/base.yaml";
const runtime = "config/training/runtime.yaml";

describe("base.yaml", () => {
  it("holds constants, column lists and the root of the parquet sources", () => {
    const text = `
max_like_artworks_len: 32
decay: 0.5
offset: -1
feature_s3_root_dir: "s3://bucket/infra"
click_event_features: [event]
artwork_features: [author_id]
user_features: []
my_features: [a b, c]
`;
    expect(readSound({[file]: text}).base).toEqual({
      constants: new Map([["max_like_artworks_len", 32], ["decay", 0.5], ["offset", -1]]),
      columnLists: new Map([
        ["click_event_features", ["event"]],
        ["artwork_features", ["author_id"]],
        ["user_features", []],
        ["my_features", ["a b", "c"]],
      ]),
      featureS3RootDir: "s3://bucket/infra",
    });
  });

  it("may be missing", () => {
    expect(readSound({[file]: undefined}).base).toEqual({constants: new Map(), columnLists: new Map(), featureS3RootDir: undefined});
  });

  it("holds nothing else", () => {
    const text = "a: «text»\nb: «true»\nc: «{d: 1}»\nd: [x, «1»]\nfeature_s3_root_dir: «[x]»\nuser_features: «3»\n«max-len»: 3\n";
    expectProblems({[file]: text}, [
      {code: "value-wrong", facts: {key: "a", expected: "a number (a constant) or a list of column names", found: '"text"'}},
      {code: "value-wrong", facts: {key: "b", found: "true"}},
      {code: "value-wrong", facts: {key: "c", found: "a mapping"}},
      {code: "value-wrong", facts: {key: "d[1]", expected: "text", found: "1"}},
      {code: "value-wrong", facts: {key: "feature_s3_root_dir", expected: "text"}},
      {code: "value-wrong", facts: {key: "user_features", expected: "a list of column names"}},
      {code: "value-wrong", facts: {key: "max-len"}},
    ]);
  });
});

describe("a constant", () => {
  it("stands for its number wherever one is meant", () => {
    const project = readSound({
      [file]: "n: 7\nhalf: 0.5\n",
      [runtime]: "entity_spine_chunk_rows: n\nday_workers: n\n",
      "config/training/aggregations.yaml": `
aggregation_specs: [{name: a, group_by: [user_id], operation: list, value_column: item_id, window_days: half, max_items: n}]
embedding_stores: [{name: s, path: x, id_column: id, embedding_column: v, embedding_dim: n, build_batch_size: n}]
`,
      "feature_services/ranking.yaml": "name: ranking\nspine: {view: events, lookback_days: half}\n",
    });
    const [spec] = project.aggregations.specs;
    const store = project.aggregations.stores.get("s");
    expect(project.runtime).toMatchObject({entitySpineChunkRows: 7, dayWorkers: 7});
    expect(spec).toMatchObject({windowUs: 43_200e6, maxItems: 7});
    expect(store).toMatchObject({embeddingDim: 7, buildBatchSize: 7});
    expect(project.services.get("ranking")?.spine.lookbackDays).toBe(0.5);
  });

  it("must exist", () => {
    expectProblems({[runtime]: "day_workers: «max_item_len»\nentity_spine_chunk_rows: «zzz»\n"}, [
      {code: "reference-unknown", facts: {what: "constant", name: "max_item_len", nearest: "max_items_len"}},
      {code: "reference-unknown", facts: {name: "zzz", nearest: undefined, hint: "the constants of config/base.yaml are max_items_len, embed_dim, half_day"}},
    ]);
    expectProblems({[file]: "", [runtime]: "day_workers: «n»\n"}, [{code: "reference-unknown", facts: {hint: "config/base.yaml declares none"}}]);
  });

  it("must be a number that makes sense there", () => {
    expectProblems({[file]: "half: 0.5\nnone: 0\n", [runtime]: "day_workers: «half»\nentity_spine_chunk_rows: «none»\n"}, [
      {code: "value-wrong", facts: {key: "day_workers", expected: "a whole number above 0", found: "0.5, the value of half"}},
      {code: "value-wrong", facts: {key: "entity_spine_chunk_rows", found: "0, the value of none"}},
    ]);
    const specs = "aggregation_specs: [{name: a, group_by: [user_id], operation: count, window_days: «none»}]\n";
    expectProblems({[file]: "none: 0\n", "config/training/aggregations.yaml": specs}, [{code: "value-wrong", facts: {key: "window_days"}}]);
  });

  it("is not missed while base.yaml cannot be read", () => {
    expectProblems({[file]: "max: «yes»\n", [runtime]: "day_workers: max\n"}, [{code: "value-wrong", facts: {key: "max"}}]);
  });
});
