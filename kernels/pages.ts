/**
 * Data pages of parquet columns, rendered from where an engine left lists and numbers. Threads run it over one shared memory: columns that are only
 * read, and scratch for each thread. The plain functions of test/support/naive-pages.ts say which bytes: both must agree.
 * Source: parquet-format, Encodings.md.
 */
import {bytesOf, get32} from "./shared/arrays";

/** DELTA_BINARY_PACKED. */
const blockValues = 128;
const miniValues = 32;
const miniCount = 4;

const plain = 0;
const deltas = 5;
const dictionary = 8;
const byteStreamSplit = 9;

/** Levels of a list of optional elements. */
const emptyList = 1;
const listValue = 3;

/** What a page is like, at the beginning of the scratch: see `PageFacts` of src/pipeline/page-kernels.ts. */
const factBytes: usize = 64;
// @ts-ignore: decorator
@inline
function setFact(scratch: usize, at: usize, value: u32): void {
  store<u32>(scratch + (at << 2), value);
}

function aligned(address: usize): usize {
  return (address + 15) & ~15;
}

/** Copies 64-bit numbers as 32 bits, also onto themselves; false where one is not from -2^30 up to 2^30, so that differences would have more than 32 bits. */
export function narrow(from: usize, to: usize, count: i32): bool {
  let far: i64 = 0;
  for (let at = 0; at < count; at++) {
    const value = load<i64>(from + bytesOf<i64>(at));
    far |= value + 0x40000000;
    store<i32>(to + bytesOf<i32>(at), <i32>value);
  }
  return (far & ~0x7fffffff) == 0;
}

/** The length of the longest list. */
export function longest(start: usize, end: usize, count: i32): i32 {
  let most = 0;
  for (let at = 0; at < count; at++) {
    const length = get32(end, at) - get32(start, at);
    most = max(most, length < 0 ? -length : length);
  }
  return most;
}

/** The most that so many packed numbers take. */
function packedBytes(count: i32): usize {
  return 64 + ((<usize>count >> 7) + 1) * (10 + miniCount + 8 * blockValues);
}

/** Room for a block of differences, and for what is rounded up. */
const workBytes: usize = 8 * blockValues + 128;

/** @param rowCount at most so many rows at once */
export function listScratchBytes(itemsMax: i32, rowCount: i32): usize {
  // Of each row its length, and at most two runs of one kind of levels and one of the other.
  return factBytes + 22 * <usize>rowCount + bytesOf<i64>(itemsMax) + packedBytes(itemsMax) + workBytes;
}

export function numberScratchBytes(rowCount: i32): usize {
  const entries = entriesMax(rowCount);
  return factBytes + 23 * <usize>rowCount + bytesOf<i64>(entries) + ((<usize>4) << slotBits(entries)) + packedBytes(rowCount) + workBytes;
}

let itemCount = 0;

/**
 * Copies lists one after another, and their lengths: of as many rows as there is room for.
 * @param parts of each: where starts, ends, the line and the values beside it are, and a bit for each of the last two that are narrow
 */
// @ts-ignore: decorator
@inline
function gatherLists<T>(parts: usize, part: usize, place: usize, rows: usize, rowCount: i32, lengths: usize, values: usize, itemsMax: i32): i32 {
  let items = 0;
  let row = 0;
  for (; row < rowCount; row++) {
    const number = get32(rows, row);
    const found = get32(part, number);
    if (found < 0) {
      store<i32>(lengths + bytesOf<i32>(row), 0);
      continue;
    }
    const entry = parts + 20 * <usize>found;
    const result = get32(place, number);
    const start = get32(load<u32>(entry), result);
    const end = get32(load<u32>(entry, 4), result);
    const length = start < 0 ? start - end : end - start;
    if (row > 0 && items + length > itemsMax) break;
    store<i32>(lengths + bytesOf<i32>(row), length);
    const isExtra = start < 0;
    const source = load<u32>(entry + (isExtra ? 12 : 8));
    const from = isExtra ? ~start : start;
    const isNarrow = load<u32>(entry, 16) & (isExtra ? 2 : 1);
    let to = values + bytesOf<T>(items);
    if (sizeof<T>() == 8 && isNarrow) {
      for (let item = 0; item < length; item++, to += 8) store<i64>(to, get32(source, from + item));
    } else {
      // The last step copies more than there is: what follows is room, or is written next.
      let address = <usize>source + bytesOf<T>(from);
      for (const last = address + bytesOf<T>(length); address < last; address += 16, to += 16) v128.store(to, v128.load(address));
    }
    items += length;
  }
  itemCount = items;
  return row;
}

function pushVarint(value: u64, to: usize): usize {
  let rest = value;
  for (; rest > 127; rest >>= 7) store<u8>(to++, (<u8>rest & 127) | 128);
  store<u8>(to++, <u8>rest);
  return to;
}

/** Zigzag: numbers near 0 are short, whatever their sign. */
function pushSigned(value: i64, to: usize): usize {
  return pushVarint(<u64>((value << 1) ^ (value >> 63)), to);
}

/** The lowest bits of 32 numbers, one after another. */
// @ts-ignore: decorator
@inline
function packMini<T>(from: usize, width: u64, start: usize): usize {
  let to = start;
  let word: u64 = 0;
  let filled: u64 = 0;
  for (let at = 0; at < miniValues; at++) {
    const number = sizeof<T>() == 4 ? <u64>load<u32>(from + bytesOf<T>(at)) : load<u64>(from + bytesOf<T>(at));
    word |= number << filled;
    filled += width;
    if (filled < 64) continue;
    store<u64>(to, word);
    to += 8;
    filled -= 64;
    word = filled == 0 ? 0 : number >> (width - filled);
  }
  if (filled > 0) {
    store<u32>(to, <u32>word);
    to += 4;
  }
  return to;
}

/** Numbers as differences, which wrap around in as many bits as numbers have. `work` is room for a block of them. */
// @ts-ignore: decorator
@inline
function packDeltas<T>(values: usize, count: i32, work: usize, start: usize): usize {
  let to = pushVarint(blockValues, start);
  to = pushVarint(miniCount, to);
  to = pushVarint(count, to);
  to = pushSigned(count > 0 ? <i64>load<T>(values) : 0, to);
  for (let first = 1; first < count; first += blockValues) {
    const length = min(blockValues, count - first);
    const from = values + bytesOf<T>(first);
    let least = load<T>(from) - load<T>(from - sizeof<T>());
    for (let at = 0; at < length; at++) {
      const delta = load<T>(from + bytesOf<T>(at)) - load<T>(from + bytesOf<T>(at) - sizeof<T>());
      store<T>(work + bytesOf<T>(at), delta);
      least = min(least, delta);
    }
    for (let at = length; at < blockValues; at++) store<T>(work + bytesOf<T>(at), least);
    to = pushSigned(<i64>least, to);
    const widths = to;
    store<u32>(widths, 0);
    to += miniCount;
    for (let mini = 0; mini * miniValues < length; mini++) {
      const numbers = work + bytesOf<T>(mini * miniValues);
      let used: T = 0;
      for (let at = 0; at < miniValues; at++) {
        const number = load<T>(numbers + bytesOf<T>(at)) - least;
        store<T>(numbers + bytesOf<T>(at), number);
        used |= number;
      }
      const width = <i32>(8 * sizeof<T>()) - <i32>clz<T>(used);
      store<u8>(widths + mini, <u8>width);
      if (width > 0) to = packMini<T>(numbers, width, to);
    }
  }
  return to;
}

/** Levels as runs: a varint of twice the length, then the level. */
let runLevel = -1;
let runLength = 0;
let runsTo: usize = 0;

function endRun(): void {
  if (runLength == 0) return;
  runsTo = pushVarint(<u64>runLength << 1, runsTo);
  store<u8>(runsTo++, <u8>runLevel);
  runLength = 0;
}

// @ts-ignore: decorator
@inline
function addRun(level: i32, count: i32): void {
  if (level != runLevel) {
    endRun();
    runLevel = level;
  }
  runLength += count;
}

function beginRuns(to: usize): void {
  runLevel = -1;
  runLength = 0;
  runsTo = to + 4;
}

/** Puts the length of the runs before them. */
function finishRuns(from: usize): usize {
  endRun();
  store<u32>(from, <u32>(runsTo - from - 4));
  return runsTo;
}

/** A page of lists of whole numbers of 64 bits, of which `isWide` tells whether all are narrow where they lie. */
export function renderLists(isWide: bool, parts: usize, part: usize, place: usize, rows: usize, rowCount: i32, scratch: usize, itemsMax: i32): void {
  const lengths = scratch + factBytes;
  const values = aligned(lengths + bytesOf<i32>(rowCount));
  const body = aligned(values + bytesOf<i64>(itemsMax) + 16);
  const done = isWide
    ? gatherLists<i64>(parts, part, place, rows, rowCount, lengths, values, itemsMax)
    : gatherLists<i32>(parts, part, place, rows, rowCount, lengths, values, itemsMax);
  let valueCount = 0;
  beginRuns(body);
  for (let row = 0; row < done; row++) {
    const length = get32(lengths, row);
    addRun(0, 1);
    if (length > 1) addRun(1, length - 1);
    valueCount += max(length, 1);
  }
  const definition = finishRuns(body);
  beginRuns(definition);
  for (let row = 0; row < done; row++) {
    const length = get32(lengths, row);
    if (length > 0) addRun(listValue, length);
    else addRun(emptyList, 1);
  }
  const packed = finishRuns(definition);
  // A block of differences is worked on behind the most that the page can become.
  const work = aligned(packed + packedBytes(itemCount));
  const end = isWide ? packDeltas<i64>(values, itemCount, work, packed) : packDeltas<i32>(values, itemCount, work, packed);
  setFact(scratch, 0, done);
  setFact(scratch, 1, valueCount);
  setFact(scratch, 2, 0);
  setFact(scratch, 3, deltas);
  setFact(scratch, 4, <u32>body);
  setFact(scratch, 5, <u32>(end - body));
}

/** Of more different numbers than this, a dictionary hardly helps. */
function entriesMax(rowCount: i32): i32 {
  return rowCount / 5;
}

/** So that at least half of the slots stay free. */
function slotBits(entries: i32): u32 {
  return 33 - clz<i32>(max(entries, 1));
}

/** Numbers each different one, bits by bits, in the order in which they come. @returns how many there are, -1 where there are too many */
// @ts-ignore: decorator
@inline
function numberValues<T>(values: usize, count: i32, limit: i32, entries: usize, slots: usize, indices: usize): i32 {
  const bits = slotBits(limit);
  const mask: u32 = (1 << bits) - 1;
  memory.fill(slots, 0, (<usize>4) << bits);
  let size = 0;
  for (let at = 0; at < count; at++) {
    const value = load<T>(values + bytesOf<T>(at));
    let slot = <u32>(((<u64>value) * 0x9e3779b97f4a7c15) >> (64 - bits));
    let entry = get32(slots, slot);
    while (entry != 0 && load<T>(entries + bytesOf<T>(entry - 1)) != value) {
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

/** Numbers of `width` bits in groups of eight, the last one filled with zeros. */
// @ts-ignore: decorator
@inline
function packGroups<T>(from: usize, count: i32, width: i32, start: usize): usize {
  const groups = (count + 7) >> 3;
  let to = pushVarint((<u64>groups << 1) | 1, start);
  let word: u64 = 0;
  let filled = 0;
  for (let at = 0; at < groups << 3; at++) {
    if (at < count) word |= <u64>load<T>(from + bytesOf<T>(at)) << filled;
    filled += width;
    if (filled < 32) continue;
    store<u32>(to, <u32>word);
    to += 4;
    word >>= 32;
    filled -= 32;
  }
  for (; filled > 0; filled -= 8, word >>= 8) store<u8>(to++, <u8>word);
  return to;
}

/** Runs of equal numbers where they are eight or more, and groups of eight between them. */
// @ts-ignore: decorator
@inline
function packHybrid<T>(from: usize, count: i32, width: i32, start: usize): usize {
  let to = start;
  let first = 0;
  for (let at = 0; at < count; ) {
    const value = load<T>(from + bytesOf<T>(at));
    let end = at + 1;
    while (end < count && load<T>(from + bytesOf<T>(end)) == value) end++;
    // What comes before a run must be whole groups.
    const fill = -(at - first) & 7;
    if (end - at - fill >= 8) {
      at += fill;
      if (at > first) to = packGroups<T>(from + bytesOf<T>(first), at - first, width, to);
      to = pushVarint(<u64>(end - at) << 1, to);
      for (let bit = 0; bit < width; bit += 8) store<u8>(to++, <u8>((<u32>value) >> bit));
      first = end;
    }
    at = end;
  }
  return count > first ? packGroups<T>(from + bytesOf<T>(first), count - first, width, to) : to;
}

/** Numbers that are there, one after another, and of each row whether its is there. @returns how many are */
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
      const entry = parts + 8 * <usize>found;
      const result = <usize>get32(place, number);
      const present = <usize>load<u32>(entry, 4);
      isPresent = present == 0 || load<u8>(present + result) != 0;
      value = load<T>(<usize>load<u32>(entry) + (result << 3));
    }
    store<u8>(levels + row, isPresent ? 1 : 0);
    store<T>(values + bytesOf<T>(count), value);
    count += isPresent ? 1 : 0;
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

/** @param U the same bits as a whole number */
// @ts-ignore: decorator
@inline
function numbers<T, U>(parts: usize, part: usize, place: usize, isZeroWithoutPart: bool, rows: usize, rowCount: i32, scratch: usize): void {
  const limit = entriesMax(rowCount);
  const levels = scratch + factBytes;
  const values = aligned(levels + <usize>rowCount);
  const entries = aligned(values + bytesOf<i64>(rowCount));
  const slots = aligned(entries + bytesOf<i64>(limit));
  const indices = slots + ((<usize>4) << slotBits(limit));
  const numbered = aligned(indices + bytesOf<i32>(rowCount));
  const body = aligned(numbered + 8 * <usize>rowCount);
  const count = gatherNumbers<U>(parts, part, place, isZeroWithoutPart, rows, rowCount, levels, values);
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
    const found = count > 0 ? numberValues<U>(values, count, limit, entries, slots, indices) : -1;
    let numberedEnd = numbered;
    if (found > 0) {
      const width = max(1, 32 - clz<i32>(found - 1));
      store<u8>(numbered, <u8>width);
      numberedEnd = packHybrid<u32>(indices, count, width, numbered + 1);
    }
    // Floating numbers without a dictionary do not get smaller before they are compressed.
    if (found < 0 || !isFloat<T>()) {
      encoding = isFloat<T>() ? byteStreamSplit : deltas;
      end = isFloat<T>() ? splitBytes<T>(values, count, from) : packDeltas<U>(values, count, aligned(from + packedBytes(count)), from);
    }
    // The numbers of a dictionary shrink to about a quarter when they are compressed, what is packed hardly does.
    if (found > 0 && (isFloat<T>() || (bytesOf<T>(found) >> 2) + (numberedEnd - numbered) < end - from)) {
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

/** A chunk of single numbers as one page, and the dictionary before it, if it has one. */
export function renderNumbers(kind: i32, parts: usize, part: usize, place: usize, isZeroWithoutPart: bool, rows: usize, rowCount: i32, scratch: usize): void {
  if (kind == kindBoolean) numbers<u8, u8>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else if (kind == kindInteger) numbers<i32, i32>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else if (kind == kindBigint) numbers<i64, i64>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else if (kind == kindFloat) numbers<f32, i32>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else numbers<f64, i64>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
}
