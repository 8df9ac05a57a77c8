/** Views that Snowflake answers, over its protocol: what it is asked, what comes back, and what goes wrong. */
import {generateKeyPairSync} from "node:crypto";
import {mkdtempSync, symlinkSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {diagnoseSources} from "../../src/pipeline/doctor.js";
import {realEffects} from "../../src/pipeline/effects.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {train, type TrainReport} from "../../src/pipeline/train.js";
import {RemoteTables} from "../../src/sources/remote-tables.js";
import {missingSnowflake, snowflakeModules, startSnowflake, type SnowflakeServer} from "../support/snowflake-server.js";
import {makeShop, readDatasets, readManifestOf, shopFiles, trainShop} from "../support/shop-project.js";

const prices = `SELECT (i.range % 10)::BIGINT AS product_id, DATEADD('hour', i.range * 7, '2026-02-20'::TIMESTAMP_NTZ) AS valid_at,
  CASE WHEN i.range = 3 THEN 'NaN'::FLOAT ELSE i.range * 1.5::FLOAT END AS price, 'x' AS unused FROM range(60) AS i`;

const view = (query: string, extra = "", credentials = 'password: "${SNOW_PASSWORD}"'): string => `
name: prices
entity: product
ttl: 2d
source:
  database_path: snowflake://shop-account
  query: ${JSON.stringify(query)}
  timestamp_field: VALID_AT
  field_mapping: {PRODUCT_ID: product_id, VALID_AT: valid_at, PRICE: price}
  options: {endpoint: "\${SNOW_URL}", warehouse: WH, role: READER, database: DB1, schema: S1, connect_timeout: 5, query_timeout: 20}
  credentials: {user: "\${SNOW_USER}", ${credentials}}
${extra}
fields:
  - {name: price, dtype: DOUBLE}
`;

it("a session holds one batch of a remote table at a time, and asks for the table when it is first named", async () => {
  const session = await DuckDbSession.open();
  try {
    let asked = 0;
    const remote = new RemoteTables("test", async () => {
      asked += 1;
      async function* batches(): AsyncIterable<(string | null)[][]> {
        await Promise.resolve();
        for (let batch = 0; batch < 3; batch += 1) yield Array.from({length: 3000}, (_, row) => [String(batch * 3000 + row), row % 2 === 0 ? null : "é"]);
      }
      const column = (name: string, type: string): {name: string; type: string; sql: (text: string) => string} => ({name, type, sql: (text) => `CAST(${text} AS ${type})`});
      return Promise.resolve({columns: [column("a", "BIGINT"), column("b", "VARCHAR")], batches: batches()});
    });
    session.expect(remote);
    const name = remote.nameOf("SELECT 1");
    expect(asked).toBe(0);
    for (let round = 0; round < 2; round += 1) expect(await session.rows(`SELECT sum(a)::BIGINT AS a, count(b) AS b FROM ${name}`)).toEqual([{a: 40_495_500n, b: 4500n}]);
    expect(asked).toBe(1);
  } finally {
    session.close();
  }
});

it("without its package says which one to install", async () => {
  const root = await makeShop({"feature_views/prices.yaml": view("SELECT 1")});
  const environment = {SNOW_URL: "http://127.0.0.1:1", SNOW_USER: "u", SNOW_PASSWORD: "p"};
  const [found] = (await diagnoseSources(loadProject({root}), environment)).filter((each) => each.view === "prices");
  expect(found!.problems).toMatchObject([{code: "package-missing", hint: expect.stringContaining("npm install snowflake-sdk") as string}]);
});

describe.skipIf(missingSnowflake !== undefined)(`Snowflake (skipped when ${missingSnowflake ?? "nothing is missing"})`, () => {
  let server: SnowflakeServer;
  let environment: Record<string, string>;
  let expected: Record<string, string[]>;

  beforeAll(async () => {
    const keys = generateKeyPairSync("rsa", {modulusLength: 2048, publicKeyEncoding: {type: "spki", format: "pem"}, privateKeyEncoding: {type: "pkcs8", format: "pem"}});
    const publicKey = join(mkdtempSync(join(tmpdir(), "daedalus-key-")), "public.pem");
    writeFileSync(publicKey, keys.publicKey);
    server = await startSnowflake("snow'pass", publicKey);
    environment = {SNOW_URL: server.url, SNOW_USER: "app", SNOW_PASSWORD: "snow'pass", SNOW_KEY: keys.privateKey};
    const local = await makeShop({"feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("entity: product", "entity: product\nttl: 2d")});
    await trainShop(local);
    expected = await readDatasets(local);
  });
  afterAll(() => server.stop());

  const makeSnowShop = async (text: string): Promise<string> => {
    const root = await makeShop({"feature_views/prices.yaml": text});
    symlinkSync(snowflakeModules, join(root, "node_modules"));
    return root;
  };
  const trainIn = (root: string, env = environment, targetDay?: string): Promise<TrainReport> => {
    const project = loadProject({root});
    return train({project, service: project.services.get("basket")!, stages: "both", targetDay}, {...realEffects, environment: env});
  };

  it("gives the same rows as parquet does, by password and by key, and is asked for the columns and time that a day needs", async () => {
    const root = await makeSnowShop(view(`${prices};`));
    server.takeQueries();
    await trainIn(root);
    expect(await readDatasets(root)).toEqual(expected);
    expect(readManifestOf(root, "skeleton", "2026-03-01")["sources"]).toMatchObject({prices: {files: 0, table: expect.stringContaining("shop-account query") as string}});
    const asked = server.takeQueries().filter((sql) => sql.includes('"PRICE"'));
    // All days in one pass.
    expect(asked).toHaveLength(1);
    expect(asked[0]).not.toMatch(/"UNUSED"|SELECT \*.*WHERE/);
    expect(asked[0]).toMatch(/"VALID_AT" >= '2026-02-24 00:00:00.000000'::TIMESTAMP_NTZ AND "VALID_AT" < '2026-03-03 00:00:00.000000'/);
    const project = loadProject({root});
    const plan = await planService({project, service: project.services.get("basket")!, stages: "both"}, {...realEffects, environment});
    expect(plan.groups.map(({state}) => state)).toEqual(["current"]);

    const byKey = await makeSnowShop(view(prices, "", 'private_key: "${SNOW_KEY}"'));
    server.takeQueries();
    await trainIn(byKey, environment, "2026-03-01");
    const askedOfDay = server.takeQueries().filter((sql) => sql.includes('"PRICE"'));
    expect(askedOfDay).toHaveLength(1);
    expect(askedOfDay[0]).toMatch(/"VALID_AT" >= '2026-02-27 00:00:00.000000'::TIMESTAMP_NTZ AND "VALID_AT" < '2026-03-02 00:00:00.000000'/);
    expect((await readDatasets(byKey))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
  });

  it("maps its types, and streams more rows than one answer holds", async () => {
    const query = "SELECT x.range AS id, (x.range * 1.5)::NUMBER(10,2) AS n, 2.5::FLOAT AS f, '2024-01-02'::DATE AS d, TO_TIMESTAMP_NTZ('2024-01-02 03:04:05.678901') AS t, TRUE AS k, NULL::VARCHAR AS z FROM range(20000) AS x";
    const text = view(query).replace("timestamp_field: VALID_AT", "timestamp_field: T").replace(/fields:[^]*/, "fields:\n").replace("{PRODUCT_ID: product_id, VALID_AT: valid_at, PRICE: price}", "{ID: product_id}");
    const fields = ["N: DOUBLE", "F: DOUBLE", "D: DATE", "K: BOOLEAN", "Z: TEXT"].map((field) => `  - {name: ${field.replace(": ", ", dtype: ")}}\n`).join("");
    const root = await makeSnowShop(text + fields);
    const [found] = (await diagnoseSources(loadProject({root: await withoutServices(root)}), environment)).filter((each) => each.view === "prices");
    expect(found).toMatchObject({problems: [], rows: 20_000, newest: "2024-01-02T03:04:05Z"});
    const wrong = await makeSnowShop(view("SELECT 1 AS product_id, '2026-03-01'::TIMESTAMP_NTZ AS valid_at, 'x' AS price"));
    await expect(trainIn(wrong)).rejects.toMatchObject({problems: [{code: "source-dtype", message: expect.stringContaining('"PRICE"') as string}]});
  });

  /** The shop's service reads what this view does not have. */
  async function withoutServices(root: string): Promise<string> {
    const {rmSync} = await import("node:fs");
    rmSync(join(root, "feature_services/basket.yaml"));
    return root;
  }

  it.each([
    ["a wrong password", view(prices), {SNOW_PASSWORD: "hunter2"}, /^source-denied: .*"prices".*Incorrect username or password/],
    ["a host that is not there", view(prices), {SNOW_URL: "http://no-such-host.invalid"}, /^source-unreachable: .*"prices"/],
    ["a port that nobody listens on", view(prices), {SNOW_URL: "http://127.0.0.1:1"}, /^source-unreachable: .*"prices"/],
    ["a table that is not there", view("SELECT * FROM dropped"), {}, /^source-unreadable: .*DROPPED/i],
    ["a table in place of a query", view(prices).replace(/query: .*/, "table_name: prices"), {}, /^source-incomplete: .*read by query/],
    ["two ways to log in", view(prices, "", 'password: "${SNOW_PASSWORD}", token: "${SNOW_PASSWORD}"'), {}, /^source-incomplete: .*several of "password"/],
    ["an option that it does not take", view(prices).replace("warehouse: WH", "region: x"), {}, /^source-option: .*options\.region/],
  ])("says what is wrong: %s", async (_, text, env, message) => {
    const error = await trainIn(await makeSnowShop(text), {...environment, ...env}).then(() => undefined, (reason: unknown) => reason as Error & {problems: {code: string; message: string}[]});
    const said = `${error!.problems[0]!.code}: ${error!.problems[0]!.message}`;
    expect(said).toMatch(message);
    expect(`${said}${JSON.stringify(error)}`).not.toMatch(/hunter2|snow'pass/);
  });

  it("that loses its connection is asked again, and given up without a partition after that", async () => {
    const root = await makeSnowShop(view(prices));
    server.cut("VALID_AT\\\" >=", 1);
    await trainIn(root, environment, "2026-03-01");
    expect((await readDatasets(root))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
    const lost = await makeSnowShop(view(prices).replace("query_timeout: 20", "query_timeout: 2"));
    server.cut("VALID_AT\\\" >=", 1000);
    await expect(trainIn(lost, environment, "2026-03-01")).rejects.toMatchObject({code: "source-lost"});
    server.cut("", 0);
    expect(() => readManifestOf(lost, "skeleton", "2026-03-01")).toThrow();
  });
});
