/** The rows that windows are computed for, and their keys as one number. */
import {quoteName} from "../../sources/quote.js";
import type {AggregationTask, SqlSession} from "../aggregation-engine.js";
import type {TemporaryTables} from "./temporary-tables.js";

/** The rows' first and last instant, in microseconds: they bound the history that can matter. */
export interface Reach {
  readonly firstTs: bigint;
  readonly lastTs: bigint;
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

/** Numbers the rows' distinct keys; one that holds a NULL gets no number, because it matches nothing. */
export async function writeKeys(tables: TemporaryTables, task: AggregationTask): Promise<void> {
  const columns = task.keys.map((key, at) => `${quoteName(key.target)} AS key_${at + 1}`).join(", ");
  const present = task.keys.map((key) => `${quoteName(key.target)} IS NOT NULL`).join(" AND ");
  await tables.write(
    keyTable,
    `SELECT *, row_number() OVER () AS __key
FROM (SELECT DISTINCT ${columns} FROM ${quoteName(task.target)} WHERE ${present})`,
  );
}

/** The rows with their key's number, if it has one, and the columns of their own that windows look at. */
export async function writeRows(tables: TemporaryTables, task: AggregationTask): Promise<void> {
  const used = task.windows.flatMap(({current, exclude}) => [current?.value, current?.condition, exclude?.target]);
  const columns = [...new Set(used)].filter((column) => column !== undefined).sort();
  const renamed = columns.map((column) => `, cur.${quoteName(column)} AS ${currentColumn(column)}`);
  await tables.write(
    rowTable,
    `SELECT cur.__row, cur.__ts, keys.__key${renamed.join("")}
FROM ${quoteName(task.target)} cur LEFT JOIN ${keyTable} keys ON ${renderKeyMatch(task, "target", "cur")}`,
  );
}
