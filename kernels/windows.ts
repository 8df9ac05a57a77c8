/**
 * Sorting rows by key and instant, and sliding windows over them, compiled to WebAssembly by AssemblyScript (the types below are its): as
 * JavaScript the same loops were warmed up anew by each thread, which cost more than they did. Each thread has a memory of its own.
 * Columns are arrays of that memory: `i32` keys, places and rows, `f64` instants, `i64` bits of values.
 */

/** What stands for no value to drop by. */
const noDropper: i64 = i64.MIN_VALUE;

// @ts-ignore: decorator
@inline
function get32(array: usize, at: i32): i32 {
  return load<i32>(array + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
function set32(array: usize, at: i32, value: i32): void {
  store<i32>(array + (<usize>at << 2), value);
}

// @ts-ignore: decorator
@inline
function get64(array: usize, at: i32): i64 {
  return load<i64>(array + (<usize>at << 3));
}

// @ts-ignore: decorator
@inline
function set64(array: usize, at: i32, value: i64): void {
  store<i64>(array + (<usize>at << 3), value);
}

// @ts-ignore: decorator
@inline
function getFloat(array: usize, at: i32): f64 {
  return load<f64>(array + (<usize>at << 3));
}

// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, byteCount: usize): void {
  memory.copy(to, from, byteCount);
}

// --- Sorting ---

/** Adds `by` to each entry: lists that were told from the start of their part. */
export function shift(array: usize, count: i32, by: i32): void {
  for (let at = 0; at < count; at++) set32(array, at, get32(array, at) + by);
}

/**
 * Where instants go back, as the starts of ascending runs; each stretch, whose starts are in `bounds`, begins one. Returns how many, at
 * most `runsMax`, or -1 for more.
 */
export function findRuns(ts: usize, count: i32, bounds: usize, boundCount: i32, runs: usize, runsMax: i32): i32 {
  let found = 0;
  let bound = 0;
  for (let at = 0; at < count; at++) {
    const isBound = bound < boundCount && get32(bounds, bound) == at;
    if (isBound) bound++;
    if (!isBound && getFloat(ts, at) >= getFloat(ts, at - 1)) continue;
    if (found == runsMax) return -1;
    set32(runs, found++, at);
  }
  return found;
}

/** Places of the rows by key, and the key of each. `next` has room for a number more than there are keys; `runs` holds pairs of places, in the order in which to take them. */
export function groupByKey(keys: usize, count: i32, firstKey: i32, keyCount: i32, next: usize, runs: usize, runCount: i32, places: usize, sortedKeys: usize): void {
  memory.fill(next, 0, <usize>(keyCount + 1) << 2);
  for (let at = 0; at < count; at++) {
    const key = get32(keys, at) - firstKey + 1;
    set32(next, key, get32(next, key) + 1);
  }
  for (let key = 0; key < keyCount; key++) set32(next, key + 1, get32(next, key + 1) + get32(next, key));
  for (let run = 0; run < runCount; run++) {
    const to = get32(runs, 2 * run + 1);
    for (let place = get32(runs, 2 * run); place < to; place++) {
      const key = get32(keys, place);
      const at = get32(next, key - firstKey);
      set32(next, key - firstKey, at + 1);
      set32(places, at, place);
      set32(sortedKeys, at, key);
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

/** Sorts the places of each key by merging the runs that are in order already. `runs` has room for a number more than there are rows. */
export function mergeKeys(places: usize, sortedKeys: usize, count: i32, spare: usize, runs: usize): void {
  let end = 0;
  for (let start = 0; start < count; start = end) {
    const key = get32(sortedKeys, start);
    set32(runs, 0, start);
    let runCount = 1;
    for (end = start + 1; end < count && get32(sortedKeys, end) == key; end++) {
      if (isAfter(get32(places, end - 1), get32(places, end))) set32(runs, runCount++, end);
    }
    if (runCount == 1) continue;
    set32(runs, runCount, end);
    mergeRuns(places, spare, runs, runCount);
  }
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

/** Whether two rows that the order leaves alike have different hashes; 0 is none. */
export function hasTie(places: usize, sortedKeys: usize, count: i32, hashes: usize): bool {
  let value: f64 = 0;
  for (let at = 1; at < count; at++) {
    const before = get32(places, at - 1);
    const place = get32(places, at);
    if (getFloat(orderTs, place) != getFloat(orderTs, before) || get32(sortedKeys, at) != get32(sortedKeys, at - 1) || compareEqual(before, place) != 0) {
      value = 0;
      continue;
    }
    if (value == 0) value = getFloat(hashes, before);
    const own = getFloat(hashes, place);
    if (own != 0 && value != 0 && value != own) return true;
    if (value == 0) value = own;
  }
  return false;
}

// --- Lines ---

/** The rows whose places have the flag; without flags all of them. Returns how many. */
export function keepRows(places: usize, count: i32, flags: usize, bit: i32, rows: usize): i32 {
  let kept = 0;
  // No branch: conditions are mostly as good as random, which costs a processor more than a row that is written over.
  for (let row = 0; row < count; row++) {
    set32(rows, kept, row);
    kept += flags == 0 || (get32(flags, get32(places, row)) & bit) != 0 ? 1 : 0;
  }
  return kept;
}

export function gather32(from: usize, at: usize, count: i32, to: usize): void {
  for (let item = 0; item < count; item++) set32(to, item, get32(from, get32(at, item)));
}

export function gather64(from: usize, at: usize, count: i32, to: usize): void {
  for (let item = 0; item < count; item++) set64(to, item, get64(from, get32(at, item)));
}

// @ts-ignore: decorator
@inline
function readBits(values: usize, width: i32, at: i32): i64 {
  if (width == 8) return get64(values, at);
  return width == 4 ? <i64>get32(values, at) : <i64>load<u8>(values + at);
}

/** Values of any width as 64 bits. */
export function widen(values: usize, width: i32, count: i32, to: usize): void {
  for (let item = 0; item < count; item++) set64(to, item, readBits(values, width, item));
}

/** The same of the values at some places. */
export function gatherBits(values: usize, width: i32, at: usize, count: i32, to: usize): void {
  if (width == 8) return gather64(values, at, count, to);
  for (let item = 0; item < count; item++) set64(to, item, readBits(values, width, get32(at, item)));
}

/** How many elements the lists of these places have. */
export function countElements(places: usize, count: i32, starts: usize, ends: usize): i32 {
  let total = 0;
  for (let item = 0; item < count; item++) {
    const place = get32(places, item);
    total += get32(ends, place) - get32(starts, place);
  }
  return total;
}

/** Of each element that is no NULL its row, the place of the row, and its own. Returns how many. */
export function unnest(rows: usize, places: usize, count: i32, starts: usize, ends: usize, present: usize, toRows: usize, toPlaces: usize, toElements: usize): i32 {
  let found = 0;
  for (let item = 0; item < count; item++) {
    const place = get32(places, item);
    const end = get32(ends, place);
    for (let element = get32(starts, place); element < end; element++) {
      if (load<u8>(present + element) == 0) continue;
      set32(toRows, found, get32(rows, item));
      set32(toPlaces, found, place);
      set32(toElements, found, element);
      found++;
    }
  }
  return found;
}

/** Items whose word of flags lacks the bit drop by nothing. */
export function markDroppers(bits: usize, count: i32, flags: usize, bit: i32): void {
  for (let item = 0; item < count; item++) if ((get32(flags, item) & bit) == 0) set64(bits, item, noDropper);
}

/** How many items the longest key has. */
export function longestKey(lineKeys: usize, length: i32): i32 {
  let longest = 0;
  for (let start = 0, end = 0; start < length; start = end) {
    const key = get32(lineKeys, start);
    for (end = start + 1; end < length && get32(lineKeys, end) == key; ) end++;
    longest = max(longest, end - start);
  }
  return longest;
}

/** Bits that are equal where values are: NaN is equal to itself, whatever its bits, and -0 is equal to 0. */
export function identify(bits: usize, count: i32, isDouble: bool, to: usize): void {
  for (let item = 0; item < count; item++) {
    const value = get64(bits, item);
    const number = isDouble ? reinterpret<f64>(value) : <f64>reinterpret<f32>(<i32>value);
    if (number == 0) set64(to, item, 0);
    else if (number != number) set64(to, item, isDouble ? <i64>0x7ff8000000000000 : <i64>0x7fc00000);
    else set64(to, item, value);
  }
}

// --- Windows ---

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

/**
 * The windows of rows: items `[starts, ends)` of a line with `values`. A row that counts for itself adds its own values, `own` from `ownStarts`
 * to `ownEnds`; these are 0 where no row does. What a row drops by is in `drops`, 0 where none does.
 */
let keys: usize = 0;
let starts: usize = 0;
let ends: usize = 0;
let values: usize = 0;
let identity: usize = 0;
let droppers: usize = 0;
let drops: usize = 0;
let own: usize = 0;
let ownIdentity: usize = 0;
let ownStarts: usize = 0;
let ownEnds: usize = 0;

export function setLine(valuesAt: usize, identityAt: usize, droppersAt: usize): void {
  values = valuesAt;
  identity = identityAt;
  droppers = droppersAt;
}

export function setRows(keysAt: usize, startsAt: usize, endsAt: usize, dropsAt: usize): void {
  keys = keysAt;
  starts = startsAt;
  ends = endsAt;
  drops = dropsAt;
}

export function setOwn(ownAt: usize, ownIdentityAt: usize, ownStartsAt: usize, ownEndsAt: usize): void {
  own = ownAt;
  ownIdentity = ownIdentityAt;
  ownStarts = ownStartsAt;
  ownEnds = ownEndsAt;
}

// @ts-ignore: decorator
@inline
function ownLength(row: i32): i32 {
  return ownStarts == 0 ? 0 : get32(ownEnds, row) - get32(ownStarts, row);
}

// @ts-ignore: decorator
@inline
function dropOf(row: i32): i64 {
  return drops == 0 ? noDropper : get64(drops, row);
}

/**
 * Lists of values that are no stretch of the line are copied to `extra`, and told as the complements of where they lie there. The functions
 * below that make them stop at a row for which `extra` may lack room, and return that row.
 */
let listStarts: usize = 0;
let listEnds: usize = 0;
let extra: usize = 0;
let extraCapacity = 0;
let extraUsed = 0;
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
function tellCopied(row: i32, used: i32): void {
  set32(listStarts, row, ~(extraBase + extraUsed));
  set32(listEnds, row, ~(extraBase + used));
  extraUsed = used;
}

/** For each item the one before the run of items that drop by the same: a row that drops much skips it run by run. */
export function findRunsOfDroppers(lineKeys: usize, length: i32, before: usize): void {
  for (let item = 0; item < length; item++) {
    const isSame = item > 0 && get64(droppers, item) == get64(droppers, item - 1) && get32(lineKeys, item) == get32(lineKeys, item - 1);
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

// --- The different values of a key, in the order in which they were last seen ---

/**
 * Adding a value moves its node to the front, so a row finds its newest different values there, however often they repeat. A hash table with
 * open addressing finds a value's node. Arrays by node, with room for as many as a key has items.
 */
const none = -1;
let slots: usize = 0;
let slotMask = 0;
let nodeSlots: usize = 0;
let nodeValues: usize = 0;
let older: usize = 0;
let newer: usize = 0;
/** The item of the last appearance, what that drops by, and the last appearance that drops by something else. */
let lastItems: usize = 0;
let lastDroppers: usize = 0;
let otherItems: usize = 0;
/** How many appearances there are, less those that were removed. */
let counts: usize = 0;
let nodeCount = 0;
let head = none;
/** How many values have a count. */
let distinct = 0;
/** What is looked up: `identity`, or `droppers`. */
let seenBits: usize = 0;
let hasDroppers = false;

/** Bytes that `openSeen` needs for keys of so many items. */
export function seenBytes(itemsMax: i32): i32 {
  return (slotsOf(itemsMax) << 2) + 40 * itemsMax + 64;
}

function slotsOf(itemsMax: i32): i32 {
  let count = 16;
  while (count < 2 * itemsMax) count *= 2;
  return count;
}

/** @param at bytes of `seenBytes` */
export function openSeen(at: usize, itemsMax: i32, byDropper: bool): void {
  const slotCount = slotsOf(itemsMax);
  const stride = <usize>itemsMax << 2;
  nodeValues = at;
  lastDroppers = nodeValues + 2 * stride;
  nodeSlots = lastDroppers + 2 * stride;
  older = nodeSlots + stride;
  newer = older + stride;
  lastItems = newer + stride;
  otherItems = lastItems + stride;
  counts = otherItems + stride;
  slots = counts + stride;
  slotMask = slotCount - 1;
  memory.fill(slots, 0xff, <usize>slotCount << 2);
  nodeCount = 0;
  head = none;
  distinct = 0;
  seenBits = byDropper ? droppers : identity;
  hasDroppers = droppers != 0 && drops != 0 && !byDropper;
  low = 0;
  high = 0;
  slidKey = -1;
}

function clearSeen(): void {
  for (let node = 0; node < nodeCount; node++) set32(slots, get32(nodeSlots, node), none);
  nodeCount = 0;
  head = none;
  distinct = 0;
}

// @ts-ignore: decorator
@inline
function slotOf(value: i64): i32 {
  return <i32>((<u64>value * 0x9e3779b97f4a7c15) >> 32) & slotMask;
}

function findNode(value: i64): i32 {
  let slot = slotOf(value);
  let node = get32(slots, slot);
  while (node != none && get64(nodeValues, node) != value) {
    slot = (slot + 1) & slotMask;
    node = get32(slots, slot);
  }
  return node;
}

function nodeOf(value: i64): i32 {
  let slot = slotOf(value);
  let node = get32(slots, slot);
  while (node != none && get64(nodeValues, node) != value) {
    slot = (slot + 1) & slotMask;
    node = get32(slots, slot);
  }
  if (node != none) return node;
  node = nodeCount++;
  set32(slots, slot, node);
  set32(nodeSlots, node, slot);
  set64(nodeValues, node, value);
  set32(older, node, none);
  set32(newer, node, none);
  set32(lastItems, node, none);
  set32(otherItems, node, none);
  set32(counts, node, 0);
  return node;
}

function add(item: i32): void {
  const node = nodeOf(get64(seenBits, item));
  if (hasDroppers) {
    const dropper = get64(droppers, item);
    if (get32(lastItems, node) != none && get64(lastDroppers, node) != dropper) set32(otherItems, node, get32(lastItems, node));
    set64(lastDroppers, node, dropper);
  }
  set32(lastItems, node, item);
  const count = get32(counts, node);
  if (count == 0) distinct++;
  set32(counts, node, count + 1);
  if (head == node) return;
  const olderNode = get32(older, node);
  const newerNode = get32(newer, node);
  if (newerNode != none) set32(older, newerNode, olderNode);
  if (olderNode != none) set32(newer, olderNode, newerNode);
  set32(older, node, head);
  set32(newer, node, none);
  if (head != none) set32(newer, head, node);
  head = node;
}

/** An appearance has left the window: it counts no more. */
function remove(item: i32): void {
  const node = findNode(get64(seenBits, item));
  const count = get32(counts, node) - 1;
  set32(counts, node, count);
  if (count == 0) distinct--;
}

/** Where the window stands that slides over the line. */
let low = 0;
let high = 0;
let slidKey = -1;

// @ts-ignore: decorator
@inline
function slideTo(row: i32, removes: bool): void {
  const key = get32(keys, row);
  const start = get32(starts, row);
  if (key != slidKey) {
    clearSeen();
    slidKey = key;
    low = start;
    high = start;
  }
  const end = get32(ends, row);
  for (; high < end; high++) add(high);
  if (removes) for (; low < start; low++) if (low < high) remove(low);
}

/** The row has the list of the row before it where both have the same window. */
function repeats(row: i32): bool {
  if (row == 0 || drops != 0 || ownStarts != 0 || get32(keys, row) != get32(keys, row - 1)) return false;
  if (get32(starts, row) != get32(starts, row - 1) || get32(ends, row) != get32(ends, row - 1)) return false;
  set32(listStarts, row, get32(listStarts, row - 1));
  set32(listEnds, row, get32(listEnds, row - 1));
  return true;
}

/** The newest different values of each row, oldest first, its own last. `found` has room for as many items as a row may have. */
export function listDistinct(from: i32, count: i32, maxItems: i32, found: usize): i32 {
  for (let row = from; row < count; row++) {
    const start = get32(starts, row);
    const added = ownLength(row);
    // Each of the row's own values may stand for one that is found.
    const limit = min(maxItems, get32(ends, row) - start);
    if (extraUsed + limit + added > extraCapacity) return row;
    slideTo(row, false);
    if (repeats(row)) continue;
    const length = findNewest(start, limit, dropOf(row), found);
    let used = extraUsed;
    for (let at = length - 1; at >= 0; at--) {
      const item = get32(found, at);
      if (added == 0 || !isOwn(row, get64(identity, item))) set64(extra, used++, get64(values, item));
    }
    if (added > 0) used = addOwn(row, used);
    const surplus = used - extraUsed - maxItems;
    if (surplus > 0) {
      const to = extra + (<usize>extraUsed << 3);
      copy(to, to + (<usize>surplus << 3), <usize>(used - extraUsed - surplus) << 3);
      used -= surplus;
    }
    tellCopied(row, used);
  }
  return count;
}

function isOwn(row: i32, value: i64): bool {
  const end = get32(ownEnds, row);
  for (let at = get32(ownStarts, row); at < end; at++) if (get64(ownIdentity, at) == value) return true;
  return false;
}

/** Each different value of the row itself where it stands last. */
function addOwn(row: i32, used: i32): i32 {
  const end = get32(ownEnds, row);
  for (let at = get32(ownStarts, row); at < end; at++) {
    let isLast = true;
    for (let later = at + 1; later < end && isLast; later++) isLast = get64(ownIdentity, later) != get64(ownIdentity, at);
    if (isLast) set64(extra, used++, get64(own, at));
  }
  return used;
}

/**
 * Items of the values that were last seen at or after `from`, newest first; of values whose last appearance drops by `drop`, the last that
 * does not. Returns how many, at most `limit`.
 */
function findNewest(from: i32, limit: i32, drop: i64, found: usize): i32 {
  let length = 0;
  for (let node = head; node != none; node = get32(older, node)) {
    const item = get32(lastItems, node);
    // Whatever comes now was seen before all that is found already.
    if (item < from || (length == limit && (length == 0 || item < get32(found, length - 1)))) break;
    const isDropped = drop != noDropper && hasDroppers && get64(lastDroppers, node) == drop;
    const seen = isDropped ? get32(otherItems, node) : item;
    if (seen < from) continue;
    let at = length;
    while (at > 0 && get32(found, at - 1) < seen) at--;
    if (at == limit) continue;
    if (length < limit) length++;
    insert(found, at, length, seen);
  }
  return length;
}

/** Most values stand where they are met: only what was seen earlier, because its last appearance drops, moves others. */
function insert(array: usize, at: i32, length: i32, value: i32): void {
  const to = array + (<usize>at << 2);
  if (at < length - 1) copy(to + 4, to, <usize>(length - 1 - at) << 2);
  store<i32>(to, value);
}

/** The most frequent values of each row, of equals the one that was last seen later first. */
export function listMostFrequent(from: i32, count: i32, maxItems: i32, found: usize, foundCounts: usize): i32 {
  for (let row = from; row < count; row++) {
    const start = get32(starts, row);
    const limit = min(maxItems, get32(ends, row) - start);
    if (extraUsed + limit > extraCapacity) return row;
    slideTo(row, true);
    if (repeats(row)) continue;
    let length = 0;
    for (let node = head; node != none && get32(lastItems, node) >= start; node = get32(older, node)) {
      const seen = get32(counts, node);
      let at = length;
      while (at > 0 && get32(foundCounts, at - 1) < seen) at--;
      if (at == limit) continue;
      if (length < limit) length++;
      insert(found, at, length, get32(lastItems, node));
      insert(foundCounts, at, length, seen);
    }
    for (let at = 0; at < length; at++) set64(extra, extraUsed + at, get64(values, get32(found, at)));
    tellCopied(row, extraUsed + length);
  }
  return count;
}

/** Of each row how many items there are, less those that it drops. */
export function countKept(count: i32, to: usize): void {
  for (let row = 0; row < count; row++) {
    slideTo(row, true);
    const drop = dropOf(row);
    const node = drop == noDropper ? none : findNode(drop);
    set64(to, row, get32(ends, row) - get32(starts, row) - (node == none ? 0 : get32(counts, node)) + ownLength(row));
  }
}

/** Of each row how many different values there are, its own included. */
export function countDistinct(count: i32, to: usize): void {
  for (let row = 0; row < count; row++) {
    slideTo(row, true);
    let isNew = false;
    if (ownLength(row) > 0) {
      const node = findNode(get64(ownIdentity, get32(ownStarts, row)));
      isNew = node == none || get32(counts, node) == 0;
    }
    set64(to, row, distinct + (isNew ? 1 : 0));
  }
}

// --- The least and the greatest value ---

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
