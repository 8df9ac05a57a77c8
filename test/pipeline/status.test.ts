/** How the days of a service stand, and how that is shown. */
import {appendFileSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {PartitionStore} from "../../src/pipeline/partition.js";
import {readStatus, type ServiceStatus} from "../../src/pipeline/status.js";
import {renderServiceStatus, serviceStatusToData} from "../../src/platform/status-report.js";
import {makeShop, readManifestOf, shopDays, trainShop} from "../support/shop-project.js";

async function status(root: string, stages: "both" | "skeleton" = "both"): Promise<ServiceStatus> {
  const project = loadProject({root});
  return readStatus({project, service: project.services.get("basket")!, stages});
}

it("shows current, stale, missing and failed days in a calendar", async () => {
  const root = await makeShop();
  for (const targetDay of shopDays.slice(1)) await trainShop(root, {targetDay});
  const touched = join(root, "data/orders/dt=2026-03-02/part-0.parquet");
  utimesSync(touched, new Date(), new Date(Date.now() + 5000));
  const service = join(root, "feature_services/basket.yaml");
  const before = readFileSync(service, "utf8");
  appendFileSync(service, "checks: [{min_rows: 1000}]\n");
  await expect(trainShop(root, {targetDay: "2026-02-27"})).rejects.toMatchObject({code: "checks-failed"});

  const found = await status(root);
  expect(found.days.map(({day, state, reason}) => [day, state, reason])).toEqual([
    ["2026-02-26", "missing", "missing"],
    ["2026-02-27", "failed", "min_rows 1000 (200 rows)"],
    ["2026-03-01", "stale", "the checks changed"],
    ["2026-03-02", "stale", 'the source of view "orders" changed'],
  ]);
  const lines = renderServiceStatus(found, root).split("\n");
  expect(lines[0]).toBe("basket: 0 current, 2 stale, 1 missing, 1 failed");
  expect(lines[1]).toMatch(/^600 rows, [\d.]+ kB, last written \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  expect(lines.slice(3)).toEqual([
    "         1        10        20        30",
    "2026-02  .........................-!.",
    "2026-03  ~~.............................",
    "",
    "# current   ~ stale   - missing   ! failed   ? current, with warnings   . no data",
    "2026-02-27 failed: min_rows 1000 (200 rows)",
    "out/basket",
  ]);

  expect(found.days[1]!.failedChecks).toEqual([{check: "min_rows 1000", found: "200 rows"}]);
  writeFileSync(join(root, "out/basket/.staging/skeleton/dt=2026-02-27/_failed.json"), "{");
  expect((await status(root)).days[1]).toMatchObject({state: "failed", reason: "it failed its checks", failedChecks: []});

  // Without the check the day is what it was: current.
  writeFileSync(service, before);
  expect((await status(root)).days.map(({state}) => state)).toEqual(["missing", "current", "current", "stale"]);
});

it("says of a day why its last run failed, and not an earlier one", async () => {
  const partitions = new PartitionStore(join(await makeShop(), "out/basket"));
  partitions.stage("dataset", "2026-03-01");
  partitions.noteFailure("dataset", "2026-03-01", [{check: "old", found: "1 row"}]);
  partitions.stage("skeleton", "2026-03-01");
  expect(partitions.failures()).toEqual(new Map());
  partitions.noteFailure("skeleton", "2026-03-01", [{check: "new", found: "2 rows"}]);
  expect(partitions.failures()).toEqual(new Map([["2026-03-01", [{check: "new", found: "2 rows"}]]]));
});

it("takes a manifest that cannot be read for no missing day", async () => {
  const root = await makeShop();
  await trainShop(root, {targetDay: "2026-03-01"});
  const path = join(root, "out/basket/skeleton/dt=2026-03-01/_manifest.json");
  rmSync(path);
  mkdirSync(path);
  await expect(status(root)).rejects.toMatchObject({code: "file-unreadable", facts: {path}});
  await expect(trainShop(root, {targetDay: "2026-03-01"})).rejects.toMatchObject({code: "file-unreadable"});
});

it("counts rows once, bytes of both stages, and the last writing", async () => {
  const root = await makeShop();
  await trainShop(root);
  const bytes = ["skeleton", "dataset"].flatMap((stage) => shopDays.flatMap((day) => (readManifestOf(root, stage, day)["files"] as {bytes: number}[]).map((file) => file.bytes)));
  const data = serviceStatusToData(await status(root));
  expect(data).toMatchObject({
    counts: {current: 4, stale: 0, missing: 0, failed: 0},
    rows: 800,
    bytes: bytes.reduce((sum, size) => sum + size, 0),
    last_written_at: readManifestOf(root, "dataset", "2026-03-02")["written_at"],
  });
  expect(data["days"]).toEqual(shopDays.map((day) => ({day, state: "current", reason: null, warnings: [], failed_checks: []})));
});

it("says of a service that nothing was trained of that all is missing, and of skeletons alone what they are", async () => {
  const root = await makeShop();
  const empty = await status(root);
  expect(empty).toMatchObject({rows: 0, bytes: 0, lastWrittenAt: undefined});
  expect(renderServiceStatus(empty, root)).toContain("0 rows, 0 B, nothing written yet");
  await trainShop(root, {stages: "skeleton"});
  expect((await status(root)).days.map(({state}) => state)).toEqual(["missing", "missing", "missing", "missing"]);
  expect((await status(root, "skeleton")).days.map(({state}) => state)).toEqual(["current", "current", "current", "current"]);
});

it("shows what checks warned of, a line for each check, with its days in the calendar and in the data", async () => {
  const root = await makeShop();
  const service = join(root, "feature_services/basket.yaml");
  const checked = readFileSync(service, "utf8").replace("{name: customer_id, kind: key, dtype: BIGINT}", "{name: customer_id, kind: key, dtype: BIGINT, checks: [{not_null: true, severity: warn}]}");
  writeFileSync(service, checked);
  await trainShop(root);
  const found = await status(root);
  const lines = renderServiceStatus(found, root).split("\n");
  expect(lines.slice(4, 6)).toEqual(["2026-02  .........................??.", "2026-03  ??............................."]);
  expect(lines).toContain("4 days warned: customer_id: not_null; last 2026-03-02 (20 rows)");
  const [first] = serviceStatusToData(found).days;
  expect(first).toMatchObject({state: "current", warnings: [{check: "customer_id: not_null", found: "20 rows"}], failed_checks: []});
});
