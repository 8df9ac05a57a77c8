/** What an engine is given that joins a view onto rows as of their instants without SQL, and what it gives back. */
import type {WindowColumn} from "./aggregation-engine.js";

/**
 * For each row r of `rows`: among versions v of the same keys with `v.__known < r.instant` (`isInclusive`: `<=`) the last by `order`, if it still holds
 * at that instant. A NULL in a key or no such version gives NULL.
 */
export interface ViewJoinTask {
  /** A relation with `__row` (BIGINT, from 0, each once), `keys` and `instant`. */
  readonly rows: string;
  readonly keys: readonly string[];
  readonly instant: string;
  /** Tasks that share it have the same keys in the same rows, or in fewer of those that the first had. */
  readonly rowSet: string;
  /** A query of versions with `keys`, `time`, `fields`, `validTo`, and `__known`. Nothing in `time` and `__known` is NULL or infinite. */
  readonly versions: string;
  readonly time: string;
  /** Whether `__known` is `time`, perhaps shifted: then a later version is known later. */
  readonly isKnownInOrder: boolean;
  readonly fields: readonly string[];
  /** ORDER BY of the versions of a key; it begins with `time`. */
  readonly order: readonly string[];
  readonly isInclusive: boolean;
  /** A version holds while `time >= instant - ttlUs`. */
  readonly ttlUs: number | undefined;
  /** A version holds while this column is NULL or `>= instant` (`isInclusive`: `>`). */
  readonly validTo: string | undefined;
}

/** Joins of one session; what they give back lives as long as that. */
export interface ViewJoins {
  /** Field -> its column, as a function of `__row`. Undefined where only SQL can do it: nothing was changed then. */
  join(task: ViewJoinTask): Promise<ReadonlyMap<string, WindowColumn> | undefined>;
  /** No view is joined any more: what that took may be used for other things. */
  finish(): void;
}
