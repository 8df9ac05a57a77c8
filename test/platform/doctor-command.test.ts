import {rmSync} from "node:fs";
import {join} from "node:path";
import {expect, it} from "vitest";
import {runDaeda} from "../support/run-daeda.js";
import {makeShop, shopFiles} from "../support/shop-project.js";

it("says of each view what its source holds, and goes on past one that fails", async () => {
  const root = await makeShop();
  const healthy = await runDaeda(["doctor", "--format", "json"], {directory: root});
  expect(healthy.exitCode).toBe(0);
  const {views} = JSON.parse(healthy.stdout) as {views: Record<string, unknown>[]};
  expect(views).toMatchObject([
    {view: "orders", source: "ok", rows: 800, parts: 4, newest: expect.stringMatching(/^2026-03-02T/) as string, problems: []},
    {view: "prices", source: "ok", rows: 60, parts: 1},
    {view: "products", source: "ok", rows: 11, newest: null},
  ]);

  rmSync(join(root, "data/products.parquet"));
  const ill = await makeShop({"feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace("path: data/prices.parquet", 'database_path: "postgresql://${NO_SUCH_USER}@127.0.0.1/shop", table_name: prices')});
  rmSync(join(ill, "data/products.parquet"));
  const report = await runDaeda(["doctor"], {directory: ill});
  expect(report.exitCode).toBe(1);
  expect(report.stdout).toMatch(/orders +ok +800/);
  expect(report.stdout).toMatch(/prices +failed/);
  expect(report.stderr).toMatch(/feature_views\/prices\.yaml:\d+:\d+: error environment-missing/);
  expect(report.stderr).toMatch(/error source-missing/);
});
