/** Datasets as tables of a DuckLake: a day is one snapshot, whoever writes beside it, and a run brings what the lake does not have. */
import {existsSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {realEffects} from "../../src/pipeline/effects.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {train, type TrainOptions, type TrainReport} from "../../src/pipeline/train.js";
import {quoteText} from "../../src/sources/quote.js";
import {extensionConfig, extensionLines, findMissingExtension, linkExtensions} from "../support/extensions.js";
import {startPostgres, type PostgresServer} from "../support/postgres-server.js";
import {spawnDaeda} from "../support/run-daeda.js";
import {makeShop, march, marchDays, readDatasets, shopFiles} from "../support/shop-project.js";

const missing = await findMissingExtension("ducklake", "postgres", "sqlite");
const kinds = ["sqlite", "duckdb", "postgres"] as const;
type Kind = (typeof kinds)[number];

describe.skipIf(missing !== undefined)(`a lake beside the partitions (skipped when an extension cannot be had: ${missing ?? "they can"})`, () => {
  let server: PostgresServer;
  let environment: Record<string, string>;
  let databases = 0;

  beforeAll(async () => {
    server = await startPostgres();
    environment = {LAKE_USER: server.user, LAKE_PASSWORD: server.password};
  });
  afterAll(() => server.stop());

  /** A lake of its own: how definitions and how the test itself name it. */
  async function newLake(kind: Kind, root: string): Promise<{written: string; real: string}> {
    if (kind !== "postgres") return {written: kind === "sqlite" ? "sqlite:lake.sqlite" : "lake.ducklake", real: kind === "sqlite" ? `sqlite:${root}/lake.sqlite` : `${root}/lake.ducklake`};
    const name = `lake_${(databases += 1)}`;
    await server.run(`CREATE DATABASE ${name}`);
    const at = `host=127.0.0.1 port=${server.port} dbname=${name}`;
    return {written: `postgres:${at} user=\${LAKE_USER} password=\${LAKE_PASSWORD}`, real: `postgres:${at} user=${server.user} password='${server.password.replace("'", "\\'")}'`};
  }
  const runtimeOf = (written: string, dataPath: string): string =>
    `${march["config/training/runtime.yaml"].replace("output_root: out", `output_root: out\noutput_lake: {database_path: "ducklake:${written}", data_path: ${dataPath}}`)}${extensionLines}`;
  async function makeLakeShop(kind: Kind): Promise<{root: string; real: string; runtime: string}> {
    const root = await makeShop();
    const {written, real} = await newLake(kind, root);
    const runtime = runtimeOf(written.replace("lake.sqlite", `${root}/lake.sqlite`).replace("lake.ducklake", `${root}/lake.ducklake`), `${root}/lake`);
    writeFileSync(join(root, "config/training/runtime.yaml"), runtime);
    return {root, real, runtime};
  }
  const trainIn = (root: string, options: Partial<TrainOptions> = {}): Promise<TrainReport> => {
    const project = loadProject({root});
    return train({project, service: project.services.get("basket")!, stages: "both", ...options}, {...realEffects, environment});
  };
  const reasons = async (root: string): Promise<readonly (string | undefined)[]> => {
    const project = loadProject({root});
    return (await planService({project, service: project.services.get("basket")!, stages: "both"}, {environment, onEvent: () => undefined})).groups.map(({state, reason}) => `${state}: ${reason ?? ""}`);
  };
  /** `dataPath`: of a lake that is made here. */
  async function inLake<T>(real: string, work: (session: DuckDbSession) => Promise<T>, dataPath?: string): Promise<T> {
    const session = await DuckDbSession.open({config: extensionConfig});
    try {
      for (const name of ["ducklake", "postgres_scanner", "sqlite_scanner"]) await session.run(`LOAD ${name}`);
      await session.run(`ATTACH ${quoteText(`ducklake:${real}`)} AS lake${dataPath === undefined ? "" : ` (DATA_PATH ${quoteText(dataPath)})`}`);
      return await work(session);
    } finally {
      session.close();
    }
  }
  /** What the table holds, in the form of `readDatasets`; and how many snapshots changed a table. */
  const readLake = (real: string): Promise<{rows: Record<string, string[]>; snapshots: number}> =>
    inLake(real, async (session) => {
      const rows: Record<string, string[]> = {};
      for (const {dt, row} of (await session.rows("SELECT dt::VARCHAR AS dt, to_json(t)::VARCHAR AS row FROM (SELECT * EXCLUDE (__written_at) FROM lake.basket ORDER BY ALL) AS t")) as {dt: string; row: string}[]) {
        (rows[`dataset/dt=${dt}`] ??= []).push(row.replace(/,"dt":"[^"]*"/, ""));
      }
      const [{count = 0n} = {}] = (await session.rows("SELECT count(*) AS count FROM ducklake_snapshots('lake') WHERE map_contains(changes, 'tables_inserted_into')")) as {count?: bigint}[];
      return {rows, snapshots: Number(count)};
    });
  const published = async (root: string): Promise<Record<string, string[]>> =>
    Object.fromEntries(Object.entries(await readDatasets(root)).flatMap(([name, rows]) => (name.startsWith("dataset") ? [[name, rows]] : [])));
  const sorted = (datasets: Record<string, string[]>): Record<string, string[]> => Object.fromEntries(Object.entries(datasets).map(([name, rows]) => [name, [...rows].sort()]));

  it.each(kinds)("with its catalog in %s has the rows of the dataset, a snapshot a day, and what it lacks is brought by the next run", async (kind) => {
    const {root, real} = await makeLakeShop(kind);
    await trainIn(root, {dayWorkers: 2});
    expect(sorted((await readLake(real)).rows)).toEqual(sorted(await published(root)));
    expect((await readLake(real)).snapshots).toBe(2);
    expect(await reasons(root)).toEqual(["current: "]);
    // A day that is made again replaces its rows, in one snapshot.
    await trainIn(root, {targetDay: marchDays[0]!, isForced: true});
    expect(await readLake(real)).toMatchObject({snapshots: 3});
    expect(sorted((await readLake(real)).rows)).toEqual(sorted(await published(root)));
    // A lake that lost a day, or got none because a run was killed, gets it without the day being made.
    await inLake(real, (session) => session.run(`DELETE FROM lake.basket WHERE dt = DATE '${marchDays[1]!}'`));
    expect(await reasons(root)).toEqual(["current: ", "stale: the lake does not have it"]);
    const before = readFileSync(join(root, "out/basket/dataset", `dt=${marchDays[1]!}`, "_manifest.json"), "utf8");
    await trainIn(root);
    expect(readFileSync(join(root, "out/basket/dataset", `dt=${marchDays[1]!}`, "_manifest.json"), "utf8")).toBe(before);
    expect(sorted((await readLake(real)).rows)).toEqual(sorted(await published(root)));
    expect(await reasons(root)).toEqual(["current: "]);
  });

  it("gains a column with the service, keeps one that the service lost, and refuses a type that cannot become the new one", async () => {
    const {root, real} = await makeLakeShop("sqlite");
    const service = join(root, "feature_services/basket.yaml");
    const [withoutBrand] = [shopFiles["feature_services/basket.yaml"].replace(/.*name: brand.*\n/, "")];
    writeFileSync(service, withoutBrand);
    await trainIn(root);
    writeFileSync(service, shopFiles["feature_services/basket.yaml"].replace(/.*name: orders_ever.*\n/, ""));
    await trainIn(root, {targetDay: marchDays[0]!});
    const [first, second] = await inLake(real, (session) => session.rows("SELECT dt::VARCHAR AS dt, count(brand) AS brands, count(orders_ever) AS counts FROM lake.basket GROUP BY ALL ORDER BY ALL"));
    expect([first, second]).toEqual([{dt: marchDays[0], brands: expect.any(BigInt) as bigint, counts: 0n}, {dt: marchDays[1], brands: 0n, counts: 200n}]);
    expect(first!["brands"]).toBeGreaterThan(100n);
    // INTEGER becomes BIGINT; a number does not become a text.
    const orders = join(root, "feature_views/orders.yaml");
    const derived = (dtype: string, sql: string): string => `${withoutBrand}  - {name: size, kind: derived, dtype: ${dtype}}\nderived: [{name: size, dtype: ${dtype}, sql: "${sql}"}]\n`;
    expect(readFileSync(orders, "utf8")).toContain("quantity");
    writeFileSync(service, derived("INTEGER", "quantity"));
    await trainIn(root, {targetDay: marchDays[0]!});
    writeFileSync(service, derived("BIGINT", "quantity::BIGINT"));
    await trainIn(root);
    expect(sorted((await readLake(real)).rows)).toMatchObject(Object.fromEntries(marchDays.map((day) => [`dataset/dt=${day}`, expect.arrayContaining([expect.stringMatching(/"size":\d/)]) as unknown])));
    writeFileSync(service, derived("TEXT", "quantity::VARCHAR"));
    await expect(trainIn(root, {targetDay: marchDays[0]!})).rejects.toMatchObject({code: "lake-type", facts: {column: "size", had: "BIGINT", has: "VARCHAR"}});
    expect((await readLake(real)).rows[`dataset/dt=${marchDays[0]!}`]).toHaveLength(200);
  });

  it.each(kinds)("with its catalog in %s has each day once after three processes wrote all days at the same time", async (kind) => {
    const {root, real, runtime} = await makeLakeShop(kind);
    const others = await Promise.all([0, 1].map(() => makeShop({"config/training/runtime.yaml": runtime})));
    const runs = await Promise.all([root, ...others].map((directory) => {
      linkExtensions(directory);
      return spawnDaeda(["pipeline", "train", "basket"], {directory, env: environment});
    }));
    for (const {exitCode, stderr} of runs) expect(exitCode, stderr).toBe(0);
    const days = await inLake(real, (session) => session.rows("SELECT dt::VARCHAR AS dt, count(*) AS rows, count(DISTINCT __written_at) AS writers FROM lake.basket GROUP BY ALL ORDER BY ALL"));
    expect(days).toEqual(marchDays.map((dt) => ({dt, rows: 200n, writers: 1n})));
    expect(sorted((await readLake(real)).rows)).toEqual(sorted(await published(root)));
  });

  it("that cannot be reached, is no lake of ours, or is a DuckDB file that a view reads is an error before any day", async () => {
    const {root} = await makeLakeShop("postgres");
    await expect(train({project: loadProject({root}), service: loadProject({root}).services.get("basket")!, stages: "both"}, {...realEffects, environment: {...environment, LAKE_PASSWORD: "wrong-secret"}})).rejects.toMatchObject({
      code: "lake-unwritable",
      message: expect.not.stringContaining("wrong-secret") as string,
    });
    await expect(train({project: loadProject({root}), service: loadProject({root}).services.get("basket")!, stages: "both"}, {...realEffects, environment: {LAKE_USER: "x"}})).rejects.toMatchObject({code: "environment-missing", facts: {variable: "LAKE_PASSWORD", owner: expect.stringContaining("output_lake") as string}});
    const {root: nowhere} = await makeLakeShop("postgres");
    const runtimePath = join(nowhere, "config/training/runtime.yaml");
    writeFileSync(runtimePath, readFileSync(runtimePath, "utf8").replace(/dbname=\w+/, "dbname=no_such_database"));
    await expect(trainIn(nowhere)).rejects.toMatchObject({code: "lake-unwritable", message: expect.stringContaining("no_such_database") as string, hint: expect.stringContaining("database_path") as string});
    expect(existsSync(join(nowhere, "out/basket/dataset"))).toBe(false);
    const {root: foreign, real} = await makeLakeShop("duckdb");
    await inLake(real, (session) => session.run("CREATE TABLE lake.basket (x INTEGER)"), `${foreign}/lake/`);
    await expect(trainIn(foreign)).rejects.toMatchObject({code: "lake-unwritable", message: expect.stringContaining("not made by Daedalus") as string});
    const {root: shared, real: sharedReal} = await makeLakeShop("duckdb");
    await inLake(sharedReal, (session) => session.run(`CREATE TABLE lake.prices AS FROM ${quoteText(join(shared, "data/prices.parquet"))}`), `${shared}/lake/`);
    writeFileSync(join(shared, "feature_views/prices.yaml"), shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", `database_path: "ducklake:${shared}/lake.ducklake", table_name: prices`));
    await expect(trainIn(shared)).rejects.toMatchObject({code: "lake-unwritable", message: expect.stringContaining("PostgreSQL or SQLite") as string});
  });
});
