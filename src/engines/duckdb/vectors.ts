/** The one file that knows `@duckdb/node-bindings`: chunks as bytes, and functions whose results are written vector by vector. */
import duckdb from "@duckdb/node-bindings";
import {GarbageCount} from "../garbage.js";
import {chunkRows, listEntryBytes, widthOf, type ProvidedFunction, type RawChunk, type RawColumn, type WrittenColumn} from "../raw-vectors.js";

const logicalTypes: ReadonlyMap<string, duckdb.Type> = new Map([
  ["BOOLEAN", duckdb.Type.BOOLEAN],
  ["INTEGER", duckdb.Type.INTEGER],
  ["FLOAT", duckdb.Type.FLOAT],
  ["DATE", duckdb.Type.DATE],
  ["BIGINT", duckdb.Type.BIGINT],
  ["DOUBLE", duckdb.Type.DOUBLE],
  ["TIMESTAMP", duckdb.Type.TIMESTAMP],
]);

/** @param types of the columns, as `widthOf` takes them */
export function readRawChunk(chunk: duckdb.DataChunk, types: readonly string[]): RawChunk {
  const rowCount = duckdb.data_chunk_get_size(chunk);
  return {rowCount, columns: types.map((type, at) => readVector(duckdb.data_chunk_get_vector(chunk, at), type, rowCount))};
}

/** @param type of the column, as `widthOf` takes it */
export function readRawColumn(chunk: duckdb.DataChunk, index: number, type: string): RawColumn {
  return readVector(duckdb.data_chunk_get_vector(chunk, index), type, duckdb.data_chunk_get_size(chunk));
}

/**
 * Each view of DuckDB's memory is a new buffer, of no use a moment later. To V8 they look like memory that grows, and it marks its whole
 * heap every few dozen chunks, if it is not made to look at what is young.
 */
const viewed = new GarbageCount("minor", 6 << 20);

function readVector(vector: duckdb.Vector, type: string, rowCount: number): RawColumn {
  const isList = type.endsWith("[]");
  const data = duckdb.vector_get_data(vector, rowCount * (isList ? listEntryBytes : widthOf(type)));
  // DuckDB has no bits for a vector without a NULL, whatever the declared type says.
  const validity = (duckdb.vector_get_validity(vector, Math.ceil(rowCount / 64) * 8) as Uint8Array | null) ?? undefined;
  viewed.note(data.length + (validity?.length ?? 0));
  if (!isList) return {data, validity, child: undefined};
  const elements = duckdb.list_vector_get_size(vector);
  return {data, validity, child: {...readVector(duckdb.list_vector_get_child(vector), type.slice(0, -2), elements), rowCount: elements}};
}

function logicalType(type: string): duckdb.LogicalType {
  if (type.endsWith("[]")) return duckdb.create_list_type(logicalType(type.slice(0, -2)));
  return duckdb.create_logical_type(logicalTypes.get(type)!);
}

/** Describes a function of one BIGINT. DuckDB calls it from any of its threads, and each call waits for the thread of the event loop. */
export function defineFunction(created: duckdb.ScalarFunction, provided: ProvidedFunction): void {
  duckdb.scalar_function_set_name(created, provided.name);
  duckdb.scalar_function_add_parameter(created, logicalType("BIGINT"));
  duckdb.scalar_function_set_return_type(created, logicalType(provided.type));
  duckdb.scalar_function_set_function(created, (info, input, output) => {
    try {
      const {data} = readRawColumn(input, 0, "BIGINT");
      writeVector(output, provided.compute(new BigInt64Array(data.buffer, data.byteOffset, data.length / 8)));
    } catch (error) {
      duckdb.scalar_function_set_error(info, error instanceof Error ? error.message : String(error));
    }
  });
}

/** A function of columns of these types that shows them to `look`, a chunk at a time, and is true. DuckDB calls it as it does any other. */
export function defineLook(created: duckdb.ScalarFunction, name: string, types: readonly string[], look: (chunk: RawChunk) => void): void {
  duckdb.scalar_function_set_name(created, name);
  for (const type of types) duckdb.scalar_function_add_parameter(created, logicalType(type));
  duckdb.scalar_function_set_return_type(created, logicalType("BOOLEAN"));
  // It must see each row, and the NULLs.
  duckdb.scalar_function_set_volatile(created);
  duckdb.scalar_function_set_special_handling(created);
  const isTrue = new Uint8Array(chunkRows).fill(1).buffer;
  duckdb.scalar_function_set_function(created, (info, input, output) => {
    try {
      const chunk = readRawChunk(input, types);
      look(chunk);
      duckdb.copy_data_to_vector(output, 0, isTrue, 0, chunk.rowCount);
    } catch (error) {
      duckdb.scalar_function_set_error(info, error instanceof Error ? error.message : String(error));
    }
  });
}

function writeVector(vector: duckdb.Vector, {data, bytes, validity, child}: WrittenColumn): void {
  if (child) {
    duckdb.list_vector_reserve(vector, child.rowCount);
    duckdb.list_vector_set_size(vector, child.rowCount);
    if (child.bytes > 0) duckdb.copy_data_to_vector(duckdb.list_vector_get_child(vector), 0, child.data, 0, child.bytes);
  }
  duckdb.copy_data_to_vector(vector, 0, data, 0, bytes);
  if (!validity) return;
  duckdb.vector_ensure_validity_writable(vector);
  duckdb.copy_data_to_vector_validity(vector, 0, validity, 0, validity.byteLength);
}
