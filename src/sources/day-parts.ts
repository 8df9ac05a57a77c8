import {quoteName} from "./quote.js";

/** A relation split by UTC day: how many rows each has, and a number that changes when one of them does. DuckDB's SQL. */
export function renderDayParts(from: string, timeColumn: string | undefined, version: string): string {
  const time = timeColumn === undefined ? undefined : quoteName(timeColumn);
  const instant = time === undefined ? "NULL" : `TRY_CAST(${time} AS TIMESTAMPTZ)`;
  const day = time === undefined ? "NULL::BIGINT" : `CASE WHEN isfinite(${instant}) THEN CAST(floor(epoch_us(${instant}) / 86400000000) AS BIGINT) END`;
  return `SELECT ${day} AS day, count(*) AS rows, ${version}::VARCHAR AS version FROM ${from} AS source GROUP BY 1`;
}
