import {quoteName} from "./quote.js";

/** The column that says when, as the source calls it, and the type that DuckDB sees in it. */
export interface TimeColumn {
  readonly name: string;
  readonly type: string;
}

/** A relation split by UTC day: how many rows each has, and a number that changes when one of them does. DuckDB's SQL. */
export function renderDayParts(from: string, time: TimeColumn | undefined, version: string): string {
  return `SELECT ${time === undefined ? "NULL::BIGINT" : renderDay(time)} AS day, count(*) AS rows, ${version}::VARCHAR AS version FROM ${from} AS source GROUP BY 1`;
}

/** Days since 1970. Time zones are left out of it where the type allows: they cost several times as much as the reading. */
function renderDay({name, type}: TimeColumn): string {
  const column = quoteName(name);
  if (type === "TIMESTAMP") return `CASE WHEN isfinite(${column}) THEN CAST(${column} AS DATE) - DATE '1970-01-01' END`;
  const instant = type === "TIMESTAMP WITH TIME ZONE" ? column : `TRY_CAST(${column} AS TIMESTAMPTZ)`;
  return `CASE WHEN isfinite(${instant}) THEN CAST(make_timestamp(epoch_us(${instant})) AS DATE) - DATE '1970-01-01' END`;
}
