/** Data pages of a list column: PLAIN values behind run-length encoded levels, as every parquet reader takes them. */
import {i32, renderThriftStruct, struct} from "./thrift-compact.js";

/** Rows of a list column, packed. Halves are their 16 bits. */
export interface ListPage {
  readonly rowCount: number;
  /** List r is `values[offsets[r] .. offsets[r + 1])`; `rowCount + 1` entries, the first 0. */
  readonly offsets: Int32Array;
  /** 1 where the list is NULL (its range is then empty); an empty range without it is an empty list. */
  readonly isNull: Uint8Array;
  readonly values: Uint16Array | Float32Array;
}

/** Definition levels of `optional group (LIST) { repeated group list { optional element } }`. */
const level = {nullList: 0, emptyList: 1, value: 3} as const;
const pageType = 0;
const encoding = {plain: 0, rle: 3} as const;

export interface EncodedPage {
  /** Header, levels and values: written one after another. */
  readonly parts: readonly Uint8Array[];
  readonly byteCount: number;
  /** Levels in the page: elements, and one for each NULL or empty list. */
  readonly valueCount: number;
}

export function renderListPage(page: ListPage): EncodedPage {
  const repetition = new RunWriter();
  const definition = new RunWriter();
  let valueCount = 0;
  for (let row = 0; row < page.rowCount; row++) {
    const length = page.offsets[row + 1]! - page.offsets[row]!;
    repetition.add(0, 1);
    if (length > 1) repetition.add(1, length - 1);
    if (length > 0) definition.add(level.value, length);
    else definition.add(page.isNull[row] ? level.nullList : level.emptyList, 1);
    valueCount += Math.max(length, 1);
  }
  const values = page.values.subarray(0, page.offsets[page.rowCount]);
  const body = [...repetition.render(), ...definition.render(), new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
  const bodyLength = body.reduce((sum, part) => sum + part.length, 0);
  const header = renderThriftStruct(
    new Map([
      [1, i32(pageType)],
      [2, i32(bodyLength)],
      [3, i32(bodyLength)],
      [5, struct([[1, i32(valueCount)], [2, i32(encoding.plain)], [3, i32(encoding.rle)], [4, i32(encoding.rle)]])],
    ]),
  );
  return {parts: [header, ...body], byteCount: header.length + bodyLength, valueCount};
}

/** Levels below 256 as runs: a varint of twice the length, then the level. Bit-packed groups are never needed. */
class RunWriter {
  private bytes = new Uint8Array(256);
  private length = 0;
  private level = -1;
  private runLength = 0;

  add(level: number, count: number): void {
    if (level !== this.level) {
      this.endRun();
      this.level = level;
    }
    this.runLength += count;
  }

  /** The length as a little-endian word, then the runs. */
  render(): Uint8Array[] {
    this.endRun();
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setUint32(0, this.length, true);
    return [prefix, this.bytes.subarray(0, this.length)];
  }

  private endRun(): void {
    if (this.runLength === 0) return;
    if (this.length + 8 > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    let rest = this.runLength * 2;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.bytes[this.length++] = (rest & 127) | 128;
    this.bytes[this.length++] = rest;
    this.bytes[this.length++] = this.level;
    this.runLength = 0;
  }
}
