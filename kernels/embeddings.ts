/**
 * Arithmetic on embeddings with 128-bit SIMD, compiled to WebAssembly by AssemblyScript (the types below are its). Threads run it over
 * one shared memory. `length` is the dimension, rounded up to a multiple of 8: vectors in memory are followed by zeros up to there. The
 * plain functions of test/support/naive-embeddings.ts say what is computed, in which order and with which rounding: both must agree bit
 * for bit.
 */
import {bytesOf} from "./shared/arrays";

/** 2 ** 112: moves the exponent of a half, shifted into a float's place, to where a float has it. */
const exponentShift: f32 = 5.192296858534828e33;

/** What a vector's numbers are. Infinite and NaN halves take more work, so that a pool without any is a kind of its own. */
type Half = u16;
type AnyHalf = i16;

const kindHalf = 0;
const kindAnyHalf = 1;

/** Four numbers as floats. */
// @ts-ignore: decorator
@inline
function load4<T>(from: usize): v128 {
  if (isFloat<T>()) return v128.load(from);
  // The sign fills the upper half of its lane: shifted and masked, it stands where a float has it, and so does the rest.
  const shifted = v128.and(i32x4.shl(v128.load16x4_s(from), 13), i32x4.splat(0x8fffe000));
  const floats = f32x4.mul(shifted, f32x4.splat(exponentShift));
  if (!isSigned<T>()) return floats;
  const isSpecial = i32x4.gt_s(v128.and(shifted, i32x4.splat(0x0fffe000)), i32x4.splat(0x0f7fe000));
  return v128.or(floats, v128.and(isSpecial, i32x4.splat(0x7f800000)));
}

// @ts-ignore: decorator
@inline
function vectorAt(vectors: usize, k: i32): usize {
  return load<u32>(vectors + (<usize>k << 2));
}

/** The sum of `vectors`, one after another; 32 numbers at a time are what fits into registers. */
// @ts-ignore: decorator
@inline
function sum<T>(vectors: usize, count: i32, to: usize, length: i32): void {
  let d = 0;
  for (; d + 32 <= length; d += 32) {
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    let s4 = f32x4.splat(0), s5 = f32x4.splat(0), s6 = f32x4.splat(0), s7 = f32x4.splat(0);
    for (let k = 0; k < count; k++) {
      const from = vectorAt(vectors, k) + bytesOf<T>(d);
      s0 = f32x4.add(s0, load4<T>(from));
      s1 = f32x4.add(s1, load4<T>(from + bytesOf<T>(4)));
      s2 = f32x4.add(s2, load4<T>(from + bytesOf<T>(8)));
      s3 = f32x4.add(s3, load4<T>(from + bytesOf<T>(12)));
      s4 = f32x4.add(s4, load4<T>(from + bytesOf<T>(16)));
      s5 = f32x4.add(s5, load4<T>(from + bytesOf<T>(20)));
      s6 = f32x4.add(s6, load4<T>(from + bytesOf<T>(24)));
      s7 = f32x4.add(s7, load4<T>(from + bytesOf<T>(28)));
    }
    const at = to + bytesOf<f32>(d);
    v128.store(at, s0);
    v128.store(at, s1, 16);
    v128.store(at, s2, 32);
    v128.store(at, s3, 48);
    v128.store(at, s4, 64);
    v128.store(at, s5, 80);
    v128.store(at, s6, 96);
    v128.store(at, s7, 112);
  }
  for (; d < length; d += 4) {
    let total = f32x4.splat(0);
    for (let k = 0; k < count; k++) total = f32x4.add(total, load4<T>(vectorAt(vectors, k) + bytesOf<T>(d)));
    v128.store(to + bytesOf<f32>(d), total);
  }
}

/** The sum of the vectors at these addresses, as floats. */
export function sumVectors(kind: i32, vectors: usize, count: i32, to: usize, length: i32): void {
  if (kind == kindHalf) sum<Half>(vectors, count, to, length);
  else if (kind == kindAnyHalf) sum<AnyHalf>(vectors, count, to, length);
  else sum<f32>(vectors, count, to, length);
}

// @ts-ignore: decorator
@inline
function max<T>(vectors: usize, count: i32, to: usize, length: i32): void {
  for (let d = 0; d < length; d += 8) {
    let low = load4<T>(vectorAt(vectors, 0) + bytesOf<T>(d));
    let high = load4<T>(vectorAt(vectors, 0) + bytesOf<T>(d + 4));
    for (let k = 1; k < count; k++) {
      const from = vectorAt(vectors, k) + bytesOf<T>(d);
      low = f32x4.max(low, load4<T>(from));
      high = f32x4.max(high, load4<T>(from + bytesOf<T>(4)));
    }
    v128.store(to + bytesOf<f32>(d), low);
    v128.store(to + bytesOf<f32>(d), high, 16);
  }
}

/** The greatest of each number; of one vector its floats. `count` is at least 1. */
export function maxVectors(kind: i32, vectors: usize, count: i32, to: usize, length: i32): void {
  if (kind == kindHalf) max<Half>(vectors, count, to, length);
  else if (kind == kindAnyHalf) max<AnyHalf>(vectors, count, to, length);
  else max<f32>(vectors, count, to, length);
}

// @ts-ignore: decorator
@inline
function weighted<T>(vectors: usize, weights: usize, count: i32, to: usize, length: i32): void {
  for (let d = 0; d < length; d += 8) {
    let low = f32x4.splat(0);
    let high = f32x4.splat(0);
    for (let k = 0; k < count; k++) {
      const from = vectorAt(vectors, k) + bytesOf<T>(d);
      const weight = v128.load32_splat(weights + bytesOf<f32>(k));
      low = f32x4.add(low, f32x4.mul(load4<T>(from), weight));
      high = f32x4.add(high, f32x4.mul(load4<T>(from + bytesOf<T>(4)), weight));
    }
    v128.store(to + bytesOf<f32>(d), low);
    v128.store(to + bytesOf<f32>(d), high, 16);
  }
}

/** The sum of vectors, each times its weight. */
export function sumWeighted(kind: i32, vectors: usize, weights: usize, count: i32, to: usize, length: i32): void {
  if (kind == kindHalf) weighted<Half>(vectors, weights, count, to, length);
  else if (kind == kindAnyHalf) weighted<AnyHalf>(vectors, weights, count, to, length);
  else weighted<f32>(vectors, weights, count, to, length);
}

/** Vectors one after another, as they are. */
export function copyVectors(vectors: usize, count: i32, to: usize, byteCount: i32): void {
  for (let k = 0; k < count; k++) memory.copy(to + <usize>k * <usize>byteCount, vectorAt(vectors, k), byteCount);
}

/** Four partial sums of products, of every fourth number each, and then (first + second) + (third + fourth). */
export function dot(left: usize, right: usize, length: i32): f32 {
  let sums = f32x4.splat(0);
  for (let d = 0; d < length; d += 4) sums = f32x4.add(sums, f32x4.mul(v128.load(left + bytesOf<f32>(d)), v128.load(right + bytesOf<f32>(d))));
  return f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3));
}

/** The greatest magnitude of a row; NaN when there is one. */
export function maxMagnitude(row: usize, length: i32): f32 {
  let largest = f32x4.splat(0);
  for (let d = 0; d < length; d += 4) largest = f32x4.max(largest, f32x4.abs(v128.load(row + bytesOf<f32>(d))));
  return max4(largest);
}

// @ts-ignore: decorator
@inline
function max4(lanes: v128): f32 {
  const pairs = f32x4.max(lanes, i8x16.shuffle(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return Mathf.max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

// @ts-ignore: decorator
@inline
function quantize4(from: usize, magnitude: v128): v128 {
  const scaled = f32x4.mul(f32x4.div(v128.load(from), magnitude), f32x4.splat(127));
  return i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.nearest(scaled)), i32x4.splat(128));
}

/** Writes a row as bytes, 128 more than its numbers in units of a 127th of `magnitude`, which is above 0. */
export function quantize(row: usize, magnitude: f32, to: usize, length: i32): void {
  const unit = f32x4.splat(magnitude);
  for (let d = 0; d < length; d += 8) {
    const at = row + bytesOf<f32>(d);
    const words = i16x8.narrow_i32x4_s(quantize4(at, unit), quantize4(at + 16, unit));
    v128.store64_lane(to + <usize>d, i8x16.narrow_i16x8_u(words, words), 0);
  }
}

/** Whether any half is infinite or NaN. `length` is a multiple of 8. */
export function hasSpecialHalves(from: usize, length: i32): bool {
  let found = i16x8.splat(0);
  for (let k = 0; k < length; k += 8) {
    found = v128.or(found, i16x8.gt_s(v128.and(v128.load(from + bytesOf<Half>(k)), i16x8.splat(0x7fff)), i16x8.splat(0x7bff)));
  }
  return v128.any_true(found);
}

export function divide(row: usize, by: f32, length: i32): void {
  const divisor = f32x4.splat(by);
  for (let d = 0; d < length; d += 4) {
    const at = row + (<usize>d << 2);
    v128.store(at, f32x4.div(v128.load(at), divisor));
  }
}

/** Four finite floats below 65520 as halves in the low bits of their lanes: the nearest, ties to even. */
// @ts-ignore: decorator
@inline
function narrow(floats: v128, magnitude: v128): v128 {
  // Below 2 ** -14 a half has a fixed step: adding a number whose last bit is that step rounds to it.
  const magic = i32x4.splat(0x3f000000);
  const small = i32x4.sub(f32x4.add(magnitude, magic), magic);
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xfff - 0x38000000)), odd), 13);
  const half = v128.bitselect(small, rounded, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  return v128.or(half, v128.and(i32x4.shr_u(floats, 16), i32x4.splat(0x8000)));
}

/** The same for any floats: 65520 and more become infinite, NaN loses its sign. */
// @ts-ignore: decorator
@inline
function narrowAny(floats: v128, magnitude: v128): v128 {
  const sign = v128.and(i32x4.shr_u(floats, 16), i32x4.splat(0x8000));
  const infinite = v128.or(i32x4.splat(0x7c00), sign);
  const half = v128.bitselect(infinite, narrow(floats, magnitude), i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)));
  return v128.bitselect(i32x4.splat(0x7e00), half, i32x4.gt_s(magnitude, i32x4.splat(0x7f800000)));
}

/** Writes a row of floats as halves; whether a finite one among them is too large for a half. */
export function roundToHalves(row: usize, to: usize, length: i32): bool {
  const unsigned = i32x4.splat(0x7fffffff);
  const tooLarge = i32x4.splat(0x477ff000);
  let largest = i32x4.splat(0);
  for (let d = 0; d < length; d += 8) {
    const first = v128.load(row + bytesOf<f32>(d));
    const second = v128.load(row + bytesOf<f32>(d), 16);
    const firstMagnitude = v128.and(first, unsigned);
    const secondMagnitude = v128.and(second, unsigned);
    largest = i32x4.max_s(largest, i32x4.max_s(firstMagnitude, secondMagnitude));
    v128.store(to + bytesOf<Half>(d), i16x8.narrow_i32x4_u(narrow(first, firstMagnitude), narrow(second, secondMagnitude)));
  }
  if (!v128.any_true(i32x4.ge_s(largest, tooLarge))) return false;
  let overflows = i32x4.splat(0);
  for (let d = 0; d < length; d += 4) {
    const floats = v128.load(row + bytesOf<f32>(d));
    const magnitude = v128.and(floats, unsigned);
    const halves = narrowAny(floats, magnitude);
    v128.store64_lane(to + bytesOf<Half>(d), i16x8.narrow_i32x4_u(halves, halves), 0);
    overflows = v128.or(overflows, v128.and(i32x4.ge_s(magnitude, tooLarge), i32x4.lt_s(magnitude, i32x4.splat(0x7f800000))));
  }
  return v128.any_true(overflows);
}
