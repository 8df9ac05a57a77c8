/**
 * Rows by key and, within one, by instant: a row's place is its slot. Whatever is known of a key from some instant on is kept at the first
 * slot that may know it, and counts for the slots after it. The first slot of each key has the number of the key: most versions are older than all
 * rows, and what they touch lies close together.
 */
import {chunkRows, viewBytes, type RawChunk} from "../raw-vectors.js";
import type {JoinMemory} from "./join-memory.js";

/** Numbers are addresses, but for counts. */
export interface Slots {
  /** Of what the kernel is told: `Slots` there. */
  readonly head: number;
  readonly keyCount: number;
  readonly rowCount: number;
  readonly slotCount: number;
  /** The later slots of key k: from `start[k]` to `start[k + 1]`. 32 bits each. */
  readonly start: number;
  /** By slot, in microseconds since 1970. 64 bits each. */
  readonly instant: number;
}

interface RowCounts {
  /** Above every row's number. */
  readonly rowCount: number;
  /** Each key has a row. */
  readonly keyCount: number;
}

/** @param readRows hands over rows in any order: a BIGINT that numbers it, an INTEGER for its key, and a TIMESTAMP; rows that are left out have no key */
export async function buildSlots(memory: JoinMemory, {rowCount, keyCount}: RowCounts, readRows: (look: (rows: RawChunk) => void) => Promise<void>): Promise<Slots> {
  const {kernel} = memory;
  const [start, instant, slot] = [memory.reserve(4 * (keyCount + 1)), memory.reserve(8 * rowCount), memory.reserve(4 * rowCount)];
  const head = memory.pushInts([keyCount, rowCount, start, instant, slot]);
  const slotCount = await memory.borrow(async () => {
    const [key, instantOfRow, next] = [memory.reserve(4 * rowCount), memory.reserve(8 * rowCount), memory.reserve(4 * keyCount)];
    const copied = [8, 4, 8].map((width) => ({width, address: memory.reserve(width * chunkRows)}));
    memory.int32(key, rowCount).fill(-1);
    await readRows(({rowCount: count, columns}) => {
      copied.forEach(({width, address}, at) => memory.bytes(address, count * width).set(columns[at]!.data));
      kernel.placeRows(count, copied[0]!.address, copied[1]!.address, copied[2]!.address, key, instantOfRow);
    });
    const counted = kernel.countSlots(head, key);
    // Rows mostly come by instant.
    if (kernel.fillSlots(head, key, instantOfRow, 0, next) === 0) kernel.fillSlots(head, key, instantOfRow, takeOrder(memory, instantOfRow, rowCount), next);
    return counted;
  });
  return {head, keyCount, rowCount, slotCount, start, instant};
}

/** The rows in the order of their instants. */
function takeOrder(memory: JoinMemory, instantOfRow: number, rowCount: number): number {
  const instants = Float64Array.from(memory.bits(instantOfRow, rowCount), Number);
  return memory.push(viewBytes(Int32Array.from(instants.keys()).sort((a, b) => instants[a]! - instants[b]!)));
}
