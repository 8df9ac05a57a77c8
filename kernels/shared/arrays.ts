/** Arrays of memory, by their addresses: what all kernels share. */

/** What stands for no value to drop by. */
export const noDropper: i64 = i64.MIN_VALUE;

// @ts-ignore: decorator
@inline
export function get32(array: usize, at: i32): i32 {
  return load<i32>(array + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
export function set32(array: usize, at: i32, value: i32): void {
  store<i32>(array + (<usize>at << 2), value);
}

// @ts-ignore: decorator
@inline
export function get64(array: usize, at: i32): i64 {
  return load<i64>(array + (<usize>at << 3));
}

// @ts-ignore: decorator
@inline
export function set64(array: usize, at: i32, value: i64): void {
  store<i64>(array + (<usize>at << 3), value);
}

// @ts-ignore: decorator
@inline
export function getFloat(array: usize, at: i32): f64 {
  return load<f64>(array + (<usize>at << 3));
}

// @ts-ignore: decorator
@inline
export function copy(to: usize, from: usize, byteCount: usize): void {
  memory.copy(to, from, byteCount);
}

/** The bits of a value, the low ones of a narrower one. */
// @ts-ignore: decorator
@inline
export function readBits(values: usize, width: i32, at: i32): i64 {
  if (width == 8) return get64(values, at);
  return width == 4 ? <i64>get32(values, at) : <i64>load<u8>(values + at);
}

/** Whether a bit a row, 0 for NULL, tells of a value; an address of 0: all have one. */
// @ts-ignore: decorator
@inline
export function isValid(validity: usize, at: i32): bool {
  return validity == 0 || ((load<u8>(validity + (<usize>at >> 3)) >> <u8>(at & 7)) & 1) == 1;
}

/** Copies a value of 1, 4 or 8 bytes. */
// @ts-ignore: decorator
@inline
export function copyValue(width: i32, from: usize, at: i32, to: usize, place: i32): void {
  if (width == 8) set64(to, place, get64(from, at));
  else if (width == 4) set32(to, place, get32(from, at));
  else store<u8>(to + <usize>place, load<u8>(from + <usize>at));
}

// @ts-ignore: decorator
@inline
export function bytesOf<T>(count: i32): usize {
  return <usize>count * sizeof<T>();
}
