/** View joins of the native engine in a whole day: beside joins that only SQL can do, on keys that come from other views, and when memory is short. */
import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {openNativeJoins} from "../../src/engines/native/native-joins.js";
import type {ViewJoinTask} from "../../src/engines/view-join.js";
import {train} from "../../src/pipeline/train.js";
import {writeFiles} from "../support/project-files.js";
import {writeTables} from "../support/shop-project.js";
import {testSession} from "../support/test-session.js";

const view = (name: string, key: string, fields: string, time = ""): string => `name: ${name}
entity: ${key}
${name === "owners" ? "ttl: 3d\n" : ""}source: {path: data/${name}.parquet, timestamp_field: ${name}_at}
${time}fields: [${fields}]
`;

const files = {
  "feature_views/events.yaml": "name: events\nentity: [item, user]\nsource: {path: data/events.parquet, timestamp_field: at}\nfields: [{name: weight, dtype: DOUBLE}]\n",
  "feature_views/owners.yaml": view("owners", "item", "{name: owner_id, dtype: BIGINT}, {name: is_open, dtype: BOOLEAN}"),
  // Text is joined by SQL, between two views that the engine joins.
  "feature_views/names.yaml": view("names", "item", "{name: item_name, dtype: TEXT}"),
  "feature_views/prices.yaml": view("prices", "item", "{name: price, dtype: FLOAT}, {name: sold_on, dtype: DATE}", "time: {available_at: told_at, embargo: 1h, tie_break: [version desc]}\n").replace("fields: [", "fields: [{name: told_at, dtype: TIMESTAMP}, {name: version, dtype: INTEGER}, "),
  // Its key is a field of another view.
  "feature_views/ratings.yaml": view("ratings", "owner", "{name: rating, dtype: INTEGER}", "time: {boundary: inclusive}\n"),
  // Its instants are days in the file.
  "feature_views/stocks.yaml": view("stocks", "item", "{name: stock, dtype: BIGINT}"),
  "feature_services/joined.yaml": `name: joined
spine: {view: events}
filters: [{name: open_items, sql: "coalesce(is_open, true)"}]
derived: [{name: paid, dtype: DOUBLE, sql: "price * weight"}]
columns:
  - {name: item_id, kind: key, dtype: BIGINT}
  - {name: user_id, kind: key, dtype: BIGINT}
  - {name: at, kind: event, dtype: TIMESTAMP}
  - {name: owner_id, kind: feature, dtype: BIGINT}
  - {name: item_name, kind: feature, dtype: TEXT}
  - {name: price, kind: feature, dtype: FLOAT}
  - {name: sold_on, kind: feature, dtype: DATE}
  - {name: told_at, kind: feature, dtype: TIMESTAMP}
  - {name: rating, kind: feature, dtype: INTEGER}
  - {name: stock, kind: feature, dtype: BIGINT}
  - {name: stocks_at, kind: feature, dtype: TIMESTAMP}
  - {name: paid, kind: derived, dtype: DOUBLE}
`,
  "config/training/runtime.yaml": 'feed_start: "202603"\nfeed_end: "202603"\nentity_spine_chunk_rows: 30000\ncompute: {duckdb_config: {threads: "4", preserve_insertion_order: "false"}}\n',
};

/** Whole minutes, so that instants of versions and rows meet; every ninth key is NULL. */
const at = (salt: number, days: number): string => `TIMESTAMP '2026-03-05' - to_days(${days - 1}) + to_minutes((hash(i, ${salt}) % (${days} * 1440))::BIGINT)`;
const key = (salt: number, count: number): string => `CASE WHEN hash(i, ${salt}) % 9 = 0 THEN NULL ELSE (hash(i, ${salt}, 1) % ${count})::BIGINT END`;
const tables = {
  "data/events.parquet": `SELECT ${key(1, 900)} AS item_id, i AS user_id, ${at(2, 1)} AS at, (i % 7)::DOUBLE AS weight FROM range(70000) AS t(i)`,
  "data/owners.parquet": `SELECT ${key(3, 1000)} AS item_id, ${at(4, 6)} AS owners_at, ${key(5, 40)} AS owner_id, hash(i, 6) % 3 > 0 AS is_open FROM range(20000) AS t(i)`,
  "data/names.parquet": `SELECT ${key(7, 1000)} AS item_id, ${at(8, 6)} AS names_at, 'item ' || i AS item_name FROM range(9000) AS t(i)`,
  "data/prices.parquet": `SELECT ${key(9, 1000)} AS item_id, ${at(10, 6)} AS prices_at, prices_at + to_minutes((hash(i, 11) % 300)::BIGINT - 100) AS told_at, (i % 3)::INTEGER AS version, (i / 8)::FLOAT AS price, DATE '2026-01-01' + (i % 90)::INTEGER AS sold_on FROM range(30000) AS t(i)`,
  "data/ratings.parquet": `SELECT ${key(12, 40)} AS owner_id, ${at(13, 2)} AS ratings_at, (hash(i, 14) % 5)::INTEGER AS rating FROM range(5000) AS t(i)`,
  "data/stocks.parquet": `SELECT item_id, first(day) AS stocks_at, first(stock) AS stock FROM (SELECT ${key(15, 1000)} AS item_id, DATE '2026-03-01' + (hash(i, 16) % 5)::INTEGER AS day, CASE WHEN i % 6 > 0 THEN i << 32 END AS stock FROM range(8000) AS t(i)) GROUP BY item_id, day`,
};

describe("a day of views that the native engine joins", () => {
  it("has the rows of SQL, in files and order alike, with a view of text, keys of views, a filter, ties and NULLs", async () => {
    const root = writeFiles(files);
    await writeTables(root, tables);
    const project = loadProject({root});
    for (const engine of ["native", "duckdb"]) await train({project, service: project.services.get("joined")!, stages: "skeleton", targetDay: "2026-03-05", engine, outputRoot: engine});
    const relation = (engine: string): string => `(SELECT * EXCLUDE (filename), right(filename, 18) AS file FROM read_parquet('${root}/${engine}/joined/skeleton/*/*.parquet', filename = true, file_row_number = true))`;
    const session = await testSession();
    const [found] = await session.rows(`SELECT (SELECT count(*) FROM ${relation("native")}) AS rows, (SELECT count(*) FROM (FROM ${relation("native")} EXCEPT ALL FROM ${relation("duckdb")})) AS other,
  (SELECT count(*) FROM (FROM ${relation("duckdb")} EXCEPT ALL FROM ${relation("native")})) AS missing FROM range(1)`);
    expect(found).toMatchObject({other: 0n, missing: 0n});
    expect(found!["rows"]).toBeGreaterThan(40_000n);
    const [filled] = await session.rows(`SELECT ${["owner_id", "item_name", "price", "sold_on", "told_at", "rating", "stock", "stocks_at", "paid"].map((name) => `count(${name}) > 10000 AND count(${name}) < count(*) AS ${name}`).join(", ")} FROM ${relation("native")}`);
    expect(new Set(Object.values(filled!))).toEqual(new Set([true]));
  });
});

describe("what the native engine leaves to SQL", () => {
  const task: ViewJoinTask = {rows: "spine", keys: ["k"], instant: "at", rowSet: "spine", versions: "SELECT * FROM versions", time: "ts", isKnownInOrder: true, fields: ["v"], order: ["ts", "v"], isInclusive: false, ttlUs: undefined, validTo: undefined};
  const rowsOf = (count: number, instant = "make_timestamp(i + 10)"): string => `CREATE TABLE spine AS SELECT i AS __row, i % 10 AS k, ${instant} AS at FROM range(${count}) t(i)`;
  const versions = "CREATE TABLE versions AS SELECT i AS k, make_timestamp(i) AS ts, ts AS __known, i AS v, 'text' AS t FROM range(10) t(i)";

  async function tried(spine: string, changes: Partial<ViewJoinTask> = {}): Promise<boolean> {
    const session = await DuckDbSession.open({config: new Map([["memory_limit", "100MB"], ["threads", "1"]])});
    try {
      await session.run(spine);
      await session.run(versions);
      return (await openNativeJoins(session).join({...task, ...changes})) !== undefined;
    } finally {
      session.close();
    }
  }

  it("is text, and what has no fixed width", async () => {
    expect(await tried(rowsOf(10))).toBe(true);
    expect(await tried(rowsOf(10), {fields: ["v", "t"]})).toBe(false);
  });

  it("is more rows than a quarter of the memory has room for", async () => {
    expect(await tried(rowsOf(300_000))).toBe(true);
    expect(await tried(rowsOf(1_000_000))).toBe(false);
  });

  it("are instants and ages beyond what a double holds exactly", async () => {
    expect(await tried(rowsOf(10, "TIMESTAMP '0900-01-01'"))).toBe(false);
    expect(await tried(rowsOf(10), {ttlUs: 2 ** 53})).toBe(false);
  });
});

describe("instants far away", () => {
  it("are told apart where they meet: versions of the year 1 that differ by a microsecond", async () => {
    const session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
    try {
      await session.run("CREATE TABLE spine AS SELECT 0::BIGINT AS __row, 1 AS k, TIMESTAMP '2026-03-01' AS at");
      await session.run("CREATE TABLE versions AS SELECT 1 AS k, TIMESTAMP '0001-01-01' + to_microseconds((i * 7) % 5) AS ts, ts AS __known, (i * 7) % 5 AS v FROM range(5) t(i)");
      const columns = await openNativeJoins(session).join({rows: "spine", keys: ["k"], instant: "at", rowSet: "spine", versions: "FROM versions", time: "ts", isKnownInOrder: true, fields: ["v"], order: ["ts"], isInclusive: false, ttlUs: undefined, validTo: undefined});
      const column = columns!.get("v") as {readonly function: string};
      expect(await session.rows(`SELECT ${column.function}(__row) AS v FROM spine`)).toEqual([{v: 4n}]);
    } finally {
      session.close();
    }
  });
});
