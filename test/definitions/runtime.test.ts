import {describe, expect, it} from "vitest";
import {aggregationEngineNames} from "../../src/definitions/runtime-schema.js";
import {expectProblems, readFiles, readSound} from "./marked-project.js";

const file = "config/training/runtime.yaml";

describe("runtime.yaml", () => {
  it("says everything that the model holds", () => {
    const text = `
data_root: data/mewtant
feed_start: "202602"
feed_end: 202605
entity_spine_chunk_rows: 1000
day_workers: 4
compute:
  engine: polars
  duckdb_config: {threads: "4", memory_limit: 32GiB, preserve_insertion_order: false, max_temp: 3}
output_root: out
feature_refs: [profile:followed_ids, items:item_id]
output_columns:
  - name: user_id
    default: 0
  - ts
  - {name: embedding, default_sql: "CAST(NULL AS FLOAT[])"}
`;
    expect(readSound({[file]: text}).runtime).toMatchObject({
      dataRoot: "data/mewtant",
      feedStart: "202602",
      feedEnd: "202605",
      entitySpineChunkRows: 1000,
      dayWorkers: 4,
      compute: {
        engine: "polars",
        duckdbConfig: new Map([
          ["threads", "4"],
          ["memory_limit", "32GiB"],
          ["preserve_insertion_order", "false"],
          ["max_temp", "3"],
        ]),
        place: {file, line: 8, column: 11},
      },
      outputRoot: "out",
      featureRefs: [{view: "profile", column: "followed_ids", place: {line: 11, column: 16}}, {view: "items", column: "item_id"}],
      outputColumns: [
        {name: "user_id", defaultSql: "0", place: {line: 13, column: 11}},
        {name: "ts", defaultSql: undefined, place: {line: 15, column: 5}},
        {name: "embedding", defaultSql: "CAST(NULL AS FLOAT[])"},
      ],
    });
  });

  it.each([undefined, "", "compute: {}\n"])("has the documented defaults when it is %j", (text) => {
    expect(readSound({[file]: text}).runtime).toEqual({
      dataRoot: undefined,
      feedStart: undefined,
      feedEnd: undefined,
      entitySpineChunkRows: 500_000,
      dayWorkers: 1,
      compute: {engine: "duckdb", duckdbConfig: new Map(), place: undefined},
      outputRoot: "data/training_output",
      outputStore: {options: new Map(), credentials: new Map(), place: undefined},
      outputLake: undefined,
      featureRefs: undefined,
      outputColumns: undefined,
    });
  });

  it.each(aggregationEngineNames)("may name the aggregation engine %s", (engine) => {
    expect(readSound({[file]: `compute: {engine: ${engine}}\n`}).runtime.compute.engine).toBe(engine);
  });

  it("may be another file", () => {
    const files = {"other/run.yaml": "day_workers: 3\n", [file]: "day_workers: 2\n"};
    expect(readSound(files, {runtimeConfigPath: "other/run.yaml"}).runtime.dayWorkers).toBe(3);
  });
});

describe("a wrong runtime.yaml", () => {
  it("has keys that nobody knows", () => {
    expectProblems({[file]: "«day_worker»: 1\ncompute: {«engin»: duckdb}\noutput_columns: [{name: a, «defualt»: 1}]\n"}, [
      {code: "key-unknown", facts: {key: "day_worker", nearest: "day_workers"}},
      {code: "key-unknown", facts: {key: "engin", nearest: "engine"}},
      {code: "key-unknown", facts: {key: "defualt", nearest: "default"}},
    ]);
  });

  it("has values of other types", () => {
    const text = `
data_root: «3»
day_workers: «0»
entity_spine_chunk_rows: «1.5»
compute: {engine: «polar», duckdb_config: {threads: «[4]»}}
feature_refs: [«profile», «"profile:"», «3»]
output_columns: [«3», «{default: 1}», {name: a, default_sql: «2»}]
`;
    expectProblems({[file]: text}, [
      {code: "value-wrong", facts: {key: "data_root", expected: "text"}},
      {code: "value-wrong", facts: {key: "day_workers", found: "0"}},
      {code: "value-wrong", facts: {key: "entity_spine_chunk_rows", found: "1.5"}},
      {code: "value-wrong", facts: {key: "engine", expected: 'one of "duckdb", "native", "polars"', nearest: "polars"}},
      {code: "value-wrong", facts: {key: "threads", expected: "text, a number, true or false", found: "a list"}},
      {code: "value-wrong", facts: {key: "feature_refs[0]", expected: '"view:column"', found: '"profile"'}},
      {code: "value-wrong", facts: {key: "feature_refs[1]"}},
      {code: "value-wrong", facts: {key: "feature_refs[2]"}},
      {code: "value-wrong", facts: {key: "output_columns[0]"}},
      {code: "key-missing", facts: {key: "name", what: 'an entry of "output_columns"'}},
      {code: "value-wrong", facts: {key: "default_sql", expected: "text"}},
    ]);
  });

  it.each(["202613", "202600", '"2026-02"', "20260", '"26"', "feb", "2026021", "202602.5"])("has the month %s", (month) => {
    expectProblems({[file]: `feed_start: «${month}»\n`}, [{code: "value-wrong", facts: {key: "feed_start"}}]);
  });

  it("ends before it starts", () => {
    expectProblems({[file]: 'feed_start: 202602\nfeed_end: «"202601"»\n'}, [
      {code: "value-wrong", facts: {key: "feed_end", expected: "feed_start (202602) or later", found: "202601"}},
    ]);
  });

  it("uses a name twice", () => {
    expectProblems({[file]: "output_columns: [a, {name: «a», default: 1}]\n"}, [
      {code: "name-duplicate", facts: {what: "output column", name: "a", first: `${file}:1:18`}},
    ]);
  });

  it("says a default as a value and as SQL", () => {
    expectProblems({[file]: 'output_columns: [{name: a, default: 1, «default_sql»: "2"}]\n'}, [{code: "keys-conflict"}]);
  });

  it("is not there although it was named", () => {
    const {problems} = readFiles({}, {runtimeConfigPath: "other/run.yaml"});
    expect(problems).toMatchObject([{code: "file-missing", facts: {path: "other/run.yaml"}, place: undefined}]);
  });
});

describe("an override", () => {
  const overridden = (overrides: readonly string[]) => readSound({[file]: "day_workers: 2\ncompute: {engine: duckdb}\n"}, {overrides}).runtime;

  it("wins over the file", () => {
    const runtime = overridden(["day_workers=3", "compute.engine=polars", "compute.duckdb_config.threads=2", "feed_start=202602", "data_root=s3://b/x"]);
    expect(runtime).toMatchObject({
      dayWorkers: 3,
      compute: {
        engine: "polars",
        duckdbConfig: new Map([["threads", "2"]]),
        place: {file: "--set", line: 1, column: 16, length: 6, text: "compute.engine=polars"},
      },
      feedStart: "202602",
      dataRoot: "s3://b/x",
    });
  });

  it("needs no file", () => {
    expect(readSound({}, {overrides: ["compute.engine=polars"]}).runtime.compute.engine).toBe("polars");
  });

  it("may be a list, a constant, or hold more equals signs", () => {
    const runtime = overridden(["feature_refs=[items:author_id]", "day_workers=embed_dim", "output_root=a=b"]);
    expect(runtime).toMatchObject({featureRefs: [{view: "items", column: "author_id", place: {file: "--set"}}], dayWorkers: 8, outputRoot: "a=b"});
  });

  it("given twice counts last", () => {
    expect(overridden(["day_workers=5", "day_workers=6"]).dayWorkers).toBe(6);
  });

  it("is checked as the file is, and shows the flag", () => {
    const overrides = [
      "compute.«engin»=polars",
      "compute.engine=«polar»",
      "day_workers=«0»",
      "feature_refs=«[items:nothing]»",
      "feed_start=«202613»",
      "output_root=«»",
      "entity_spine_chunk_rows=«many»",
    ];
    expectProblems(
      {},
      [
        {code: "key-unknown", facts: {key: "engin", nearest: "engine"}},
        {code: "value-wrong", facts: {key: "engine", nearest: "polars"}},
        {code: "value-wrong", facts: {key: "day_workers"}},
        {code: "reference-unknown", facts: {name: "items:nothing"}},
        {code: "value-wrong", facts: {key: "feed_start"}},
        {code: "value-wrong", facts: {key: "output_root", found: "empty"}},
        {code: "reference-unknown", facts: {what: "constant", name: "many"}},
      ],
      {overrides},
    );
  });

  it("must name a key and reach into mappings only", () => {
    expectProblems(
      {[file]: "day_workers: 2\n"},
      [
        {code: "override-malformed", facts: {override: "day_workers"}},
        {code: "override-malformed", facts: {override: "=3"}},
        {code: "override-malformed", facts: {override: "compute..engine=polars"}},
        {code: "value-wrong", facts: {key: "day_workers", expected: "a mapping for --set to reach into", found: "2"}},
        {code: "yaml-broken"},
      ],
      {overrides: ["«day_workers»", "«=3»", "«compute..engine=polars»", "«day_workers.x=3»", "feature_refs=«[a»"]},
    );
  });
});
