/** Pages of columns that lie in a `ColumnArena`: plain work over shared memory, which any thread can do. */
import {isSet} from "../engines/raw-vectors.js";
import type {SharedMemory} from "../engines/wasm.js";
import {listRowsMax, type PageColumn, type Scratch} from "./column-arena.js";
import type {ListLengths} from "./list-lengths.js";
import {numberKindOf, widthOfNumber, type NumberType} from "./parquet-column.js";
import {renderBody, renderDictionary, type EncodedPage} from "./parquet-pages.js";
import {loadPageKernels, packedDeltas, readListFacts, readNumberFacts, type NumberFacts} from "./page-kernels.js";
import type {EncodedChunk} from "./parquet-splice.js";
import type {Compress} from "./zstd.js";

/** What threads that make pages are given when they start. */
export interface ColumnPagesData {
  readonly memory: SharedMemory;
  /** Each has its own scratch. */
  readonly thread: number;
}

export interface ColumnPageJob {
  readonly column: PageColumn;
  /** Address of the numbers of rows, and how many there are. */
  readonly rows: number;
  readonly rowCount: number;
  readonly scratch: Scratch;
  /** Of lists; numbers are where that helps. */
  readonly isCompressed: boolean;
  /** For the pages, which have buffers of their own where they find no room. */
  readonly room: SharedArrayBuffer | undefined;
}

/** Pages of lists, or all of a row group's numbers. */
export type ColumnPageResult = readonly CountedPage[] | EncodedChunk;

export interface CountedPage extends EncodedPage {
  readonly lengths: ListLengths;
}

/** Numbers are compressed where all becomes smaller than this part of itself. */
const worthwhile = 0.95;
/** So much of packed differences, which are much alike, tells what becomes of the others: mostly they are as short as can be. */
const sampleBytes = 16 * 1024;

export class ColumnPageWriter {
  private readonly kernels;

  constructor(
    private readonly data: ColumnPagesData,
    private readonly zstd: Compress,
  ) {
    this.kernels = loadPageKernels(data.memory);
  }

  render(job: ColumnPageJob): ColumnPageResult {
    const room = new Room(job.room);
    const {column} = job;
    if (column.kind === "lists") return [...this.renderLists(job, column, room)];
    return this.renderNumbers(job, column.type, column.kind === "numbers" ? this.takePlaced(job, column) : this.takeRows(job, column), room);
  }

  /** As many pages as their items need. */
  private *renderLists({rows, rowCount, scratch, isCompressed}: ColumnPageJob, {isWide, parts, part, place}: Extract<PageColumn, {kind: "lists"}>, room: Room): Generator<CountedPage> {
    const address = this.addressOf(scratch);
    for (let done = 0; done < rowCount; ) {
      this.kernels.renderLists(Number(isWide), parts, part, place, rows + 4 * done, Math.min(listRowsMax, rowCount - done), address, scratch.itemsMax);
      const facts = readListFacts(this.data.memory, address);
      yield {...room.keep(renderBody(facts, isCompressed ? this.zstd : undefined)), lengths: facts.lengths};
      done += facts.rowCount;
    }
  }

  /** How many numbers are there. */
  private takePlaced({rows, rowCount, scratch}: ColumnPageJob, {type, isZeroWithoutPart, parts, part, place}: Extract<PageColumn, {kind: "numbers"}>): number {
    return this.kernels.takePlaced(widthOfNumber(type), parts, part, place, Number(isZeroWithoutPart), rows, rowCount, this.addressOf(scratch));
  }

  private takeRows({rows, rowCount, scratch}: ColumnPageJob, {type, width, bytes, present}: Extract<PageColumn, {kind: "rows"}>): number {
    const {buffer} = this.data.memory;
    const address = this.addressOf(scratch);
    const values = address + this.kernels.rowInput(rowCount);
    const numbers = new Int32Array(buffer, rows, rowCount);
    fetchValues(bytes, width, numbers, new Uint8Array(buffer, values, width * rowCount));
    fetchBits(present, numbers, new Uint8Array(buffer, values + 8 * rowCount, rowCount));
    return this.kernels.takeRows(widthOfNumber(type), Number(width < widthOfNumber(type)), rowCount, address);
  }

  private renderNumbers({rowCount, scratch}: ColumnPageJob, type: NumberType, count: number, room: Room): EncodedChunk {
    const address = this.addressOf(scratch);
    this.kernels.renderNumbers(numberKindOf(type), count, rowCount, address);
    const facts = readNumberFacts(this.data.memory, address);
    const plain = this.renderChunk(facts, type, undefined);
    const compressed = this.isIncompressible(facts) ? plain : this.renderChunk(facts, type, this.zstd);
    return room.keep(compressed.byteCount < worthwhile * plain.byteCount ? compressed : plain);
  }

  private isIncompressible({encoding, body: [body]}: NumberFacts): boolean {
    if (encoding !== packedDeltas || body.length < 4 * sampleBytes) return false;
    // Levels come first.
    const sample = body.slice(-sampleBytes);
    return this.zstd(sample).length >= worthwhile * sample.length;
  }

  private renderChunk(facts: NumberFacts, type: NumberType, compress: Compress | undefined): EncodedChunk {
    const {dictionary, bounds, rowCount, nullCount} = facts;
    const width = widthOfNumber(type);
    const head = dictionary && renderDictionary(new Uint8Array(this.data.memory.buffer, dictionary.address, dictionary.entryCount * width), dictionary.entryCount, compress);
    const page = renderBody(facts, compress);
    return {
      parts: [...(head?.parts ?? []), ...page.parts],
      dictionaryByteCount: head?.byteCount ?? 0,
      byteCount: page.byteCount + (head?.byteCount ?? 0),
      plainByteCount: page.plainByteCount + (head?.plainByteCount ?? 0),
      rowCount,
      nullCount,
      encoding: facts.encoding,
      isCompressed: compress !== undefined,
      bounds: bounds && {least: bounds.least.subarray(0, width), most: bounds.most.subarray(0, width)},
    };
  }

  private addressOf({address, byteCount}: Scratch): number {
    return address + this.data.thread * byteCount;
  }
}

/** @param rows ascending */
function fetchValues(from: Uint8Array, width: number, rows: Int32Array, to: Uint8Array): void {
  const [first, last] = [rows[0] ?? 0, rows.at(-1) ?? -1];
  // Without a filter they lie as they are wanted.
  if (last - first === rows.length - 1) return to.set(from.subarray(first * width, (last + 1) * width));
  const [read, written, unitCount] = width === 1 ? [from, to, 1] : [unitsOf(from), unitsOf(to), width / 4];
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at]!;
    for (let unit = 0; unit < unitCount; unit += 1) written[unitCount * at + unit] = read[unitCount * row + unit]!;
  }
}

const unitsOf = ({buffer, byteOffset, length}: Uint8Array): Int32Array => new Int32Array(buffer, byteOffset, length / 4);

/** Each as a byte. */
function fetchBits(from: Uint8Array, rows: Int32Array, to: Uint8Array): void {
  for (let at = 0; at < rows.length; at += 1) {
    to[at] = isSet(from, rows[at]!) ? 1 : 0;
  }
}

/** Where pages lie one after another until they are written, safe from the next page. */
class Room {
  private used = 0;

  constructor(private readonly buffer: SharedArrayBuffer | undefined) {}

  keep<T extends {readonly parts: readonly Uint8Array[]; readonly byteCount: number}>(page: T): T {
    const fits = this.buffer !== undefined && this.used + page.byteCount <= this.buffer.byteLength;
    const bytes = fits ? new Uint8Array(this.buffer, this.used, page.byteCount) : new Uint8Array(page.byteCount);
    if (fits) this.used += page.byteCount;
    let at = 0;
    for (const part of page.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return {...page, parts: [bytes]};
  }
}
