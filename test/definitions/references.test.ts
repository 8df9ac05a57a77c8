import {describe, it} from "vitest";
import {expectProblems, readSound} from "./marked-project.js";

const runtime = "config/training/runtime.yaml";
const aggregations = "config/training/aggregations.yaml";
const service = "feature_services/ranking.yaml";
const spine = (inside: string): string => `name: ranking\nspine: {${inside}}\n`;
const spec = (keys: string): string => `aggregation_specs: [{name: a, operation: count, window_days: 7, ${keys}}]\n`;
const stores = "embedding_stores: [{name: store, path: x, id_column: id, embedding_column: v, embedding_dim: 8}]\n";

describe("references", () => {
  it("reach join keys, timestamps and fields of views, and columns that are made", () => {
    readSound({
      [runtime]: "feature_refs: [profile:user_id, profile:updated_at, profile:age]\n",
      [aggregations]: `
aggregation_specs:
  - {name: a, group_by: [author_id], operation: count, window_days: 7, timestamp_column: ts}
  - {name: b, group_by: {session_age: session}, operation: count, window_days: 7}
${stores}`,
      [service]: `
name: ranking
grain: [user_id, ts, session_age]
spine: {view: events, item_key: item_id, coverage_filter: {store: store, id_column: item_id}}
derived: [{name: session_age, dtype: DOUBLE, sql: "1"}]
checks: [{unique: [user_id, a, session_age]}]
`,
    });
  });
});

describe("a dangling reference", () => {
  it("is a feature_ref to no view or no column", () => {
    expectProblems({[runtime]: "feature_refs: [«profil:age», «profile:ages», «nothing:x»]\n"}, [
      {code: "reference-unknown", facts: {what: "view", name: "profil", nearest: "profile"}},
      {code: "reference-unknown", facts: {what: "column", name: "profile:ages", nearest: "profile:age"}},
      {code: "reference-unknown", facts: {name: "nothing", nearest: undefined, hint: 'the views are "events", "items", "profile"'}},
    ]);
  });

  it("is a spine of no view, or of one without a timestamp", () => {
    expectProblems({[service]: spine("view: «event»")}, [{code: "reference-unknown", facts: {what: "view", name: "event", nearest: "events"}}]);
    expectProblems({[service]: spine("view: «items»")}, [{code: "timestamp-needed", facts: {what: 'the spine of service "ranking"', view: "items"}}]);
  });

  it("is a column that the spine's view does not have", () => {
    const inside = `view: events, keys: [user_id, «itm_id»], item_key: «item», events: {column: «evnt», keep: [view]},
  session_filter: {column: «sesion», view_events: [view], drop_view_only: true},
  coverage_filter: {store: store, id_column: «author_id»}`;
    expectProblems({[service]: spine(inside), [aggregations]: stores}, [
      {code: "reference-unknown", facts: {name: "events:itm_id", nearest: "events:item_id"}},
      {code: "reference-unknown", facts: {name: "events:item"}},
      {code: "reference-unknown", facts: {name: "events:evnt", nearest: "events:event"}},
      {code: "reference-unknown", facts: {what: "column", name: "sesion", nearest: "session"}},
      {code: "reference-unknown", facts: {name: "events:author_id"}},
    ]);
  });

  it("is a grain or a check of a column that nothing makes", () => {
    expectProblems({[service]: "name: ranking\nspine: {view: events}\ngrain: [«usr_id»]\nchecks: [{unique: [user_id, «itemid»]}]\n"}, [
      {code: "reference-unknown", facts: {name: "usr_id", nearest: "user_id"}},
      {code: "reference-unknown", facts: {name: "itemid", nearest: "item_id"}},
    ]);
  });

  it("is an embedding store or a function that is not declared", () => {
    const enrichments = `enrichment_specs:
  - {name: v, source_id_column: item_id, store_name: «stor», udf_name: lookup_embedding_udf}
  - {name: w, source_id_column: item_id, store_name: store, udf_name: «lookup_embeding_udf»}
`;
    expectProblems({[aggregations]: enrichments + stores}, [
      {code: "reference-unknown", facts: {what: "embedding store", name: "stor", nearest: "store"}},
      {code: "reference-unknown", facts: {what: "function", name: "lookup_embeding_udf", nearest: "lookup_embedding_udf"}},
    ]);
    expectProblems({[service]: spine("view: events, coverage_filter: {store: «store», id_column: item_id}")}, [
      {code: "reference-unknown", facts: {what: "embedding store", hint: "there are no stores"}},
    ]);
  });

  it("is a history of no view, or of one without a timestamp", () => {
    expectProblems({[aggregations]: spec("group_by: [user_id], history: «profle»")}, [{code: "reference-unknown", facts: {name: "profle", nearest: "profile"}}]);
    expectProblems({[aggregations]: spec("group_by: [item_id], history: «items»")}, [
      {code: "timestamp-needed", facts: {what: 'the history of "a"', view: "items"}},
    ]);
  });

  it("is a group_by column that no view has", () => {
    expectProblems({[aggregations]: spec("group_by: [«usr_id»]")}, [{code: "reference-unknown", facts: {name: "usr_id", nearest: "user_id"}}]);
    expectProblems({[aggregations]: spec("history: profile, group_by: {«usr»: user_id, item_id: «autor_id»}")}, [
      {code: "reference-unknown", facts: {name: "usr"}},
      {code: "reference-unknown", facts: {name: "autor_id", nearest: "author_id"}},
    ]);
  });

  it("is a timestamp_column that is not the history's", () => {
    expectProblems({[aggregations]: spec("group_by: [user_id], timestamp_column: «updated_at»")}, [
      {code: "value-wrong", facts: {expected: 'the spine\'s timestamp column, "ts"', found: '"updated_at"'}},
    ]);
    expectProblems({[aggregations]: spec("group_by: [user_id], history: profile, timestamp_column: «ts»")}, [
      {code: "value-wrong", facts: {expected: 'the timestamp column of view "profile", "updated_at"', found: '"ts"'}},
    ]);
  });

  it("is not reported where what it means could not be read", () => {
    const broken = {"feature_views/profile.yaml": "name: profile\nentity: user\nsource: {path: x}\nfields: [{name: age, dtype: «INTGER»}]\n"};
    expectProblems(
      {
        ...broken,
        [runtime]: "feature_refs: [profile:age, profile:followed_ids]\n",
        [aggregations]: spec("group_by: [followed_ids], history: profile, timestamp_column: updated_at"),
      },
      [{code: "dtype-unknown"}],
    );
    expectProblems({[aggregations]: `${stores}«unknown»: 1\n`, [service]: spine("view: events, coverage_filter: {store: other, id_column: item_id}")}, [
      {code: "key-unknown"},
    ]);
  });
});
