/**
 * The different values of a key in the order in which they were last seen: adding a value moves it to the front, so a row finds
 * its newest different values at the front, however often they repeat. A hash table with open addressing finds a value's node.
 */
import {noDropper} from "./line.js";

const none = -1;

/** Both halves of a value mixed: plain numbers, because a BigInt would be an object for each look. */
const hashOf = (low: number, high: number): number => Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 8;

export class RecencyList {
  private slots = new Int32Array(64).fill(none);
  private size = 0;
  /** Two halves a node. */
  private identity = new Int32Array(64);
  /** The node that was seen next before, and next after. */
  private older = new Int32Array(32);
  private newer = new Int32Array(32);
  /** The position of the last appearance, what that drops by, and the last appearance that drops by something else. */
  private position = new Int32Array(32);
  private dropper = new BigInt64Array(32);
  private otherPosition = new Int32Array(32);
  /** How many appearances there are, less those that were removed. */
  private count = new Int32Array(32);
  private head = none;
  /** How many values have a count. */
  distinct = 0;
  private readonly halves: Int32Array;

  /** @param values of the items that are added and removed */
  constructor(values: BigInt64Array) {
    this.halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  }

  clear(): void {
    if (this.size === 0) return;
    this.slots.fill(none);
    this.size = 0;
    this.head = none;
    this.distinct = 0;
  }

  /** @param droppers what each item drops by, if anything */
  add(item: number, droppers?: BigInt64Array): void {
    const node = this.nodeOf(this.halves[2 * item]!, this.halves[2 * item + 1]!);
    if (droppers) {
      if (this.position[node] !== none && this.dropper[node] !== droppers[item]) this.otherPosition[node] = this.position[node]!;
      this.dropper[node] = droppers[item]!;
    }
    this.position[node] = item;
    if (this.count[node] === 0) this.distinct += 1;
    this.count[node]! += 1;
    this.moveToFront(node);
  }

  /** An appearance has left the window: it counts no more. */
  remove(item: number): void {
    const node = this.nodeOf(this.halves[2 * item]!, this.halves[2 * item + 1]!);
    this.count[node]! -= 1;
    if (this.count[node] === 0) this.distinct -= 1;
  }

  countOf(value: bigint): number {
    const node = this.findNode(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    return node === none ? 0 : this.count[node]!;
  }

  /**
   * Positions of the values that were last seen at or after `from`, newest first, into `found`; of values whose last appearance
   * drops by `own` (`noDropper`: nothing does), the last that does not. Returns how many, at most `limit`.
   */
  newest(from: number, limit: number, own: bigint, found: Int32Array): number {
    let length = 0;
    for (let node = this.head; node !== none; node = this.older[node]!) {
      const position = this.position[node]!;
      // Whatever comes now was seen before all that is found already.
      if (position < from || (length === limit && position < found[length - 1]!)) break;
      const isDropped = own !== noDropper && this.dropper[node] === own;
      const seen = isDropped ? this.otherPosition[node]! : position;
      if (seen < from) continue;
      let at = length;
      while (at > 0 && found[at - 1]! < seen) at -= 1;
      if (at === limit) continue;
      if (length < limit) length += 1;
      // Most values stand where they are met: only what was seen earlier, because its last appearance drops, moves others.
      if (at < length - 1) found.copyWithin(at + 1, at, length - 1);
      found[at] = seen;
    }
    return length;
  }

  /** Positions of the `limit` values with the highest counts, of equals the one that was last seen later first. */
  mostFrequent(from: number, limit: number, found: Int32Array, counts: Int32Array): number {
    let length = 0;
    for (let node = this.head; node !== none; node = this.older[node]!) {
      if (this.position[node]! < from) break;
      const count = this.count[node]!;
      let at = length;
      while (at > 0 && counts[at - 1]! < count) at -= 1;
      if (at === limit) continue;
      if (length < limit) length += 1;
      found.copyWithin(at + 1, at, length - 1);
      counts.copyWithin(at + 1, at, length - 1);
      found[at] = this.position[node]!;
      counts[at] = count;
    }
    return length;
  }

  private moveToFront(node: number): void {
    if (this.head === node) return;
    const [older, newer] = [this.older[node]!, this.newer[node]!];
    if (newer !== none) this.older[newer] = older;
    if (older !== none) this.newer[older] = newer;
    this.older[node] = this.head;
    this.newer[node] = none;
    if (this.head !== none) this.newer[this.head] = node;
    this.head = node;
  }

  private findNode(low: number, high: number): number {
    const mask = this.slots.length - 1;
    for (let slot = hashOf(low, high) & mask; ; slot = (slot + 1) & mask) {
      const node = this.slots[slot]!;
      if (node === none || (this.identity[2 * node] === low && this.identity[2 * node + 1] === high)) return node;
    }
  }

  private nodeOf(low: number, high: number): number {
    const found = this.findNode(low, high);
    if (found !== none) return found;
    const node = this.size;
    if (2 * (node + 1) > this.slots.length) this.grow();
    this.size += 1;
    this.identity[2 * node] = low;
    this.identity[2 * node + 1] = high;
    this.older[node] = none;
    this.newer[node] = none;
    this.position[node] = none;
    this.otherPosition[node] = none;
    this.count[node] = 0;
    this.insert(node);
    return node;
  }

  private insert(node: number): void {
    const mask = this.slots.length - 1;
    let slot = hashOf(this.identity[2 * node]!, this.identity[2 * node + 1]!) & mask;
    while (this.slots[slot] !== none) slot = (slot + 1) & mask;
    this.slots[slot] = node;
  }

  private grow(): void {
    const twice = <T extends Int32Array | BigInt64Array>(from: T, to: T): T => (to.set(from as never), to);
    const length = this.identity.length;
    this.identity = twice(this.identity, new Int32Array(2 * length));
    this.dropper = twice(this.dropper, new BigInt64Array(length));
    for (const name of ["older", "newer", "position", "otherPosition", "count"] as const) this[name] = twice(this[name], new Int32Array(length));
    this.slots = new Int32Array(2 * this.slots.length).fill(none);
    for (let node = 0; node < this.size; node += 1) this.insert(node);
  }
}
