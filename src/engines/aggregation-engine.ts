/**
 * What an aggregation engine is given and must leave behind. The caller has already read, joined, filtered and evaluated
 * conditions, so an engine sees two tables in a DuckDB session and computes windows; nothing else.
 */

/** A DuckDB session, seen by engines that must not know how it is opened. */
export interface SqlSession {
  run(sql: string): Promise<void>;
  /** Rows as plain objects: BIGINT as bigint, lists as arrays. For small results. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
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
  /** Table of history rows: any order, and possibly rows that no window reaches. */
  readonly history: string;
  /** Table to create: `__row` and one column for each window, a row for each target row. */
  readonly output: string;
  readonly keys: readonly {readonly target: string; readonly history: string}[];
  /**
   * History columns that order rows of one instant, before the window's own value; all ascending, NULL first, NaN last, text by
   * its bytes, lists element by element with NULL elements last: as DuckDB sorts.
   */
  readonly orderColumns: readonly string[];
  readonly windows: readonly Window[];
}

/** One spec, as columns of the two tables. A row h counts for r when `r.__ts - windowUs <= h.__ts < r.__ts`, keys equal, condition true. */
export interface Window {
  readonly name: string;
  readonly operation: "list" | "count" | "flatten_distinct";
  /** History column; undefined only for `count` of rows. List-valued for `flatten_distinct`. */
  readonly value: string | undefined;
  /** DuckDB type of one element of the result: `BIGINT`, `VARCHAR`, ... */
  readonly elementType: string;
  /** BOOLEAN history column without NULLs: true keeps. */
  readonly condition: string | undefined;
  /** SQL over `hist.*` and `cur.*` (columns of the two tables), for conditions that mention `cur`: true keeps. */
  readonly pairCondition: string | undefined;
  /** Undefined: all history. */
  readonly windowUs: number | undefined;
  /** Of lists, at least 1; undefined: no limit. A count has none. */
  readonly maxItems: number | undefined;
  /** The row itself counts too, last: its value, and its condition, as target columns. */
  readonly current: {readonly value: string | undefined; readonly condition: string | undefined} | undefined;
  /** Drops h where `h.history = r.target`; a NULL on either side drops nothing. */
  readonly exclude: {readonly history: string; readonly target: string} | undefined;
  /** BIGINT history column in microseconds: h counts only when it is also `< r.__ts`, NULL never. For histories with `available_at` or an embargo. */
  readonly knownAt: string | undefined;
}

export interface AggregationEngine {
  readonly name: string;
  /** Why this engine cannot compute the window; undefined when it can. */
  refusal(window: Window): string | undefined;
  run(session: SqlSession, task: AggregationTask): Promise<void>;
}
