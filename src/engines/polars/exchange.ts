/** What passes between DuckDB and Polars: parquet files, with keys as numbers and only the columns that windows look at. */
import {randomUUID} from "node:crypto";
import {join} from "node:path";
import {quoteName, quoteText} from "../../sources/quote.js";
import {resultTypeOf, type AggregationTask, type SqlSession} from "../aggregation-engine.js";

/** Types that pass through parquet, sort and compare in Polars as they do in DuckDB. */
export const sharedTypes: ReadonlySet<string> = new Set(["BIGINT", "INTEGER", "DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR", "TIMESTAMP", "DATE"]);

/** Columns of the two files, apart from `__key`, `__ts` and `__row`. A prefix keeps names such as `*` from meaning something else. */
export const historyColumn = (column: string): string => `hist.${column}`;
export const targetColumn = (column: string): string => `cur.${column}`;
export const rankColumn = (column: string): string => `rank.${column}`;

export interface Exported {
  readonly target: string;
  readonly history: string;
  /** Columns that Polars cannot sort: DuckDB ranks them. */
  readonly ranked: ReadonlySet<string>;
}

const keyTable = "__polars_key";

/** A file of its own each time: DuckDB remembers what it read from a path, and takes a file written there soon after for the same. */
export function exchangePath(session: SqlSession): string {
  return join(session.scratchDirectory, `polars-${randomUUID()}.parquet`);
}

function distinct(columns: readonly (string | undefined)[]): string[] {
  return [...new Set(columns)].filter((column) => column !== undefined).sort();
}

/** Rows whose key holds a NULL, and history of no row's key, stay behind. */
export async function exportTask(session: SqlSession, task: AggregationTask): Promise<Exported> {
  const described = await session.rows(`DESCRIBE FROM ${quoteName(task.history)}`);
  const types = new Map(described.map((row) => [row["column_name"] as string, row["column_type"] as string]));
  const ordering = distinct([...task.orderColumns, ...task.windows.map((window) => window.value)]);
  const ranked = ordering.filter((column) => !sharedTypes.has(types.get(column)!));

  const used = distinct([...task.orderColumns, ...task.windows.flatMap(({value, condition, exclude}) => [value, condition, exclude?.history])]);
  const history = used.map((column) => `, t.${quoteName(column)} AS ${quoteName(historyColumn(column))}`);
  // A NULL has no rank, and comes first without one.
  const ranks = ranked.map((column, at) => `, rank_${at}.position AS ${quoteName(rankColumn(column))}`);
  const rankJoins = ranked.map((column, at) => {
    const values = `SELECT DISTINCT ${quoteName(column)} AS value FROM ${quoteName(task.history)}`;
    const rank = `SELECT value, row_number() OVER (ORDER BY value) AS position FROM (${values})`;
    return ` LEFT JOIN (${rank}) rank_${at} ON rank_${at}.value = t.${quoteName(column)}`;
  });
  const own = distinct(task.windows.flatMap(({current, exclude}) => [current?.value, current?.condition, exclude?.target]));
  const target = own.map((column) => `, t.${quoteName(column)} AS ${quoteName(targetColumn(column))}`);

  const names = task.keys.map((key) => quoteName(key.target));
  const match = (side: "target" | "history"): string =>
    task.keys.map((key) => `t.${quoteName(key[side])} = k.${quoteName(key.target)}`).join(" AND ");
  await session.run(`CREATE OR REPLACE TEMP TABLE ${keyTable} AS
SELECT *, row_number() OVER () AS __key
FROM (SELECT DISTINCT ${names.join(", ")} FROM ${quoteName(task.target)} WHERE ${names.map((name) => `${name} IS NOT NULL`).join(" AND ")})`);
  const exportTable = async (side: "target" | "history", columns: string, joins = ""): Promise<string> => {
    const path = exchangePath(session);
    const rows = `SELECT k.__key, ${columns} FROM ${quoteName(task[side])} t JOIN ${keyTable} k ON ${match(side)}${joins}`;
    await session.run(`COPY (${rows}) TO ${quoteText(path)} (FORMAT parquet)`);
    return path;
  };
  try {
    return {
      target: await exportTable("target", `t.__row, t.__ts${target.join("")}`),
      history: await exportTable("history", `t.__ts${history.join("")}${ranks.join("")}`, rankJoins.join("")),
      ranked: new Set(ranked),
    };
  } finally {
    await session.run(`DROP TABLE ${keyTable}`);
  }
}

/** How many rows are imported at once: their lists are held in memory to be joined. */
const importRowsMax = 100_000;

/** Makes the output of one parquet file a window, with `__row` and `value` for each row that has something in it. */
export async function importResults(session: SqlSession, task: AggregationTask, paths: readonly string[]): Promise<void> {
  const types = task.windows.map(resultTypeOf);
  const declared = task.windows.map(({name}, at) => `, ${quoteName(name)} ${types[at]!}`);
  await session.run(`CREATE TABLE ${quoteName(task.output)} (__row BIGINT${declared.join("")})`);

  const values = task.windows.map(({operation}, at) => {
    const nothing = operation === "count" ? "0" : "[]";
    return `, coalesce(CAST(w${at}.value AS ${types[at]!}), CAST(${nothing} AS ${types[at]!}))`;
  });
  const [{rowCount} = {rowCount: 0n}] = (await session.rows(`SELECT count(*) AS "rowCount" FROM ${quoteName(task.target)}`)) as {rowCount: bigint}[];
  for (let start = 0; start < rowCount; start += importRowsMax) {
    const isPart = `__row >= ${start} AND __row < ${start + importRowsMax}`;
    const joins = paths.map((path, at) => `\nLEFT JOIN (FROM read_parquet(${quoteText(path)}) WHERE ${isPart}) w${at} ON w${at}.__row = t.__row`);
    await session.run(`INSERT INTO ${quoteName(task.output)}
SELECT t.__row${values.join("")}
FROM (SELECT __row FROM ${quoteName(task.target)} WHERE ${isPart}) t${joins.join("")}`);
  }
}
