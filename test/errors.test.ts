import {readFileSync} from "node:fs";
import {describe, expect, it} from "vitest";
import {DaedalusError, Problems, ProblemsError, renderProblem, wordings, type Place} from "../src/errors.js";

const place: Place = {file: "feature_views/a.yaml", line: 12, column: 10, length: 6, text: "  dtype: BIGNIT"};

describe("docs/reference/errors.md", () => {
  const documented = [...readFileSync("docs/reference/errors.md", "utf8").matchAll(/^\| `([a-z-]+)` \| (.+) \| (.+) \|$/gm)];

  it("has every code once, and no other", () => {
    expect(documented.map(([, code]) => code).sort()).toEqual(Object.keys(wordings).sort());
  });
});

describe("an error", () => {
  it("says code, facts and text, and reads as place, excerpt and hint", () => {
    const error = DaedalusError.of("dtype-unknown", {field: "age", dtype: "BIGNIT", nearest: "BIGINT"}, {place});
    expect(error).toMatchObject({code: "dtype-unknown", facts: {field: "age"}, severity: "error", hint: 'did you mean "BIGINT"?'});
    expect(renderProblem(error)).toBe(
      [
        'feature_views/a.yaml:12:10: error dtype-unknown: field "age" has an unknown dtype "BIGNIT"',
        "  12 |   dtype: BIGNIT",
        "     |          ^^^^^^",
        '  hint: did you mean "BIGINT"?',
      ].join("\n"),
    );
  });

  it("reads as one line without place and hint", () => {
    const error = DaedalusError.of("file-unreadable", {path: "a.yaml", reason: "not a directory"});
    expect(renderProblem(error)).toBe("error file-unreadable: cannot read a.yaml: not a directory");
  });

  it("marks at least one character, at the end of a line too", () => {
    const error = DaedalusError.of("yaml-broken", {reason: "x"}, {place: {...place, column: 16, length: 0}});
    expect(renderProblem(error).split("\n")[2]).toBe(`     | ${" ".repeat(15)}^`);
  });
});

describe("problems", () => {
  it("stop those who cannot go on only when one is an error", () => {
    const problems = new Problems();
    problems.add("setting-without-effect", {key: "ttl", reason: "x"}, place, "warning");
    expect(() => problems.throwIfErrors()).not.toThrow();
    problems.add("key-missing", {key: "name", what: "a view"}, place);
    expect(() => problems.throwIfErrors()).toThrow(ProblemsError);
    expect(problems.all.map(({severity}) => severity)).toEqual(["warning", "error"]);
  });
});
