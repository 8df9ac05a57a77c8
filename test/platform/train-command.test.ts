import type {ChildProcess} from "node:child_process";
import {existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterEach, beforeEach, describe, expect, it} from "vitest";
import {runDaeda, spawnDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, readDatasets, readRows, shopDays, shopFiles} from "../support/shop-project.js";

let root: string;
beforeEach(async () => {
  root = await makeShop();
});
afterEach(() => rmSync(root, {recursive: true, force: true}));

const daeda = (args: string, env: Readonly<Record<string, string>> = {}): Promise<RunResult> => runDaeda(args.split(" "), {directory: root, env});

interface Summary {
  readonly service: string;
  readonly rows: number;
  readonly output_directory: string;
  readonly days: readonly {readonly day: string; readonly state: string; readonly rows: number; readonly directory: string; readonly checks: readonly object[]}[];
}

async function trainSummary(args: string, env: Readonly<Record<string, string>> = {}): Promise<Summary> {
  const {exitCode, stdout, stderr} = await daeda(`pipeline train ${args} --format json`, env);
  expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: expect.any(String) as string});
  return JSON.parse(stdout) as Summary;
}

describe("pipeline train", () => {
  it("answers with the days on stdout and tells its progress on stderr, a line a day", async () => {
    const {exitCode, stdout, stderr} = await daeda("pipeline train basket --format json");
    expect(exitCode).toBe(0);
    const summary = JSON.parse(stdout) as Summary;
    expect(summary).toMatchObject({service: "basket", rows: 800, output_directory: join(root, "out", "basket")});
    expect(summary.days.map(({day, state, rows}) => ({day, state, rows}))).toEqual(shopDays.map((day) => ({day, state: "written", rows: 200})));
    for (const {directory} of summary.days) expect(await readRows(directory)).toHaveLength(200);
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toBe("basket: 4 days to write, 0 current");
    expect(lines.slice(1)).toHaveLength(4);
    expect(lines[4]).toMatch(/^2026-03-02 \(.+\): 200 rows in \d+\.\d s; 4\/4 days, [\d,]+ rows\/s, ETA 0\.0 s$/);
  });

  it("does nothing the second time, and everything with --force", async () => {
    await trainSummary("basket");
    const again = await daeda("pipeline train basket");
    expect(again.stdout).toMatch(/^basket: wrote 0 days with 0 rows in .*; 4 current\nout\/basket\n$/);
    expect(again.stderr).toBe("basket: 0 days to write, 4 current\n");
    expect((await trainSummary("basket --force")).rows).toBe(800);
  });

  it("makes one day with --target-date, and only its skeleton with --skeleton-only", async () => {
    const summary = await trainSummary("basket --target-date 2026-03-01 --skeleton-only");
    expect(summary.days.map(({day}) => day)).toEqual(["2026-03-01"]);
    expect(readdirSync(join(root, "out", "basket", "skeleton"))).toEqual(["dt=2026-03-01"]);
    expect(existsSync(join(root, "out", "basket", "dataset"))).toBe(false);
    await trainSummary("basket --target-date 2026-03-01 --enrich-only");
    expect(readdirSync(join(root, "out", "basket", "dataset"))).toEqual(["dt=2026-03-01"]);
  });

  it("makes the same rows with several days at once", async () => {
    await trainSummary("basket --output-root one");
    await trainSummary("basket --output-root two --day-workers 3");
    for (const day of shopDays) {
      const [one, two] = await Promise.all(["one", "two"].map((folder) => readRows(join(root, folder, "basket", "dataset", `dt=${day}`))));
      expect(two).toEqual(one);
    }
  });

  it("writes where the flag says, then --set, then the YAML, then the settings", async () => {
    writeFileSync(join(root, "config.toml"), 'output_root = "of-settings"\ndefault_service = "basket"\n');
    const env = {DAEDALUS_CONFIG: "config.toml"};
    const folderOf = async (args: string): Promise<string> =>
      (await trainSummary(`--target-date 2026-03-01 --skeleton-only ${args}`.trim(), env)).output_directory.slice(root.length + 1);
    expect(await folderOf("--output-root of-flag --set output_root=of-set")).toBe("of-flag/basket");
    expect(await folderOf("--set output_root=of-set")).toBe("of-set/basket");
    expect(await folderOf("")).toBe("out/basket");
    writeFileSync(join(root, "config/training/runtime.yaml"), shopFiles["config/training/runtime.yaml"].replace("output_root: out\n", ""));
    expect(await folderOf("")).toBe("of-settings/basket");
    rmSync(join(root, "config.toml"));
    expect(await folderOf("basket")).toBe("data/training_output/basket");
  });

  it("refuses an engine that does not exist, naming the nearest", async () => {
    const {exitCode, stdout, stderr} = await daeda("pipeline train basket --engine duckbd");
    expect({exitCode, stdout}).toEqual({exitCode: 1, stdout: ""});
    expect(stderr).toMatch(/^error engine-unknown: .*duckbd.*\n {2}hint: did you mean "duckdb"\?\n$/);
  });

  it("exits with 3 when a check of severity error fails, and publishes nothing", async () => {
    const path = join(root, "feature_services/basket.yaml");
    writeFileSync(path, `${readFileSync(path, "utf8")}checks:\n  - {min_rows: 100000}\n`);
    const {exitCode, stdout, stderr} = await daeda("pipeline train basket --target-date 2026-03-01");
    expect({exitCode, stdout}).toEqual({exitCode: 3, stdout: ""});
    expect(stderr).toContain("error checks-failed");
    expect(existsSync(join(root, "out", "basket", "dataset", "dt=2026-03-01"))).toBe(false);
  });

  it("says what a check of severity warn found, and publishes", async () => {
    const path = join(root, "feature_services/basket.yaml");
    writeFileSync(path, `${readFileSync(path, "utf8")}checks:\n  - {min_rows: 100000, severity: warn}\n`);
    const {exitCode, stdout} = await daeda("pipeline train basket --target-date 2026-03-01");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}2026-03-01: warn min_rows.*200/m);
    expect(existsSync(join(root, "out", "basket", "dataset", "dt=2026-03-01"))).toBe(true);
  });
});

describe("a training run that is stopped", () => {
  /** Sends the signal when the first day is done. */
  const signalAfterFirstDay = (signal: NodeJS.Signals) => (child: ChildProcess): void => {
    const listen = (chunk: Buffer): void => {
      if (!chunk.toString().includes("1/4 days")) return;
      child.stderr!.off("data", listen);
      child.kill(signal);
    };
    child.stderr!.on("data", listen);
  };

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s exits with %d, keeps finished days, leaves nothing half-written, and goes on from there", async (signal, expected) => {
    const {exitCode, stdout, stderr} = await spawnDaeda(["pipeline", "train", "basket"], {directory: root, onStart: signalAfterFirstDay(signal)});
    expect({exitCode, stdout}).toEqual({exitCode: expected, stdout: ""});
    expect(stderr).toContain(`stopped by ${signal}`);
    expect(stderr).not.toContain("bug");
    const published = readdirSync(join(root, "out", "basket", "dataset"));
    expect(published.length).toBeGreaterThanOrEqual(1);
    expect(published.length).toBeLessThan(4);

    const resumed = await trainSummary("basket");
    expect(resumed.days.filter(({state}) => state === "current")).toHaveLength(published.length);
    const interrupted = await readDatasets(root);
    await trainSummary("basket --force");
    expect(await readDatasets(root)).toEqual(interrupted);
  });
});
