/** What users get: the packed package in a folder of its own, and the README followed there. */
import {execFileSync} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {readRows, writeTables} from "./support/shop-project.js";

const repository = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(repository, "README.md"), "utf8");
let home: string;
let packageFolder: string;
let packed: readonly string[];

/** An installation without a network: the package unpacked, its dependencies (and nothing else) linked from the clone. */
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "daedalus-package-"));
  const modules = join(home, "node_modules");
  mkdirSync(join(modules, ".bin"), {recursive: true});
  // Without scripts: `prepare` would rebuild the dist that other tests are using.
  const output = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home], {cwd: repository, encoding: "utf8"});
  const [report] = JSON.parse(output) as [{filename: string; files: {path: string}[]}];
  packed = report.files.map(({path}) => path);
  execFileSync("tar", ["-xzf", join(home, report.filename), "-C", modules]);
  packageFolder = join(modules, "daedalus");
  execFileSync("mv", [join(modules, "package"), packageFolder]);
  const manifest = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as {dependencies: object; bin: {daeda: string}};
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), {recursive: true});
    symlinkSync(join(repository, "node_modules", name), join(modules, name));
  }
  execFileSync("chmod", ["+x", join(packageFolder, manifest.bin.daeda)]);
  symlinkSync(join(packageFolder, manifest.bin.daeda), join(modules, ".bin", "daeda"));
});
afterAll(() => rmSync(home, {recursive: true, force: true}));

function daeda(args: readonly string[], directory = home): string {
  const env = {PATH: process.env["PATH"] ?? "", HOME: home};
  return execFileSync(join(home, "node_modules", ".bin", "daeda"), args, {cwd: directory, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"]});
}

/** Fenced blocks of the README of one language, in order. */
function blocksOf(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text = ""]) => text);
}

describe("the package", () => {
  it("holds the command, the example, the docs, and neither sources nor tests", () => {
    for (const path of ["dist/platform/daeda.js", "dist/index.d.ts", "examples/recommender/feature_services/dssm_ranking.yaml", "docs/reference/cli.md", "README.md", "LICENSE", "CHANGELOG.md", "ARCHITECTURE.md"]) {
      expect(packed).toContain(path);
    }
    expect(packed.filter((path) => /^(src|test|bench|console|\.ci)\//.test(path) || path.endsWith(".parquet"))).toEqual([]);
  });

  it("has a command that runs from anywhere", () => {
    expect(daeda(["--help"])).toContain("Usage: daeda");
  });

  it("exports what its types promise", () => {
    const script = "import('daedalus').then((daedalus) => console.log(Object.keys(daedalus).sort().join(' ')))";
    const names = execFileSync(process.execPath, ["-e", script], {cwd: home, encoding: "utf8"}).trim().split(" ");
    expect(names).toEqual(expect.arrayContaining(["loadProject", "train"]));
  });
});

describe("the demo", () => {
  let demo: string;
  let said: string;
  beforeAll(() => {
    demo = join(home, "demo");
    said = daeda(["demo", "demo", "--days", "2"]);
  });

  it("says what was written, how many rows, one row in full, and what to type next", () => {
    expect(said).toMatch(/^dssm_ranking: 2 days, [\d,]+ rows \(2 written now, 0 current\)\n {2}demo\/data\/training_output\/dssm_ranking\n/);
    const service = readFileSync(join(demo, "feature_services/dssm_ranking.yaml"), "utf8");
    const columns = [...service.matchAll(/^ {2}- \{name: (\w+), kind:/gm)].map(([, name = ""]) => name);
    expect(columns.length).toBeGreaterThan(20);
    for (const column of columns) expect(said).toMatch(new RegExp(`^ {2}${column} +\\S`, "m"));
    expect(said).toContain("  cd demo\n  daeda services show dssm_ranking\n");
  });

  it("keeps edits and trains only what they change when it runs again", () => {
    expect(daeda(["demo", "demo", "--days", "2"])).toContain("(0 written now, 2 current)");
    const path = join(demo, "feature_services/dssm_ranking.yaml");
    const text = readFileSync(path, "utf8");
    const edited = text.replace("model_id IN (1, 2, 3)", "model_id IN (1, 2)");
    expect(edited).not.toBe(text);
    writeFileSync(path, edited);
    const again = daeda(["demo", "demo", "--days", "2"]);
    expect(again).toContain("(2 written now, 0 current)");
    expect(rowCount(again)).toBeLessThan(rowCount(said));
    expect(readFileSync(path, "utf8")).toBe(edited);
  });

  it("writes nothing into somebody else's folder", () => {
    const other = join(home, "other");
    mkdirSync(other);
    writeFileSync(join(other, "notes.txt"), "mine");
    expect(() => daeda(["demo", "other"])).toThrow(/error folder-foreign/);
    expect(readdirSync(other)).toEqual(["notes.txt"]);
  });

  it("is read from Node as the README says", () => {
    const [script = ""] = blocksOf("js");
    writeFileSync(join(demo, "read.mjs"), script);
    const rows = JSON.parse(execFileSync(process.execPath, ["-e", `console.log = (rows) => process.stdout.write(JSON.stringify(rows)); import(${JSON.stringify(join(demo, "read.mjs"))})`], {cwd: demo, encoding: "utf8"})) as {like_artwork_ids_7d: unknown[]}[];
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row.like_artwork_ids_7d.length).toBeGreaterThan(2);
  });

  const python = process.env["DAEDALUS_PYTHON"];
  it.skipIf(python === undefined)("is read from Python as the README says (needs DAEDALUS_PYTHON with pyarrow, polars and duckdb)", () => {
    const scripts = blocksOf("python");
    expect(scripts).toHaveLength(3);
    const [arrow = "", polars = "", duckdb = ""] = scripts.map((script) => execFileSync(python!, ["-c", script], {cwd: demo, encoding: "utf8"}));
    expect(Number(arrow)).toBeGreaterThan(1000);
    expect(polars).toContain("shape: (2, 2)");
    expect(duckdb).toContain("count_star()");
  });

  it.skipIf(python === undefined)("gives Python half floats, NULL where the id is unknown (needs DAEDALUS_PYTHON)", () => {
    const script = `
import pyarrow.dataset as ds
rows = ds.dataset("data/training_output/dssm_ranking/dataset", partitioning="hive").to_table()
for name in ["image_embedding", "like_artwork_avg_embeds"]:
    column = rows[name].combine_chunks()
    print(column.type.value_type, set(column.drop_null().value_lengths().to_pylist()), column.null_count > 0)
likes = rows["like_artwork_ids_7d"].combine_chunks().value_lengths().to_pylist()
known = rows["like_artwork_avg_embeds"].is_valid().to_pylist()
print(any(known), any(is_known for count, is_known in zip(likes, known) if count == 0))
`;
    const lines = execFileSync(python!, ["-c", script], {cwd: demo, encoding: "utf8"}).trim().split("\n");
    // The service keeps only items with an embedding; a user without likes has nothing to pool.
    expect(lines).toEqual(["halffloat {64} False", "halffloat {64} True", "True False"]);
  });
});

describe("the README's project", () => {
  it("gives the rows that the README shows", async () => {
    const project = join(home, "readme");
    for (const block of blocksOf("yaml")) {
      const [, path = ""] = /^# (\S+\.yaml)\n/.exec(block) ?? [];
      mkdirSync(dirname(join(project, path)), {recursive: true});
      writeFileSync(join(project, path), block);
    }
    writeFileSync(join(project, "config/training/runtime.yaml"), 'feed_start: "202601"\nfeed_end: "202601"\n');
    const [events = [], expected = []] = tablesOf(readme);
    const values = events.map(([at, item, event]) => `(1::BIGINT, ${item}::BIGINT, TIMESTAMP '${at}', '${event}')`).join(", ");
    await writeTables(project, {"data/events/part.parquet": `FROM (VALUES ${values}) AS t(user_id, item_id, event_timestamp, event)`});
    expect(daeda(["lint"], project)).toContain("0 errors, 0 warnings");
    expect(daeda(["pipeline", "train", "ranking"], project)).toContain("wrote 2 days with 4 rows");
    const dataset = join(project, "data/training_output/ranking/dataset");
    const rows = (await Promise.all(readdirSync(dataset).sort().map((day) => readRows(join(dataset, day))))).flat();
    const shown = rows.map((text) => {
      const row = JSON.parse(text) as {event_timestamp: string; item_id: number; event: string; liked_item_ids_7d: number[]};
      return [row.event_timestamp, String(row.item_id), row.event, `[${row.liked_item_ids_7d.join(", ")}]`];
    });
    expect(shown).toEqual(expected);
    expect(existsSync(join(dataset, "dt=2026-01-06", "_manifest.json"))).toBe(true);
  });
});

function rowCount(said: string): number {
  return Number(/([\d,]+) rows/.exec(said)![1]!.replaceAll(",", ""));
}

/** The Markdown tables whose first column is `event_timestamp`, as rows of cells. */
function tablesOf(text: string): string[][][] {
  const tables = text.match(/^\| event_timestamp .*\n(\|.*\n)+/gm) ?? [];
  return tables.map((table) => table.trimEnd().split("\n").slice(2).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim())));
}
