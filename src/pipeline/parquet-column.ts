/** How a column that we encode ourselves stands in a parquet file: its part of the schema, and what its chunks say of themselves. */
import type {Dtype} from "../definitions/dtype.js";
import {metaField, schemaField} from "./parquet-footer.js";
import {i32, i32s, i64, struct, text, texts, type ThriftStruct, type ThriftValue} from "./thrift-compact.js";

export type VectorDtype = Extract<Dtype, {kind: "vector"}>;

/** A vector for each row, or a single float. */
export type EmbeddingDtype = VectorDtype | {readonly kind: "scalar"; readonly name: "FLOAT"};

/** A list of whole numbers beside them. */
export type SplicedDtype = EmbeddingDtype | {readonly kind: "list"; readonly name: "BIGINT"};

const physicalType = {int32: 1, int64: 2, float: 4, fixedLenByteArray: 7} as const;
const repetition = {optional: 1, repeated: 2} as const;
const convertedType = {list: 3, int8: 15, int64: 18} as const;
/** Members of the LogicalType union. */
const logicalType = {list: 3, integer: 10, float16: 15} as const;

/** Numbers of the encodings: PLAIN, RLE, DELTA_BINARY_PACKED and RLE_DICTIONARY. */
const encodings = {plain: [0, 3], deltas: [3, 5], dictionary: [0, 3, 8]} as const;

type Facts = readonly (readonly [number, ThriftValue])[];

const numberTypes: Readonly<Record<SplicedDtype["name"], Facts>> = {
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
}

const codec = {none: 0, zstd: 6} as const;

export function renderChunkMeta(chunk: ChunkFacts): ThriftValue {
  const {dtype} = chunk;
  const [, type] = numberTypes[dtype.name].find(([field]) => field === schemaField.type)!;
  const hasDictionary = chunk.dataStart !== chunk.start;
  return struct([
    [metaField.type, type],
    [metaField.encodings, i32s(hasDictionary ? encodings.dictionary : dtype.kind === "list" ? encodings.deltas : encodings.plain)],
    [metaField.path, texts(dtype.kind === "scalar" ? [chunk.name] : [chunk.name, "list", "element"])],
    [metaField.codec, i32(chunk.isCompressed ? codec.zstd : codec.none)],
    [metaField.valueCount, i64(chunk.valueCount)],
    [metaField.uncompressedByteCount, i64(chunk.plainByteCount)],
    [metaField.compressedByteCount, i64(chunk.byteCount)],
    [metaField.dataPageOffset, i64(chunk.dataStart)],
    ...(hasDictionary ? ([[metaField.dictionaryPageOffset, i64(chunk.start)]] as const) : []),
    // The third statistic is the number of NULLs. Nobody looks for lists by their bounds.
    [metaField.statistics, struct([[3, i64(chunk.nullCount)]])],
  ]);
}
