/** What the command line loads before it knows the command; `bench/startup.ts` measures what that costs. */
import {readFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {describe, expect, it} from "vitest";
import {readModule} from "../support/module-reader.js";

const source = fileURLToPath(new URL("../../src", import.meta.url));

/** Packages and Node modules that a file of `src` loads with everything that it imports at once; `loadsLater` is followed, too. */
function packagesOf(file: string, options: {readonly loadsLater?: readonly string[]} = {}): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const {specifier, isTypeOnly, isDynamic} of readModule({file: path, text: readFileSync(join(source, path), "utf8")}).links) {
      if (isTypeOnly || (isDynamic && !options.loadsLater?.includes(specifier))) continue;
      if (specifier.startsWith(".")) visit(join(dirname(path), specifier).replace(/\.js$/, ".ts"));
      else found.add(specifier);
    }
  };
  visit(file);
  return [...found].filter((name) => !name.startsWith("node:")).sort();
}

describe("the start of the command line", () => {
  it("loads commander and nothing else", () => {
    expect(packagesOf("platform/daeda.ts", {loadsLater: ["./cli.js"]})).toEqual(["commander"]);
  });

  it("adds TOML and the nearest name for the settings, no YAML, no schemas, no DuckDB", () => {
    expect(packagesOf("platform/settings.ts")).toEqual(["@decimalturn/toml-patch", "fastest-levenshtein"]);
  });

  it("adds nothing for a server until it listens", () => {
    expect(packagesOf("platform/rpc/serve.ts")).toEqual([]);
  });
});
