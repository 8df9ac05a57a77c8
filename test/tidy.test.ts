/** The house rules that a program can check. Each failure names the file, the line and the fix. */
import {execFileSync} from "node:child_process";
import {existsSync, readFileSync, statSync} from "node:fs";
import {basename, dirname, extname, join, normalize, relative} from "node:path";
import {fileURLToPath} from "node:url";
import {describe, expect, it} from "vitest";
import {readModule, type Module} from "./support/module-reader.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {cwd: root, encoding: "utf8"})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)) && statSync(join(root, file)).isFile())
  .sort();
const textExtensions = new Set([".ts", ".js", ".mjs", ".json", ".md", ".yaml", ".yml", ".toml", ".py", ".sh", ""]);
const textFiles = files.filter((file) => textExtensions.has(extname(file)));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const modules = new Map<string, Module>(
  files.filter((file) => file.endsWith(".ts")).map((file) => [file, readModule({file, text: read(file)})]),
);
const sourceModules = [...modules.values()].filter((module) => module.file.startsWith("src/"));

interface Line {
  readonly file: string;
  readonly number: number;
  readonly text: string;
}

function findLines(candidates: readonly string[], pattern: RegExp): Line[] {
  return candidates.flatMap((file) =>
    read(file)
      .split("\n")
      .map((text, index) => ({file, number: index + 1, text}))
      .filter((line) => pattern.test(line.text)),
  );
}

/** What each folder of `src` may import; `types` means by `import type` only. */
const layers: Record<string, Record<string, "all" | "types">> = {
  errors: {errors: "all"},
  definitions: {errors: "all", definitions: "all"},
  plan: {errors: "all", definitions: "all", plan: "all"},
  sources: {errors: "all", definitions: "types", sources: "all"},
  engines: {errors: "all", definitions: "types", plan: "types", sources: "all", engines: "all"},
  pipeline: {errors: "all", definitions: "all", plan: "all", sources: "all", engines: "all", pipeline: "all"},
  // The client runs in browsers: it takes types and nothing else.
  client: {platform: "types"},
  platform: {errors: "all", definitions: "all", plan: "all", sources: "all", engines: "all", pipeline: "all", platform: "all"},
};

/** `src/plan/compile.ts` -> `plan`, `src/errors.ts` and `src/errors/x.ts` -> `errors`. */
const layerOf = (file: string): string => basename(file.split("/")[1] ?? "", ".ts");

/** `src/engines/duckdb/x.ts` -> `duckdb`; undefined for what all engines share. */
const engineOf = (file: string): string | undefined => /^src\/engines\/([^/]+)\//.exec(file)?.[1];

/** The tracked file that a relative import means; undefined for packages. */
function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(from), specifier)).replace(/\.js$/, ".ts");
}

describe("imports", () => {
  it("go only up the list of folders", () => {
    const failures: string[] = [];
    for (const module of sourceModules.filter(({file}) => file !== "src/index.ts")) {
      const allowed = layers[layerOf(module.file)];
      if (!allowed) {
        failures.push(`${module.file}:1: the folder is not on the list in test/tidy.test.ts; put the file where its sentence in ARCHITECTURE.md fits`);
        continue;
      }
      for (const link of module.links) {
        const target = resolveImport(module.file, link.specifier);
        if (target === undefined) continue;
        const right = allowed[layerOf(target)];
        const where = `${module.file}:${link.line}`;
        if (target === "src/index.ts") failures.push(`${where}: imports the public entry; import the file you mean`);
        else if (!target.startsWith("src/")) failures.push(`${where}: imports ${target} from outside src; move what is needed into src`);
        else if (!right) failures.push(`${where}: ${layerOf(module.file)} may not import ${layerOf(target)}; move the code up or pass it as an argument`);
        else if (right === "types" && !link.isTypeOnly) failures.push(`${where}: only types of ${layerOf(target)} here; use import type or pass the value as an argument`);
      }
    }
    expect(failures).toEqual([]);
  });

  it("keep the engines apart", () => {
    const failures: string[] = [];
    for (const module of sourceModules) {
      const engine = engineOf(module.file);
      for (const link of module.links) {
        const target = engineOf(resolveImport(module.file, link.specifier) ?? "");
        if (engine !== undefined && target !== undefined && target !== engine) {
          failures.push(`${module.file}:${link.line}: engine ${engine} imports engine ${target}; share through src/engines/*.ts`);
        }
      }
    }
    expect(failures).toEqual([]);
  });

  it("reach each native package through one file", () => {
    const natives = ["@duckdb/node-api", "@lancedb/lancedb", "nodejs-polars"];
    const failures: string[] = [];
    for (const name of natives) {
      const importers = sourceModules.filter(({links}) => links.some(({specifier}) => specifier === name)).map(({file}) => file);
      if (importers.length > 1) failures.push(`${importers.join(", ")}: all import ${name}; let one file know it`);
    }
    expect(failures).toEqual([]);
  });

  it("name packages that package.json lists", () => {
    const manifest = JSON.parse(read("package.json")) as {dependencies: object; devDependencies: object};
    const failures: string[] = [];
    for (const {file, links} of modules.values()) {
      const known = file.startsWith("src/") ? manifest.dependencies : {...manifest.dependencies, ...manifest.devDependencies};
      for (const {specifier, line} of links) {
        if (/^(\.|node:)/.test(specifier)) continue;
        const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
        if (!Object.hasOwn(known, name)) failures.push(`${file}:${line}: imports ${name}; add it to package.json or leave it`);
      }
    }
    expect(failures).toEqual([]);
  });
});

describe("exports", () => {
  it("are used by another file, or are part of a signature", () => {
    const uses = new Map<string, Set<string>>();
    for (const module of modules.values()) {
      for (const link of module.links) {
        const target = resolveImport(module.file, link.specifier);
        if (target === undefined) continue;
        const names = uses.get(target) ?? new Set<string>();
        for (const name of link.names) names.add(name);
        uses.set(target, names);
      }
    }
    const failures: string[] = [];
    for (const module of sourceModules.filter(({file}) => file !== "src/index.ts" && file !== "src/client.ts")) {
      const used = uses.get(module.file) ?? new Set<string>();
      for (const exported of module.exports) {
        const isUsed = used.has(exported.name) || used.has("*") || (exported.isType && exported.usesInFile > 0);
        if (!isUsed) failures.push(`${module.file}:${exported.line}: nobody imports ${exported.name}; delete it or drop its export`);
      }
    }
    expect(failures).toEqual([]);
  });

  it("have names", () => {
    const failures = [...modules.values()]
      .filter(({file}) => !file.endsWith(".config.ts"))
      .flatMap(({file, defaultExportLines}) => defaultExportLines.map((line) => `${file}:${line}: default export; give it a name`));
    expect(failures).toEqual([]);
  });
});

describe("files", () => {
  it("have kebab-case names", () => {
    const own = files.filter((file) => /^(src|test|bench|examples|docs)\//.test(file) && /\.(ts|md)$/.test(file));
    const failures = own
      .filter((file) => !/^([a-z0-9]+(-[a-z0-9]+)*(\.(test|config|d))?\.(ts|md)|README\.md|RESULTS\.md)$/.test(basename(file)))
      .map((file) => `${file}:1: rename it in kebab-case`);
    expect(failures).toEqual([]);
  });

  it("have at most 500 lines", () => {
    const failures = [...modules.keys()]
      .map((file) => ({file, lineCount: read(file).split("\n").length - 1}))
      .filter(({lineCount}) => lineCount > 500)
      .map(({file, lineCount}) => `${file}:501: ${lineCount} lines; split it by meaning`);
    expect(failures).toEqual([]);
  });

  it("are not named for what they are not", () => {
    const failures = files.filter((file) => /(^|\/)(utils?|helpers?|misc|common)(\.ts|\/)/.test(file)).map((file) => `${file}:1: name it for the noun it holds`);
    expect(failures).toEqual([]);
  });
});

describe("texts", () => {
  // Put together here, so that this file passes its own rule.
  const promises = new RegExp(["TO" + "DO", "FIX" + "ME", "X" + "XX"].map((word) => `\\b${word}\\b`).join("|"));
  const registries = new RegExp(["registry\\.[a-z]+", "npmjs\\.", "py" + "pi\\.", "pythonhosted\\.", "crates\\.io"].join("|"), "i");
  const machinePaths = new RegExp(["/work", "/root", "/home/[a-z]+", "/Users/[a-z]+"].map((path) => `(^|[\\s"'\`(=:])${path}/`).join("|"), "i");

  it.each([
    ["promise nothing for later", promises, "do it now or leave it out"],
    ["name no package registry", registries, "leave the host to the user's own npm and pip settings"],
    ["name no folder of one machine", machinePaths, "use a relative path or a temporary folder"],
  ])("%s", (_, pattern, fix) => {
    const failures = findLines(textFiles, pattern).map((line) => `${line.file}:${line.number}: ${line.text.trim().slice(0, 80)}; ${fix}`);
    expect(failures).toEqual([]);
  });

  it("link to files and headings that exist", () => {
    const failures: string[] = [];
    for (const line of findLines(files.filter((file) => file.endsWith(".md")), /\]\([^)]+\)/)) {
      for (const [, link = ""] of line.text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link)) continue;
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? line.file : normalize(join(dirname(line.file), path));
        const where = `${line.file}:${line.number}`;
        if (!existsSync(join(root, target))) failures.push(`${where}: ${link} does not exist; mend the link`);
        else if (anchor !== undefined && !readAnchors(target).has(anchor)) failures.push(`${where}: ${link} has no such heading; mend the link`);
      }
    }
    expect(failures).toEqual([]);
  });
});

describe("dependencies", () => {
  const manifest = JSON.parse(read("package.json")) as {dependencies: Record<string, string>};

  it("have a reason in ARCHITECTURE.md", () => {
    const lines = read("ARCHITECTURE.md").split("\n");
    const failures = Object.keys(manifest.dependencies)
      .filter((name) => !lines.some((line) => line.includes(`\`${name}\``)))
      .map((name) => `ARCHITECTURE.md:1: no line about ${name}; say why it is needed`);
    expect(failures).toEqual([]);
  });

  it("are in the lock file for every platform, since `npm ci` refuses one that leaves some out", () => {
    const {packages} = JSON.parse(read("package-lock.json")) as {packages: Record<string, {optionalDependencies?: Record<string, string>}>};
    const failures = Object.entries(packages).flatMap(([path, {optionalDependencies = {}}]) =>
      Object.entries(optionalDependencies)
        .filter(([name]) => !Object.keys(packages).some((key) => key === `node_modules/${name}` || key.endsWith(`/node_modules/${name}`)))
        .map(([name, version]) => `package-lock.json:1: ${name} ${version} of ${path} is missing; add its entry with version, cpu, os and optional`),
    );
    expect(failures).toEqual([]);
  });

  it("resolve from whatever registry the machine is set to", () => {
    const failures = findLines(["package-lock.json"], /"resolved":/).map(
      (line) => `${line.file}:${line.number}: a fixed address; install with omit-lockfile-registry-resolved`,
    );
    expect(failures).toEqual([]);
  });
});

/** The anchors that Markdown viewers make of a page's headings. */
function readAnchors(file: string): Set<string> {
  if (!file.endsWith(".md")) return new Set();
  const headings = read(relative(root, join(root, file))).matchAll(/^#+ +(.*)$/gm);
  return new Set([...headings].map(([, text = ""]) => text.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")));
}
