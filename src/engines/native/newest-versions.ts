/**
 * The newest version of each slot. Versions come in any order and are seen once: of those that a slot is the first to know, it keeps the
 * last by their order; in the end each slot has the last of its own and those of the slots before it. Memory is that of the slots, however many
 * versions come. The work is that of kernels/newest-versions.ts.
 */
import type {NumberRows} from "../aggregation-engine.js";
import {chunkRows, type RawColumn} from "../raw-vectors.js";
import type {JoinMemory} from "./join-memory.js";
import type {Slots} from "./slots.js";
import {ValueTie} from "./tie-check.js";

/** At most `chunkRows` of them. */
export interface Versions {
  readonly rowCount: number;
  /** 32 bits each. */
  readonly keys: RawColumn;
  /** In microseconds since 1970, as 64 bits. */
  readonly known: RawColumn;
  /** Where they stand in the order of their key, as 64 bits; undefined: when they became known. */
  readonly order: RawColumn | undefined;
  /** What is kept of them. */
  readonly columns: readonly RawColumn[];
}

/** A column by row. */
export type RowValues = Omit<NumberRows, "kind" | "type">;

/** Columns by their index. */
export interface Endings {
  /** A version holds while this is NULL or no earlier than the instant; where instants are inclusive, later. */
  readonly validTo: number | undefined;
  /** A version holds while this is at most `us` before the instant. */
  readonly ttl: {readonly time: number; readonly us: number} | undefined;
}

interface Column {
  readonly width: number;
  /** By slot. */
  readonly values: number;
  /** Of what the kernel is told of it. */
  readonly head: number;
  readonly isNull: number;
  readonly data: number;
  readonly validity: number;
}

/** Where the kernel's `Column` has what changes. */
const isNullAt = 2;
const validityAt = 4;
const ranksAt = 5;

/** Below all instants and ranks. */
const none = -(2n ** 63n);

const blockRows = 8192;

export class NewestVersions {
  private readonly columns: readonly Column[];
  private readonly head: number;
  private readonly keys: number;
  private readonly known: number;
  private readonly ranks: number;
  /** Room for what slots have of a column. */
  private readonly present: number;

  /** @param widths of what is kept, in bytes: 1, 4 or 8 */
  constructor(
    private readonly memory: JoinMemory,
    private readonly slots: Slots,
    widths: readonly number[],
    private readonly isInclusive = false,
  ) {
    const {slotCount} = slots;
    const order = memory.reserve(8 * slotCount);
    memory.bits(order, slotCount).fill(none);
    this.present = memory.reserve(slotCount);
    const heads = memory.reserve(4 * widths.length * (validityAt + 1));
    this.columns = widths.map((width, index) => {
      const [values, isNull, data, validity] = [memory.reserve(width * slotCount), memory.reserve(slotCount), memory.reserve(width * chunkRows), memory.reserve(chunkRows / 8)];
      const head = heads + 4 * index * (validityAt + 1);
      memory.int32(head, validityAt + 1).set([width, values, 0, data, 0]);
      return {width, values, head, isNull, data, validity};
    });
    [this.keys, this.known, this.ranks] = [memory.reserve(4 * chunkRows), memory.reserve(8 * chunkRows), memory.reserve(8 * chunkRows)];
    this.head = memory.pushInts([order, widths.length, heads, this.keys, this.known, this.ranks, memory.reserve(4 * chunkRows)]);
  }

  /** @throws ValueTie when two versions stand at one place and differ */
  offer(versions: Versions): void {
    const {memory, slots, head} = this;
    const {rowCount} = versions;
    memory.bytes(this.keys, 4 * rowCount).set(versions.keys.data);
    memory.bytes(this.known, 8 * rowCount).set(versions.known.data);
    if (versions.order) memory.bytes(this.ranks, 8 * rowCount).set(versions.order.data);
    memory.int32(head, ranksAt + 1)[ranksAt] = versions.order ? this.ranks : this.known;
    versions.columns.forEach(({data, validity}, index) => this.copy(this.columns[index]!, data, validity));
    if (memory.kernel.offer(slots.head, head, rowCount, this.isInclusive) === 0) throw new ValueTie();
  }

  private copy(column: Column, data: Uint8Array, validity: Uint8Array | undefined): void {
    const {memory, slots} = this;
    memory.bytes(column.data, data.length).set(data);
    const told = memory.int32(column.head, validityAt + 1);
    told[validityAt] = validity ? column.validity : 0;
    if (!validity) return;
    memory.bytes(column.validity, validity.length).set(validity);
    if (told[isNullAt] !== 0) return;
    memory.bytes(column.isNull, slots.slotCount).fill(0);
    told[isNullAt] = column.isNull;
  }

  /**
   * Gives each slot its version, once all were offered.
   * @throws ValueTie when versions of two slots stand at one place and differ
   */
  settle(): void {
    if (this.memory.kernel.settle(this.slots.head, this.head) === 0) throw new ValueTie();
  }

  /** Takes from slots what does not hold any more at their instants. */
  forget({validTo, ttl}: Endings): void {
    if (validTo === undefined && ttl === undefined) return;
    this.memory.kernel.forget(this.slots.head, this.head, validTo ?? -1, ttl?.time ?? -1, BigInt(ttl?.us ?? 0), this.isInclusive);
  }

  /**
   * A column is read once: its numbers may become narrower where they lie, so that rows, whose slots lie anywhere, fetch them from fewer
   * lines of the cache.
   */
  readColumn(index: number): RowValues {
    const {memory, slots: {head, rowCount, slotCount}} = this;
    const {width, values} = this.columns[index]!;
    memory.kernel.markPresent(head, this.head, index, this.present);
    const keptWidth = width === 8 && memory.kernel.narrow(values, slotCount) !== 0 ? 4 : width;
    const bytes = new Uint8Array(new SharedArrayBuffer(rowCount * keptWidth));
    const present = new Uint8Array(new SharedArrayBuffer(Math.ceil(rowCount / 8)));
    const [block, bits] = [memory.reserve(blockRows * keptWidth), memory.reserve(blockRows / 8)];
    for (let first = 0; first < rowCount; first += blockRows) {
      const count = Math.min(blockRows, rowCount - first);
      memory.kernel.readRows(head, keptWidth, values, this.present, first, count, block, bits);
      bytes.set(memory.bytes(block, count * keptWidth), first * keptWidth);
      present.set(memory.bytes(bits, Math.ceil(count / 8)), first / 8);
    }
    return {width: keptWidth, bytes, present};
  }
}
