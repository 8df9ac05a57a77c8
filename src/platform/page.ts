/** A part of a long list, and where the next one starts. */
import {DaedalusError} from "../errors.js";

export interface PageParams {
  readonly limit?: number | undefined;
  /** The name of the last entry of the page before. */
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly entries: readonly T[];
  readonly next: string | null;
}

/** Without a limit, all that is left. @throws DaedalusError when no entry has the cursor's name */
export function takePage<T>(all: readonly T[], nameOf: (entry: T) => string, {limit = Infinity, cursor}: PageParams): Page<T> {
  const last = cursor === undefined ? -1 : all.findIndex((entry) => nameOf(entry) === cursor);
  if (cursor !== undefined && last < 0) throw DaedalusError.of("value-wrong", {key: "cursor", expected: "`next_cursor` of an earlier page whose last entry is still there", found: JSON.stringify(cursor.slice(0, 60))});
  const entries = all.slice(last + 1, last + 1 + limit);
  const isLast = last + 1 + entries.length === all.length;
  return {entries, next: isLast || entries.length === 0 ? null : nameOf(entries.at(-1)!)};
}
