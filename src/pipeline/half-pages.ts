/** Pages of list columns of halves, over many parquet files: which columns are of a kind that is read here, and their values, undone from a dictionary. */
import {DaedalusError} from "../errors.js";
import {reasonOf} from "./failure.js";
import {metaField, openParquet, readParquetFooter, schemaField, unreadable, type ColumnChunk, type ParquetFooter} from "./parquet-footer.js";
import {canReadPages, readPages, type DataPage} from "./parquet-page-reader.js";
import {readRuns} from "./parquet-runs.js";
import {findInteger, findStruct, type ThriftStruct} from "./thrift-compact.js";

const fixedLenByteArray = 7;
const repetition = {required: 0, optional: 1, repeated: 2} as const;
const float16 = 15;
const encoding = {plain: 0, oldDictionary: 2, runs: 3, dictionary: 8} as const;
const readableEncodings: ReadonlySet<number> = new Set(Object.values(encoding));

/** Definition levels: below `list` a row is NULL, there it is an empty list, and at `value` a number is there. */
export interface ListLevels {
  readonly list: number;
  readonly value: number;
}

/** A column in a file. */
export interface HalfChunks {
  readonly path: string;
  readonly levels: ListLevels;
  readonly groups: readonly {readonly chunk: ColumnChunk; readonly rowCount: number}[];
}

export interface HalfPage {
  readonly repetition: Buffer;
  /** Undefined where every number is there. */
  readonly definition: Buffer | undefined;
  /** The halves that are there, two bytes each. */
  readonly values: Uint8Array;
  /** Rows of the row group that the page begins; undefined: it goes on with one, and may with a list. */
  readonly groupRows: number | undefined;
  readonly path: string;
  readonly levels: ListLevels;
}

/** Undefined where the column is no list of halves, or is encoded in a way that is not read here. */
export async function findHalfChunks(path: string, column: string): Promise<HalfChunks | undefined> {
  const file = await openParquet(path);
  try {
    return chunksOf(path, await readParquetFooter(file, path), column);
  } finally {
    await file.close();
  }
}

function chunksOf(path: string, {columns, rowGroups}: ParquetFooter, column: string): HalfChunks | undefined {
  const found = columns.find(({name}) => name === column);
  const levels = found && levelsOf(found.elements);
  if (!levels) return undefined;
  const groups = rowGroups.map(({chunks, rowCount}) => ({chunk: chunks[found.firstLeaf]!, rowCount}));
  return groups.every(({chunk}) => canReadPages(chunk) && encodingsOf(chunk.meta).every((code) => readableEncodings.has(code))) ? {path, levels, groups} : undefined;
}

/** Of `optional or required group (LIST) { repeated group { optional or required FLOAT16 } }`. */
function levelsOf([list, repeated, leaf, ...more]: readonly ThriftStruct[]): ListLevels | undefined {
  if (!list || !repeated || !leaf || more.length > 0) return undefined;
  const of = (element: ThriftStruct): number => findInteger(element, schemaField.repetition) ?? repetition.required;
  const logicalType = findStruct(leaf, schemaField.logicalType);
  const isHalf = findInteger(leaf, schemaField.type) === fixedLenByteArray && findInteger(leaf, schemaField.typeLength) === 2 && logicalType?.has(float16);
  if (!isHalf || of(list) === repetition.repeated || of(repeated) !== repetition.repeated || of(leaf) === repetition.repeated) return undefined;
  const empty = of(list) === repetition.optional ? 1 : 0;
  return {list: empty, value: empty + (of(leaf) === repetition.optional ? 2 : 1)};
}

function encodingsOf(meta: ThriftStruct): number[] {
  const codes = meta.get(metaField.encodings);
  return codes?.kind === "list" ? codes.items.map((code) => (code.kind === "i32" ? code.value : -1)) : [-1];
}

/** @throws DaedalusError `file-unreadable` where pages are not what the format says */
export async function* readHalfPages(parts: readonly HalfChunks[]): AsyncGenerator<HalfPage, undefined> {
  for (const {path, levels, groups} of parts) {
    const handle = await openParquet(path);
    try {
      for (const {chunk, rowCount} of groups) {
        let dictionary = new Uint16Array(0);
        let groupRows: number | undefined = rowCount;
        const onDictionary = (values: Uint8Array): void => {
          dictionary = new Uint16Array(values.slice(0, values.length & ~1).buffer);
        };
        const pages = readPages({handle, path}, chunk, {repetitionMax: 1, definitionMax: levels.value, onDictionary});
        for await (const page of pages) {
          const definition = hasAll(page.definition, levels) ? undefined : page.definition;
          yield {repetition: page.repetition, definition, values: undoDictionary(page, countValues(page, definition, levels), dictionary), groupRows, path, levels};
          groupRows = undefined;
        }
      }
    } catch (error) {
      throw error instanceof DaedalusError ? error : unreadable(path, reasonOf(error), error);
    } finally {
      await handle.close();
    }
  }
  return undefined;
}

/** A buffer is searched far faster than a loop goes over it. */
function hasAll(definition: Buffer, {value}: ListLevels): boolean {
  for (let level = 0; level < value; level++) if (definition.includes(level)) return false;
  return true;
}

function countValues(page: DataPage, definition: Buffer | undefined, {value}: ListLevels): number {
  if (!definition) return page.repetition.length;
  let count = 0;
  for (const level of definition) if (level === value) count++;
  return count;
}

function undoDictionary({encoding: code, values}: DataPage, count: number, dictionary: Uint16Array): Uint8Array {
  if (code === encoding.plain) {
    if (values.length < count * 2) throw new RangeError("a page ends too early");
    return values;
  }
  if (code !== encoding.dictionary && code !== encoding.oldDictionary) throw new RangeError(`a page of encoding ${code}`);
  const numbers = new Uint32Array(count);
  if (count > 0) readRuns(values.subarray(1), values[0] ?? 0, numbers);
  const halves = new Uint16Array(count);
  for (let k = 0; k < count; k++) {
    const number = numbers[k]!;
    if (number >= dictionary.length) throw new RangeError("a number beyond its dictionary");
    halves[k] = dictionary[number]!;
  }
  return new Uint8Array(halves.buffer);
}
