/** Id -> position of its vector, for stores of tens of millions of ids: bigints live in typed arrays, never as boxed keys. */

export type StoreIds = BigInt64Array | readonly string[];

export interface DuplicateIds {
  /** How many ids occur more than once. */
  readonly count: number;
  /** Up to three of them, as text. */
  readonly examples: readonly string[];
}

/** Positions of BIGINT ids by open addressing; both halves of an id are 32-bit words, as they lie in memory. */
export class BigintIndex {
  readonly kind = "bigint";
  private readonly words: Int32Array;
  /** Position + 1 of the id in each slot, 0 for a free one; at most half of the slots are taken. */
  private readonly slots: Int32Array;
  private readonly mask: number;
  readonly duplicates: DuplicateIds;

  constructor(private readonly ids: BigInt64Array) {
    this.words = new Int32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    const slotCount = 2 ** Math.ceil(Math.log2(Math.max(ids.length * 2, 2)));
    this.slots = new Int32Array(slotCount);
    this.mask = slotCount - 1;
    this.duplicates = this.insertAll();
  }

  /** The position of an id; -1 when it is unknown. `low` and `high` are its signed 32-bit halves. */
  find(low: number, high: number): number {
    for (let slot = hash(low, high) & this.mask; ; slot = (slot + 1) & this.mask) {
      const position = this.slots[slot]! - 1;
      if (position === -1) return -1;
      if (this.words[position * 2] === low && this.words[position * 2 + 1] === high) return position;
    }
  }

  private insertAll(): DuplicateIds {
    const repeated = new Set<bigint>();
    for (let position = 0; position < this.ids.length; position++) {
      const low = this.words[position * 2]!;
      const high = this.words[position * 2 + 1]!;
      if (this.find(low, high) !== -1) {
        repeated.add(this.ids[position]!);
        continue;
      }
      let slot = hash(low, high) & this.mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask;
      this.slots[slot] = position + 1;
    }
    return {count: repeated.size, examples: [...repeated].slice(0, 3).map(String)};
  }
}

/** Positions of text ids. */
export class TextIndex {
  readonly kind = "text";
  private readonly positions = new Map<string, number>();
  readonly duplicates: DuplicateIds;

  constructor(ids: readonly string[]) {
    const repeated = new Set<string>();
    for (const [position, id] of ids.entries()) {
      if (this.positions.has(id)) repeated.add(id);
      else this.positions.set(id, position);
    }
    this.duplicates = {count: repeated.size, examples: [...repeated].slice(0, 3)};
  }

  /** The position of an id; -1 when it is unknown. */
  find(id: string): number {
    return this.positions.get(id) ?? -1;
  }
}

export type IdIndex = BigintIndex | TextIndex;

function hash(low: number, high: number): number {
  const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 3;
}
