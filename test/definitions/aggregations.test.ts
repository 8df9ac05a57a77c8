import {describe, expect, it} from "vitest";
import type {AggregationSpec} from "../../src/definitions/model.js";
import {expectProblems, readSound} from "./marked-project.js";

const file = "config/training/aggregations.yaml";
const spec = (keys: string): string => `aggregation_specs:\n  - {name: a, group_by: [user_id], operation: list, value_column: item_id, window_days: 7${keys}}\n`;
const store = "embedding_stores: [{name: store, path: x, id_column: id, embedding_column: v, embedding_dim: 8}]\n";

function readSpec(keys: string): AggregationSpec {
  return readSound({[file]: spec(keys)}).aggregations.specs[0]!;
}

describe("aggregations.yaml", () => {
  it("says everything that the model holds", () => {
    const text = `
aggregation_specs:
  - name: liked_ids
    history: profile
    group_by: {user_id: age, item_id: user_id}
    value_column: followed_ids
    operation: flatten_distinct
    timestamp_column: updated_at
    include_current: false
    window_days: 1.5
    condition: "hist.age > 3"
    max_items: max_items_len
    exclude_self: followed_ids
enrichment_specs:
  - {name: v, source_id_column: item_id, store_name: store, udf_name: lookup_embedding_udf}
  - {name: w, source_id_column: liked_ids, store_name: store, udf_name: my_pool}
embedding_stores:
  - name: store
    type: lance
    path: data/store
    id_column: id
    embedding_column: vector
    embedding_dim: embed_dim
    embedding_dtype: float32
    build_batch_size: 100
    source_parquet: \${data_root}/vectors
udfs:
  - {name: my_pool, module: udfs/my-pool.ts}
`;
    const {aggregations} = readSound({[file]: text, "config/training/runtime.yaml": "data_root: data\n"});
    expect(aggregations).toMatchObject({
      specs: [
        {
          name: "liked_ids",
          history: "profile",
          groupBy: [{spine: "user_id", history: "age"}, {spine: "item_id", history: "user_id"}],
          valueColumn: "followed_ids",
          operation: "flatten_distinct",
          timestampColumn: "updated_at",
          includeCurrent: false,
          windowUs: 1.5 * 86_400e6,
          condition: "hist.age > 3",
          maxItems: 32,
          excludeSelf: "followed_ids",
          place: {file, line: 3, column: 11, length: 9},
        },
      ],
      enrichments: [
        {name: "v", sourceIdColumn: "item_id", storeName: "store", udfName: "lookup_embedding_udf", place: {line: 15, column: 12}},
        {name: "w", udfName: "my_pool"},
      ],
    });
    expect(aggregations.stores.get("store")).toMatchObject({
      type: "lance",
      path: "data/store",
      idColumn: "id",
      embeddingColumn: "vector",
      embeddingDim: 8,
      embeddingDtype: "float32",
      buildBatchSize: 100,
      sourceParquet: "data/vectors",
      place: {line: 18, column: 11},
    });
    expect(aggregations.udfs.get("my_pool")).toMatchObject({module: "udfs/my-pool.ts"});
  });

  it("has the documented defaults", () => {
    expect(readSpec("")).toMatchObject({
      history: undefined,
      groupBy: [{spine: "user_id", history: "user_id"}],
      timestampColumn: undefined,
      includeCurrent: false,
      condition: undefined,
      maxItems: undefined,
      excludeSelf: false,
    });
    expect(readSound({[file]: store}).aggregations.stores.get("store")).toMatchObject({
      type: "lance",
      embeddingDtype: "float16",
      buildBatchSize: 50_000,
      sourceParquet: undefined,
    });
  });

  it.each([undefined, "", "aggregation_specs: []\n"])("may say nothing: %j", (text) => {
    expect(readSound({[file]: text}).aggregations).toEqual({specs: [], enrichments: [], stores: new Map(), udfs: new Map()});
  });

  it("counts rows without a value column, and all history for null", () => {
    const [read] = readSound({[file]: "aggregation_specs: [{name: a, group_by: [user_id], operation: count, window_days: null}]\n"}).aggregations.specs;
    expect(read).toMatchObject({valueColumn: undefined, windowUs: undefined});
  });

  it("may look back for less than a day", () => {
    const [read] = readSound({[file]: "aggregation_specs: [{name: a, group_by: [user_id], operation: count, window: 90m}]\n"}).aggregations.specs;
    expect(read).toMatchObject({windowUs: 90 * 60 * 1_000_000});
  });

  it("excludes the row's own item or another column", () => {
    expect([readSpec(", exclude_self: true").excludeSelf, readSpec(", exclude_self: session").excludeSelf]).toEqual([true, "session"]);
  });
});

describe("a wrong aggregations.yaml", () => {
  it("has keys that nobody knows", () => {
    const text = `
«aggregation_spec»: []
aggregation_specs: [{name: a, group_by: [user_id], operation: count, window_days: 7, «windwo»: 90m, «conditon»: "x"}]
enrichment_specs: [{name: v, source_id_column: item_id, store_name: store, udf_name: lookup_embedding_udf, «udf»: x}]
embedding_stores: [{name: store, path: x, id_column: id, embedding_column: v, embedding_dim: 8, «embeding_dtype»: float16}]
udfs: [{name: f, module: x, «modul»: y}]
`;
    expectProblems({[file]: text}, [
      {code: "key-unknown", facts: {key: "aggregation_spec", nearest: "aggregation_specs"}},
      {code: "key-unknown", facts: {key: "windwo", nearest: "window"}},
      {code: "key-unknown", facts: {key: "conditon", nearest: "condition"}},
      {code: "key-unknown", facts: {key: "udf"}},
      {code: "key-unknown", facts: {key: "embeding_dtype", nearest: "embedding_dtype"}},
      {code: "key-unknown", facts: {key: "modul", nearest: "module"}},
    ]);
  });

  it("says twice how far a window looks back, or not at all", () => {
    const text = `
aggregation_specs:
  - {name: a, group_by: [user_id], operation: count, window_days: 7, «window»: 90m}
  - {name: «b», group_by: [user_id], operation: count}
`;
    expectProblems({[file]: text}, [
      {code: "keys-conflict", facts: {keys: ["window", "window_days"]}},
      {code: "key-missing", facts: {key: "window_days"}},
    ]);
    expectProblems({[file]: "aggregation_specs: [{name: c, group_by: [user_id], operation: count, window: «90 minutes»}]\n"}, [
      {code: "value-wrong", facts: {key: "window"}},
    ]);
  });

  it("has windows that nothing fits into, or that begin before all time", () => {
    const text = `
aggregation_specs:
  - {name: a, group_by: [user_id], operation: count, window: «0s»}
  - {name: b, group_by: [user_id], operation: count, window_days: «1e-12»}
  - {name: c, group_by: [user_id], operation: count, window_days: «1e6»}
  - {name: d, group_by: [user_id], operation: count, window: «99999w»}
`;
    const days = {key: "window_days", expected: "at least a microsecond and at most 104249 days, or null for all history"};
    expectProblems({[file]: text}, [
      {code: "value-wrong", facts: {key: "window", expected: "a duration above 0"}},
      {code: "value-wrong", facts: {...days, found: "1e-12"}},
      {code: "value-wrong", facts: {...days, found: "1000000"}},
      {code: "value-wrong", facts: {key: "window"}},
    ]);
  });

  it("has values of other types", () => {
    const text = `
aggregation_specs:
  - {name: a, group_by: «user_id», operation: «lst», value_column: «[a]», window_days: «0», max_items: «-3», include_current: «1», exclude_self: «3»}
  - {name: b, group_by: «[]», operation: count, window_days: «seven days»}
  - {name: c, group_by: «{}», operation: count, window_days: «"7"»}
embedding_stores:
  - {name: store, type: «faiss», path: x, id_column: id, embedding_column: v, embedding_dim: «8.5», embedding_dtype: «float61», build_batch_size: «0»}
`;
    expectProblems({[file]: text}, [
      {code: "value-wrong", facts: {key: "group_by", expected: "a list of columns, or a mapping of spine keys to history columns"}},
      {code: "value-wrong", facts: {key: "operation", nearest: "list"}},
      {code: "value-wrong", facts: {key: "value_column"}},
      {code: "value-wrong", facts: {key: "window_days", found: "0"}},
      {code: "value-wrong", facts: {key: "max_items", found: "-3"}},
      {code: "value-wrong", facts: {key: "include_current", expected: "true or false"}},
      {code: "value-wrong", facts: {key: "exclude_self", expected: "true, false or a column name"}},
      {code: "value-wrong", facts: {key: "group_by", expected: "a list with at least one name"}},
      {code: "value-wrong", facts: {key: "window_days", found: '"seven days"'}},
      {code: "value-wrong", facts: {key: "group_by"}},
      {code: "value-wrong", facts: {key: "window_days", found: '"7"'}},
      {code: "value-wrong", facts: {key: "type", expected: 'one of "lance"'}},
      {code: "value-wrong", facts: {key: "embedding_dim", found: "8.5"}},
      {code: "value-wrong", facts: {key: "embedding_dtype", nearest: "float16"}},
      {code: "value-wrong", facts: {key: "build_batch_size", found: "0"}},
    ]);
  });

  it("lacks keys that it needs", () => {
    const text = `
aggregation_specs: [«{name: a, group_by: [user_id], window_days: 7}»]
embedding_stores:
  - «name: s»
    path: x
    id_column: id
    embedding_column: v
`;
    expectProblems({[file]: text}, [
      {code: "key-missing", facts: {key: "operation", what: 'an entry of "aggregation_specs"'}},
      {code: "key-missing", facts: {key: "embedding_dim", what: 'an entry of "embedding_stores"'}},
    ]);
  });

  it.each(["list", "flatten_distinct"])("has a %s of no column", (operation) => {
    expectProblems({[file]: `aggregation_specs: [{name: a, group_by: [user_id], operation: «${operation}», window_days: 7}]\n`}, [
      {code: "key-missing", facts: {key: "value_column", what: `the operation "${operation}"`}},
    ]);
  });

  it("excludes the row itself from a count of rows without saying by which column", () => {
    expectProblems({[file]: "aggregation_specs: [{name: a, group_by: [user_id], operation: count, window_days: 7, exclude_self: «true»}]\n"}, [
      {code: "key-missing", facts: {key: "value_column", what: '"exclude_self: true"'}},
    ]);
  });

  it("both includes and excludes the row itself", () => {
    expectProblems({[file]: spec(", «include_current»: true, exclude_self: true")}, [
      {code: "keys-conflict", facts: {keys: ["include_current", "exclude_self"]}},
    ]);
    expectProblems({[file]: spec(", «include_current»: true, exclude_self: session")}, [{code: "keys-conflict"}]);
  });

  it("includes the row itself in a history that does not hold it", () => {
    expectProblems({[file]: spec(", history: profile, «include_current»: true")}, [
      {code: "keys-conflict", facts: {keys: ["include_current", "history"]}},
    ]);
  });

  it("limits a count", () => {
    expectProblems({[file]: "aggregation_specs: [{name: a, group_by: [user_id], operation: count, window_days: 7, «max_items»: 3}]\n"}, [
      {code: "setting-without-effect", facts: {key: "max_items"}, severity: "warning"},
    ]);
  });

  it("uses a name twice", () => {
    const text = `
aggregation_specs:
  - {name: a, group_by: [user_id, «user_id»], operation: count, window_days: 7}
  - {name: «a», group_by: [user_id], operation: count, window_days: 7}
enrichment_specs: [{name: «a», source_id_column: item_id, store_name: store, udf_name: lookup_embedding_udf}]
embedding_stores:
  - {name: store, path: x, id_column: id, embedding_column: v, embedding_dim: 8}
  - {name: «store», path: y, id_column: id, embedding_column: v, embedding_dim: 8}
udfs: [{name: f, module: x}, {name: «f», module: y}, {name: «lookup_embedding_udf», module: z}]
`;
    expectProblems({[file]: text}, [
      {code: "name-duplicate", facts: {what: "group_by column", name: "user_id"}},
      {code: "name-duplicate", facts: {what: "aggregation", name: "a", first: `${file}:3:12`}},
      {code: "name-duplicate", facts: {what: "enrichment", name: "a", first: `${file}:3:12`}},
      {code: "name-duplicate", facts: {what: "embedding store", name: "store"}},
      {code: "name-duplicate", facts: {what: "function", name: "f"}},
      {code: "name-duplicate", facts: {what: "function", name: "lookup_embedding_udf", first: "the functions that are built in"}},
    ]);
  });

  it("repeats no credentials of a store", () => {
    expectProblems({[file]: store.replace("path: x", "path: «'s3://key:hunter2@bucket/x'»")}, [{code: "credentials-literal", facts: {key: "path"}}]);
  });
});
