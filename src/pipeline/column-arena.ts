/**
 * Memory that threads share, with copies of the columns that pages are made of: once for all files, because values of neighbouring rows lie far
 * apart, and what they cost is the memory that is touched. It stays for the next columns, so that threads need not learn of another.
 */
import type {KeptColumn, ListStretches, NumberPlaces, NumberRows} from "../engines/aggregation-engine.js";
import {viewBytes} from "../engines/raw-vectors.js";
import {growTo, memoryBytesMax, openMemory} from "../engines/wasm.js";
import type {KeptColumns} from "./kept-columns.js";
import {numberKindOf, type NumberType} from "./parquet-column.js";
import {loadPageKernels, numberKind} from "./page-kernels.js";

/** A column that pages are made of. */
export type PageColumn = ArenaColumn | (NumberRows & {readonly type: NumberType});

/** As kernels read it: addresses, and what is a fact of itself. */
type ArenaColumn = {readonly parts: number; readonly part: number; readonly place: number} & (
  | {readonly kind: "lists"; readonly isWide: boolean}
  | {readonly kind: "numbers"; readonly type: NumberType; readonly isZeroWithoutPart: boolean}
);

/** Where each thread works: `byteCount` from `address` on are the first one's, then come the others'. */
export interface Scratch {
  readonly address: number;
  readonly byteCount: number;
  /** Items of a page of lists. */
  readonly itemsMax: number;
}

/** Rows of a page of lists, and of a chunk of numbers. */
export const listRowsMax = 4096;
export const numberRowsMax = 2 ** 18;

const usualItemsMax = 2 ** 18;
const lineBits = {line: 1, extra: 2} as const;

class NoRoom extends Error {}

type Bytes = Int32Array | Uint32Array | Uint8Array | BigInt64Array;

export class ColumnArena {
  readonly memory = openMemory();
  private readonly kernels = loadPageKernels(this.memory);
  private used = 0;
  private longest = 0;
  private rowCount = 0;
  private bytesMax = 0;
  private readonly copies = new Map<Bytes, {readonly address: number; readonly isNarrow: boolean}>();

  constructor(private readonly threadCount: number) {}

  /**
   * Puts columns where those before lay; those that find no room are left out.
   * @param bytesMax what all may take, room for threads to work in included; an address reaches `memoryBytesMax`
   */
  load(kept: KeptColumns, bytesMax: number): ReadonlyMap<string, PageColumn> {
    this.bytesMax = Math.min(bytesMax, memoryBytesMax);
    // Nothing is at address 0, so that it can stand for nothing.
    [this.used, this.longest] = [16, usualItemsMax];
    this.copies.clear();
    this.rowCount = Math.max(0, ...[...kept.values()].map((column) => (column.kind === "rows" ? column.bytes.length / column.width : column.part.length)));
    const columns = new Map<string, PageColumn>();
    for (const [name, column] of kept) {
      const before = {used: this.used, longest: this.longest};
      try {
        columns.set(name, this.put(column));
      } catch (error) {
        if (!(error instanceof NoRoom)) throw error;
        [this.used, this.longest] = [before.used, before.longest];
        for (const [bytes, {address}] of this.copies) if (address >= before.used) this.copies.delete(bytes);
      }
    }
    this.copies.clear();
    return columns;
  }

  /** Puts numbers of rows behind the columns. */
  putRows(rows: Int32Array): {readonly rows: number; readonly scratch: Scratch} {
    const [address, scratch] = [aligned(this.used), this.scratch()];
    new Int32Array(this.memory.buffer, address, rows.length).set(rows);
    return {rows: address, scratch};
  }

  private put(column: KeptColumn): PageColumn {
    if (column.kind === "lists") return this.putLists(column);
    if (column.kind === "numbers") return this.putNumbers(column);
    // Threads fetch them from where they lie: nothing but room to work in is needed here.
    this.take(0);
    return {...column, type: column.type as NumberType};
  }

  private putLists({part, place, parts}: ListStretches): ArenaColumn {
    const shared = {part: this.copyOnce(part), place: this.copyOnce(place)};
    let isWide = false;
    const table = parts.flatMap(({start, end, line, extra}) => {
      const pairs = this.pair(start, end);
      const [lines, extras] = [this.copyValues(line), this.copyValues(extra)];
      isWide ||= !lines.isNarrow || !extras.isNarrow;
      return [pairs, lines.address, extras.address, (lines.isNarrow ? lineBits.line : 0) | (extras.isNarrow ? lineBits.extra : 0)];
    });
    return {...shared, kind: "lists", isWide, parts: this.copyOnce(Uint32Array.from(table))};
  }

  private putNumbers({type, withoutPart, part, place, parts}: NumberPlaces): ArenaColumn {
    const shared = {part: this.copyOnce(part), place: this.copyOnce(place)};
    const isWhole = numberKindOf(type as NumberType) === numberKind.bigint;
    const table = parts.flatMap(({bits, isPresent}) => {
      const {address, isNarrow} = isWhole ? this.copyValues(bits) : {address: this.copyOnce(bits), isNarrow: false};
      return [address, isPresent ? this.copyOnce(isPresent) : 0, Number(isNarrow)];
    });
    return {...shared, kind: "numbers", type: type as NumberType, isZeroWithoutPart: withoutPart === "zero", parts: this.copyOnce(Uint32Array.from(table))};
  }

  /** Starts and ends side by side; nobody else has the same. */
  private pair(start: Int32Array, end: Int32Array): number {
    const pairs = this.take(2 * start.byteLength);
    const before = this.used;
    const [starts, ends] = [this.take(start.byteLength), this.take(end.byteLength)];
    this.copy(start, starts);
    this.copy(end, ends);
    this.longest = Math.max(this.longest, this.kernels.pair(starts, ends, start.length, pairs));
    this.used = before;
    return pairs;
  }

  private copyOnce(bytes: Bytes): number {
    const known = this.copies.get(bytes);
    if (known) return known.address;
    const address = this.take(bytes.byteLength);
    this.copy(bytes, address);
    this.copies.set(bytes, {address, isNarrow: false});
    return address;
  }

  /** As 32 bits, where all fit. */
  private copyValues(values: BigInt64Array): {readonly address: number; readonly isNarrow: boolean} {
    const known = this.copies.get(values);
    if (known) return known;
    const address = this.take(values.byteLength);
    this.copy(values, address);
    const isNarrow = this.kernels.narrow(address, address, values.length) !== 0;
    if (isNarrow) this.used = address + values.byteLength / 2;
    else this.copy(values, address);
    this.copies.set(values, {address, isNarrow});
    return {address, isNarrow};
  }

  private copy(bytes: Bytes, address: number): void {
    new Uint8Array(this.memory.buffer, address, bytes.byteLength).set(viewBytes(bytes));
  }

  private take(byteCount: number): number {
    const address = aligned(this.used);
    this.used = address + byteCount;
    const scratch = this.scratch();
    const end = scratch.address + this.threadCount * scratch.byteCount;
    if (end > this.bytesMax) throw new NoRoom();
    growTo(this.memory, end);
    return address;
  }

  /** Behind the columns and the numbers of rows. */
  private scratch(): Scratch {
    const byteCount = Math.max(this.kernels.listScratchBytes(this.longest, listRowsMax), this.kernels.numberScratchBytes(numberRowsMax));
    return {address: aligned(aligned(this.used) + 4 * this.rowCount), byteCount: aligned(byteCount), itemsMax: this.longest};
  }
}

const aligned = (address: number): number => Math.ceil(address / 16) * 16;
