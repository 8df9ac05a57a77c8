import {describe, expect, it} from "vitest";
import type {View} from "../../src/definitions/model.js";
import {expectProblems, readFiles, readSound} from "./marked-project.js";

const file = "feature_views/user_profile.yaml";

/** A view with these lines besides the ones that every view has. */
const view = (lines: string, source = "path: data, timestamp_field: updated_at"): string =>
  `name: user_profile\nentity: user\nsource: {${source}}\n${lines.includes("fields:") ? "" : "fields: []\n"}${lines}\n`;

function readView(text: string, files: Readonly<Record<string, string>> = {}): View {
  return readSound({...files, [file]: text}).views.get("user_profile")!;
}

describe("a view", () => {
  it("says everything that the model holds", () => {
    const {source, fields, ...rest} = readView(`
name: user_profile
entity: user
description: Who the user follows, as of each change.
ttl: 90d
online: true
source:
  name: app
  database_path: postgresql://\${PGUSER}:\${PGPASSWORD}@db.internal/app
  table_name: public.user_profile
  timestamp_field: updated_at
  field_mapping: {id: user_id, ingested: ingested_at}
  data_path: data/lake
  credentials: {password: "\${PGPASSWORD}"}
time:
  boundary: inclusive
  available_at: ingested
  embargo: 2h
  tie_break: [version desc, seq, "part ASC"]
  on_duplicate: error
  join: pit
fields:
  - {name: followed_user_ids, dtype: "BIGINT[]"}
`);
    expect(rest).toMatchObject({
      name: "user_profile",
      entities: ["user"],
      joinKeys: ["user_id"],
      description: "Who the user follows, as of each change.",
      ttlUs: 90 * 86_400e6,
      isOnline: true,
      timestampColumn: "updated_at",
      time: {
        boundary: "inclusive",
        availableAt: "ingested_at",
        embargoUs: 7_200e6,
        tieBreak: [
          {column: "version", isDescending: true},
          {column: "seq", isDescending: false},
          {column: "part", isDescending: false},
        ],
        onDuplicate: "error",
        join: "pit",
      },
      place: {file, line: 2, column: 7, length: 12, text: "name: user_profile"},
    });
    expect(source).toMatchObject({
      name: "app",
      path: undefined,
      databasePath: "postgresql://${PGUSER}:${PGPASSWORD}@db.internal/app",
      tableName: "public.user_profile",
      query: undefined,
      dataPath: "data/lake",
      fieldMapping: new Map([["id", "user_id"], ["ingested", "ingested_at"]]),
      credentials: new Map([["password", "${PGPASSWORD}"]]),
      place: {line: 9},
    });
    expect(fields).toMatchObject([{name: "followed_user_ids", dtype: {kind: "list", name: "BIGINT"}, place: {line: 23, column: 12}}]);
  });

  it("is strict, picks and joins as of each row unless it says otherwise", () => {
    const {time, ttlUs, isOnline, description} = readView(view(""));
    expect(time).toEqual({boundary: "strict", availableAt: undefined, embargoUs: 0, tieBreak: [], onDuplicate: "pick", join: "pit"});
    expect({ttlUs, isOnline, description}).toEqual({ttlUs: undefined, isOnline: false, description: undefined});
  });

  it("is static without a timestamp", () => {
    const {time, timestampColumn} = readView(view("", "path: data"));
    expect({join: time.join, timestampColumn}).toEqual({join: "static", timestampColumn: undefined});
  });

  it("has a join key for each entity, or those it names", () => {
    expect(readView("name: user_profile\nentity: [user, item]\nsource: {path: x}\nfields: []\n").joinKeys).toEqual(["user_id", "item_id"]);
    expect(readView(view("join_keys: [uid]")).joinKeys).toEqual(["uid"]);
  });

  it("knows its timestamp by our name, whichever name the source is asked for", () => {
    expect(readView(view("", "path: x, timestamp_field: upd, field_mapping: {upd: updated_at}")).timestampColumn).toBe("updated_at");
    expect(readView(view("", "path: x, timestamp_field: updated_at, field_mapping: {upd: updated_at}")).timestampColumn).toBe("updated_at");
  });

  it("is true between two columns, the first of which is its timestamp", () => {
    const text = view("time: {valid_from: began, valid_to: ended}", "path: x, field_mapping: {began: start}");
    expect(readView(text)).toMatchObject({timestampColumn: "start", time: {join: "pit", validTo: "ended"}});
  });

  it("finds its files below what the configuration says", () => {
    const files = {"config/base.yaml": "feature_s3_root_dir: s3://bucket/infra\n", "config/training/runtime.yaml": "data_root: data/mewtant\n"};
    const path = (text: string): string | undefined => readView(view("", `path: "${text}", data_path: "${text}"`), files).source.path;
    expect(path("${data_root}/user")).toBe("data/mewtant/user");
    expect(path("${feature_s3_root_dir}/user/${DAY}")).toBe("s3://bucket/infra/user/${DAY}");
  });

  it("may keep a database beside its path, which wins", () => {
    expect(readView(view("", 'path: data, database_path: ":memory:"')).source.databasePath).toBe(":memory:");
  });

  it("is read from .yml too, in the order of the file names", () => {
    const files = {"feature_views/a.yml": "name: zebra\nentity: user\nsource: {path: x}\nfields: []\n"};
    expect([...readSound(files).views.keys()]).toEqual(["zebra", "events", "items", "profile"]);
  });
});

describe("a wrong view", () => {
  it("has keys that nobody knows, in every part of it", () => {
    expectProblems({[file]: "name: user_profile\n«entitty»: x\nentity: user\nsource: {path: x, «tabel_name»: y}\ntime: {«embargoo»: 1h}\nfields: [{name: a, dtype: TEXT, «type»: x}]\n"}, [
      {code: "key-unknown", facts: {key: "entitty", nearest: "entity"}},
      {code: "key-unknown", facts: {key: "tabel_name", nearest: "table_name"}},
      {code: "key-unknown", facts: {key: "embargoo", nearest: "embargo"}},
      {code: "key-unknown", facts: {key: "type", nearest: "dtype", allowed: ["name", "dtype"]}},
    ]);
  });

  it("lacks keys that it needs", () => {
    expectProblems({[file]: "«»name: user_profile\nentity: user\nfields:\n  - «name: a»\n"}, [
      {code: "key-missing", facts: {key: "source", what: "a view"}},
      {code: "key-missing", facts: {key: "dtype", what: 'an entry of "fields"'}},
    ]);
  });

  it("has values of other types", () => {
    expectProblems(
      {[file]: "name: «12»\nentity: «{a: 1}»\nonline: «yes»\nttl: «90»\nsource: «data»\nfields:\n  - «age»\n"},
      [
        {code: "value-wrong", facts: {key: "name", found: "12"}},
        {code: "value-wrong", facts: {key: "entity", expected: "a name or a list of names", found: "a mapping"}},
        {code: "value-wrong", facts: {key: "online", expected: "true or false", found: '"yes"'}},
        {code: "value-wrong", facts: {key: "ttl", found: "90"}},
        {code: "value-wrong", facts: {key: "source", expected: "a mapping", found: '"data"'}},
        {code: "value-wrong", facts: {key: "fields[0]", expected: "a mapping", found: '"age"'}},
      ],
    );
    expectProblems({[file]: view("«description»:")}, [{code: "value-wrong", facts: {key: "description", found: "empty"}}]);
  });

  it("has dtypes that do not exist", () => {
    expectProblems({[file]: view("fields:\n  - {name: age, dtype: «BIGNIT»}\n  - {name: tags, dtype: «'STRING[]'»}\n  - {name: v, dtype: «'FLOAT[8]'»}")}, [
      {code: "dtype-unknown", facts: {field: "age", dtype: "BIGNIT", nearest: "BIGINT"}},
      {code: "dtype-unknown", facts: {field: "tags", dtype: "STRING[]", nearest: "TEXT[]"}},
      {code: "dtype-unknown", facts: {field: "v", dtype: "FLOAT[8]"}},
    ]);
  });

  it("has durations that are none", () => {
    expectProblems({[file]: view("ttl: «90 days»\ntime: {embargo: «-1h»}")}, [
      {code: "value-wrong", facts: {key: "ttl", found: '"90 days"'}},
      {code: "value-wrong", facts: {key: "embargo", found: '"-1h"'}},
    ]);
  });

  it("has time rules that do not exist", () => {
    expectProblems({[file]: view("time: {boundary: «strit», join: «asof», on_duplicate: «eror», tie_break: [«version down»]}")}, [
      {code: "value-wrong", facts: {key: "boundary", nearest: "strict"}},
      {code: "value-wrong", facts: {key: "join", expected: 'one of "pit", "latest", "static"', nearest: undefined}},
      {code: "value-wrong", facts: {key: "on_duplicate", nearest: "error"}},
      {code: "value-wrong", facts: {key: "tie_break[0]"}},
    ]);
  });

  it.each(["pit", "latest"])("joins by time (%s) without a timestamp", (join) => {
    expectProblems({[file]: view(`time: {join: «${join}»}`, "path: data")}, [
      {code: "timestamp-needed", facts: {view: "user_profile", what: `"join: ${join}"`}},
    ]);
  });

  it("has ranges without a beginning, with two, or that nobody looks at", () => {
    expectProblems({[file]: view("time: {«valid_to»: ended}", "path: x")}, [{code: "timestamp-needed", facts: {what: '"valid_to"'}}]);
    expectProblems({[file]: view("time: {valid_from: «began», valid_to: ended}", "path: x, timestamp_field: t")}, [
      {code: "keys-conflict", facts: {keys: ["timestamp_field", "valid_from"]}},
    ]);
    expectProblems({[file]: view("time: {join: latest, «valid_to»: ended}", "path: x, timestamp_field: t")}, [
      {code: "setting-without-effect", facts: {key: "valid_to"}, severity: "warning"},
    ]);
  });

  it("has time rules that do nothing without a timestamp", () => {
    expectProblems({[file]: view("«ttl»: 90d\ntime: {«boundary»: strict, «available_at»: known, «embargo»: 1h, «tie_break»: [seq], «on_duplicate»: pick}", "path: data")},
      ["ttl", "boundary", "available_at", "embargo", "tie_break", "on_duplicate"].map((key) => ({code: "setting-without-effect", facts: {key}, severity: "warning"})),
    );
  });

  it("has time rules that its join does not look at", () => {
    const rules = "boundary: strict, available_at: known, embargo: 1h, valid_to: ended";
    const marked = rules.replaceAll(/(\w+):/g, "«$1»:");
    const warnings = (keys: readonly string[]): {code: "setting-without-effect"; facts: {key: string}; severity: "warning"}[] =>
      keys.map((key) => ({code: "setting-without-effect", facts: {key}, severity: "warning"}));
    expectProblems({[file]: view(`«ttl»: 90d\ntime: {join: latest, tie_break: [seq desc], on_duplicate: error, ${marked}}`)}, warnings(["ttl", "boundary", "available_at", "embargo", "valid_to"]));
    expectProblems({[file]: view(`time: {join: static, «tie_break»: [seq], on_duplicate: error, ${marked}}`)}, warnings(["tie_break", "boundary", "available_at", "embargo", "valid_to"]));
  });

  it("may say when its rows are known although its join does not look at it, if windows look back on them", () => {
    const files = {"config/training/aggregations.yaml": "aggregation_specs: [{name: a, history: user_profile, group_by: [user_id], operation: count, window_days: 7}]\n"};
    for (const join of ["latest", "static"]) {
      expectProblems({...files, [file]: view(`time: {join: ${join}, available_at: known, embargo: 1h, tie_break: [seq]}`)}, []);
    }
  });

  it("has rows that are too old before they are known", () => {
    const never = (lines: string): void => {
      expectProblems({[file]: view(lines)}, [{code: "view-never-counts", facts: {view: "user_profile"}, severity: "warning"}]);
    };
    never("«ttl»: 1h\ntime: {embargo: 1h}");
    never("«ttl»: 0s");
    never("«ttl»: 1h\ntime: {embargo: 61m, boundary: inclusive}");
    readSound({[file]: view("ttl: 61m\ntime: {embargo: 1h}")});
    readSound({[file]: view("ttl: 1h\ntime: {embargo: 1h, boundary: inclusive}")});
    readSound({[file]: view("ttl: 1h\ntime: {embargo: 2h, available_at: known}")});
  });

  it("names its timestamp where that says nothing", () => {
    expectProblems({[file]: view("time: {«available_at»: updated_at, tie_break: [«updated_at desc»], valid_to: «updated_at»}")}, [
      {code: "setting-without-effect", facts: {key: "available_at"}, severity: "warning"},
      {code: "setting-without-effect", facts: {key: "tie_break"}, severity: "warning"},
      {code: "value-wrong", facts: {key: "valid_to", found: '"updated_at"'}},
    ]);
  });

  it("uses a name twice", () => {
    expectProblems({[file]: view("join_keys: [a, «a»]\nfields:\n  - {name: age, dtype: TEXT}\n  - {name: «age», dtype: TEXT}")}, [
      {code: "name-duplicate", facts: {what: "join key", name: "a"}},
      {code: "name-duplicate", facts: {what: "field", name: "age", first: `${file}:6:12`}},
    ]);
    expectProblems({[file]: view("time: {tie_break: [seq, «seq desc»]}", "path: x, timestamp_field: t, field_mapping: {a: id, b: «id»}")}, [
      {code: "name-duplicate", facts: {what: "mapped column", name: "id"}},
      {code: "name-duplicate", facts: {what: "tie_break column", name: "seq"}},
    ]);
  });

  it("has the name of another view", () => {
    expectProblems({"feature_views/zz.yaml": "name: «profile»\nentity: user\nsource: {path: x}\nfields: []\n"}, [
      {code: "name-duplicate", facts: {what: "view", name: "profile", first: "feature_views/profile.yaml:2:7"}},
    ]);
  });

  it.each(["__row", "2nd", "a-b", "a b", "größe"])("has the name %s", (name) => {
    expectProblems({[file]: `name: «${name}»\nentity: user\nsource: {path: x}\nfields: [{name: «${name}», dtype: TEXT}]\n`}, [
      {code: "value-wrong", facts: {key: "name", found: `"${name}"`}},
      {code: "value-wrong", facts: {key: "name", found: `"${name}"`}},
    ]);
  });

  it("says no place to read from", () => {
    const hint = 'set "path" to parquet files, or "database_path" to a database, with "table_name" or "query"';
    expectProblems({[file]: view("", "timestamp_field: t").replace("source", "«source»")}, [{code: "source-incomplete", facts: {view: "user_profile", hint}}]);
    expectProblems({[file]: view("", 'database_path: «":memory:"»')}, [{code: "source-incomplete", facts: {hint}}]);
    expectProblems({[file]: view("", "database_path: «postgres://db/app»")}, [{code: "source-incomplete", facts: {reason: "says no table"}}]);
    expectProblems({[file]: view("", "database_path: postgres://db/app, table_name: a, «query»: SELECT 1")}, [
      {code: "keys-conflict", facts: {keys: ["table_name", "query"]}},
    ]);
  });

  it("does not hear twice that it says no place when the place was refused", () => {
    expectProblems({[file]: view("", "«pth»: data")}, [{code: "key-unknown", facts: {key: "pth", nearest: "path"}}]);
    expectProblems({[file]: view("", "path: «[a, b]»")}, [{code: "value-wrong", facts: {key: "path", expected: "text", found: "a list"}}]);
  });

  it("uses a folder that the configuration does not say", () => {
    expectProblems({[file]: view("", 'path: «"${data_root}/user"»')}, [
      {code: "path-variable-unset", facts: {variable: "data_root", file: "config/training/runtime.yaml"}},
    ]);
    expectProblems({[file]: view("", 'path: «"${feature_s3_root_dir}/user"»')}, [{code: "path-variable-unset", facts: {file: "config/base.yaml"}}]);
  });

  it("writes credentials out, and nothing repeats them", () => {
    const text = view(
      "",
      "database_path: «'postgresql://app:hunter2@db/app'», table_name: t, credentials: {key: «hunter2», pin: «12345», ok: '${OK}'}",
    );
    expectProblems({[file]: text}, [
      {code: "credentials-literal", facts: {key: "database_path"}},
      {code: "credentials-literal", facts: {key: "credentials.key"}},
      {code: "credentials-literal", facts: {key: "credentials.pin"}},
    ]);
    const problems = [...readFiles({[file]: text.replace(/[«»]/g, "").replace("name: user_profile", "name: [}")}).problems];
    problems.push(...readFiles({[file]: text.replace(/[«»]/g, "").replace("source", "password: hunter2\nsource")}).problems);
    expect(problems.map(({code}) => code)).toContain("yaml-broken");
    expect(problems.length).toBeGreaterThan(4);
    expect(JSON.stringify(problems.map(({facts, message, hint, place}) => ({facts, message, hint, place})))).not.toMatch(/hunter2|12345/);
  });
});
