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

// @ts-ignore: decorator
@inline
export function bytesOf<T>(count: i32): usize {
  return <usize>count * sizeof<T>();
}
