/** An answer that goes to a file of the user's choice. */
import {mkdirSync, writeFileSync} from "node:fs";
import {dirname} from "node:path";
import {DaedalusError} from "../errors.js";

/** Gives the path back. @throws DaedalusError `file-unwritable` */
export function writeAnswer(path: string, text: string): string {
  try {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, text.endsWith("\n") ? text : `${text}\n`);
  } catch (error) {
    throw DaedalusError.of("file-unwritable", {path, reason: error instanceof Error ? error.message : String(error)}, {cause: error});
  }
  return path;
}
