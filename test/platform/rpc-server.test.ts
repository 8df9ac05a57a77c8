/** JSON-RPC over HTTP as clients meet it: what the specification says, and what a server does besides. */
import {readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {afterAll, afterEach, beforeAll, describe, expect, it, vi} from "vitest";
import {methodNames} from "../../src/platform/method-schemas.js";
import {CallGate} from "../../src/platform/rpc/call-gate.js";
import {openDoor} from "../../src/platform/rpc/door.js";
import {jsonDepth} from "../../src/platform/rpc/json-depth.js";
import {makeShop, shopDays, shopFiles} from "../support/shop-project.js";
import {callRpc, post, startTestServer, type RpcAnswer, type TestServer} from "../support/test-server.js";

let root: string;
let server: TestServer;

beforeAll(async () => {
  root = await makeShop();
  server = await startTestServer(root);
});
afterAll(async () => {
  await server.stop(1000);
  rmSync(root, {recursive: true, force: true});
});
afterEach(() => expect(server.bugs.splice(0)).toEqual([]));

const call = (method: string, params?: unknown, headers?: Readonly<Record<string, string>>): Promise<RpcAnswer> => callRpc(server.url, method, params, headers);

describe("a call", () => {
  it("is answered under its id", async () => {
    const {status, text} = await post(server.url, '{"jsonrpc": "2.0", "id": "a", "method": "catalog.show_view", "params": {"name": "orders"}}');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({jsonrpc: "2.0", id: "a", result: {name: "orders", join_keys: ["customer_id", "product_id"]}});
  });

  it("without an id is done and not answered", async () => {
    expect(await post(server.url, '{"jsonrpc": "2.0", "method": "catalog.list_views"}')).toEqual({status: 204, text: ""});
    expect(await post(server.url, '[{"jsonrpc": "2.0", "method": "no.such"}, {"jsonrpc": "2.0", "method": "lint", "params": {"x": 1}}]')).toEqual({status: 204, text: ""});
  });

  it("in a batch fails alone", async () => {
    const {status, text} = await post(server.url, JSON.stringify([1, {jsonrpc: "2.0", id: 1, method: "service.list"}, {jsonrpc: "2.0", method: "lint"}, {jsonrpc: "2.0", id: 2, method: "nope"}]));
    const answers = JSON.parse(text) as RpcAnswer["body"][];
    expect(status).toBe(200);
    expect(answers.map(({id, error}) => [id, error?.code])).toEqual([[null, -32600], [1, undefined], [2, -32601]]);
  });

  it("that is wrong says so with our code, hint and, of definitions, place", async () => {
    expect((await call("catalog.show_veiw")).body.error).toEqual({code: -32601, message: 'there is no method "catalog.show_veiw"', data: {code: "method-unknown", hint: 'did you mean "catalog.show_view"?', place: null}});
    expect((await call("catalog.show_view", {nam: "orders"})).body.error).toMatchObject({code: -32602, data: {code: "key-missing", problems: [{code: "key-missing"}, {code: "key-unknown", hint: 'did you mean "name"?'}]}});
    expect((await call("catalog.show_view", ["orders"])).body.error).toMatchObject({code: -32602, data: {code: "value-wrong"}});
    expect((await call("catalog.show_view", {name: "order"})).body.error).toMatchObject({code: -32000, data: {code: "reference-unknown", hint: 'did you mean "orders"?'}});
  });
});

describe("the server", () => {
  it("describes its methods, and counts its calls", async () => {
    const {body} = await call("rpc.discover");
    const document = body.result as {openrpc: string; methods: {name: string; params: {name: string; required: boolean}[]; "x-scope": string}[]};
    expect(document.openrpc).toBe("1.3.2");
    expect(document.methods.map(({name}) => name)).toEqual(methodNames);
    expect(document.methods.find(({name}) => name === "catalog.show_view")).toMatchObject({params: [{name: "name", required: true, schema: {type: "string"}}], "x-scope": "read"});
    expect((await post(server.url, "{")).status).toBe(400);
    const metrics = await fetch(`${server.url}/metrics`);
    expect(metrics.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const text = await metrics.text();
    expect(text).toMatch(/^daedalus_calls_total\{method="catalog.show_view",outcome="ok"\} \d+$/m);
    expect(text).toMatch(/^daedalus_refused_requests_total\{code="json-broken"\} \d+$/m);
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/);
  });

  it("bounds calls: how many at once, how many wait, how long one takes", async () => {
    const bounded = await startTestServer(root, {limits: {callsMax: 2, heavyMax: 0, waitingMax: 1, callMs: 100}});
    const {text} = await post(bounded.url, JSON.stringify(["lint", "lint", "service.list"].map((method, id) => ({jsonrpc: "2.0", id, method}))));
    expect((JSON.parse(text) as RpcAnswer["body"][]).map(({error}) => [error?.code, error?.data.code, error?.message])).toEqual([
      [-32000, "call-timeout", expect.stringContaining("0.1 s")],
      [-32000, "server-busy", "the server has as many calls that read data as it takes: 1"],
      [-32000, "server-busy", "the server has as many calls as it takes: 2"],
    ]);
    await bounded.stop(500);
  });

  it("says nothing of a bug to who calls, and all to its log", async () => {
    const broken = vi.spyOn(server.context.runs.store, "ids").mockImplementation(() => {
      throw new TypeError("/home/ada is not iterable");
    });
    const {status, body} = await call("runs.list");
    broken.mockRestore();
    expect([status, body]).toEqual([200, {jsonrpc: "2.0", id: 1, error: {code: -32603, message: "a bug in daedalus: the server's log says more", data: {code: "bug", hint: null, place: null}}}]);
    expect(server.bugs.splice(0)).toEqual([new TypeError("/home/ada is not iterable")]);
  });

  it("sees a file that changes, and answers with what is wrong in it", async () => {
    const path = join(root, "feature_views/products.yaml");
    const bad = shopFiles["feature_views/products.yaml"].replace("TEXT", "TXET");
    writeFileSync(path, bad);
    await sleep(300);
    const {body} = await call("catalog.list_views");
    expect(body.error).toMatchObject({code: -32000, data: {code: "dtype-unknown", hint: 'did you mean "TEXT"?', place: {file: "feature_views/products.yaml", line: 6, column: 26}}});
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, {status: "not_ready", code: "dtype-unknown"}]);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    writeFileSync(path, shopFiles["feature_views/products.yaml"]);
    await sleep(300);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it("starts a run, streams its log to its end, and goes on where a reader left off", async () => {
    const {body} = await call("runs.materialize_partition", {service: "basket", partition: shopDays[0], idempotency_key: "once"});
    const {run_id: run} = body.result as {run_id: string};
    expect((await call("runs.materialize_partition", {service: "basket", partition: shopDays[0], idempotency_key: "once"})).body.result).toMatchObject({run_id: run});
    const response = await fetch(`${server.url}/runs/${run}/logs?follow`);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const events = (await response.text()).split("\n\n").filter((event) => event.startsWith("event: "));
    expect(events.at(-1)).toBe(`event: end\ndata: ${JSON.stringify({run_id: run, status: "succeeded", error: null})}`);
    const lines = events.slice(0, -1).map((event) => JSON.parse(event.split("\n").find((line) => line.startsWith("data: "))!.slice(6)) as unknown);
    const log = await call("runs.logs", {run_id: run});
    expect(log.body.result).toMatchObject({lines, is_complete: true});
    const last = events.findLast((event) => event.includes("id: "))!.split("\n").find((line) => line.startsWith("id: "))!.slice(4);
    const rest = await (await fetch(`${server.url}/runs/${run}/logs?follow`, {headers: {"last-event-id": last}})).text();
    expect(rest.match(/^event: .*$/gm)).toEqual(["event: end"]);
    const tail = await (await fetch(`${server.url}/runs/${run}/logs?tail=1`)).text();
    expect(tail.match(/^event: line$/gm)).toHaveLength(1);
  });

  it("notes who ran what", async () => {
    await call("runs.cancel", {run_id: "none"});
    const entries = readFileSync(join(root, ".daedalus/calls.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries.at(-1)).toMatchObject({via: "local", scope: "admin", transport: "rpc", method: "runs.cancel", params: {run_id: "none"}, outcome: "run-unknown"});
    expect(entries.some(({method}) => method === "catalog.show_view")).toBe(false);
  });

  it("does not let the log of calls grow for ever", async () => {
    const path = join(root, ".daedalus/calls.jsonl");
    const full = "x".repeat(16_000_001);
    writeFileSync(path, full);
    for (const run_id of ["one", "two"]) await call("runs.cancel", {run_id});
    expect(readFileSync(join(root, ".daedalus/calls.1.jsonl"), "utf8") === full).toBe(true);
    expect(readFileSync(path, "utf8").trim().split("\n").map((line) => (JSON.parse(line) as {params: unknown}).params)).toEqual([{run_id: "one"}, {run_id: "two"}]);
  });

  it("lets a hundred follow logs, stops when they still listen, and refuses an address that is taken", async () => {
    const other = await startTestServer(root);
    await expect(startTestServer(root, {port: Number(new URL(other.url).port)})).rejects.toMatchObject({code: "listen-failed"});
    const {runs} = (await call("runs.list", {limit: 1})).body.result as {runs: {run_id: string}[]};
    const {store} = server.context.runs;
    const {run_id: id, ...known} = store.get(runs[0]!.run_id);
    // It waits for a run of the same days that a process of this very name keeps for ever.
    const [kept, waiting] = [`${id.slice(0, -8)}00000001`, `${id.slice(0, -8)}00000002`];
    store.put({...known, run_id: kept, status: "running", host: "elsewhere.example", finished_at: null});
    store.put({...known, run_id: waiting, status: "queued", finished_at: null, idempotency_key: null});
    const follow = (): Promise<Response> => fetch(`${other.url}/runs/${waiting}/logs?follow`);
    const startedMs = performance.now();
    const first = await follow();
    // Long before the first sign of life that a run without lines gives.
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    const followers = [first, ...(await Promise.all(Array.from({length: 99}, follow)))];
    expect(followers.map(({status}) => status)).toEqual(followers.map(() => 200));
    const refused = await follow();
    expect([refused.status, await refused.json()]).toMatchObject([503, {error: {data: {code: "server-busy"}}}]);
    const said = followers.map((response) => response.text());
    await other.stop(500);
    for (const text of await Promise.all(said)) expect(text).not.toContain("event: end");
  });
});

describe("the door", () => {
  it("says that the server is there before anything is loaded, and lets all else wait", async () => {
    const origin = "https://console.example";
    const door = await openDoor({host: "127.0.0.1", origins: [origin]}, 0);
    try {
      expect(await (await fetch(`${door.url}/healthz`)).json()).toEqual({status: "ok"});
      let isAnswered = false;
      const waiting = Promise.all([post(door.url, "{}"), ...["https://evil.example", origin].map((page) => fetch(`${door.url}/healthz`, {headers: {origin: page}}))]).finally(() => (isAnswered = true));
      await sleep(50);
      expect(isAnswered).toBe(false);
      door.admit((_request, response) => response.writeHead(418).end());
      expect((await waiting).map(({status}) => status)).toEqual([418, 418, 418]);
      expect((await fetch(`${door.url}/healthz`)).status).toBe(418);
    } finally {
      await door.close();
    }
  });
});

describe("the gate of calls", () => {
  const {signal} = new AbortController();
  const open = (): AbortSignal => signal;
  const forever = (): Promise<never> => new Promise(() => undefined);

  it("lets few heavy calls work, some wait, and no more", async () => {
    const gate = new CallGate({heavyMax: 1, waitingMax: 1, callMs: 10_000});
    const ends: (() => void)[] = [];
    const slow = (): Promise<string> => new Promise((resolve) => ends.push(() => resolve("done")));
    const [first, second] = [gate.pass(true, open, slow), gate.pass(true, open, slow)];
    await expect(gate.pass(true, open, slow)).rejects.toMatchObject({code: "server-busy"});
    expect(await gate.pass(false, open, () => "light")).toBe("light");
    expect([ends.length, gate.calls]).toEqual([1, 2]);
    ends[0]!();
    expect(await first).toBe("done");
    await sleep(0);
    ends[1]!();
    expect(await second).toBe("done");
    expect(gate.calls).toBe(0);
  });

  it("gives up a call that takes too long or whose caller has gone, and tells it", async () => {
    const gate = new CallGate({callMs: 20});
    let told: AbortSignal | undefined;
    await expect(gate.pass(true, open, (ended) => ((told = ended()), forever()))).rejects.toMatchObject({code: "call-timeout"});
    expect(told!.aborted).toBe(true);
    const gone = new AbortController();
    const waiting = new CallGate().pass(false, () => gone.signal, forever);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({code: "call-aborted"});
  });
});

describe("the depth of JSON", () => {
  it("counts lists and objects, and no brackets in texts", () => {
    const depthOf = (text: string): number => jsonDepth(Buffer.from(text));
    expect(['1', "[]", '{"a": [[1], {"b": []}]}', String.raw`["[[[\"[[[", "\\"]`, '"[[['].map(depthOf)).toEqual([0, 1, 4, 1, 0]);
  });
});
