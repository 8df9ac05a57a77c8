/**
 * The generated world of `examples/recommender`: users, artworks and a feed, made by DuckDB from one seed. Every value is a
 * hash of the seed and of what it belongs to, so the same options give the same rows whatever the thread count.
 */
import {cpSync, mkdirSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {renderJsonSchemas} from "../definitions/json-schema.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {quoteText} from "../sources/quote.js";

export interface DemoDataOptions {
  readonly seed: number;
  readonly days: number;
  /** `YYYY-MM-DD`, the first day of the feed. */
  readonly firstDay: string;
}

export interface DemoDataReport {
  readonly users: number;
  readonly artworks: number;
  readonly events: number;
  readonly days: number;
}

/** What `config/training/runtime.yaml` and `config/base.yaml` of the example expect. */
const demoFirstDay = "2026-03-02";
const embeddingDim = 64;

const userCount = 2000;
const artworkCount = 2400;
const authorCount = 400;
const tackCount = 300;
/** Artworks start to appear this long before the feed does. */
const archiveDays = 120;

const exampleDirectory = fileURLToPath(new URL("../../examples/recommender", import.meta.url));

/** Writes the parquet files of the example as `<directory>/data/mewtant`; what was in that folder is replaced. */
export async function writeDemoData(directory: string, options: DemoDataOptions): Promise<DemoDataReport> {
  const root = join(directory, "data", "mewtant");
  // Days of an earlier, longer feed must not stay beside the new ones.
  rmSync(root, {recursive: true, force: true});
  const session = await DuckDbSession.open();
  try {
    for (const statement of [...actors(options), ...events()]) await session.run(statement);
    for (const [path, query] of tables(options)) await writeParquet(session, join(root, path), query);
    const days = await session.rows("SELECT DISTINCT strftime(event_timestamp, '%Y-%m-%d') AS day FROM feed ORDER BY day");
    for (const {day} of days as {day: string}[]) {
      const query = `SELECT user_id, artwork_id, event_timestamp, event, feed_session, seq FROM feed
        WHERE event_timestamp::DATE = DATE ${quoteText(day)} ORDER BY event_timestamp, user_id, feed_session, seq`;
      await writeParquet(session, join(root, "feed", `dt=${day}`), query);
    }
    const [count] = await session.rows("SELECT count(*) AS events FROM feed");
    return {users: userCount, artworks: artworkCount, events: Number(count?.["events"]), days: days.length};
  } finally {
    session.close();
  }
}

/** Copies the example's YAML into `directory`, with the schemas that its headers name, and generates its data there. */
export async function writeDemoProject(
  directory: string,
  options: {readonly seed: number; readonly days: number},
): Promise<DemoDataReport> {
  mkdirSync(directory, {recursive: true});
  for (const part of ["config", "feature_views", "feature_services", "tests"]) {
    cpSync(join(exampleDirectory, part), join(directory, part), {recursive: true});
  }
  const schemas = join(directory, ".daedalus", "schemas");
  mkdirSync(schemas, {recursive: true});
  for (const [file, text] of renderJsonSchemas()) writeFileSync(join(schemas, file), text);
  return writeDemoData(directory, {...options, firstDay: demoFirstDay});
}

async function writeParquet(session: DuckDbSession, directory: string, query: string): Promise<void> {
  mkdirSync(directory, {recursive: true});
  await session.run(`COPY (${query}) TO ${quoteText(join(directory, "part-0.parquet"))} (FORMAT parquet, COMPRESSION zstd)`);
}

/** Users and artworks, before anything happens. `chance` is uniform in [0, 1); `zipf` picks 0..n-1 with a heavy head. */
function actors({seed, days, firstDay}: DemoDataOptions): string[] {
  const first = `TIMESTAMP ${quoteText(firstDay)}`;
  return [
    // DuckDB joins the hashes of several values by XOR, so without the outer hash two salts would give related numbers.
    `CREATE MACRO chance(item, salt) AS (hash(hash(${seed}::BIGINT, salt, item)) >> 11)::DOUBLE / 9007199254740992.0`,
    "CREATE MACRO zipf(item, salt, n) AS floor(pow(n, chance(item, salt)))::BIGINT - 1",
    "CREATE MACRO span(fraction, unit) AS to_microseconds(floor(fraction * epoch_us(unit))::BIGINT)",
    `CREATE MACRO first_day() AS ${first}`,
    `CREATE MACRO end_day() AS ${first} + to_days(${days})`,
    `CREATE MACRO archive_day() AS ${first} - to_days(${archiveDays})`,
    // Artworks appear evenly, one in each of these steps, so that "how many exist by now" is a division.
    `CREATE MACRO artwork_step() AS ${Math.floor(((archiveDays + days) * 86_400e6) / artworkCount)}::BIGINT`,

    `CREATE TABLE users AS SELECT i, 1000 + 7 * i + floor(6 * chance(i, 'user gap'))::BIGINT AS user_id,
        floor(5 * chance(i, 'user style')) AS style,
        4.0 / pow(1 + (i * 733) % ${userCount}, 0.55) AS sessions_a_day
      FROM range(${userCount}) users(i)`,
    `CREATE TABLE artworks AS SELECT j, 500000 + 13 * j + floor(11 * chance(j, 'artwork gap'))::BIGINT AS artwork_id,
        floor(5 * chance(j, 'artwork style')) AS style, author.user_id AS author_id,
        archive_day() + to_microseconds(j * artwork_step() + floor(artwork_step() * chance(j, 'created'))::BIGINT) AS created_at
      FROM range(${artworkCount}) artworks(j) JOIN users author ON author.i = 5 * zipf(j, 'author', ${authorCount})`,
  ];
}

/** The feed: sessions of pages, a page's views at one instant, then what the user did with some of them. */
function events(): string[] {
  return [
    `CREATE TABLE sessions AS SELECT row_number() OVER (ORDER BY day, i, n) AS s, i, user_id, style,
        first_day() + to_days(day::INTEGER)
          + span((0.8 + (chance(hash(i, day, n), 'hour') + chance(hash(i, day, n), 'minute') - 1) / 2) % 1, INTERVAL 1 DAY) AS start_at
      FROM users CROSS JOIN (SELECT unnest(range(date_diff('day', first_day(), end_day()))) AS day)
        CROSS JOIN LATERAL (SELECT unnest(range(floor(sessions_a_day + chance(hash(i, day), 'sessions'))::BIGINT)) AS n)`,

    // Some clients know whole seconds only, and a few of those send no session.
    `CREATE TABLE clients AS SELECT s, chance(s, 'client') < 0.1 AS is_coarse,
        CASE WHEN chance(s, 'client') >= 0.01 THEN printf('s%012x', hash(s, 'session') % 281474976710656) END AS feed_session
      FROM sessions`,

    // Half of what is shown is fresh, half is popular whatever its age; both exist for at least one step.
    `CREATE TABLE views AS
      WITH pages AS (SELECT *, hash(s, p) AS page,
          start_at + to_seconds(8 * p) + span(chance(hash(s, p), 'page'), INTERVAL 5 SECONDS) AS happened_at
        FROM sessions CROSS JOIN LATERAL (SELECT unnest(range(1, 2 + least(7, floor(-1.6 * ln(1 - chance(s, 'pages')))::BIGINT))) AS p)),
      slots AS (SELECT *, hash(page, k) AS slot, (epoch_us(happened_at) - epoch_us(archive_day())) // artwork_step() - 1 AS existing
        FROM pages CROSS JOIN LATERAL (SELECT unnest(range(1 + floor(4 * chance(page, 'slots'))::BIGINT)) AS k)),
      picks AS (SELECT *, existing - 1 - floor(existing * pow(chance(slot, 'fresh'), 3))::BIGINT AS fresh,
          (zipf(slot, 'popular', ${artworkCount}) * 1009 + 17) % ${artworkCount} AS popular
        FROM slots)
      SELECT s, user_id, p, k, slot, happened_at, artwork_id, artworks.style = picks.style AS is_to_taste
      FROM picks JOIN artworks ON j = CASE WHEN chance(slot, 'kind') < 0.5 AND popular < existing THEN popular ELSE fresh END
      QUALIFY row_number() OVER (PARTITION BY s, p, j ORDER BY k) = 1`,

    `CREATE TABLE feed AS
      WITH raw AS (
        SELECT s, user_id, NULL::BIGINT AS artwork_id, start_at AS happened_at, 'app_open' AS event, 0 AS place FROM sessions
        UNION ALL SELECT s, user_id, artwork_id, happened_at, 'view', k FROM views
        UNION ALL SELECT s, user_id, artwork_id, happened_at + span(chance(slot, 'detail at'), INTERVAL 6 SECONDS), 'detail_click', 10 + k
          FROM views WHERE chance(slot, 'detail') < 0.16
        -- Three in ten of those who look at the details like at the very same instant.
        UNION ALL SELECT s, user_id, artwork_id,
            happened_at + span(CASE WHEN chance(slot, 'like with detail') < 0.3 THEN chance(slot, 'detail at')
              ELSE chance(slot, 'like at') END, INTERVAL 6 SECONDS),
            'like_click', 20 + k
          FROM views WHERE chance(slot, 'like') < CASE WHEN is_to_taste THEN 0.22 ELSE 0.05 END
        UNION ALL SELECT s, user_id, artwork_id, happened_at + span(chance(slot, 'dislike at'), INTERVAL 6 SECONDS), 'dislike_click', 30 + k
          FROM views WHERE NOT is_to_taste AND chance(slot, 'dislike') < 0.03
      )
      SELECT user_id, artwork_id, CASE WHEN is_coarse THEN date_trunc('second', happened_at) ELSE happened_at END AS event_timestamp, event,
        feed_session, row_number() OVER (PARTITION BY s ORDER BY happened_at, place, artwork_id) AS seq
      FROM raw JOIN clients USING (s) WHERE happened_at < end_day()`,
  ];
}

/** Folder -> query of the tables about users and artworks; most hold several versions of a row, so that time matters. */
function tables({days}: DemoDataOptions): [path: string, query: string][] {
  return [
    [
      "user/profile",
      // A user without a profile, a NULL list, first versions older than the view's ttl, two versions at one instant: all occur.
      `WITH versions AS (SELECT i, user_id, n, hash(i, n) AS version_key,
          CASE WHEN n = 0 THEN first_day() - span(chance(i, 'signup'), INTERVAL 150 DAYS)
            WHEN n = 1 AND chance(i, 'late signup') < 0.15 THEN first_day() - INTERVAL 1 DAY
            ELSE first_day() + span(chance(hash(i, n), 'updated'), to_days(${days})) END AS updated_at
        FROM users CROSS JOIN LATERAL (SELECT unnest(range(1 + floor(5 * chance(i, 'versions'))::BIGINT)) AS n)
        WHERE chance(i, 'profile') >= 0.03),
      doubled AS (SELECT * FROM versions
        UNION ALL SELECT i, user_id, n + 100, hash(version_key), updated_at FROM versions WHERE chance(version_key, 'double') < 0.03),
      followed AS (SELECT version_key, list_sort(list(DISTINCT author.user_id)) AS followed_user_ids
        FROM (SELECT version_key, unnest(range(floor(24 * chance(version_key, 'follows'))::BIGINT)) AS f FROM doubled) picks
        JOIN users author ON author.i = 5 * zipf(hash(version_key, f), 'followed', ${authorCount}) GROUP BY version_key)
      SELECT user_id, CASE WHEN chance(version_key, 'null list') >= 0.01 THEN coalesce(followed_user_ids, []) END AS followed_user_ids,
        (row_number() OVER (PARTITION BY i ORDER BY updated_at, n))::INTEGER AS version, updated_at
      FROM doubled LEFT JOIN followed USING (version_key) ORDER BY user_id, version`,
    ],
    ["artwork/properties", "SELECT artwork_id, author_id, created_at FROM artworks ORDER BY artwork_id"],
    [
      "artwork/generation",
      `SELECT artwork_id AS id, CASE WHEN chance(j, 'no model') >= 0.01 THEN 1 + floor(5 * pow(chance(j, 'model'), 2))::BIGINT END AS model
      FROM artworks ORDER BY id`,
    ],
    [
      "artwork/aesthetic",
      // Scored soon after publication, and once more, by the next scorer, halfway through the feed.
      `SELECT artwork_id, CASE WHEN chance(v, 'no score') >= 0.02 THEN round(10 * (chance(v, 'score') + chance(j, 'beauty')) / 2, 3) END AS aes_score,
        scorer_version, scored_at, scored_at + INTERVAL 5 MINUTES + span(pow(chance(v, 'ingested'), 2), INTERVAL 6 HOURS) AS ingested_at
      FROM (
        SELECT *, hash(j, 1) AS v, 1::INTEGER AS scorer_version, created_at + span(chance(j, 'scored'), INTERVAL 30 MINUTES) AS scored_at FROM artworks
        UNION ALL
        SELECT *, hash(j, 2), 2::INTEGER, first_day() + to_days(${Math.floor(days / 2)}) + span(chance(j, 'rescored'), INTERVAL 2 DAYS) FROM artworks
          WHERE created_at < first_day() + to_days(${Math.floor(days / 2)}) AND chance(j, 'rescore') < 0.6
      ) WHERE chance(j, 'aesthetic') >= 0.03 ORDER BY artwork_id, scored_at`,
    ],
    [
      "artwork/tack",
      `WITH versions AS (SELECT artwork_id, hash(j, n) AS v, created_at + INTERVAL 1 MINUTE
            + CASE WHEN n = 0 THEN INTERVAL 0 SECONDS ELSE span(pow(chance(hash(j, n), 'retacked'), 2), INTERVAL 90 DAYS) END AS updated_at
          FROM artworks CROSS JOIN LATERAL (SELECT unnest(range(1 + floor(3 * chance(j, 'tack versions'))::BIGINT)) AS n)),
        tacks AS (SELECT v, list_sort(list(DISTINCT 1 + zipf(hash(v, t), 'tack', ${tackCount}))) AS tack_ids
          FROM (SELECT v, unnest(range(floor(7 * chance(v, 'tacks'))::BIGINT)) AS t FROM versions) GROUP BY v)
      SELECT artwork_id, CASE WHEN chance(v, 'no tacks') >= 0.02 THEN coalesce(tack_ids, []) END AS tack_ids, updated_at
      FROM versions LEFT JOIN tacks USING (v) WHERE updated_at < end_day() ORDER BY artwork_id, updated_at`,
    ],
    [
      "artwork/vector",
      `SELECT artwork_id, CASE WHEN chance(j, 'no safety') >= 0.01 THEN round(pow(chance(j, 'safety'), 3), 4) END AS media_safety_score,
        created_at + INTERVAL 1 MINUTE + span(chance(j, 'computed'), INTERVAL 20 MINUTES) AS computed_at
      FROM artworks WHERE chance(j, 'vector') >= 0.03 ORDER BY artwork_id`,
    ],
    [
      "siglip2_vectors",
      // Multiples of 1/1024 below one are exact as half floats, so a store loses nothing of what is written here.
      `SELECT artwork_id AS id,
        list(((round(512 * (chance(hash(style, d), 'centre') + chance(hash(j, d), 'spread') - 1))) / 1024)::FLOAT ORDER BY d) AS image_embedding
      FROM artworks CROSS JOIN range(${embeddingDim}) dimensions(d) WHERE chance(j, 'embedding') >= 0.06 GROUP BY id ORDER BY id`,
    ],
  ];
}
