/**
 * Trains both examples through the command line, and computes what their days must hold once more: in SQL that says the
 * definition of a column for one row at a time, without any of the code that makes datasets.
 */
import {cpSync, existsSync, mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {afterAll, beforeAll, describe, expect, it, vi} from "vitest";
import {loadProject, readProject} from "../src/definitions/project.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {Problems} from "../src/errors.js";
import {compilePlan} from "../src/plan/compile.js";
import {writeDemoProject} from "../src/platform/demo-data.js";
import {runDaeda} from "./support/run-daeda.js";

// Several processes and several hundred thousand rows a test: on a machine that is busy a minute is not enough.
vi.setConfig({testTimeout: 240_000});

const root = fileURLToPath(new URL("..", import.meta.url));
const retailDirectory = join(root, "../shared/data/online-retail");

async function daeda(directory: string, ...args: string[]): Promise<string> {
  const result = await runDaeda(args, {directory, env: {ONLINE_RETAIL: retailDirectory}});
  expect(result.exitCode, `daeda ${args.join(" ")}\n${result.stderr}`).toBe(0);
  return result.stdout;
}

/** Rows of `expected` and `actual` that have no equal on the other side, a few of each; both empty when the tables agree. */
async function difference(session: DuckDbSession, columns: readonly string[]): Promise<unknown> {
  const list = columns.join(", ");
  const rows = async (sql: string): Promise<string[]> => (await session.rows(`${sql} ORDER BY ALL LIMIT 3`)).map((row) => String(Object.values(row)[0]));
  const only = (left: string, right: string): string => `SELECT t::VARCHAR FROM (SELECT ${list} FROM ${left} EXCEPT ALL SELECT ${list} FROM ${right}) t`;
  return {missing: await rows(only("expected", "actual")), unexpected: await rows(only("actual", "expected"))};
}

/** The files of a day that the other aggregation engine makes must hold the rows of `actual`, in their order. */
async function expectSameFromPolars(session: DuckDbSession, of: {directory: string; service: string; day: string}): Promise<void> {
  const {directory, service, day} = of;
  await daeda(directory, "pipeline", "train", service, "--target-date", day, "--engine", "polars", "--output-root", "polars");
  const numbered = (root: string): string =>
    `(FROM read_parquet('${directory}/${root}/${service}/dataset/dt=${day}/*.parquet', hive_partitioning = false, file_row_number = true))`;
  await session.run(`CREATE OR REPLACE TABLE expected AS FROM ${numbered("data/training_output")}; CREATE OR REPLACE TABLE actual AS FROM ${numbered("polars")}`);
  expect(await countRows(session, "expected")).toBeGreaterThan(500);
  expect(await difference(session, ["*"])).toEqual({missing: [], unexpected: []});
}

async function countRows(session: DuckDbSession, table: string): Promise<number> {
  return Number((await session.rows(`SELECT count(*) AS n FROM ${table}`))[0]?.["n"]);
}

describe.each(["recommender", "online-retail"])("the definitions of examples/%s", (name) => {
  it("read and compile without an error or a warning", () => {
    const {project, problems} = readProject({root: join(root, "examples", name)});
    expect(problems.all).toEqual([]);
    expect(project?.services.size).toBeGreaterThan(0);
    const compiling = new Problems();
    for (const service of project!.services.values()) compilePlan(project!, service, compiling);
    expect(compiling.all).toEqual([]);
  });
});

describe("the recommender example", () => {
  const day = "2026-03-14";
  let directory: string;
  let session: DuckDbSession;

  /** The view's value as of an instant: the newest of the rows known before it. */
  const asOf = (view: string, column: string, at: {key: string; timestamp: string; known?: string; ttl?: string; tie?: string}, row: string): string =>
    `(SELECT v.${column} FROM ${view} v WHERE v.${at.key} = ${row}.${at.key}
        AND ${at.known ?? `v.${at.timestamp}`} < ${row}.event_timestamp
        ${at.ttl === undefined ? "" : `AND v.${at.timestamp} >= ${row}.event_timestamp - ${at.ttl}`}
      ORDER BY v.${at.timestamp} DESC${at.tie === undefined ? "" : `, v.${at.tie} DESC`} LIMIT 1)`;
  const safety = (row: string): string =>
    asOf("vector", "media_safety_score", {key: "artwork_id", timestamp: "computed_at", known: "v.computed_at + INTERVAL 10 MINUTES"}, row);

  /** A window over the spine: the earlier rows h that count for the row r. */
  const earlier = (window: string, key: string): string =>
    `h.${key} = r.${key} AND h.event_timestamp < r.event_timestamp ${window === "" ? "" : `AND h.event_timestamp >= r.event_timestamp - INTERVAL ${window}`}`;
  const inOrder = "ORDER BY h.event_timestamp, h.seq, h.user_id, h.artwork_id";
  const listOf = (value: string, from: {where: string; max: number}): string =>
    `coalesce((SELECT list(h.${value} ${inOrder}) FILTER (WHERE h.${value} IS NOT NULL) FROM spine h WHERE ${from.where})[-${from.max}:], [])`;
  const countOf = (where: string): string => `(SELECT count(*) FROM spine h WHERE ${where})`;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "recommender-"));
    await writeDemoProject(directory, {seed: 5, days: 14});
    session = await DuckDbSession.open();
    for (const [view, path] of [
      ["feed", "feed"],
      ["profile", "user/profile"],
      ["properties", "artwork/properties"],
      ["generation", "artwork/generation"],
      ["aesthetic", "artwork/aesthetic"],
      ["tack", "artwork/tack"],
      ["vector", "artwork/vector"],
      ["vectors", "siglip2_vectors"],
    ]) {
      await session.run(`CREATE TABLE ${view} AS FROM read_parquet('${directory}/data/mewtant/${path}/**/*.parquet')`);
    }
  });

  afterAll(() => {
    session.close();
    rmSync(directory, {recursive: true});
  });

  const openDay = (service: string, of: string): Promise<void> =>
    session.run(`CREATE OR REPLACE TABLE actual AS FROM read_parquet('${directory}/data/training_output/${service}/dataset/dt=${of}/*.parquet', hive_partitioning = false)`);

  async function expectSpine(isCovered: boolean): Promise<void> {
    await session.run(`CREATE OR REPLACE TABLE spine AS SELECT h.*,
        ${asOf("properties", "author_id", {key: "artwork_id", timestamp: "created_at"}, "h")} AS author_id
      FROM feed h WHERE event IN ('view', 'like_click', 'dislike_click', 'detail_click')
        ${isCovered ? "AND artwork_id IN (SELECT id FROM vectors)" : ""}`);
  }

  /** The rows of a day before the session filter, and what of them the filter leaves. */
  async function expectDay(of: string, keep: {where: string; having: string}): Promise<void> {
    await session.run(`CREATE OR REPLACE TABLE of_day AS SELECT h.*, (SELECT model FROM generation WHERE id = h.artwork_id) AS model_id, ${safety("h")} AS media_safety_score
      FROM spine h WHERE h.event_timestamp >= TIMESTAMP '${of}' AND h.event_timestamp < TIMESTAMP '${of}' + INTERVAL 1 DAY`);
    await session.run(`CREATE OR REPLACE TABLE target AS WITH kept AS (FROM of_day WHERE ${keep.where})
      FROM kept WHERE feed_session IS NULL OR feed_session IN (SELECT feed_session FROM kept GROUP BY feed_session HAVING ${keep.having})`);
  }

  it("lints without a problem", async () => {
    expect(JSON.parse(await daeda(directory, "lint", "--format", "json"))).toMatchObject({errors: 0, warnings: 0, problems: [], services: 2});
  });

  it("makes days of dssm_ranking whose every column is what its definition says", async () => {
    await daeda(directory, "embeddings", "build", "artwork_embeddings");
    await expectSpine(true);
    const like = "h.event = 'like_click'";
    for (const of of ["2026-03-02", day]) {
      await daeda(directory, "pipeline", "train", "dssm_ranking", "--target-date", of);
      await openDay("dssm_ranking", of);
      await expectDay(of, {where: "model_id IN (1, 2, 3) AND coalesce(media_safety_score, 0) < 0.8", having: "NOT bool_and(event = 'view')"});
      // Distinct tacks stand where they were liked last: instant, order of events within it, place in the list.
      await session.run(`CREATE OR REPLACE TABLE liked_tacks AS
        SELECT user_id, artwork_id, event_timestamp, seq, unnest(range(1, len(tack_ids) + 1)) AS place, unnest(tack_ids) AS tack_id
        FROM (SELECT h.*, ${asOf("tack", "tack_ids", {key: "artwork_id", timestamp: "updated_at"}, "h")} AS tack_ids FROM spine h WHERE ${like})`);
      await session.run(`CREATE OR REPLACE TABLE tacks AS
        SELECT user_id, artwork_id, event_timestamp, seq, list(tack_id ORDER BY newest)[-32:] AS like_tack_ids_7d
        FROM (SELECT r.user_id, r.artwork_id, r.event_timestamp, r.seq, h.tack_id, max({a: h.event_timestamp, b: h.seq, c: h.place}) AS newest
          FROM target r JOIN liked_tacks h ON ${earlier("7 DAY", "user_id")} AND h.artwork_id <> r.artwork_id GROUP BY ALL)
        GROUP BY ALL`);
      await session.run(`CREATE OR REPLACE TABLE expected AS SELECT *,
          date_diff('second', created_at, event_timestamp) / 3600.0 AS artwork_age_hours,
          coalesce(list_contains(followed_user_ids, author_id), false) AS is_following_author,
          CASE event WHEN 'like_click' THEN 2 WHEN 'detail_click' THEN 1 WHEN 'dislike_click' THEN -1 ELSE 0 END AS label
        FROM (SELECT r.user_id, r.artwork_id, r.event_timestamp, r.event, r.feed_session, r.model_id, r.media_safety_score, r.author_id,
          (SELECT created_at FROM properties p WHERE p.artwork_id = r.artwork_id AND created_at < r.event_timestamp) AS created_at,
          ${asOf("profile", "followed_user_ids", {key: "user_id", timestamp: "updated_at", ttl: "INTERVAL 90 DAY", tie: "version"}, "r")} AS followed_user_ids,
          ${asOf("aesthetic", "aes_score", {key: "artwork_id", timestamp: "scored_at", known: "v.ingested_at", tie: "scorer_version"}, "r")} AS aes_score,
          ${asOf("tack", "tack_ids", {key: "artwork_id", timestamp: "updated_at"}, "r")} AS tack_ids,
          ${listOf("artwork_id", {where: `${earlier("7 DAY", "user_id")} AND ${like} AND h.artwork_id <> r.artwork_id`, max: 32})} AS like_artwork_ids_7d,
          ${listOf("artwork_id", {where: `${earlier("1 DAY", "user_id")} AND h.event = 'view'`, max: 64})} AS view_artwork_ids_1d,
          ${listOf("artwork_id", {where: `${earlier("", "user_id")} AND h.event = 'dislike_click'`, max: 64})} AS dislike_artwork_ids,
          coalesce((SELECT list(p.artwork_id ORDER BY p.created_at, p.artwork_id) FROM properties p WHERE p.author_id = r.user_id
            AND p.created_at < r.event_timestamp AND p.created_at >= r.event_timestamp - INTERVAL 30 DAY)[-32:], []) AS published_artwork_ids_30d,
          coalesce(tacks.like_tack_ids_7d, []) AS like_tack_ids_7d,
          ${countOf(`${earlier("7 DAY", "user_id")} AND ${like}`)} AS like_count_7d,
          ${countOf(`${earlier("7 DAY", "user_id")} AND h.event = 'view'`)} AS view_count_7d
        FROM target r LEFT JOIN tacks USING (user_id, artwork_id, event_timestamp, seq))`);
      expect(await countRows(session, "expected")).toBeGreaterThan(500);
      const columns = (await session.describe("FROM expected")).map((column) => column.name);
      expect(await difference(session, columns), of).toEqual({missing: [], unexpected: []});
      const made = (await session.describe("FROM actual")).map((column) => column.name);
      const declared = loadProject({root: directory}).services.get("dssm_ranking")!.columns!.map((column) => column.name);
      expect(made).toEqual(declared);
      expect(made.filter((name) => !columns.includes(name))).toEqual(["image_embedding", "like_artwork_avg_embeds"]);
    }
  });

  it("looks vectors up and averages those of the liked artworks", async () => {
    // 64 vectors of exact halves: their sum is exact in single precision in any order, and only the mean is rounded, to a half.
    const rows = await session.rows(`SELECT count(*) AS n, count(image_embedding) AS found, count(*) FILTER (WHERE image_embedding <> v.vector) AS wrong
      FROM actual LEFT JOIN (SELECT id, image_embedding AS vector FROM vectors) v ON v.id = artwork_id`);
    expect(rows[0]?.["n"]).toBe(rows[0]?.["found"]);
    expect(Number(rows[0]?.["wrong"])).toBe(0);
    const means = await session.rows(`WITH numbered AS (SELECT row_number() OVER () AS r, like_artwork_ids_7d, like_artwork_avg_embeds FROM actual),
        known AS (SELECT r, unnest(image_embedding) AS x, unnest(range(64)) AS d
          FROM (SELECT r, unnest(like_artwork_ids_7d) AS id FROM numbered) JOIN vectors USING (id)),
        means AS (SELECT r, list(m ORDER BY d) AS mean FROM (SELECT r, d, avg(x::DOUBLE) AS m FROM known GROUP BY r, d) GROUP BY r)
      SELECT count(*) AS n, count(mean) AS found, count(*) FILTER (WHERE (mean IS NULL) <> (like_artwork_avg_embeds IS NULL)) AS misplaced,
        max(list_max(list_transform(list_zip(mean, like_artwork_avg_embeds), lambda pair: abs(pair[1] - pair[2])))) AS error
      FROM numbered LEFT JOIN means USING (r)`);
    expect(Number(means[0]?.["found"])).toBeGreaterThan(100);
    expect(Number(means[0]?.["found"])).toBeLessThan(Number(means[0]?.["n"]));
    expect(Number(means[0]?.["misplaced"])).toBe(0);
    // Half of the distance between two halves just below 1/2; the division, in single precision, adds far less.
    expect(Number(means[0]?.["error"])).toBeLessThanOrEqual(2 ** -13 + 2 ** -24);
  });

  it("makes a day of xgb_reranker whose windows are what their definitions say", async () => {
    await daeda(directory, "pipeline", "train", "xgb_reranker", "--target-date", day);
    await openDay("xgb_reranker", day);
    await expectSpine(false);
    await expectDay(day, {
      where: "coalesce(media_safety_score, 0) < 0.8",
      having: "NOT bool_and(event = 'view') AND NOT (count(*) FILTER (WHERE event <> 'view') = 1 AND count(*) FILTER (WHERE event = 'like_click') = 1)",
    });
    const like = "h.event = 'like_click'";
    await session.run(`CREATE OR REPLACE TABLE expected AS SELECT *, like_count_7d / greatest(view_count_7d, 1) AS like_rate_7d, hour(event_timestamp) AS hour_of_day
      FROM (SELECT r.user_id, r.artwork_id, r.event_timestamp, r.event, r.author_id, r.model_id, r.media_safety_score,
        ${listOf("author_id", {where: `${earlier("30 DAY", "user_id")} AND ${like} AND h.artwork_id <> r.artwork_id`, max: 32})} AS like_author_ids_30d,
        ${countOf(`${earlier("7 DAY", "user_id")} AND ${like}`)} AS like_count_7d,
        ${countOf(`${earlier("7 DAY", "user_id")} AND h.event = 'view'`)} AS view_count_7d,
        ${countOf(`${earlier("7 DAY", "artwork_id")} AND ${like}`)} AS artwork_like_count_7d,
        ${countOf(`${earlier("7 DAY", "artwork_id")} AND h.event = 'view'`)} AS artwork_view_count_7d,
        ${countOf(`${earlier("7 DAY", "user_id")} AND h.artwork_id = r.artwork_id AND h.event = 'view'`)} AS user_artwork_view_count_7d,
        CASE WHEN r.feed_session IS NULL THEN 0 ELSE 1 + ${countOf(earlier("1 DAY", "feed_session"))} END AS session_event_number,
        ${listOf("artwork_id", {where: `${earlier("1 DAY", "user_id")} AND ${like} AND h.feed_session = r.feed_session`, max: 16})} AS session_like_artwork_ids
      FROM target r)`);
    expect(await countRows(session, "expected")).toBeGreaterThan(500);
    const columns = (await session.describe("FROM expected")).map((column) => column.name);
    expect(await difference(session, columns)).toEqual({missing: [], unexpected: []});
  });

  it.each(["dssm_ranking", "xgb_reranker"])("makes the same rows of %s in the same order with polars", async (service) => {
    await expectSameFromPolars(session, {directory, service, day});
  });
});

describe.skipIf(!existsSync(retailDirectory))("the online-retail example (needs ../shared/data/online-retail)", () => {
  const days = ["2010-12-01", "2011-03-15", "2011-12-08"];
  let directory: string;
  let session: DuckDbSession;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "online-retail-"));
    cpSync(join(root, "examples/online-retail"), directory, {recursive: true});
    session = await DuckDbSession.open();
    await session.run(`CREATE TABLE spine AS SELECT CustomerID AS customer_id, StockCode AS item_id, InvoiceDate AS event_timestamp, source_row, EventType AS event,
        Quantity AS quantity, UnitPrice AS unit_price FROM '${retailDirectory}/events.parquet' WHERE EventType IN ('purchase', 'cancellation')`);
    await session.run(`CREATE TABLE items AS FROM '${retailDirectory}/items.parquet'`);
    await session.run(`CREATE TABLE descriptions AS FROM '${retailDirectory}/item_descriptions.parquet'`);
  });

  afterAll(() => {
    session.close();
    rmSync(directory, {recursive: true});
  });

  it("makes days of next_basket whose every column is what its definition says", async () => {
    const inOrder = "ORDER BY h.event_timestamp, h.source_row";
    const earlier = (key: string, window: string): string =>
      `h.${key} = r.${key} AND h.event_timestamp < r.event_timestamp ${window === "" ? "" : `AND h.event_timestamp >= r.event_timestamp - INTERVAL ${window}`}`;
    const listOf = (value: string, from: {where: string; max: number}): string =>
      `coalesce((SELECT list(h.${value} ${inOrder}) FROM spine h WHERE ${from.where})[-${from.max}:], [])`;
    const countOf = (where: string): string => `(SELECT count(*) FROM spine h WHERE ${where})`;
    for (const day of days) {
      await daeda(directory, "pipeline", "train", "next_basket", "--target-date", day);
      await session.run(`CREATE OR REPLACE TABLE actual AS FROM read_parquet('${directory}/data/training_output/next_basket/dataset/dt=${day}/*.parquet', hive_partitioning = false)`);
      await session.run(`CREATE OR REPLACE TABLE expected AS SELECT r.source_row, r.customer_id, r.item_id, r.event_timestamp, r.event, r.quantity, r.unit_price,
          (SELECT d.Description FROM descriptions d WHERE d.StockCode = r.item_id AND d.FirstSeen < r.event_timestamp ORDER BY d.FirstSeen DESC, d.Description LIMIT 1) AS item_description,
          ${listOf("item_id", {where: `${earlier("customer_id", "30 DAY")} AND h.event = 'purchase' AND h.item_id <> r.item_id`, max: 100})} AS purchased_item_ids_30d,
          ${listOf("item_id", {where: `${earlier("customer_id", "")} AND h.event = 'purchase' AND h.item_id <> r.item_id`, max: 100})} AS purchased_item_ids,
          ${listOf("item_id", {where: `${earlier("customer_id", "90 DAY")} AND h.event = 'cancellation'`, max: 100})} AS returned_item_ids_90d,
          ${countOf(`${earlier("customer_id", "30 DAY")} AND h.event = 'purchase'`)} AS purchase_line_count_30d,
          ${countOf(`${earlier("customer_id", "")} AND h.event = 'cancellation' AND h.quantity < 0`)} AS return_line_count,
          ${countOf(`${earlier("customer_id", "")} AND h.item_id = r.item_id AND h.event = 'purchase'`)} AS repeat_purchase_count,
          ${countOf(`${earlier("item_id", "7 DAY")} AND h.event = 'purchase'`)} AS item_purchase_count_7d,
          ${listOf("unit_price", {where: `${earlier("item_id", "30 DAY")} AND h.event = 'purchase' AND h.unit_price > 0`, max: 3})} AS item_last_prices_30d,
          ${countOf(`${earlier("item_id", "30 DAY")} AND h.event = 'purchase' AND h.unit_price > r.unit_price`)} AS item_dearer_purchase_count_30d,
          r.quantity * r.unit_price AS line_value
        FROM spine r JOIN items ON StockCode = r.item_id
        WHERE r.event_timestamp >= TIMESTAMP '${day}' AND r.event_timestamp < TIMESTAMP '${day}' + INTERVAL 1 DAY
          AND r.event = 'purchase' AND Kind = 'product' AND r.unit_price > 0`);
      expect(await countRows(session, "expected")).toBeGreaterThan(1000);
      const columns = (await session.describe("FROM expected")).map((column) => column.name);
      expect(await difference(session, columns), day).toEqual({missing: [], unexpected: []});
    }
  });

  it("keeps lines without a customer, which have no history and are nobody's", async () => {
    const [row] = await session.rows(`SELECT count(*) AS n, sum(len(purchased_item_ids)) AS listed, sum(repeat_purchase_count + return_line_count) AS counted,
      sum(item_purchase_count_7d) AS sold FROM actual WHERE customer_id IS NULL`);
    expect(Number(row?.["n"])).toBeGreaterThan(100);
    expect(Number(row?.["listed"])).toBe(0);
    expect(Number(row?.["counted"])).toBe(0);
    expect(Number(row?.["sold"])).toBeGreaterThan(0);
  });

  it("never lists an item of the row's own order", async () => {
    // Each line's order is one minute; what the list holds was bought in an earlier one.
    const [row] = await session.rows(`SELECT count(*) AS leaked FROM (SELECT customer_id, event_timestamp, unnest(purchased_item_ids) AS item_id FROM actual) listed
      WHERE NOT EXISTS (FROM spine h WHERE h.customer_id = listed.customer_id AND h.item_id = listed.item_id AND h.event_timestamp < listed.event_timestamp)`);
    expect(Number(row?.["leaked"])).toBe(0);
  });

  it("makes the same rows in the same order with polars", async () => {
    await expectSameFromPolars(session, {directory, service: "next_basket", day: days[1]!});
  });
});
