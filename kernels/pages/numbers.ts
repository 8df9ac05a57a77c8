/** Chunks of single numbers, a page each. */
import {bytesOf, get32} from "../shared/arrays";
import {packGroups} from "./bits";
import {packDeltas, packedBytes, workBytes} from "./deltas";
import {aligned, byteStreamSplit, deltas, dictionary, factBytes, plain, setFact} from "./facts";
import {packHybrid} from "./hybrid";

export function numberScratchBytes(rowCount: i32): usize {
  return rowInput(rowCount) + 9 * <usize>rowCount;
}

/** Where in its scratch `takeRows` finds what it takes: values, 8 bytes apart at most, then a byte for each that tells whether it is there. */
export function rowInput(rowCount: i32): usize {
  const entries = entriesMax(rowCount);
  return aligned(factBytes + 23 * <usize>rowCount + 128 + bytesOf<i64>(entries) + ((<usize>4) << slotBits(entries)) + packedBytes(rowCount) + workBytes);
}

/** Of more different numbers than this, a dictionary hardly helps. */
function entriesMax(rowCount: i32): i32 {
  return rowCount / 5;
}

/** Of so many different whole numbers or fewer, a dictionary is taken without a look at their differences. */
const shortEntries = 256;

/** So that at least half of the slots stay free. */
function slotBits(entries: i32): u32 {
  return 33 - clz<i32>(max(entries, 1));
}

/**
 * Numbers each different one, bits by bits, in the order in which they come. @returns how many there are, -1 where there are too many
 * @param isNear no two are further apart than there are slots: then each has its own
 */
// @ts-ignore: decorator
@inline
function numberValues<T>(values: usize, count: i32, least: T, isNear: bool, limit: i32, entries: usize, slots: usize, indices: usize): i32 {
  const bits = slotBits(limit);
  const mask: u32 = (1 << bits) - 1;
  memory.fill(slots, 0, (<usize>4) << bits);
  let size = 0;
  for (let at = 0; at < count; at++) {
    const value = load<T>(values + bytesOf<T>(at));
    let slot = isNear ? <u32>(value - least) : <u32>(((<u64>value) * 0x9e3779b97f4a7c15) >> (64 - bits));
    let entry = get32(slots, slot);
    while (entry != 0 && !isNear && load<T>(entries + bytesOf<T>(entry - 1)) != value) {
      slot = (slot + 1) & mask;
      entry = get32(slots, slot);
    }
    if (entry == 0) {
      if (size == limit) return -1;
      store<T>(entries + bytesOf<T>(size), value);
      entry = ++size;
      store<i32>(slots + bytesOf<i32>(slot), entry);
    }
    store<i32>(indices + bytesOf<i32>(at), entry - 1);
  }
  return size;
}

/**
 * Numbers that are there, one after another, and of each row whether its is there. @returns how many are
 * @param parts of each: where numbers are, where a byte for each tells whether it is there, 0 if all are, and whether numbers of 64 bits are narrow
 */
// @ts-ignore: decorator
@inline
function gatherNumbers<T>(parts: usize, part: usize, place: usize, isZeroWithoutPart: bool, rows: usize, rowCount: i32, levels: usize, values: usize): i32 {
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    const number = get32(rows, row);
    const found = get32(part, number);
    let isPresent = isZeroWithoutPart;
    let value: T = 0;
    if (found >= 0) {
      const entry = parts + 12 * <usize>found;
      const result = <usize>get32(place, number);
      const present = <usize>load<u32>(entry, 4);
      isPresent = present == 0 || load<u8>(present + result) != 0;
      const values = <usize>load<u32>(entry);
      value = sizeof<T>() == 8 && load<u32>(entry, 8) != 0 ? <T>load<i32>(values + (result << 2)) : load<T>(values + (result << 3));
    }
    store<u8>(levels + row, isPresent ? 1 : 0);
    store<T>(values + bytesOf<T>(count), value);
    count += isPresent ? 1 : 0;
  }
  return count;
}

/** The same of numbers that lie in the order of their rows. */
// @ts-ignore: decorator
@inline
function gatherRows<T>(from: usize, isNarrow: bool, rowCount: i32, levels: usize, values: usize): i32 {
  const present = from + bytesOf<i64>(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    const isPresent = load<u8>(present + row);
    store<u8>(levels + row, isPresent);
    store<T>(values + bytesOf<T>(count), sizeof<T>() == 8 && isNarrow ? <T>get32(from, row) : load<T>(from + bytesOf<T>(row)));
    count += isPresent;
  }
  return count;
}

/** The least and the greatest; none where a number is NaN, which readers place differently. Zeros are -0 and 0, as the format asks. */
// @ts-ignore: decorator
@inline
function noteBounds<T>(scratch: usize, values: usize, count: i32): void {
  setFact(scratch, 8, 0);
  if (count == 0) return;
  let least = load<T>(values);
  let most = least;
  let isNaNFound = false;
  for (let at = 0; at < count; at++) {
    const value = load<T>(values + bytesOf<T>(at));
    if (isFloat<T>()) isNaNFound = isNaNFound || value != value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (isNaNFound) return;
  if (isFloat<T>() && least == 0) least = <T>-0.0;
  if (isFloat<T>() && most == 0) most = <T>0.0;
  setFact(scratch, 8, 1);
  store<T>(scratch + 40, least);
  store<T>(scratch + 48, most);
}

/** Byte 0 of all numbers, then byte 1 of all, and so on. */
// @ts-ignore: decorator
@inline
function splitBytes<T>(values: usize, count: i32, start: usize): usize {
  let to = start;
  for (let byte: usize = 0; byte < sizeof<T>(); byte++) for (let at = 0; at < count; at++) store<u8>(to++, load<u8>(values + bytesOf<T>(at) + byte));
  return to;
}

/** Behind what is packed in groups of eight there is room for a group. */
// @ts-ignore: decorator
@inline
function levelsIn(scratch: usize): usize {
  return scratch + factBytes;
}

// @ts-ignore: decorator
@inline
function valuesIn(scratch: usize, rowCount: i32): usize {
  return aligned(levelsIn(scratch) + <usize>rowCount + 8);
}

/** @param U the same bits as a whole number */
function pack<T, U>(count: i32, rowCount: i32, scratch: usize): void {
  const limit = entriesMax(rowCount);
  const levels = levelsIn(scratch);
  const values = valuesIn(scratch, rowCount);
  const entries = aligned(values + bytesOf<i64>(rowCount + 1));
  const slots = aligned(entries + bytesOf<i64>(limit));
  const indices = slots + ((<usize>4) << slotBits(limit));
  const numbered = aligned(indices + bytesOf<i32>(rowCount + 8));
  const body = aligned(numbered + 8 * <usize>rowCount);
  const from = packHybrid<u8>(levels, rowCount, 1, body + 4);
  store<u32>(body, <u32>(from - body - 4));
  noteBounds<T>(scratch, values, count);

  let encoding = plain;
  let end = from;
  let size = 0;
  if (sizeof<T>() == 1) {
    if (count > 0) {
      // The same groups as those of levels, without what tells how many there are.
      const packed = packGroups<u8>(values, count, 1, numbered);
      const byteCount = (count + 7) >> 3;
      memory.copy(from, packed - byteCount, byteCount);
      end = from + byteCount;
    }
  } else {
    const least = load<U>(scratch + 40);
    const spread = <u64>(load<U>(scratch + 48) - least) & (<u64>-1 >> (64 - 8 * sizeof<U>()));
    const isNear = !isFloat<T>() && spread < <u64>1 << slotBits(limit);
    const found = count > 0 ? numberValues<U>(values, count, least, isNear, limit, entries, slots, indices) : -1;
    let numberedEnd = numbered;
    if (found > 0) {
      const width = max(1, 32 - clz<i32>(found - 1));
      store<u8>(numbered, <u8>width);
      numberedEnd = packHybrid<u32>(indices, count, width, numbered + 1);
    }
    // Floating numbers do not get smaller before they are compressed, and few different numbers hardly as differences.
    const isShort = found > 0 && (isFloat<T>() || found <= shortEntries);
    if (!isShort) {
      encoding = isFloat<T>() ? byteStreamSplit : deltas;
      end = isFloat<T>() ? splitBytes<T>(values, count, from) : packDeltas<U>(values, count, aligned(from + packedBytes(count)), from);
    }
    // The numbers of a dictionary shrink to about a quarter when they are compressed, what is packed hardly does.
    if (isShort || (found > 0 && (bytesOf<T>(found) >> 2) + (numberedEnd - numbered) < end - from)) {
      encoding = dictionary;
      size = found;
      memory.copy(from, numbered, numberedEnd - numbered);
      end = from + (numberedEnd - numbered);
    }
  }
  setFact(scratch, 0, rowCount);
  setFact(scratch, 1, rowCount);
  setFact(scratch, 2, rowCount - count);
  setFact(scratch, 3, encoding);
  setFact(scratch, 4, <u32>body);
  setFact(scratch, 5, <u32>(end - body));
  setFact(scratch, 6, <u32>entries);
  setFact(scratch, 7, size);
}

const kindBoolean = 0;
const kindInteger = 1;
const kindBigint = 2;
const kindFloat = 3;

/** Takes the numbers of rows, of so many bytes each, from where they lie. @returns how many are there */
export function takePlaced(width: i32, parts: usize, part: usize, place: usize, isZeroWithoutPart: bool, rows: usize, rowCount: i32, scratch: usize): i32 {
  const levels = levelsIn(scratch);
  const values = valuesIn(scratch, rowCount);
  if (width == 1) return gatherNumbers<u8>(parts, part, place, isZeroWithoutPart, rows, rowCount, levels, values);
  if (width == 4) return gatherNumbers<i32>(parts, part, place, isZeroWithoutPart, rows, rowCount, levels, values);
  return gatherNumbers<i64>(parts, part, place, isZeroWithoutPart, rows, rowCount, levels, values);
}

/** The same of numbers that lie in the order of their rows, in the scratch where `rowInput` says. `isNarrow`: those of 8 bytes are in 4. */
export function takeRows(width: i32, isNarrow: bool, rowCount: i32, scratch: usize): i32 {
  const from = scratch + rowInput(rowCount);
  const levels = levelsIn(scratch);
  const values = valuesIn(scratch, rowCount);
  if (width == 1) return gatherRows<u8>(from, isNarrow, rowCount, levels, values);
  if (width == 4) return gatherRows<i32>(from, isNarrow, rowCount, levels, values);
  return gatherRows<i64>(from, isNarrow, rowCount, levels, values);
}

/** The chunk of the `count` numbers that were taken as one page, and the dictionary before it, if it has one. */
export function renderNumbers(kind: i32, count: i32, rowCount: i32, scratch: usize): void {
  if (kind == kindBoolean) pack<u8, u8>(count, rowCount, scratch);
  else if (kind == kindInteger) pack<i32, i32>(count, rowCount, scratch);
  else if (kind == kindBigint) pack<i64, i64>(count, rowCount, scratch);
  else if (kind == kindFloat) pack<f32, i32>(count, rowCount, scratch);
  else pack<f64, i64>(count, rowCount, scratch);
}
