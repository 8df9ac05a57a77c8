/** What foreign errors mean to the user. */
import {DaedalusError} from "../errors.js";

/** The first line of an error's message, which is where DuckDB and Node put what happened. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = message.split("\n").filter((line) => line.trim() !== "");
  // Of a line of CSV, what is wrong with it stands further below.
  const detail = lines[0]?.includes("CSV Error") === true ? lines.find((line) => line.startsWith("Error when")) : undefined;
  return detail === undefined ? (lines[0] ?? "unknown") : `${lines[0]!}: ${detail}`;
}

/** What is there and cannot be read, as an expected error; anything else comes back as it is. */
export function explainReadFailure(error: unknown, path: string): unknown {
  if (error instanceof DaedalusError || !(error instanceof Error && "code" in error)) return error;
  return DaedalusError.of("file-unreadable", {path, reason: reasonOf(error)}, {cause: error});
}

/** Errors of the disk under `path` as expected errors; anything else comes back as it is. */
export function explainWriteFailure(error: unknown, path: string): unknown {
  if (error instanceof DaedalusError) return error;
  const reason = reasonOf(error);
  if (/No space left on device|ENOSPC|disk is full/i.test(reason)) return DaedalusError.of("disk-full", {path, reason}, {cause: error});
  if (/EACCES|EROFS|EPERM|ENOTDIR|Permission denied|Read-only file system/i.test(reason)) {
    return DaedalusError.of("output-unwritable", {path, reason}, {cause: error});
  }
  return error;
}
