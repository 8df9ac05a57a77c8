/** Views in a DuckLake: three catalogs, one snapshot for a whole run, data on disk and in S3. */
import {writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {realEffects, type Effects} from "../../src/pipeline/effects.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {train, type TrainReport} from "../../src/pipeline/train.js";
import {runTrainRemotely} from "../../src/platform/remote-train.js";
import {openTerminal} from "../../src/platform/terminal.js";
import {quoteText} from "../../src/sources/quote.js";
import {extensionConfig, extensionLines, findMissingExtension} from "../support/extensions.js";
import {startPostgres, type PostgresServer} from "../support/postgres-server.js";
import {runDaeda} from "../support/run-daeda.js";
import {missingS3Server, startS3, type S3Server} from "../support/s3-server.js";
import {makeShop, readDatasets, readManifestOf, shopDays, shopFiles, trainShop} from "../support/shop-project.js";

const missing = await findMissingExtension("ducklake", "postgres", "sqlite", "httpfs");
const runtime = `${shopFiles["config/training/runtime.yaml"]}${extensionLines}`;

describe.skipIf(missing !== undefined)(`a DuckLake (skipped when an extension cannot be had: ${missing ?? "they can"})`, () => {
  let server: PostgresServer;
  let expected: Record<string, string[]>;
  let prices: string;

  beforeAll(async () => {
    server = await startPostgres();
    const local = await makeShop({"feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("entity: product", "entity: product\nttl: 2d")});
    await trainShop(local);
    expected = await readDatasets(local);
    prices = `SELECT * FROM ${quoteText(join(local, "data/prices.parquet"))}`;
  });
  afterAll(() => server.stop());

  const view = (source: string): string => shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", `${source}, table_name: prices`).replace("entity: product", "entity: product\nttl: 2d");
  const makeLakeShop = (source: string): Promise<string> => makeShop({"config/training/runtime.yaml": runtime, "feature_views/prices.yaml": view(source)});
  const trainIn = (root: string, effects: Partial<Effects> = {}, targetDay?: string): Promise<TrainReport> => {
    const project = loadProject({root});
    return train({project, service: project.services.get("basket")!, stages: "both", targetDay}, {...realEffects, ...effects});
  };
  /** Writes to the lake, in a session of its own. */
  async function write(catalog: string, dataPath: string, ...statements: readonly string[]): Promise<void> {
    const session = await DuckDbSession.open({config: extensionConfig});
    try {
      for (const name of ["ducklake", "postgres_scanner", "sqlite_scanner", "httpfs"]) await session.run(`LOAD ${name}`);
      const [before, after] = [statements.filter((sql) => sql.startsWith("CREATE SECRET")), statements.filter((sql) => !sql.startsWith("CREATE SECRET"))];
      for (const sql of before) await session.run(sql);
      await session.run(`ATTACH ${quoteText(`ducklake:${catalog}`)} AS lake (DATA_PATH ${quoteText(dataPath)})`);
      for (const sql of after) await session.run(sql);
    } finally {
      session.close();
    }
  }
  const staleDays = async (root: string): Promise<readonly string[]> => {
    const project = loadProject({root});
    const plan = await planService({project, service: project.services.get("basket")!, stages: "both"}, {...realEffects, environment: {LAKE_PASSWORD: server.password}});
    return plan.groups.filter(({state}) => state !== "current").flatMap(({days}) => days);
  };

  it.each(["sqlite", "duckdb", "postgres"])("with its catalog in %s gives the same rows as parquet does, and manifests that say the snapshot", async (kind) => {
    const env = {LAKE_PASSWORD: server.password};
    const catalogs: Record<string, [real: string, written: string]> = {
      sqlite: ["sqlite:ROOT/lake.sqlite", "sqlite:lake.sqlite"],
      duckdb: ["ROOT/lake.ducklake", "lake.ducklake"],
      postgres: [
        `postgres:host=127.0.0.1 port=${server.port} user=${server.user} dbname=postgres password='${server.password.replace("'", "\\'")}'`,
        `postgres:host=127.0.0.1 port=${server.port} user=\${LAKE_USER} dbname=postgres password=\${LAKE_PASSWORD}`,
      ],
    };
    const [real, written] = catalogs[kind]!;
    const root = await makeLakeShop(`database_path: "ducklake:${written}", data_path: lake`);
    await write(real.replace("ROOT", root), join(root, "lake"), `CREATE TABLE lake.prices AS ${prices}`);
    await trainIn(root, {environment: {...env, LAKE_USER: server.user}}, "2026-03-01");
    expect((await readDatasets(root))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
    expect(readManifestOf(root, "skeleton", "2026-03-01")["sources"]).toMatchObject({prices: {files: 0, table: "main.prices", snapshot: 1}});
  });

  it("is one snapshot for all days of a run, and makes the days stale that a change can reach", async () => {
    await server.run("CREATE DATABASE lake");
    const address = `host=127.0.0.1 port=${server.port} user=${server.user} dbname=lake`;
    const catalog = `postgres:${address} password='${server.password.replace("'", "\\'")}'`;
    const environment = {LAKE_PASSWORD: server.password};
    const source = `database_path: "ducklake:postgres:${address} password=\${LAKE_PASSWORD}"`;
    const root = await makeLakeShop(`${source}, data_path: lake`);
    const change = (...sql: readonly string[]): Promise<void> => write(catalog, join(root, "lake"), ...sql);
    await change(`CREATE TABLE lake.prices AS ${prices}`);
    let changing: Promise<void> | undefined;
    // Between the days of the run somebody raises all prices.
    await trainIn(root, {environment, onEvent: (event) => void (event.kind === "day-start" && (changing ??= change("UPDATE lake.prices SET price = price + 100")))});
    await changing;
    expect(await readDatasets(root)).toEqual(expected);
    const days = ["2026-02-26", "2026-02-27", "2026-03-01", "2026-03-02"];
    for (const day of days) expect(readManifestOf(root, "skeleton", day)["sources"]).toMatchObject({prices: {snapshot: 1}});
    expect(await staleDays(root)).toEqual(days);
    await trainIn(root, {environment});
    expect(await staleDays(root)).toEqual([]);
    await change("CREATE TABLE lake.other AS SELECT 1 AS a", "INSERT INTO lake.prices VALUES (1, TIMESTAMP '2026-03-02 01:00', 1.0)");
    expect(await staleDays(root)).toEqual(["2026-03-02"]);

    const at = await makeLakeShop(`${source}, data_path: "${root}/lake", options: {snapshot: 1}`);
    await trainIn(at, {environment});
    expect(await readDatasets(at)).toEqual(expected);
    await change("CALL ducklake_expire_snapshots('lake', versions => [1])");
    await expect(trainIn(at, {environment})).rejects.toMatchObject({problems: [{code: "source-snapshot-missing", hint: expect.stringContaining("expired") as string}]});
  });

  it("is one snapshot for days that are runs of their own, on other machines", async () => {
    const source = 'database_path: "ducklake:sqlite:lake.sqlite", data_path: lake';
    const root = await makeLakeShop(source);
    const change = (sql: string): Promise<void> => write(`sqlite:${root}/lake.sqlite`, join(root, "lake"), sql);
    await change(`CREATE TABLE lake.prices AS ${prices}`);
    const terminal = {...openTerminal(), directory: root, env: {HOME: root}, note: () => undefined};
    const request = {flags: {}, service: "basket", stages: "both"} as const;
    await runTrainRemotely(request, async ({service, dayGroups, trainFlags, projectFlags}) => {
      for (const day of dayGroups.flat()) {
        // Before each of the days somebody raises all prices.
        await change("UPDATE lake.prices SET price = price + 100");
        expect(await runDaeda(["pipeline", "train", service, "--target-date", day, ...trainFlags, ...projectFlags], {directory: root})).toMatchObject({exitCode: 0});
      }
    }, terminal);
    expect(await readDatasets(root)).toEqual(expected);
    for (const day of shopDays) expect(readManifestOf(root, "skeleton", day)["sources"]).toMatchObject({prices: {snapshot: 1}});
    const read = async (flag: string): Promise<{exitCode: number | null; stderr: string}> => runDaeda(["pipeline", "train", "basket", "--target-date", "2026-03-01", "--snapshot", flag], {directory: root});
    expect(await read("prices=99")).toMatchObject({exitCode: 1, stderr: expect.stringMatching(/source-snapshot-missing: .*"prices" has no snapshot 99/) as string});
    expect(await read("price=1")).toMatchObject({exitCode: 1, stderr: expect.stringMatching(/reference-unknown: .*"price"[^]*did you mean "prices"/) as string});
    expect(await read("prices=newest")).toMatchObject({exitCode: 1, stderr: expect.stringContaining("flag-wrong") as string});
    expect(await read("orders=1")).toMatchObject({exitCode: 1, stderr: expect.stringContaining('source-option: "options.snapshot" of view "orders"') as string});
    // What the YAML names is not the run's to choose.
    writeFileSync(join(root, "feature_views/prices.yaml"), view(`${source}, options: {snapshot: 2}`));
    expect(await read("prices=1")).toMatchObject({exitCode: 0});
    expect(readManifestOf(root, "skeleton", "2026-03-01")["sources"]).toMatchObject({prices: {snapshot: 2}});
  });

  it("that is not there, or does not let in, says so without the password", async () => {
    await expect(trainIn(await makeLakeShop('database_path: "ducklake:sqlite:nothing.sqlite", data_path: lake'))).rejects.toMatchObject({problems: [{code: "source-unreadable"}]});
    const source = 'database_path: "ducklake:postgres:host=127.0.0.1 port=1 dbname=x password=${LAKE_PASSWORD}"';
    const error = await trainIn(await makeLakeShop(source), {environment: {LAKE_PASSWORD: "planted'secret"}}).catch((reason: unknown) => reason as Error);
    expect((error as Error).message).toMatch(/does not answer/);
    expect((error as Error).message).not.toMatch(/planted|secret'/);
  });

  it.skipIf(missingS3Server !== undefined)("keeps its data in S3 as well", async () => {
    const store: S3Server = await startS3("lake");
    try {
      const options = 'options: {endpoint: "${ENDPOINT}", region: us-east-1, url_style: path}, credentials: {access_key_id: "${KEY}", secret_access_key: "${SECRET}"}';
      const root = await makeLakeShop(`database_path: "ducklake:sqlite:lake.sqlite", data_path: "s3://lake/tables", ${options}`);
      const secret = `CREATE SECRET (TYPE s3, KEY_ID ${quoteText(store.key)}, SECRET ${quoteText(store.secret)}, REGION 'us-east-1', ENDPOINT ${quoteText(store.endpoint)}, USE_SSL false, URL_STYLE 'path')`;
      await write(`sqlite:${root}/lake.sqlite`, "s3://lake/tables/", secret, `CREATE TABLE lake.prices AS ${prices}`);
      await trainIn(root, {environment: {KEY: store.key, SECRET: store.secret, ENDPOINT: `http://${store.endpoint}`}}, "2026-03-01");
      expect((await readDatasets(root))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
    } finally {
      await store.stop();
    }
  });
});
