/**
 * History in the order in which it came. Each row is put where others of its keys lie, because a key's rows are asked for together: what is
 * read by key from all over the history would miss the processor's caches row by row.
 */
import {isSet, type RawChunk} from "../raw-vectors.js";
import {appendElements, Growing, readFlagWords, type Columns, type Shape} from "./columns.js";

/** What orders rows of one key and instant, as columns of the history. */
export interface RowOrder {
  /** Whole numbers of up to 64 bits, ascending, with the flags that tell where they are not NULL; NULL comes first. */
  readonly columns: readonly {readonly column: number; readonly flag: {readonly word: number; readonly bit: number}}[];
  /** Hashes of the value that would decide next, 0 where it is not kept; undefined: rows still equal are interchangeable. */
  readonly tie: number | undefined;
}

/** Values of arrived rows. The elements of lists lie by the parts that rows are kept in. */
export interface ArrivedColumn {
  readonly width: number;
  readonly bytes: SharedArrayBuffer;
  readonly lists: {readonly starts: Int32Array; readonly ends: Int32Array; readonly parts: readonly ArrivedElements[]} | undefined;
}

export interface ArrivedElements {
  /** Values side by side, and for each a 1 where it is not NULL. */
  readonly data: Uint8Array;
  readonly present: Uint8Array;
}

/** All rows of the keys from `firstKey` on, up to another key. */
export interface ArrivedBlock {
  /** They hold other rows, too, and rows that are none; elements are those of the block's parts alone. */
  readonly columns: Omit<Columns, "values"> & {readonly values: readonly ArrivedColumn[]};
  /** Where the block's rows lie, in the order in which they came: from each even entry to the one after it. */
  readonly stretches: Int32Array;
  /** How many rows each of its parts has; they follow each other. */
  readonly partRows: readonly number[];
  readonly rowCount: number;
  readonly firstKey: number;
  readonly keyCount: number;
  readonly order: RowOrder;
}

/** Neighbouring keys are kept together in so many parts, each of which grows by so many rows. */
const partCount = 64;
const stretchRows = 1024;

export class ArrivalsBuilder {
  private readonly firstKey: number;
  private readonly keysOfPart: number;
  /** Of each part where its stretches begin, the place of its next row, and the end of its last stretch. */
  private readonly starts: readonly number[][] = Array.from({length: partCount}, () => []);
  private readonly next = new Int32Array(partCount);
  private readonly end = new Int32Array(partCount);
  private placeCount = 0;
  private capacity = 0;
  private readonly key = new Growing(0, true);
  private readonly ts = new Growing(0, true);
  private readonly flags: readonly Growing[];
  private readonly values: readonly {readonly data: Growing; readonly starts: Growing; readonly ends: Growing; readonly parts: readonly {readonly data: Growing; readonly present: Growing}[]}[];

  /** All of the above. */
  private readonly reserved: readonly Growing[];

  /** @param keys the only ones that will come */
  constructor(
    private readonly shape: Shape,
    keys: {readonly first: number; readonly last: number},
  ) {
    this.firstKey = keys.first;
    this.keysOfPart = Math.max(1, Math.ceil((keys.last - keys.first + 1) / partCount));
    this.flags = Array.from({length: shape.flagWords}, () => new Growing(0, true));
    this.values = shape.values.map(({isList}) => ({
      data: new Growing(0, true),
      starts: new Growing(0, true),
      ends: new Growing(0, true),
      parts: Array.from({length: isList ? partCount : 0}, () => ({data: new Growing(0), present: new Growing(0)})),
    }));
    this.reserved = [this.key, this.ts, ...this.flags, ...this.values.flatMap(({data, starts, ends, parts}) => [data, starts, ends, ...parts.flatMap((part) => [part.data, part.present])])];
  }

  append({rowCount, columns}: RawChunk): void {
    const [key, ts, ...others] = columns;
    const keys = new Int32Array(key!.data.buffer, key!.data.byteOffset, rowCount);
    const places = this.placeRows(keys);
    scatter(key!.data, this.key, {places, width: 4});
    scatter(ts!.data, this.ts, {places, width: 8});
    for (const [at, words] of readFlagWords(this.shape, {rowCount, columns}).entries()) scatter(new Uint8Array(words.buffer), this.flags[at]!, {places, width: 4});
    this.shape.values.forEach(({isList, width}, at) => {
      const {data, validity, child} = others[this.flags.length + at]!;
      const value = this.values[at]!;
      if (!isList) return scatter(data, value.data, {places, width});
      const [starts, ends] = [new Int32Array(value.starts.bytes), new Int32Array(value.ends.bytes)];
      const entries = new Uint32Array(data.buffer, data.byteOffset, 4 * rowCount);
      for (let row = 0; row < rowCount; row += 1) {
        const length = isSet(validity, row) ? entries[4 * row + 2]! : 0;
        const elements = value.parts[this.partOf(keys[row]!)]!;
        starts[places[row]!] = elements.present.used;
        if (length > 0) appendElements(child!, {offset: entries[4 * row]!, length, width}, elements);
        ends[places[row]!] = elements.present.used;
      }
    });
  }

  /** What is reserved for the rows so far. */
  get byteCount(): number {
    let sum = 0;
    for (const {bytes} of this.reserved) sum += bytes.byteLength;
    return sum;
  }

  /** Blocks by key, of at least so many rows but for the last; there is at least one. */
  *blocks(order: RowOrder, rowsMin: number): Generator<ArrivedBlock> {
    let [stretches, partRows, rowCount, firstPart]: [number[], number[], number, number] = [[], [], 0, 0];
    for (const [at, starts] of this.starts.entries()) {
      const before = rowCount;
      for (const start of starts) {
        const end = start === starts.at(-1) ? this.next[at]! : start + stretchRows;
        stretches.push(start, end);
        rowCount += end - start;
      }
      partRows.push(rowCount - before);
      if (rowCount < rowsMin && at < partCount - 1) continue;
      const keys = {firstKey: this.firstKey + firstPart * this.keysOfPart, keyCount: (at + 1 - firstPart) * this.keysOfPart};
      yield {columns: this.columns(firstPart, at + 1), order, stretches: Int32Array.from(stretches), partRows, rowCount, ...keys};
      [stretches, partRows, rowCount, firstPart] = [[], [], 0, at + 1];
    }
  }

  private columns(firstPart: number, endPart: number): ArrivedBlock["columns"] {
    return {
      rowCount: this.placeCount,
      key: new Int32Array(this.key.bytes),
      ts: new Float64Array(this.ts.bytes),
      flags: this.flags.map(({bytes}) => new Int32Array(bytes)),
      values: this.shape.values.map(({width, isList}, at): ArrivedColumn => {
        const {data, starts, ends, parts} = this.values[at]!;
        const elements = parts.slice(firstPart, endPart).map((part) => ({data: part.data.written, present: part.present.written}));
        return {width, bytes: data.bytes, lists: isList ? {starts: new Int32Array(starts.bytes), ends: new Int32Array(ends.bytes), parts: elements} : undefined};
      }),
    };
  }

  private partOf(key: number): number {
    return Math.floor((key - this.firstKey) / this.keysOfPart);
  }

  private placeRows(keys: Int32Array): Int32Array {
    const places = new Int32Array(keys.length);
    const {next, end} = this;
    for (let row = 0; row < keys.length; row += 1) {
      const part = this.partOf(keys[row]!);
      if (next[part] === end[part]) this.beginStretch(part);
      places[row] = next[part]!;
      next[part]! += 1;
    }
    return places;
  }

  private beginStretch(part: number): void {
    if (this.placeCount === this.capacity) this.grow();
    this.starts[part]!.push(this.placeCount);
    this.next[part] = this.placeCount;
    this.placeCount += stretchRows;
    this.end[part] = this.placeCount;
  }

  private grow(): void {
    this.capacity = Math.max(2 * this.capacity, partCount * stretchRows);
    this.key.resize(4 * this.capacity);
    this.ts.resize(8 * this.capacity);
    for (const words of this.flags) words.resize(4 * this.capacity);
    this.shape.values.forEach(({width, isList}, at) => {
      const {data, starts, ends} = this.values[at]!;
      for (const lists of isList ? [starts, ends] : []) lists.resize(4 * this.capacity);
      if (!isList) data.resize(width * this.capacity);
    });
  }
}

function scatter(data: Uint8Array, {bytes}: Growing, {places, width}: {readonly places: Int32Array; readonly width: number}): void {
  if (width === 1) {
    const to = new Uint8Array(bytes);
    for (let row = 0; row < places.length; row += 1) to[places[row]!] = data[row]!;
    return;
  }
  const from = new Int32Array(data.buffer, data.byteOffset, (places.length * width) / 4);
  const to = new Int32Array(bytes);
  if (width === 4) {
    for (let row = 0; row < places.length; row += 1) to[places[row]!] = from[row]!;
    return;
  }
  // As halves: doubles would lose bits of what is no number, and each BigInt is an object until V8 has optimised the loop.
  for (let row = 0; row < places.length; row += 1) {
    const place = 2 * places[row]!;
    to[place] = from[2 * row]!;
    to[place + 1] = from[2 * row + 1]!;
  }
}
