/** A feed as large as one likes, the same for the same seed: few users and artworks have most of the events. */
import {DuckDbSession} from "../src/engines/duckdb/connection.js";

export interface FeedOptions {
  readonly seed: number;
  /** In eight days. */
  readonly events: number;
  /** User number is `users * u ** skew` for a uniform u: 1 is no head at all; with 2 the first user has 0.4 % of the events, with 3 2.5 %. */
  readonly skew: number;
}

const dayCount = 8;
const userCount = 60_000;
const artworkCount = 200_000;
const tackCount = 2_000;

/** Writes eight days from 2026-02-01: user_id, artwork_id, event_timestamp (all distinct, ascending), event, tack_ids (3 to 5). */
export async function writeFeed(path: string, {seed, skew, events}: FeedOptions): Promise<void> {
  const session = await DuckDbSession.open();
  try {
    await session.run(`CREATE MACRO uniform(number, stream) AS (hash(number, stream, ${seed}) >> 11) / 9007199254740992.0`);
    await session.run(`CREATE TABLE artwork AS
SELECT artwork_id, [CAST(${tackCount} * uniform(artwork_id * 8 + place, 1) ** 2 AS BIGINT) FOR place IN range(3 + CAST(floor(3 * uniform(artwork_id, 2)) AS BIGINT))] AS tack_ids
FROM range(${artworkCount}) numbers(artwork_id)`);
    await session.run(`COPY (
  SELECT CAST(floor(${userCount} * uniform(number, 3) ** ${skew}) AS BIGINT) AS user_id, artwork_id,
    make_timestamp(epoch_us(TIMESTAMP '2026-02-01') + number * ${(dayCount * 86_400_000_000) / events}) AS event_timestamp,
    CASE WHEN kind < 0.72 THEN 'view' WHEN kind < 0.86 THEN 'like_click' WHEN kind < 0.98 THEN 'detail_click' ELSE 'dislike_click' END AS event,
    tack_ids
  FROM (
    SELECT number, uniform(number, 4) AS kind, CAST(floor(${artworkCount} * uniform(number, 5) ** 2) AS BIGINT) AS artwork_id
    FROM range(${events}) numbers(number)
  ) JOIN artwork USING (artwork_id)
) TO '${path}' (FORMAT parquet)`);
  } finally {
    session.close();
  }
}
