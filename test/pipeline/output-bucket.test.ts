/** Partitions in a bucket: published whole or not at all, whatever is killed, refused or competing, and the same rows as in a folder. */
import {spawn, spawnSync} from "node:child_process";
import {randomBytes} from "node:crypto";
import {existsSync, readdirSync, readFileSync, statSync, writeFileSync} from "node:fs";
import {createServer, request, type Server} from "node:http";
import {hostname} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {audit} from "../../src/pipeline/audit.js";
import {acquireBucketLock} from "../../src/pipeline/bucket-lock.js";
import {realEffects, type TrainEvent} from "../../src/pipeline/effects.js";
import type {DayLock} from "../../src/pipeline/lock.js";
import type {Manifest} from "../../src/pipeline/manifest.js";
import {planService, type ServicePlan} from "../../src/pipeline/plan-days.js";
import {readPartition} from "../../src/pipeline/read-partition.js";
import {buildStore} from "../../src/pipeline/store-build.js";
import {train, type TrainOptions, type TrainReport} from "../../src/pipeline/train.js";
import {confinePaths} from "../../src/platform/confine-paths.js";
import {ObjectClient} from "../../src/sources/object-client.js";
import {extensionLines, findMissingExtension, linkExtensions} from "../support/extensions.js";
import {daedaPath, runDaeda} from "../support/run-daeda.js";
import {missingS3Server, startS3, type S3Server} from "../support/s3-server.js";
import {makeShop, march, marchDays, readDatasets, shopFiles, trainShop, writeTables} from "../support/shop-project.js";

const missing = missingS3Server ?? (await findMissingExtension("httpfs", "aws"));

describe.skipIf(missing !== undefined)(`an output in a bucket (skipped where there is none: ${missing ?? "there is"})`, () => {
  let server: S3Server;
  let client: ObjectClient;
  let environment: Record<string, string>;
  let expected: Record<string, string[]>;
  let nextPrefix = 0;

  beforeAll(async () => {
    server = await startS3("training");
    client = new ObjectClient({url: `http://${server.endpoint}/training`, region: "us-east-1", accessKeyId: server.key, secretAccessKey: server.secret, sessionToken: undefined, name: "s3://training"});
    environment = {KEY: server.key, SECRET: server.secret, ENDPOINT: `http://${server.endpoint}`, PATH: process.env["PATH"] ?? ""};
    const local = await makeShop(march);
    await trainShop(local);
    expected = await readDatasets(local);
  });
  afterAll(() => server.stop());

  const runtimeFor = (prefix: string, more = ""): string =>
    `${march["config/training/runtime.yaml"].replace("output_root: out", `output_root: s3://training/${prefix}\noutput_store:
  options: {endpoint: "\${ENDPOINT}", region: us-east-1, url_style: path}
  credentials: {access_key_id: "\${KEY}", secret_access_key: "\${SECRET}"}${more}`)}${extensionLines}`;
  const makeBucketShop = async (changes: Record<string, string> = {}): Promise<{root: string; prefix: string}> => {
    const prefix = `run+${(nextPrefix += 1)}/out`;
    return {prefix, root: await makeShop({"config/training/runtime.yaml": runtimeFor(prefix), ...changes})};
  };
  const trainIn = (root: string, options: Partial<TrainOptions> & {env?: Record<string, string>; onEvent?: (event: TrainEvent) => void} = {}): Promise<TrainReport> => {
    const project = loadProject({root});
    const {env = environment, onEvent = () => undefined, ...rest} = options;
    return train({project, service: project.services.get("basket")!, stages: "both", ...rest}, {...realEffects, environment: env, onEvent});
  };
  const keys = async (prefix: string): Promise<string[]> => (await client.list(`${prefix}/`)).map(({key}) => key.slice(prefix.length + 1)).sort();
  const readManifestAt = async (prefix: string, stage: string, day: string): Promise<Manifest> => JSON.parse((await client.read(`${prefix}/basket/${stage}/dt=${day}/_manifest.json`))!.text) as Manifest;
  /** What the bucket holds, as a reader that goes by manifests sees it, in the form of `readDatasets`. */
  const readBucket = async (root: string): Promise<Record<string, string[]>> => {
    const project = loadProject({root});
    const found: Record<string, string[]> = {};
    for (const stage of ["skeleton", "dataset"] as const) {
      for (const day of marchDays) {
        const partition = await readPartition({project, service: project.services.get("basket")!, day, stage, environment});
        const rows: string[] = [];
        for await (const row of partition.rows()) rows.push(JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)).replace(/"at":"(\S+)T(\S+?)(?:\.?0*)Z"/, '"at":"$1 $2"'));
        found[`${stage}/dt=${day}`] = rows;
      }
    }
    return found;
  };
  const plain = (datasets: Record<string, string[]>): Record<string, string[]> =>
    Object.fromEntries(Object.entries(datasets).map(([name, rows]) => [name, rows.map((row) => row.replace(/"price":(?:NaN|"nan"|nan)/i, '"price":null').replace(/(\.\d*?)0+"/, '$1"').replace(/"price":(\d+)\.0\b/, '"price":$1'))]));
  /** Every partition has exactly the files that its manifest names. */
  const expectWhole = async (prefix: string): Promise<number> => {
    const all = await keys(prefix);
    const manifests = all.filter((key) => key.endsWith("_manifest.json"));
    for (const key of manifests) {
      const {files} = JSON.parse((await client.read(`${prefix}/${key}`))!.text) as Manifest;
      const folder = key.slice(0, -"_manifest.json".length);
      for (const {name} of files) expect(all).toContain(`${folder}${name}`);
    }
    return manifests.length;
  };

  it("has the same rows as a folder, is current afterwards on any machine, and keeps no file of a day here", async () => {
    const {root, prefix} = await makeBucketShop();
    const report = await trainIn(root);
    expect(report).toMatchObject({outputDirectory: `s3://training/${prefix}/basket`, days: [{directory: `s3://training/${prefix}/basket/dataset/dt=${marchDays[0]!}`, state: "written"}, {state: "written"}]});
    expect(plain(await readBucket(root))).toEqual(plain(expected));
    expect((await keys(prefix)).map((key) => key.replace(/-[0-9a-f]{8}\.parquet/, "-*.parquet"))).toEqual(
      ["dataset", "skeleton"].flatMap((stage) => marchDays.flatMap((day) => [`basket/${stage}/dt=${day}/_manifest.json`, `basket/${stage}/dt=${day}/part-00000-*.parquet`])),
    );
    const here = readdirSync(join(root, ".daedalus"), {recursive: true}).map(String).filter((name) => name.endsWith(".parquet"));
    expect(here).toEqual([]);
    expect((await trainIn(root)).days.every(({state}) => state === "current")).toBe(true);
    // Another machine has the sources, and nothing else.
    const other = await makeShop({"config/training/runtime.yaml": runtimeFor(prefix)});
    server.takeRequests();
    const project = loadProject({root: other});
    const plan = (): Promise<ServicePlan> => planService({project, service: project.services.get("basket")!, stages: "both"}, {environment, onEvent: () => undefined});
    expect((await plan()).groups.map(({state, reason}) => `${state}: ${reason}`)).toEqual([expect.stringMatching(/^stale: the source of view /)]);
    // It reads each manifest once.
    const manifestsRead = (): number => server.takeRequests().filter((line) => line.startsWith("GetObject")).length;
    expect(manifestsRead()).toBe(4);
    await plan();
    expect(manifestsRead()).toBe(0);
  });

  it("is planned, shown, profiled, explained and audited as a folder is", async () => {
    const {root, prefix} = await makeBucketShop();
    await trainIn(root);
    const [day] = marchDays;
    const run = async (...args: string[]): Promise<string> => {
      const {exitCode, stdout, stderr} = await runDaeda(args, {directory: root, env: environment});
      expect(exitCode, stderr).toBe(0);
      return stdout;
    };
    expect(await run("pipeline", "status", "basket", "--format", "json")).toContain(`"output_directory": "s3://training/${prefix}/basket"`);
    expect(JSON.parse(await run("partitions", "list", "basket", "--format", "json"))).toMatchObject({directory: `s3://training/${prefix}/basket`, partitions: [{day: marchDays[1], rows: 200}, {day, rows: 200}]});
    expect(JSON.parse(await run("partitions", "show", "basket", day!, "--format", "json"))).toMatchObject({directory: `s3://training/${prefix}/basket/dataset/dt=${day!}`, manifest: {rows: 200}});
    expect(JSON.parse(await run("profile", "basket", "--day", day!, "--format", "json"))).toMatchObject({rows: 200});
    expect(await run("audit", `s3://training/${prefix}/basket`, "--sample", "40")).toMatch(/40 of 400 rows/);
    const project = loadProject({root});
    const audited = await audit({project, path: `s3://training/${prefix}/basket/skeleton/dt=${day!}`, sample: 10, seed: 1}, {...realEffects, environment});
    expect(audited).toMatchObject({isPassed: true, rows: 200, rowsChecked: 10});
    const elsewhere = await runDaeda(["audit", "s3://training/elsewhere/basket"], {directory: root, env: environment});
    expect(elsewhere).toMatchObject({exitCode: 1, stderr: expect.stringContaining("file-missing") as string});
    const row = JSON.parse(expected[`dataset/dt=${day!}`]!.find((text) => !text.includes('"customer_id":null'))!) as Record<string, unknown>;
    expect(await run("explain", "row", "basket", "--key", `customer_id=${row["customer_id"] as number}`, "--key", `product_id=${row["product_id"] as number}`, "--key", `quantity=${row["quantity"] as number}`, "--at", row["at"] as string)).toContain("(as in the partition)");
  });

  it("gets only a stale column computed, and replaces the day whole", async () => {
    const {root, prefix} = await makeBucketShop();
    await trainIn(root);
    const before = await keys(prefix);
    const aggregations = readFileSync(join(root, "config/training/aggregations.yaml"), "utf8");
    writeFileSync(join(root, "config/training/aggregations.yaml"), aggregations.replace("max_items: 4", "max_items: 3"));
    await trainIn(root);
    const manifest = await readManifestAt(prefix, "skeleton", marchDays[0]!);
    expect(Object.keys(manifest.carried).sort()).toEqual(manifest.columns.flatMap(({name}) => (name === "bought" ? [] : [name])).sort());
    expect(await expectWhole(prefix)).toBe(4);
    const after = await keys(prefix);
    expect(after).toHaveLength(before.length);
    expect(after.filter((key) => key.endsWith(".parquet") && before.includes(key))).toEqual([]);
  });

  it("takes embeddings, made here and written there", async () => {
    const {root, prefix} = await makeBucketShop({
      "feature_services/basket.yaml": `${shopFiles["feature_services/basket.yaml"]}  - {name: bought_vector, kind: enrichment, dtype: "HALF_FLOAT[4]"}\n`,
      "config/training/aggregations.yaml": `${shopFiles["config/training/aggregations.yaml"]}
enrichment_specs:
  - {name: bought_vector, source_id_column: bought, store_name: vectors, udf_name: avg_pool_embeddings_udf}
embedding_stores:
  - {name: vectors, type: lance, path: data/store, id_column: id, embedding_column: v, embedding_dim: 4, embedding_dtype: float16, build_batch_size: 100, source_parquet: data/vectors.parquet}
`,
    });
    await writeTables(root, {"data/vectors.parquet": "SELECT i AS id, [i, i + 1, i + 2, i + 3]::FLOAT[] AS v FROM range(12) AS t(i)"});
    const session = await DuckDbSession.open();
    await buildStore(loadProject({root}).aggregations.stores.get("vectors")!, {root, session});
    session.close();
    await trainIn(root, {stages: "skeleton"});
    // The skeleton comes back from the bucket for this.
    await trainIn(root);
    const manifest = await readManifestAt(prefix, "dataset", marchDays[0]!);
    expect(manifest.carried).toEqual({});
    // Another embedding, and the one that is there comes back from the bucket.
    const aggregations = join(root, "config/training/aggregations.yaml");
    writeFileSync(aggregations, readFileSync(aggregations, "utf8").replace("enrichment_specs:\n", "enrichment_specs:\n  - {name: product_vector, source_id_column: product_id, store_name: vectors, udf_name: lookup_embedding_udf}\n"));
    writeFileSync(join(root, "feature_services/basket.yaml"), `${readFileSync(join(root, "feature_services/basket.yaml"), "utf8")}  - {name: product_vector, kind: enrichment, dtype: "HALF_FLOAT[4]"}\n`);
    await trainIn(root);
    expect(Object.keys((await readManifestAt(prefix, "dataset", marchDays[0]!)).carried)).toContain("bought_vector");
    const project = loadProject({root});
    const partition = await readPartition({project, service: project.services.get("basket")!, day: marchDays[0]!, columns: ["bought", "bought_vector"], environment});
    let known = 0;
    for await (const {bought, bought_vector: vector} of partition.rows<{bought: bigint[]; bought_vector: number[] | null}>()) {
      if (bought.length === 0) expect(vector).toBeNull();
      else expect(vector![0]).toBeCloseTo(bought.reduce((sum, id) => sum + Number(id), 0) / bought.length, 1);
      known += bought.length > 0 ? 1 : 0;
    }
    expect(known).toBeGreaterThan(50);
    expect(readdirSync(join(root, ".daedalus"), {recursive: true}).map(String).filter((name) => name.endsWith(".parquet"))).toEqual([]);
  });

  it("keeps the old partition where a check fails, and what was made here for inspection", async () => {
    const {root, prefix} = await makeBucketShop();
    await trainIn(root);
    const before = await keys(prefix);
    const service = join(root, "feature_services/basket.yaml");
    writeFileSync(service, `${readFileSync(service, "utf8")}checks:\n  - {min_rows: 1000}\n`);
    const failed = await trainIn(root, {targetDay: marchDays[1]!}).then(() => undefined, (error: unknown) => error as {code: string; facts: {staged: string}});
    expect(failed).toMatchObject({code: "checks-failed"});
    expect(existsSync(join(failed!.facts.staged, "part-00000.parquet"))).toBe(true);
    expect(await keys(prefix)).toEqual(before);
    expect(plain(await readBucket(root))).toEqual(plain(expected));
  });

  describe("through a proxy that fails", () => {
    let proxy: Server;
    let onRequest: (request: {method: string; path: string}) => number | "drop" | "kill" | "kill after" | undefined;
    let kill = (): void => undefined;
    beforeAll(async () => {
      proxy = createServer((incoming, outgoing) => {
        const verdict = onRequest({method: incoming.method!, path: decodeURIComponent(incoming.url!)});
        if (verdict === "drop") return void incoming.destroy();
        if (verdict === "kill") return kill();
        if (typeof verdict === "number") {
          incoming.resume();
          return void outgoing.writeHead(verdict, {connection: "close"}).end("<Error><Code>Planned</Code><Message>as the test wants it</Message></Error>");
        }
        const [host, port] = server.endpoint.split(":");
        const passed = request({host, port, method: incoming.method!, path: incoming.url!, headers: incoming.headers}, (answer) => {
          if (verdict === "kill after") return kill();
          outgoing.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(outgoing);
        });
        passed.on("error", () => outgoing.destroy());
        incoming.pipe(passed);
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    });
    afterAll(() => {
      proxy.closeAllConnections();
      return new Promise((resolve) => proxy.close(resolve));
    });
    const behindProxy = (): Record<string, string> => ({...environment, ENDPOINT: `http://127.0.0.1:${(proxy.address() as {port: number}).port}`});

    it("leaves whole partitions when it is killed before and after any of its writes, and ends where another would have", async () => {
      const {root, prefix} = await makeBucketShop();
      linkExtensions(root);
      const killed = async (moment: "kill" | "kill after", nth: number): Promise<number | null> => {
        let puts = 0;
        const child = spawn(process.execPath, [daedaPath, "pipeline", "train", "basket"], {cwd: root, env: {...behindProxy(), HOME: root}, stdio: "ignore"});
        kill = () => void child.kill("SIGKILL");
        onRequest = ({method}) => (method === "PUT" && (puts += 1) === nth ? moment : undefined);
        return new Promise((resolve) => child.on("close", resolve));
      };
      const published: number[] = [];
      // Of a day: lock (two requests where a dead run left one), skeleton, its manifest, dataset, its manifest.
      for (const [moment, nth] of [["kill after", 1], ["kill after", 3], ["kill", 4], ["kill after", 4], ["kill after", 3], ["kill after", 4], ["kill after", 5]] as const) {
        expect(await killed(moment, nth)).toBeNull();
        published.push(await expectWhole(prefix));
      }
      expect(published).toEqual([0, 0, 0, 1, 1, 2, 4]);
      onRequest = () => undefined;
      await trainIn(root, {env: behindProxy()});
      expect(plain(await readBucket(root))).toEqual(plain(expected));
      // Files that killed runs left went when their day was made again.
      expect((await keys(prefix)).filter((key) => !key.includes(".locks"))).toHaveLength(8);
    });

    it.each([
      ["403", (): number => 403, "output-denied", /HTTP 403 Planned: as the test wants it/],
      ["404", (): number => 404, "output-refused", /HTTP 404/],
      ["503", (): number => 503, "output-unreachable", /HTTP 503/],
    ])("says what a store said that answers every file with %s, and loses nothing", async (_, answer, code, message) => {
      const {root, prefix} = await makeBucketShop();
      await trainIn(root);
      const before = await keys(prefix);
      onRequest = ({method, path}) => (method === "PUT" && path.endsWith(".parquet") ? answer() : undefined);
      const failed = await trainIn(root, {env: behindProxy(), isForced: true}).then(() => undefined, (error: unknown) => error as Error & {code: string});
      expect(failed).toMatchObject({code, message: expect.stringMatching(message) as string});
      expect(failed!.message + JSON.stringify(failed)).not.toContain(server.secret);
      expect(await keys(prefix)).toEqual(before);
      onRequest = () => 403;
      await expect(trainIn(root, {env: behindProxy()})).rejects.toMatchObject({code: "output-denied"});
    });

    it("outlives a store that is away for a moment", async () => {
      const {root} = await makeBucketShop();
      let failures = 2;
      onRequest = ({method}) => (method === "PUT" && (failures -= 1) >= 0 ? (failures % 2 === 0 ? 503 : "drop") : undefined);
      await trainIn(root, {env: behindProxy()});
      expect(failures).toBeLessThan(0);
      expect(plain(await readBucket(root))).toEqual(plain(expected));
    });
  });

  describe("a lock", () => {
    const lock = (key: string): Promise<DayLock> => acquireBucketLock(client, key, {what: "basket 2026-03-02", path: `s3://training/${key}`});
    const locked = expect.objectContaining({code: "partition-locked"}) as Error;

    it("is got by one of many that ask at once, and by the next when it is released", async () => {
      const results = await Promise.allSettled(Array.from({length: 12}, () => lock("locks/many")));
      const got = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(got).toHaveLength(1);
      expect(results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []))).toEqual(Array.from({length: 11}, () => locked));
      await got[0]!.release();
      await (await lock("locks/many")).release();
      expect(await client.read("locks/many")).toBeUndefined();
    });

    it("of a dead process of this host is taken over by one, and one of another host is not", async () => {
      const dead = spawnSync("true").pid;
      await client.write("locks/dead", JSON.stringify({pid: dead, host: hostname(), token: "old"}));
      const results = await Promise.allSettled(Array.from({length: 6}, () => lock("locks/dead")));
      expect(results.filter(({status}) => status === "fulfilled")).toHaveLength(1);
      await client.write("locks/elsewhere", JSON.stringify({pid: 1, host: "elsewhere", token: "theirs"}));
      await expect(lock("locks/elsewhere")).rejects.toMatchObject({facts: {pid: 1, host: "elsewhere", path: "s3://training/locks/elsewhere"}});
    });

    it("keeps a run out of a day while another has it, and lets it in afterwards", async () => {
      const {root, prefix} = await makeBucketShop();
      const held = await lock(`${prefix}/basket/.locks/dt=${marchDays[0]!}.lock`);
      await expect(trainIn(root)).rejects.toEqual(locked);
      expect((await keys(prefix)).filter((key) => key.includes(marchDays[0]!) && key.endsWith("_manifest.json"))).toEqual([]);
      await held.release();
      await trainIn(root);
      expect(await expectWhole(prefix)).toBe(4);
    });
  });

  it("writes a large file in parts, which come back as they were", async () => {
    const {root} = await makeBucketShop();
    const path = join(root, "large");
    const bytes = randomBytes(37 << 20);
    writeFileSync(path, bytes);
    await client.upload("large/file", path);
    await client.download("large/file", `${path}-back`);
    expect(readFileSync(`${path}-back`).equals(bytes)).toBe(true);
  });

  it.each([
    ["a wrong secret", {SECRET: "wrong"}, "", /^output-denied: .*SignatureDoesNotMatch/],
    ["a bucket that is not there", {}, "no-such-bucket", /^output-refused: .*NoSuchBucket/],
    ["a store that is not there", {ENDPOINT: "http://127.0.0.1:1"}, "", /^output-unreachable: /],
    ["a variable that is not set", {KEY: undefined}, "", /^environment-missing: "output_store" of runtime.yaml needs the environment variable KEY/],
  ])("says what is wrong with %s before any day is made", async (_, env, bucket, message) => {
    const {root} = await makeBucketShop();
    const outputRoot = bucket === "" ? undefined : `s3://${bucket}/out`;
    const failed = await trainIn(root, {env: {...environment, ...env} as Record<string, string>, outputRoot}).then(() => undefined, (error: unknown) => error as {code: string; message: string});
    expect(`${failed!.code}: ${failed!.message}`).toMatch(message);
    expect(JSON.stringify([failed, failed!.message])).not.toContain(server.secret);
  });

  it("is reached with the machine's own keys where none are named, and no file here has a secret", async () => {
    const {root, prefix} = await makeBucketShop();
    const runtime = join(root, "config/training/runtime.yaml");
    writeFileSync(runtime, readFileSync(runtime, "utf8").replace(/ {2}credentials:.*\n/, ""));
    process.env["AWS_ACCESS_KEY_ID"] = server.key;
    process.env["AWS_SECRET_ACCESS_KEY"] = server.secret;
    try {
      await trainIn(root, {targetDay: marchDays[0]!});
    } finally {
      delete process.env["AWS_ACCESS_KEY_ID"];
      delete process.env["AWS_SECRET_ACCESS_KEY"];
    }
    expect(await expectWhole(prefix)).toBe(2);
    for (const name of readdirSync(root, {recursive: true}).map(String)) {
      const path = join(root, name);
      if (statSync(path).isFile()) expect(readFileSync(path).includes(server.secret), name).toBe(false);
    }
  });

  it("of another prefix is not for callers of a server to name", async () => {
    const {root} = await makeBucketShop({"config/training/runtime.yaml": runtimeFor("out")});
    const project = loadProject({root});
    for (const path of ["s3://training/outside", "s3://other/out", "r2://training/out", "s3://training/out/../x"]) {
      expect(() => confinePaths({output_root: path}, ["output_root"], project)).toThrow(expect.objectContaining({code: "path-outside"}) as Error);
    }
    confinePaths({output_root: "s3://training/out", path: "s3://training/out/basket"}, ["output_root", "path"], project);
  });
});
