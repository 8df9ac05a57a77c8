/** Pages of lists of whole numbers. */
import {bytesOf, get32, set32} from "../shared/arrays";
import {packDeltas, packedBytes, workBytes} from "./deltas";
import {aligned, deltas, factBytes, setFact} from "./facts";
import {countLevels, definitionRuns, isShortPacked, leastLength, mostLength, packDefinition, packRepetition, repetitionRuns, runDefinition, runRepetition, valueCount} from "./levels";

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

/** @param rowCount at most so many rows at once */
export function listScratchBytes(itemsMax: i32, rowCount: i32): usize {
  // Of each row its length, its source, and at most two runs of one kind of levels and one of the other.
  return factBytes + 26 * <usize>rowCount + bytesOf<i64>(itemsMax) + packedBytes(itemsMax) + workBytes;
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
  setFact(scratch, 6, itemCount);
  setFact(scratch, 7, leastLength);
  setFact(scratch, 8, mostLength);
}
