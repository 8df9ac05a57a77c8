import {readdirSync} from "node:fs";
import {tmpdir} from "node:os";
import {expect, it} from "vitest";
import {findSuited} from "../../src/platform/engine-bench.js";
import {runDaeda} from "../support/run-daeda.js";
import {makeShop, shopFiles} from "../support/shop-project.js";

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("daeda-bench-"));

it("makes the newest day with each engine, compares the rows and leaves nothing behind", async () => {
  const root = await makeShop();
  const before = leftovers();
  const {exitCode, stdout} = await runDaeda(["bench", "basket", "--repeats", "1", "--format", "json"], {directory: root});
  expect(exitCode).toBe(0);
  const {day, engines, suited, configured} = JSON.parse(stdout) as {day: string; engines: {engine: string; rows: number; differing_rows?: number; seconds: number; peak_memory_bytes: number}[]; suited: string; configured: string};
  expect([day, configured]).toEqual(["2026-03-02", "duckdb"]);
  expect(engines.map(({engine, rows, differing_rows: differing}) => [engine, rows, differing])).toEqual([["duckdb", 200, undefined], ["native", 200, 0], ["polars", 200, 0]]);
  for (const {seconds, peak_memory_bytes: peak} of engines) expect([seconds > 0, peak > 2 ** 25]).toEqual([true, true]);
  expect(engines.map(({engine}) => engine)).toContain(suited);
  expect(readdirSync(root)).not.toContain("out");
  expect(leftovers()).toEqual(before);
});

it("says why an engine fails, and that none suits when all do", async () => {
  const root = await makeShop({"feature_services/basket.yaml": shopFiles["feature_services/basket.yaml"].replace("columns:", "checks: [{min_rows: 1000}]\ncolumns:")});
  const {exitCode, stdout} = await runDaeda(["bench", "basket", "--repeats", "1", "--target-date", "2026-03-01"], {directory: root});
  expect(exitCode).toBe(1);
  expect(stdout.match(/min_rows 1000/g)).toHaveLength(3);
  expect(stdout).not.toContain("suits");
});

it("takes the engine with less memory of those that are about as fast, and none whose rows differ", () => {
  const native = {engine: "native", seconds: 1, peakBytes: 300, rows: 1, differing: 0} as const;
  expect(findSuited([{engine: "duckdb", seconds: 1.05, peakBytes: 200, rows: 1}, native])?.engine).toBe("duckdb");
  expect(findSuited([{engine: "duckdb", seconds: 1.5, peakBytes: 200, rows: 1}, native])?.engine).toBe("native");
  expect(findSuited([{engine: "duckdb", seconds: 1.5, peakBytes: 200, rows: 1}, {...native, differing: 1}])?.engine).toBe("duckdb");
  expect(findSuited([{engine: "duckdb", failure: "no memory"}])).toBeUndefined();
});
