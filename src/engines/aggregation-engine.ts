/**
 * What an aggregation engine is given and must leave behind. The caller has already read, joined, filtered and evaluated
 * conditions, so an engine sees two tables in a DuckDB session and computes windows; nothing else.
 */
import type {AggregationOperation} from "../definitions/aggregation-operation.js";
import type {ViewJoins} from "./view-join.js";
import type {ProvidedFunction, RawChunk} from "./raw-vectors.js";

/** A DuckDB session, seen by engines that must not know how it is opened. */
export interface SqlSession {
  run(sql: string): Promise<void>;
  /** Rows as plain objects: BIGINT as bigint, lists as arrays. For small results. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /**
   * A query's chunks as they come; each is valid until the next is asked for.
   * @param types of the columns: those of `widthOfType`, and lists of them
   */
  chunks(sql: string, types: readonly string[]): AsyncIterable<RawChunk>;
  /**
   * Hands over a query's chunks in any order, each valid during the call. DuckDB's threads read on meanwhile, which those of `chunks` mostly do not.
   * What `look` throws is thrown once the query has ended; it sees no more chunks.
   */
  forEachChunk(sql: string, types: readonly string[], look: (chunk: RawChunk) => void): Promise<void>;
  /** Makes a function of `__row` that SQL calls until the session closes. */
  provideFunction(provided: ProvidedFunction): void;
  /** A folder for files of this session; removed when it closes. */
  readonly scratchDirectory: string;
}

/**
 * Both tables keep the original column names of what they hold and add columns that start with two underscores:
 * `__ts` (BIGINT, UTC microseconds, never NULL) in both, `__row` (BIGINT, 0..n-1 without gaps) in the target.
 * Key columns may hold NULL: such rows match nothing.
 */
export interface AggregationTask {
  /** Table of the rows to compute windows for. */
  readonly target: string;
  /** Table of history rows: any order, and possibly rows that no window reaches. A view, for an engine that reads it once. */
  readonly history: string;
  /** What tables of results are called, if any are made: this, or this and a suffix. */
  readonly output: string;
  readonly keys: readonly {readonly target: string; readonly history: string}[];
  /**
   * History columns that order rows of one instant, before the window's own value; all ascending, NULL first, NaN last, text by
   * its bytes, lists element by element with NULL elements last: as DuckDB sorts.
   */
  readonly orderColumns: readonly string[];
  readonly windows: readonly Window[];
}

/**
 * What a window makes of v1 ... vn: the values that are not NULL of the rows that count, in the contract's order, oldest first, with the
 * row's own value last if it counts. Values are compared as DuckDB does: NaN is equal to itself and greatest, -0 is equal to 0.
 *
 * Floating results are defined to the bit: every step is one IEEE 754 double operation, rounded to nearest; whole numbers become DOUBLE
 * before it. A sum starts at 0 and adds v1, then v2, up to vn, over exactly the rows that count. An engine that adds in another order
 * must refuse, or know that it makes no difference: whole values whose absolute sum stays below 2 ** 53 are added without rounding.
 *
 * | operation | result | of no value |
 * |---|---|---|
 * | `list` | v1 ... vn; the newest `maxItems` | `[]` |
 * | `distinct_list` | each different value once, where it stands last; the newest `maxItems` | `[]` |
 * | `flatten_distinct` | the same of the elements of list values, NULL elements left out | `[]` |
 * | `top_k` | the `maxItems` most frequent different values, the most frequent first, of equals the one that was seen last | `[]` |
 * | `count` | n, BIGINT; without a value the number of rows | 0 |
 * | `count_distinct` | how many different values, BIGINT | 0 |
 * | `sum` | whole numbers: the exact sum, BIGINT, an `aggregation-overflow` error beyond that; other numbers: the sum, DOUBLE | 0 |
 * | `mean` | the sum as DOUBLE, divided by n, DOUBLE | NULL |
 * | `stddev` | with m the mean: the sum of `(v - m) * (v - m)`, divided by n - 1, then `sqrt`, DOUBLE; NULL of one value | NULL |
 * | `min`, `max` | the least, the greatest value, in its type; a floating 0 is never -0 | NULL |
 * | `first`, `last` | v1, vn, in their type | NULL |
 * | `time_since_last` | `r.__ts - h.__ts` as DOUBLE, divided by 1000000, of the newest row h that counts, DOUBLE; 0 if that is r itself | NULL |
 * | `decay_sum` | the sum of `v * decayWeight(r.__ts - h.__ts, halfLifeUs)`, DOUBLE; without a value each row is 1 | 0 |
 *
 * Where the same value comes in several spellings (-0 and 0), lists hold the newest. A NULL in a key gives what no value gives.
 */
export type WindowOperation = AggregationOperation;

/** One spec, as columns of the two tables. A row h counts for r when `r.__ts - windowUs <= h.__ts < r.__ts`, keys equal, condition true. */
export interface Window {
  readonly name: string;
  readonly operation: WindowOperation;
  /** History column; undefined only for `count`, `time_since_last` and `decay_sum` of rows. List-valued for `flatten_distinct`. */
  readonly value: string | undefined;
  /**
   * DuckDB type of one value, for `flatten_distinct` of one element: `BIGINT`, `VARCHAR`, ... Of `count`, `time_since_last` and whatever
   * has no value, `BIGINT`. `resultTypeOf` tells the type of the result.
   */
  readonly elementType: string;
  /** BOOLEAN history column without NULLs: true keeps. */
  readonly condition: string | undefined;
  /** SQL over `hist.*` and `cur.*` (columns of the two tables), for conditions that mention `cur`: true keeps. */
  readonly pairCondition: string | undefined;
  /** Undefined: all history. */
  readonly windowUs: number | undefined;
  /** Of lists, at least 1; undefined: no limit. Other operations have none. */
  readonly maxItems: number | undefined;
  /** Of `decay_sum` alone, above 0. */
  readonly halfLifeUs?: number | undefined;
  /** The row itself counts too, last: its value, and its condition, as target columns. */
  readonly current: {readonly value: string | undefined; readonly condition: string | undefined} | undefined;
  /** Drops h where `h.history = r.target`; a NULL on either side drops nothing. */
  readonly exclude: {readonly history: string; readonly target: string} | undefined;
  /** BIGINT history column in microseconds: h counts only when it is also `< r.__ts`, NULL never. For histories with `available_at` or an embargo. */
  readonly knownAt: string | undefined;
}

/** Integers of DuckDB, whose sum is exact. */
export const wholeTypes: ReadonlySet<string> = new Set([
  ...["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"],
  ...["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"],
]);

/** The DuckDB type of the window's column in the output. */
export function resultTypeOf({operation, elementType}: Pick<Window, "operation" | "elementType">): string {
  switch (operation) {
    case "list":
    case "distinct_list":
    case "flatten_distinct":
    case "top_k":
      return `${elementType}[]`;
    case "count":
    case "count_distinct":
      return "BIGINT";
    case "sum":
      return wholeTypes.has(elementType) ? "BIGINT" : "DOUBLE";
    case "mean":
    case "stddev":
    case "time_since_last":
    case "decay_sum":
      return "DOUBLE";
    case "min":
    case "max":
    case "first":
    case "last":
      return elementType;
  }
}

/** Whether the result is a list. */
export function isListWindow(window: Pick<Window, "operation" | "elementType">): boolean {
  return resultTypeOf(window).endsWith("[]");
}

/** Lists of BIGINT where they lie, in shared memory, so that another thread can read them in place. */
export interface ListStretches {
  readonly kind: "lists";
  /** Of each `__row` the part that has its list, -1 where it is empty for want of one, and its number there. */
  readonly part: Int32Array;
  readonly place: Int32Array;
  readonly parts: readonly ListPart[];
}

/** List r is `line` from `start[r]` to `end[r]`; where these are negative, `extra` from `~start[r]` to `~end[r]`. */
export interface ListPart {
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly line: BigInt64Array;
  readonly extra: BigInt64Array;
}

/** Single numbers where they lie, in shared memory. */
export interface NumberPlaces extends Pick<ListStretches, "part" | "place"> {
  readonly kind: "numbers";
  /** A key of `widthOfType`. */
  readonly type: string;
  /** What a row has that is in no part. */
  readonly withoutPart: "null" | "zero";
  readonly parts: readonly NumberPart[];
}

/** Number r is in the low bits of `bits[r]`, unless `isPresent[r]` is 0; without it all are there. */
export interface NumberPart {
  readonly bits: BigInt64Array;
  readonly isPresent: Uint8Array | undefined;
}

/** Single numbers by `__row`, in shared memory. */
export interface NumberRows {
  readonly kind: "rows";
  /** A key of `widthOfType`. */
  readonly type: string;
  /** Bytes of a value: 4 where all of a column of 8 are whole numbers that fit. */
  readonly width: number;
  readonly bytes: Uint8Array;
  /** A bit for each, 1 where there is one. */
  readonly present: Uint8Array;
}

export type KeptColumn = ListStretches | NumberPlaces | NumberRows;

/** Where a window's column is: in a table with a row for each `__row` of the target, or what a function makes of `__row`. */
export type WindowColumn = {readonly table: string} | ProvidedColumn;

export interface ProvidedColumn {
  readonly function: string;
  /** Where its values lie, if others can read them there. */
  readonly kept?: KeptColumn | undefined;
}

/** Window -> its column, in the order of the task. */
export type WindowColumns = ReadonlyMap<string, WindowColumn>;

export interface AggregationEngine {
  readonly name: string;
  /** Why this engine cannot compute the window; undefined when it can. */
  refusal(window: Window): string | undefined;
  /** Whether the engine reads the task's history, which may be a view, once, so that nobody need keep it. */
  readsOnce?(session: SqlSession, task: AggregationTask): Promise<boolean>;
  run(session: SqlSession, task: AggregationTask): Promise<WindowColumns>;
  /** Of an engine that can join views, too. */
  openViewJoins?(session: SqlSession): ViewJoins;
}

/** What an engine gives back that made one table of all windows. */
export const inTable = ({windows, output}: Pick<AggregationTask, "windows" | "output">): WindowColumns => new Map(windows.map(({name}) => [name, {table: output}]));
