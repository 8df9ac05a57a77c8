/** The same calls by every way in give the same answers. A transport is one entry of the table. */
import {rmSync} from "node:fs";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {runDaeda} from "./support/run-daeda.js";
import {makeShop, shopDays, trainShop} from "./support/shop-project.js";
import {callRpc, startTestServer, type TestServer} from "./support/test-server.js";

let root: string;
let server: TestServer;

beforeAll(async () => {
  root = await makeShop();
  await trainShop(root, {targetDay: shopDays[0]!});
  server = await startTestServer(root);
});
afterAll(async () => {
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

describe.each(Object.keys(transports))("%s answers as the command line does", (transport) => {
  it.each(calls.map((call) => [call.command.join(" "), call] as const))("daeda %s", async (_, call) => {
    expect(await transports[transport]!(call)).toEqual(await askCommandLine(call));
  });

  it("about a run that both see", async () => {
    const started = (await transports[transport]!({method: "runs.materialize_partition", params: {service: "basket", partition: "2026-01-01"}, command: []})) as {result: {run_id: string}};
    const {run_id: run} = started.result;
    await runDaeda(["runs", "logs", run, "--follow"], {directory: root});
    const call: SurfaceCall = {method: "runs.get", params: {run_id: run}, command: ["runs", "show", run]};
    const answer = await transports[transport]!(call);
    expect(answer).toMatchObject({result: {run_id: run, status: "failed", error: {code: "day-empty"}}});
    expect(answer).toEqual(await askCommandLine(call));
  });
});
