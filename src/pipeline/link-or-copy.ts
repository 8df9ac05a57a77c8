import {copyFileSync, linkSync} from "node:fs";

/** The same file under another name, for files that nobody changes. */
export function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Some file systems have no hard links; a copy serves as well.
    copyFileSync(from, to);
  }
}
