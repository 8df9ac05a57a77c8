/** Pages of columns that lie in a `ColumnArena`: plain work over shared memory, which any thread can do. */
import type {SharedMemory} from "../engines/wasm.js";
import {listRowsMax, type ArenaColumn, type Scratch} from "./column-arena.js";
import {numberKindOf, widthOfNumber, type NumberType} from "./parquet-column.js";
import {renderBody, renderDictionary, type EncodedPage} from "./parquet-pages.js";
import {loadPageKernels, readFacts, type PageFacts} from "./page-kernels.js";
import type {EncodedChunk} from "./parquet-splice.js";
import type {Compress} from "./zstd.js";

/** What threads that make pages are given when they start. */
export interface ColumnPagesData {
  readonly memory: SharedMemory;
  /** Each has its own scratch. */
  readonly thread: number;
}

export interface ColumnPageJob {
  readonly column: ArenaColumn;
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
export type ColumnPageResult = readonly EncodedPage[] | EncodedChunk;

/** Numbers are compressed where all becomes smaller than this part of itself. */
const worthwhile = 0.95;

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
    return job.column.kind === "list" ? [...this.renderLists(job, job.column, room)] : this.renderNumbers(job, job.column, room);
  }

  /** As many pages as their items need. */
  private *renderLists({rows, rowCount, scratch, isCompressed}: ColumnPageJob, {isWide, parts, part, place}: Extract<ArenaColumn, {kind: "list"}>, room: Room): Generator<EncodedPage> {
    const address = this.addressOf(scratch);
    for (let done = 0; done < rowCount; ) {
      this.kernels.renderLists(Number(isWide), parts, part, place, rows + 4 * done, Math.min(listRowsMax, rowCount - done), address, scratch.itemsMax);
      const facts = readFacts(this.data.memory, address, false);
      yield room.keep(renderBody(facts, isCompressed ? this.zstd : undefined));
      done += facts.rowCount;
    }
  }

  private renderNumbers({rows, rowCount, scratch}: ColumnPageJob, {type, isZeroWithoutPart, parts, part, place}: Extract<ArenaColumn, {kind: "numbers"}>, room: Room): EncodedChunk {
    const address = this.addressOf(scratch);
    this.kernels.renderNumbers(numberKindOf(type), parts, part, place, Number(isZeroWithoutPart), rows, rowCount, address);
    const facts = readFacts(this.data.memory, address, true);
    const plain = this.renderChunk(facts, type, undefined);
    const compressed = this.renderChunk(facts, type, this.zstd);
    return room.keep(compressed.byteCount < worthwhile * plain.byteCount ? compressed : plain);
  }

  private renderChunk(facts: PageFacts, type: NumberType, compress: Compress | undefined): EncodedChunk {
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
