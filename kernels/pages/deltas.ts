/** DELTA_BINARY_PACKED: numbers as differences from the ones before them. */
import {bytesOf} from "../shared/arrays";
import {packBits, pushSigned, pushVarint} from "./bits";

/** Differences come in blocks of so many, and these in miniblocks. */
const blockValues = 128;
const miniValues = 32;
const miniCount = 4;

/** The most that so many packed numbers take. */
export function packedBytes(count: i32): usize {
  return 64 + ((<usize>count >> 7) + 1) * (10 + miniCount + 8 * blockValues);
}

/** Room for a block of differences, and for what is rounded up. */
export const workBytes: usize = 8 * blockValues + 128;

/** Differences of a number of `blockValues` or less from the ones before them, filled up with the least one, which is returned. */
// @ts-ignore: decorator
@inline
function subtractBlock<T>(from: usize, length: i32, work: usize): T {
  let least = load<T>(from) - load<T>(from - sizeof<T>());
  let at = 0;
  if (sizeof<T>() == 4) {
    let lanes = i32x4.splat(<i32>least);
    for (; at + 4 <= length; at += 4) {
      const delta = i32x4.sub(v128.load(from + bytesOf<T>(at)), v128.load(from + bytesOf<T>(at) - 4));
      v128.store(work + bytesOf<T>(at), delta);
      lanes = i32x4.min_s(lanes, delta);
    }
    least = <T>min(min(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1)), min(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)));
  }
  for (; at < length; at++) {
    const delta = load<T>(from + bytesOf<T>(at)) - load<T>(from + bytesOf<T>(at) - sizeof<T>());
    store<T>(work + bytesOf<T>(at), delta);
    least = min(least, delta);
  }
  for (; at < blockValues; at++) store<T>(work + bytesOf<T>(at), least);
  return least;
}

/** Takes the least off each number of a miniblock. @returns the bits that any of them uses */
// @ts-ignore: decorator
@inline
function lowerMini<T>(numbers: usize, least: T): T {
  let used: T = 0;
  if (sizeof<T>() == 4) {
    const lowered = i32x4.splat(<i32>least);
    let lanes = i32x4.splat(0);
    for (let at: usize = 0; at < bytesOf<T>(miniValues); at += 16) {
      const number = i32x4.sub(v128.load(numbers + at), lowered);
      v128.store(numbers + at, number);
      lanes = v128.or(lanes, number);
    }
    used = <T>(i32x4.extract_lane(lanes, 0) | i32x4.extract_lane(lanes, 1) | i32x4.extract_lane(lanes, 2) | i32x4.extract_lane(lanes, 3));
  } else {
    for (let at = 0; at < miniValues; at++) {
      const number = load<T>(numbers + bytesOf<T>(at)) - least;
      store<T>(numbers + bytesOf<T>(at), number);
      used |= number;
    }
  }
  return used;
}

/** Numbers as differences, which wrap around in as many bits as numbers have. `work` is room for a block of them. */
// @ts-ignore: decorator
@inline
export function packDeltas<T>(values: usize, count: i32, work: usize, start: usize): usize {
  let to = pushVarint(blockValues, start);
  to = pushVarint(miniCount, to);
  to = pushVarint(count, to);
  to = pushSigned(count > 0 ? <i64>load<T>(values) : 0, to);
  for (let first = 1; first < count; first += blockValues) {
    const length = min(blockValues, count - first);
    const least = subtractBlock<T>(values + bytesOf<T>(first), length, work);
    to = pushSigned(<i64>least, to);
    const widths = to;
    store<u32>(widths, 0);
    to += miniCount;
    for (let mini = 0; mini * miniValues < length; mini++) {
      const numbers = work + bytesOf<T>(mini * miniValues);
      const width = <i32>(8 * sizeof<T>()) - <i32>clz<T>(lowerMini<T>(numbers, least));
      store<u8>(widths + mini, <u8>width);
      if (width > 0) to = sizeof<T>() == 4 ? packBits<u32>(numbers, miniValues, width, to) : packBits<u64>(numbers, miniValues, width, to);
    }
  }
  return to;
}
