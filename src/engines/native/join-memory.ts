/** The memory of kernels/newest-versions.ts. */
import {instantiate, memoryBytesMax} from "../wasm.js";
import {MemoryStack} from "./memory-stack.js";

/** Numbers are addresses, but for counts, columns and rows. */
export interface JoinKernel {
  placeRows(rowCount: number, numbers: number, keys: number, instants: number, keyOfRow: number, instantOfRow: number): void;
  countSlots(slots: number, keyOfRow: number): number;
  fillSlots(slots: number, keyOfRow: number, instantOfRow: number, order: number, next: number): number;
  findSlots(slots: number, versions: number, rowCount: number, isInclusive: boolean): void;
  offer(slots: number, versions: number, rowCount: number, isInclusive: boolean): number;
  settle(slots: number, versions: number): number;
  forget(slots: number, versions: number, validTo: number, time: number, ttl: bigint, isInclusive: boolean): void;
  markPresent(slots: number, versions: number, column: number, present: number): void;
  narrow(numbers: number, count: number): number;
  readRows(slots: number, width: number, values: number, isPresent: number, first: number, rowCount: number, to: number, present: number): void;
}

const chunksBytes = 64 << 20;

export class JoinMemory extends MemoryStack {
  readonly kernel = instantiate("newest-versions", this.memory) as JoinKernel;

  /** Whether there is room for so much, and for the chunks that are looked at beside it. */
  hasRoom(byteCount: number): boolean {
    return this.top + byteCount + chunksBytes <= memoryBytesMax;
  }

  /** What `work` reserves is given back when it ends. */
  async borrow<T>(work: () => Promise<T>): Promise<T> {
    const {top} = this;
    try {
      return await work();
    } finally {
      this.top = top;
    }
  }
}
