/** Lists of the newest values, and counts. */
import {get32, get64, noDropper, set32, set64} from "../shared/arrays";
import {dropOf, droppers, ends, own, ownLength, ownStarts, starts, values} from "./rows";

/**
 * Lists of values that are no stretch of the line are copied to `extra`, and told as the complements of where they lie there. The functions
 * below that make them stop at a row for which `extra` may lack room, and return that row.
 */
export let listStarts: usize = 0;
export let listEnds: usize = 0;
export let extra: usize = 0;
export let extraCapacity = 0;
export let extraUsed = 0;
/** How many values were taken away from `extra` before. */
let extraBase = 0;

export function setLists(startsAt: usize, endsAt: usize, extraAt: usize, capacity: i32): void {
  listStarts = startsAt;
  listEnds = endsAt;
  extra = extraAt;
  extraCapacity = capacity;
  extraUsed = 0;
  extraBase = 0;
}

/** Gives up what is in `extra`. Returns how many values it were. */
export function takeExtra(): i32 {
  const used = extraUsed;
  extraBase += used;
  extraUsed = 0;
  return used;
}

// @ts-ignore: decorator
@inline
export function tellCopied(row: i32, used: i32): void {
  set32(listStarts, row, ~(extraBase + extraUsed));
  set32(listEnds, row, ~(extraBase + used));
  extraUsed = used;
}

/** For each item the one before the run of items that drop by the same: a row that drops much skips it run by run. */
export function findRunsOfDroppers(lineDroppers: usize, lineKeys: usize, length: i32, before: usize): void {
  for (let item = 0; item < length; item++) {
    const isSame = item > 0 && get64(lineDroppers, item) == get64(lineDroppers, item - 1) && get32(lineKeys, item) == get32(lineKeys, item - 1);
    set32(before, item, isSame ? get32(before, item - 1) : item - 1);
  }
}

/** The newest values of each row, the row's own last. `before` is that of `findRunsOfDroppers`. */
export function listNewest(from: i32, count: i32, maxItems: i32, before: usize): i32 {
  for (let row = from; row < count; row++) {
    const low = get32(starts, row);
    const high = get32(ends, row);
    const added = ownLength(row);
    const limit = maxItems - added;
    const newest = max(low, high - limit);
    const drop = dropOf(row);
    let isDropping = false;
    if (drop != noDropper) for (let item = newest; item < high && !isDropping; item++) isDropping = get64(droppers, item) == drop;
    if (!isDropping && added == 0) {
      set32(listStarts, row, newest);
      set32(listEnds, row, high);
      continue;
    }
    if (extraUsed + high - newest + added > extraCapacity) return row;
    let first = newest;
    if (isDropping) {
      first = high;
      let length = 0;
      for (let item = high - 1; item >= low && length < limit; ) {
        if (get64(droppers, item) == drop) {
          item = get32(before, item);
        } else {
          first = item;
          length++;
          item--;
        }
      }
    }
    let used = extraUsed;
    for (let item = first; item < high; item++) if (!isDropping || get64(droppers, item) != drop) set64(extra, used++, get64(values, item));
    if (added > 0) set64(extra, used++, get64(own, get32(ownStarts, row)));
    tellCopied(row, used);
  }
  return count;
}

/** Of each row how many items there are, and its own. */
export function countItems(count: i32, to: usize): void {
  for (let row = 0; row < count; row++) set64(to, row, get32(ends, row) - get32(starts, row) + ownLength(row));
}
