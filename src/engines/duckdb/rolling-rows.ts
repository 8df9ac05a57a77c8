/** The rows that windows are computed for: their keys as one number, and the ranges of keys that are computed one after another. */
import {quoteName} from "../../sources/quote.js";
import type {AggregationTask, SqlSession} from "../aggregation-engine.js";
import type {TemporaryTables} from "./temporary-tables.js";

/** History rows whose lists are built at once: the arrays of a batch are in memory as a whole, and a key is never cut. */
const batchRowCount = 500_000;

/** The rows' first and last instant, in microseconds: they bound the history that can matter. */
export interface Reach {
  readonly firstTs: bigint;
  readonly lastTs: bigint;
}

/** Keys `firstKey..lastKey`, both inclusive. Together the batches hold all rows, those whose key matches nothing in the first. */
export interface Batch {
  readonly firstKey: bigint;
  readonly lastKey: bigint;
}

export const keyTable = "__agg_key";
export const rowTable = "__agg_row";

/** A target column as `__agg_row` holds it, apart from the columns of our own. */
export function currentColumn(column: string): string {
  return quoteName(`current.${column}`);
}

export async function readReach(session: SqlSession, task: AggregationTask): Promise<Reach> {
  const [row] = await session.rows(
    `SELECT coalesce(min(__ts), 0) AS first_ts, coalesce(max(__ts), 0) AS last_ts FROM ${quoteName(task.target)}`,
  );
  return {firstTs: row!["first_ts"] as bigint, lastTs: row!["last_ts"] as bigint};
}

/** `hist.user_id = keys.key_1 AND ...`: a NULL in a key is equal to nothing. */
export function renderKeyMatch(task: AggregationTask, side: "target" | "history", alias: string): string {
  return task.keys.map((key, at) => `${alias}.${quoteName(key[side])} = keys.key_${at + 1}`).join(" AND ");
}

/** The number of the keys that match nothing, because they hold a NULL. */
export const noKey = 0;

/** Numbers the rows' distinct keys 1, 2, 3, ... in batches of about equal history. */
export async function writeKeys(session: SqlSession, tables: TemporaryTables, task: AggregationTask): Promise<readonly Batch[]> {
  const names = task.keys.map((_, at) => `key_${at + 1}`).join(", ");
  const columns = task.keys.map((key, at) => `${quoteName(key.target)} AS key_${at + 1}`).join(", ");
  const present = task.keys.map((key) => `${quoteName(key.target)} IS NOT NULL`).join(" AND ");
  await tables.write(
    keyTable,
    `WITH __keys AS (
  SELECT DISTINCT ${columns} FROM ${quoteName(task.target)} WHERE ${present}
), __sized AS (
  SELECT keys.*, count(hist.__ts) AS size
  FROM __keys keys LEFT JOIN ${quoteName(task.history)} hist ON ${renderKeyMatch(task, "history", "hist")}
  GROUP BY ALL
)
SELECT ${names}, row_number() OVER (ORDER BY ${names}) AS __key,
  CAST(sum(size) OVER (ORDER BY ${names} ROWS UNBOUNDED PRECEDING) - size AS BIGINT) // ${batchRowCount} AS batch
FROM __sized`,
  );
  const batches = await session.rows(
    `SELECT min(__key) AS first_key, max(__key) AS last_key FROM ${keyTable} GROUP BY batch ORDER BY first_key`,
  );
  if (batches.length === 0) return [{firstKey: BigInt(noKey), lastKey: BigInt(noKey)}];
  return batches.map((row, at) => ({
    firstKey: at === 0 ? BigInt(noKey) : (row["first_key"] as bigint),
    lastKey: row["last_key"] as bigint,
  }));
}

/** The rows with their key's number and the columns of their own that windows look at. */
export async function writeRows(tables: TemporaryTables, task: AggregationTask): Promise<void> {
  const used = task.windows.flatMap(({current, exclude}) => [current?.value, current?.condition, exclude?.target]);
  const columns = [...new Set(used)].filter((column) => column !== undefined).sort();
  const renamed = columns.map((column) => `, cur.${quoteName(column)} AS ${currentColumn(column)}`);
  await tables.write(
    rowTable,
    `SELECT cur.__row, cur.__ts, coalesce(keys.__key, ${noKey}) AS __key${renamed.join("")}
FROM ${quoteName(task.target)} cur LEFT JOIN ${keyTable} keys ON ${renderKeyMatch(task, "target", "cur")}`,
  );
}
