/** One writer a partition in a bucket: an object that only one can create, with the same owner in it as a lock file has. */
import {setTimeout as sleep} from "node:timers/promises";
import {DaedalusError} from "../errors.js";
import type {ObjectClient} from "../sources/object-client.js";
import {isAlive, newOwner, parseOwner, type DayLock} from "./lock.js";

const attemptsMax = 5;

/** @throws DaedalusError `partition-locked` when a living owner, or one on another host, holds it. */
export async function acquireBucketLock(client: ObjectClient, key: string, {what, path}: {readonly what: string; readonly path: string}): Promise<DayLock> {
  const mine = newOwner();
  const text = JSON.stringify(mine);
  const release = async (): Promise<void> => {
    const found = await client.read(key);
    if (found && parseOwner(found.text).token === mine.token) await client.remove(key);
  };
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (await client.write(key, text, {isAbsent: true})) return {release};
    const found = await client.read(key);
    if (found) {
      const owner = parseOwner(found.text);
      // An answer that was lost on its way: the request that was sent again met its own lock.
      if (owner.token === mine.token) return {release};
      if (isAlive(owner, mine)) throw DaedalusError.of("partition-locked", {what, path, pid: owner.pid, host: owner.host});
      if (await client.write(key, text, {etag: found.etag})) return {release};
    }
    // A store may refuse both of two writers at one time.
    await sleep(20 + Math.random() * 100);
  }
  throw DaedalusError.of("partition-locked", {what, path, pid: 0, host: "another process"});
}
