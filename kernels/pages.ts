/**
 * Data pages of parquet columns, rendered from where an engine left lists and numbers. Threads run it over one shared memory: columns that are only
 * read, and scratch for each thread. The plain functions of test/support/naive-pages.ts say which bytes: both must agree.
 * Source: parquet-format, Encodings.md.
 */
import {bytesOf, get32, set32} from "./shared/arrays";

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

/** Puts starts and ends side by side, where one look finds both. @returns the length of the longest list */
export function pair(start: usize, end: usize, count: i32, pairs: usize): i32 {
  let most = 0;
  for (let at = 0; at < count; at++) {
    const from = get32(start, at);
    const to = get32(end, at);
    set32(pairs, 2 * at, from);
    set32(pairs, 2 * at + 1, to);
    most = max(most, from < 0 ? from - to : to - from);
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
  // Of each row its length, its source, and at most two runs of one kind of levels and one of the other.
  return factBytes + 26 * <usize>rowCount + bytesOf<i64>(itemsMax) + packedBytes(itemsMax) + workBytes;
}

export function numberScratchBytes(rowCount: i32): usize {
  const entries = entriesMax(rowCount);
  return factBytes + 23 * <usize>rowCount + 128 + bytesOf<i64>(entries) + ((<usize>4) << slotBits(entries)) + packedBytes(rowCount) + workBytes;
}

let itemCount = 0;

/**
 * Where lists lie and how long they are, of as many rows as there is room for their items. Apart from copying them, so that the processor asks for
 * many rows' memory at a time: they lie far apart.
 * @param parts of each: where pairs of starts and ends, the line, and the values beside it are, and a bit for each of the last two that are narrow
 * @param sources addresses, odd ones of values that are narrow among wide ones
 */
// @ts-ignore: decorator
@inline
function findLists<T>(parts: usize, part: usize, place: usize, rows: usize, rowCount: i32, lengths: usize, sources: usize, itemsMax: i32): i32 {
  let items = 0;
  let row = 0;
  for (; row < rowCount; row++) {
    const number = get32(rows, row);
    const found = get32(part, number);
    let length = 0;
    let source: usize = 0;
    if (found >= 0) {
      const entry = parts + 16 * <usize>found;
      const result = get32(place, number);
      const pair = <usize>load<u32>(entry) + bytesOf<i64>(result);
      const start = load<i32>(pair);
      const end = load<i32>(pair, 4);
      const isExtra = start < 0;
      const from = isExtra ? ~start : start;
      length = isExtra ? start - end : end - start;
      const values = <usize>load<u32>(entry + (isExtra ? 8 : 4));
      const isNarrow = sizeof<T>() == 4 || (load<u32>(entry, 12) & (isExtra ? 2 : 1)) != 0;
      source = isNarrow ? values + bytesOf<i32>(from) + (sizeof<T>() == 4 ? 0 : 1) : values + bytesOf<i64>(from);
      if (row > 0 && items + length > itemsMax) break;
    }
    set32(lengths, row, length);
    set32(sources, row, <i32>source);
    items += length;
  }
  itemCount = items;
  return row;
}

/** Copies lists one after another. More is copied than there is: what follows is room, or is written next. */
// @ts-ignore: decorator
@inline
function copyLists<T>(lengths: usize, sources: usize, rowCount: i32, values: usize): void {
  let to = values;
  for (let row = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    const source = <usize><u32>get32(sources, row);
    if (sizeof<T>() == 8 && (source & 1) != 0) {
      for (let item = 0; item < length; item++) store<i64>(to + bytesOf<i64>(item), get32(source - 1, item));
    } else {
      // Without a branch for short ones, whose lengths nobody can foresee.
      v128.store(to, v128.load(source));
      v128.store(to, v128.load(source, 16), 16);
      for (let at: usize = 32; at < bytesOf<T>(length); at += 16) v128.store(to + at, v128.load(source + at));
    }
    to += bytesOf<T>(length);
  }
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

/** `step` at a time, whose bits are at most 57 together, so that they and a byte that is not full have room in 64. */
// @ts-ignore: decorator
@inline
function packSteps<T>(from: usize, count: i32, width: u64, step: i32, start: usize): usize {
  let to = start;
  let word: u64 = 0;
  let filled: u64 = 0;
  for (let at = from, last = from + bytesOf<T>(count); at < last; at += bytesOf<T>(step)) {
    let bits: u64 = <u64>load<T>(at);
    if (step > 1) bits |= <u64>load<T>(at, sizeof<T>()) << width;
    if (step > 2) bits |= (<u64>load<T>(at, 2 * sizeof<T>()) << (2 * width)) | (<u64>load<T>(at, 3 * sizeof<T>()) << (3 * width));
    word |= bits << filled;
    store<u64>(to, word);
    filled += <u64>step * width;
    to += <usize>(filled >> 3);
    word >>= filled & ~7;
    filled &= 7;
  }
  return to;
}

/** The lowest bits of numbers without a sign, one after another; `count` is a multiple of eight. Behind them up to eight bytes are written over. */
// @ts-ignore: decorator
@inline
function packBits<T>(from: usize, count: i32, width: u64, start: usize): usize {
  if (width <= 14) return packSteps<T>(from, count, width, 4, start);
  if (width <= 28) return packSteps<T>(from, count, width, 2, start);
  if (width <= 57) return packSteps<T>(from, count, width, 1, start);
  let to = start;
  let word: u64 = 0;
  let filled: u64 = 0;
  for (let at = 0; at < count; at++) {
    const number = <u64>load<T>(from + bytesOf<T>(at));
    word |= number << filled;
    filled += width;
    if (filled < 64) continue;
    store<u64>(to, word);
    to += 8;
    filled -= 64;
    word = filled == 0 ? 0 : number >> (width - filled);
  }
  store<u64>(to, word);
  return to + <usize>(filled >> 3);
}

/** Differences of a number of `blockValues` or less from the ones before them, filled up with the least one, which is returned. */
// @ts-ignore: decorator
@inline
function subtractBlock<T>(from: usize, length: i32, work: usize): T {
  let least = load<T>(from) - load<T>(from - sizeof<T>());
  let at = 0;
  if (sizeof<T>() == 4) {
    let lanes = i32x4.splat(<i32>least);
    for (; at + 4 <= length; at += 4) {
      const delta = i32x4.sub(v128.load(from + bytesOf<T>(at)), v128.load(from + bytesOf<T>(at) - 4));
      v128.store(work + bytesOf<T>(at), delta);
      lanes = i32x4.min_s(lanes, delta);
    }
    least = <T>min(min(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1)), min(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)));
  }
  for (; at < length; at++) {
    const delta = load<T>(from + bytesOf<T>(at)) - load<T>(from + bytesOf<T>(at) - sizeof<T>());
    store<T>(work + bytesOf<T>(at), delta);
    least = min(least, delta);
  }
  for (; at < blockValues; at++) store<T>(work + bytesOf<T>(at), least);
  return least;
}

/** Takes the least off each number of a miniblock. @returns the bits that any of them uses */
// @ts-ignore: decorator
@inline
function lowerMini<T>(numbers: usize, least: T): T {
  let used: T = 0;
  if (sizeof<T>() == 4) {
    const lowered = i32x4.splat(<i32>least);
    let lanes = i32x4.splat(0);
    for (let at: usize = 0; at < bytesOf<T>(miniValues); at += 16) {
      const number = i32x4.sub(v128.load(numbers + at), lowered);
      v128.store(numbers + at, number);
      lanes = v128.or(lanes, number);
    }
    used = <T>(i32x4.extract_lane(lanes, 0) | i32x4.extract_lane(lanes, 1) | i32x4.extract_lane(lanes, 2) | i32x4.extract_lane(lanes, 3));
  } else {
    for (let at = 0; at < miniValues; at++) {
      const number = load<T>(numbers + bytesOf<T>(at)) - least;
      store<T>(numbers + bytesOf<T>(at), number);
      used |= number;
    }
  }
  return used;
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
    const least = subtractBlock<T>(values + bytesOf<T>(first), length, work);
    to = pushSigned(<i64>least, to);
    const widths = to;
    store<u32>(widths, 0);
    to += miniCount;
    for (let mini = 0; mini * miniValues < length; mini++) {
      const numbers = work + bytesOf<T>(mini * miniValues);
      const width = <i32>(8 * sizeof<T>()) - <i32>clz<T>(lowerMini<T>(numbers, least));
      store<u8>(widths + mini, <u8>width);
      if (width > 0) to = sizeof<T>() == 4 ? packBits<u32>(numbers, miniValues, width, to) : packBits<u64>(numbers, miniValues, width, to);
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

/** Levels of lists: how many there are, and how many runs of equal ones. */
let valueCount = 0;
let repetitionRuns = 0;
let definitionRuns = 0;

function countLevels(lengths: usize, rowCount: i32): void {
  let longCount = 0;
  let changes = 0;
  valueCount = 0;
  let before = get32(lengths, 0);
  for (let row = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    valueCount += max(length, 1);
    longCount += i32(length > 1);
    changes += i32((length == 0) != (before == 0));
    before = length;
  }
  repetitionRuns = 2 * longCount + 1 - i32(before > 1);
  definitionRuns = changes + 1;
}

/** Whether levels of so many bits take less room one by one than as runs, of two bytes or more each. */
function isShortPacked(width: i32, runCount: i32): bool {
  return (width * valueCount + 7) >> 3 < 2 * runCount;
}

function runRepetition(lengths: usize, rowCount: i32, start: usize): usize {
  beginRuns(start);
  for (let row = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    addRun(0, 1);
    if (length > 1) addRun(1, length - 1);
  }
  return finishRuns(start);
}

function runDefinition(lengths: usize, rowCount: i32, start: usize): usize {
  beginRuns(start);
  for (let row = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    if (length > 0) addRun(listValue, length);
    else addRun(emptyList, 1);
  }
  return finishRuns(start);
}

/** Begins levels of so many bits one by one, with all bits set but for those behind the last level. @returns where they are */
function beginPacked(width: i32, start: usize): usize {
  const groups = (valueCount + 7) >> 3;
  const bits = pushVarint((<u64>groups << 1) | 1, start + 4);
  const byteCount = <usize>(groups * width);
  memory.fill(bits, 0xff, byteCount);
  for (let bit = width * valueCount; bit < 8 * <i32>byteCount; bit++) clearBit(bits, bit, true);
  store<u32>(start, <u32>(bits + byteCount - start - 4));
  return bits;
}

/** Without a branch. */
// @ts-ignore: decorator
@inline
function clearBit(bits: usize, bit: i32, isCleared: bool): void {
  const byte = bits + (bit >> 3);
  store<u8>(byte, load<u8>(byte) & ~(<u8>isCleared << (<u8>bit & 7)));
}

function endPacked(start: usize): usize {
  return start + 4 + load<u32>(start);
}

function packRepetition(lengths: usize, rowCount: i32, start: usize): usize {
  const bits = beginPacked(1, start);
  for (let row = 0, at = 0; row < rowCount; row++) {
    clearBit(bits, at, true);
    at += max(get32(lengths, row), 1);
  }
  return endPacked(start);
}

/** An empty list differs from a value in the higher bit. */
function packDefinition(lengths: usize, rowCount: i32, start: usize): usize {
  const bits = beginPacked(2, start);
  for (let row = 0, at = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    clearBit(bits, 2 * at + 1, length == 0);
    at += max(length, 1);
  }
  return endPacked(start);
}

/** A page of lists of whole numbers of 64 bits, of which `isWide` tells whether all are narrow where they lie. */
export function renderLists(isWide: bool, parts: usize, part: usize, place: usize, rows: usize, rowCount: i32, scratch: usize, itemsMax: i32): void {
  const lengths = scratch + factBytes;
  const sources = lengths + bytesOf<i32>(rowCount);
  const values = aligned(sources + bytesOf<i32>(rowCount));
  const body = aligned(values + bytesOf<i64>(itemsMax) + 32);
  const done = isWide
    ? findLists<i64>(parts, part, place, rows, rowCount, lengths, sources, itemsMax)
    : findLists<i32>(parts, part, place, rows, rowCount, lengths, sources, itemsMax);
  if (isWide) copyLists<i64>(lengths, sources, done, values);
  else copyLists<i32>(lengths, sources, done, values);
  countLevels(lengths, done);
  const definition = isShortPacked(1, repetitionRuns) ? packRepetition(lengths, done, body) : runRepetition(lengths, done, body);
  const packed = isShortPacked(2, definitionRuns) ? packDefinition(lengths, done, definition) : runDefinition(lengths, done, definition);
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

/** Numbers of `width` bits in groups of eight, the last one filled up with zeros, for which there is room behind them. */
// @ts-ignore: decorator
@inline
function packGroups<T>(from: usize, count: i32, width: i32, start: usize): usize {
  const groups = (count + 7) >> 3;
  memory.fill(from + bytesOf<T>(count), 0, bytesOf<T>((groups << 3) - count));
  return packBits<T>(from, groups << 3, width, pushVarint((<u64>groups << 1) | 1, start));
}

/** So many equal numbers fill 64 bits. */
// @ts-ignore: decorator
@inline
function repeated<T>(value: T): u64 {
  return sizeof<T>() == 1 ? <u64>value * 0x0101010101010101 : <u64>value * 0x100000001;
}

let runEnd = 0;

/** Where the next run of eight equal numbers or more begins; it ends at `runEnd`. Without one it is an empty one at the end. */
// @ts-ignore: decorator
@inline
function findRun<T>(from: usize, first: i32, count: i32): i32 {
  // Of eight neighbours, four are a step of this loop: one look instead of four.
  for (let at = first; at + 4 <= count; at += 4) {
    const four = from + bytesOf<T>(at);
    const value = load<T>(four);
    const pattern = repeated<T>(value);
    if (sizeof<T>() == 1 ? load<u32>(four) != <u32>pattern : load<u64>(four) != pattern || load<u64>(four, 8) != pattern) continue;
    let start = at;
    while (start > first && load<T>(from + bytesOf<T>(start - 1)) == value) start--;
    let end = at + 4;
    while (end + 8 <= count && load<u64>(from + bytesOf<T>(end)) == pattern) end += 8 / sizeof<T>();
    while (end < count && load<T>(from + bytesOf<T>(end)) == value) end++;
    if (end - start < 8) continue;
    runEnd = end;
    return start;
  }
  runEnd = count;
  return count;
}

/** Runs of equal numbers where they are eight or more, and groups of eight between them. */
// @ts-ignore: decorator
@inline
function packHybrid<T>(from: usize, count: i32, width: i32, start: usize): usize {
  let to = start;
  let first = 0;
  for (let at = 0; at < count; at = runEnd) {
    const run = findRun<T>(from, at, count);
    // What comes before a run must be whole groups.
    const run8 = run + (-(run - first) & 7);
    if (runEnd - run8 < 8) continue;
    if (run8 > first) to = packGroups<T>(from + bytesOf<T>(first), run8 - first, width, to);
    to = pushVarint(<u64>(runEnd - run8) << 1, to);
    const value = load<T>(from + bytesOf<T>(run));
    for (let bit = 0; bit < width; bit += 8) store<u8>(to++, <u8>((<u32>value) >> bit));
    first = runEnd;
  }
  return count > first ? packGroups<T>(from + bytesOf<T>(first), count - first, width, to) : to;
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
  // Behind what is packed in groups of eight there is room for a group.
  const levels = scratch + factBytes;
  const values = aligned(levels + <usize>rowCount + 8);
  const entries = aligned(values + bytesOf<i64>(rowCount + 1));
  const slots = aligned(entries + bytesOf<i64>(limit));
  const indices = slots + ((<usize>4) << slotBits(limit));
  const numbered = aligned(indices + bytesOf<i32>(rowCount + 8));
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

/** A chunk of single numbers as one page, and the dictionary before it, if it has one. */
export function renderNumbers(kind: i32, parts: usize, part: usize, place: usize, isZeroWithoutPart: bool, rows: usize, rowCount: i32, scratch: usize): void {
  if (kind == kindBoolean) numbers<u8, u8>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else if (kind == kindInteger) numbers<i32, i32>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else if (kind == kindBigint) numbers<i64, i64>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else if (kind == kindFloat) numbers<f32, i32>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
  else numbers<f64, i64>(parts, part, place, isZeroWithoutPart, rows, rowCount, scratch);
}
