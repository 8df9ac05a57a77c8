/** The memory of one thread, in which the functions of kernels/windows.ts work. */
import {instantiate} from "../wasm.js";
import {MemoryStack} from "./memory-stack.js";

/** Numbers are addresses, but for counts, bits, widths, rows, keys and microseconds. */
export interface WindowKernels {
  sumLengths(lengths: number, count: number, starts: number): number;
  findRuns(ts: number, count: number, bounds: number, boundCount: number, runs: number, runsMax: number, ends: number, spare: number, work: number): number;
  groupByKey(keys: number, ts: number, count: number, firstKey: number, keyCount: number, next: number, runs: number, ends: number, runCount: number, places: number, sortedKeys: number, sortedTs: number): void;
  setOrder(ts: number, columns: number, count: number): void;
  mergeKeys(places: number, sortedKeys: number, sortedTs: number, count: number, spare: number, work: number): void;
  hasTie(places: number, sortedKeys: number, count: number, lists: number): number;
  commonFlags(flags: number, count: number): number;
  keepRows(places: number, count: number, flags: number, bit: number, otherFlags: number, otherBit: number, rows: number): number;
  gather32(from: number, at: number, count: number, to: number): void;
  gather64(from: number, at: number, count: number, to: number): void;
  widen(values: number, width: number, count: number, to: number): void;
  gatherBits(values: number, width: number, at: number, count: number, to: number): void;
  countElements(places: number, count: number, starts: number, ends: number): number;
  unnest(places: number, count: number, starts: number, ends: number, present: number, toItems: number, toPlaces: number, toElements: number): number;
  markDroppers(bits: number, count: number, flags: number, bit: number): void;
  longestKey(lineKeys: number, length: number): number;
  identify(bits: number, count: number, isDouble: boolean, to: number): void;
  findRanges(lineKeys: number, lineTs: number, length: number, keys: number, ts: number, count: number, starts: number, ends: number): void;
  narrowRanges(lineTs: number, ts: number, count: number, windowUs: number, starts: number, ends: number, narrowed: number): void;
  setLine(values: number, identity: number, droppers: number): void;
  setRows(keys: number, starts: number, ends: number, drops: number): void;
  setOwn(own: number, ownIdentity: number, ownStarts: number, ownEnds: number): void;
  setLists(starts: number, ends: number, extra: number, capacity: number): void;
  takeExtra(): number;
  findRunsOfDroppers(lineDroppers: number, lineKeys: number, length: number, before: number): void;
  listNewest(from: number, count: number, maxItems: number, before: number): number;
  countItems(count: number, to: number): void;
  seenBytes(itemsMax: number): number;
  openSeen(at: number, itemsMax: number, byDropper: boolean): void;
  listDistinct(from: number, count: number, maxItems: number, found: number): number;
  listMostFrequent(from: number, count: number, maxItems: number, found: number, foundCounts: number): number;
  countKept(count: number, to: number): void;
  countDistinct(count: number, to: number): void;
  findExtremes(count: number, kind: number, isMax: boolean, candidates: number, to: number, present: number): void;
}

export class Scratch extends MemoryStack {
  readonly kernels = instantiate("windows", this.memory) as WindowKernels;

  /** What `work` reserves is given back after it. */
  passing<T>(work: () => T): T {
    const {top} = this;
    try {
      return work();
    } finally {
      this.top = top;
    }
  }

  /** What `work` reserves is given back after it, but for the array that it returns, which moves to where the first one was. */
  keepLast<T extends {readonly at: number; readonly byteCount: number}>(work: () => T): T {
    const {top} = this;
    const kept = work();
    this.bytes(0, this.top).copyWithin(top, kept.at, kept.at + kept.byteCount);
    this.top = top;
    return {...kept, at: this.reserve(kept.byteCount)};
  }
}

const idle: Scratch[] = [];
/** Memory that grew further is given back to the system. */
const idleBytesMax = 64 * 1024 * 1024;

/** Nobody else has it until it is returned. Memory is used again, because its addresses are taken from the process for as long as the garbage collector pleases. */
export const takeScratch = (): Scratch => idle.pop() ?? new Scratch();

export function returnScratch(scratch: Scratch): void {
  scratch.clear();
  if (scratch.byteLength <= idleBytesMax) idle.push(scratch);
}
