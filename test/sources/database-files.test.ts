/** Views in DuckDB and SQLite files, CSV and JSON lines: the same rows as from parquet. */
import {appendFileSync} from "node:fs";
import {join} from "node:path";
import {beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {realEffects} from "../../src/pipeline/effects.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {quoteText} from "../../src/sources/quote.js";
import {extensionConfig, extensionLines, findMissingExtension} from "../support/extensions.js";
import {makeShop, readDatasets, shopFiles, trainShop} from "../support/shop-project.js";

const missingSqlite = await findMissingExtension("sqlite");
const runtime = `${shopFiles["config/training/runtime.yaml"]}${extensionLines}`;
// Text has no NaN that both formats read alike.
const tables = {"data/prices.parquet": "SELECT (i % 10)::BIGINT AS product_id, TIMESTAMP '2026-02-20' + to_hours((i * 7)::BIGINT) AS valid_at, (i * 1.5)::DOUBLE AS price FROM range(60) AS t(i)"};

let expected: Record<string, string[]>;
let parquet: string;

beforeAll(async () => {
  const root = await makeShop({}, tables);
  await trainShop(root);
  expected = await readDatasets(root);
  parquet = quoteText(join(root, "data/prices.parquet"));
});

async function write(root: string, ...statements: readonly string[]): Promise<void> {
  const session = await DuckDbSession.open({config: extensionConfig});
  try {
    for (const sql of statements) await session.run(sql.replaceAll("ROOT", root));
  } finally {
    session.close();
  }
}

const makeWith = (source: string): Promise<string> =>
  makeShop({"config/training/runtime.yaml": runtime, "feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", source)}, tables);

async function staleDays(root: string): Promise<readonly string[]> {
  const project = loadProject({root});
  const plan = await planService({project, service: project.services.get("basket")!, stages: "both"}, realEffects);
  return plan.groups.filter(({state}) => state !== "current").flatMap(({days}) => days);
}

describe("a view", () => {
  it.each([
    ["a DuckDB file", "database_path: data/shop.duckdb, table_name: prices", ["ATTACH 'ROOT/data/shop.duckdb' AS db", "CREATE TABLE db.prices AS FROM PARQUET"], false],
    ["a DuckDB file by its scheme", 'database_path: "duckdb:data/shop.db", table_name: main.prices', ["ATTACH 'ROOT/data/shop.db' AS db", "CREATE TABLE db.prices AS FROM PARQUET"], false],
    ["a SQLite file", "database_path: data/shop.sqlite, table_name: prices", ["LOAD sqlite_scanner", "ATTACH 'ROOT/data/shop.sqlite' AS db (TYPE sqlite)", "CREATE TABLE db.prices AS FROM PARQUET"], true],
    ["CSV", "path: data/prices-*.csv", ["COPY (FROM PARQUET) TO 'ROOT/data/prices-1.csv'"], false],
    ["JSON lines", "path: data/prices.jsonl", ["COPY (FROM PARQUET) TO 'ROOT/data/prices.jsonl' (FORMAT json)"], false],
  ])("in %s", async (_, source, statements, isSqlite) => {
    if (isSqlite && missingSqlite !== undefined) return;
    const root = await makeWith(source);
    await write(root, ...statements.map((sql) => sql.replace("PARQUET", parquet)));
    await trainShop(root);
    expect(await readDatasets(root)).toEqual(expected);
    expect(await staleDays(root)).toEqual([]);
  });

  it("in a database file sees a value that was changed in place", async () => {
    const root = await makeWith("database_path: data/shop.duckdb, table_name: prices");
    await write(root, "ATTACH 'ROOT/data/shop.duckdb' AS db", `CREATE TABLE db.prices AS FROM ${parquet}`);
    await trainShop(root);
    await write(root, "ATTACH 'ROOT/data/shop.duckdb' AS db", "UPDATE db.prices SET price = -1 WHERE valid_at = (SELECT max(valid_at) FROM db.prices WHERE valid_at < TIMESTAMP '2026-03-02')");
    expect(await staleDays(root)).toEqual(["2026-03-01", "2026-03-02"]);
  });

  it("in CSV reads an instant with its offset, and refuses a column that is not what it is declared as", async () => {
    const root = await makeWith("path: data/prices.csv");
    await write(root, `COPY (SELECT product_id, strftime(valid_at + INTERVAL 2 HOUR, '%Y-%m-%dT%H:%M:%S') || '+02:00' AS valid_at, price FROM ${parquet}) TO 'ROOT/data/prices.csv'`);
    await trainShop(root);
    expect(await readDatasets(root)).toEqual(expected);
    appendFileSync(join(root, "data/prices.csv"), "1,2026-03-01,cheap\n");
    await expect(trainShop(root)).rejects.toThrow(/cheap/);
  });

  it.each([
    ["no file", "database_path: data/nothing.duckdb, table_name: prices", "source-missing"],
    ["a file that is no database", "database_path: data/prices.duckdb, table_name: prices", "source-unreadable"],
    ["a query", 'database_path: data/shop.duckdb, query: "SELECT 1"', "source-incomplete"],
    ["a scheme that nobody knows", 'database_path: "mysql://db.internal/shop", table_name: prices', "source-unsupported"],
  ])("says what is wrong: %s", async (_, source, code) => {
    const root = await makeWith(source);
    appendFileSync(join(root, "data/prices.duckdb"), "this is text, and long enough to be looked at as the head of a file");
    await expect(trainShop(root)).rejects.toMatchObject({problems: [{code}]});
  });
});
