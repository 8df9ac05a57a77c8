-- scan_day_rows
CREATE TEMP VIEW "day_rows" AS
SELECT "at" AS "at", "kind" AS "event", "item_id" AS "item_id", CAST("seq" AS BIGINT) AS "seq", "session" AS "session", "user_id" AS "user_id"
FROM read_parquet(['<project>/data/feed.parquet'], hive_partitioning = true)
WHERE "at" >= TIMESTAMP '2026-03-02 00:00:00.000000' AND "at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- filter_day_events
CREATE TEMP VIEW "day_events" AS
FROM "day_rows"
WHERE "event" IN ('view', 'like', 'skip');
-- project_day_ordered
CREATE TEMP TABLE "day_ordered" AS
SELECT row_number() OVER (ORDER BY "at" NULLS FIRST, "user_id" NULLS FIRST, "item_id" NULLS FIRST, "seq" NULLS FIRST, "event" NULLS FIRST, "session" NULLS FIRST) - 1 AS __row, *
FROM "day_events";
-- scan_day_item_rows
CREATE TEMP VIEW "day_item_rows" AS
SELECT CAST("author_id" AS BIGINT) AS "author_id", "item_id" AS "item_id", "published_at" AS "published_at", "score" AS "score"
FROM read_parquet(['<project>/data/item.parquet'], hive_partitioning = true)
WHERE isfinite("published_at") AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- join_day_with_item
CREATE TEMP TABLE "day_with_item__keys" AS SELECT DISTINCT "item_id" FROM "day_ordered";
CREATE TEMP TABLE "day_with_item__candidates" AS
SELECT r.*, "published_at" AS __known
FROM "day_item_rows" AS r SEMI JOIN "day_with_item__keys" AS l ON l."item_id" = r."item_id"
WHERE isfinite("published_at") AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "day_with_item__answers" AS
FROM "day_with_item__candidates" QUALIFY row_number() OVER (PARTITION BY "item_id", "published_at" ORDER BY "author_id" DESC NULLS LAST, "published_at" DESC NULLS LAST, "score" DESC NULLS LAST) = 1;
CREATE TEMP TABLE "day_with_item" AS
SELECT l.*, r."author_id", r."published_at", r."score"
FROM "day_ordered" AS l ASOF LEFT JOIN "day_with_item__answers" AS r
  ON l."item_id" = r."item_id" AND l."at" > r.__known;
DROP VIEW "day_with_item__answers";
DROP TABLE "day_with_item__candidates";
DROP TABLE "day_ordered";
-- scan_history_feed_rows
CREATE TEMP VIEW "history_feed_rows" AS
SELECT "at" AS "at", "kind" AS "event", "item_id" AS "item_id", CAST("seq" AS BIGINT) AS "seq", "session" AS "session", "user_id" AS "user_id"
FROM read_parquet(['<project>/data/feed.parquet'], hive_partitioning = true)
WHERE "at" >= TIMESTAMP '2026-02-28 00:00:00.000000' AND "at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- filter_history_feed_events
CREATE TEMP VIEW "history_feed_events" AS
FROM "history_feed_rows"
WHERE "event" IN ('view', 'like', 'skip');
-- scan_history_feed_item_rows
CREATE TEMP VIEW "history_feed_item_rows" AS
SELECT CAST("author_id" AS BIGINT) AS "author_id", "item_id" AS "item_id", "published_at" AS "published_at"
FROM read_parquet(['<project>/data/item.parquet'], hive_partitioning = true)
WHERE isfinite("published_at") AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- join_history_feed_with_item
CREATE TEMP TABLE "history_feed_events__table" AS FROM "history_feed_events";
CREATE TEMP TABLE "history_feed_with_item__keys" AS SELECT DISTINCT "item_id" FROM "history_feed_events__table";
CREATE TEMP TABLE "history_feed_with_item__candidates" AS
SELECT r.*, "published_at" AS __known
FROM "history_feed_item_rows" AS r SEMI JOIN "history_feed_with_item__keys" AS l ON l."item_id" = r."item_id"
WHERE isfinite("published_at") AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "history_feed_with_item__answers" AS
FROM "history_feed_with_item__candidates" QUALIFY row_number() OVER (PARTITION BY "item_id", "published_at" ORDER BY "author_id" DESC NULLS LAST) = 1;
CREATE TEMP TABLE "history_feed_with_item" AS
SELECT l.*, r."author_id"
FROM "history_feed_events__table" AS l ASOF LEFT JOIN "history_feed_with_item__answers" AS r
  ON l."item_id" = r."item_id" AND l."at" > r.__known;
DROP VIEW "history_feed_with_item__answers";
DROP TABLE "history_feed_with_item__candidates";
DROP TABLE "history_feed_events__table";
-- scan_history_feed_all_rows
CREATE TEMP VIEW "history_feed_all_rows" AS
SELECT "at" AS "at", "kind" AS "event", "item_id" AS "item_id", CAST("seq" AS BIGINT) AS "seq", "user_id" AS "user_id"
FROM read_parquet(['<project>/data/feed.parquet'], hive_partitioning = true)
WHERE isfinite("at") AND "at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- filter_history_feed_all_events
CREATE TEMP VIEW "history_feed_all_events" AS
FROM "history_feed_all_rows"
WHERE "event" IN ('view', 'like', 'skip');
-- scan_history_feed_all_item_rows
CREATE TEMP VIEW "history_feed_all_item_rows" AS
SELECT "item_id" AS "item_id", "published_at" AS "published_at", "tags" AS "tags"
FROM read_parquet(['<project>/data/item.parquet'], hive_partitioning = true)
WHERE isfinite("published_at") AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- join_history_feed_all_with_item
CREATE TEMP TABLE "history_feed_all_events__table" AS FROM "history_feed_all_events";
CREATE TEMP TABLE "history_feed_all_with_item__keys" AS SELECT DISTINCT "item_id" FROM "history_feed_all_events__table";
CREATE TEMP TABLE "history_feed_all_with_item__candidates" AS
SELECT r.*, "published_at" AS __known
FROM "history_feed_all_item_rows" AS r SEMI JOIN "history_feed_all_with_item__keys" AS l ON l."item_id" = r."item_id"
WHERE isfinite("published_at") AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "history_feed_all_with_item__answers" AS
FROM "history_feed_all_with_item__candidates" QUALIFY row_number() OVER (PARTITION BY "item_id", "published_at" ORDER BY "tags" DESC NULLS LAST) = 1;
CREATE TEMP TABLE "history_feed_all_with_item" AS
SELECT l.*, r."tags"
FROM "history_feed_all_events__table" AS l ASOF LEFT JOIN "history_feed_all_with_item__answers" AS r
  ON l."item_id" = r."item_id" AND l."at" > r.__known;
DROP VIEW "history_feed_all_with_item__answers";
DROP TABLE "history_feed_all_with_item__candidates";
DROP TABLE "history_feed_all_events__table";
-- scan_history_item_rows
CREATE TEMP VIEW "history_item_rows" AS
SELECT CAST("author_id" AS BIGINT) AS "author_id", "item_id" AS "item_id", "published_at" AS "published_at"
FROM read_parquet(['<project>/data/item.parquet'], hive_partitioning = true)
WHERE "published_at" >= TIMESTAMP '2026-02-28 00:00:00.000000' AND "published_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- roll_day_windows_1
CREATE TEMP TABLE "day_windows_1__target" AS
SELECT hist.__row, epoch_us(hist."at") AS __ts, hist.* EXCLUDE (__row)
FROM "day_with_item" AS hist;
-- the aggregation engine makes day_windows_1: day_with_item and the windows over day_windows_1__history:
SELECT hist.*, epoch_us(hist."at") AS __ts, coalesce((hist.event = 'like'
), false) AS __condition_0, coalesce((hist.event = 'like'
), false) AS __condition_1, coalesce((hist.event = 'view'
), false) AS __condition_2
FROM "history_feed_with_item" AS hist SEMI JOIN "day_windows_1__target" AS t ON hist."user_id" = t."user_id"
WHERE hist."at" IS NOT NULL;
DROP TABLE "day_windows_1__target";
-- roll_day_windows_2
CREATE TEMP TABLE "day_windows_2__target" AS
SELECT hist.__row, epoch_us(hist."at") AS __ts, "user_id"
FROM "day_with_item" AS hist;
-- the aggregation engine makes day_windows_2: day_windows_1 and the windows over day_windows_2__history:
SELECT hist."user_id", hist."seq", hist."item_id", hist."tags", epoch_us(hist."at") AS __ts, coalesce((hist.event = 'like'
), false) AS __condition_0
FROM "history_feed_all_with_item" AS hist SEMI JOIN "day_windows_2__target" AS t ON hist."user_id" = t."user_id"
WHERE hist."at" IS NOT NULL AND (coalesce((hist.event = 'like'
), false));
DROP TABLE "day_windows_2__target";
-- roll_day_windows_3
CREATE TEMP TABLE "day_windows_3__target" AS
SELECT hist.__row, epoch_us(hist."at") AS __ts, "author_id"
FROM "day_with_item" AS hist;
-- the aggregation engine makes day_windows_3: day_windows_2 and the windows over day_windows_3__history:
SELECT hist."author_id", hist."seq", hist."user_id", hist."item_id", epoch_us(hist."at") AS __ts, coalesce((hist.event = 'like'
), false) AS __condition_0
FROM "history_feed_with_item" AS hist SEMI JOIN "day_windows_3__target" AS t ON hist."author_id" = t."author_id"
WHERE hist."at" IS NOT NULL AND (coalesce((hist.event = 'like'
), false));
DROP TABLE "day_windows_3__target";
-- roll_day_windows_4
CREATE TEMP TABLE "day_windows_4__target" AS
SELECT hist.__row, epoch_us(hist."at") AS __ts, "user_id"
FROM "day_with_item" AS hist;
-- the aggregation engine makes day_windows_4: day_windows_3 and the windows over day_windows_4__history:
SELECT hist."author_id", hist."item_id", epoch_us(hist."published_at") AS __ts
FROM "history_item_rows" AS hist SEMI JOIN "day_windows_4__target" AS t ON hist."author_id" = t."user_id"
WHERE hist."published_at" IS NOT NULL;
DROP TABLE "day_windows_4__target";
-- project_day_derived_age_hours
CREATE TEMP VIEW "day_derived_age_hours" AS
SELECT *, CAST((date_diff('minute', published_at, "at") / 60.0
) AS DOUBLE) AS "age_hours"
FROM "day_windows_4";
-- project_day_derived_age_plus_one
CREATE TEMP VIEW "day_derived_age_plus_one" AS
SELECT *, CAST((age_hours + 1 -- derived from a derived column
) AS DOUBLE) AS "age_plus_one"
FROM "day_derived_age_hours";
-- filter_day_filtered_known_author
CREATE TEMP VIEW "day_filtered_known_author" AS
FROM "day_derived_age_plus_one"
WHERE (author_id IS NOT NULL
);
-- filter_day_filtered_not_hidden
CREATE TEMP VIEW "day_filtered_not_hidden" AS
FROM "day_filtered_known_author"
WHERE (score >= 0
);
-- filter_day_filtered_sessions
CREATE TEMP VIEW "day_filtered_sessions" AS
FROM "day_filtered_not_hidden"
WHERE "session" IS NULL OR "session" NOT IN (SELECT "session" FROM "day_filtered_not_hidden" WHERE "session" IS NOT NULL GROUP BY "session" HAVING bool_and(coalesce("event" IN ('view'), false)) OR (count_if(NOT coalesce("event" IN ('view'), false)) = 1 AND count_if(NOT coalesce("event" IN ('view'), false) AND coalesce("event" IN ('like'), false)) = 1));
-- project_skeleton
CREATE TEMP VIEW "skeleton" AS
SELECT __row, CAST("at" AS TIMESTAMP) AS "at", CAST("user_id" AS BIGINT) AS "user_id", CAST("item_id" AS BIGINT) AS "item_id", CAST("event" AS VARCHAR) AS "event", CAST("author_id" AS BIGINT) AS "author_id", CAST("likes_1d" AS BIGINT[]) AS "likes_1d", CAST("other_likes_2d" AS BIGINT[]) AS "other_likes_2d", CAST("views_1d" AS BIGINT) AS "views_1d", CAST("events_with_this" AS BIGINT) AS "events_with_this", CAST("like_tags" AS VARCHAR[]) AS "like_tags", CAST("author_likes_1d" AS BIGINT) AS "author_likes_1d", CAST("published" AS BIGINT[]) AS "published", CAST("session_items" AS BIGINT[]) AS "session_items", CAST("age_plus_one" AS DOUBLE) AS "age_plus_one", 'batch' AS "source", CAST(CAST(NULL AS DOUBLE) AS DOUBLE) AS "rank"
FROM "day_filtered_sessions";
-- sink_skeleton
-- the rows of skeleton are written
