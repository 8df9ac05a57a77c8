/** What happens when the disk of the output is full or can no longer be written: a small file system of its own, where one can be mounted. */
import {spawnSync} from "node:child_process";
import {existsSync, mkdtempSync, readdirSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterEach, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {nativeWithin} from "../../src/engines/native/native.js";
import {DaedalusError} from "../../src/errors.js";
import {explainWriteFailure} from "../../src/pipeline/failure.js";
import {makeShop, readDatasets, readRows, trainShop} from "../support/shop-project.js";

const mount = (...args: string[]): boolean => spawnSync("mount", args, {stdio: "ignore"}).status === 0;
const folder = mkdtempSync(join(tmpdir(), "daedalus-disk-"));
const mountSmall = (): boolean => mount("-t", "tmpfs", "-o", "size=36k", "tmpfs", folder);

function canMount(): boolean {
  const isMounted = mountSmall();
  if (isMounted) spawnSync("umount", [folder]);
  return isMounted;
}

const published = (stage: string): string[] => {
  const directory = join(folder, "basket", stage);
  return existsSync(directory) ? readdirSync(directory) : [];
};

const staged = (): string[] => {
  const directory = join(folder, "basket", ".staging");
  return existsSync(directory) ? readdirSync(directory, {recursive: true}).map(String).filter((name) => name.includes("dt=")) : [];
};

async function failure(promise: Promise<unknown>): Promise<DaedalusError> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DaedalusError);
  return error as DaedalusError;
}

describe.skipIf(!canMount())("a disk of its own (skipped where nothing can be mounted)", () => {
  afterEach(() => spawnSync("umount", [folder]));

  it("that is full ends the run clearly, keeps finished days, and lets the next run go on when there is space", async () => {
    const root = await makeShop();
    expect(mountSmall()).toBe(true);
    const error = await failure(trainShop(root, {outputRoot: folder}));
    expect(error).toMatchObject({code: "disk-full"});
    expect(error.hint).toContain("finished days are kept");
    expect(staged()).toEqual([]);
    expect(published("dataset").length).toBeGreaterThan(0);
    expect(published("dataset").length).toBeLessThan(4);

    expect(mount("-o", "remount,size=16m", folder)).toBe(true);
    const states = new Set((await trainShop(root, {outputRoot: folder})).days.map((day) => day.state));
    expect(states).toEqual(new Set(["current", "written"]));
    await trainShop(root);
    const wanted = await readDatasets(root);
    for (const day of published("dataset")) expect(await readRows(join(folder, "basket", "dataset", day))).toEqual(wanted[`dataset/${day}`]);
  });

  it("that becomes read-only is named, and what was published stays", async () => {
    const root = await makeShop();
    expect(mountSmall()).toBe(true);
    await trainShop(root, {outputRoot: folder, targetDay: "2026-03-01"});
    expect(mount("-o", "remount,ro", folder)).toBe(true);
    expect(await failure(trainShop(root, {outputRoot: folder, targetDay: "2026-03-02"}))).toMatchObject({code: "output-unwritable"});
    expect(published("dataset")).toEqual(["dt=2026-03-01"]);
    expect(await readRows(join(folder, "basket", "dataset", "dt=2026-03-01"))).toHaveLength(200);
  });

  it("that has no room for windows which memory has none for ends them clearly, and leaves nothing of them", async () => {
    expect(mountSmall()).toBe(true);
    const session = await DuckDbSession.open({scratchRoot: folder});
    try {
      await session.run("CREATE TABLE target AS SELECT range AS __row, range AS __ts, range % 7 AS user_id FROM range(20000)");
      const window = {name: "counted", operation: "count", value: undefined, elementType: "BIGINT", condition: undefined, pairCondition: undefined, windowUs: undefined, maxItems: undefined, current: undefined, exclude: undefined, knownAt: undefined} as const;
      const task = {target: "target", history: "target", output: "windows", keys: [{target: "user_id", history: "user_id"}], orderColumns: [], windows: [window]};
      const error: unknown = await nativeWithin(() => ({resultBytes: 0, historyBytes: 1 << 20, targetBytes: 1 << 20})).run(session, task).catch((reason: unknown) => reason);
      expect(explainWriteFailure(error, folder)).toMatchObject({code: "disk-full"});
      expect(readdirSync(session.scratchDirectory)).toEqual([]);
    } finally {
      session.close();
    }
  });
});
