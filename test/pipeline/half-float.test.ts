import {describe, expect, it} from "vitest";
import {halfInfinity, halfTable, halfToNumber, roundToHalf} from "../../src/pipeline/half-float.js";

/** All finite halves from 0 up, in order: the bits count upwards with the value. */
const positives = Array.from({length: halfInfinity}, (_, bits) => halfToNumber(bits));

/** The nearest half by looking for it: of two equally near ones the one with even bits. */
function nearestHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  // The next step after the largest half would be 65536: from the middle on, rounding is to infinity.
  if (size >= 65520) return sign | halfInfinity;
  let low = 0;
  let high = positives.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (positives[middle]! <= size) low = middle;
    else high = middle - 1;
  }
  const below = size - positives[low]!;
  const above = (positives[low + 1] ?? 65536) - size;
  return sign | (below < above || (below === above && low % 2 === 0) ? low : low + 1);
}

function seededFloats(seed: number, count: number): Float32Array {
  const words = new Uint32Array(count);
  let state = seed;
  for (let k = 0; k < count; k++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[k] = state ^ (state >>> 15);
  }
  return new Float32Array(words.buffer);
}

describe("roundToHalf", () => {
  it.each([
    ["zero", 0, 0x0000],
    ["minus zero", -0, 0x8000],
    ["one", 1, 0x3c00],
    ["minus two", -2, 0xc000],
    ["the largest half", 65504, 0x7bff],
    ["just below the middle to infinity", 65519.99, 0x7bff],
    ["the middle to infinity", 65520, halfInfinity],
    ["a large number", -1e300, 0xfc00],
    ["infinity", Infinity, halfInfinity],
    ["the smallest subnormal", 2 ** -24, 0x0001],
    ["half the smallest subnormal, a tie to even zero", 2 ** -25, 0x0000],
    ["just above half the smallest subnormal", 2 ** -25 * (1 + 2 ** -30), 0x0001],
    ["one and a half smallest subnormals, a tie to even two", 1.5 * 2 ** -24, 0x0002],
    ["the largest subnormal", 1023 * 2 ** -24, 0x03ff],
    ["a subnormal that rounds up to a normal", 1023.5 * 2 ** -24, 0x0400],
    ["a tie down to even", 1 + 2 ** -11, 0x3c00],
    ["a tie up to even", 1 + 3 * 2 ** -11, 0x3c02],
    ["a tie that carries into the exponent", 2 - 2 ** -11, 0x4000],
    ["the smallest double", Number.MIN_VALUE, 0x0000],
  ])("rounds %s", (_, value, bits) => {
    expect(roundToHalf(value)).toBe(bits);
  });

  it("rounds a double once, not through a float first", () => {
    const value = 1 + 2 ** -11 + 2 ** -40;
    expect(roundToHalf(value)).toBe(0x3c01);
    expect(roundToHalf(Math.fround(value))).toBe(0x3c00);
  });

  it("keeps NaN a NaN", () => {
    expect(halfToNumber(roundToHalf(NaN))).toBeNaN();
  });

  it("gives back every half", () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = halfToNumber(bits);
      if (!Number.isNaN(value) && roundToHalf(value) !== bits) expect.fail(`bits ${bits}`);
    }
  });

  it("agrees with a search for the nearest half on random floats and on all middles", () => {
    for (const value of seededFloats(7, 200_000)) {
      if (!Number.isNaN(value) && roundToHalf(value) !== nearestHalf(value)) expect.fail(`seed 7: ${value}`);
    }
    for (let k = 0; k + 1 < positives.length; k++) {
      const middle = (positives[k]! + positives[k + 1]!) / 2;
      if (roundToHalf(middle) !== nearestHalf(middle)) expect.fail(`middle ${middle}`);
    }
  });
});

describe("halfTable", () => {
  it("holds the value of every half by its bits", () => {
    const table = halfTable();
    expect(table).toHaveLength(65_536);
    expect([table[0x3c00], table[0xbc00], table[0x0001], table[0x7bff]]).toEqual([1, -1, 2 ** -24, 65504]);
    expect(Object.is(table[0x8000], -0)).toBe(true);
  });
});
