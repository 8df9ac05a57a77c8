/** The client of a server, in Node and in a real browser. */
import {rmSync} from "node:fs";
import {connect, createServer, type AddressInfo} from "node:net";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {Client, RpcCallError, type LogLine} from "../src/client.js";
import {TokenStore} from "../src/platform/auth/token-store.js";
import {startPageServer, type PageServer} from "./support/browser.js";
import {findPort} from "./support/free-port.js";
import {makeShop, shopDays} from "./support/shop-project.js";
import {startTestServer, type TestServer} from "./support/test-server.js";

const browser = process.env["DAEDALUS_BROWSER"];

let root: string;
let pages: PageServer;
let server: TestServer;
let token: string;

beforeAll(async () => {
  root = await makeShop();
  pages = await startPageServer();
  ({token} = new TokenStore(root).create({name: "page", scope: "run", lifetimeMs: 600_000}));
  server = await startTestServer(root, {isTokenRequired: true, origins: [pages.origin]});
});
afterAll(async () => {
  await server.stop(1000);
  pages.stop();
  expect(server.bugs).toEqual([]);
  rmSync(root, {recursive: true, force: true});
});

const failureOf = async (work: Promise<unknown>): Promise<RpcCallError> => {
  const error = await work.then(() => undefined, (caught: unknown) => caught);
  expect(error).toBeInstanceOf(RpcCallError);
  return error as RpcCallError;
};

/** A way to the server on which the first connection that asks for a log is cut off in the middle of a line. */
async function startCuttingProxy(): Promise<{readonly url: string; readonly cuts: () => number; stop(): void}> {
  const {hostname, port} = new URL(server.url);
  let cuts = 0;
  const proxy = createServer((inner) => {
    const outer = connect(Number(port), hostname);
    for (const [one, other] of [[inner, outer], [outer, inner]] as const) one.on("error", () => other.destroy()).on("close", () => other.destroy());
    let isLog = false;
    inner.on("data", (chunk) => {
      isLog ||= chunk.includes("/logs");
      outer.write(chunk);
    });
    outer.on("data", (chunk) => {
      const cut = isLog && cuts === 0 ? chunk.lastIndexOf("id: ") : -1;
      if (cut === -1) inner.write(chunk);
      else {
        cuts += 1;
        inner.end(chunk.subarray(0, cut), () => outer.destroy());
      }
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, cuts: () => cuts, stop: () => void proxy.close()};
}

describe("a call that fails", () => {
  it("says with which code of ours, or that nobody answered", async () => {
    const client = new Client({url: server.url, token});
    expect(await failureOf(client.call("catalog.show_view", {name: "order"}))).toMatchObject({rpcCode: -32000, code: "reference-unknown", problem: {hint: 'did you mean "orders"?'}, status: 200});
    expect(await failureOf(new Client({url: server.url}).call("service.list"))).toMatchObject({code: "token-missing", status: 401});
    expect(await failureOf(new Client({url: `http://127.0.0.1:${await findPort()}`}).call("service.list"))).toMatchObject({rpcCode: undefined, status: undefined});
    expect(await failureOf(new Client({url: pages.origin}).call("service.list"))).toMatchObject({message: expect.stringContaining("no Daedalus server") as string});
    expect(await failureOf(client.followLog("20260101T000000000Z-00000000").next())).toMatchObject({code: "run-unknown", status: 404});
  });
});

describe("a log that is followed", () => {
  it("has each line once, although its connection is lost", async () => {
    const proxy = await startCuttingProxy();
    try {
      const client = new Client({url: proxy.url, token});
      const {run_id} = await client.call("runs.materialize_partition", {service: "basket", partition: shopDays[0]!});
      const lines: LogLine[] = [];
      for await (const line of client.followLog(run_id)) lines.push(line);
      expect(proxy.cuts()).toBe(1);
      expect(lines.length).toBeGreaterThan(1);
      expect(lines).toEqual((await client.call("runs.logs", {run_id})).lines);
    } finally {
      proxy.stop();
    }
  });

  it("ends with its signal", async () => {
    const client = new Client({url: server.url, token});
    const {runs} = await client.call("runs.list");
    const controller = new AbortController();
    controller.abort();
    expect(await client.followLog(runs[0]!.run_id, controller.signal).next()).toEqual({done: true, value: undefined});
  });
});

describe.skipIf(browser === undefined)("a page (needs DAEDALUS_BROWSER, the executable of a Chromium)", () => {
  const script = (url: string): string => `const {Client, RpcCallError} = await import("daedalus/client");
const client = new Client({url: ${JSON.stringify(url)}, token: ${JSON.stringify(token)}});
const {views} = await client.call("catalog.list_views");
const [services, unknown] = await client.batch([{method: "service.list"}, {method: "catalog.show_view", params: {name: "order"}}]);
const {run_id} = await client.call("runs.materialize_partition", {service: "basket", partition: ${JSON.stringify(shopDays[1])}});
const lines = [];
for await (const {text} of client.followLog(run_id)) lines.push(text);
const {status, requested_by} = await client.call("runs.get", {run_id});
await report({views: views.map(({name}) => name), services: services.services.length, code: unknown instanceof RpcCallError && unknown.code, lines, status, requested_by});`;

  it("of an origin that may call does what a program does", async () => {
    const found = await pages.run(browser!, script(server.url));
    expect(found).toMatchObject({views: ["orders", "prices", "products"], services: 1, code: "reference-unknown", status: "succeeded", requested_by: "page"});
    expect((found as {lines: string[]}).lines.join("\n")).toContain(shopDays[1]);
  });

  it("of another origin is refused by server and browser", async () => {
    expect(await pages.run(browser!, script(server.url), "localhost")).toEqual({failed: expect.stringContaining("no answer from") as string});
  });
});
