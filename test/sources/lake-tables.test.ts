/** Views of Iceberg and Delta tables, as pyiceberg and delta-rs write them: on disk and in S3, one snapshot for a whole run. */
import {cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadFoundation, loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {diagnoseSources} from "../../src/pipeline/doctor.js";
import {realEffects, type Effects} from "../../src/pipeline/effects.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {pinSource, prepareSession} from "../../src/pipeline/source-session.js";
import {train, type TrainReport} from "../../src/pipeline/train.js";
import {inferView} from "../../src/pipeline/view-infer.js";
import {openSource, type Source} from "../../src/sources/source.js";
import {extensionConfig, extensionLines, findMissingExtension} from "../support/extensions.js";
import {findMissingWriter, startLakeWriter, type LakeAnswer, type LakeFormat, type LakeStep, type LakeWriter} from "../support/lake-writer.js";
import {writeFiles} from "../support/project-files.js";
import {missingS3Server, startS3, type S3Server} from "../support/s3-server.js";
import {makeShop, readDatasets, readManifestOf, shopDays, shopFiles, trainShop} from "../support/shop-project.js";

const python = process.env["DAEDALUS_PYTHON"];
const missing = findMissingWriter(python) ?? (await findMissingExtension("iceberg", "delta", "httpfs"));

describe.skipIf(missing !== undefined)(`a table (skipped because ${missing ?? "nothing is missing"})`, () => {
  let local: string;
  let expected: Record<string, string[]>;
  let base: string;
  let writer: LakeWriter;
  const write = (steps: readonly LakeStep[], {root = base, store}: {readonly root?: string; readonly store?: S3Server} = {}): Promise<readonly LakeAnswer[]> =>
    writer.write({root, catalog: join(base, "catalog.db"), store: store && {endpoint: store.endpoint, key: store.key, secret: store.secret}, steps});
  const orders = (day: string): string => join(local, `data/orders/dt=${day}/part-0.parquet`);
  const stepsOf = (format: LakeFormat): LakeStep[] => [
    ...shopDays.map((day) => ({format, table: `${format}_orders`, files: [orders(day)], partition: format === "delta" ? "dt" : "at"})),
    {format, table: `${format}_prices`, files: [join(local, "data/prices.parquet")]},
  ];
  const versions: Record<LakeFormat, readonly LakeAnswer[]> = {iceberg: [], delta: []};

  beforeAll(async () => {
    local = await makeShop({"feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("entity: product", "entity: product\nttl: 2d")});
    await trainShop(local);
    expected = await readDatasets(local);
    base = mkdtempSync(join(tmpdir(), "daedalus-tables-"));
    writer = startLakeWriter(python!);
    const written = await write([...stepsOf("iceberg"), ...stepsOf("delta")]);
    versions.iceberg = written.slice(0, 5);
    versions.delta = written.slice(5);
  });
  afterAll(() => writer.stop());

  /** `path` and `options` of a table. */
  const sourceOf = (format: LakeFormat, table: "orders" | "prices", options: readonly string[] = [], root = base): string => {
    const all = [...(format === "iceberg" ? ["newest_metadata: true"] : table === "orders" ? ["day_partition: dt"] : []), ...options];
    return `path: "${format}:${root}/${format}_${table}"${all.length === 0 ? "" : `, options: {${all.join(", ")}}`}`;
  };
  const ordersView = (source: string): string => shopFiles["feature_views/orders.yaml"].replace("path: data/orders", source);
  const pricesView = (source: string): string => shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", source).replace("entity: product", "entity: product\nttl: 2d");
  const runtime = `${shopFiles["config/training/runtime.yaml"]}${extensionLines}`;
  const makeTableShop = (ordersSource: string, pricesSource: string): Promise<string> =>
    makeShop({"config/training/runtime.yaml": runtime, "feature_views/orders.yaml": ordersView(ordersSource), "feature_views/prices.yaml": pricesView(pricesSource)});
  const trainIn = (root: string, effects: Partial<Effects> = {}, targetDay?: string): Promise<TrainReport> => {
    const project = loadProject({root});
    return train({project, service: project.services.get("basket")!, stages: "both", targetDay}, {...realEffects, ...effects});
  };
  const staleDays = async (root: string): Promise<readonly string[]> => {
    const project = loadProject({root});
    const plan = await planService({project, service: project.services.get("basket")!, stages: "both"}, realEffects);
    return plan.groups.filter(({state}) => state !== "current").flatMap(({days}) => days);
  };

  it.each(["iceberg", "delta"] as const)("of %s gives a dataset the same rows as parquet does, and manifests that say what was read", async (format) => {
    const root = await makeTableShop(sourceOf(format, "orders"), sourceOf(format, "prices"));
    await trainIn(root);
    expect(await readDatasets(root)).toEqual(expected);
    const [orderSnapshot, priceSnapshot] = [versions[format][3]!.snapshot, versions[format][4]!.snapshot];
    expect(readManifestOf(root, "skeleton", "2026-03-01")["sources"]).toMatchObject({
      orders: {files: 0, table: `${format}_orders`, snapshot: orderSnapshot},
      prices: {table: `${format}_prices`, snapshot: priceSnapshot},
    });
    expect(await staleDays(root)).toEqual([]);
    const project = loadProject({root});
    expect(await diagnoseSources(project, {})).toMatchObject([
      {view: "orders", problems: [], rows: 800, parts: 4, newest: "2026-03-02T04:57:00Z"},
      {view: "prices", problems: [], rows: 60, parts: 1},
      {view: "products", problems: []},
    ]);
  });

  /** What a day's reading opens, as the extension counts it: files of the table that were read. */
  const countFilesRead = async (root: string, view: string, day: string): Promise<number> => {
    const project = loadProject({root});
    const session = await DuckDbSession.open({config: extensionConfig});
    try {
      const opened = openSource(project.views.get(view)!, project, {});
      await prepareSession(session, [opened]);
      const source: Source = await pinSource(session, project.views.get(view)!, opened, new Map());
      const relation = source.renderRelation([], {columns: [], time: {column: "at", type: "TIMESTAMP", from: `${day} 00:00:00.000000`, end: `${nextDay(day)} 00:00:00.000000`}});
      const [row] = await session.rows(`EXPLAIN ANALYZE SELECT sum(quantity) FROM ${relation}`);
      return Number(/Total Files Read: (\d+)/.exec(row!["explain_value"] as string)![1]);
    } finally {
      session.close();
    }
  };
  const nextDay = (day: string): string => new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);

  it.each(["iceberg", "delta"] as const)("of %s opens the files of a day only", async (format) => {
    const root = await makeTableShop(sourceOf(format, "orders"), sourceOf(format, "prices"));
    expect(await countFilesRead(root, "orders", "2026-02-27")).toBe(1);
  });

  it.each(["iceberg", "delta"] as const)("of %s is one snapshot for all days of a run, and makes the days stale that a change can reach", async (format) => {
    const changing = mkdtempSync(join(tmpdir(), "daedalus-tables-"));
    const table = `${format}_${changing.split("-").at(-1)!}`;
    const source = (options: readonly string[]): string => sourceOf(format, "orders", options).replace(`${base}/${format}_orders`, `${changing}/${table}`);
    const first = (await write(stepsOf(format).slice(0, 4).map((step) => ({...step, table})), {root: changing})).at(-1);
    const root = await makeTableShop(source([]), sourceOf(format, "prices"));
    let change: Promise<unknown> | undefined;
    // Between the days of the run somebody takes rows away from all of them.
    await trainIn(root, {onEvent: (event) => void (event.kind === "day-start" && (change ??= write([{format, table, delete: "line < 50"}], {root: changing})))});
    await change;
    expect(await readDatasets(root)).toEqual(expected);
    for (const day of shopDays) expect(readManifestOf(root, "skeleton", day)["sources"]).toMatchObject({orders: {snapshot: first!.snapshot}});
    expect(await staleDays(root)).toEqual(shopDays);
    await trainIn(root);
    expect(await staleDays(root)).toEqual([]);
    expect((await readDatasets(root))["skeleton/dt=2026-03-02"]).toHaveLength(150);
    const [added] = await write([{format, table, files: [orders("2026-03-02")]}], {root: changing});
    expect(await staleDays(root)).toEqual(["2026-03-02"]);

    const pinned = await makeTableShop(source([`snapshot: "${first!.snapshot}"`]), sourceOf(format, "prices"));
    await trainIn(pinned, {}, "2026-03-02");
    expect((await readDatasets(pinned))["dataset/dt=2026-03-02"]).toEqual(expected["dataset/dt=2026-03-02"]);
    const told = await makeTableShop(source([]), sourceOf(format, "prices"));
    const project = loadProject({root: told});
    await train({project, service: project.services.get("basket")!, stages: "both", targetDay: "2026-03-02", snapshots: new Map([["orders", String(first!.snapshot)]])}, realEffects);
    expect((await readDatasets(told))["dataset/dt=2026-03-02"]).toEqual(expected["dataset/dt=2026-03-02"]);
    const past = await makeTableShop(source(['as_of: "2020-01-01 00:00:00+00"']), sourceOf(format, "prices"));
    await expect(trainIn(past)).rejects.toMatchObject({problems: [{code: "source-snapshot-missing"}]});
    const now = await makeTableShop(source([`as_of: "${new Date().toISOString()}"`]), sourceOf(format, "prices"));
    await trainIn(now, {}, "2026-03-01");
    expect(readManifestOf(now, "skeleton", "2026-03-01")["sources"]).toMatchObject({orders: {snapshot: added!.snapshot}});
    if (format === "iceberg") {
      await write([{format, table, expire: `${first!.snapshot}`}], {root: changing});
      await expect(trainIn(pinned)).rejects.toMatchObject({problems: [{code: "source-snapshot-missing", hint: expect.stringContaining(`${added!.snapshot}`) as string}]});
    }
  });

  it.each(["iceberg", "delta"] as const)("of %s that lost a data file fails the day by its name, and publishes nothing", async (format) => {
    const broken = mkdtempSync(join(tmpdir(), "daedalus-tables-"));
    const table = `${format}_${broken.split("-").at(-1)!}`;
    await write([...stepsOf(format).slice(2, 4).map((step) => ({...step, table}))], {root: broken});
    const root = await makeTableShop(sourceOf(format, "orders").replace(`${base}/${format}_orders`, `${broken}/${table}`), sourceOf(format, "prices"));
    for (const path of readdirSync(join(broken, table), {recursive: true, encoding: "utf8"})) if (/(dt|day)=2026-03-02.*parquet$/.test(path)) rmSync(join(broken, table, path));
    const error = await trainIn(root, {}, "2026-03-02").catch((reason: unknown) => reason as Error);
    expect((error as Error).message).toMatch(/orders.*\.parquet|\.parquet.*orders/s);
    expect(existsSync(join(root, "out/basket/dataset/dt=2026-03-02"))).toBe(false);
  });

  it.each([
    ["a folder that is not there", 'path: "iceberg:nothing"', "source-missing", /finds no Iceberg table at/],
    ["a folder without a table", 'path: "delta:data"', "source-missing", /finds no Delta table at/],
    ["an unknown version", `path: "delta:BASE/delta_prices", options: {snapshot: 99}`, "source-snapshot-missing", /snapshots 0 to 0/],
    ["an unknown snapshot", `path: "iceberg:BASE/iceberg_prices", options: {newest_metadata: true, snapshot: "7"}`, "source-snapshot-missing", /snapshots \d+/],
    ["metadata that only a catalog knows", 'path: "iceberg:BASE/iceberg_prices"', "source-incomplete", /newest_metadata/],
    ["an option of another kind", `path: "delta:BASE/delta_prices", options: {region: x}`, "source-option", /takes/],
    ["another store", 'path: "delta:gs://bucket/table"', "source-unsupported", /gs/],
  ])("that is %s is an error that says so", async (_, source, code, text) => {
    const root = await makeTableShop(sourceOf("delta", "orders"), source.replace("BASE", base));
    const error = (await trainIn(root).catch((reason: unknown) => reason)) as {problems: readonly {code: string; message: string; hint?: string}[]};
    expect(error.problems).toMatchObject([{code, place: {file: "feature_views/prices.yaml"}}]);
    expect(`${error.problems[0]!.message} ${error.problems[0]!.hint ?? ""}`).toMatch(text);
  });

  it("of Iceberg is found by its version hint, and by the file of its metadata", async () => {
    const {metadata} = versions.iceberg[4]!;
    const named = await makeTableShop(sourceOf("iceberg", "orders"), `path: "iceberg:${metadata}"`);
    await trainIn(named, {}, "2026-03-01");
    expect((await readDatasets(named))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
    const copy = mkdtempSync(join(tmpdir(), "daedalus-tables-"));
    cpSync(join(base, "iceberg_prices"), copy, {recursive: true});
    writeFileSync(join(copy, "metadata/version-hint.text"), `${basename(metadata).replace(".metadata.json", "")}\n`);
    const hinted = await makeTableShop(sourceOf("iceberg", "orders"), `path: "iceberg:${copy}"`);
    await trainIn(hinted, {}, "2026-03-01");
    expect((await readDatasets(hinted))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
    writeFileSync(join(copy, "metadata/version-hint.text"), "99");
    await expect(trainIn(hinted)).rejects.toMatchObject({problems: [{code: "source-unreadable", message: expect.stringContaining("version-hint") as string}]});
  });

  it.each(["iceberg", "delta"] as const)("of %s gets a view from views infer that reads it", async (format) => {
    const root = writeFiles({"config/training/runtime.yaml": runtime, "feature_services/.keep": ""});
    const options = format === "iceberg" ? {newest_metadata: true} : {};
    const inferred = await inferView({location: `${format}:${base}/${format}_prices`, options, entities: ["product"]}, loadFoundation({root}), {});
    expect(inferred).toMatchObject({name: `${format}_prices`, yaml: expect.stringMatching(/timestamp_field: valid_at[\s\S]*name: price\n\s+dtype: DOUBLE/) as string});
  });

  describe.skipIf(missingS3Server !== undefined)("in S3", () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3("lake");
      await write([...stepsOf("iceberg"), ...stepsOf("delta")].map((step) => ({...step, table: `s3_${step.table}`})), {root: "s3://lake/tables", store: server});
    });
    afterAll(() => server.stop());
    const store = ["endpoint: \"${ENDPOINT}\"", "region: us-east-1", "url_style: path"];
    const keys = ', credentials: {access_key_id: "${KEY}", secret_access_key: "${SECRET}"}';
    const stored = (format: LakeFormat, table: "orders" | "prices"): string => `${sourceOf(format, table, store).replace(`${base}/`, "s3://lake/tables/s3_")}${keys}`;

    it.each(["iceberg", "delta"] as const)("of %s gives the same rows, with its own credentials", async (format) => {
      const environment = {KEY: server.key, SECRET: server.secret, ENDPOINT: `http://${server.endpoint}`};
      const root = await makeTableShop(stored(format, "orders"), stored(format, "prices"));
      server.takeRequests();
      await trainIn(root, {environment}, "2026-03-01");
      expect((await readDatasets(root))["dataset/dt=2026-03-01"]).toEqual(expected["dataset/dt=2026-03-01"]);
      const refused = await trainIn(root, {environment: {...environment, SECRET: "planted-secret"}}).catch((reason: unknown) => reason as Error);
      expect(refused).toMatchObject({problems: [{code: "source-denied"}, {code: "source-denied"}]});
      expect((refused as Error).message).not.toContain("planted");
    });
  });
});
