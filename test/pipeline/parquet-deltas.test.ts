/** Packed differences, beside a reader that follows the format's words bit by bit. */
import {describe, expect, it} from "vitest";
import {packDeltas} from "../../src/pipeline/parquet-deltas.js";
import {below, seededRandom} from "../support/seeded-random.js";

function unpack(bytes: Uint8Array): bigint[] {
  let at = 0;
  const readVarint = (): bigint => {
    for (let [value, shift] = [0n, 0n]; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const readSigned = (): bigint => {
    const zigzag = readVarint();
    return zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n;
  };
  const [blockValues, miniCount, count] = [Number(readVarint()), Number(readVarint()), Number(readVarint())];
  const values = [readSigned()];
  while (values.length < count) {
    const least = readSigned();
    const widths = bytes.subarray(at, (at += miniCount));
    for (const width of widths) {
      if (values.length >= count) break;
      const miniValues = blockValues / miniCount;
      const bits = bytes.subarray(at, (at += (miniValues * width) / 8));
      for (let number = 0; number < miniValues && values.length < count; number += 1) {
        let delta = 0n;
        for (let bit = 0; bit < width; bit += 1) if ((bits[(number * width + bit) >> 3]! >> ((number * width + bit) & 7)) & 1) delta |= 1n << BigInt(bit);
        values.push(values.at(-1)! + least + delta);
      }
    }
  }
  expect(at).toBe(bytes.length);
  return values.slice(0, count);
}

const check = (values: readonly number[]): void => expect(unpack(packDeltas(Int32Array.from(values)))).toEqual(values.map(BigInt));

describe("numbers as packed differences", () => {
  it.each([0, 1, 2, 31, 32, 33, 128, 129, 130, 257, 1000])("are read again: %i of them, of every width", (length) => {
    const random = seededRandom(length);
    for (let width = 0; width <= 30; width += 1) check(Array.from({length}, () => below(random, 2 ** width) - 2 ** (width - 1)).map(Math.floor));
  });
  it("may lie as far apart as can be", () => {
    const [least, most] = [-(2 ** 30), 2 ** 30 - 1];
    check([least, most, least, most, 0, most, most, least]);
    check(Array.from({length: 300}, (_, at) => (at % 2 === 0 ? least : most)));
  });
});
