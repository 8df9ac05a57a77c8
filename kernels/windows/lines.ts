/** Takes the rows that a condition keeps out of a history. */
import {get32, get64, noDropper, readBits, set32, set64} from "../shared/arrays";

/** The flags that all rows have. */
export function commonFlags(flags: usize, count: i32): i32 {
  let common = -1;
  for (let at = 0; at < count; at++) common &= get32(flags, at);
  return common;
}

/** The rows whose places have both flags; an address of 0 stands for a flag that all have. Returns how many. */
export function keepRows(places: usize, count: i32, flags: usize, bit: i32, otherFlags: usize, otherBit: i32, rows: usize): i32 {
  let kept = 0;
  // No branch: conditions are mostly as good as random, which costs a processor more than a row that is written over.
  for (let row = 0; row < count; row++) {
    set32(rows, kept, row);
    const place = get32(places, row);
    const hasOne = flags == 0 || (get32(flags, place) & bit) != 0;
    const hasOther = otherFlags == 0 || (get32(otherFlags, place) & otherBit) != 0;
    kept += i32(hasOne) & i32(hasOther);
  }
  return kept;
}

export function gather32(from: usize, at: usize, count: i32, to: usize): void {
  for (let item = 0; item < count; item++) set32(to, item, get32(from, get32(at, item)));
}

export function gather64(from: usize, at: usize, count: i32, to: usize): void {
  for (let item = 0; item < count; item++) set64(to, item, get64(from, get32(at, item)));
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

/** Of each element that is no NULL which item's it is, the place of that, and its own. Returns how many. */
export function unnest(places: usize, count: i32, starts: usize, ends: usize, present: usize, toItems: usize, toPlaces: usize, toElements: usize): i32 {
  let found = 0;
  for (let item = 0; item < count; item++) {
    const place = get32(places, item);
    const end = get32(ends, place);
    for (let element = get32(starts, place); element < end; element++) {
      if (load<u8>(present + element) == 0) continue;
      set32(toItems, found, item);
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
