/** `daeda views infer`: what it writes from live sources, and that what it writes reads them. */
import {mkdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {parse} from "yaml";
import {loadFoundation, loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {diagnoseSources} from "../../src/pipeline/doctor.js";
import {guessDtype, guessView, toViewName} from "../../src/pipeline/view-guess.js";
import {inferView, type InferOptions, type InferredView} from "../../src/pipeline/view-infer.js";
import {extensionConfig, extensionLines, findMissingExtension} from "../support/extensions.js";
import {startPostgres, type PostgresServer} from "../support/postgres-server.js";
import {writeFiles} from "../support/project-files.js";
import {runDaeda} from "../support/run-daeda.js";
import {makeShop} from "../support/shop-project.js";

const runtime = `compute:\n  duckdb_config:\n${extensionLines}`;
const infer = (root: string, options: InferOptions, environment: Record<string, string> = {}): Promise<InferredView> => inferView(options, loadFoundation({root}), environment);

/** What doctor says of the inferred view alone: it must read the source that it was made from. */
async function diagnose(yaml: string, changes: Record<string, string> = {}, environment: Record<string, string> = {}): Promise<unknown> {
  const root = writeFiles({"config/training/runtime.yaml": runtime, "feature_views/inferred.yaml": yaml, ...changes});
  mkdirSync(join(root, "feature_services"));
  const [found] = await diagnoseSources(loadProject({root}), environment);
  return {problems: found!.problems.map((problem) => problem.message), rows: found!.rows};
}

describe("a guess", () => {
  const column = (name: string, type: string): {name: string; type: string} => ({name, type});

  it.each([
    ["TINYINT", "INTEGER"], ["UINTEGER", "BIGINT"], ["DECIMAL(10,0)", "BIGINT"], ["DECIMAL(10,2)", "DOUBLE"], ["ENUM('a', 'b')", "TEXT"],
    ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP"], ["FLOAT[768]", "FLOAT"], ["JSON", "TEXT"], ["HUGEINT", undefined], ["DECIMAL(38,9)", undefined], ["STRUCT(a INTEGER)", undefined],
  ])("holds %s in %s", (type, name) => expect(guessDtype(type)?.name).toBe(name));

  it.each([["User Profile", "user_profile"], ["eventTime", "event_time"], ["USERS", "users"], ["2024", "view_2024"]])("calls %s %s", (text, name) => expect(toViewName(text)).toBe(name));

  it("takes the ids for entities that the view's name speaks of, else all", () => {
    const columns = [column("artwork_id", "BIGINT"), column("author_id", "BIGINT"), column("created_at", "TIMESTAMP")];
    expect(guessView(columns, {name: "artwork_properties"})).toMatchObject({entities: ["artwork"], timestampField: "created_at", fields: [{name: "author_id", dtype: "BIGINT"}]});
    expect(guessView(columns, {name: "feed"})).toMatchObject({entities: ["artwork", "author"], fields: []});
    expect(guessView(columns, {name: "feed", entities: ["author"]})).toMatchObject({entities: ["author"], fields: [{name: "artwork_id"}]});
  });

  it("takes an id for the key of what the table holds, and lower-cases a database's capitals", () => {
    expect(guessView([column("ID", "BIGINT"), column("COUNTRY", "VARCHAR")], {name: "users"})).toMatchObject({
      entities: ["user"], joinKeys: undefined, timestampField: undefined, fields: [{name: "country", dtype: "TEXT"}],
      fieldMapping: new Map([["ID", "user_id"], ["COUNTRY", "country"]]),
    });
  });

  it("says what it leaves out, and which columns may hold the future back", () => {
    const {notes, timestampField} = guessView(
      [column("user_id", "BIGINT"), column("ingested_at", "TIMESTAMP"), column("valid_from", "TIMESTAMP"), column("valid_to", "TIMESTAMP"), column("a b", "BIGINT"), column("a_b", "BIGINT"), column("m", "MAP(VARCHAR, INTEGER)")],
      {name: "user_state"},
    );
    expect(timestampField).toBe("valid_from");
    for (const said of [/"ingested_at".*available_at/, /"valid_to".*time\.valid_to/, /"a_b" was left out: "a b"/, /"m" was left out: no dtype holds MAP/]) expect(notes).toContainEqual(expect.stringMatching(said) as string);
  });
});

describe("views infer", () => {
  it("writes a view of hive folders that reads them, and keeps what is there", async () => {
    const root = await makeShop();
    rmSync(join(root, "feature_views/orders.yaml"));
    const written = await runDaeda(["views", "infer", "data/orders", "--write"], {directory: root});
    expect(written).toMatchObject({exitCode: 0, stdout: `${join(root, "feature_views/orders.yaml")}\n`});
    expect(written.stderr).toMatch(/note: .*"dt".*day_partition/);
    const yaml = readFileSync(join(root, "feature_views/orders.yaml"), "utf8");
    expect(parse(yaml)).toEqual({
      name: "orders", entity: ["customer", "product"], source: {path: "data/orders", timestamp_field: "at"},
      fields: [{name: "line", dtype: "BIGINT"}, {name: "quantity", dtype: "INTEGER"}],
    });
    expect((await runDaeda(["lint"], {directory: root})).exitCode).toBe(0);
    const again = await runDaeda(["views", "infer", "data/orders", "--write"], {directory: root});
    expect(again).toMatchObject({exitCode: 1, stderr: expect.stringContaining("file-exists") as string});
    expect(readFileSync(join(root, "feature_views/orders.yaml"), "utf8")).toBe(yaml);
  });

  it("refuses a credential that is written out, and a source that is not there", async () => {
    const root = writeFiles({"config/training/runtime.yaml": runtime});
    const told = await runDaeda(["views", "infer", "postgresql://app:hunter2@db/shop", "--table", "prices"], {directory: root});
    expect(told).toMatchObject({exitCode: 1, stdout: "", stderr: expect.stringContaining("credentials-literal") as string});
    expect(told.stderr).not.toContain("hunter2");
    await expect(infer(root, {location: "data/nothing"})).rejects.toMatchObject({code: "source-missing"});
    writeFileSync(join(root, "a.csv"), "user_id,at\n1,2026-02-01 00:00:00\n");
    await expect(infer(root, {location: "a.csv", timestamp: "when"})).rejects.toMatchObject({code: "source-column-missing"});
    const {yaml} = await infer(root, {location: "a.csv", name: "visits"});
    expect(await diagnose(yaml, {"a.csv": "user_id,at\n1,2026-02-01 00:00:00\n"})).toEqual({problems: [], rows: 1});
  });
});

const missing = await findMissingExtension("ducklake", "postgres", "sqlite");

describe.skipIf(missing !== undefined)(`views infer from databases (skipped when an extension cannot be had: ${missing ?? "they can"})`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it("reads a table of PostgreSQL, and leaves the references in it", async () => {
    await server.run("CREATE TABLE user_profile AS SELECT 1::bigint AS user_id, now() AS updated_at, ARRAY[1, 2]::bigint[] AS followed, '{}'::jsonb AS settings, 1.5::numeric(8, 2) AS score, '1 day'::interval AS span");
    const location = `postgresql://\${PGUSER}:\${PGPASSWORD}@127.0.0.1:${server.port}/postgres`;
    const environment = {PGUSER: server.user, PGPASSWORD: server.password};
    const root = writeFiles({"config/training/runtime.yaml": runtime});
    for (const from of [{tableName: "user_profile"}, {query: "SELECT * FROM user_profile"}]) {
      const {yaml, notes} = await infer(root, {location, ...from}, environment);
      expect(parse(yaml)).toMatchObject({
        name: "user_profile", entity: "user", source: {database_path: location, timestamp_field: "updated_at"},
        fields: [{name: "followed", dtype: "BIGINT[]"}, {name: "settings", dtype: "TEXT"}, {name: "score", dtype: "DOUBLE"}],
      });
      expect(notes).toContainEqual(expect.stringMatching(/"span" was left out: no dtype holds INTERVAL/) as string);
      expect(yaml).not.toContain(server.password);
      expect(await diagnose(yaml, {}, environment)).toEqual({problems: [], rows: 1});
    }
    await expect(infer(root, {location, tableName: "user_profile"}, {...environment, PGPASSWORD: "hunter2"})).rejects.toMatchObject({code: "source-denied"});
  });

  it("reads tables of a DuckLake and of a SQLite file", async () => {
    const root = writeFiles({"config/training/runtime.yaml": runtime});
    const session = await DuckDbSession.open({config: extensionConfig});
    try {
      for (const name of ["ducklake", "sqlite_scanner"]) await session.run(`LOAD ${name}`);
      await session.run(`ATTACH 'ducklake:${root}/lake.ducklake' AS lake (DATA_PATH '${root}/lake/')`);
      await session.run("CREATE TABLE lake.item_prices AS SELECT i AS item_id, TIMESTAMP '2026-02-01' AS valid_at, 1.5 AS price FROM range(3) AS t(i)");
      await session.run(`ATTACH '${root}/shop.sqlite' AS shop (TYPE sqlite)`);
      await session.run('CREATE TABLE shop.visits (user_id BIGINT, "at" VARCHAR, page VARCHAR)');
      await session.run("INSERT INTO shop.visits VALUES (1, '2026-02-01 00:00:00', 'home')");
    } finally {
      session.close();
    }
    const lake = await infer(root, {location: `ducklake:${root}/lake.ducklake`, dataPath: `${root}/lake`, tableName: "item_prices"});
    expect(parse(lake.yaml)).toMatchObject({entity: "item", source: {table_name: "item_prices", timestamp_field: "valid_at"}, fields: [{name: "price", dtype: "DOUBLE"}]});
    expect(await diagnose(lake.yaml)).toEqual({problems: [], rows: 3});
    const file = await infer(root, {location: `${root}/shop.sqlite`, tableName: "visits"});
    expect(parse(file.yaml)).toMatchObject({entity: "user", source: {timestamp_field: "at"}, fields: [{name: "page", dtype: "TEXT"}]});
    expect(await diagnose(file.yaml)).toEqual({problems: [], rows: 1});
  });
});
