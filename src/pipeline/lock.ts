/**
 * One writer a partition: a lock file that names its owner's process and host. It appears whole or not at all, and is taken over
 * when its owner on this host is dead; an owner on another host cannot be seen, so its lock stands until somebody removes it, or the
 * job that it belonged to is begun again elsewhere.
 */
import {linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from "node:fs";
import {hostname} from "node:os";
import {dirname} from "node:path";
import {randomUUID} from "node:crypto";
import {DaedalusError} from "../errors.js";

export interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly token: string;
  /** What the owner was started for, where whoever started it makes sure that it has one process at a time. */
  readonly job?: string | undefined;
}

export interface Lock {
  release(): void;
}

/** Of a partition, which may be in a bucket. */
export interface DayLock {
  release(): void | Promise<void>;
}

const hasCode = (error: unknown, code: string): boolean => error instanceof Error && "code" in error && error.code === code;

/** This process, as the owner of one lock. */
export const newOwner = (): Owner => ({pid: process.pid, host: hostname(), token: randomUUID(), job: process.env["DAEDALUS_JOB"]});

/** @throws DaedalusError `partition-locked` when a living owner, or one on another host, holds it. */
export function acquireLock(path: string, what: string): Lock {
  mkdirSync(dirname(path), {recursive: true});
  const mine = newOwner();
  const draft = `${path}.${mine.token}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        linkSync(draft, path);
        return {release: () => releaseLock(path, mine)};
      } catch (error) {
        if (!hasCode(error, "EEXIST")) throw error;
      }
      const owner = readOwner(path);
      if (owner && isAlive(owner, mine)) throw DaedalusError.of("partition-locked", {what, path, pid: owner.pid, host: owner.host});
      takeAway(path, owner);
    }
  } finally {
    rmSync(draft, {force: true});
  }
  throw DaedalusError.of("partition-locked", {what, path, pid: 0, host: "another process"});
}

/** Undefined when the lock has gone meanwhile. */
function readOwner(path: string): Owner | undefined {
  try {
    return parseOwner(readFileSync(path, "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Locks appear whole, so a broken one was edited by hand: nobody owns it. */
export function parseOwner(text: string): Owner {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return {pid: -1, host: hostname(), token: ""};
  }
}

export function isAlive({pid, host, job}: Owner, mine: Owner): boolean {
  if (host !== mine.host) return job === undefined || job !== mine.job;
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/** Moves a dead owner's lock aside; if another process was faster, its new lock is put back. */
function takeAway(path: string, dead: Owner | undefined): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  const moved = readOwner(aside);
  if (moved && dead && moved.token !== dead.token) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  }
  rmSync(aside, {force: true});
}

function releaseLock(path: string, mine: Owner): void {
  if (readOwner(path)?.token === mine.token) rmSync(path, {force: true});
}
