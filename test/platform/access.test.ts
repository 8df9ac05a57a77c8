/** Who may call what: every method, every scope, every way in. */
import {chmodSync, readFileSync, rmSync, statSync, writeFileSync} from "node:fs";
import {createServer, type ServerResponse} from "node:http";
import type {AddressInfo} from "node:net";
import {join} from "node:path";
import {Client} from "@modelcontextprotocol/sdk/client/index.js";
import {StdioClientTransport} from "@modelcontextprotocol/sdk/client/stdio.js";
import {exportJWK, generateKeyPair, SignJWT} from "jose";
import {afterAll, beforeAll, describe, expect, it, vi} from "vitest";
import {checkAddress} from "../../src/platform/auth/address-check.js";
import {isCovered, scopes, type Scope} from "../../src/platform/auth/scope.js";
import {TokenStore} from "../../src/platform/auth/token-store.js";
import {methodNames, methodSchemas} from "../../src/platform/method-schemas.js";
import {daedaPath, runDaeda} from "../support/run-daeda.js";
import {writeFiles} from "../support/project-files.js";
import {shopFiles} from "../support/shop-project.js";
import {callRpc, startTestServer, type TestServer} from "../support/test-server.js";

let root: string;
let server: TestServer;
let signJwt: (claims: {readonly scope?: string; readonly audience?: string; readonly issuer?: string; readonly expires?: string; readonly subject?: string}) => Promise<string>;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  root = writeFiles(shopFiles);
  const {publicKey, privateKey} = await generateKeyPair("ES256");
  writeFileSync(join(root, "jwks.json"), JSON.stringify({keys: [{...(await exportJWK(publicKey)), kid: "one", alg: "ES256"}]}));
  signJwt = ({scope = "daedalus:read", audience = "daedalus", issuer = "https://id.example", expires = "5m", subject = "ada"}) =>
    new SignJWT({scope}).setProtectedHeader({alg: "ES256", kid: "one"}).setSubject(subject).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime(expires).sign(privateKey);
  const store = new TokenStore(root);
  for (const scope of scopes) tokens[scope] = store.create({name: scope, scope, lifetimeMs: 3_600_000}).token;
  await Promise.all(
    scopes.map(async (scope) => {
      agents[scope] = new Client({name: "test", version: "1"});
      await agents[scope].connect(new StdioClientTransport({command: process.execPath, args: [daedaPath, "mcp", "--scope", scope], cwd: root, env: {HOME: root}}));
    }),
  );
  server = await startTestServer(root, {isTokenRequired: true, oidc: {issuer: "https://id.example", audience: "daedalus", jwks: join(root, "jwks.json")}});
});
afterAll(async () => {
  await Promise.all([server.stop(1000), ...scopes.map((scope) => agents[scope].close())]);
  rmSync(root, {recursive: true, force: true});
});

/** Agents that started a process of their own, by what they may do. */
const agents = {} as Record<Scope, Client>;

const bearer = (token: string): Record<string, string> => ({authorization: `Bearer ${token}`});

/** Of a tool's error. */
const codeOf = (content: unknown): string => (JSON.parse((content as [{text: string}])[0].text) as {data: {code: string}}).data.code;

/** Ways in: what a method answers to a caller of the scope, as our error's code; undefined: it let the caller in. Another transport is one more entry. */
const transports: Readonly<Record<string, (method: string, scope: Scope) => Promise<string | undefined>>> = {
  // A key that no method knows stops every call behind the door, before anything is done.
  "rpc, token": async (method, scope) => (await callRpc(server.url, method, {probe: 1}, bearer(tokens[scope]!))).body.error?.data.code,
  "rpc, OIDC": async (method, scope) => (await callRpc(server.url, method, {probe: 1}, bearer(await signJwt({scope: `openid daedalus:${scope}`})))).body.error?.data.code,
  "mcp, token": async (method, scope) => {
    const body = JSON.stringify({jsonrpc: "2.0", id: 1, method: "tools/call", params: {name: method.replace(".", "_"), arguments: {probe: 1}}});
    const response = await fetch(`${server.url}/mcp`, {method: "POST", body, headers: {"content-type": "application/json", accept: "application/json, text/event-stream", ...bearer(tokens[scope]!)}});
    return codeOf(((await response.json()) as {result: {content: unknown}}).result.content);
  },
  "mcp, stdio": async (method, scope) => codeOf((await agents[scope].callTool({name: method.replace(".", "_"), arguments: {probe: 1}})).content),
};

describe.each(Object.keys(transports))("by %s", (transport) => {
  it.each(methodNames.flatMap((method) => scopes.map((scope) => [method, scope] as const)))("%s with the scope %s", async (method, scope) => {
    const code = await transports[transport]!(method, scope);
    if (isCovered(methodSchemas[method].scope, scope)) expect(["key-missing", "key-unknown"]).toContain(code);
    else expect(code).toBe("scope-missing");
  });
});

describe("a caller", () => {
  const statusOf = async (headers: Record<string, string>): Promise<unknown> => {
    const {status, body} = await callRpc(server.url, "service.list", {}, headers);
    return [status, body.error?.data.code];
  };

  it("without a token, or with one that is not good, is not let in", async () => {
    expect(await statusOf({})).toEqual([401, "token-missing"]);
    for (const wrong of ["dae_x", "", "a.b.c", `${tokens["read"]!}x`, tokens["read"]!.slice(0, -1), "x".repeat(10_000)]) expect(await statusOf(bearer(wrong))).toEqual([401, "token-wrong"]);
    expect(await statusOf({authorization: `Basic ${tokens["read"]!}`})).toEqual([401, "token-wrong"]);
    for (const path of ["/metrics", "/runs/20260101T000000000Z-00000000/logs"]) expect((await fetch(server.url + path)).status).toBe(401);
    const refused = await fetch(`${server.url}/rpc`, {method: "POST", headers: {"content-type": "application/json"}, body: "{}"});
    expect(refused.headers.get("www-authenticate")).toContain("Bearer");
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it("with a JWT is named by its subject, and let in for what it is meant for, while it is valid", async () => {
    expect(await statusOf(bearer(await signJwt({})))).toEqual([200, undefined]);
    for (const wrong of [{audience: "others"}, {issuer: "https://evil.example"}, {expires: "-5m"}, {scope: "read run admin"}, {scope: ""}]) expect(await statusOf(bearer(await signJwt(wrong)))).toEqual([401, "token-wrong"]);
    const [head, body] = (await signJwt({scope: "daedalus:admin"})).split(".");
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    for (const forged of [`${none}.${body!}.`, `${head!}.${body!}.AAAA`]) expect(await statusOf(bearer(forged))).toEqual([401, "token-wrong"]);
    await callRpc(server.url, "runs.cancel", {run_id: "x"}, bearer(await signJwt({scope: "daedalus:run"})));
    expect(readFileSync(join(root, ".daedalus/calls.jsonl"), "utf8").trim().split("\n").at(-1)).toContain('"caller":"ada","via":"oidc","scope":"run"');
  });

  it("whose token is revoked or expires is out at once", async () => {
    let nowMs = 1_000_000;
    const store = new TokenStore(root, () => nowMs);
    const {token} = store.create({name: "brief", scope: "run", lifetimeMs: 1000});
    expect(store.find(token)?.name).toBe("brief");
    nowMs += 1000;
    expect(store.find(token)).toBeUndefined();
    const other = store.create({name: "other", scope: "read", lifetimeMs: undefined});
    expect(await statusOf(bearer(other.token))).toEqual([200, undefined]);
    store.revoke(other.record.id);
    expect(await statusOf(bearer(other.token))).toEqual([401, "token-wrong"]);
  });
});

describe("an identity provider at an address", () => {
  const issuer = "https://id.example";
  const makeKey = async (kid: string): Promise<{readonly jwk: object; sign(): Promise<string>}> => {
    const {publicKey, privateKey} = await generateKeyPair("RS256");
    return {
      jwk: {...(await exportJWK(publicKey)), kid, alg: "RS256"},
      sign: () => new SignJWT({scope: "daedalus:read"}).setProtectedHeader({alg: "RS256", kid}).setSubject("grace").setIssuer(issuer).setAudience("daedalus").setExpirationTime("5m").sign(privateKey),
    };
  };

  it("is asked for its keys once, again for a key that is new, and its absence is not taken for a wrong token", async () => {
    const [first, second, foreign] = [await makeKey("first"), await makeKey("second"), await makeKey("first")];
    let asked = 0;
    let answer: (response: ServerResponse) => void = (response) => response.writeHead(503).end();
    const provider = createServer((_request, response) => {
      asked += 1;
      answer(response);
    });
    await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
    const jwks = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks.json`;
    let nowMs = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => nowMs);
    const open = await startTestServer(root, {isTokenRequired: true, oidc: {issuer, audience: "daedalus", jwks}});
    const statusOf = async (token: string): Promise<unknown> => {
      const {status, body} = await callRpc(open.url, "service.list", {}, bearer(token));
      return [status, body.error?.data.code];
    };
    try {
      for (const wrong of ["", "<html>", '{"keys": 1}']) {
        answer = (response) => (wrong === "" ? response.writeHead(503).end() : response.end(wrong));
        expect(await statusOf(await first.sign()), wrong).toEqual([503, "keys-unreachable"]);
      }
      answer = (response) => response.end(JSON.stringify({keys: [first.jwk]}));
      asked = 0;
      for (let call = 0; call < 3; call += 1) expect(await statusOf(await first.sign())).toEqual([200, undefined]);
      expect(await statusOf(await foreign.sign())).toEqual([401, "token-wrong"]);
      // Keys that do not exist are no way to make the server ask all the time.
      for (let call = 0; call < 3; call += 1) expect(await statusOf(await second.sign())).toEqual([401, "token-wrong"]);
      expect(asked).toBe(1);
      answer = (response) => response.end(JSON.stringify({keys: [first.jwk, second.jwk]}));
      nowMs += 31_000;
      expect(await statusOf(await second.sign())).toEqual([200, undefined]);
      expect(asked).toBe(2);
      provider.close();
      provider.closeAllConnections();
      expect(await statusOf(await second.sign())).toEqual([200, undefined]);
    } finally {
      vi.restoreAllMocks();
      await open.stop(500);
      provider.close();
    }
  });
});

describe("the file of tokens", () => {
  it("is private, holds no token, and is not used when others may read it", () => {
    const store = new TokenStore(root);
    const text = readFileSync(store.path, "utf8");
    expect(statSync(store.path).mode & 0o777).toBe(0o600);
    for (const token of Object.values(tokens)) {
      expect(Buffer.from(token.slice("dae_".length), "base64url")).toHaveLength(32);
      expect(text).not.toContain(token);
    }
    chmodSync(store.path, 0o644);
    expect(() => new TokenStore(root).list()).toThrow(expect.objectContaining({code: "tokens-exposed"}));
    chmodSync(store.path, 0o600);
    expect(new TokenStore(root).list().map(({name}) => name)).toEqual(expect.arrayContaining([...scopes]));
  });

  it("is kept by daeda token", async () => {
    const daeda = (...args: string[]) => runDaeda(["token", ...args], {directory: root});
    const made = await daeda("create", "console", "--scope", "run", "--expires", "12h", "--format", "json");
    const {token, state, scope} = JSON.parse(made.stdout) as Record<string, string>;
    expect([state, scope]).toEqual(["valid", "run"]);
    expect((await callRpc(server.url, "service.list", {}, bearer(token!))).status).toBe(200);
    expect((await daeda("create", "console")).stderr).toContain("error token-exists");
    const listed = await daeda("list");
    expect(listed.stdout).toMatch(/console +run +valid/);
    expect(listed.stdout).not.toContain(token);
    expect((await daeda("revoke", "console")).stdout).toMatch(/^revoked console \([0-9a-f]{8}\)$/m);
    expect(await daeda("revoke", "console")).toMatchObject({exitCode: 1});
    expect(await daeda("create", "x", "--expires", "soon")).toMatchObject({exitCode: 2});
  });
});

describe("a server", () => {
  it("that others can reach does not start without tokens", async () => {
    const bare = writeFiles(shopFiles);
    await expect(startTestServer(bare, {host: "0.0.0.0"})).rejects.toMatchObject({code: "tokens-missing"});
    const {exitCode, stderr} = await runDaeda(["serve-api", "--host", "0.0.0.0", "--port", "0"], {directory: bare});
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("error tokens-missing")]);
    rmSync(bare, {recursive: true});
  });

  it("on loopback lets the user of the machine in, and takes no wrong token for none", async () => {
    const open = await startTestServer(root);
    expect((await callRpc(open.url, "service.list")).status).toBe(200);
    expect((await callRpc(open.url, "service.list", {}, bearer("dae_wrong"))).status).toBe(401);
    expect((await callRpc(open.url, "runs.cancel", {run_id: "x"}, bearer(tokens["read"]!))).body.error?.data.code).toBe("scope-missing");
    await open.stop(500);
  });

  it("answers pages of other origins only where it was told to", async () => {
    const origin = "https://console.example";
    const preflight = (url: string) => fetch(`${url}/rpc`, {method: "OPTIONS", headers: {origin, "access-control-request-method": "POST"}});
    expect((await preflight(server.url)).status).toBe(403);
    const open = await startTestServer(root, {origins: [origin]});
    const allowed = await preflight(open.url);
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
    expect((await fetch(`${open.url}/healthz`, {headers: {origin}})).headers.get("access-control-allow-origin")).toBe(origin);
    await open.stop(500);
  });

  it.each([
    ["127.0.0.1", "localhost:8000", true],
    ["127.0.0.1", "[::1]:8000", true],
    ["127.0.0.1", "10.0.0.7:8000", false],
    ["127.0.0.1", "daedalus.internal", false],
    ["0.0.0.0", "10.0.0.7:8000", true],
    ["0.0.0.0", "rebound.example", false],
    ["daedalus.internal", "daedalus.internal:8000", true],
    ["127.0.0.1", "", false],
    ["127.0.0.1", "localhost:8000@evil.example", false],
  ])("on %s goes by the name %s: %s", (host, named, isRight) => {
    const check = (): void => checkAddress({host: named}, {host});
    if (isRight) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({code: "host-refused"}));
    expect(() => checkAddress({host: "daedalus.internal:1"}, {host: "127.0.0.1", hosts: ["daedalus.internal"]})).not.toThrow();
  });
});
