/** The pages of a column chunk one after another, decompressed. What it holds is a page, however large the chunk is. */
import type {FileHandle} from "node:fs/promises";
import {metaField, readInto, type ColumnChunk} from "./parquet-footer.js";
import {readRuns} from "./parquet-runs.js";
import {decompressSnappy} from "./snappy.js";
import {findInteger, findStruct, parseThriftHead, type ThriftStruct} from "./thrift-compact.js";
import {loadUnzstd, type Decompress} from "./zstd.js";

export interface DataPage {
  /** Levels of each value that is there or could be. */
  readonly repetition: Buffer;
  readonly definition: Buffer;
  readonly encoding: number;
  /** What follows the levels. */
  readonly values: Uint8Array;
}

/** Levels go up to `max`; memory for them is taken once. */
interface Levels {
  readonly max: number;
  numbers: Buffer;
}

interface PageLevels {
  readonly repetition: Levels;
  readonly definition: Levels;
}

const codecs: ReadonlyMap<number, () => Promise<Decompress>> = new Map([
  [0, () => Promise.resolve((bytes: Uint8Array) => bytes)],
  [1, () => Promise.resolve(decompressSnappy)],
  [6, loadUnzstd],
]);
const pageType = {data: 0, index: 1, dictionary: 2, data2: 3} as const;
const headerField = {type: 1, plainLength: 2, length: 3, data: 5, dictionary: 7, data2: 8} as const;
/** Runs are the only way in which levels are written since parquet 2. */
const runEncoding = 3;

const blockBytes = 4 << 20;

/** Whether its compression is one that is read here. */
export const canReadPages = (chunk: ColumnChunk): boolean => codecs.has(findInteger(chunk.meta, metaField.codec) ?? -1);

/** Data pages in order; `onDictionary` gets the values of the dictionary before them. A page is valid until the next is asked for. */
export async function* readPages(
  file: {readonly handle: FileHandle; readonly path: string},
  chunk: ColumnChunk,
  {repetitionMax, definitionMax, onDictionary}: {readonly repetitionMax: number; readonly definitionMax: number; readonly onDictionary: (values: Uint8Array) => void},
): AsyncGenerator<DataPage> {
  const levels: PageLevels = {repetition: {max: repetitionMax, numbers: Buffer.alloc(0)}, definition: {max: definitionMax, numbers: Buffer.alloc(0)}};
  const decompress = await codecs.get(findInteger(chunk.meta, metaField.codec)!)!();
  const bytes = new ChunkBytes(file, chunk);
  while (bytes.hasMore) {
    const fields = await bytes.header();
    const body = await bytes.take(getInteger(fields, headerField.length));
    const plainLength = getInteger(fields, headerField.plainLength);
    const type = getInteger(fields, headerField.type);
    if (type === pageType.dictionary) onDictionary(decompress(body, plainLength));
    else if (type === pageType.data) yield splitPage(getStruct(fields, headerField.data), decompress(body, plainLength), levels);
    else if (type === pageType.data2) yield splitPage2(getStruct(fields, headerField.data2), {body, plainLength, decompress}, levels);
    else if (type !== pageType.index) throw new RangeError(`a page of type ${type}`);
  }
}

/** Levels and values compressed as one, levels with their length before them. */
function splitPage(header: ThriftStruct, body: Uint8Array, {repetition, definition}: PageLevels): DataPage {
  const count = getInteger(header, 1);
  if (getInteger(header, 3) !== runEncoding || getInteger(header, 4) !== runEncoding) throw new RangeError("levels of an old encoding");
  let at = 0;
  const next = (levels: Levels): Buffer => {
    if (at + 4 > body.length) throw new RangeError("a page ends too early");
    const length = new DataView(body.buffer, body.byteOffset + at).getUint32(0, true);
    at += 4 + length;
    return readLevels(body.subarray(at - length, at), levels, count);
  };
  return {repetition: next(repetition), definition: next(definition), encoding: getInteger(header, 2), values: body.subarray(at)};
}

interface Body {
  readonly body: Uint8Array;
  readonly plainLength: number;
  readonly decompress: Decompress;
}

/** Only the values are compressed, if they are. */
function splitPage2(header: ThriftStruct, {body, plainLength, decompress}: Body, {repetition, definition}: PageLevels): DataPage {
  const count = getInteger(header, 1);
  const definitionLength = getInteger(header, 5);
  const repetitionLength = getInteger(header, 6);
  const levelLength = repetitionLength + definitionLength;
  const isCompressed = header.get(7);
  const values = body.subarray(levelLength);
  const isPlain = isCompressed?.kind === "boolean" && !isCompressed.value;
  return {
    repetition: readLevels(body.subarray(0, repetitionLength), repetition, count),
    definition: readLevels(body.subarray(repetitionLength, levelLength), definition, count),
    encoding: getInteger(header, 4),
    values: isPlain || values.length === 0 ? values : decompress(values, plainLength - levelLength),
  };
}

function readLevels(bytes: Uint8Array, levels: Levels, count: number): Buffer {
  if (levels.numbers.length < count) levels.numbers = Buffer.alloc(count);
  const numbers = levels.numbers.subarray(0, count);
  readRuns(bytes, 32 - Math.clz32(levels.max), numbers);
  return numbers;
}

/** The bytes of a chunk, a block at a time in the same memory. */
class ChunkBytes {
  private block = new Uint8Array(0);
  private start = 0;
  private end = 0;
  private next: number;
  private readonly chunkEnd: number;

  constructor(
    private readonly file: {readonly handle: FileHandle; readonly path: string},
    {start, length}: ColumnChunk,
  ) {
    this.next = start;
    this.chunkEnd = start + length;
  }

  get hasMore(): boolean {
    return this.start < this.end || this.next < this.chunkEnd;
  }

  async header(): Promise<ThriftStruct> {
    // Statistics may make it long.
    for (let length = 4096; ; length *= 4) {
      await this.fill(length);
      try {
        const {fields, byteCount} = parseThriftHead(this.block.subarray(this.start, this.end));
        this.start += byteCount;
        return fields;
      } catch (error) {
        if (this.next === this.chunkEnd || length > blockBytes || !(error instanceof RangeError)) throw error;
      }
    }
  }

  /** Valid until more is asked for. */
  async take(length: number): Promise<Uint8Array> {
    await this.fill(length);
    if (this.end - this.start < length) throw new RangeError("a page reaches beyond its chunk");
    this.start += length;
    return this.block.subarray(this.start - length, this.start);
  }

  /** Makes at least so many bytes be there, unless the chunk ends. */
  private async fill(length: number): Promise<void> {
    const kept = this.end - this.start;
    if (kept >= length || this.next === this.chunkEnd) return;
    const wanted = Math.min(this.chunkEnd - this.next + kept, Math.max(length, blockBytes));
    const block = this.block.length < wanted ? new Uint8Array(wanted) : this.block;
    block.set(this.block.subarray(this.start, this.end));
    await readInto(this.file.handle, this.file.path, {start: this.next, bytes: block.subarray(kept, wanted)});
    this.next += wanted - kept;
    [this.block, this.start, this.end] = [block, 0, wanted];
  }
}

function getInteger(fields: ThriftStruct, id: number): number {
  const value = findInteger(fields, id);
  if (value === undefined || value < 0) throw new RangeError(`field ${id} of a page's header is missing`);
  return value;
}

function getStruct(fields: ThriftStruct, id: number): ThriftStruct {
  const value = findStruct(fields, id);
  if (!value) throw new RangeError(`field ${id} of a page's header is missing`);
  return value;
}
