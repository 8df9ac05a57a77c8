/** The memory of kernels/newest-versions.ts, which knows addresses alone: it is taken piece by piece, and given back from its end. */
import {growTo, instantiate, memoryBytesMax, openMemory} from "../wasm.js";

/** Numbers are addresses, but for counts, columns and rows. */
export interface JoinKernel {
  placeRows(rowCount: number, numbers: number, keys: number, instants: number, keyOfRow: number, instantOfRow: number): void;
  countSlots(slots: number, keyOfRow: number): number;
  fillSlots(slots: number, keyOfRow: number, instantOfRow: number, order: number, next: number): number;
  findSlots(slots: number, versions: number, rowCount: number, isInclusive: boolean): void;
  offer(slots: number, versions: number, rowCount: number, isInclusive: boolean): number;
  settle(slots: number, versions: number): number;
  forget(slots: number, versions: number, validTo: number, time: number, ttl: bigint, isInclusive: boolean): void;
  readRows(slots: number, versions: number, column: number, first: number, rowCount: number, to: number, present: number): void;
  narrow(numbers: number, count: number): number;
}

const chunksBytes = 64 << 20;

export class JoinMemory {
  readonly kernel: JoinKernel;
  private readonly memory = openMemory();
  /** No piece has the address 0. */
  private used = 64;

  constructor() {
    this.kernel = instantiate("newest-versions", this.memory) as JoinKernel;
  }

  /** Whether there is room for so much, and for the chunks that are looked at beside it. */
  hasRoom(byteCount: number): boolean {
    return this.used + byteCount + chunksBytes <= memoryBytesMax;
  }

  /** What is in it is undefined. */
  take(byteCount: number): number {
    const address = this.used;
    this.used = Math.ceil((address + byteCount) / 8) * 8;
    growTo(this.memory, this.used);
    return address;
  }

  /** What is taken by `work` is given back when it ends. */
  async borrow<T>(work: () => Promise<T>): Promise<T> {
    const {used} = this;
    try {
      return await work();
    } finally {
      this.used = used;
    }
  }

  /** Written as 32-bit numbers. */
  takeInts(numbers: readonly number[] | Int32Array): number {
    const address = this.take(4 * numbers.length);
    this.ints(address, numbers.length).set(numbers);
    return address;
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  ints(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  longs(address: number, length: number): BigInt64Array {
    return new BigInt64Array(this.memory.buffer, address, length);
  }
}
