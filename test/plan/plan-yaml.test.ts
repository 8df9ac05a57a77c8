import {describe, expect, it} from "vitest";
import {Problems} from "../../src/errors.js";
import {findRefusal} from "../../src/plan/can-run-on.js";
import type {Plan} from "../../src/plan/operator.js";
import {applyOverride, parseOverride, parsePlan, renderPlan} from "../../src/plan/plan-yaml.js";

const udf = {inputs: ["day"], engine: "worker", udf: "lookup_embedding_udf", store: "s", sourceColumn: "item_id", column: "v", dtype: "HALF_FLOAT[4]"} as const;
const plan: Plan = {
  service: "s",
  version: 1,
  timeColumn: "at",
  operators: [
    {opKind: "scan", name: "scan_day", inputs: [], output: "day", engine: "sql", view: "feed", columns: ["at"], timeColumn: "at", fromUs: 0},
    {opKind: "arrow_udf_transform", name: "enrich_v", output: "v", ...udf},
  ],
};

describe("a plan as YAML", () => {
  it("reads back as the same plan", () => {
    expect(parsePlan(renderPlan(plan), "p.yaml")).toEqual(plan);
  });

  it("reads pythonic as worker", () => {
    expect(parsePlan(renderPlan(plan).replace("engine: worker", "engine: pythonic"), "p.yaml")).toEqual(plan);
  });

  it.each([
    ["broken YAML", "a: [", "plan-broken"],
    ["an unknown operator kind", renderPlan(plan).replace("op_kind: scan", "op_kind: scam"), "plan-broken"],
    ["an unknown key", renderPlan(plan).replace("view: feed", "view: feed\n    speed: 3"), "plan-broken"],
    ["an edited value", renderPlan(plan).replace("view: feed", "view: food"), "plan-digest"],
  ])("refuses %s", (_what, text, code) => {
    expect(() => parsePlan(text, "p.yaml")).toThrow(expect.objectContaining({code}));
  });
});

describe("the override beside a plan", () => {
  const apply = (text: string): {result: Plan; problems: Problems} => {
    const problems = new Problems();
    return {result: applyOverride(plan, parseOverride(text, "s.yaml"), "s.yaml", problems), problems};
  };

  it("changes the tag of an operator by its name", () => {
    const {result, problems} = apply("engines: {enrich_v: pythonic}");
    expect(problems.all).toEqual([]);
    expect(result.operators[1]!.engine).toBe("worker");
  });

  it("changes nothing when it is empty", () => {
    expect(apply("# nothing yet\n").result).toEqual(plan);
  });

  it.each([
    ["an unknown operator", "engines: {enrich_w: worker}", "override-unknown", {nearest: "enrich_v"}],
    ["an unknown tag", "engines: {enrich_v: gpu}", "override-unknown", {what: "an engine tag"}],
    ["a tag that the operator cannot carry", "engines: {scan_day: worker}", "engine-impossible", {operator: "scan_day"}],
  ])("refuses %s", (_what, text, code, facts) => {
    const {problems} = apply(text);
    expect(problems.all[0]).toMatchObject({code, facts});
  });

  it("refuses another key than engines", () => {
    expect(() => parseOverride("engine: {}", "s.yaml")).toThrow(expect.objectContaining({code: "plan-broken"}));
  });

  it("says why a tag is not possible, and nothing where it is", () => {
    expect(findRefusal(plan.operators[1]!, "sql")).toContain("embedding store");
    expect(findRefusal(plan.operators[1]!, "worker")).toBeUndefined();
  });
});
