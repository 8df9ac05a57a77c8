/** Where the windows of rows begin and end. */
import {get32, getFloat, set32} from "../shared/arrays";

/** Of each row the items of the line that lie in its window: at least as late as `oldest` says, and before the row. Both are sorted by key and instant. */
export function findRanges(lineKeys: usize, lineTs: usize, length: i32, keys: usize, ts: usize, count: i32, windowUs: f64, starts: usize, ends: usize): void {
  let low = 0;
  let high = 0;
  let keyEnd = 0;
  let key = -1;
  for (let row = 0; row < count; row++) {
    const rowKey = get32(keys, row);
    const now = getFloat(ts, row);
    if (rowKey != key) {
      key = rowKey;
      low = firstOfKey(lineKeys, length, keyEnd, key);
      high = low;
      keyEnd = firstOfKey(lineKeys, length, low, key + 1);
    }
    while (high < keyEnd && getFloat(lineTs, high) < now) high++;
    const oldest = now - windowUs;
    while (low < high && getFloat(lineTs, low) < oldest) low++;
    set32(starts, row, low);
    set32(ends, row, high);
  }
}

/** The first item from `low` on whose key is at least `key`. */
function firstOfKey(keys: usize, length: i32, low: i32, key: i32): i32 {
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (get32(keys, middle) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
