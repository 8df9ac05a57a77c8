/** The public API as programs meet it: the built package, its examples, its types. */
import {execFile, execFileSync} from "node:child_process";
import {mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {promisify} from "node:util";
import ts from "typescript";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {getServiceOf} from "../src/definitions/get-service.js";
import {loadProject} from "../src/definitions/project.js";
import {readPartition} from "../src/pipeline/read-partition.js";
import {TokenStore} from "../src/platform/auth/token-store.js";
import {readModule} from "./support/module-reader.js";
import {runDaeda} from "./support/run-daeda.js";
import {makeTrainedShop, readRows, shopDays} from "./support/shop-project.js";
import {startTestServer} from "./support/test-server.js";

const repository = fileURLToPath(new URL("..", import.meta.url));
let root: string;
beforeAll(async () => {
  root = await makeTrainedShop();
  mkdirSync(join(root, "node_modules"));
  symlinkSync(repository, join(root, "node_modules", "daedalus"));
  writeFileSync(join(root, "package.json"), '{"type": "module"}');
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

/** The code of every `@example` of a file, in order. */
function examplesOf(file: string): string[] {
  const comments = readFileSync(join(repository, file), "utf8").match(/\/\*\*(?:[^*]|\*(?!\/))*\*\//g) ?? [];
  return comments.flatMap((comment) => {
    const [, code] = /@example\n([\s\S]*?)\n? *\*\/$/.exec(comment) ?? [];
    return code === undefined ? [] : [code.split("\n").map((line) => line.replace(/^ *\* ?/, "")).join("\n")];
  });
}

/** Writes an example as a module that Node runs, beside the shop. */
function writeModule(name: string, code: string): string {
  writeFileSync(join(root, name), ts.transpileModule(code, {compilerOptions: {...compilerOptions, module: ts.ModuleKind.ESNext}}).outputText);
  return name;
}

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2023.d.ts"],
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"],
  typeRoots: [join(repository, "node_modules/@types")],
};

/** What the compiler says against the files. */
function checkTypes(files: readonly string[]): string[] {
  const program = ts.createProgram(files, compilerOptions);
  return ts.getPreEmitDiagnostics(program).map(({file, start, messageText}) => {
    const line = file && start !== undefined ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : "";
    return line + ts.flattenDiagnosticMessageText(messageText, "\n");
  });
}

describe("the examples of the public API", () => {
  it("use every export", () => {
    for (const file of ["src/index.ts", "src/client.ts"]) {
      const code = examplesOf(file).join("\n");
      const {exports} = readModule({file, text: readFileSync(join(repository, file), "utf8")});
      const names = file === "src/index.ts" ? [...readFileSync(join(repository, file), "utf8").matchAll(/^export (?:type )?\{(.*)\} from/gm)].flatMap(([, list = ""]) => list.split(",").map((name) => name.replace("type ", "").trim())) : exports.map(({name}) => name);
      expect(names.length).toBeGreaterThan(3);
      expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
    }
  });

  it("have right types, and run", () => {
    const blocks = examplesOf("src/index.ts");
    const files = [...blocks, ...examplesOf("src/client.ts")].map((code, index) => {
      const path = join(root, `example-${index}.ts`);
      writeFileSync(path, code.includes("export ") ? code : `${code}\nexport {};\n`);
      return path;
    });
    expect(checkTypes(files)).toEqual([]);
    const modules = blocks.map((code, index) => writeModule(`example-${index}.mjs`, code));
    writeFileSync(join(root, "examples.mjs"), modules.map((name) => `await import("./${name}");\n`).join(""));
    const said = execFileSync(process.execPath, ["examples.mjs"], {cwd: root, encoding: "utf8"});
    expect(said).toContain("error file-missing");
  });

  it("of the client run against a server", async () => {
    const {token} = new TokenStore(root).create({name: "example", scope: "run", lifetimeMs: 60_000});
    const server = await startTestServer(root, {isTokenRequired: true});
    try {
      const code = examplesOf("src/client.ts").join("\n").replace("http://127.0.0.1:8000", server.url).replace("the token, where the server asks for one", token);
      const {stdout} = await promisify(execFile)(process.execPath, [writeModule("example-client.mjs", code)], {cwd: root});
      expect(stdout).toMatch(/^1 \S/);
      expect(server.bugs).toEqual([]);
    } finally {
      await server.stop(1000);
    }
  });
});

describe("a partition", () => {
  const open = (columns?: readonly string[]) => {
    const project = loadProject({root});
    return readPartition({project, service: getServiceOf(project, "basket"), day: shopDays[1]!, columns});
  };

  it("has rows with the values of its files, in their order", async () => {
    const expected = (await readRows(join(root, "out/basket/dataset", `dt=${shopDays[1]!}`), "* EXCLUDE (dt) REPLACE (strftime(\"at\", '%Y-%m-%dT%H:%M:%S.%fZ') AS \"at\")")).map((row): unknown => JSON.parse(row));
    const rows: unknown[] = [];
    for await (const row of (await open()).rows()) rows.push(JSON.parse(JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value))));
    expect(rows).toHaveLength(200);
    expect(rows).toEqual(expected.map((row) => ({...(row as object), ...(Number.isNaN((row as {price: unknown}).price) ? {price: null} : {})})));
  });

  it("has the same values as typed arrays", async () => {
    const rows: Record<string, unknown>[] = [];
    for await (const row of (await open()).rows()) rows.push(row);
    let start = 0;
    for await (const {rowCount, columns} of (await open()).batches()) {
      const {customer_id: customer, at, brand, bought} = columns;
      if (customer?.kind !== "values" || at?.kind !== "values" || brand?.kind !== "texts" || bought?.kind !== "lists" || bought.elements.kind !== "values") throw new Error("another kind of column");
      expect(customer.values).toBeInstanceOf(BigInt64Array);
      for (let index = 0; index < rowCount; index += 1) {
        const row = rows[start + index]!;
        expect(customer.isNull?.[index] === 1 ? null : customer.values[index]).toEqual(row["customer_id"]);
        expect(at.values[index]).toBe(BigInt(Date.parse((row["at"] as string).replace(/\d{3}Z$/, "Z"))) * 1000n);
        expect(brand.values[index]).toBe(row["brand"]);
        expect([...bought.elements.values.subarray(bought.offsets[index], bought.offsets[index + 1])]).toEqual(row["bought"]);
      }
      start += rowCount;
    }
    expect(start).toBe(200);
  });

  it("that is not there, or has no such column, is named with what there is", async () => {
    await expect(open(["prize"])).rejects.toEqual(expect.objectContaining({code: "reference-unknown", hint: expect.stringContaining("price") as unknown}) as Error);
    const project = loadProject({root});
    await expect(readPartition({project, service: getServiceOf(project, "basket"), day: "2026-02-28"})).rejects.toEqual(expect.objectContaining({code: "partition-missing"}) as Error);
    expect(() => getServiceOf(project, "baskett")).toThrow(expect.objectContaining({code: "reference-unknown"}) as Error);
  });
});

describe("generated types", () => {
  it("are a TypeScript interface that fits the rows", async () => {
    const {stdout} = await runDaeda(["generate", "types", "basket", "--output", "basket-row.ts"], {directory: root});
    expect(stdout).toContain("wrote ");
    const text = readFileSync(join(root, "basket-row.ts"), "utf8");
    expect(text).toContain("export interface BasketRow {");
    expect(text).toContain("  /** BIGINT[] */\n  readonly bought: readonly bigint[] | null;");
    const use = join(root, "use-row.ts");
    writeFileSync(use, 'import type {BasketRow} from "./basket-row.js";\nexport const early = ({at, price, orders_ever}: BasketRow): boolean => at !== null && at < "2026" && (price ?? 0) > 1 && orders_ever === 1n;\n');
    expect(checkTypes([use])).toEqual([]);
  });

  it("are a Python dataclass", async () => {
    const {stdout} = await runDaeda(["generate", "types", "basket", "--language", "python"], {directory: root});
    expect(stdout).toContain("class BasketRow:\n    customer_id: int | None  # BIGINT\n");
    expect(stdout).toContain("    bought: list[int] | None  # BIGINT[]\n");
    writeFileSync(join(root, "basket_row.py"), stdout);
    const script = "import basket_row as b, dataclasses; print([f.name for f in dataclasses.fields(b.BasketRow)] == list(b.COLUMNS))";
    expect(execFileSync("python3", ["-c", script], {cwd: root, encoding: "utf8"}).trim()).toBe("True");
  });
});
