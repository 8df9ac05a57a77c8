import {describe, expect, it} from "vitest";
import {parseDuration} from "../../src/definitions/duration.js";

describe("a duration", () => {
  it.each([
    ["500ms", 500_000],
    ["0s", 0],
    ["30s", 30_000_000],
    ["90m", 5_400_000_000],
    ["2h", 7_200_000_000],
    ["90d", 7_776_000_000_000],
    ["1w", 604_800_000_000],
  ])("%s is %d microseconds", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(["", "90", "d", "90 d", "-1d", "1.5h", "1h30m", "90D", "2 hours", "1y", "1e3s", "9999999999999999w"])("is not %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
