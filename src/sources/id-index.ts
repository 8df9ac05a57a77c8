/**
 * Id -> position of its vector, for stores of tens of millions of ids: some 15 bytes an id beside the ids' own text, in typed arrays.
 * Positions count the rows of a store in the order of their row ids.
 */

export type StoreIds = BigInt64Array | readonly string[];

export interface DuplicateIds {
  /** How many ids occur more than once. */
  readonly count: number;
  /** Up to three of them, as text. */
  readonly examples: readonly string[];
}

/** Open addressing over positions. */
class Slots {
  /** Position + 1 in each slot, 0 for a free one; five of eight slots are taken. */
  private readonly slots: Uint32Array;
  private readonly scale: number;
  readonly duplicates: DuplicateIds;

  constructor(count: number, hashAt: (position: number) => number, areEqual: (left: number, right: number) => boolean, render: (position: number) => string) {
    this.slots = new Uint32Array(Math.ceil(count * 1.6) + 1);
    this.scale = this.slots.length / 2 ** 32;
    const repeated = new Set<string>();
    for (let position = 0; position < count; position++) {
      let slot = this.first(hashAt(position));
      let isRepeated = false;
      for (; this.slots[slot] !== 0 && !isRepeated; slot = this.next(slot)) isRepeated = areEqual(this.slots[slot]! - 1, position);
      if (isRepeated) repeated.add(render(position));
      else this.slots[slot] = position + 1;
    }
    this.duplicates = {count: repeated.size, examples: [...repeated].slice(0, 3)};
  }

  get byteCount(): number {
    return this.slots.byteLength;
  }

  first(hash: number): number {
    return Math.floor(hash * this.scale);
  }

  next(slot: number): number {
    return slot + 1 === this.slots.length ? 0 : slot + 1;
  }

  /** The position in a slot; -1 in a free one. */
  at(slot: number): number {
    return this.slots[slot]! - 1;
  }
}

/** Positions of BIGINT ids; both halves of an id are 32-bit words, as they lie in memory. */
export class BigintIndex {
  readonly kind = "bigint";
  private readonly words: Int32Array;
  private readonly slots: Slots;

  constructor(private readonly ids: BigInt64Array) {
    const words = new Int32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    this.words = words;
    this.slots = new Slots(
      ids.length,
      (position) => hashWords(words[position * 2]!, words[position * 2 + 1]!),
      (left, right) => words[left * 2] === words[right * 2] && words[left * 2 + 1] === words[right * 2 + 1],
      (position) => String(ids[position]),
    );
  }

  get duplicates(): DuplicateIds {
    return this.slots.duplicates;
  }

  get byteCount(): number {
    return this.ids.byteLength + this.slots.byteCount;
  }

  /** The position of an id; -1 when it is unknown. `low` and `high` are its signed 32-bit halves. */
  find(low: number, high: number): number {
    for (let slot = this.slots.first(hashWords(low, high)); ; slot = this.slots.next(slot)) {
      const position = this.slots.at(slot);
      if (position === -1 || (this.words[position * 2] === low && this.words[position * 2 + 1] === high)) return position;
    }
  }

  slice(start: number, end: number): BigInt64Array {
    return this.ids.subarray(start, end);
  }
}

/** Ids of text, one after another as UTF-8. */
export interface PackedTexts {
  readonly bytes: Uint8Array;
  /** Text k is `bytes[starts[k] .. starts[k + 1])`. */
  readonly starts: Uint32Array;
}

/** Positions of text ids. */
export class TextIndex {
  readonly kind = "text";
  private readonly slots: Slots;
  private wanted = Buffer.alloc(256);

  constructor(private readonly ids: PackedTexts) {
    const {bytes, starts} = ids;
    this.slots = new Slots(
      starts.length - 1,
      (position) => hashBytes(bytes, starts[position]!, starts[position + 1]!),
      (left, right) => areEqual({bytes, start: starts[left]!, end: starts[left + 1]!}, {bytes, start: starts[right]!, end: starts[right + 1]!}),
      (position) => this.slice(position, position + 1)[0]!,
    );
  }

  get duplicates(): DuplicateIds {
    return this.slots.duplicates;
  }

  get byteCount(): number {
    return this.ids.bytes.length + this.ids.starts.byteLength + this.slots.byteCount;
  }

  /** The position of an id; -1 when it is unknown. */
  find(id: string): number {
    const {bytes, starts} = this.ids;
    if (id.length * 3 > this.wanted.length) this.wanted = Buffer.alloc(id.length * 6);
    const end = this.wanted.write(id, "utf8");
    const wanted = {bytes: this.wanted, start: 0, end};
    for (let slot = this.slots.first(hashBytes(this.wanted, 0, end)); ; slot = this.slots.next(slot)) {
      const position = this.slots.at(slot);
      if (position === -1 || areEqual({bytes, start: starts[position]!, end: starts[position + 1]!}, wanted)) return position;
    }
  }

  slice(start: number, end: number): string[] {
    const {bytes, starts} = this.ids;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({length: Math.min(end, starts.length - 1) - start}, (_, k) => text.toString("utf8", starts[start + k], starts[start + k + 1]));
  }
}

export type IdIndex = BigintIndex | TextIndex;

interface ByteRange {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

function areEqual(left: ByteRange, right: ByteRange): boolean {
  const length = left.end - left.start;
  if (right.end - right.start !== length) return false;
  for (let k = 0; k < length; k++) if (left.bytes[left.start + k] !== right.bytes[right.start + k]) return false;
  return true;
}

function hashWords(low: number, high: number): number {
  let mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let mixed = 0x811c9dc5;
  for (let k = start; k < end; k++) mixed = Math.imul(mixed ^ bytes[k]!, 0x01000193);
  return hashWords(mixed, end - start);
}
