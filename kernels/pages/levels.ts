/** Repetition and definition levels of lists, from their lengths. */
import {get32} from "../shared/arrays";
import {pushVarint} from "./bits";

/** Levels of a list of optional elements. */
const emptyList = 1;
const listValue = 3;

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
export let valueCount = 0;
export let repetitionRuns = 0;
export let definitionRuns = 0;
export let leastLength = 0;
export let mostLength = 0;

export function countLevels(lengths: usize, rowCount: i32): void {
  let longCount = 0;
  let changes = 0;
  valueCount = 0;
  let before = get32(lengths, 0);
  let least = before;
  let most = before;
  for (let row = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    valueCount += max(length, 1);
    least = min(least, length);
    most = max(most, length);
    longCount += i32(length > 1);
    changes += i32((length == 0) != (before == 0));
    before = length;
  }
  leastLength = least;
  mostLength = most;
  repetitionRuns = 2 * longCount + 1 - i32(before > 1);
  definitionRuns = changes + 1;
}

/** Whether levels of so many bits take less room one by one than as runs, of two bytes or more each. */
export function isShortPacked(width: i32, runCount: i32): bool {
  return (width * valueCount + 7) >> 3 < 2 * runCount;
}

export function runRepetition(lengths: usize, rowCount: i32, start: usize): usize {
  beginRuns(start);
  for (let row = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    addRun(0, 1);
    if (length > 1) addRun(1, length - 1);
  }
  return finishRuns(start);
}

export function runDefinition(lengths: usize, rowCount: i32, start: usize): usize {
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

export function packRepetition(lengths: usize, rowCount: i32, start: usize): usize {
  const bits = beginPacked(1, start);
  for (let row = 0, at = 0; row < rowCount; row++) {
    clearBit(bits, at, true);
    at += max(get32(lengths, row), 1);
  }
  return endPacked(start);
}

/** An empty list differs from a value in the higher bit. */
export function packDefinition(lengths: usize, rowCount: i32, start: usize): usize {
  const bits = beginPacked(2, start);
  for (let row = 0, at = 0; row < rowCount; row++) {
    const length = get32(lengths, row);
    clearBit(bits, 2 * at + 1, length == 0);
    at += max(length, 1);
  }
  return endPacked(start);
}
