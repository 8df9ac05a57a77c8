/** `--set a.b=c`: values put into runtime.yaml before it is checked, so that one schema speaks for both. */
import {parse, YAMLParseError} from "yaml";
import type {Place, Problems} from "../errors.js";
import {describeValue} from "./check-schema.js";
import type {SourceFile} from "./source-file.js";

/** The file name that a problem with an override shows. */
export const overrideFile = "--set";

export function applyOverrides(file: SourceFile, overrides: readonly string[], problems: Problems): void {
  for (const override of overrides) {
    const [, path, text] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(override) ?? [];
    const keys = path?.split(".") ?? [];
    if (text === undefined || keys.includes("")) {
      problems.add("override-malformed", {override}, placeIn(override, 0, override.length));
      continue;
    }
    const valueStart = override.indexOf("=") + 1;
    try {
      setAt({file, override, keys, value: parse(text, {prettyErrors: false, logLevel: "error"}) as unknown, problems});
    } catch (error) {
      if (!(error instanceof YAMLParseError || error instanceof ReferenceError)) throw error;
      problems.add("yaml-broken", {reason: error.message}, placeIn(override, valueStart, override.length));
    }
  }
}

interface Setting {
  readonly file: SourceFile;
  readonly override: string;
  readonly keys: readonly string[];
  readonly value: unknown;
  readonly problems: Problems;
}

function setAt({file, override, keys, value, problems}: Setting): void {
  let owner = file.value as Record<string, unknown>;
  let start = override.indexOf(keys[0] ?? "");
  for (const [index, key] of keys.entries()) {
    if (typeof owner !== "object" || Array.isArray(owner)) {
      const expected = "a mapping for --set to reach into";
      problems.add("value-wrong", {key: keys[index - 1] ?? file.path, expected, found: describeValue(owner)}, placeIn(override, 0, override.length));
      return;
    }
    const place = placeIn(override, start, start + key.length);
    const isLast = index === keys.length - 1;
    if (isLast) file.set(owner, key, value, {key: place, value: placeOfValue(override)});
    else if (owner[key] === undefined || owner[key] === null) file.set(owner, key, Object.create(null), {key: place, value: place});
    owner = owner[key] as Record<string, unknown>;
    start += key.length + 1;
  }
}

function placeOfValue(override: string): Place {
  const start = override.indexOf("=") + 1;
  return placeIn(override, start, override.length);
}

function placeIn(override: string, start: number, end: number): Place {
  return {file: overrideFile, line: 1, column: start + 1, length: Math.max(1, end - start), text: override};
}
