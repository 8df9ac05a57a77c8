/** Data pages: PLAIN values, or bytes as numbers of a dictionary, behind run-length encoded levels, or what a kernel encoded, as every parquet reader takes them. */
import {viewBytes} from "../engines/raw-vectors.js";
import type {Compress} from "./zstd.js";
import {i32, renderThriftStruct, struct, type ThriftStruct} from "./thrift-compact.js";

/** Rows of a list column, packed. Halves are their 16 bits, a byte stands for what is 128 less. */
export interface ListPage {
  readonly rowCount: number;
  /** List r is `values[offsets[r] .. offsets[r + 1])`; `rowCount + 1` entries, the first 0. */
  readonly offsets: Int32Array;
  /** 1 where the list is NULL (its range is then empty); an empty range without it is an empty list. */
  readonly isNull: Uint8Array;
  readonly values: Uint16Array | Float32Array | Uint8Array;
}

/** Rows of a column of single floats. */
export interface ScalarPage {
  readonly rowCount: number;
  readonly isNull: Uint8Array;
  /** Of the rows that are not NULL, one after another. */
  readonly values: Float32Array;
}

/** Definition levels of `optional group (LIST) { repeated group list { optional element } }`. */
const level = {nullList: 0, emptyList: 1, value: 3} as const;
const pageType = {data: 0, dictionary: 2} as const;
const encoding = {plain: 0, rle: 3, dictionary: 8} as const;

export interface EncodedPage {
  /** Header, levels and values: written one after another. */
  readonly parts: readonly Uint8Array[];
  readonly byteCount: number;
  /** The same before it was compressed. */
  readonly plainByteCount: number;
  /** Levels in the page: elements, and one for each NULL or empty list. */
  readonly valueCount: number;
  readonly rowCount: number;
  readonly nullCount: number;
}

export function renderListPage(page: ListPage, compress?: Compress): EncodedPage {
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
  return renderDataPage({...page, valueCount, values, levels: [...repetition.render(), ...definition.render()]}, compress);
}

export function renderScalarPage(page: ScalarPage, compress?: Compress): EncodedPage {
  const definition = new RunWriter();
  for (let row = 0; row < page.rowCount; row++) definition.add(page.isNull[row] ? 0 : 1, 1);
  return renderDataPage({...page, valueCount: page.rowCount, levels: definition.render()}, compress);
}

/** The numbers that bytes stand for, as the dictionary of a chunk. */
export function renderByteDictionary(compress?: Compress): EncodedDictionary {
  const values = Int32Array.from({length: 256}, (_, byte) => byte - 128);
  return renderDictionary(new Uint8Array(values.buffer), values.length, compress);
}

export type EncodedDictionary = Pick<EncodedPage, "parts" | "byteCount" | "plainByteCount">;

/** The values that numbers of a chunk stand for, side by side. */
export function renderDictionary(values: Uint8Array, entryCount: number, compress?: Compress): EncodedDictionary {
  return renderPage([values], {type: pageType.dictionary, field: 7, facts: [[1, i32(entryCount)], [2, i32(encoding.plain)]]}, compress);
}

/** A data page whose levels and values lie one after another. */
export interface PageBody extends Pick<EncodedPage, "valueCount" | "rowCount" | "nullCount"> {
  readonly encoding: number;
  readonly body: readonly Uint8Array[];
}

export function renderBody({valueCount, rowCount, nullCount, encoding: code, body}: PageBody, compress?: Compress): EncodedPage {
  const facts: Facts = [
    [1, i32(valueCount)],
    [2, i32(code)],
    [3, i32(encoding.rle)],
    [4, i32(encoding.rle)],
  ];
  return {...renderPage(body, {type: pageType.data, field: 5, facts}, compress), valueCount, rowCount, nullCount};
}

interface DataPage {
  readonly rowCount: number;
  readonly isNull: Uint8Array;
  readonly valueCount: number;
  readonly levels: readonly Uint8Array[];
  readonly values: ListPage["values"];
}

function renderDataPage({rowCount, isNull, valueCount, levels, values}: DataPage, compress: Compress | undefined): EncodedPage {
  const encoded = encodeValues(values);
  let nullCount = 0;
  for (let row = 0; row < rowCount; row++) nullCount += isNull[row] ? 1 : 0;
  return renderBody({rowCount, valueCount, nullCount, encoding: encoded.encoding, body: [...levels, ...encoded.parts]}, compress);
}

function encodeValues(values: ListPage["values"]): {readonly encoding: number; readonly parts: readonly Uint8Array[]} {
  if (values instanceof Uint8Array) return {encoding: encoding.dictionary, parts: renderIndices(values)};
  return {encoding: encoding.plain, parts: [viewBytes(values)]};
}

type Facts = Parameters<typeof struct>[0];

/** The header and the body, of which levels and values are compressed as one. */
function renderPage(body: readonly Uint8Array[], page: {type: number; field: number; facts: Facts}, compress: Compress | undefined): Pick<EncodedPage, "parts" | "byteCount" | "plainByteCount"> {
  const plainLength = body.reduce((sum, part) => sum + part.length, 0);
  const written = compress ? [compress(Buffer.concat(body))] : body;
  const length = written.reduce((sum, part) => sum + part.length, 0);
  const header: ThriftStruct = new Map([[1, i32(page.type)], [2, i32(plainLength)], [3, i32(length)], [page.field, struct(page.facts)]]);
  const head = renderThriftStruct(header);
  return {parts: [head, ...written], byteCount: head.length + length, plainByteCount: head.length + plainLength};
}

/** Bytes as numbers of eight bits in one bit-packed run: that is how they lie in memory already. Runs hold whole groups of eight. */
function renderIndices(bytes: Uint8Array): Uint8Array[] {
  const groups = Math.ceil(bytes.length / 8);
  const head = [8];
  let rest = groups * 2 + 1;
  for (; rest > 127; rest = Math.floor(rest / 128)) head.push((rest & 127) | 128);
  head.push(rest);
  return [Uint8Array.from(head), bytes, new Uint8Array(groups * 8 - bytes.length)];
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
