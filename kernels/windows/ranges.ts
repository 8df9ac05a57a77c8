/** Where the windows of rows begin and end. */
import {bytesOf, get32, getFloat, set32} from "../shared/arrays";

/** Of each row the items of the line that are before it. Both are sorted by key and instant. */
export function findRanges(lineKeys: usize, lineTs: usize, length: i32, keys: usize, ts: usize, count: i32, starts: usize, ends: usize): void {
  let start = 0;
  let end = 0;
  let keyEnd = 0;
  let key = -1;
  for (let row = 0; row < count; row++) {
    const rowKey = get32(keys, row);
    if (rowKey != key) {
      key = rowKey;
      start = firstOfKey(lineKeys, length, keyEnd, key);
      end = start;
      keyEnd = firstOfKey(lineKeys, length, start, key + 1);
    }
    end = firstSince(lineTs, end, keyEnd, getFloat(ts, row));
    set32(starts, row, start);
    set32(ends, row, end);
  }
}

/** Leaves out what is older than `windowUs` before the row. */
export function narrowRanges(lineTs: usize, ts: usize, count: i32, windowUs: f64, starts: usize, ends: usize, narrowed: usize): void {
  let start = 0;
  for (let row = 0; row < count; row++) {
    start = firstSince(lineTs, max(start, get32(starts, row)), get32(ends, row), getFloat(ts, row) - windowUs);
    set32(narrowed, row, start);
  }
}

/** The first item from `low` on that is not before the instant, or `high`. Looks at four at a time, and so perhaps behind the line: rows lie there. */
// @ts-ignore: decorator
@inline
function firstSince(lineTs: usize, low: i32, high: i32, instant: f64): i32 {
  const instants = f64x2.splat(instant);
  while (low < high) {
    const at = lineTs + bytesOf<f64>(low);
    const isBefore = v128.shuffle<i32>(f64x2.lt(v128.load(at), instants), f64x2.lt(v128.load(at, 16), instants), 0, 2, 4, 6);
    const before = ctz(~i32x4.bitmask(isBefore));
    low += before;
    if (before < 4) break;
  }
  return min(low, high);
}

/** The first item from `low` on whose key is at least `key`. It is mostly near. */
function firstOfKey(keys: usize, length: i32, low: i32, key: i32): i32 {
  let step = 1;
  while (low + step <= length && get32(keys, low + step - 1) < key) {
    low += step;
    step *= 2;
  }
  let high = min(length, low + step - 1);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (get32(keys, middle) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
