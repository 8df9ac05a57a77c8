import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import type {Udf} from "../../src/definitions/model.js";
import type {DaedalusError} from "../../src/errors.js";
import type {EmbeddingBatch, UserEmbeddingFunction} from "../../src/pipeline/embedding-functions.js";
import {checkUserFunction, loadExported} from "../../src/pipeline/udf-module.js";

async function loadUserFunction(udf: Udf, root: string): Promise<UserEmbeddingFunction> {
  return await loadExported({udf: udf.name, modulePath: await checkUserFunction(udf, root)});
}

describe("a project's own function", () => {
  let root: string;
  const place = {file: "config/training/aggregations.yaml", line: 40, column: 5, length: 7, text: "  - {name: my_pool, module: udfs/my-pool.ts}"};
  const define = (module: string, name = "my_pool"): Udf => ({name, module, place});
  const batch: EmbeddingBatch = {rowCount: 1, offsets: Int32Array.of(0, 1), indices: Int32Array.of(0), pool: Float32Array.of(4), dimension: 1};

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "udfs-"));
    writeFileSync(join(root, "factor.ts"), "export const factor: number = 3;\n");
    writeFileSync(
      join(root, "my-pool.ts"),
      `import {factor} from "./factor.ts";
interface Batch { readonly rowCount: number; readonly pool: Float32Array }
enum Kind { Scaled = 1 }
export function my_pool(batch: Batch) {
  return {values: Float32Array.from(batch.pool, (value: number) => value * factor * Kind.Scaled), isNull: new Uint8Array(batch.rowCount)};
}
`,
    );
    writeFileSync(join(root, "plain.mjs"), "export const my_pool = (batch) => ({values: batch.pool, isNull: new Uint8Array(batch.rowCount)});\n");
    writeFileSync(join(root, "broken.ts"), "export function my_pool(batch: ) { return 1; }\n");
    writeFileSync(join(root, "throws.mjs"), "throw new Error('no GPU here');\n");
    writeFileSync(join(root, "other.ts"), "export const my_pol = (): number => 1;\nexport const my_pool_size = 3;\n");
  });
  afterAll(() => rmSync(root, {recursive: true, force: true}));

  it("loads TypeScript, with the TypeScript it imports", async () => {
    const own = await loadUserFunction(define("my-pool.ts"), root);
    expect(await own(batch)).toEqual({values: Float32Array.of(12), isNull: Uint8Array.of(0)});
  });

  it("loads JavaScript", async () => {
    const own = await loadUserFunction(define("plain.mjs"), root);
    expect(await own(batch)).toEqual({values: Float32Array.of(4), isNull: Uint8Array.of(0)});
  });

  it.each([
    ["a missing module", "none.ts", "file-missing", "none.ts"],
    ["a module that is no TypeScript", "broken.ts", "udf-broken", "broken.ts"],
    ["a module that fails to start", "throws.mjs", "udf-broken", "no GPU here"],
    ["a module without the function", "other.ts", "udf-missing", 'exports no function "my_pool"'],
  ])("reports %s at the udf's place", async (_, module, code, message) => {
    const error: unknown = await loadUserFunction(define(module), root).catch((reason: unknown) => reason);
    expect(error).toMatchObject({code, place});
    expect((error as Error).message).toContain(message);
    if (code === "udf-missing") expect((error as DaedalusError).hint).toBe('did you mean "my_pol"?');
  });
});
