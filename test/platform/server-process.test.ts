/** A server in a process of its own, as its users have it: what bad input does to it, and what outlives it. */
import {rmSync, writeFileSync} from "node:fs";
import {request} from "node:http";
import {join} from "node:path";
import {text} from "node:stream/consumers";
import {setTimeout as sleep} from "node:timers/promises";
import {exportJWK, generateKeyPair, SignJWT} from "jose";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {TokenStore} from "../../src/platform/auth/token-store.js";
import {findPort} from "../support/free-port.js";
import {runDaeda} from "../support/run-daeda.js";
import {startServerProcess, type ServerProcess} from "../support/server-process.js";
import {makeShop, shopDays} from "../support/shop-project.js";
import {callRpc, post, type RpcAnswer} from "../support/test-server.js";

const stopNote = "SIGTERM: no new calls; those that work may end\n";

let root: string;
let server: ServerProcess;
let reader: string;

beforeAll(async () => {
  root = await makeShop();
  reader = new TokenStore(root).create({name: "reader", scope: "read", lifetimeMs: 600_000}).token;
  const [ray, dagster] = [await findPort(), await findPort()];
  server = await startServerProcess(root, {env: {DAEDALUS_RAY_ADDRESS: `http://127.0.0.1:${ray}`, DAEDALUS_DAGSTER_URL: `http://127.0.0.1:${dagster}/graphql`}});
});
afterAll(async () => {
  // After all that was sent it still answers, and never met anything that it did not expect.
  expect((await call("service.list")).body.result).toMatchObject({services: [{name: "basket"}]});
  expect([await server.stop("SIGTERM"), server.notes()]).toEqual([0, stopNote]);
  rmSync(root, {recursive: true, force: true});
});

const call = (method: string, params?: unknown, headers?: Readonly<Record<string, string>>): Promise<RpcAnswer> => callRpc(server.url, method, params, headers);
const start = async (params: object): Promise<string> => ((await call("runs.materialize_partition", {service: "basket", ...params})).body.result as {run_id: string}).run_id;
/** The status of a request under other names than `fetch` would send. */
const healthOf = (url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(`${url}/healthz`, {headers}, (response) => resolve(response.resume().statusCode)).on("error", reject).end();
  });
/** Waits for the run's end. */
const readLogOf = async (run: string, url = server.url): Promise<string> => (await fetch(`${url}/runs/${run}/logs?follow`)).text();

describe("bad input", () => {
  const bodyBytes = 104_857_600;
  const deep = (depth: number): string => `{"jsonrpc": "2.0", "id": 1, "method": "lint", "params": {"x": ${"[".repeat(depth)}${"]".repeat(depth)}}}`;
  const one = (method: string, params: string): string => `{"jsonrpc": "2.0", "id": 7, "method": "${method}", "params": ${params}}`;
  it.each<[string, string, [status: number, id: unknown, code: number, ours: string]]>([
    ["truncated JSON", '{"jsonrpc": "2.0", "id": 1, "method": "li', [400, null, -32700, "json-broken"]],
    ["nothing", "", [400, null, -32700, "json-broken"]],
    ["a batch of nothing", "[]", [400, null, -32600, "request-broken"]],
    ["a batch of 10,000", JSON.stringify(Array.from({length: 10_000}, (_, id) => ({jsonrpc: "2.0", id, method: "lint"}))), [400, null, -32600, "request-broken"]],
    ["deep nesting", deep(100_000), [400, null, -32600, "request-broken"]],
    ["another version", '{"jsonrpc": "1.0", "id": 7, "method": "lint"}', [200, 7, -32600, "request-broken"]],
    ["a method that is no text", '{"jsonrpc": "2.0", "id": 7, "method": 1}', [200, 7, -32600, "request-broken"]],
    ["params that are no object", one("lint", '"x"'), [200, 7, -32600, "request-broken"]],
    ["an id that is an object", '{"jsonrpc": "2.0", "id": {}, "method": "lint"}', [200, null, -32600, "request-broken"]],
    ["no object", "null", [200, null, -32600, "request-broken"]],
    ["an unknown method", one("catalog.drop_view", "{}"), [200, 7, -32601, "method-unknown"]],
    ["a method that is a prototype's", one("__proto__", "{}"), [200, 7, -32601, "method-unknown"]],
    ["keys that pollute", one("lint", '{"__proto__": {"polluted": 1}}'), [200, 7, -32602, "key-unknown"]],
    ["keys that pollute further in", one("runs.materialize_partition", '{"range": {"constructor": {"prototype": {}}}}'), [200, 7, -32602, "key-missing"]],
    ["a name that is a prototype's", one("catalog.show_view", '{"name": "__proto__"}'), [200, 7, -32000, "reference-unknown"]],
    ["a path in a run's name", one("runs.get", '{"run_id": "../../etc/passwd"}'), [200, 7, -32000, "run-unknown"]],
    ["a path in a view's name", one("catalog.show_view", '{"name": "../orders"}'), [200, 7, -32000, "reference-unknown"]],
    ["a path outside", one("audit.run", '{"path": "../other"}'), [200, 7, -32000, "path-outside"]],
    ["SQL in a service's name", one("service.show", '{"name": "x\'; DROP TABLE runs; --"}'), [200, 7, -32000, "reference-unknown"]],
    ["SQL in a column's name", one("assets.lineage", '{"columns": ["at\\"; DROP TABLE rows; --"]}'), [200, 7, -32000, "reference-unknown"]],
    ["a wrong type", one("runs.list", '{"limit": "ten"}'), [200, 7, -32602, "value-wrong"]],
    ["an engine that does not exist", one("runs.materialize_partition", '{"service": "basket", "partition": "2026-02-26", "engine": "duckbd"}'), [200, 7, -32602, "value-wrong"]],
  ])("of %s gets its code", async (_, body, expected) => {
    const {status, text: answer} = await post(server.url, body);
    const {id, error} = JSON.parse(answer) as RpcAnswer["body"];
    expect([status, id, error?.code, error?.data.code]).toEqual(expected);
  });

  it.each([
    ["by its length", {"content-length": bodyBytes}],
    ["that is not told, once it is too long", {"transfer-encoding": "chunked"}],
  ])("of 100 MB is refused %s", async (_, headers) => {
    const sending = request(`${server.url}/rpc`, {method: "POST", headers: {"content-type": "application/json", ...headers}});
    const answered = new Promise<string>((resolve, reject) => {
      sending.on("error", reject).on("response", (response) => void text(response).then((body) => resolve(`${response.statusCode!} ${body}`), reject));
    });
    let sendMax = bodyBytes;
    sending.once("response", () => (sendMax = 0));
    let sent = 0;
    for (; sent < sendMax; sent += 65_536) {
      sending.write("[".repeat(65_536));
      await sleep(5);
    }
    expect(await answered).toMatch(/^413 .*"code":"request-refused"/);
    expect(sent).toBeLessThan(bodyBytes);
    sending.destroy();
  });

  it("of another media type, address or verb is no server error", async () => {
    expect((await post(server.url, "{}", {"content-type": "text/plain"})).status).toBe(415);
    expect((await fetch(`${server.url}/rpc`)).status).toBe(404);
    expect((await fetch(`${server.url}/%2e%2e/%2e%2e/etc/passwd`)).status).toBe(404);
    expect((await fetch(`${server.url}/runs/..%2f..%2fx/logs`)).status).toBe(404);
    expect((await fetch(`${server.url}/runs/20260101T000000000Z-00000000/logs?tail=-1`)).status).toBe(400);
    // An encoding that is none is refused by the router itself.
    expect((await fetch(`${server.url}/runs/%E0%A4%A/logs`)).status).toBe(400);
  });

  it("finds no way through a name of another host, or a page of another origin", async () => {
    const {port, host} = new URL(server.url);
    const statusOf = (headers: Readonly<Record<string, string>>): Promise<number | undefined> => healthOf(server.url, headers);
    expect(await statusOf({host: "rebound.example"})).toBe(403);
    expect(await statusOf({host: `127.0.0.1.rebound.example:${port}`})).toBe(403);
    expect(await statusOf({host: "192.168.1.5"})).toBe(403);
    expect(await statusOf({host: `localhost:${port}`})).toBe(200);
    expect(await statusOf({host, origin: "https://evil.example"})).toBe(403);
    expect(await statusOf({host, origin: "null"})).toBe(403);
    expect(await statusOf({host, origin: `http://${host}`})).toBe(200);
  });

  it("of a token of the wrong scope starts nothing", async () => {
    const {body} = await call("runs.materialize_partition", {service: "basket", partition: shopDays[0]}, {authorization: `Bearer ${reader}`});
    expect(body.error).toMatchObject({code: -32000, data: {code: "scope-missing"}});
    expect((await call("runs.list", {}, {authorization: `Bearer ${reader}`})).body.result).toMatchObject({runs: []});
  });

  it("of a run that was cancelled and is cancelled again changes nothing, and one that has ended says so", async () => {
    // Two runs of one day go one after the other: the second one is cancelled while it waits.
    const [first, second] = [await start({partition: shopDays[1], force: true}), await start({partition: shopDays[1], force: true})];
    for (let time = 1; time <= 2; time += 1) expect((await call("runs.cancel", {run_id: second})).body.result).toMatchObject({status: "cancelled"});
    await readLogOf(first);
    expect((await call("runs.cancel", {run_id: first})).body.error).toMatchObject({code: -32000, data: {code: "run-finished"}});
  });

  it("of a run for a Ray or Dagster that is away is a run that failed", async () => {
    const runs = await Promise.all(["ray", "dagster"].map((runner, day) => start({partition: shopDays[day], runner, force: true})));
    const [ray, dagster] = await Promise.all(runs.map((run) => readLogOf(run)));
    expect(ray).toMatch(/"status":"failed","error":{"code":"ray-unreachable","message":"Ray does not answer at http:/);
    expect(dagster).toMatch(/"status":"failed","error":{"code":"dagster-unreachable","message":"Dagster does not answer at http:/);
  });
});

it("lets in whom its flags name", async () => {
  const {publicKey, privateKey} = await generateKeyPair("ES256");
  writeFileSync(join(root, "jwks.json"), JSON.stringify({keys: [{...(await exportJWK(publicKey)), alg: "ES256"}]}));
  const [issuer, origin] = ["https://id.example", "https://console.example"];
  const oidc = ["--oidc-issuer", issuer, "--oidc-audience", "daedalus"];
  const flags = ["--require-token", "--allow-host", "daedalus.internal", "--allow-origin", origin, ...oidc, "--oidc-jwks", "jwks.json"];
  const guarded = await startServerProcess(root, {flags});
  const jwt = await new SignJWT({scope: "daedalus:read"}).setProtectedHeader({alg: "ES256"}).setSubject("ada").setIssuer(issuer).setAudience("daedalus").setExpirationTime("5m").sign(privateKey);
  const statusOf = async (headers: Readonly<Record<string, string>>): Promise<number> => (await callRpc(guarded.url, "service.list", {}, headers)).status;
  expect([await statusOf({}), await statusOf({authorization: `Bearer ${reader}`}), await statusOf({authorization: `Bearer ${jwt}`})]).toEqual([401, 200, 200]);
  expect([await healthOf(guarded.url, {host: "daedalus.internal"}), await healthOf(guarded.url, {host: "other.internal"})]).toEqual([200, 403]);
  const preflight = await fetch(`${guarded.url}/rpc`, {method: "OPTIONS", headers: {origin, "access-control-request-method": "POST"}});
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
  await guarded.stop("SIGTERM");
  expect(await runDaeda(["serve-api", ...oidc], {directory: root})).toMatchObject({exitCode: 2, stderr: expect.stringContaining("go together") as string});
});

describe("a server that ends", () => {
  it("lets a call that works end, when it is asked to", async () => {
    const other = await startServerProcess(root);
    const answer = callRpc(other.url, "lint");
    await expect.poll(async () => (await fetch(`${other.url}/metrics`)).text(), {interval: 5}).toMatch(/^daedalus_calls_in_flight 1$/m);
    const exitCode = other.stop("SIGTERM");
    expect((await answer).body.result).toMatchObject({errors: 0});
    // Nobody waits for the connection, which its client would keep.
    const answeredMs = performance.now();
    expect([await exitCode, other.notes()]).toEqual([0, stopNote]);
    expect(performance.now() - answeredMs).toBeLessThan(5000);
    await expect(callRpc(other.url, "lint")).rejects.toThrow();
  });

  it("however it ends, leaves runs to go on, which the next one shows", async () => {
    const killed = await startServerProcess(root);
    const order = {service: "basket", range: {first: shopDays[0], last: shopDays[3]}, force: true, idempotency_key: "nightly"};
    const {result} = (await callRpc(killed.url, "runs.materialize_partition", order)).body;
    expect(result).toMatchObject({status: "running"});
    await killed.stop("SIGKILL");
    const next = await startServerProcess(root);
    const {run_id: run} = (await callRpc(next.url, "runs.materialize_partition", order)).body.result as {run_id: string};
    expect(run).toBe((result as {run_id: string}).run_id);
    expect(await readLogOf(run, next.url)).toContain('"status":"succeeded"');
    expect((await callRpc(next.url, "runs.logs", {run_id: run, tail: 50})).body.result).toMatchObject({is_complete: true});
    await next.stop("SIGTERM");
  });
});
