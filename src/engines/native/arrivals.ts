/**
 * History in the order in which it came. Each row is put where others of its keys lie, because a key's rows are asked for together: what is
 * read by key from all over the history would miss the processor's caches row by row. kernels/arrivals.ts does it, in one memory that grows
 * in place.
 */
import {chunkRows, type RawChunk} from "../raw-vectors.js";
import {ArrivalInput, inputWords, type Field} from "./arrival-input.js";
import {ArrivalMemory, headBytes, partCount, stretchesMax, stretchRows, type Stretches} from "./arrival-memory.js";
import {placeFlag, type Shape} from "./columns.js";

/** What orders rows of one key and instant, as columns of the history; each has a flag that tells where it is not NULL. */
export interface RowOrder {
  /** Whole numbers of up to 64 bits, ascending; NULL comes first. */
  readonly columns: readonly OrderColumn[];
  /** The lists that would decide next, but where they are NULL; undefined: rows still equal are interchangeable. */
  readonly tie: (OrderColumn & {readonly isFloating: boolean}) | undefined;
}

interface OrderColumn {
  readonly column: number;
  readonly flag: {readonly word: number; readonly bit: number};
}

/** Values of arrived rows; of lists their lengths, and their elements one list after another. */
export interface ArrivedColumn {
  readonly field: Field;
  readonly elements: {readonly stretches: Stretches; readonly values: Field; readonly present: Field} | undefined;
}

/** All rows of the keys from `firstKey` on, up to another key. */
export interface ArrivedBlock {
  readonly memory: SharedArrayBuffer;
  /** The rows, in the order in which they came, part after part. */
  readonly stretches: Stretches;
  readonly key: Field;
  readonly ts: Field;
  readonly flags: readonly Field[];
  readonly values: readonly ArrivedColumn[];
  readonly rowCount: number;
  readonly firstKey: number;
  readonly keyCount: number;
  readonly order: RowOrder;
}

export class ArrivalsBuilder {
  private readonly memory = new ArrivalMemory();
  private readonly keysOfPart: number;
  private readonly inputs: readonly ArrivalInput[];
  private readonly stretchBytes: number;
  private readonly parts: number;
  /** What the kernel is told of all this. */
  private readonly head: number;

  /** @param keys the only ones that will come */
  constructor(
    private readonly shape: Shape,
    private readonly keys: {readonly first: number; readonly last: number},
  ) {
    const {memory} = this;
    this.keysOfPart = Math.max(1, Math.ceil((keys.last - keys.first + 1) / partCount));
    const columns = [...[4, 8, ...Array.from({length: shape.flagWords}, () => 4)].map((width) => ({width, isList: false})), ...shape.values];
    const told = memory.reserveWords(inputWords * columns.length);
    let offset = headBytes;
    this.inputs = columns.map((column, at) => {
      const input = new ArrivalInput(memory, told.subarray(inputWords * at, inputWords * (at + 1)), {offset, ...column});
      offset += stretchRows * input.field.width;
      return input;
    });
    for (const {value, flag} of shape.presence) {
      const {word, bit} = placeFlag(flag);
      this.inputs[2 + shape.flagWords + value]!.tellPresence(this.inputs[2 + word]!, bit);
    }
    this.stretchBytes = offset;
    this.parts = memory.reserveParts();
    const ofRows = Array.from({length: 3}, () => memory.reserve(4 * chunkRows));
    this.head = memory.pushInts([keys.first, this.keysOfPart, this.parts, this.stretchBytes, columns.length, told.byteOffset, ...ofRows]);
  }

  /** @throws MemoryFull */
  append({rowCount, columns}: RawChunk): void {
    let bytesMax = stretchesMax(rowCount) * this.stretchBytes;
    for (const [at, input] of this.inputs.entries()) bytesMax += input.copy(columns[at]!);
    this.memory.append(this.head, rowCount, bytesMax);
  }

  /** What is taken for the rows so far. */
  get byteCount(): number {
    return this.memory.usedBytes;
  }

  /** Blocks by key, of at least so many rows but for the last; there is at least one. */
  *blocks(order: RowOrder, rowsMin: number): Generator<ArrivedBlock> {
    let firstPart = 0;
    for (let endPart = 1; endPart <= partCount; endPart += 1) {
      const block = this.blockOf(firstPart, endPart);
      if (block.rowCount < rowsMin && endPart < partCount) continue;
      yield {...block, order};
      firstPart = endPart;
    }
  }

  private blockOf(firstPart: number, endPart: number): Omit<ArrivedBlock, "order"> {
    const {memory, keys, keysOfPart} = this;
    const [key, ts, ...others] = this.inputs;
    const stretches = memory.readStretches(this.parts, firstPart, endPart);
    return {
      memory: memory.buffer,
      stretches,
      key: key!.field,
      ts: ts!.field,
      flags: others.slice(0, this.shape.flagWords).map(({field}) => field),
      values: others.slice(this.shape.flagWords).map(({field, elements}) => ({
        field,
        elements: elements && {stretches: memory.readStretches(elements.parts, firstPart, endPart), values: elements.values, present: elements.present},
      })),
      rowCount: stretches.count,
      firstKey: keys.first + firstPart * keysOfPart,
      keyCount: (endPart - firstPart) * keysOfPart,
    };
  }
}
