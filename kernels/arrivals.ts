/**
 * Puts rows of a history beside others of their keys, compiled to WebAssembly by AssemblyScript (the types below are its): src/engines/native/arrivals.ts
 * lays out the memory, and says what parts are. A part's rows lie in stretches, and so do the elements of their lists, column by column of
 * each: so nothing moves when there are more. A stretch begins with the address of the part's next one.
 */
import {copy, copyValue, get32, get64, isValid, set32, set64} from "./shared/arrays";

const stretchRows = 1024;

/** Rows, or elements, of one part. */
// @ts-ignore: decorator
@unmanaged
class Stretches {
  first: usize;
  last: usize;
  count: i32;
}

// @ts-ignore: decorator
@unmanaged
class Column {
  /** Bytes of a value: 1, 4 or 8; of lists those of an element. */
  width: i32;
  /** Where a stretch has it: values, or lengths of lists. */
  offset: usize;
  /** Of the rows that arrive: values, or of each list its offset and length of 64 bits each. */
  data: usize;
  /** A bit a row, 0 for NULL; 0: there is none. */
  validity: usize;
  /** The word that tells of these rows where there is a value, and its bit; 0: none does. */
  flags: usize;
  bit: i32;
  /** Of lists: the `Stretches` of each part, which have values behind `elementsAt` and then a byte for each, 1 where it is not NULL; else 0. */
  elements: usize;
  elementsAt: usize;
  elementBytes: usize;
  /** The elements of the lists that arrive, and their validity. */
  child: usize;
  childValidity: usize;
}

// @ts-ignore: decorator
@unmanaged
class Arrivals {
  firstKey: i32;
  keysOfPart: i32;
  /** The `Stretches` of each part, and the bytes of one. */
  rows: usize;
  rowBytes: usize;
  columnCount: i32;
  /** The first has the keys. */
  columns: usize;
  /** Of each row that arrives: its part, and its stretch and place in it. */
  parts: usize;
  stretches: usize;
  places: usize;
}

let top: usize = 0;

// @ts-ignore: decorator
@inline
function columnOf(arrivals: Arrivals, at: i32): Column {
  return changetype<Column>(arrivals.columns + <usize>at * offsetof<Column>());
}

// @ts-ignore: decorator
@inline
function stretchesOf(array: usize, part: i32): Stretches {
  return changetype<Stretches>(array + <usize>part * offsetof<Stretches>());
}

/** Puts the rows that lie in the columns to their parts. Stretches begin at `free`, behind which there is room; returns where there is still. */
export function append(arrivals: Arrivals, rowCount: i32, free: usize): usize {
  top = free;
  placeRows(arrivals, rowCount);
  const columnCount = arrivals.columnCount;
  for (let at = 0; at < columnCount; at++) tellPresence(columnOf(arrivals, at), rowCount);
  for (let at = 0; at < columnCount; at++) {
    const column = columnOf(arrivals, at);
    if (column.elements != 0) appendLists(arrivals, column, rowCount);
    else scatter(arrivals, column, rowCount);
  }
  return top;
}

function placeRows(arrivals: Arrivals, rowCount: i32): void {
  const keys = columnOf(arrivals, 0).data;
  const firstKey = arrivals.firstKey;
  const keysOfPart = arrivals.keysOfPart;
  for (let row = 0; row < rowCount; row++) {
    const part = (get32(keys, row) - firstKey) / keysOfPart;
    const rows = stretchesOf(arrivals.rows, part);
    const place = beginRow(rows, arrivals.rowBytes);
    rows.count++;
    set32(arrivals.parts, row, part);
    set32(arrivals.stretches, row, <i32>rows.last);
    set32(arrivals.places, row, place);
  }
}

/** The place of the next row in the last stretch. */
// @ts-ignore: decorator
@inline
function beginRow(stretches: Stretches, byteCount: usize): i32 {
  const place = stretches.count & (stretchRows - 1);
  if (place == 0) {
    if (stretches.count == 0) stretches.first = top;
    else store<usize>(stretches.last, top);
    stretches.last = top;
    top += byteCount;
  }
  return place;
}

function tellPresence(column: Column, rowCount: i32): void {
  const flags = column.flags;
  if (flags == 0) return;
  const validity = column.validity;
  const bit = column.bit;
  for (let row = 0; row < rowCount; row++) set32(flags, row, get32(flags, row) | (bit & -i32(isValid(validity, row))));
}

function scatter(arrivals: Arrivals, column: Column, rowCount: i32): void {
  const width = column.width;
  const offset = column.offset;
  const data = column.data;
  const stretches = arrivals.stretches;
  const places = arrivals.places;
  for (let row = 0; row < rowCount; row++) copyValue(width, data, row, <usize>get32(stretches, row) + offset, get32(places, row));
}

/** A NULL is an empty list, whatever it tells of itself. */
function appendLists(arrivals: Arrivals, column: Column, rowCount: i32): void {
  const data = column.data;
  const validity = column.validity;
  const offset = column.offset;
  for (let row = 0; row < rowCount; row++) {
    const length = isValid(validity, row) ? get32(data, 4 * row + 2) : 0;
    set32(<usize>get32(arrivals.stretches, row) + offset, get32(arrivals.places, row), length);
    if (length > 0) appendElements(column, stretchesOf(column.elements, get32(arrivals.parts, row)), get32(data, 4 * row), length);
  }
}

function appendElements(column: Column, to: Stretches, from: i32, length: i32): void {
  const width = <usize>column.width;
  const validity = column.childValidity;
  for (let at = from, end = from + length; at < end; ) {
    const place = beginRow(to, column.elementBytes);
    const count = min(end - at, stretchRows - place);
    const values = to.last + column.elementsAt;
    copyValues(values + width * <usize>place, column.child + width * <usize>at, count, width);
    const present = values + width * <usize>stretchRows + place;
    if (validity == 0) for (let element = 0; element < count; element++) store<u8>(present + element, 1);
    else for (let element = 0; element < count; element++) store<u8>(present + element, <u8>isValid(validity, at + element));
    to.count += count;
    at += count;
  }
}

/** Lists are mostly too short for a call that copies bytes. */
// @ts-ignore: decorator
@inline
function copyValues(to: usize, from: usize, count: i32, width: usize): void {
  if (width == 8 && count < 32) for (let at = 0; at < count; at++) set64(to, at, get64(from, at));
  else copy(to, from, width * <usize>count);
}
