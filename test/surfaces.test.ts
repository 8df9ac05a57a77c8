/** The same calls by every way in give the same answers. A transport is one entry of the table. */
import {rmSync} from "node:fs";
import {Client} from "@modelcontextprotocol/sdk/client/index.js";
import {StreamableHTTPClientTransport} from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {afterAll, beforeAll, expect, it} from "vitest";
import {methodNames} from "../src/platform/method-schemas.js";
import {runDaeda} from "./support/run-daeda.js";
import {makeShop, shopDays, trainShop} from "./support/shop-project.js";
import {callRpc, startTestServer, type TestServer} from "./support/test-server.js";

let root: string;
let server: TestServer;
const agent = new Client({name: "test", version: "1"});

beforeAll(async () => {
  root = await makeShop();
  await trainShop(root, {targetDay: shopDays[0]!});
  server = await startTestServer(root);
  await agent.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`)));
  // With the output schemas of the tools, the client checks each answer.
  await agent.listTools();
});
afterAll(async () => {
  await agent.close();
  await server.stop(1000);
  rmSync(root, {recursive: true, force: true});
});

interface SurfaceCall {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The command that asks for the same. */
  readonly command: readonly string[];
}

/** An answer, or the code of the error. */
type Answer = {readonly result: unknown} | {readonly error: string};

/** Ways in that are held against the command line. */
const transports: Readonly<Record<string, (call: SurfaceCall) => Promise<Answer>>> = {
  "JSON-RPC": async ({method, params}) => {
    const {result, error} = (await callRpc(server.url, method, params)).body;
    return error ? {error: error.data.code} : {result};
  },
  MCP: async ({method, params}) => {
    const {isError, structuredContent, content} = await agent.callTool({name: method.replace(".", "_"), arguments: params});
    const said: unknown = JSON.parse((content as [{text: string}])[0].text);
    if (isError === true) return {error: (said as {data: {code: string}}).data.code};
    expect(said).toEqual(structuredContent);
    return {result: structuredContent};
  },
};

async function askCommandLine({command}: SurfaceCall): Promise<Answer> {
  const {exitCode, stdout, stderr} = await runDaeda([...command, "--format", "json"], {directory: root});
  if (exitCode === 0) return {result: JSON.parse(stdout)};
  return {error: /error ([a-z-]+):/.exec(stderr)?.[1] ?? stderr};
}

const [day] = shopDays as [string];
const absent = "20260101T000000000Z-00000000";

const calls: readonly SurfaceCall[] = [
  {method: "catalog.list_views", params: {}, command: ["views", "list"]},
  {method: "catalog.show_view", params: {name: "orders"}, command: ["views", "show", "orders"]},
  {method: "catalog.show_view", params: {name: "order"}, command: ["views", "show", "order"]},
  {method: "catalog.show_view", params: {name: "../orders"}, command: ["views", "show", "../orders"]},
  {method: "service.list", params: {}, command: ["services", "list"]},
  {method: "service.show", params: {name: "basket"}, command: ["services", "show", "basket"]},
  {method: "service.show", params: {}, command: ["services", "show"]},
  {method: "lint", params: {}, command: ["lint"]},
  {method: "pipeline.compile", params: {service: "basket", no_write: true}, command: ["pipeline", "compile", "basket", "--no-write"]},
  {method: "pipeline.plan", params: {service: "basket", from_date: day, to_date: shopDays[2]}, command: ["pipeline", "plan", "basket", "--from-date", day, "--to-date", shopDays[2]!]},
  {method: "pipeline.status", params: {service: "basket", skeleton_only: true}, command: ["pipeline", "status", "basket", "--skeleton-only"]},
  {method: "assets.lineage", params: {service: "basket", columns: ["bought"]}, command: ["services", "lineage", "basket", "--column", "bought"]},
  {method: "partitions.list", params: {service: "basket", limit: 5}, command: ["partitions", "list", "basket", "--limit", "5"]},
  {method: "partitions.show", params: {service: "basket", day}, command: ["partitions", "show", "basket", day]},
  {method: "partitions.show", params: {service: "basket", day: "2020-01-01", stage: "skeleton"}, command: ["partitions", "show", "basket", "2020-01-01", "--stage", "skeleton"]},
  {method: "audit.run", params: {path: "out/basket/dataset", sample: 10, columns: ["price"]}, command: ["audit", "out/basket/dataset", "--sample", "10", "--column", "price"]},
  {method: "runs.list", params: {status: "failed"}, command: ["runs", "list", "--status", "failed"]},
  {method: "runs.get", params: {run_id: absent}, command: ["runs", "show", absent]},
  {method: "runs.logs", params: {run_id: absent}, command: ["runs", "logs", absent]},
  {method: "runs.cancel", params: {run_id: absent}, command: ["runs", "cancel", absent]},
  {method: "runs.materialize_partition", params: {service: "baskett", partition: day}, command: ["runs", "start", "baskett", "--target-date", day]},
];

it("every method is asked for", () => {
  expect(new Set(calls.map(({method}) => method))).toEqual(new Set(methodNames));
});

it.each(calls.map((call) => [call.command.join(" "), call] as const))("every way in answers as daeda %s does", async (_, call) => {
  const expected = await askCommandLine(call);
  for (const [name, ask] of Object.entries(transports)) expect(await ask(call), name).toEqual(expected);
});

it("every way in sees the same run", async () => {
  const started = await Promise.all(
    Object.values(transports).map((ask, index) => ask({method: "runs.materialize_partition", params: {service: "basket", partition: `2026-01-0${index + 1}`}, command: []})),
  );
  for (const answer of started) {
    const {run_id: run} = (answer as {result: {run_id: string}}).result;
    await runDaeda(["runs", "logs", run, "--follow"], {directory: root});
    const expected = await askCommandLine({method: "runs.get", params: {}, command: ["runs", "show", run]});
    expect(expected).toMatchObject({result: {run_id: run, status: "failed", error: {code: "day-empty"}}});
    for (const [name, ask] of Object.entries(transports)) expect(await ask({method: "runs.get", params: {run_id: run}, command: []}), name).toEqual(expected);
  }
});
