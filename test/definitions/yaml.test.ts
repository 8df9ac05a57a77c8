import {describe, expect, it} from "vitest";
import {renderProblem} from "../../src/errors.js";
import {expectProblems, readFiles, readSound} from "./marked-project.js";

const view = "feature_views/items.yaml";

describe("broken YAML", () => {
  it("is refused where it breaks", () => {
    expectProblems({[view]: 'name: items\ndescription: "open\nentity: ite«m»\n'}, [{code: "yaml-broken"}]);
    expectProblems({[view]: "name: items\nsource:\n«\t»path: data\n"}, [{code: "yaml-broken", facts: {reason: "Tabs are not allowed as indentation"}}]);
    expectProblems({[view]: "name: items\nentity: «@»item\n"}, [{code: "yaml-broken"}]);
    expectProblems({[view]: "name: items\n«---»\nname: others\n"}, [
      {code: "yaml-broken", facts: {reason: "a file holds one document, and another begins here"}},
    ]);
    expectProblems({[view]: "name: items\nentity: «!thing» item\n"}, [{code: "yaml-broken"}]);
    expectProblems({[view]: "name: items\nentity: «*thing»\n"}, [{code: "yaml-broken", facts: {reason: "nothing is anchored as &thing"}}]);
    expectProblems({[view]: "name: items\n? «[a, b]»\n: 1\n"}, [{code: "yaml-broken", facts: {reason: "a key must be plain text"}}]);
  });

  it("is one problem, however far the parser stumbles on", () => {
    expectProblems({[view]: "fields: [{name: a, dtype: «BIGINT[]»}, {name: b, dtype: BIGINT[]}]\n"}, [
      {code: "yaml-broken", facts: {reason: "between brackets, BIGINT[] needs quotes around it"}},
    ]);
    expectProblems({[view]: "source: {path: x, credentials: {key: «${S3_KEY}»}}\n"}, [
      {code: "yaml-broken", facts: {reason: "between brackets, ${S3_KEY} needs quotes around it"}},
    ]);
  });

  it("does not hide what else is wrong when only a key stands twice", () => {
    const text = "name: items\nentity: item\n«entity»: user\nsource: {path: x}\nfields: [{name: a, dtype: «TEX»}]\n";
    expectProblems({[view]: text}, [{code: "yaml-broken", facts: {reason: "the key entity stands here twice"}}, {code: "dtype-unknown"}]);
  });

  it("does not make references to the view dangle", () => {
    const runtime = "feature_refs: [items:author_id, profile:age]\n";
    expectProblems({[view]: "name: items\nentity: «@»item\n", "config/training/runtime.yaml": runtime}, [{code: "yaml-broken"}]);
    const renamed = {"feature_views/other.yaml": "name: items\nentity: «@»item\n", "config/training/runtime.yaml": runtime};
    expectProblems({...renamed, [view]: "name: other\nentity: item\nsource: {path: x}\nfields: []\n"}, [{code: "yaml-broken"}]);
  });
});

describe("a file", () => {
  it("that is empty or only comments says nothing", () => {
    expect(readSound({"config/base.yaml": "", "config/training/runtime.yaml": "# nothing yet\n"}).runtime.dayWorkers).toBe(1);
    expectProblems({[view]: "«»«»«»«»"}, [
      {code: "key-missing", facts: {what: "a view", key: "name"}},
      {code: "key-missing", facts: {key: "entity"}},
      {code: "key-missing", facts: {key: "source"}},
      {code: "key-missing", facts: {key: "fields"}},
    ]);
  });

  it("must be a mapping", () => {
    expectProblems({"config/training/runtime.yaml": "«»- day_workers: 1\n"}, [
      {code: "value-wrong", facts: {key: "config/training/runtime.yaml", expected: "a mapping", found: "a list"}},
    ]);
    expectProblems({[view]: "«»items\n"}, [{code: "value-wrong", facts: {expected: "a mapping", found: '"items"'}}]);
  });

  it("may start with a byte order mark and end its lines as Windows does", () => {
    const text = "\uFEFFname: items\r\nentity: item\r\nsource: {path: data}\r\nfields: []\r\n";
    expect(readSound({[view]: `${text}online: true\r\n`}).views.get("items")?.isOnline).toBe(true);
    expectProblems({[view]: `${text}«onlin»: true\r\n`}, [{code: "key-unknown", facts: {key: "onlin", nearest: "online"}}]);
  });

  it("may use anchors", () => {
    const text = "name: items\nentity: &entity item\njoin_keys: [*entity]\nsource: {path: data}\nfields: []\n";
    expect(readSound({[view]: text}).views.get("items")?.joinKeys).toEqual(["item"]);
  });

  it("may not name a key that only objects of the language have", () => {
    expectProblems({[view]: "name: items\nentity: item\nsource: {path: x}\nfields: []\n«__proto__»: {a: 1}\n«constructor»: 1\n"}, [
      {code: "key-unknown", facts: {key: "__proto__"}},
      {code: "key-unknown", facts: {key: "constructor"}},
    ]);
  });
});

describe("an excerpt", () => {
  it("shows the line, the place and the hint", () => {
    const {problems} = readFiles({[view]: "name: items\nentity: item\nsource: {path: x}\nfields:\n  - name: age\n    dtype: BIGNIT\n"});
    expect(problems.map(renderProblem)).toEqual([
      [
        'feature_views/items.yaml:6:12: error dtype-unknown: field "age" has an unknown dtype "BIGNIT"',
        "   6 |     dtype: BIGNIT",
        "     |            ^^^^^^",
        '  hint: did you mean "BIGINT"?',
      ].join("\n"),
    ]);
  });
});
