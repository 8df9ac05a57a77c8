/**
 * The newest version of each slot. Versions come in any order and are seen once: of those that a slot is the first to know, it keeps the
 * last by their order; in the end each slot has the last of its own and those of the slots before it. Memory is that of the slots, however many
 * versions come.
 */
import {isSet, type RawColumn} from "../raw-vectors.js";
import {findSlots, type Located, type Slots} from "./slots.js";
import {ValueTie} from "./tie-check.js";

export interface Versions extends Located {
  /** Where versions stand in the order of their key. */
  readonly order: Float64Array;
  /** What is kept of them. */
  readonly columns: readonly RawColumn[];
}

/** Values of one column by slot: numbers of 1 byte, of 4, or pairs of them. */
interface Kept {
  readonly width: number;
  readonly values: Uint8Array | Int32Array;
  /** 1 where NULL is kept; undefined: nowhere so far. */
  isNull: Uint8Array | undefined;
}

const itemsOf = (width: number, bytes: Uint8Array): Uint8Array | Int32Array => (width === 1 ? bytes : new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));

/** A slot at which a version was met that is as new, as a number below -1; and back. */
const tieOf = (slot: number): number => -2 - slot;

/** Rows that are looked up in one go: what is not in the cache then arrives for many at once. */
const blockRows = 4096;

/** Buffers that are used again: garbage of their size would outlive its use. */
export class BufferPool {
  private readonly free: ArrayBuffer[] = [];

  take(byteLength: number): ArrayBuffer {
    const at = this.free.findIndex((buffer) => buffer.byteLength === byteLength);
    return at < 0 ? new ArrayBuffer(byteLength) : this.free.splice(at, 1)[0]!;
  }

  giveBack(buffers: readonly ArrayBufferLike[]): void {
    this.free.push(...(buffers as readonly ArrayBuffer[]));
  }
}

export class NewestVersions {
  private readonly order: Float64Array;
  private readonly source: Int32Array;
  private readonly kept: readonly Kept[];
  private found = new Int32Array(0);

  /** @param widths of what is kept, in bytes: 1, 4 or 8 */
  constructor(
    private readonly slots: Slots,
    widths: readonly number[],
    private readonly pool = new BufferPool(),
  ) {
    const slotCount = slots.instant.length;
    this.order = new Float64Array(pool.take(8 * slotCount)).fill(-Infinity);
    this.source = new Int32Array(pool.take(4 * slotCount)).fill(-1);
    this.kept = widths.map((width) => ({width, values: itemsOf(width, new Uint8Array(pool.take(slotCount * width))), isNull: undefined}));
  }

  /** Nothing may be asked of it afterwards. */
  release(): void {
    this.pool.giveBack([this.order.buffer, this.source.buffer, ...this.kept.map(({values}) => values.buffer)]);
  }

  /** @throws ValueTie when two versions stand at one place and differ */
  offer(versions: Versions): void {
    const {rowCount, order, columns} = versions;
    if (this.found.length < rowCount) this.found = new Int32Array(rowCount);
    const {found} = this;
    findSlots(this.slots, versions, found);
    const newest = this.order;
    let isTied = false;
    for (let at = 0; at < rowCount; at += 1) {
      const slot = found[at]!;
      if (slot < 0) continue;
      const own = order[at]!;
      const other = newest[slot]!;
      if (own > other) newest[slot] = own;
      else {
        isTied ||= own === other;
        found[at] = own === other ? tieOf(slot) : -1;
      }
    }
    columns.forEach((column, index) => keep(this.kept[index]!, column, found, rowCount));
    if (isTied) this.expectAlike(versions);
  }

  /** What stands at one place must be one thing, unless a later version made it meaningless. */
  private expectAlike({rowCount, order, columns}: Versions): void {
    for (let at = 0; at < rowCount; at += 1) {
      if (this.found[at]! >= -1) continue;
      const slot = tieOf(this.found[at]!);
      if (order[at] === this.order[slot] && !columns.every((column, index) => isAlike(this.kept[index]!, slot, column, at))) throw new ValueTie();
    }
  }

  /**
   * For each slot the slot whose version is its own; -1: it knows none.
   * @throws ValueTie when versions of two slots stand at one place and differ
   */
  settle(): Int32Array {
    const {start, keyCount} = this.slots;
    for (let key = 0; key < keyCount; key += 1) {
      let newest = this.pass(key, -1);
      for (let slot = start[key]!; slot < start[key + 1]!; slot += 1) newest = this.pass(slot, newest);
    }
    return this.source;
  }

  /** Gives the slot the newer of its own version and that of `before`, and says which. */
  private pass(slot: number, before: number): number {
    const {order, source} = this;
    const own = order[slot]!;
    const isOwn = own !== -Infinity && (before < 0 || own > order[before]!);
    if (!isOwn && before >= 0 && own === order[before] && !this.areAlike(slot, before)) throw new ValueTie();
    source[slot] = isOwn ? slot : before;
    return source[slot];
  }

  private areAlike(one: number, other: number): boolean {
    return this.kept.every(({width, values, isNull}) => {
      if (isNull?.[one] === 1 || isNull?.[other] === 1) return isNull[one] === isNull[other];
      return width === 8 ? values[2 * one] === values[2 * other] && values[2 * one + 1] === values[2 * other + 1] : values[one] === values[other];
    });
  }

  /** A kept TIMESTAMP in microseconds since 1970; NULL is `otherwise`. */
  readInstant(column: number, slot: number, otherwise: number): number {
    const {values, isNull} = this.kept[column]!;
    return isNull?.[slot] === 1 ? otherwise : values[2 * slot + 1]! * 2 ** 32 + (values[2 * slot]! >>> 0);
  }

  /** A column by row, of `rowCount` rows: the values, and a bit for each, 1 where there is one. */
  readColumn(column: number, rowCount: number): {readonly bytes: Uint8Array; readonly present: Uint8Array} {
    const {width, values, isNull} = this.kept[column]!;
    const {slots: {slot: slots}, source} = this;
    const bytes = new Uint8Array(rowCount * width);
    const written = itemsOf(width, bytes);
    const present = new Uint8Array(Math.ceil(rowCount / 8));
    const from = new Int32Array(blockRows);
    for (let first = 0; first < rowCount; first += blockRows) {
      const count = Math.min(blockRows, rowCount - first);
      for (let at = 0; at < count; at += 1) from[at] = slots[first + at]! < 0 ? -1 : source[slots[first + at]!]!;
      for (let at = 0; at < count; at += 1) {
        const slot = from[at]!;
        if (slot < 0 || isNull?.[slot] === 1) continue;
        const row = first + at;
        present[row >> 3]! |= 1 << (row & 7);
        if (width === 8) {
          written[2 * row] = values[2 * slot]!;
          written[2 * row + 1] = values[2 * slot + 1]!;
        } else written[row] = values[slot]!;
      }
    }
    return {bytes, present};
  }
}

/** A negative slot is none. */
function keep(kept: Kept, column: RawColumn, slots: Int32Array, rowCount: number): void {
  const {width, values} = kept;
  const items = itemsOf(width, column.data);
  for (let at = 0; at < rowCount; at += 1) {
    const slot = slots[at]!;
    if (slot < 0) continue;
    if (width === 8) {
      values[2 * slot] = items[2 * at]!;
      values[2 * slot + 1] = items[2 * at + 1]!;
    } else values[slot] = items[at]!;
  }
  if (column.validity) kept.isNull ??= new Uint8Array(values.length / (width === 8 ? 2 : 1));
  if (!kept.isNull) return;
  for (let at = 0; at < rowCount; at += 1) if (slots[at]! >= 0) kept.isNull[slots[at]!] = isSet(column.validity, at) ? 0 : 1;
}

function isAlike({width, values, isNull}: Kept, slot: number, column: RawColumn, at: number): boolean {
  const isNullHere = !isSet(column.validity, at);
  if (isNullHere || isNull?.[slot] === 1) return isNullHere === (isNull?.[slot] === 1);
  const items = itemsOf(width, column.data);
  return width === 8 ? values[2 * slot] === items[2 * at] && values[2 * slot + 1] === items[2 * at + 1] : values[slot] === items[at];
}
