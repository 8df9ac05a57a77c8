/** The Model Context Protocol over HTTP, at a server that answers JSON-RPC, too: the same calls, the same doors. */
import {rmSync} from "node:fs";
import {request} from "node:http";
import {Client} from "@modelcontextprotocol/sdk/client/index.js";
import {StreamableHTTPClientTransport} from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {TokenStore} from "../../src/platform/auth/token-store.js";
import type {Scope} from "../../src/platform/auth/scope.js";
import {methodNames, methodSchemas} from "../../src/platform/method-schemas.js";
import {writeFiles} from "../support/project-files.js";
import {shopFiles} from "../support/shop-project.js";
import {callRpc, startTestServer, type TestServer} from "../support/test-server.js";

let root: string;
let server: TestServer;
const headers: Partial<Record<Scope, Record<string, string>>> = {};
const clients: Client[] = [];

beforeAll(async () => {
  root = writeFiles(shopFiles);
  const store = new TokenStore(root);
  for (const scope of ["read", "admin"] as const) headers[scope] = {authorization: `Bearer ${store.create({name: scope, scope, lifetimeMs: 3_600_000}).token}`};
  // No call that reads data has its turn: each waits until it is ended.
  server = await startTestServer(root, {isTokenRequired: true, limits: {heavyMax: 0}});
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await server.stop(1000);
  rmSync(root, {recursive: true, force: true});
  expect(server.bugs).toEqual([]);
});

async function connect(scope: Scope): Promise<Client> {
  const client = new Client({name: "test", version: "1"});
  clients.push(client);
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), {requestInit: {headers: headers[scope]!}}));
  return client;
}

const post = (body: string, extra: Record<string, string> = headers.admin!): Promise<Response> =>
  fetch(`${server.url}/mcp`, {method: "POST", body, headers: {"content-type": "application/json", accept: "application/json, text/event-stream", ...extra}});

/** Calls that were given up because their caller was gone. */
async function abortedCalls(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`, {headers: headers.admin!})).text();
  return Number(/method="lint",outcome="call-aborted"} (\d+)/.exec(text)?.[1] ?? 0);
}

const lintRequest = JSON.stringify({jsonrpc: "2.0", id: 1, method: "tools/call", params: {name: "lint"}});

describe("a client", () => {
  it("has the tools that its token allows, and the answers that JSON-RPC gives", async () => {
    const [admin, reader] = await Promise.all([connect("admin"), connect("read")]);
    const named = (methods: readonly string[]): string[] => methods.map((method) => method.replace(".", "_"));
    expect((await admin.listTools()).tools.map(({name}) => name)).toEqual(named(methodNames));
    expect((await reader.listTools()).tools.map(({name}) => name)).toEqual(named(methodNames.filter((method) => methodSchemas[method].scope === "read")));
    for (const [method, params] of [["catalog.show_view", {name: "orders"}], ["service.list", {}], ["catalog.show_view", {name: "order"}], ["runs.get", {run: "x"}]] as const) {
      const {body} = await callRpc(server.url, method, params, headers.admin);
      const {structuredContent, isError, content} = await admin.callTool({name: method.replace(".", "_"), arguments: params});
      expect(structuredContent).toEqual(body.result);
      if (isError === true) expect(JSON.parse((content as [{text: string}])[0].text)).toEqual(body.error);
      else expect(body.error).toBeUndefined();
    }
    expect(await reader.readResource({uri: "daedalus://services/basket"})).toMatchObject({contents: [{text: expect.stringContaining('"spine"') as string}]});
    const {isError, content} = await reader.callTool({name: "runs_cancel", arguments: {run_id: "x"}});
    expect([isError, content]).toEqual([true, [{type: "text", text: expect.stringContaining('"scope-missing"') as string}]]);
  });

  it("ends a call that it cancels, and none of another client with the same id", async () => {
    const [one, other] = await Promise.all([connect("admin"), connect("admin")]);
    const cancel = new AbortController();
    const stay = new AbortController();
    const kept = other.callTool({name: "lint"}, undefined, {signal: stay.signal});
    const ended = one.callTool({name: "lint"}, undefined, {signal: cancel.signal});
    kept.catch(() => undefined);
    await expect.poll(() => gauge("daedalus_calls_in_flight")).toBe(2);
    cancel.abort("enough");
    await expect(ended).rejects.toThrow("enough");
    await expect.poll(abortedCalls).toBe(1);
    expect(await gauge("daedalus_calls_in_flight")).toBe(1);
    expect((await one.callTool({name: "service_list"})).structuredContent).toMatchObject({services: [{name: "basket"}]});
    stay.abort("done");
    await expect.poll(abortedCalls).toBe(2);
  });

  it("that goes away ends its call", async () => {
    const before = await abortedCalls();
    const gone = new AbortController();
    const waiting = fetch(`${server.url}/mcp`, {method: "POST", body: lintRequest, signal: gone.signal, headers: {"content-type": "application/json", accept: "application/json, text/event-stream", ...headers.admin}});
    await expect.poll(() => gauge("daedalus_calls_in_flight")).toBe(1);
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await expect.poll(abortedCalls).toBe(before + 1);
    expect(await gauge("daedalus_calls_in_flight")).toBe(0);
  });
});

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`, {headers: headers.admin!})).text();
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1]);
}

describe("a request", () => {
  const outcomeOf = async (response: Response): Promise<unknown> => {
    const {error} = (await response.json()) as {error?: {data?: {code: string}; message: string}};
    return [response.status, error?.data?.code ?? error?.message];
  };

  it("without a token, under another name or from another origin, is not let in", async () => {
    expect(await outcomeOf(await post(lintRequest, {}))).toEqual([401, "token-missing"]);
    expect(await outcomeOf(await post(lintRequest, {authorization: "Bearer x"}))).toEqual([401, "token-wrong"]);
    expect(await outcomeOf(await post(lintRequest, {...headers.admin, origin: "https://evil.example"}))).toEqual([403, "origin-refused"]);
    // `fetch` names the host itself.
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${server.url}/mcp`, {method: "POST", headers: {host: "evil.example", "content-type": "application/json", ...headers.admin}}, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.once("error", reject);
      sent.end(lintRequest);
    });
    expect(status).toBe(403);
  });

  it.each([
    ["that is no JSON", "{", {}, 400, "json-broken"],
    ["that nests too deep", `${"[".repeat(100)}${"]".repeat(100)}`, {}, 400, "request-broken"],
    ["with a batch", `[${lintRequest}]`, {}, 400, "request-broken"],
    ["that is no object", "null", {}, 400, "request-broken"],
    ["that is no message", "{}", {}, 400, "Parse error: Invalid JSON-RPC message"],
    ["of another version", lintRequest, {"mcp-protocol-version": "1999-01-01"}, 400, expect.stringContaining("Unsupported protocol version")],
    ["that takes no JSON", lintRequest, {accept: "text/html"}, 406, expect.stringContaining("Not Acceptable")],
    ["of another type", lintRequest, {"content-type": "text/plain"}, 415, "request-refused"],
    ["that is too large", JSON.stringify({x: "x".repeat(2_000_000)}), {}, 413, "request-refused"],
  ])("%s is refused", async (_, body, extra, status, said) => {
    expect(await outcomeOf(await post(body, {...headers.admin, ...(extra as Record<string, string>)}))).toEqual([status, said]);
  });

  it("for a stream of its own is told that there is none", async () => {
    for (const method of ["GET", "DELETE"]) {
      const response = await fetch(`${server.url}/mcp`, {method, headers: {accept: "text/event-stream", ...headers.admin}});
      expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    }
  });

  it("with an unknown method or tool is answered with an error of the protocol", async () => {
    const answer = async (method: string, params: object): Promise<unknown> => (await post(JSON.stringify({jsonrpc: "2.0", id: "a", method, params}))).json();
    expect(await answer("tools/cal", {})).toMatchObject({id: "a", error: {code: -32601}});
    expect(await answer("tools/call", {name: "lnt"})).toMatchObject({id: "a", error: {code: -32602, data: {code: "tool-unknown", hint: 'did you mean "lint"?'}}});
    expect(await answer("prompts/list", {})).toMatchObject({error: {code: -32601}});
  });
});
