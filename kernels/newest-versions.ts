/**
 * The newest version of each slot, compiled to WebAssembly by AssemblyScript (the types below are its): src/engines/native/slots.ts says what a
 * slot is, src/engines/native/newest-versions.ts lays out the memory. Instants are microseconds since 1970. A naive join among the tests says what comes out.
 */
import {copyValue, get32, get64, isValid, set32, set64} from "./shared/arrays";

/** Below all instants and ranks: no version. */
const none: i64 = i64.MIN_VALUE;

/** A slot at which a version was met that is as new, as a number below -1; and back. */
// @ts-ignore: decorator
@inline
function tieOf(slot: i32): i32 {
  return -2 - slot;
}

// @ts-ignore: decorator
@unmanaged
class Slots {
  keyCount: i32;
  rowCount: i32;
  /** The later slots of key k: from `start[k]` to `start[k + 1]`. */
  start: usize;
  /** By slot. */
  instant: usize;
  /** The slot of each row; -1: it has no key. */
  slot: usize;
}

/** What is kept of versions, and of those that are offered. */
// @ts-ignore: decorator
@unmanaged
class Column {
  /** Bytes of a value: 1, 4 or 8. */
  width: i32;
  /** By slot. */
  values: usize;
  /** A byte a slot, 1 where NULL is kept; 0: nowhere. */
  isNull: usize;
  /** Of the versions on offer. */
  data: usize;
  /** A bit a version, 0 for NULL; 0: there is none. */
  validity: usize;
}

// @ts-ignore: decorator
@unmanaged
class Versions {
  /** By slot. */
  order: usize;
  columnCount: i32;
  columns: usize;
  /** Of the versions on offer: their keys, when they became known, and where they stand in the order of their key. */
  keys: usize;
  known: usize;
  ranks: usize;
  /** Room for their slots. */
  found: usize;
}

// @ts-ignore: decorator
@inline
function columnOf(versions: Versions, at: i32): Column {
  return changetype<Column>(versions.columns + <usize>at * offsetof<Column>());
}

/** Puts rows that come in any order to their places. `numbers` are 64 bits each. */
export function placeRows(rowCount: i32, numbers: usize, keys: usize, instants: usize, keyOfRow: usize, instantOfRow: usize): void {
  for (let at = 0; at < rowCount; at++) {
    const row = <i32>get64(numbers, at);
    set32(keyOfRow, row, get32(keys, at));
    set64(instantOfRow, row, get64(instants, at));
  }
}

/** Fills `start`; how many slots there are. Each key has a row. */
export function countSlots(slots: Slots, keyOfRow: usize): i32 {
  const keyCount = slots.keyCount;
  const rowCount = slots.rowCount;
  const start = slots.start;
  memory.fill(start, 0, (<usize>keyCount + 1) << 2);
  for (let row = 0; row < rowCount; row++) {
    const key = get32(keyOfRow, row);
    if (key >= 0) set32(start, key + 1, get32(start, key + 1) + 1);
  }
  set32(start, 0, keyCount);
  for (let key = 0; key < keyCount; key++) set32(start, key + 1, get32(start, key + 1) + get32(start, key) - 1);
  return get32(start, keyCount);
}

/** Gives each row its slot; false where a row came before an earlier one of its key. `order`: the rows in the order of their instants; 0: as they lie. */
export function fillSlots(slots: Slots, keyOfRow: usize, instantOfRow: usize, order: usize, next: usize): bool {
  const keyCount = slots.keyCount;
  const rowCount = slots.rowCount;
  const start = slots.start;
  const instant = slots.instant;
  const slotOfRow = slots.slot;
  memory.fill(next, 0xff, <usize>keyCount << 2);
  for (let at = 0; at < rowCount; at++) {
    const row = order == 0 ? at : get32(order, at);
    const key = get32(keyOfRow, row);
    if (key < 0) {
      set32(slotOfRow, row, -1);
      continue;
    }
    const known = get32(next, key);
    const slot = known < 0 ? key : known;
    const first = get32(start, key);
    set32(next, key, known < 0 ? first : slot + 1);
    set32(slotOfRow, row, slot);
    set64(instant, slot, get64(instantOfRow, row));
    if (slot != key && get64(instant, slot == first ? key : slot - 1) > get64(instant, slot)) return false;
  }
  return true;
}

/** For each version the first slot of its key that may know it; -1: none. */
export function findSlots(slots: Slots, versions: Versions, rowCount: i32, isInclusive: bool): void {
  const start = slots.start;
  const instant = slots.instant;
  const keys = versions.keys;
  const known = versions.known;
  const found = versions.found;
  // What may be known at its own instant is known after the microsecond before it.
  const shift: i64 = isInclusive ? 1 : 0;
  for (let at = 0; at < rowCount; at++) {
    const key = get32(keys, at);
    set32(found, at, get64(instant, key) > get64(known, at) - shift ? key : -1);
  }
  for (let at = 0; at < rowCount; at++) {
    if (get32(found, at) >= 0) continue;
    const after = get64(known, at) - shift;
    let low = get32(start, get32(keys, at));
    const end = get32(start, get32(keys, at) + 1);
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (get64(instant, middle) > after) high = middle;
      else low = middle + 1;
    }
    if (low < end) set32(found, at, low);
  }
}

/** Keeps those on offer that are the newest of their slots; false where two stand at one place and differ. */
export function offer(slots: Slots, versions: Versions, rowCount: i32, isInclusive: bool): bool {
  findSlots(slots, versions, rowCount, isInclusive);
  const order = versions.order;
  const ranks = versions.ranks;
  const found = versions.found;
  const columnCount = versions.columnCount;
  let isTied = false;
  for (let at = 0; at < rowCount; at++) {
    const slot = get32(found, at);
    if (slot < 0) continue;
    const own = get64(ranks, at);
    const other = get64(order, slot);
    if (own > other) set64(order, slot, own);
    else {
      set32(found, at, own == other ? tieOf(slot) : -1);
      if (own == other) isTied = true;
    }
  }
  for (let index = 0; index < columnCount; index++) keep(columnOf(versions, index), found, rowCount);
  return !isTied || areTiesAlike(versions, rowCount);
}

function keep(column: Column, found: usize, rowCount: i32): void {
  const width = column.width;
  const values = column.values;
  const data = column.data;
  const isNull = column.isNull;
  const validity = column.validity;
  for (let at = 0; at < rowCount; at++) {
    const slot = get32(found, at);
    if (slot < 0) continue;
    copyValue(width, data, at, values, slot);
  }
  if (isNull == 0) return;
  for (let at = 0; at < rowCount; at++) {
    const slot = get32(found, at);
    if (slot >= 0) store<u8>(isNull + <usize>slot, isValid(validity, at) ? 0 : 1);
  }
}

/** What stands at one place must be one thing, unless a later version made it meaningless. */
function areTiesAlike(versions: Versions, rowCount: i32): bool {
  const found = versions.found;
  const ranks = versions.ranks;
  const order = versions.order;
  for (let at = 0; at < rowCount; at++) {
    if (get32(found, at) >= -1) continue;
    const slot = tieOf(get32(found, at));
    if (get64(ranks, at) != get64(order, slot)) continue;
    for (let index = 0; index < versions.columnCount; index++) {
      const column = columnOf(versions, index);
      const width = column.width;
      const values = column.values;
      const isNull = column.isNull;
      const data = column.data;
      const validity = column.validity;
      const isNullHere = !isValid(validity, at);
      if (isNullHere != isNullAt(isNull, slot) || (!isNullHere && !areEqual(width, data, at, values, slot))) return false;
    }
  }
  return true;
}

// @ts-ignore: decorator
@inline
function isNullAt(isNull: usize, slot: i32): bool {
  return isNull != 0 && load<u8>(isNull + <usize>slot) == 1;
}

// @ts-ignore: decorator
@inline
function areEqual(width: i32, left: usize, at: i32, right: usize, slot: i32): bool {
  if (width == 8) return get64(left, at) == get64(right, slot);
  if (width == 4) return get32(left, at) == get32(right, slot);
  return load<u8>(left + <usize>at) == load<u8>(right + <usize>slot);
}

/** Gives each slot the newer of its own version and that of the slot before it; false where two stand at one place and differ. */
export function settle(slots: Slots, versions: Versions): bool {
  const keyCount = slots.keyCount;
  const start = slots.start;
  const order = versions.order;
  for (let key = 0; key < keyCount; key++) {
    const end = get32(start, key + 1);
    let before = key;
    for (let slot = get32(start, key); slot < end; slot++) {
      const own = get64(order, slot);
      const other = get64(order, before);
      if (other > own) pass(versions, before, slot);
      else if (own == other && own != none && !areAlike(versions, before, slot)) return false;
      before = slot;
    }
  }
  return true;
}

// @ts-ignore: decorator
@inline
function pass(versions: Versions, from: i32, to: i32): void {
  set64(versions.order, to, get64(versions.order, from));
  for (let index = 0; index < versions.columnCount; index++) {
    const column = columnOf(versions, index);
    const width = column.width;
    const values = column.values;
    const isNull = column.isNull;
    copyValue(width, values, from, values, to);
    if (isNull != 0) store<u8>(isNull + <usize>to, load<u8>(isNull + <usize>from));
  }
}

function areAlike(versions: Versions, one: i32, other: i32): bool {
  for (let index = 0; index < versions.columnCount; index++) {
    const column = columnOf(versions, index);
    const width = column.width;
    const values = column.values;
    const isNull = column.isNull;
    const isNullOne = isNullAt(isNull, one);
    if (isNullOne != isNullAt(isNull, other) || (!isNullOne && !areEqual(width, values, one, values, other))) return false;
  }
  return true;
}

/** Takes from slots what does not hold any more at their instants. `validTo` and `time`: the columns that say so; -1: none does. */
export function forget(slots: Slots, versions: Versions, validTo: i32, time: i32, ttl: i64, isInclusive: bool): void {
  const keyCount = slots.keyCount;
  const start = slots.start;
  const instant = slots.instant;
  const order = versions.order;
  const slotCount = get32(start, keyCount);
  for (let slot = 0; slot < slotCount; slot++) {
    const at = get64(instant, slot);
    let isOver = false;
    if (validTo >= 0) {
      const column = columnOf(versions, validTo);
      const values = column.values;
      const isNull = column.isNull;
      if (!isNullAt(isNull, slot)) isOver = isInclusive ? at >= get64(values, slot) : at > get64(values, slot);
    }
    if (time >= 0 && get64(columnOf(versions, time).values, slot) < at - ttl) isOver = true;
    if (isOver) set64(order, slot, none);
  }
}

// @ts-ignore: decorator
@inline
function clearValue(width: i32, values: usize, at: i32): void {
  if (width == 8) set64(values, at, 0);
  else if (width == 4) set32(values, at, 0);
  else store<u8>(values + <usize>at, 0);
}

/** A byte a slot, 1 where it has a value of the column; the others become 0. */
export function markPresent(slots: Slots, versions: Versions, index: i32, present: usize): void {
  const column = columnOf(versions, index);
  const width = column.width;
  const values = column.values;
  const isNull = column.isNull;
  const order = versions.order;
  const slotCount = get32(slots.start, slots.keyCount);
  for (let slot = 0; slot < slotCount; slot++) {
    const isPresent = get64(order, slot) != none && !isNullAt(isNull, slot);
    store<u8>(present + <usize>slot, isPresent ? 1 : 0);
    if (!isPresent) clearValue(width, values, slot);
  }
}

/** Writes 64-bit numbers as 32-bit ones, over themselves; false where one does not fit: they stay as they are. */
export function narrow(numbers: usize, count: i32): bool {
  for (let at = 0; at < count; at++) {
    const number = get64(numbers, at);
    if (number != <i64>(<i32>number)) return false;
  }
  for (let at = 0; at < count; at++) set32(numbers, at, <i32>get64(numbers, at));
  return true;
}

/** What lies by slot, for some rows: the values, and a bit for each, 1 where there is one. `first` is a multiple of 8. */
export function readRows(slots: Slots, width: i32, values: usize, isPresent: usize, first: i32, rowCount: i32, to: usize, present: usize): void {
  for (let at = 0; at < rowCount; at += 8) {
    let bits: u32 = 0;
    for (let row = at; row < min(at + 8, rowCount); row++) {
      const slot = get32(slots.slot, first + row);
      if (slot >= 0) {
        copyValue(width, values, slot, to, row);
        bits |= <u32>load<u8>(isPresent + <usize>slot) << (row & 7);
      } else clearValue(width, to, row);
    }
    store<u8>(present + (<usize>at >> 3), <u8>bits);
  }
}
