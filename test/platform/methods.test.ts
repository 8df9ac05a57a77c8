/** Methods that look at data, called as every face calls them. */
import {rmSync} from "node:fs";
import {afterAll, beforeAll, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import type {DaedalusError} from "../../src/errors.js";
import type {MethodContext} from "../../src/platform/context.js";
import {methods} from "../../src/platform/methods.js";
import {readSettings, settingsPath} from "../../src/platform/settings.js";
import {makeShop, shopDays, trainShop} from "../support/shop-project.js";

let root: string;
const warnings: DaedalusError[] = [];
let context: MethodContext;

beforeAll(async () => {
  root = await makeShop();
  await trainShop(root, {targetDay: shopDays[0]!});
  const projectOptions = {root, overrides: ["feed_end=202604"]};
  context = {
    settings: readSettings(settingsPath({HOME: root})),
    projectOptions,
    environment: {},
    signal: new AbortController().signal,
    onWarning: (problem) => warnings.push(problem),
    loadProject: () => loadProject(projectOptions),
  };
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

it("names the services there are when it is asked for another", async () => {
  await expect(methods["pipeline.status"]({service: "baskett"}, context)).rejects.toMatchObject({code: "reference-unknown"});
});
