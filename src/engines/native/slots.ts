/**
 * Rows by key and, within one, by instant: a row's place is its slot. Whatever is known of a key from some instant on is kept at the first
 * slot that may know it, and counts for the slots after it.
 */
export interface Slots {
  /** The first slot of each key, and the end of the last. */
  readonly start: Int32Array;
  /** Microseconds since 1970. */
  readonly instant: Float64Array;
  /** The row in each slot. */
  readonly row: Int32Array;
}

interface KeyedRows {
  /** The key of each row, from 0; -1: it has none, and gets no slot. */
  readonly key: Int32Array;
  readonly instant: Float64Array;
  readonly keyCount: number;
}

export function buildSlots({key, instant, keyCount}: KeyedRows): Slots {
  const start = new Int32Array(keyCount + 1);
  for (const each of key) if (each >= 0) start[each + 1]! += 1;
  for (let each = 0; each < keyCount; each += 1) start[each + 1]! += start[each]!;
  const next = start.slice(0, keyCount);
  const slots = {start, instant: new Float64Array(start[keyCount]!), row: new Int32Array(start[keyCount]!)};
  for (let row = 0; row < key.length; row += 1) {
    if (key[row]! < 0) continue;
    const slot = next[key[row]!]!;
    next[key[row]!] = slot + 1;
    slots.instant[slot] = instant[row]!;
    slots.row[slot] = row;
  }
  for (let each = 0; each < keyCount; each += 1) sortSlots(slots, start[each]!, start[each + 1]!);
  return slots;
}

/** Rows mostly come by instant. */
function sortSlots({instant, row}: Slots, from: number, end: number): void {
  let at = from + 1;
  while (at < end && instant[at - 1]! <= instant[at]!) at += 1;
  if (at >= end) return;
  const order = Array.from({length: end - from}, (_, index) => from + index).sort((a, b) => instant[a]! - instant[b]!);
  const [instants, rows] = [order.map((slot) => instant[slot]!), order.map((slot) => row[slot]!)];
  instant.set(instants, from);
  row.set(rows, from);
}

export interface Located {
  readonly rowCount: number;
  readonly keys: Int32Array;
  /** Microseconds since 1970. */
  readonly after: Float64Array;
}

/** For each key and instant the first slot of the key that is later than the instant; -1: none. */
export function findSlots({start, instant}: Slots, {rowCount, keys, after}: Located, found: Int32Array): void {
  // One lookup at a time, for all: what is not in the cache then arrives for many at once.
  for (let at = 0; at < rowCount; at += 1) found[at] = start[keys[at]!]!;
  for (let at = 0; at < rowCount; at += 1) {
    // Most versions are older than all rows.
    if (instant[found[at]!]! <= after[at]!) found[at] = ~found[at]!;
  }
  for (let at = 0; at < rowCount; at += 1) {
    if (found[at]! >= 0) continue;
    let low = ~found[at]! + 1;
    const end = start[keys[at]! + 1]!;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (instant[middle]! > after[at]!) high = middle;
      else low = middle + 1;
    }
    found[at] = low < end ? low : -1;
  }
}
