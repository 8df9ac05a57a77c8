/** The memory of kernels/arrivals.ts. Rows, and elements of lists, lie in parts of neighbouring keys; each part grows stretch by stretch. */
import {instantiate} from "../wasm.js";
import {MemoryStack} from "./memory-stack.js";

/** Stretches of rows or of elements, by their addresses. */
export interface Stretches {
  readonly starts: Uint32Array;
  readonly counts: Int32Array;
  /** The sum of these. */
  readonly count: number;
}

export const partCount = 64;
/** The kernel's. */
export const stretchRows = 1024;
/** What a stretch begins with. */
export const headBytes = 16;
/** Of the kernel's `Stretches`. */
const partWords = 3;

interface ArrivalKernel {
  /** Numbers are addresses, but for the count. */
  append(arrivals: number, rowCount: number, free: number): number;
}

export class ArrivalMemory extends MemoryStack {
  private readonly kernel = instantiate("arrivals", this.memory) as ArrivalKernel;

  get buffer(): SharedArrayBuffer {
    return this.memory.buffer;
  }

  get usedBytes(): number {
    return this.top;
  }

  reserveWords(count: number): Int32Array {
    return this.int32(this.reserve(4 * count), count).fill(0);
  }

  /** The address of what the kernel is told of the stretches of each part, of which there are none yet. */
  reserveParts(): number {
    return this.reserveWords(partWords * partCount).byteOffset;
  }

  readStretches(parts: number, firstPart: number, endPart: number): Stretches {
    const words = new Uint32Array(this.buffer);
    const starts: number[] = [];
    const counts: number[] = [];
    for (let part = firstPart; part < endPart; part += 1) {
      const at = parts / 4 + partWords * part;
      for (let start = words[at]!, rest = words[at + 2]!; rest > 0; start = words[start / 4]!, rest -= stretchRows) {
        starts.push(start);
        counts.push(Math.min(rest, stretchRows));
      }
    }
    return {starts: Uint32Array.from(starts), counts: Int32Array.from(counts), count: counts.reduce((sum, count) => sum + count, 0)};
  }

  /**
   * @param bytesMax what it may take
   * @throws MemoryFull
   */
  append(arrivals: number, rowCount: number, bytesMax: number): void {
    const free = this.reserve(bytesMax);
    this.top = this.kernel.append(arrivals, rowCount, free) >>> 0;
  }
}

/** What may be taken when so many rows or elements arrive. */
export const stretchesMax = (count: number): number => partCount + Math.ceil(count / stretchRows);
