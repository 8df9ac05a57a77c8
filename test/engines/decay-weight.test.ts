import {expect, test} from "vitest";
import {decayWeight} from "../../src/engines/decay-weight.js";

test("a whole number of half lives is an exact power of two", () => {
  for (const halfLives of [0, 1, 2, 10, 1022, 1023, 1074]) expect(decayWeight(halfLives * 3_600_000_000, 3_600_000_000)).toBe(2 ** -halfLives);
  expect(decayWeight(1075, 1)).toBe(0);
  expect(decayWeight(Number.MAX_SAFE_INTEGER, 1)).toBe(0);
});

test("a weight differs from the power of two by rounding alone", () => {
  for (let age = 0; age < 5_000; age += 1) {
    const power = 2 ** -(age / 1_000);
    expect(Math.abs(decayWeight(age, 1_000) / power - 1)).toBeLessThan(4 * Number.EPSILON);
  }
});

test("what is older never weighs more", () => {
  for (let age = 1; age < 5_000; age += 1) expect(decayWeight(age, 997)).toBeLessThan(decayWeight(age - 1, 997));
});
