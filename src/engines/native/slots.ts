/**
 * Rows by key and, within one, by instant: a row's place is its slot. Whatever is known of a key from some instant on is kept at the first
 * slot that may know it, and counts for the slots after it. The first slot of each key has the number of the key: most versions are older than all
 * rows, and what they touch lies close together.
 */
export interface Slots {
  readonly keyCount: number;
  /** The later slots of key k: from `start[k]` to `start[k + 1]`. */
  readonly start: Int32Array;
  /** By slot, in microseconds since 1970. */
  readonly instant: Float64Array;
  /** The slot of each row; -1: it has no key. */
  readonly slot: Int32Array;
}

interface KeyedRows {
  /** The key of each row, from 0; -1: it has none. Each key has a row. */
  readonly key: Int32Array;
  readonly instant: Float64Array;
  readonly keyCount: number;
}

export function buildSlots({key, instant, keyCount}: KeyedRows): Slots {
  const start = new Int32Array(keyCount + 1);
  for (const each of key) if (each >= 0) start[each + 1]! += 1;
  start[0] = keyCount;
  for (let each = 0; each < keyCount; each += 1) start[each + 1]! += start[each]! - 1;
  const slots: Slots = {keyCount, start, instant: new Float64Array(start[keyCount]!), slot: new Int32Array(key.length)};
  const next = new Int32Array(keyCount).fill(-1);
  const unsorted = new Set<number>();
  for (let row = 0; row < key.length; row += 1) {
    const own = key[row]!;
    slots.slot[row] = own < 0 ? -1 : next[own]! < 0 ? own : next[own]!;
    if (own < 0) continue;
    const slot = slots.slot[row]!;
    next[own] = slot === own ? start[own]! : slot + 1;
    slots.instant[slot] = instant[row]!;
    if (slot !== own && slots.instant[slot === start[own]! ? own : slot - 1]! > instant[row]!) unsorted.add(own);
  }
  if (unsorted.size > 0) sortRows(slots, key, unsorted);
  return slots;
}

/** Rows mostly come by instant; those of these keys do not. */
function sortRows({start, instant, slot}: Slots, key: Int32Array, unsorted: ReadonlySet<number>): void {
  const rows = new Map<number, number[]>([...unsorted].map((each) => [each, []]));
  for (let row = 0; row < key.length; row += 1) rows.get(key[row]!)?.push(row);
  for (const [each, own] of rows) {
    const instants = new Map(own.map((row) => [row, instant[slot[row]!]!]));
    own.sort((a, b) => instants.get(a)! - instants.get(b)!);
    own.forEach((row, place) => {
      slot[row] = place === 0 ? each : start[each]! + place - 1;
      instant[slot[row]] = instants.get(row)!;
    });
  }
}

export interface Located {
  readonly rowCount: number;
  readonly keys: Int32Array;
  /** Microseconds since 1970. */
  readonly after: Float64Array;
}

/** For each key and instant the first slot of the key that is later than the instant; -1: none. */
export function findSlots({start, instant}: Slots, {rowCount, keys, after}: Located, found: Int32Array): void {
  for (let at = 0; at < rowCount; at += 1) {
    const key = keys[at]!;
    found[at] = instant[key]! > after[at]! ? key : -1;
  }
  for (let at = 0; at < rowCount; at += 1) {
    if (found[at]! >= 0) continue;
    const end = start[keys[at]! + 1]!;
    let low = start[keys[at]!]!;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (instant[middle]! > after[at]!) high = middle;
      else low = middle + 1;
    }
    if (low < end) found[at] = low;
  }
}
