/** Puts rows in order by key and instant. */
import {copy, get32, get64, getFloat, readBits, set32, set64} from "../shared/arrays";

/** Where lists begin that lie one after another, and where the last ends. */
export function sumLengths(lengths: usize, count: i32, starts: usize): i32 {
  let end = 0;
  for (let at = 0; at < count; at++) {
    set32(starts, at, end);
    end += get32(lengths, at);
  }
  set32(starts, count, end);
  return end;
}

/** An instant that is later than the one before it by so many times the mean is another run's. */
const jump: f64 = 64;

/**
 * The starts of ascending runs, by their first instants, and at the start of each in `ends` where it ends: instants go back there or jump ahead,
 * or a stretch begins, whose starts are in `bounds`. Feeds that are sorted by time arrive in some long runs, mixed by the threads that read them: here
 * they follow each other again. Returns how many, which is one where there are more than `runsMax`; `spare` and `work` have room for a number more.
 */
export function findRuns(ts: usize, count: i32, bounds: usize, boundCount: i32, runs: usize, runsMax: i32, ends: usize, spare: usize, work: usize): i32 {
  if (count == 0) return 0;
  let first = getFloat(ts, 0);
  let last = first;
  for (let at = 1; at < count; at++) {
    const instant = getFloat(ts, at);
    if (instant < first) first = instant;
    else if (instant > last) last = instant;
  }
  const stepMax = (jump * (last - first)) / <f64>count;
  let found = 0;
  let bound = 0;
  for (let at = 0; at < count; at++) {
    if (bound < boundCount && get32(bounds, bound) == at) bound++;
    else {
      const step = getFloat(ts, at) - getFloat(ts, at - 1);
      if (step >= 0 && step <= stepMax) continue;
    }
    if (found == runsMax) {
      found = 1;
      break;
    }
    if (found > 0) set32(ends, get32(runs, found - 1), at);
    set32(runs, found++, at);
  }
  set32(ends, get32(runs, found - 1), count);
  setOrder(ts, 0, 0);
  sort(runs, 0, found, spare, work);
  return found;
}

/** Of rows by key their places, keys and instants. `next` has room for a number more than there are keys; `runs` and `ends` are those of `findRuns`. */
export function groupByKey(keys: usize, ts: usize, count: i32, firstKey: i32, keyCount: i32, next: usize, runs: usize, ends: usize, runCount: i32, places: usize, sortedKeys: usize, sortedTs: usize): void {
  memory.fill(next, 0, <usize>(keyCount + 1) << 2);
  for (let at = 0; at < count; at++) {
    const key = get32(keys, at) - firstKey + 1;
    set32(next, key, get32(next, key) + 1);
  }
  for (let key = 0; key < keyCount; key++) set32(next, key + 1, get32(next, key + 1) + get32(next, key));
  for (let run = 0; run < runCount; run++) {
    const from = get32(runs, run);
    const to = get32(ends, from);
    for (let place = from; place < to; place++) {
      const key = get32(keys, place);
      const at = get32(next, key - firstKey);
      set32(next, key - firstKey, at + 1);
      set32(places, at, place);
      set32(sortedKeys, at, key);
      set64(sortedTs, at, get64(ts, place));
    }
  }
}

/** Instants, and the columns that order equal ones: of each its address, its width, and the address and bit of the flag that tells where it is not NULL. */
let orderTs: usize = 0;
let orderColumns: usize = 0;
let orderCount = 0;

export function setOrder(ts: usize, columns: usize, count: i32): void {
  orderTs = ts;
  orderColumns = columns;
  orderCount = count;
}

function compareEqual(a: i32, b: i32): i32 {
  for (let column = 0; column < orderCount; column++) {
    const values = <usize>get32(orderColumns, 4 * column);
    const width = get32(orderColumns, 4 * column + 1);
    const flags = <usize>get32(orderColumns, 4 * column + 2);
    const bit = get32(orderColumns, 4 * column + 3);
    const hasA = (get32(flags, a) & bit) != 0;
    const hasB = (get32(flags, b) & bit) != 0;
    if (hasA && hasB) {
      const left = readBits(values, width, a);
      const right = readBits(values, width, b);
      if (left != right) return left < right ? -1 : 1;
    } else if (hasA != hasB) {
      return hasA ? 1 : -1;
    }
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function isAfter(a: i32, b: i32): bool {
  const left = getFloat(orderTs, a);
  const right = getFloat(orderTs, b);
  return left > right || (left == right && orderCount > 0 && compareEqual(a, b) > 0);
}

/** Sorts the places of each key, and their instants. `spare` has room for the places, `work` for a number more than those. */
export function mergeKeys(places: usize, sortedKeys: usize, sortedTs: usize, count: i32, spare: usize, work: usize): void {
  let end = 0;
  for (let start = 0; start < count; start = end) {
    const key = get32(sortedKeys, start);
    let isSorted = true;
    for (end = start + 1; end < count && get32(sortedKeys, end) == key; end++) {
      if (getFloat(sortedTs, end) <= getFloat(sortedTs, end - 1)) isSorted = false;
    }
    if (isSorted) continue;
    sort(places, start, end, spare, work);
    for (let at = start; at < end; at++) set64(sortedTs, at, get64(orderTs, get32(places, at)));
  }
}

/** Sorts places by merging the runs that are in order already. */
function sort(places: usize, start: i32, end: i32, spare: usize, runs: usize): void {
  set32(runs, 0, start);
  let runCount = 1;
  for (let at = start + 1; at < end; at++) if (isAfter(get32(places, at - 1), get32(places, at))) set32(runs, runCount++, at);
  if (runCount == 1) return;
  set32(runs, runCount, end);
  mergeRuns(places, spare, runs, runCount);
}

/** Merges neighbouring runs until there is one; `runs` are where they begin, and the end of the last. */
function mergeRuns(places: usize, spare: usize, runs: usize, runCount: i32): void {
  const first = get32(runs, 0);
  const last = get32(runs, runCount);
  let from = places;
  let to = spare;
  while (runCount > 1) {
    let kept = 0;
    for (let run = 0; run < runCount; run += 2) {
      const low = get32(runs, run);
      const middle = get32(runs, run + 1);
      const high = run + 2 <= runCount ? get32(runs, run + 2) : middle;
      let left = low;
      let right = middle;
      for (let out = low; out < high; out++) {
        const takesRight = left == middle || (right < high && isAfter(get32(from, left), get32(from, right)));
        set32(to, out, takesRight ? get32(from, right++) : get32(from, left++));
      }
      set32(runs, kept++, low);
    }
    set32(runs, kept, last);
    runCount = kept;
    const swapped = from;
    from = to;
    to = swapped;
  }
  if (from != places) copy(places + (<usize>first << 2), spare + (<usize>first << 2), <usize>(last - first) << 2);
}

/** Lists by place, and the flag that tells where there is one. */
// @ts-ignore: decorator
@unmanaged
class Lists {
  values: usize;
  width: i32;
  isFloating: i32;
  starts: usize;
  ends: usize;
  /** A byte an element, 1 where it is not NULL. */
  present: usize;
  flags: usize;
  bit: i32;
}

/** Whether two rows that the order leaves alike have different lists. */
export function hasTie(places: usize, sortedKeys: usize, count: i32, lists: Lists): bool {
  const none = -1;
  let known = none;
  for (let at = 0; at < count; at++) {
    const place = get32(places, at);
    const before = at == 0 ? none : get32(places, at - 1);
    const isAlike = before != none && getFloat(orderTs, place) == getFloat(orderTs, before) && get32(sortedKeys, at) == get32(sortedKeys, at - 1) && compareEqual(before, place) == 0;
    if (!isAlike) known = none;
    if ((get32(lists.flags, place) & lists.bit) == 0) continue;
    if (known == none) known = place;
    else if (!isSameList(lists, known, place)) return true;
  }
  return false;
}

function isSameList(lists: Lists, a: i32, b: i32): bool {
  const start = get32(lists.starts, a);
  const shift = get32(lists.starts, b) - start;
  const end = get32(lists.ends, a);
  if (get32(lists.ends, b) != end + shift) return false;
  for (let at = start; at < end; at++) {
    const isPresent = load<u8>(lists.present + at);
    if (load<u8>(lists.present + at + shift) != isPresent) return false;
    if (isPresent != 0 && !isSameValue(lists, at, at + shift)) return false;
  }
  return true;
}

/** As DuckDB compares: NaN is equal to itself, whatever its bits, and -0 is equal to 0. */
function isSameValue(lists: Lists, a: i32, b: i32): bool {
  const left = readBits(lists.values, lists.width, a);
  const right = readBits(lists.values, lists.width, b);
  if (left == right) return true;
  if (lists.isFloating == 0) return false;
  return lists.width == 8 ? isSameFloat(reinterpret<f64>(left), reinterpret<f64>(right)) : isSameFloat(reinterpret<f32>(<i32>left), reinterpret<f32>(<i32>right));
}

// @ts-ignore: decorator
@inline
function isSameFloat(a: f64, b: f64): bool {
  return a == b || (a != a && b != b);
}
