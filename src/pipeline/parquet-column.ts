/** How a column that we encode ourselves stands in a parquet file: its part of the schema, and what its chunks say of themselves. */
import type {Dtype} from "../definitions/dtype.js";
import {metaField, schemaField} from "./parquet-footer.js";
import {numberKind, type NumberKind} from "./page-kernels.js";
import {i32, i32s, i64, struct, text, texts, type ThriftStruct, type ThriftValue} from "./thrift-compact.js";

export type VectorDtype = Extract<Dtype, {kind: "vector"}>;

/** A vector for each row, or a single float. */
export type EmbeddingDtype = VectorDtype | {readonly kind: "scalar"; readonly name: "FLOAT"};

/** Single numbers of an engine: those types of DuckDB that have a fixed width. */
export type NumberType = "BOOLEAN" | "INTEGER" | "DATE" | "BIGINT" | "TIMESTAMP" | "FLOAT" | "DOUBLE";

/** A list of whole numbers beside them, and single numbers. */
export type SplicedDtype = EmbeddingDtype | {readonly kind: "list"; readonly name: "BIGINT"} | {readonly kind: "scalar"; readonly name: NumberType};

const physicalType = {boolean: 0, int32: 1, int64: 2, float: 4, double: 5, fixedLenByteArray: 7} as const;
const repetition = {optional: 1, repeated: 2} as const;
const convertedType = {list: 3, date: 6, timestampMicros: 10, int8: 15, int32: 17, int64: 18} as const;
/** Members of the LogicalType union. */
const logicalType = {list: 3, timestamp: 8, integer: 10, float16: 15} as const;

/** Numbers of the encodings: PLAIN, RLE, DELTA_BINARY_PACKED and RLE_DICTIONARY. */
const encodings = {plain: [0, 3], deltas: [3, 5], dictionary: [0, 3, 8]} as const;
const rle = 3;

const numberTypesInMemory: Readonly<Record<NumberType, {readonly kind: NumberKind; readonly width: number}>> = {
  BOOLEAN: {kind: numberKind.boolean, width: 1},
  INTEGER: {kind: numberKind.integer, width: 4},
  DATE: {kind: numberKind.integer, width: 4},
  BIGINT: {kind: numberKind.bigint, width: 8},
  TIMESTAMP: {kind: numberKind.bigint, width: 8},
  FLOAT: {kind: numberKind.float, width: 4},
  DOUBLE: {kind: numberKind.double, width: 8},
};

export const numberKindOf = (type: NumberType): NumberKind => numberTypesInMemory[type].kind;
/** Bytes of a value, and of a bound. */
export const widthOfNumber = (type: NumberType): number => numberTypesInMemory[type].width;

type Facts = readonly (readonly [number, ThriftValue])[];

/** As DuckDB describes them. */
const numberTypes: Readonly<Record<SplicedDtype["name"], Facts>> = {
  BOOLEAN: [[schemaField.type, i32(physicalType.boolean)]],
  INTEGER: [
    [schemaField.type, i32(physicalType.int32)],
    [schemaField.convertedType, i32(convertedType.int32)],
  ],
  DATE: [
    [schemaField.type, i32(physicalType.int32)],
    [schemaField.convertedType, i32(convertedType.date)],
  ],
  TIMESTAMP: [
    [schemaField.type, i32(physicalType.int64)],
    [schemaField.convertedType, i32(convertedType.timestampMicros)],
    // Microseconds of no zone: neither adjusted to UTC, nor another unit.
    [schemaField.logicalType, struct([[logicalType.timestamp, struct([[1, {kind: "boolean", value: false}], [2, struct([[2, struct([])]])]])]])],
  ],
  DOUBLE: [[schemaField.type, i32(physicalType.double)]],
  BIGINT: [
    [schemaField.type, i32(physicalType.int64)],
    [schemaField.convertedType, i32(convertedType.int64)],
  ],
  FLOAT: [[schemaField.type, i32(physicalType.float)]],
  HALF_FLOAT: [
    [schemaField.type, i32(physicalType.fixedLenByteArray)],
    [schemaField.typeLength, i32(2)],
    [schemaField.logicalType, struct([[logicalType.float16, struct([])]])],
  ],
  TINYINT: [
    [schemaField.type, i32(physicalType.int32)],
    [schemaField.convertedType, i32(convertedType.int8)],
    [schemaField.logicalType, struct([[logicalType.integer, struct([[1, {kind: "byte", value: 8}], [2, {kind: "boolean", value: true}]])]])],
  ],
};

/** `optional group NAME (LIST) { repeated group list { optional element } }`, the shape that DuckDB and Arrow write too, or a plain column. */
export function renderElements(name: string, dtype: SplicedDtype): ThriftStruct[] {
  const leaf = (leafName: string): ThriftStruct =>
    new Map([...numberTypes[dtype.name], [schemaField.repetition, i32(repetition.optional)], [schemaField.name, text(leafName)]]);
  if (dtype.kind === "scalar") return [leaf(name)];
  const list: ThriftStruct = new Map([
    [schemaField.repetition, i32(repetition.optional)],
    [schemaField.name, text(name)],
    [schemaField.childCount, i32(1)],
    [schemaField.convertedType, i32(convertedType.list)],
    [schemaField.logicalType, struct([[logicalType.list, struct([])]])],
  ]);
  const repeated: ThriftStruct = new Map([
    [schemaField.repetition, i32(repetition.repeated)],
    [schemaField.name, text("list")],
    [schemaField.childCount, i32(1)],
  ]);
  return [list, repeated, leaf("element")];
}

export interface ChunkFacts {
  readonly name: string;
  readonly dtype: SplicedDtype;
  readonly start: number;
  /** Where the first data page starts: after the dictionary, if there is one. */
  readonly dataStart: number;
  readonly byteCount: number;
  /** The same before pages were compressed. */
  readonly plainByteCount: number;
  readonly isCompressed: boolean;
  readonly valueCount: number;
  readonly nullCount: number;
  /** Of data pages, where it is not what all columns of the type have. */
  readonly encoding?: number | undefined;
  readonly bounds?: NumberBounds | undefined;
}

/** The least and the greatest number, as bytes of the physical type. */
export interface NumberBounds {
  readonly least: Uint8Array;
  readonly most: Uint8Array;
}

const codec = {none: 0, zstd: 6} as const;

export function renderChunkMeta(chunk: ChunkFacts): ThriftValue {
  const {dtype} = chunk;
  const [, type] = numberTypes[dtype.name].find(([field]) => field === schemaField.type)!;
  const hasDictionary = chunk.dataStart !== chunk.start;
  return struct([
    [metaField.type, type],
    [metaField.encodings, i32s(hasDictionary ? encodings.dictionary : chunk.encoding !== undefined ? [rle, chunk.encoding] : dtype.kind === "list" ? encodings.deltas : encodings.plain)],
    [metaField.path, texts(dtype.kind === "scalar" ? [chunk.name] : [chunk.name, "list", "element"])],
    [metaField.codec, i32(chunk.isCompressed ? codec.zstd : codec.none)],
    [metaField.valueCount, i64(chunk.valueCount)],
    [metaField.uncompressedByteCount, i64(chunk.plainByteCount)],
    [metaField.compressedByteCount, i64(chunk.byteCount)],
    [metaField.dataPageOffset, i64(chunk.dataStart)],
    ...(hasDictionary ? ([[metaField.dictionaryPageOffset, i64(chunk.start)]] as const) : []),
    [metaField.statistics, struct([...renderBounds(chunk.bounds), [3, i64(chunk.nullCount)]])],
  ]);
}

/** Fields of the statistics, the older ones too. Nobody looks for lists by their bounds. */
function renderBounds(bounds: NumberBounds | undefined): [number, ThriftValue][] {
  if (!bounds) return [];
  const {least, most} = bounds;
  const isExact: ThriftValue = {kind: "boolean", value: true};
  return [...([[1, most], [2, least], [5, most], [6, least]] as const).map(([field, value]): [number, ThriftValue] => [field, {kind: "binary", value}]), [7, isExact], [8, isExact]];
}
