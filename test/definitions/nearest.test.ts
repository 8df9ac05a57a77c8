import {describe, expect, it} from "vitest";
import {findNearest} from "../../src/definitions/nearest.js";

describe("the nearest name", () => {
  it.each([
    ["fied", "field"],
    ["polars", "polars"],
    ["POLAR", "polars"],
    ["tiem_break", "tie_break"],
    ["tie", "tie_break"],
  ])("to %s is %s", (name, expected) => {
    expect(findNearest(name, ["field", "polars", "tie_break"])).toBe(expected);
  });

  it("is the first of several that are equally near", () => {
    expect(findNearest("ab", ["ac", "ad"])).toBe("ac");
  });

  it("is none when nothing resembles it", () => {
    expect(findNearest("embedding_coverage", ["not_null", "unique", "range"])).toBeUndefined();
    expect(findNearest("x", [])).toBeUndefined();
    expect(findNearest("id", ["no"])).toBeUndefined();
  });
});
