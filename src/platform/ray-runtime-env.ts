/** The file that says what Ray prepares on a node before it runs a day. */
import {existsSync, readFileSync} from "node:fs";
import {resolve} from "node:path";
import {parse} from "yaml";
import {z} from "zod";
import {DaedalusError} from "../errors.js";

const schema = z.looseObject({env_vars: z.record(z.string(), z.string()).optional()});

export function readRuntimeEnv(path: string, directory: string): Readonly<Record<string, unknown>> {
  const absolute = resolve(directory, path);
  if (!existsSync(absolute)) throw DaedalusError.of("file-missing", {path, what: "the runtime_env file"});
  try {
    return schema.parse(parse(readFileSync(absolute, "utf8")));
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: "it must be a mapping, with texts below env_vars"}, {cause: error});
  }
}
