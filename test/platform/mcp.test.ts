/** The Model Context Protocol as its own client meets it, over stdin and stdout of a real process. */
import {spawn} from "node:child_process";
import {readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {Client} from "@modelcontextprotocol/sdk/client/index.js";
import {StdioClientTransport} from "@modelcontextprotocol/sdk/client/stdio.js";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {z} from "zod";
import {methodNames, methodSchemas} from "../../src/platform/method-schemas.js";
import {daedaPath} from "../support/run-daeda.js";
import {makeTrainedShop, shopDays, shopFiles} from "../support/shop-project.js";

let root: string;
let client: Client;
let said = "";

beforeAll(async () => {
  root = await makeTrainedShop();
  client = new Client({name: "test", version: "1"});
  const transport = new StdioClientTransport({command: process.execPath, args: [daedaPath, "mcp"], cwd: root, env: {HOME: root, NO_COLOR: "1"}, stderr: "pipe"});
  transport.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await client.connect(transport);
});
afterAll(async () => {
  await client.close();
  rmSync(root, {recursive: true, force: true});
  expect(said).toBe("");
});

interface ToolError {
  readonly code: number;
  readonly message: string;
  readonly data: {readonly code: string; readonly hint: string | null; readonly place: unknown; readonly problems?: readonly unknown[]};
}

async function errorOf(name: string, args: Record<string, unknown>): Promise<ToolError> {
  const {isError, content, structuredContent} = await client.callTool({name, arguments: args});
  expect([isError, structuredContent]).toEqual([true, undefined]);
  return JSON.parse((content as [{text: string}])[0].text) as ToolError;
}

const lastCall = (): unknown => JSON.parse(readFileSync(join(root, ".daedalus/calls.jsonl"), "utf8").trimEnd().split("\n").at(-1)!);

describe("tools", () => {
  it("are the methods, with their words, schemas and hints", async () => {
    const {tools} = await client.listTools();
    expect(tools.map(({name}) => name)).toEqual(methodNames.map((method) => method.replace(".", "_")));
    for (const [index, method] of methodNames.entries()) {
      const {description, params, isReadOnly, isDestructive} = methodSchemas[method];
      const {required = [], properties} = z.toJSONSchema(params);
      expect(tools[index]).toMatchObject({description, annotations: {readOnlyHint: isReadOnly, destructiveHint: isDestructive, openWorldHint: false}});
      expect(tools[index]!.inputSchema).toMatchObject({type: "object", properties, additionalProperties: false});
      expect(tools[index]!.inputSchema.required ?? []).toEqual(required);
      expect(tools[index]!.outputSchema).toMatchObject({type: "object", additionalProperties: false});
    }
    expect(tools.find(({name}) => name === "runs_cancel")?.annotations).toEqual({readOnlyHint: false, destructiveHint: true, openWorldHint: false});
  });

  it("start a run that outlives the call, and end it", async () => {
    const day = shopDays[0]!;
    const {structuredContent: started} = await client.callTool({name: "runs_materialize_partition", arguments: {service: "basket", partition: day, idempotency_key: "once"}});
    const {run_id} = started as {run_id: string};
    expect(lastCall()).toMatchObject({transport: "mcp", via: "local", method: "runs.materialize_partition", outcome: "ok"});
    await expect.poll(async () => (await client.callTool({name: "runs_get", arguments: {run_id}})).structuredContent, {interval: 200}).toMatchObject({status: "succeeded", first_day: day});
    expect((await client.callTool({name: "runs_logs", arguments: {run_id, tail: 5}})).structuredContent).toMatchObject({run_id, is_complete: true});
    expect(await errorOf("runs_cancel", {run_id})).toMatchObject({data: {code: "run-finished"}});
  });
});

describe("what is wrong", () => {
  it("with a tool's name is an error of the protocol, with the nearest one", async () => {
    await expect(client.callTool({name: "catalog_show_veiw"})).rejects.toMatchObject({code: -32602, data: {code: "tool-unknown", hint: 'did you mean "catalog_show_view"?'}});
    await expect(client.callTool({name: "catalog.show_view"})).rejects.toMatchObject({data: {code: "tool-unknown"}});
    await expect(client.callTool({name: "toString"})).rejects.toMatchObject({data: {code: "tool-unknown"}});
  });

  it("with arguments is an error of the tool that an agent can mend", async () => {
    expect(await errorOf("catalog_show_view", {nam: "orders"})).toEqual({
      code: -32602,
      message: 'catalog.show_view needs the key "name"',
      data: {code: "key-missing", hint: null, place: null, problems: [expect.objectContaining({code: "key-missing"}), expect.objectContaining({code: "key-unknown", hint: 'did you mean "name"?'})]},
    });
    expect(await errorOf("catalog_show_view", {name: "order"})).toMatchObject({code: -32000, data: {code: "reference-unknown", hint: 'did you mean "orders"?'}});
    expect(await errorOf("audit_run", {path: "../elsewhere"})).toMatchObject({data: {code: "path-outside"}});
    expect(await errorOf("catalog_show_view", JSON.parse('{"name": {"__proto__": {"x": 1}}}') as Record<string, unknown>)).toMatchObject({data: {code: "key-unknown"}});
  });

  it("with the definitions says where, until it is mended", async () => {
    const path = join(root, "feature_views/orders.yaml");
    writeFileSync(path, shopFiles["feature_views/orders.yaml"].replace("dtype: INTEGER", "dtype: INTEGR"));
    await sleep(300);
    expect(await errorOf("service_list", {})).toMatchObject({message: expect.stringContaining("INTEGR") as string, data: {code: "dtype-unknown", hint: 'did you mean "INTEGER"?', place: {file: "feature_views/orders.yaml", line: expect.any(Number) as number}}});
    writeFileSync(path, shopFiles["feature_views/orders.yaml"]);
    await sleep(300);
    expect((await client.callTool({name: "service_list"})).structuredContent).toMatchObject({services: [{name: "basket"}]});
  });

  it("does not matter once the call is cancelled: it is given up, and others are answered", async () => {
    const cancel = new AbortController();
    const audit = client.callTool({name: "audit_run", arguments: {path: "out/basket/dataset", full: true}}, undefined, {signal: cancel.signal});
    setTimeout(() => cancel.abort("enough"), 50);
    await expect(audit).rejects.toThrow("enough");
    await expect.poll(lastCall).toMatchObject({method: "audit.run", outcome: "call-aborted"});
    expect((await client.callTool({name: "runs_list"})).isError).toBeUndefined();
  });
});

describe("resources", () => {
  const read = async (uri: string): Promise<unknown> => {
    const {contents} = await client.readResource({uri});
    expect(contents).toMatchObject([{uri, mimeType: "application/json"}]);
    return JSON.parse((contents as unknown as [{text: string}])[0].text);
  };

  it("are views and services, with templates for what has no end", async () => {
    const {resources} = await client.listResources();
    expect(resources.map(({uri}) => uri)).toEqual(["daedalus://views/orders", "daedalus://views/prices", "daedalus://views/products", "daedalus://services/basket"]);
    const {resourceTemplates} = await client.listResourceTemplates();
    expect(resourceTemplates.map(({uriTemplate}) => uriTemplate)).toEqual(["daedalus://views/{name}", "daedalus://services/{name}", "daedalus://manifests/{service}/{day}"]);
  });

  it("are what the methods answer", async () => {
    const answerOf = async (name: string, args: Record<string, unknown>): Promise<unknown> => (await client.callTool({name, arguments: args})).structuredContent;
    expect(await read("daedalus://views/orders")).toEqual(await answerOf("catalog_show_view", {name: "orders"}));
    expect(await read("daedalus://services/basket")).toEqual(await answerOf("service_show", {name: "basket"}));
    expect(await read(`daedalus://manifests/basket/${shopDays[1]!}`)).toEqual(await answerOf("partitions_show", {service: "basket", day: shopDays[1]}));
  });

  it.each([
    ["daedalus://views/order", -32002, "reference-unknown"],
    ["daedalus://manifests/basket/2020-01-01", -32002, "partition-missing"],
    ["daedalus://manifests/basket/tomorrow", -32602, "value-wrong"],
    ["daedalus://views/a/b", -32002, "resource-unknown"],
    ["daedalus://views/%E0%A4%A", -32002, "reference-unknown"],
    ["file:///etc/passwd", -32002, "resource-unknown"],
  ])("that are not there are said to be: %s", async (uri, code, ours) => {
    await expect(client.readResource({uri})).rejects.toMatchObject({code, data: {code: ours}});
  });

  it("are listed on from a page that was given", async () => {
    expect((await client.listResources({cursor: "daedalus://views/products"})).resources.map(({name}) => name)).toEqual(["basket"]);
    await expect(client.listResources({cursor: "x"})).rejects.toMatchObject({code: -32602, data: {code: "value-wrong"}});
  });
});

it("says nothing but messages on stdout, offers what the scope allows, and ends with its client", async () => {
  const child = spawn(process.execPath, [daedaPath, "mcp", "--scope", "read"], {cwd: root, env: {PATH: process.env["PATH"], HOME: root}, stdio: ["pipe", "pipe", "pipe"]});
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise((resolve) => child.once("close", resolve));
  const request = (id: number, method: string, params: object): string => `${JSON.stringify({jsonrpc: "2.0", id, method, params})}\n`;
  child.stdin.write(request(1, "initialize", {protocolVersion: "2025-06-18", capabilities: {}, clientInfo: {name: "raw", version: "1"}}));
  child.stdin.write("{broken\n");
  child.stdin.write(request(2, "tools/list", {}));
  child.stdin.write(request(3, "tools/call", {name: "runs_cancel", arguments: {run_id: "x"}}));
  const answers = (): {id: number; result: unknown}[] => stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as {id: number; result: unknown});
  await expect.poll(() => stdout.split("\n").length).toBe(4);
  const [initialized, listed, refused] = answers().sort((a, b) => a.id - b.id);
  expect(initialized).toMatchObject({result: {protocolVersion: "2025-06-18", serverInfo: {name: "daedalus"}, instructions: expect.stringContaining("service_list") as string}});
  expect((listed!.result as {tools: {name: string}[]}).tools.map(({name}) => name)).toEqual(methodNames.filter((method) => methodSchemas[method].scope === "read").map((method) => method.replace(".", "_")));
  expect(refused).toMatchObject({result: {isError: true, content: [{text: expect.stringContaining("scope-missing") as string}]}});
  expect(stderr).toBe("passed over a line that is no message of the protocol\n");
  // It works on something that nobody waits for any more.
  child.stdin.write(request(4, "tools/call", {name: "pipeline_plan", arguments: {service: "basket"}}));
  child.stdin.end();
  expect(await ended).toBe(0);
  expect(answers().filter(({id}) => id > 4)).toEqual([]);
});
