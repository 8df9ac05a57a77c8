-- scan_day_rows
CREATE TEMP VIEW "day_rows" AS
SELECT "customer_id" AS "customer_id", CAST("line" AS BIGINT) AS "line", "ordered_at" AS "ordered_at", "product_id" AS "product_id"
FROM read_parquet(['<project>/data/orders.parquet'], hive_partitioning = true)
WHERE "ordered_at" >= TIMESTAMP '2026-03-02 00:00:00.000000' AND "ordered_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- project_day_ordered
CREATE TEMP TABLE "day_ordered" AS
SELECT row_number() OVER (ORDER BY "ordered_at" NULLS FIRST, "customer_id" NULLS FIRST, "product_id" NULLS FIRST, "line" NULLS FIRST) - 1 AS __row, *
FROM "day_rows";
-- scan_day_price_strict_rows
CREATE TEMP VIEW "day_price_strict_rows" AS
SELECT "product_id" AS "product_id", "price" AS "strict_price", "valid_at" AS "valid_at", "version" AS "version"
FROM read_parquet(['<project>/data/prices.parquet'], hive_partitioning = true)
WHERE isfinite("valid_at") AND "valid_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- join_day_with_price_strict
CREATE TEMP TABLE "day_with_price_strict__keys" AS SELECT DISTINCT "product_id" FROM "day_ordered";
CREATE TEMP TABLE "day_with_price_strict__candidates" AS
SELECT r.*, "valid_at" AS __known
FROM "day_price_strict_rows" AS r SEMI JOIN "day_with_price_strict__keys" AS l ON l."product_id" = r."product_id"
WHERE isfinite("valid_at") AND "valid_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "day_with_price_strict__answers" AS
FROM "day_with_price_strict__candidates" QUALIFY row_number() OVER (PARTITION BY "product_id", "valid_at" ORDER BY "version" DESC NULLS LAST, "strict_price" DESC NULLS LAST) = 1;
CREATE TEMP TABLE "day_with_price_strict" AS
SELECT l.*, r."strict_price"
FROM "day_ordered" AS l ASOF LEFT JOIN "day_with_price_strict__answers" AS r
  ON l."product_id" = r."product_id" AND l."ordered_at" > r.__known;
DROP VIEW "day_with_price_strict__answers";
DROP TABLE "day_with_price_strict__candidates";
DROP TABLE "day_ordered";
-- scan_day_price_inclusive_rows
CREATE TEMP VIEW "day_price_inclusive_rows" AS
SELECT "price" AS "inclusive_price", "product_id" AS "product_id", "valid_at" AS "valid_at", "version" AS "version"
FROM read_parquet(['<project>/data/prices.parquet'], hive_partitioning = true)
WHERE isfinite("valid_at") AND "valid_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- join_day_with_price_inclusive
CREATE TEMP TABLE "day_with_price_inclusive__candidates" AS
SELECT r.*, "valid_at" AS __known
FROM "day_price_inclusive_rows" AS r SEMI JOIN "day_with_price_strict__keys" AS l ON l."product_id" = r."product_id"
WHERE isfinite("valid_at") AND "valid_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "day_with_price_inclusive__answers" AS
FROM "day_with_price_inclusive__candidates" QUALIFY row_number() OVER (PARTITION BY "product_id", "valid_at" ORDER BY "version" DESC NULLS LAST, "inclusive_price" DESC NULLS LAST) = 1;
CREATE TEMP TABLE "day_with_price_inclusive" AS
SELECT l.*, r."inclusive_price"
FROM "day_with_price_strict" AS l ASOF LEFT JOIN "day_with_price_inclusive__answers" AS r
  ON l."product_id" = r."product_id" AND l."ordered_at" >= r.__known;
DROP VIEW "day_with_price_inclusive__answers";
DROP TABLE "day_with_price_inclusive__candidates";
DROP TABLE "day_with_price_strict";
-- scan_day_price_late_rows
CREATE TEMP VIEW "day_price_late_rows" AS
SELECT "ingested_at" AS "ingested_at", "price" AS "late_price", "product_id" AS "product_id", "valid_at" AS "valid_at", "version" AS "version"
FROM read_parquet(['<project>/data/prices.parquet'], hive_partitioning = true);
-- join_day_with_price_late
CREATE TEMP VIEW "day_with_price_late__candidates" AS
SELECT r.*, "ingested_at" + to_microseconds(1800000000) AS __known
FROM "day_price_late_rows" AS r SEMI JOIN "day_with_price_strict__keys" AS l ON l."product_id" = r."product_id"
WHERE isfinite("valid_at") AND isfinite("ingested_at") AND "ingested_at" + to_microseconds(1800000000) < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "day_with_price_late__answers" AS
FROM (SELECT *, row_number() OVER (PARTITION BY "product_id" ORDER BY "valid_at", "version" ASC NULLS FIRST, "late_price" ASC NULLS FIRST) AS __rank FROM "day_with_price_late__candidates")
QUALIFY __rank = max(__rank) OVER (PARTITION BY "product_id" ORDER BY __known);
CREATE TEMP TABLE "day_with_price_late" AS
SELECT l.*, r."late_price"
FROM "day_with_price_inclusive" AS l ASOF LEFT JOIN "day_with_price_late__answers" AS r
  ON l."product_id" = r."product_id" AND l."ordered_at" > r.__known;
DROP VIEW "day_with_price_late__answers";
DROP VIEW "day_with_price_late__candidates";
DROP TABLE "day_with_price_inclusive";
-- scan_day_price_fresh_rows
CREATE TEMP VIEW "day_price_fresh_rows" AS
SELECT "price" AS "fresh_price", "product_id" AS "product_id", "valid_at" AS "valid_at", "version" AS "version"
FROM read_parquet(['<project>/data/prices.parquet'], hive_partitioning = true)
WHERE "valid_at" >= TIMESTAMP '2026-03-01 22:00:00.000000' AND "valid_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
-- join_day_with_price_fresh
CREATE TEMP TABLE "day_with_price_fresh__candidates" AS
SELECT r.*, "valid_at" AS __known
FROM "day_price_fresh_rows" AS r SEMI JOIN "day_with_price_strict__keys" AS l ON l."product_id" = r."product_id"
WHERE isfinite("valid_at") AND "valid_at" < TIMESTAMP '2026-03-03 00:00:00.000000';
CREATE TEMP VIEW "day_with_price_fresh__answers" AS
FROM "day_with_price_fresh__candidates" QUALIFY row_number() OVER (PARTITION BY "product_id", "valid_at" ORDER BY "version" DESC NULLS LAST, "fresh_price" DESC NULLS LAST) = 1;
CREATE TEMP TABLE "day_with_price_fresh" AS
SELECT l.*, CASE WHEN r."valid_at" >= l."ordered_at" - to_microseconds(7200000000) THEN r."fresh_price" END AS "fresh_price"
FROM "day_with_price_late" AS l ASOF LEFT JOIN "day_with_price_fresh__answers" AS r
  ON l."product_id" = r."product_id" AND l."ordered_at" > r.__known;
DROP VIEW "day_with_price_fresh__answers";
DROP TABLE "day_with_price_fresh__candidates";
DROP TABLE "day_with_price_late";
-- scan_day_price_latest_rows
CREATE TEMP VIEW "day_price_latest_rows" AS
SELECT "price" AS "latest_price", "product_id" AS "product_id", "valid_at" AS "valid_at", "version" AS "version"
FROM read_parquet(['<project>/data/prices.parquet'], hive_partitioning = true);
-- join_day_with_price_latest
CREATE TEMP TABLE "day_with_price_latest" AS
SELECT l.*, r."latest_price"
FROM "day_with_price_fresh" AS l LEFT JOIN (FROM "day_price_latest_rows" QUALIFY row_number() OVER (PARTITION BY "product_id" ORDER BY "valid_at" DESC NULLS LAST, "version" DESC NULLS LAST, "latest_price" DESC NULLS LAST) = 1) AS r ON l."product_id" = r."product_id";
DROP TABLE "day_with_price_fresh";
-- scan_day_products_rows
CREATE TEMP VIEW "day_products_rows" AS
SELECT "brand" AS "brand", CAST("maker_id" AS BIGINT) AS "maker_id", "product_id" AS "product_id"
FROM read_parquet(['<project>/data/products.parquet'], hive_partitioning = true);
-- join_day_with_products
SELECT "product_id", count(*) AS __count FROM "day_products_rows" AS r
WHERE "product_id" IS NOT NULL
GROUP BY "product_id" HAVING count(*) > 1 ORDER BY "product_id" LIMIT 3;
CREATE TEMP TABLE "day_with_products" AS
SELECT l.*, r."brand", r."maker_id"
FROM "day_with_price_latest" AS l LEFT JOIN "day_products_rows" AS r ON l."product_id" = r."product_id";
DROP TABLE "day_with_price_latest";
-- scan_day_makers_rows
CREATE TEMP VIEW "day_makers_rows" AS
SELECT "country" AS "country", "maker_id" AS "maker_id"
FROM read_parquet(['<project>/data/makers.parquet'], hive_partitioning = true);
-- join_day_with_makers
SELECT "maker_id", count(*) AS __count FROM "day_makers_rows" AS r
WHERE "maker_id" IS NOT NULL
GROUP BY "maker_id" HAVING count(*) > 1 ORDER BY "maker_id" LIMIT 3;
CREATE TEMP TABLE "day_with_makers" AS
SELECT l.*, r."country"
FROM "day_with_products" AS l LEFT JOIN "day_makers_rows" AS r ON l."maker_id" = r."maker_id";
DROP TABLE "day_with_products";
-- project_skeleton
CREATE TEMP VIEW "skeleton" AS
SELECT __row, CAST("customer_id" AS BIGINT) AS "customer_id", CAST("product_id" AS BIGINT) AS "product_id", "ordered_at" AS "ordered_at", CAST("strict_price" AS DOUBLE) AS "strict_price", CAST("inclusive_price" AS DOUBLE) AS "inclusive_price", CAST("late_price" AS DOUBLE) AS "late_price", CAST("fresh_price" AS DOUBLE) AS "fresh_price", CAST("latest_price" AS DOUBLE) AS "latest_price", CAST("brand" AS VARCHAR) AS "brand", CAST("country" AS VARCHAR) AS "country"
FROM "day_with_makers";
-- sink_skeleton
-- the rows of skeleton are written
