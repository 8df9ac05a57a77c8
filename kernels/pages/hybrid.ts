/** Runs of equal numbers, and what is between them packed: definition levels of single numbers, and numbers of a dictionary. */
import {bytesOf} from "../shared/arrays";
import {packGroups, pushVarint} from "./bits";

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
export function packHybrid<T>(from: usize, count: i32, width: i32, start: usize): usize {
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
