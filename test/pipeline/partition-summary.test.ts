/** Summaries make plans fast and decide nothing: whatever is wrong with them, plans say what manifests say. */
import {chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, beforeEach, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {PartitionSummaries} from "../../src/pipeline/partition-summary.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {readStatus} from "../../src/pipeline/status.js";
import {makeShop, readManifestOf, shopDays, trainShop} from "../support/shop-project.js";

let root: string;
let directory: string;
let kept: Record<string, Buffer>;

const shard = (): string => join(directory, ".summary/skeleton/2026");
const manifest = (stage: string, day: string): string => join(directory, stage, `dt=${day}`, "_manifest.json");
const files = (folder: string): string[] => readdirSync(folder, {recursive: true, encoding: "utf8"}).filter((name) => statSync(join(folder, name)).isFile()).sort();

async function states(): Promise<Record<string, string>> {
  const project = loadProject({root});
  const {groups} = await planService({project, service: project.services.get("basket")!, stages: "both"});
  return Object.fromEntries(groups.flatMap(({days, state, reason}) => days.map((day) => [day, reason ?? state])));
}

const allCurrent = Object.fromEntries(shopDays.map((day) => [day, "current"]));

beforeAll(async () => {
  root = await makeShop();
  directory = join(root, "out/basket");
  await trainShop(root);
  const paths = shopDays.flatMap((day) => ["skeleton", "dataset"].map((stage) => manifest(stage, day)));
  kept = Object.fromEntries([...paths, ...files(join(directory, ".summary")).map((name) => join(directory, ".summary", name))].map((path) => [path, readFileSync(path)]));
});
beforeEach(() => {
  rmSync(join(directory, ".summary"), {recursive: true, force: true});
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

function restore(): void {
  for (const [path, content] of Object.entries(kept)) if (!existsSync(path) || !readFileSync(path).equals(content)) writeFileSync(path, content);
}

describe("a summary", () => {
  it("is written by training, a file a year and stage, with definitions written once", async () => {
    const names = Object.keys(kept).filter((path) => path.includes("/.summary/")).map((path) => path.slice(join(directory, ".summary/").length));
    expect(names.filter((name) => !name.startsWith("made_by/"))).toEqual(["dataset/2026", "skeleton/2026"]);
    // One for skeletons and one for datasets.
    expect(names.filter((name) => name.startsWith("made_by/"))).toHaveLength(2);
    expect(await states()).toEqual(allCurrent);
  });

  it("is made again by a plan, and holds what the manifests say", async () => {
    expect(await states()).toEqual(allCurrent);
    const {rows, versions, made_by: madeBy, reaches, files: parts} = readManifestOf(root, "skeleton", "2026-02-26") as {rows: number; versions: {daedalus: string}; made_by: object; reaches: object; files: {bytes: number}[]};
    // Read with the manifest in place, and believed only then.
    const found = new PartitionSummaries(directory).find("skeleton", "2026-02-26");
    expect(found).toMatchObject({rows, version: versions.daedalus, madeBy, reaches, bytes: parts[0]!.bytes, warnings: []});
  });

  it("is not read where its manifest is another file, whatever it says", async () => {
    await states();
    const path = manifest("skeleton", "2026-02-27");
    const {atime, mtime} = statSync(path);
    // Of the same size, with the time of change put back.
    writeFileSync(path, readFileSync(path, "utf8").replace('"rows": 200', '"rows": 201'));
    utimesSync(path, atime, mtime);
    try {
      expect((await states())["2026-02-27"]).toBe("its manifest was edited by hand");
      expect((await states())["2026-02-27"]).toBe("its manifest was edited by hand");
    } finally {
      restore();
    }
    expect(await states()).toEqual(allCurrent);
    rmSync(path);
    try {
      expect((await states())["2026-02-27"]).toBe("missing");
    } finally {
      restore();
    }
    expect(await states()).toEqual(allCurrent);
  });

  it.each<[what: string, damage: (text: string) => string]>([
    ["cut off", (text) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["no text", () => "\u0000\u0001\n{"],
    ["edited", (text) => text.replace('"2026-02-26"', '"2026-02-28"')],
    ["of another version", (text) => text.replace(/^\w+/, "0".repeat(64))],
  ])("that is %s counts as none, and is made anew", async (_what, damage) => {
    await states();
    const whole = readFileSync(shard(), "utf8");
    writeFileSync(shard(), damage(whole));
    expect(await states()).toEqual(allCurrent);
    expect(readFileSync(shard(), "utf8")).toBe(whole);
  });

  it("whose definitions are gone or edited is made anew", async () => {
    await states();
    const made = join(directory, ".summary/made_by");
    for (const name of readdirSync(made)) writeFileSync(join(made, name), readFileSync(join(made, name), "utf8").replace("definition", "defined"));
    expect(await states()).toEqual(allCurrent);
    rmSync(made, {recursive: true});
    expect(await states()).toEqual(allCurrent);
    expect(readdirSync(made)).toHaveLength(2);
  });

  it.skipIf(process.getuid?.() === 0)("is done without where nobody may write", async () => {
    chmodSync(directory, 0o555);
    try {
      expect(await states()).toEqual(allCurrent);
      expect(existsSync(join(directory, ".summary"))).toBe(false);
    } finally {
      chmodSync(directory, 0o755);
    }
  });

  it("loses nothing when two write at once: what one did not know is read from its manifest", () => {
    const [one, other] = [new PartitionSummaries(directory), new PartitionSummaries(directory)];
    one.find("skeleton", "2026-02-26");
    other.find("skeleton", "2026-02-27");
    one.save();
    other.save();
    const third = new PartitionSummaries(directory);
    expect(["2026-02-26", "2026-02-27"].map((day) => typeof third.find("skeleton", day))).toEqual(["object", "object"]);
  });

  it("gives status the same answer as manifests do", async () => {
    const project = loadProject({root});
    const status = () => readStatus({project, service: project.services.get("basket")!, stages: "both"});
    const cold = await status();
    expect(await status()).toEqual(cold);
    expect(cold.rows).toBe(800);
  });
});
