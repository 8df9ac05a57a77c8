/** Whether the process that keeps a run is still there. */
import {readFileSync} from "node:fs";
import {hostname} from "node:os";
import type {RunRecord} from "./run-record.js";

/** When a process started, in ticks since its machine did; null where the system does not say. */
export function findProcessStart(pid: number): string | null {
  try {
    // The name of the program stands in brackets and may itself hold spaces and brackets.
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

/** A process of another host cannot be seen, and counts as alive. */
export function isProcessAlive({host, pid, process_started: started}: RunRecord): boolean {
  if (host !== hostname()) return true;
  if (pid === null) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return started === null || findProcessStart(pid) === started;
}

/** Ends what a dead process left running: whoever keeps a run leads a group, and its number stays taken while the group lives. */
export function endOrphans({host, pid}: RunRecord): void {
  if (host !== hostname() || pid === null || process.platform === "win32") return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // There are none.
  }
}
