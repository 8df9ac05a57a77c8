/** Numbers packed bit by bit. */
import {bytesOf} from "../shared/arrays";

export function pushVarint(value: u64, to: usize): usize {
  let rest = value;
  for (; rest > 127; rest >>= 7) store<u8>(to++, (<u8>rest & 127) | 128);
  store<u8>(to++, <u8>rest);
  return to;
}

/** Zigzag: numbers near 0 are short, whatever their sign. */
export function pushSigned(value: i64, to: usize): usize {
  return pushVarint(<u64>((value << 1) ^ (value >> 63)), to);
}

/** `step` at a time, whose bits are at most 57 together, so that they and a byte that is not full have room in 64. */
// @ts-ignore: decorator
@inline
function packSteps<T>(from: usize, count: i32, width: u64, step: i32, start: usize): usize {
  let to = start;
  let word: u64 = 0;
  let filled: u64 = 0;
  for (let at = from, last = from + bytesOf<T>(count); at < last; at += bytesOf<T>(step)) {
    let bits: u64 = <u64>load<T>(at);
    if (step > 1) bits |= <u64>load<T>(at, sizeof<T>()) << width;
    if (step > 2) bits |= (<u64>load<T>(at, 2 * sizeof<T>()) << (2 * width)) | (<u64>load<T>(at, 3 * sizeof<T>()) << (3 * width));
    word |= bits << filled;
    store<u64>(to, word);
    filled += <u64>step * width;
    to += <usize>(filled >> 3);
    word >>= filled & ~7;
    filled &= 7;
  }
  return to;
}

/** The lowest bits of numbers without a sign, one after another; `count` is a multiple of eight. Behind them up to eight bytes are written over. */
// @ts-ignore: decorator
@inline
export function packBits<T>(from: usize, count: i32, width: u64, start: usize): usize {
  if (width <= 14) return packSteps<T>(from, count, width, 4, start);
  if (width <= 28) return packSteps<T>(from, count, width, 2, start);
  if (width <= 57) return packSteps<T>(from, count, width, 1, start);
  let to = start;
  let word: u64 = 0;
  let filled: u64 = 0;
  for (let at = 0; at < count; at++) {
    const number = <u64>load<T>(from + bytesOf<T>(at));
    word |= number << filled;
    filled += width;
    if (filled < 64) continue;
    store<u64>(to, word);
    to += 8;
    filled -= 64;
    word = filled == 0 ? 0 : number >> (width - filled);
  }
  store<u64>(to, word);
  return to + <usize>(filled >> 3);
}

/** Numbers of `width` bits in groups of eight, the last one filled up with zeros, for which there is room behind them. */
// @ts-ignore: decorator
@inline
export function packGroups<T>(from: usize, count: i32, width: i32, start: usize): usize {
  const groups = (count + 7) >> 3;
  memory.fill(from + bytesOf<T>(count), 0, bytesOf<T>((groups << 3) - count));
  return packBits<T>(from, groups << 3, width, pushVarint((<u64>groups << 1) | 1, start));
}
