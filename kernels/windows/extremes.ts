/** The least and the greatest value of windows. */
import {get32, get64, set32, set64} from "../shared/arrays";
import {ends, keys, own, ownLength, ownStarts, starts, values} from "./rows";

const kindWhole = 0;
const kindDouble = 1;

/** Compares as DuckDB does: NaN is greatest. */
// @ts-ignore: decorator
@inline
function isGreater(kind: i32, a: i64, b: i64): bool {
  if (kind == kindWhole) return a > b;
  const left = kind == kindDouble ? reinterpret<f64>(a) : <f64>reinterpret<f32>(<i32>a);
  const right = kind == kindDouble ? reinterpret<f64>(b) : <f64>reinterpret<f32>(<i32>b);
  return left != left ? right == right : left > right;
}

// @ts-ignore: decorator
@inline
function beats(kind: i32, isMax: bool, a: i64, b: i64): bool {
  return isMax ? isGreater(kind, a, b) : isGreater(kind, b, a);
}

/** `candidates` are the items that could still be the least (or greatest) of a window, in order: a later item makes greater ones before it useless. */
export function findExtremes(count: i32, kind: i32, isMax: bool, candidates: usize, to: usize, present: usize): void {
  let first = 0;
  let length = 0;
  let enter = 0;
  let key = -1;
  for (let row = 0; row < count; row++) {
    const start = get32(starts, row);
    const end = get32(ends, row);
    if (get32(keys, row) != key) {
      key = get32(keys, row);
      first = 0;
      length = 0;
      enter = start;
    }
    for (; enter < end; enter++) {
      const value = get64(values, enter);
      while (length > first && !beats(kind, isMax, get64(values, get32(candidates, length - 1)), value)) length--;
      set32(candidates, length++, enter);
    }
    while (first < length && get32(candidates, first) < start) first++;
    let isFound = first < length;
    let best = isFound ? get64(values, get32(candidates, first)) : 0;
    if (ownLength(row) > 0) {
      const value = get64(own, get32(ownStarts, row));
      if (!isFound || beats(kind, isMax, value, best)) best = value;
      isFound = true;
    }
    // A floating 0 is never -0.
    if (kind != kindWhole && (kind == kindDouble ? reinterpret<f64>(best) : <f64>reinterpret<f32>(<i32>best)) == 0) best = 0;
    set64(to, row, best);
    store<u8>(present + row, isFound ? 1 : 0);
  }
}
