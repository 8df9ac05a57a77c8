import {spawnSync} from "node:child_process";
import {existsSync, mkdtempSync, readdirSync, writeFileSync} from "node:fs";
import {hostname, tmpdir} from "node:os";
import {join} from "node:path";
import {describe, expect, it} from "vitest";
import {acquireLock} from "../../src/pipeline/lock.js";

const newPath = (): string => join(mkdtempSync(join(tmpdir(), "daedalus-lock-")), "dt=2026-03-02.lock");
const deadPid = (): number => spawnSync("true").pid;
const locked = expect.objectContaining({code: "partition-locked"}) as Error;

describe("a partition's lock", () => {
  it("keeps a second owner out until it is released", () => {
    const path = newPath();
    const lock = acquireLock(path, "basket 2026-03-02");
    expect(() => acquireLock(path, "basket 2026-03-02")).toThrow(locked);
    lock.release();
    acquireLock(path, "basket 2026-03-02").release();
    expect(readdirSync(join(path, ".."))).toEqual([]);
  });

  it("is taken over from a dead process of this host", () => {
    const path = newPath();
    writeFileSync(path, JSON.stringify({pid: deadPid(), host: hostname(), token: "old"}));
    const lock = acquireLock(path, "basket");
    expect(() => acquireLock(path, "basket")).toThrow(locked);
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it("is not taken over from another host, and says whose it is and which file to remove", () => {
    const path = newPath();
    writeFileSync(path, JSON.stringify({pid: 1, host: "elsewhere", token: "theirs"}));
    expect(() => acquireLock(path, "basket")).toThrow(expect.objectContaining({facts: {what: "basket", path, pid: 1, host: "elsewhere"}, hint: expect.stringContaining(path) as string}) as Error);
  });

  it("is taken over when its file was broken by hand", () => {
    const path = newPath();
    writeFileSync(path, "{");
    acquireLock(path, "basket").release();
    expect(existsSync(path)).toBe(false);
  });

  it("does not remove a lock that another owner has taken meanwhile", () => {
    const path = newPath();
    const lock = acquireLock(path, "basket");
    writeFileSync(path, JSON.stringify({pid: process.pid, host: hostname(), token: "other"}));
    lock.release();
    expect(existsSync(path)).toBe(true);
  });
});
