/** Parquet in an S3 server that the tests start: what is asked of it, what comes back, and what goes wrong. */
import {createServer, type Server} from "node:http";
import {readFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {realEffects} from "../../src/pipeline/effects.js";
import {train, type TrainReport} from "../../src/pipeline/train.js";
import {quoteText} from "../../src/sources/quote.js";
import {extensionConfig, extensionLines, findMissingExtension} from "../support/extensions.js";
import {missingS3Server, startS3, type S3Server} from "../support/s3-server.js";
import {makeShop, readDatasets, readManifestOf, shopDays, shopFiles, trainShop} from "../support/shop-project.js";

const missing = missingS3Server ?? (await findMissingExtension("httpfs", "aws"));
const runtime = `${shopFiles["config/training/runtime.yaml"]}${extensionLines}`;

describe.skipIf(missing !== undefined)(`an object store (skipped where it cannot be had: ${missing ?? "it can"})`, () => {
  let server: S3Server;
  let environment: Record<string, string>;
  let expected: Record<string, string[]>;
  let local: string;

  const session = async (): Promise<DuckDbSession> => {
    const opened = await DuckDbSession.open({config: extensionConfig});
    await opened.run("LOAD httpfs");
    await opened.run(`CREATE SECRET (TYPE s3, KEY_ID ${quoteText(server.key)}, SECRET ${quoteText(server.secret)}, REGION 'us-east-1', ENDPOINT ${quoteText(server.endpoint)}, USE_SSL false, URL_STYLE 'path')`);
    return opened;
  };

  beforeAll(async () => {
    server = await startS3("lake");
    environment = {KEY: server.key, SECRET: server.secret, ENDPOINT: `http://${server.endpoint}`};
    local = await makeShop();
    await trainShop(local);
    expected = await readDatasets(local);
    const copying = await session();
    for (const day of shopDays) await copying.run(`COPY (SELECT * EXCLUDE (dt) FROM ${quoteText(join(local, `data/orders/dt=${day}/part-0.parquet`))}) TO 's3://lake/orders/dt=${day}/part-0.parquet' (FORMAT parquet)`);
    await copying.run(`COPY (FROM ${quoteText(join(local, "data/prices.parquet"))}) TO 's3://lake/prices.parquet' (FORMAT parquet)`);
    copying.close();
  });
  afterAll(() => server.stop());

  const s3Options = 'options: {endpoint: "${ENDPOINT}", region: us-east-1, url_style: path}, credentials: {access_key_id: "${KEY}", secret_access_key: "${SECRET}"}';
  const ordersView = (source: string): string => shopFiles["feature_views/orders.yaml"].replace("path: data/orders", source);
  const inStore = {
    "config/training/runtime.yaml": runtime,
    "feature_views/orders.yaml": ordersView(`path: "s3://lake/orders", ${s3Options.replace("url_style: path", "url_style: path, day_partition: dt")}`),
    "feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", `path: "s3://lake/prices.parquet", ${s3Options}`),
  };
  const trainIn = (root: string, env = environment, targetDay?: string): Promise<TrainReport> => {
    const project = loadProject({root});
    return train({project, service: project.services.get("basket")!, stages: "both", targetDay}, {...realEffects, environment: env});
  };

  it("gives a dataset the same rows as local files do, and manifests that name its objects", async () => {
    const root = await makeShop(inStore);
    await trainIn(root);
    expect(await readDatasets(root)).toEqual(expected);
    expect(readManifestOf(root, "skeleton", "2026-02-26")["sources"]).toMatchObject({orders: {files: 1}, prices: {files: 1}});
    const again = await trainIn(root);
    expect(again.days.every(({state}) => state === "current")).toBe(true);
  });

  it("is asked for the files of the days that a window reaches, and no others", async () => {
    const bounded = {
      ...inStore,
      "config/training/aggregations.yaml": "aggregation_specs:\n  - {name: bought, group_by: [customer_id], value_column: product_id, operation: list, window_days: 1, max_items: 4}\n",
      "feature_services/basket.yaml": shopFiles["feature_services/basket.yaml"].replace(/.*orders_ever.*\n/, ""),
    };
    const root = await makeShop(bounded);
    server.takeRequests();
    await trainIn(root, environment, "2026-03-02");
    const read = server.takeRequests().filter((line) => /^GetObject .*orders/.test(line) || /^GetObject \S*dt(=|%3D)/.test(line));
    // Those of the day and of the window before it.
    const days = [...new Set(read.map((line) => /dt(?:=|%3D)(\d{4}-\d\d-\d\d)/.exec(line)?.[1]))].sort();
    expect(days).toEqual(["2026-03-01", "2026-03-02"]);
  });

  it("takes keys from the machine where a view names none, and hides them", async () => {
    const root = await makeShop({...inStore, "feature_views/prices.yaml": inStore["feature_views/prices.yaml"].replace(/, credentials: \{[^}]*\$\{SECRET\}"\}/, "")});
    process.env["AWS_ACCESS_KEY_ID"] = server.key;
    process.env["AWS_SECRET_ACCESS_KEY"] = server.secret;
    try {
      await trainIn(root, environment, "2026-03-02");
    } finally {
      delete process.env["AWS_ACCESS_KEY_ID"];
      delete process.env["AWS_SECRET_ACCESS_KEY"];
    }
  });

  it("is read by r2:// as well", async () => {
    const root = await makeShop({...inStore, "feature_views/prices.yaml": inStore["feature_views/prices.yaml"].replace("s3://", "r2://")});
    await trainIn(root, environment, "2026-03-02");
    expect((await readDatasets(root))["dataset/dt=2026-03-02"]).toEqual(expected["dataset/dt=2026-03-02"]);
  });

  it("is sent the session token that belongs to the keys, which no error repeats", async () => {
    const tokens = new Set<unknown>();
    const store = createServer((request, response) => {
      tokens.add(request.headers["x-amz-security-token"]);
      response.writeHead(403).end("<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>");
    });
    await new Promise<void>((resolve) => store.listen(0, "127.0.0.1", resolve));
    const {port} = store.address() as {port: number};
    const root = await makeShop({...inStore, "feature_views/prices.yaml": inStore["feature_views/prices.yaml"].replace("credentials: {", 'credentials: {session_token: "${TOKEN}", ')});
    const error = await trainIn(root, {...environment, ENDPOINT: `http://127.0.0.1:${port}`, TOKEN: "planted-session-token"}).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({problems: [{code: "source-denied"}, {code: "source-denied", message: expect.stringContaining("ExpiredToken") as string}]});
    expect((error as Error).message).not.toContain("planted");
    expect(tokens).toEqual(new Set([undefined, "planted-session-token"]));
    await new Promise((resolve) => store.close(resolve));
  });

  it("gives two views of one bucket the credentials of their own prefix", async () => {
    const root = await makeShop({...inStore, "feature_views/prices.yaml": inStore["feature_views/prices.yaml"].replace("${SECRET}", "${WRONG}")});
    await expect(trainIn(root, {...environment, WRONG: "wrong"})).rejects.toMatchObject({problems: [{code: "source-denied", message: expect.stringContaining('"prices"') as string}]});
  });

  it("that changes while a day is made keeps the day from being published", async () => {
    const root = await makeShop(inStore);
    const project = loadProject({root});
    const changing = await session();
    const events = realEffects;
    let change: Promise<void> | undefined;
    const onEvent = (event: {kind: string}): void => {
      if (event.kind === "day-stage") change ??= changing.run("COPY (SELECT * FROM 's3://lake/prices.parquet' UNION ALL BY NAME SELECT 1::BIGINT AS product_id, TIMESTAMP '2026-01-01' AS valid_at, 1.0::DOUBLE AS price) TO 's3://lake/prices.parquet' (FORMAT parquet)");
    };
    const run = train({project, service: project.services.get("basket")!, stages: "both", targetDay: "2026-02-26"}, {...events, environment, onEvent});
    await expect(run).rejects.toMatchObject({code: "source-changed"});
    await change;
    changing.close();
    expect(() => readFileSync(join(root, "out/basket/skeleton/dt=2026-02-26/_manifest.json"))).toThrow();
  });

  it.each([
    ["a wrong secret", {}, {SECRET: "wrong"}, /^source-denied: .*403/],
    ["a bucket that is not there", {"feature_views/orders.yaml": ordersView(`path: "s3://no-such-bucket/orders", ${s3Options}`)}, {}, /^source-unreadable: .*404/],
    ["a prefix without files", {"feature_views/orders.yaml": ordersView(`path: "s3://lake/nothing", ${s3Options}`)}, {}, /^source-missing: .*s3:\/\/lake\/nothing/],
    ["a store that is not there", {}, {ENDPOINT: "http://127.0.0.1:1"}, /^source-unreachable: /],
    ["half of the keys", {"feature_views/orders.yaml": ordersView('path: "s3://lake/orders", credentials: {access_key_id: "${KEY}"}')}, {}, /^source-incomplete: .*secret_access_key/],
    ["an option of a database", {"feature_views/orders.yaml": ordersView('path: "s3://lake/orders", options: {sslmode: require}')}, {}, /^source-option: .*sslmode/],
  ])("says what is wrong: %s", async (_, changes, env, message) => {
    const root = await makeShop({...inStore, ...changes});
    const error = await trainIn(root, {...environment, ...env}).then(() => undefined, (reason: unknown) => reason as {problems: {code: string; message: string}[]});
    const [problem] = error!.problems;
    expect(`${problem!.code}: ${problem!.message}`).toMatch(message);
    expect(JSON.stringify(error!.problems.map(({message: text}) => text))).not.toContain(server.secret);
  });

  describe("behind HTTP", () => {
    let http: Server;
    let answer = 200;
    const skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the server's time is too large.</Message></Error>";
    const seen: string[] = [];
    beforeAll(async () => {
      const content = readFileSync(join(local, "data/prices.parquet"));
      http = createServer((request, response) => {
        seen.push(request.headers.authorization ?? "");
        if (answer !== 200) return void response.writeHead(answer).end(skewed);
        const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
        const [start, end] = range ? [Number(range[1]), range[2] === "" ? content.length - 1 : Math.min(Number(range[2]), content.length - 1)] : [0, content.length - 1];
        response.writeHead(range ? 206 : 200, {
          "content-length": end - start + 1,
          "accept-ranges": "bytes",
          "last-modified": "Mon, 02 Feb 2026 00:00:00 GMT",
          ...(range ? {"content-range": `bytes ${start}-${end}/${content.length}`} : {}),
        });
        response.end(request.method === "HEAD" ? undefined : content.subarray(start, end + 1));
      });
      await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    });
    afterAll(() => new Promise((resolve) => http.close(resolve)));
    const root = (): Promise<string> => {
      const {port} = http.address() as {port: number};
      const source = `path: "http://127.0.0.1:${port}/prices.parquet", credentials: {bearer_token: "\${TOKEN}"}`;
      return makeShop({"config/training/runtime.yaml": runtime, "feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", source)});
    };

    it("gives the same rows, with its token", async () => {
      const folder = await root();
      await trainIn(folder, {TOKEN: "planted-token"});
      expect(await readDatasets(folder)).toEqual(expected);
      expect(new Set(seen)).toEqual(new Set(["Bearer planted-token"]));
    });

    it("that finds the clock of this machine wrong says so", async () => {
      answer = 403;
      const folder = await makeShop(inStore);
      const {port} = http.address() as {port: number};
      const run = trainIn(folder, {...environment, ENDPOINT: `http://127.0.0.1:${port}`});
      await expect(run).rejects.toMatchObject({problems: [{code: "source-denied", message: expect.stringContaining("RequestTimeTooSkewed") as string, hint: expect.stringContaining("clock") as string}, {code: "source-denied"}]});
      answer = 200;
    });

    it.each([[404, "source-unreadable"], [503, "source-unreachable"]])("that answers %s is %s", async (status, code) => {
      answer = status;
      await expect(trainIn(await root(), {TOKEN: "planted-token"})).rejects.toMatchObject({problems: [{code, message: expect.stringContaining(String(status)) as string}]});
      answer = 200;
    });
  });
});
