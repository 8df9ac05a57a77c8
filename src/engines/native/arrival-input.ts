/** A column of the rows that arrive, where kernels/arrivals.ts finds it. */
import {chunkRows, listEntryBytes, type RawColumn} from "../raw-vectors.js";
import {headBytes, stretchesMax, stretchRows, type ArrivalMemory} from "./arrival-memory.js";

/** What lies side by side in each stretch, so many bytes behind its start. */
export interface Field {
  readonly offset: number;
  /** Of a value. */
  readonly width: number;
}

/** The kernel's `Column`, word by word. */
const words = ["width", "offset", "data", "validity", "flags", "bit", "elements", "elementsAt", "elementBytes", "child", "childValidity"] as const;
const wordOf = (name: (typeof words)[number]): number => words.indexOf(name);
export const inputWords = words.length;

export class ArrivalInput {
  /** Values, or lengths of lists. */
  readonly field: Field;
  readonly elements: Elements | undefined;
  private readonly data: Uint8Array;
  private readonly validityAt: number;

  /** @param told what the kernel is told of it */
  constructor(
    private readonly memory: ArrivalMemory,
    private readonly told: Int32Array,
    {offset, width, isList}: Field & {readonly isList: boolean},
  ) {
    this.field = {offset, width: isList ? 4 : width};
    this.elements = isList ? new Elements(memory, width) : undefined;
    const dataBytes = chunkRows * (isList ? listEntryBytes : width);
    this.data = memory.bytes(memory.reserve(dataBytes), dataBytes);
    this.validityAt = memory.reserve(chunkRows / 8);
    told.set([width, offset, this.data.byteOffset]);
    if (this.elements) told.set([this.elements.parts, headBytes, this.elements.stretchBytes], wordOf("elements"));
  }

  /** That there is a value is told by a bit of the words that arrive as another column. */
  tellPresence({data}: ArrivalInput, bit: number): void {
    this.told.set([data.byteOffset, bit], wordOf("flags"));
  }

  /** Copies it; returns what its elements may take. */
  copy(column: RawColumn): number {
    const {memory, told, elements} = this;
    this.data.set(column.data);
    told[wordOf("validity")] = copyValidity(memory, column, this.validityAt);
    if (elements === undefined || column.child!.rowCount === 0) return 0;
    told.set(elements.copy(column.child!), wordOf("child"));
    return stretchesMax(column.child!.rowCount) * elements.stretchBytes;
  }
}

class Elements {
  readonly values: Field;
  /** A byte each, 1 where an element is not NULL. */
  readonly present: Field;
  readonly stretchBytes: number;
  readonly parts: number;
  private room = {count: 0, at: 0, validityAt: 0};

  constructor(
    private readonly memory: ArrivalMemory,
    width: number,
  ) {
    this.values = {offset: headBytes, width};
    this.present = {offset: headBytes + stretchRows * width, width: 1};
    this.stretchBytes = this.present.offset + stretchRows;
    this.parts = memory.reserveParts();
  }

  /** Returns where it put them. */
  copy(column: NonNullable<RawColumn["child"]>): [at: number, validityAt: number] {
    const {memory} = this;
    if (this.room.count < column.rowCount) {
      const count = 2 * column.rowCount;
      this.room = {count, at: memory.reserve(this.values.width * count), validityAt: memory.reserve(8 * Math.ceil(count / 64))};
    }
    const {at, validityAt} = this.room;
    memory.bytes(at, column.data.length).set(column.data);
    return [at, copyValidity(memory, column, validityAt)];
  }
}

/** Returns where it is; 0: there is none. */
function copyValidity(memory: ArrivalMemory, {validity}: RawColumn, at: number): number {
  if (validity === undefined) return 0;
  memory.bytes(at, validity.length).set(validity);
  return at;
}
