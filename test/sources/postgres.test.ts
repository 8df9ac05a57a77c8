/** Views in a PostgreSQL server that the tests start: what reaches the server, what comes back, and what goes wrong. */
import {execFileSync} from "node:child_process";
import {chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {realEffects} from "../../src/pipeline/effects.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {train, type TrainReport} from "../../src/pipeline/train.js";
import {makeCertificates, missingOpenssl} from "../support/certificates.js";
import {extensionLines, findMissingExtension} from "../support/extensions.js";
import {startPostgres, type PostgresServer} from "../support/postgres-server.js";
import {makeShop, readDatasets, readManifestOf, shopFiles, trainShop} from "../support/shop-project.js";

const missing = await findMissingExtension("postgres");

const runtime = `${shopFiles["config/training/runtime.yaml"]}${extensionLines}`;

const base = "postgresql://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/postgres";
const priceView = (source: string, dtype = "DOUBLE"): string => `
name: prices
entity: product
source: {${source}, timestamp_field: valid_at}
fields:
  - {name: price, dtype: ${dtype}}
`;
const tableView = priceView(`database_path: "${base}", table_name: shop.prices`);
const queryView = priceView(`database_path: "${base}", query: "SELECT product_id, valid_at, price, 'x' AS unused FROM shop.prices;"`);

/** The shop's price list, as SQL that PostgreSQL understands. */
const prices = `SELECT (i % 10)::bigint AS product_id, timestamp '2026-02-20' + i * 7 * interval '1 hour' AS valid_at,
  CASE WHEN i = 3 THEN 'NaN'::float8 ELSE i * 1.5 END AS price FROM generate_series(0, 59) AS i`;

describe.skipIf(missing !== undefined)(`PostgreSQL (skipped when its extension cannot be had: ${missing ?? "it can"})`, () => {
  let server: PostgresServer;
  let environment: Record<string, string>;
  let expected: Record<string, string[]>;

  beforeAll(async () => {
    server = await startPostgres();
    environment = {PGUSER: server.user, PGPASSWORD: server.password, PGHOST: "127.0.0.1", PGPORT: String(server.port)};
    await server.run(`CREATE SCHEMA shop; CREATE TABLE shop.prices AS ${prices}; CREATE TABLE shop.texts AS SELECT product_id, valid_at, price::text FROM shop.prices`);
    const root = await makeShop();
    await train({project: loadProject({root}), service: loadProject({root}).services.get("basket")!, stages: "both"}, realEffects);
    expected = await readDatasets(root);
  });
  afterAll(() => server.stop());

  const makePgShop = (view: string, changes: Record<string, string> = {}): Promise<string> =>
    makeShop({"config/training/runtime.yaml": runtime, "feature_views/prices.yaml": view, ...changes});
  const trainIn = (root: string, env: Record<string, string> = environment, targetDay?: string): Promise<TrainReport> => {
    const project = loadProject({root});
    return train({project, service: project.services.get("basket")!, stages: "both", targetDay}, {...realEffects, environment: env});
  };
  const failing = async (view: string, env = environment): Promise<string> => {
    const root = await makePgShop(view);
    const error = await trainIn(root, env).then(() => undefined, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    const [problem] = "problems" in (error as object) ? (error as {problems: {code: string}[]}).problems : [error as {code: string}];
    return `${problem!.code}: ${(error as Error).message}`;
  };

  it.each([["a table", tableView], ["a query", queryView]])("gives a dataset the same rows as parquet does: %s", async (_, view) => {
    const root = await makePgShop(view);
    await trainIn(root);
    expect(await readDatasets(root)).toEqual(expected);
    expect(readManifestOf(root, "skeleton", "2026-03-01")["sources"]).toMatchObject({
      prices: {files: 0, table: view === tableView ? "postgres.shop.prices" : "postgres query", rows: 35},
    });
  });

  it("is asked for the columns and the time that a day needs, and never in a transaction that could write", async () => {
    const view = priceView(`database_path: "${base}", table_name: shop.prices`).replace("entity: product", "entity: product\nttl: 2d");
    for (const source of [view, view.replace("table_name: shop.prices", 'query: "SELECT * FROM shop.prices"')]) {
      const root = await makePgShop(source);
      server.takeLog();
      await trainIn(root, environment, "2026-03-01");
      const log = server.takeLog();
      const copies = log.split("\n").filter((line) => line.includes("COPY (") && !line.includes("count(*)"));
      expect(copies.length).toBeGreaterThan(0);
      for (const copy of copies) {
        expect(copy).toMatch(/2026-02-27 00:00:00/);
        expect(copy).toMatch(/2026-03-02 00:00:00/);
      }
      expect(log.split("\n").filter((line) => line.includes("BEGIN") && !line.includes("READ ONLY"))).toEqual([]);
    }
  });

  it("sends the rows of the spine's keys only, of a table that is large beside them", async () => {
    await server.run(`CREATE TABLE shop.large AS SELECT i::bigint AS product_id, timestamp '2026-02-26' AS valid_at, i * 1.5::float8 AS price FROM generate_series(0, 29999) AS i UNION ALL ${prices}`);
    const local = await makeShop({}, {"data/prices.parquet": "SELECT i::BIGINT AS product_id, TIMESTAMP '2026-02-26' AS valid_at, i * 1.5::DOUBLE AS price FROM range(30000) AS t(i) UNION ALL SELECT (i % 10)::BIGINT, TIMESTAMP '2026-02-20' + to_hours((i * 7)::BIGINT), CASE WHEN i = 3 THEN 'NaN'::DOUBLE ELSE i * 1.5 END FROM range(60) AS t(i)"});
    await trainShop(local, {targetDay: "2026-03-01"});
    for (const from of ["table_name: shop.large", 'query: "SELECT * FROM shop.large"']) {
      const root = await makePgShop(priceView(`database_path: "${base}", ${from}`));
      server.takeLog();
      await trainIn(root, environment, "2026-03-01");
      const asked = [...new Set([...server.takeLog().matchAll(/COPY \((SELECT .*= ANY.*)\) TO STDOUT/g)].map(([, sql]) => sql!))];
      expect(asked).toHaveLength(1);
      const [row] = await server.run(`SELECT count(*) AS rows FROM (${asked[0]!}) AS asked`);
      // Twelve products, ten of which have six versions more.
      expect(Number(row!["rows"])).toBeLessThanOrEqual(72);
      expect((await readDatasets(root))["dataset/dt=2026-03-01"]).toEqual((await readDatasets(local))["dataset/dt=2026-03-01"]);
    }
  });

  it("makes days stale by what changed in them, a row written again too", async () => {
    await server.run(`CREATE TABLE shop.growing AS ${prices}`);
    const root = await makePgShop(priceView(`database_path: "${base}", table_name: shop.growing`).replace("entity: product", "entity: product\nttl: 2d"));
    await trainIn(root);
    const stale = async (): Promise<readonly string[]> => {
      const project = loadProject({root});
      const plan = await planService({project, service: project.services.get("basket")!, stages: "both"}, {...realEffects, environment});
      return plan.groups.filter((group) => group.state !== "current").flatMap((group) => group.days);
    };
    expect(await stale()).toEqual([]);
    await server.run("INSERT INTO shop.growing VALUES (1, '2026-03-02 12:00', 5)");
    expect(await stale()).toEqual(["2026-03-02"]);
    await trainIn(root);
    expect(await stale()).toEqual([]);
    await server.run("UPDATE shop.growing SET price = price + 1 WHERE valid_at::date = '2026-02-26'");
    expect(await stale()).toEqual(["2026-02-26", "2026-02-27"]);
  });

  it("maps its types, or says which column does not fit", async () => {
    await server.run(`CREATE TYPE shop.mood AS ENUM ('good', 'bad');
      CREATE TABLE shop.typed AS SELECT product_id, valid_at AT TIME ZONE 'UTC' AS valid_at, price, 1.5::numeric AS n, 2.25::numeric(10, 2) AS short, 1::numeric(30, 10) AS long, '{"a": 1}'::jsonb AS j,
        ARRAY[1, 2]::bigint[] AS list, 'good'::shop.mood AS mood, '00000000-0000-0000-0000-000000000001'::uuid AS id, valid_at::date AS day, true AS flag, 7::smallint AS small FROM shop.prices`);
    const fields = ["n: DOUBLE", "short: DOUBLE", "j: TEXT", 'list: "BIGINT[]"', "mood: TEXT", "id: TEXT", "day: DATE", "flag: BOOLEAN", "small: BIGINT"];
    const names = fields.map((field) => field.split(":")[0]!);
    const view = (extra: readonly string[]): string =>
      `${priceView(`database_path: "${base}", table_name: shop.typed`)}${extra.map((field) => `  - {name: ${field.replace(": ", ", dtype: ")}}`).join("\n")}\n`;
    const service = `${shopFiles["feature_services/basket.yaml"]}${names.map((name) => `  - {name: ${name}, kind: feature}`).join("\n")}\n`;
    const root = await makePgShop(view(fields), {"feature_services/basket.yaml": service});
    await trainIn(root, environment, "2026-03-01");
    const {columns} = readManifestOf(root, "dataset", "2026-03-01") as {columns: {name: string; type: string}[]};
    expect(Object.fromEntries(columns.filter(({name}) => names.includes(name)).map(({name, type}) => [name, type]))).toEqual({
      n: "DOUBLE", short: "DOUBLE", j: "VARCHAR", list: "BIGINT[]", mood: "VARCHAR", id: "VARCHAR", day: "DATE", flag: "BOOLEAN", small: "BIGINT",
    });
    const wrong = await makePgShop(view([...fields, "long: DOUBLE"]), {"feature_services/basket.yaml": `${service}  - {name: long, kind: feature}\n`});
    await expect(trainIn(wrong)).rejects.toMatchObject({problems: [{code: "source-dtype", message: expect.stringContaining('"long"') as string}]});
  });

  it("takes a password from a file, and the whole URL from a variable", async () => {
    const root = await makePgShop(tableView);
    const path = join(root, "secret");
    writeFileSync(path, `${server.password}\n`);
    writeFileSync(join(root, "feature_views/prices.yaml"), tableView.replace(":${PGPASSWORD}@", `:\${file:${path}}@`));
    await trainIn(root, environment, "2026-03-01");
    writeFileSync(join(root, "feature_views/prices.yaml"), priceView('database_path: "${DATABASE_URL}", table_name: shop.prices'));
    const url = `postgresql://${server.user}:${encodeURIComponent(server.password)}@127.0.0.1:${server.port}/postgres?sslmode=disable`;
    await trainIn(root, {DATABASE_URL: url}, "2026-03-02");
    rmSync(path);
    writeFileSync(join(root, "feature_views/prices.yaml"), tableView.replace(":${PGPASSWORD}@", `:\${file:${path}}@`));
    await expect(trainIn(root)).rejects.toMatchObject({problems: [{code: "secret-file-unreadable", message: expect.stringContaining(path) as string}]});
  });

  it.each([
    ["a wrong port", tableView, {PGPORT: "1"}, /^source-unreachable: .*"prices".*refused/],
    ["a wrong host", tableView, {PGHOST: "no-such-host.invalid"}, /^source-unreachable: .*no-such-host/],
    ["a wrong password", tableView, {PGPASSWORD: "hunter2"}, /^source-denied: .*password authentication failed/],
    ["a database that is not there", tableView.replace(/(:\$\{PGPORT\}|\d)\/\w+"/, '$1/no_such_database"'), {}, /^source-unreadable: .*"prices".*no_such_database/],
    ["a table that is not there", tableView.replace("shop.prices", "shop.dropped"), {}, /^source-unreadable: .*dropped/],
    ["a query that is none", queryView.replace("SELECT", "SELCT"), {}, /^source-unreadable: .*syntax error/],
    ["a server without TLS", tableView.replace("table_name:", "options: {sslmode: require}, table_name:"), {}, /^source-denied: .*does not support SSL/],
    ["a variable that is not set", tableView.replace("PGPASSWORD", "NO_SUCH_PASSWORD"), {}, /^environment-missing: .*NO_SUCH_PASSWORD/],
    ["a credential it does not take", tableView.replace("table_name:", "credentials: {api_key: '${PGUSER}'}, table_name:"), {}, /^source-option: .*credentials\.api_key/],
    ["a column of another type", tableView.replace("shop.prices", "shop.texts"), {}, /^source-dtype: .*"price".*VARCHAR/],
  ])("says what is wrong: %s", async (_, view, env, message) => {
    const said = await failing(view, {...environment, ...env});
    expect(said).toMatch(message);
    expect(said).not.toContain(server.password);
    expect(said).not.toContain("hunter2");
  });

  it.skipIf(missingOpenssl)("trusts a server by the authority that signed its certificate, and by no other (needs openssl)", async () => {
    const folder = mkdtempSync(join(tmpdir(), "daedalus-tls-"));
    try {
      const files = makeCertificates(folder, "127.0.0.1");
      const [{directory} = {directory: ""}] = (await server.run("SELECT current_setting('data_directory') AS directory")) as {directory: string}[];
      const {uid, gid} = statSync(directory);
      chownSync(files.key, uid, gid);
      chmodSync(folder, 0o755);
      for (const [name, value] of [["ssl_cert_file", files.certificate], ["ssl_key_file", files.key], ["ssl", "on"]]) await server.run(`ALTER SYSTEM SET ${name} = '${value}'`);
      await server.run("SELECT pg_reload_conf()");
      await expect.poll(async () => (await server.run("SHOW ssl"))[0]).toEqual({ssl: "on"});
      await server.run("CREATE VIEW shop.seen AS SELECT *, (SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls FROM shop.prices WHERE EXISTS (SELECT FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)");
      const seen = (options: string): string => tableView.replace("shop.prices", "shop.seen").replace("table_name:", `options: {${options}}, table_name:`);
      // Rows of this view come over TLS only. The file is named as from the project's folder.
      const root = await makePgShop(seen("sslmode: verify-full, sslrootcert: certs/ca.pem"), {"certs/ca.pem": readFileSync(files.authority, "utf8")});
      await trainIn(root, environment, "2026-03-01");
      expect((await readDatasets(root))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);

      const refused = async (options: string, env = environment): Promise<{code: string; message: string; hint: string}> => {
        const other = await makePgShop(seen(options), {"certs/other.pem": readFileSync(files.otherAuthority, "utf8")});
        const error = await trainIn(other, env).then(() => undefined, (reason: unknown) => reason as {problems: {code: string; message: string; hint: string}[]});
        expect(existsSync(join(other, "out/basket/dataset"))).toBe(false);
        return error!.problems[0]!;
      };
      expect(await refused("sslmode: verify-full, sslrootcert: certs/other.pem")).toMatchObject({code: "source-denied", message: expect.stringMatching(/"prices".*certificate verify failed/) as string, hint: expect.stringContaining('"sslrootcert"') as string});
      expect(await refused("sslmode: verify-full, sslrootcert: certs/absent.pem")).toMatchObject({code: "source-unreadable", message: expect.stringMatching(/"prices".*certs\/absent\.pem.*does not exist/) as string, hint: expect.stringContaining('"sslrootcert"') as string});
      expect(await refused(`sslmode: verify-full, sslrootcert: ${files.authority}`, {...environment, PGHOST: "localhost"})).toMatchObject({code: "source-denied", message: expect.stringMatching(/"prices".*does not match host name "localhost"/) as string, hint: expect.stringContaining("sslmode: verify-ca") as string});
    } finally {
      for (const name of ["ssl", "ssl_cert_file", "ssl_key_file"]) await server.run(`ALTER SYSTEM RESET ${name}`);
      await server.run("SELECT pg_reload_conf()");
      rmSync(folder, {recursive: true, force: true});
    }
  });

  it("refuses a user who may not read, by name of the view", async () => {
    await server.run("CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT USAGE ON SCHEMA shop TO reader");
    expect(await failing(tableView, {...environment, PGUSER: "reader", PGPASSWORD: "reader"})).toMatch(/^source-denied: .*"prices".*permission denied/);
  });

  it("whose table is dropped once it was checked fails the day by the view's name, and publishes nothing", async () => {
    await server.run(`CREATE TABLE shop.passing AS ${prices}`);
    const root = await makePgShop(priceView(`database_path: "${base}", table_name: shop.passing`));
    // In a process that the run waits for: it is gone before the first day is read.
    const drop = "const {Client} = require('pg'); const c = new Client(JSON.parse(process.argv[1])); c.connect().then(() => c.query('DROP TABLE shop.passing')).then(() => c.end())";
    const client = JSON.stringify({host: "127.0.0.1", port: server.port, user: server.user, password: server.password, database: "postgres"});
    const project = loadProject({root});
    const run = train({project, service: project.services.get("basket")!, stages: "both"}, {...realEffects, environment, onEvent: ({kind}) => {
      if (kind === "plan") execFileSync(process.execPath, ["-e", drop, client]);
    }});
    await expect(run).rejects.toMatchObject({code: "source-unreadable", message: expect.stringMatching(/"prices".*passing/) as string, hint: expect.stringContaining("table_name") as string, place: {file: "feature_views/prices.yaml"}});
    expect(existsSync(join(root, "out/basket/dataset"))).toBe(false);
  });

  it("names the view that needs an extension which cannot be had", async () => {
    const root = await makePgShop(tableView);
    const path = join(root, "config/training/runtime.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace(/extension_directory: .*/, `extension_directory: ${root}/none\n    custom_extension_repository: http://127.0.0.1:1`));
    await expect(trainIn(root)).rejects.toMatchObject({problems: [{code: "extension-missing", message: expect.stringContaining('view "prices"') as string, place: {file: "feature_views/prices.yaml"}}]});
  });

  it("that loses its connection is asked again, and given up without a partition after that", async () => {
    await server.run(`CREATE VIEW shop.slow AS SELECT *, (SELECT pg_sleep(0.02)) IS NULL AS slept FROM shop.prices WHERE pg_sleep(0.02) IS NOT NULL`);
    const view = priceView(`database_path: "${base}", table_name: shop.slow`);
    const kill = "SELECT count(pg_terminate_backend(pid)) AS killed FROM pg_stat_activity WHERE application_name = 'daedalus' AND query LIKE 'COPY%valid_at%' AND query NOT LIKE '%count(*)%' AND state = 'active'";
    const killWhile = async (run: Promise<unknown>, limit: number): Promise<number> => {
      let [killed, isDone] = [0, false];
      void run.then(() => (isDone = true), () => (isDone = true));
      while (!isDone && killed < limit) {
        killed += Number((await server.run(kill))[0]!["killed"]);
        await sleep(20);
      }
      return killed;
    };
    const once = await makePgShop(view);
    const first = trainIn(once, environment, "2026-03-01");
    expect(await killWhile(first, 1)).toBe(1);
    await first;
    expect((await readDatasets(once))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);

    const always = await makePgShop(view);
    const second = trainIn(always, environment, "2026-03-01");
    const rejected = expect(second).rejects.toMatchObject({code: "source-lost", message: expect.stringContaining("3 times") as string, place: {file: "feature_views/prices.yaml"}});
    expect(await killWhile(second, 99)).toBeGreaterThanOrEqual(3);
    await rejected;
    expect(() => readFileSync(join(always, "out/basket/skeleton/dt=2026-03-01/_manifest.json"))).toThrow();
  });
});
