/** Memory that a kernel works in, which knows addresses alone: arrays are put on top of each other, and given back from the top. */
import {viewBytes} from "../raw-vectors.js";
import {growTo, memoryBytesMax, openMemory} from "../wasm.js";

/** What is wanted is more than addresses reach, or than may be taken. */
export class MemoryFull extends Error {}

/** 0 stands for an array that is not there. */
const bottom = 1024;

export class MemoryStack {
  protected readonly memory = openMemory();
  protected top = bottom;

  /**
   * @returns the address of so many bytes, which hold anything
   * @throws MemoryFull
   */
  reserve(byteCount: number): number {
    const at = this.top;
    const top = at + Math.ceil(byteCount / 16) * 16;
    if (top > memoryBytesMax) throw new MemoryFull();
    growTo(this.memory, top);
    this.top = top;
    return at;
  }

  /** Puts a copy of these bytes on top. */
  push(bytes: Uint8Array): number {
    const at = this.reserve(bytes.length);
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }

  /** Written as 32-bit numbers. */
  pushInts(numbers: readonly number[]): number {
    return this.push(viewBytes(Int32Array.from(numbers)));
  }

  clear(): void {
    this.top = bottom;
  }

  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }

  int32(at: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, at, length);
  }

  float64(at: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, at, length);
  }

  bits(at: number, length: number): BigInt64Array {
    return new BigInt64Array(this.memory.buffer, at, length);
  }
}
