/** One schema decides what a method takes and gives: what is sent is checked against it, and what comes back fits it. */
import {rmSync} from "node:fs";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {z} from "zod";
import {callMethod, getMethodName} from "../../src/platform/call-method.js";
import {ParamsError} from "../../src/platform/check-params.js";
import type {MethodContext} from "../../src/platform/context.js";
import {methodNames, methodSchemas, type MethodName} from "../../src/platform/method-schemas.js";
import {methods} from "../../src/platform/methods.js";
import {makeContext} from "../support/method-context.js";
import {makeShop, shopDays, trainShop} from "../support/shop-project.js";

let root: string;
let context: MethodContext;

beforeAll(async () => {
  root = await makeShop();
  await trainShop(root, {targetDay: shopDays[0]!});
  await trainShop(root, {targetDay: shopDays[1]!});
  context = makeContext(root);
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

const call = (name: MethodName, params: unknown): Promise<unknown> => Promise.resolve().then(() => callMethod(name, params, context));

async function problemsOf(name: MethodName, params: unknown): Promise<string[]> {
  const error: unknown = await call(name, params).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ParamsError);
  return (error as ParamsError).problems.map(({code, message, hint}) => `${code}: ${message}${hint === undefined ? "" : ` (${hint})`}`);
}

describe("the table of schemas", () => {
  it("has the methods that there are, and no other", () => {
    expect([...methodNames].sort()).toEqual(Object.keys(methods).sort());
  });

  it.each(methodNames)("describes %s as a JSON Schema, in snake_case, each parameter with words", (name) => {
    const {params, result, description, paths} = methodSchemas[name];
    expect(description).toMatch(/^[A-Z].*\.$/);
    expect(z.toJSONSchema(params)).toMatchObject({type: "object", additionalProperties: false});
    expect(z.toJSONSchema(result)).toMatchObject({type: "object", additionalProperties: false});
    for (const [key, schema] of Object.entries(params.shape as Record<string, z.ZodType>)) {
      expect(key).toMatch(/^[a-z][a-z_]*$/);
      expect(schema.description, key).toBeTruthy();
    }
    for (const key of paths) expect(Object.keys(params.shape)).toContain(key);
  });
});

describe("a method's answer", () => {
  it.each([
    ["catalog.list_views", {}],
    ["catalog.show_view", {name: "orders"}],
    ["service.list", {}],
    ["service.show", {name: "basket"}],
    ["lint", {}],
    ["pipeline.compile", {service: "basket", no_write: true}],
    ["pipeline.plan", {service: "basket"}],
    ["pipeline.status", {service: "basket"}],
    ["assets.lineage", {service: "basket"}],
    ["partitions.list", {service: "basket"}],
    ["partitions.show", {service: "basket", day: shopDays[0]}],
    ["runs.list", {}],
    ["audit.run", {path: "out/basket", sample: 5}],
  ] as const)("of %s fits its schema, with nothing besides", async (name, params) => {
    // As a client sees it: what JSON leaves out is left out.
    const answer: unknown = JSON.parse(JSON.stringify(await call(name, params)));
    expect(methodSchemas[name].result.parse(answer)).toEqual(answer);
  });

  it("comes in pages where a list grows", async () => {
    const first = methods["catalog.list_views"]({limit: 2}, context);
    const second = methods["catalog.list_views"]({limit: 2, cursor: first.next_cursor!}, context);
    expect([...first.views, ...second.views].map(({name}) => name)).toEqual(["orders", "prices", "products"]);
    expect([first.next_cursor, second.next_cursor]).toEqual(["prices", null]);
    const days = await methods["partitions.list"]({service: "basket", limit: 1}, context);
    expect(days).toMatchObject({partitions: [{day: shopDays[1], rows: 200, problem: null}], next_cursor: shopDays[1]});
    expect(await methods["partitions.list"]({service: "basket", cursor: days.next_cursor!}, context)).toMatchObject({partitions: [{day: shopDays[0]}], next_cursor: null});
    const status = await methods["pipeline.status"]({service: "basket", limit: 3}, context);
    expect(status).toMatchObject({counts: {current: 2, missing: 2}, next_cursor: shopDays[2]});
    const others = await methods["pipeline.status"]({service: "basket", limit: 3, cursor: status.next_cursor!}, context);
    expect([...status.days, ...others.days].map(({day}) => day)).toEqual(shopDays);
    expect([status.days.length, others.next_cursor]).toEqual([3, null]);
    await expect(call("catalog.list_views", {cursor: "gone"})).rejects.toMatchObject({code: "value-wrong"});
  });

  it("shows the graph of a service", async () => {
    const answer = await methods["assets.lineage"]({service: "basket", columns: ["price"]}, context);
    expect(answer.assets.map(({id}) => id)).toEqual(["view:orders", "view:prices", "view:products", "skeleton:basket", "dataset:basket"]);
    expect(answer.edges).toContainEqual({from: "skeleton:basket", to: "dataset:basket"});
    expect(answer.columns[0]?.sources.map(({view, column}) => `${view}.${column}`)).toEqual(["orders.at", "orders.product_id", "prices.price", "prices.product_id", "prices.valid_at"]);
    await expect(call("assets.lineage", {service: "basket", columns: ["prize"]})).rejects.toMatchObject({code: "reference-unknown", hint: 'did you mean "price"?'});
  });
});

describe("what a caller sends", () => {
  it("is refused with every problem, its key and the nearest one", async () => {
    expect(await problemsOf("runs.materialize_partition", {servise: "basket", force: "yes", range: {first: "2026-02-30"}})).toEqual([
      'value-wrong: "range.first" must be a day, YYYY-MM-DD, not "2026-02-30"',
      'key-missing: runs.materialize_partition needs the key "range.last"',
      'value-wrong: "force" must be true or false, not "yes"',
      'key-unknown: unknown key "servise" (did you mean "service"?)',
    ]);
    expect(await problemsOf("runs.list", {status: "quued"})).toEqual(['value-wrong: "status" must be one of "queued", "running", "succeeded", "failed", "cancelled", not "quued" (did you mean "queued"?)']);
    expect(await problemsOf("catalog.show_view", {})).toEqual(['key-missing: catalog.show_view needs the key "name"']);
    expect(await problemsOf("catalog.show_view", {name: "x".repeat(2000)})).toHaveLength(1);
    expect(await problemsOf("catalog.show_view", ["orders"])).toEqual(['value-wrong: "params" must be a mapping, not a list']);
    expect(await problemsOf("catalog.show_view", "orders")).toHaveLength(1);
  });

  it("cannot reach a prototype", async () => {
    for (const text of ['{"name": "orders", "__proto__": {"name": "x"}}', '{"name": {"__proto__": {}}}']) {
      expect((await problemsOf("catalog.show_view", JSON.parse(text)))[0]).toContain("__proto__");
    }
    expect((await problemsOf("catalog.show_view", {name: "orders", constructor: {prototype: {polluted: true}}}))[0]).toContain('"constructor"');
    expect(({} as {polluted?: boolean}).polluted).toBeUndefined();
    await expect(call("catalog.show_view", {name: "__proto__"})).rejects.toMatchObject({code: "reference-unknown"});
  });

  it.each(["../elsewhere", "/etc", "out/../../x", "out/{a,..}/b", "out\0x"])("leaves the project by no path: %s", async (path) => {
    await expect(call("partitions.list", {service: "basket", output_root: path})).rejects.toMatchObject({code: "path-outside"});
    await expect(call("audit.run", {path})).rejects.toMatchObject({code: "path-outside"});
    await expect(call("pipeline.compile", {service: "basket", output_dir: path})).rejects.toMatchObject({code: "path-outside"});
  });

  it("names a method that exists", () => {
    expect(() => getMethodName("catalog.show_veiw")).toThrow(expect.objectContaining({code: "method-unknown", hint: 'did you mean "catalog.show_view"?'}));
    expect(() => getMethodName("toString")).toThrow(expect.objectContaining({code: "method-unknown"}));
  });

  it("says which days are meant without contradiction", async () => {
    await expect(call("pipeline.plan", {service: "basket", from_date: shopDays[0]})).rejects.toMatchObject({code: "key-missing"});
    await expect(call("pipeline.plan", {service: "basket", from_date: shopDays[0], to_date: shopDays[0], target_date: shopDays[0]})).rejects.toMatchObject({code: "keys-conflict"});
  });
});
