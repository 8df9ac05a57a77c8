import {describe, expect, it} from "vitest";
import {duckdbType, findNearestDtype, parseDtype, renderDtype} from "../../src/definitions/dtype.js";

describe("a dtype", () => {
  it.each(["BIGINT", "TEXT[]", "TIMESTAMP", "HALF_FLOAT[1152]", "FLOAT[8]"])("%s is rendered as it was parsed", (text) => {
    expect(renderDtype(parseDtype(text)!)).toBe(text);
  });

  it.each(["BIGNIT", "bigint", "", "BIGINT[][]", "BIGINT[3]", "HALF_FLOAT", "FLOAT[0]", "VARCHAR"])("is not %j", (text) => {
    expect(parseDtype(text)).toBeUndefined();
  });

  it("is held by a DuckDB type", () => {
    const types = ["TEXT", "TEXT[]", "DOUBLE", "HALF_FLOAT[4]"].map((text) => duckdbType(parseDtype(text)!));
    expect(types).toEqual(["VARCHAR", "VARCHAR[]", "DOUBLE", "FLOAT[]"]);
  });

  it.each([
    ["BIGNIT", "BIGINT"],
    ["BIGNIT[]", "BIGINT[]"],
    ["bigint", "BIGINT"],
    ["varchar", "TEXT"],
    ["string[]", "TEXT[]"],
    ["int64", "BIGINT"],
    ["float32", "FLOAT"],
  ])("spelt %s probably means %s", (text, expected) => {
    expect(findNearestDtype(text)).toBe(expected);
  });

  it.each(["", "[]", "GEOMETRY", "12"])("spelt %j could be anything", (text) => {
    expect(findNearestDtype(text)).toBeUndefined();
  });
});
