/** The different values of a key, in the order in which they were last seen. */
import {copy, get32, get64, noDropper, set32, set64} from "../shared/arrays";
import {dropOf, droppers, drops, ends, identity, keys, own, ownEnds, ownIdentity, ownLength, ownStarts, starts, values} from "./rows";
import {extra, extraCapacity, extraUsed, listEnds, listStarts, tellCopied} from "./lists";

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
