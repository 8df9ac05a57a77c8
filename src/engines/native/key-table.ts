/** The keys of rows as numbers: what both the engine's windows and its joins ask of the session first. */
import {quoteName} from "../../sources/quote.js";
import type {SqlSession} from "../aggregation-engine.js";

/** DuckDB types by column of a relation, given as SQL. */
export async function readTypes(session: SqlSession, relation: string): Promise<ReadonlyMap<string, string>> {
  const rows = await session.rows(`DESCRIBE FROM ${relation}`);
  return new Map(rows.map((row) => [row["column_name"] as string, row["column_type"] as string]));
}

/**
 * Makes the table: a row for each different key of the relation, with `__key` from 0 on. Rows with a NULL in a key, or in a column of `present`, have none.
 * @returns how many keys there are
 */
export async function numberKeys(session: SqlSession, {table, relation, keys, present = []}: {readonly table: string; readonly relation: string; readonly keys: readonly string[]; readonly present?: readonly string[]}): Promise<number> {
  const names = keys.map((key, at) => `${quoteName(key)} AS ${nameOf(at)}`).join(", ");
  const conditions = [...keys, ...present].map((name) => `${quoteName(name)} IS NOT NULL`).join(" AND ");
  await session.run(`CREATE TEMP TABLE ${table} AS
SELECT *, CAST(row_number() OVER () - 1 AS INTEGER) AS __key FROM (SELECT DISTINCT ${names} FROM ${relation} WHERE ${conditions})`);
  const [row] = await session.rows(`SELECT count(*) AS count FROM ${table}`);
  return Number(row!["count"]);
}

/** Rows of `alias`, whose keys these columns are, with the table of keys under the name `keys`. */
export const matchKeys = (columns: readonly string[], alias: string): string => columns.map((column, at) => `${alias}.${quoteName(column)} = keys.${nameOf(at)}`).join(" AND ");

const nameOf = (at: number): string => `key_${at + 1}`;
