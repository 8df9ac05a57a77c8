import {readdirSync, readFileSync} from "node:fs";
import {describe, expect, it} from "vitest";
import {parse} from "yaml";
import {z} from "zod";
import {renderJsonSchemas, schemaFile, type SchemaName} from "../../src/definitions/json-schema.js";
import {keysOf, type SchemaNode} from "./schema-keys.js";

const rendered = renderJsonSchemas();
const read = (name: SchemaName): SchemaNode => JSON.parse(rendered.get(schemaFile(name)) ?? "") as SchemaNode;

const validators = {
  base: z.fromJSONSchema(read("base") as never),
  runtime: z.fromJSONSchema(read("runtime") as never),
  aggregations: z.fromJSONSchema(read("aggregations") as never),
  view: z.fromJSONSchema(read("view") as never),
  service: z.fromJSONSchema(read("service") as never),
  test: z.fromJSONSchema(read("test") as never),
} as const;

const yamlFiles = (folder: string): string[] => readdirSync(folder).map((name) => `${folder}/${name}`);
const examples: [SchemaName, string][] = ["examples/recommender", "examples/online-retail"].flatMap((root): [SchemaName, string][] => [
  ["base", `${root}/config/base.yaml`],
  ["runtime", `${root}/config/training/runtime.yaml`],
  ["aggregations", `${root}/config/training/aggregations.yaml`],
  ...yamlFiles(`${root}/feature_views`).map((file): [SchemaName, string] => ["view", file]),
  ...yamlFiles(`${root}/feature_services`).map((file): [SchemaName, string] => ["service", file]),
]);
examples.push(["test", "examples/recommender/tests/dssm_ranking.test.yaml"]);

describe("the JSON Schemas", () => {
  it("are one for each kind of file", () => {
    expect([...rendered.keys()]).toEqual([
      "view.schema.json",
      "service.schema.json",
      "base.schema.json",
      "runtime.schema.json",
      "aggregations.schema.json",
      "test.schema.json",
    ]);
  });

  it("describe every key", () => {
    const silent = (Object.keys(validators) as SchemaName[]).flatMap((name) =>
      [...keysOf(read(name))].filter(({node}) => node.description === undefined).map(({path}) => `${name}: ${path}`),
    );
    expect(silent).toEqual([]);
  });

  it("tell the documented defaults", () => {
    const defaults = Object.fromEntries([...keysOf(read("runtime"))].flatMap(({path, node}) => ("default" in node ? [[path, node.default]] : [])));
    expect(defaults).toEqual({
      entity_spine_chunk_rows: 500_000,
      day_workers: 1,
      "compute.engine": "duckdb",
      output_root: "data/training_output",
      "output_lake.schema": "main",
    });
  });

  it.each(examples)("accept, as %s, %s", (name, file) => {
    expect(validators[name].safeParse(parse(readFileSync(file, "utf8"))).error?.issues).toBeUndefined();
  });

  it("accept a constant's name for a number", () => {
    expect(validators.runtime.safeParse({day_workers: "workers"}).success).toBe(true);
  });

  it.each([
    ["base", {a: true}],
    ["runtime", {day_worker: 1}],
    ["runtime", {compute: {engine: "polar"}}],
    ["runtime", {feed_start: "202613"}],
    ["aggregations", {aggregation_specs: [{name: "a", group_by: ["b"], window_days: 7}]}],
    ["view", {name: "__a", entity: "user", source: {}, fields: []}],
    ["view", {name: "a", entity: "user", source: {}, fields: [{name: "b", dtype: "BIGNIT"}]}],
    ["view", {name: "a", entity: "user", ttl: "90 days", source: {}, fields: []}],
    ["service", {name: "a"}],
    ["test", {cases: []}],
    ["test", {cases: [{name: "a", expects: []}]}],
    ["test", {cases: [{name: "a", expect: [], rows: {feed: 1}}]}],
  ] as const)("refuse, as %s, %j", (name, value) => {
    expect(validators[name].safeParse(value).success).toBe(false);
  });
});
