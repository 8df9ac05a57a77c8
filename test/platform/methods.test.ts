/** Methods that look at data, called as every face calls them. */
import {rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import type {DaedalusError} from "../../src/errors.js";
import type {MethodContext} from "../../src/platform/context.js";
import {methods} from "../../src/platform/methods.js";
import {makeContext} from "../support/method-context.js";
import {makeShop, shopDays, shopFiles, trainShop} from "../support/shop-project.js";

let root: string;
const warnings: DaedalusError[] = [];
let context: MethodContext;

beforeAll(async () => {
  root = await makeShop();
  await trainShop(root, {targetDay: shopDays[0]!});
  context = makeContext(root, {overrides: ["feed_end=202604"], onWarning: (problem) => warnings.push(problem)});
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

it("plans and shows the days of a service, and gives warnings to the caller", async () => {
  const plan = await methods["pipeline.plan"]({service: "basket"}, context);
  expect(plan.counts).toEqual({missing: 3, stale: 0, current: 1});
  expect(plan.groups.map(({days, state}) => [days, state])).toEqual([[shopDays.slice(0, 1), "current"], [shopDays.slice(1), "missing"]]);
  expect(warnings.map(({code}) => code)).toEqual(["month-empty"]);
  expect((await methods["pipeline.plan"]({service: "basket", target_date: shopDays[1]}, context)).groups.map(({days}) => days)).toEqual([[shopDays[1]]]);
  expect((await methods["pipeline.plan"]({service: "basket", output_root: "elsewhere"}, context)).counts.missing).toBe(4);
  expect((await methods["pipeline.status"]({service: "basket", skeleton_only: true}, context)).days.map(({state}) => state)).toEqual(["current", "missing", "missing", "missing"]);
});

it("audits a path of the project by its manifests", async () => {
  const answer = await methods["audit.run"]({path: "out/basket/dataset", sample: 20, columns: ["price", "bought"]}, context);
  expect(answer).toMatchObject({path: "out/basket/dataset", service: "basket", passed: true, rows: 200, rows_checked: 20, seed: 1});
  expect(answer.columns.map(({name}) => name)).toEqual(["price", "bought"]);
  const full = await methods["audit.run"]({path: "out/basket/dataset", full: true, columns: ["price"]}, context);
  expect(full).toMatchObject({rows_checked: 200, seed: null});
});

it("says of partitions that were made by other definitions what changed, so that a mismatch is not taken for a leak", async () => {
  const changed = {...context, loadProject: () => loadProject({root, overrides: ["feed_end=202604"], aggregationConfigPath: "config/training/changed.yaml"})};
  writeFileSync(join(root, "config/training/changed.yaml"), shopFiles["config/training/aggregations.yaml"].replace("max_items: 4", "max_items: 2"));
  const audited = {path: "out/basket/dataset", columns: ["price", "bought"]};
  const answer = await methods["audit.run"](audited, changed);
  expect(answer.notes).toEqual(["dt=2026-02-26 is stale (bought: the definition changed): what differs may come from that change and be no leak"]);
  expect(answer.columns.map(({status}) => status)).toEqual(["ok", "mismatch"]);
  expect((await methods["audit.run"](audited, context)).notes).toEqual([]);
});

it("names the services there are when it is asked for another", async () => {
  await expect(methods["pipeline.status"]({service: "baskett"}, context)).rejects.toMatchObject({code: "reference-unknown"});
});
