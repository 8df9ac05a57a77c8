/** A run may be killed at any moment: what is published is whole, and the next run ends where an uninterrupted one would have. */
import {spawn} from "node:child_process";
import {existsSync, readdirSync} from "node:fs";
import {join} from "node:path";
import {setTimeout as delay} from "node:timers/promises";
import {beforeAll, describe, expect, it} from "vitest";
import {daedaPath, spawnDaeda} from "../support/run-daeda.js";
import {makeShop, march, marchDays, readDatasets, readManifestOf} from "../support/shop-project.js";
import {seededRandom} from "../support/seeded-random.js";

const args = ["pipeline", "train", "basket"];

/** Kills the run after `ms`; gives its exit code, null when the signal ended it. */
async function runAndKill(root: string, ms: number, signal: NodeJS.Signals): Promise<number | null> {
  const child = spawn(process.execPath, [daedaPath, ...args], {cwd: root, env: {PATH: process.env["PATH"] ?? "", HOME: root}, stdio: "ignore"});
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await Promise.race([delay(ms), ended]);
  child.kill(signal);
  return ended;
}

function expectWhole(root: string): void {
  for (const stage of ["skeleton", "dataset"]) {
    const directory = join(root, "out", "basket", stage);
    if (!existsSync(directory)) continue;
    for (const partition of readdirSync(directory)) {
      const manifest = readManifestOf(root, stage, partition.slice(3));
      const names = readdirSync(join(directory, partition)).filter((name) => name.endsWith(".parquet"));
      expect((manifest["files"] as {name: string}[]).map((file) => file.name)).toEqual(names.sort());
    }
  }
}

describe("a killed run", () => {
  let wanted: Record<string, string[]>;
  let wholeMs: number;
  beforeAll(async () => {
    const root = await makeShop(march);
    const startedMs = Date.now();
    const {exitCode, stderr} = await spawnDaeda(args, {directory: root});
    expect(stderr + String(exitCode)).toMatch(/0$/);
    wholeMs = Date.now() - startedMs;
    wanted = await readDatasets(root);
  });

  it("leaves whole days after SIGKILL at 50 random moments, and what a later run finishes equals an uninterrupted one (seed 11)", {timeout: 280_000}, async () => {
    const random = seededRandom(11);
    let root = await makeShop(march);
    let finished = 0;
    for (let kill = 0; kill < 50; kill += 1) {
      // Between the start of the process and its end; what one run published the next one finds.
      const exitCode = await runAndKill(root, (0.2 + 0.8 * random()) * wholeMs, "SIGKILL");
      expectWhole(root);
      if (exitCode === null) continue;
      expect(exitCode).toBe(0);
      expect(await readDatasets(root)).toEqual(wanted);
      finished += 1;
      root = await makeShop(march);
    }
    const {exitCode, stderr} = await spawnDaeda(args, {directory: root});
    expect(exitCode, stderr).toBe(0);
    expect(await readDatasets(root)).toEqual(wanted);
    expect(readdirSync(join(root, "out", "basket", "dataset"))).toEqual(marchDays.map((day) => `dt=${day}`));
    expect(finished).toBeLessThan(50);
  });

  it("stops cleanly at SIGINT with exit code 130 and leaves nothing half-written", async () => {
    const root = await makeShop(march);
    const {exitCode, stderr} = await spawnDaeda(args, {
      directory: root,
      // The first line about a day says that the run is in the middle of it.
      onStart: (child) => child.stderr?.once("data", () => child.kill("SIGINT")),
    });
    expect(exitCode, stderr).toBe(130);
    expectWhole(root);
    const staging = join(root, "out", "basket", ".staging");
    const left = existsSync(staging) ? readdirSync(staging, {recursive: true}).filter((name) => String(name).includes("dt=")) : [];
    expect(left).toEqual([]);
    expect((await spawnDaeda(args, {directory: root})).exitCode).toBe(0);
    expect(await readDatasets(root)).toEqual(wanted);
  });
});
