/**
 * Shared buffers that nobody holds any more. V8 does not count them, so it sees no reason to look for them: without this, blocks of a long
 * history and results that were written to a file would fill the memory. Each thread must look for its own.
 */
import {GarbageCount} from "../garbage.js";

export const countSharedGarbage = (): GarbageCount => new GarbageCount("major", 96 << 20);

/** Of all buffers that these hold among their fields, each counted once. */
export function countBytes(holders: readonly object[], counted = new Set<unknown>()): number {
  let bytes = 0;
  for (const value of holders.flatMap((holder): unknown[] => Object.values(holder))) {
    if (!ArrayBuffer.isView(value) || counted.has(value.buffer)) continue;
    counted.add(value.buffer);
    bytes += value.buffer.byteLength;
  }
  return bytes;
}
