/** Rows as typed arrays over shared memory: what is read from DuckDB once, and by all threads in place. */
import {isSet, type RawChunk, type RawColumn} from "../raw-vectors.js";

/** How the columns of a query travel: `key`, `ts`, the words of flags, then values. */
export interface Shape {
  /** Words of 31 flags each. */
  readonly flagWords: number;
  /** Values whose presence is a flag, which the query leaves at 0. */
  readonly presence: readonly {readonly value: number; readonly flag: number}[];
  readonly values: readonly {readonly width: number; readonly isList: boolean}[];
}

/** One value column of many rows. What stands for NULL is undefined; flags tell. */
export interface ValueColumn {
  readonly width: number;
  readonly bytes: SharedArrayBuffer;
  /** Of lists, for row r: elements `starts[r]` to `ends[r]`, of which those with a 1 in `present` are not NULL. */
  readonly lists: {readonly starts: Int32Array; readonly ends: Int32Array; readonly present: Uint8Array} | undefined;
}

/** Rows sorted by key and instant. */
export interface Columns {
  readonly rowCount: number;
  readonly key: Int32Array;
  readonly ts: Float64Array;
  readonly flags: readonly Int32Array[];
  readonly values: readonly ValueColumn[];
}

const flagsPerWord = 31;

export const flagWordsOf = (flagCount: number): number => Math.ceil(flagCount / flagsPerWord);

/** SQL of the words that hold these conditions, none of which may be NULL. What is none is left at 0. */
export function renderFlagWords(conditions: readonly (string | number)[]): string[] {
  const words: string[] = [];
  for (let start = 0; start < conditions.length; start += flagsPerWord) {
    const terms = conditions.slice(start, start + flagsPerWord).flatMap((sql, at) => (typeof sql === "string" ? [`(CAST((${sql}) AS INTEGER) << ${at})`] : []));
    words.push(`CAST(${terms.length === 0 ? "0" : terms.join(" | ")} AS INTEGER)`);
  }
  return words;
}

/** The words of a chunk's flags, with those of the presence of values. */
function readFlagWords({flagWords, presence}: Shape, {rowCount, columns}: RawChunk): Int32Array[] {
  const words = columns.slice(2, 2 + flagWords).map(({data}) => new Int32Array(data.buffer, data.byteOffset, rowCount).slice());
  for (const {value, flag} of presence) {
    const {word, bit} = placeFlag(flag);
    const {validity} = columns[2 + flagWords + value]!;
    const flags = words[word]!;
    if (validity) for (let row = 0; row < rowCount; row += 1) flags[row]! |= isSet(validity, row) ? bit : 0;
    else for (let row = 0; row < rowCount; row += 1) flags[row]! |= bit;
  }
  return words;
}

/** The number of the word that holds a flag, and its bit in it. */
export const placeFlag = (flag: number): {readonly word: number; readonly bit: number} => ({word: Math.floor(flag / flagsPerWord), bit: 1 << flag % flagsPerWord});

/** A flag of undefined is true for every row. */
export function findFlag(columns: Pick<Columns, "flags">, flag: number | undefined): {readonly word: Int32Array | undefined; readonly bit: number} {
  if (flag === undefined) return {word: undefined, bit: 0};
  const {word, bit} = placeFlag(flag);
  return {word: columns.flags[word]!, bit};
}

/** What is appended byte by byte is copied in a loop: to describe it to a copy takes longer. */
const fewBytes = 64;

class Growing {
  bytes: SharedArrayBuffer;
  view: Uint8Array;
  used = 0;

  constructor(capacity: number) {
    this.bytes = new SharedArrayBuffer(capacity);
    this.view = new Uint8Array(this.bytes);
  }

  append(data: Uint8Array, from = 0, to = data.length): void {
    const length = to - from;
    this.reserve(length);
    if (length <= fewBytes) for (let at = 0; at < length; at += 1) this.view[this.used + at] = data[from + at]!;
    else this.view.set(data.subarray(from, to), this.used);
    this.used += length;
  }

  reserve(more: number): void {
    if (this.used + more <= this.bytes.byteLength) return;
    const {view} = this;
    this.bytes = new SharedArrayBuffer(Math.max(this.used + more, 2 * view.length));
    this.view = new Uint8Array(this.bytes);
    this.view.set(view);
  }
}

/** Appends some elements of a list column, and which of them are not NULL. */
function appendElements({data, validity}: RawColumn, {offset, length, width}: {readonly offset: number; readonly length: number; readonly width: number}, to: {readonly data: Growing; readonly present: Growing}): void {
  to.data.append(data, offset * width, (offset + length) * width);
  to.present.reserve(length);
  for (let at = 0; at < length; at += 1) to.present.view[to.present.used + at] = isSet(validity, offset + at) ? 1 : 0;
  to.present.used += length;
}

/** Collects chunks of a sorted query, and gives them away up to the last key that is complete. */
export class ColumnsBuilder {
  private readonly key: Growing;
  private readonly ts: Growing;
  private readonly flags: readonly Growing[];
  private readonly values: readonly {readonly data: Growing; readonly starts: Growing; readonly present: Growing}[];
  rowCount = 0;
  /** Where the rows of the last key begin. */
  lastKeyStart = 0;
  private lastKey: number | undefined;

  constructor(
    private readonly shape: Shape,
    capacity: number,
  ) {
    const growing = (width: number): Growing => new Growing(Math.max(64, (capacity + 1) * width));
    this.key = growing(4);
    this.ts = growing(8);
    this.flags = Array.from({length: shape.flagWords}, () => growing(4));
    this.values = shape.values.map(({width, isList}) => ({data: growing(width), starts: growing(isList ? 4 : 0), present: growing(isList ? 1 : 0)}));
    for (const {starts} of this.values) starts.append(new Uint8Array(4));
  }

  append({rowCount, columns}: RawChunk): void {
    this.followKeys(columns[0]!.data, rowCount);
    this.key.append(columns[0]!.data);
    this.ts.append(columns[1]!.data);
    for (const [at, words] of readFlagWords(this.shape, {rowCount, columns}).entries()) this.flags[at]!.append(new Uint8Array(words.buffer));
    this.shape.values.forEach(({isList, width}, at) => {
      const column = columns[2 + this.flags.length + at]!;
      if (isList) this.appendLists(this.values[at]!, column, rowCount, width);
      else this.values[at]!.data.append(column.data);
    });
    this.rowCount += rowCount;
  }

  /** Lists of a chunk may lie anywhere in its child, and a NULL list is an empty one. */
  private appendLists({data, starts, present}: {data: Growing; starts: Growing; present: Growing}, {data: entries, validity, child}: RawColumn, rowCount: number, width: number): void {
    const pairs = new Uint32Array(entries.buffer, entries.byteOffset, rowCount * 4);
    const ends = new Int32Array(rowCount);
    let total = data.used / width;
    for (let row = 0; row < rowCount; row += 1) {
      if (isSet(validity, row)) {
        const length = pairs[4 * row + 2]!;
        appendElements(child!, {offset: pairs[4 * row]!, length, width}, {data, present});
        total += length;
      }
      ends[row] = total;
    }
    starts.append(new Uint8Array(ends.buffer));
  }

  /** Looks at each key once, however many chunks one key has: a search from the end for each chunk would take quadratic time. */
  private followKeys(data: Uint8Array, rowCount: number): void {
    const keys = new Int32Array(data.buffer, data.byteOffset, rowCount);
    const last = keys[rowCount - 1];
    let start = rowCount;
    while (start > 0 && keys[start - 1] === last) start -= 1;
    if (start > 0 || last !== this.lastKey) this.lastKeyStart = this.rowCount + start;
    this.lastKey = last;
  }

  /** The first `rowCount` rows, and a builder that goes on with the others. */
  split(rowCount: number, capacity: number): {readonly columns: Columns; readonly rest: ColumnsBuilder} {
    const rest = new ColumnsBuilder(this.shape, capacity);
    const move = (from: Growing, to: Growing, width: number): void => to.append(from.view.subarray(rowCount * width, this.rowCount * width));
    move(this.key, rest.key, 4);
    move(this.ts, rest.ts, 8);
    this.flags.forEach((words, at) => move(words, rest.flags[at]!, 4));
    this.shape.values.forEach(({width, isList}, at) => {
      const [from, to] = [this.values[at]!, rest.values[at]!];
      if (!isList) return move(from.data, to.data, width);
      const starts = new Int32Array(from.starts.bytes, 0, this.rowCount + 1);
      const first = starts[rowCount]!;
      to.data.append(from.data.view.subarray(first * width, from.data.used));
      to.present.append(from.present.view.subarray(first, from.present.used));
      to.starts.append(new Uint8Array(starts.slice(rowCount + 1).map((start) => start - first).buffer));
    });
    rest.rowCount = this.rowCount - rowCount;
    rest.lastKeyStart = Math.max(0, this.lastKeyStart - rowCount);
    rest.lastKey = this.lastKey;
    return {columns: this.finish(rowCount), rest};
  }

  finish(rowCount = this.rowCount): Columns {
    return {
      rowCount,
      key: new Int32Array(this.key.bytes, 0, rowCount),
      ts: new Float64Array(this.ts.bytes, 0, rowCount),
      flags: this.flags.map((words) => new Int32Array(words.bytes, 0, rowCount)),
      values: this.shape.values.map(({width, isList}, at) => {
        const {data, starts, present} = this.values[at]!;
        const lists = isList ? {starts: new Int32Array(starts.bytes, 0, rowCount), ends: new Int32Array(starts.bytes, 4, rowCount), present: new Uint8Array(present.bytes)} : undefined;
        return {width, bytes: data.bytes, lists};
      }),
    };
  }
}
