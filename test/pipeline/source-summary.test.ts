/** What is remembered of source files makes a start fast and decides nothing: a changed file is always read again. */
import {existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {afterAll, beforeAll, beforeEach, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {planService} from "../../src/pipeline/plan-days.js";
import {SourceSummaries} from "../../src/pipeline/source-summary.js";
import {statInThread} from "../../src/pipeline/manifest-stats.js";
import {quoteText} from "../../src/sources/quote.js";
import {makeShop, shopDays, trainShop} from "../support/shop-project.js";

let root: string;
const cache = (): string => join(root, "out/basket/.summary/sources/orders");
const source = (): string => join(root, "data/orders/dt=2026-02-10/extra.parquet");

async function days(): Promise<readonly string[]> {
  const project = loadProject({root});
  return (await planService({project, service: project.services.get("basket")!, stages: "both"})).days;
}

async function writeOrders(...instants: string[]): Promise<void> {
  mkdirSync(dirname(source()), {recursive: true});
  const session = await DuckDbSession.open();
  const rows = instants.map((at) => `SELECT 1::BIGINT AS customer_id, 2::BIGINT AS product_id, ${at}::TIMESTAMP AS at, 1::BIGINT AS line, 1::INTEGER AS quantity`);
  await session.run(`COPY (${rows.join(" UNION ALL ")}) TO ${quoteText(source())} (FORMAT parquet)`);
  session.close();
}

beforeAll(async () => {
  root = await makeShop();
  await trainShop(root);
});
beforeEach(() => {
  rmSync(join(root, "out/basket/.summary/sources"), {recursive: true, force: true});
  rmSync(source(), {force: true});
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

async function planAt(nowMs: number): Promise<void> {
  const project = loadProject({root});
  const service = project.services.get("basket")!;
  await planService({project, service, stages: "both"}, {environment: {}, onEvent: () => undefined, now: () => nowMs});
}

/** As if the file had been written long ago: only then is it remembered. */
const remember = (): Promise<void> => planAt(Date.now() + 60_000);

describe("what is remembered of source files", () => {
  it("is what they say", async () => {
    await writeOrders("'2026-02-10 23:59:59.999999'", "'2026-02-12 00:00:00'", "'infinity'", "NULL");
    await remember();
    expect(existsSync(cache())).toBe(true);
    const {size, mtimeMs, ctimeMs, ino} = statSync(source());
    const file = {path: source(), size, modifiedMs: mtimeMs, changedMs: ctimeMs, inode: ino};
    const known = new SourceSummaries(join(root, "out/basket"), Date.now).of("orders", "at").find(file);
    const day = (text: string): number => Date.parse(text) / 86_400_000;
    expect(known.days).toEqual([[day("2026-02-10"), day("2026-02-10")], [day("2026-02-12"), day("2026-02-12")]]);
    expect(await days()).toEqual(["2026-02-10", "2026-02-12", ...shopDays]);
  });

  it("is believed only as long as the file is the same", async () => {
    await writeOrders("'2026-02-10 12:00:00'");
    await remember();
    const {atime, mtime, size} = statSync(source());
    await writeOrders("'2026-02-11 12:00:00'");
    utimesSync(source(), atime, mtime);
    // Nothing but the inode's own time of change tells.
    expect(statSync(source()).size).toBe(size);
    expect(await days()).toEqual(["2026-02-11", ...shopDays]);
    await remember();
    const copy = `${source()}.copy`;
    writeFileSync(copy, readFileSync(source()));
    await writeOrders("'2026-02-12 12:00:00'");
    renameSync(source(), copy);
    renameSync(copy, source());
    expect(await days()).toEqual(["2026-02-12", ...shopDays]);
    rmSync(source());
    expect(await days()).toEqual(shopDays);
  });

  it("is nothing yet of a file that was just written, which may be written again within the same tick", async () => {
    await writeOrders("'2026-02-10 12:00:00'");
    // What was written before it is remembered by then.
    await planAt(statSync(source()).ctimeMs + 2999);
    const text = existsSync(cache()) ? readFileSync(cache(), "utf8") : "";
    expect(text).not.toContain("extra.parquet");
  });

  it("costs only time when it is lost, broken, edited, or of another timestamp", async () => {
    await writeOrders("'2026-02-10 12:00:00'");
    const expected = ["2026-02-10", ...shopDays];
    await remember();
    const whole = readFileSync(cache(), "utf8");
    for (const damage of ["", "{", whole.slice(0, -20), whole.replaceAll("extra", "other"), whole.replace('"time":"at"', '"time":"on"')]) {
      writeFileSync(cache(), damage);
      expect(await days()).toEqual(expected);
    }
    writeFileSync(cache(), whole);
    expect(new SourceSummaries(join(root, "out/basket"), Date.now).of("orders", "line").find({path: source(), size: 0, modifiedMs: 0, changedMs: 0, inode: 0})).toEqual({});
    rmSync(dirname(cache()), {recursive: true});
    writeFileSync(join(root, "out/basket/.summary/sources"), "no folder");
    expect(await days()).toEqual(expected);
    rmSync(join(root, "out/basket/.summary/sources"));
  });

  it("is written beside partitions only", async () => {
    const project = loadProject({root});
    const effects = {environment: {}, onEvent: () => undefined, now: () => Date.now() + 60_000};
    await planService({project, service: project.services.get("basket")!, stages: "both", outputRoot: "elsewhere"}, effects);
    expect(existsSync(join(root, "elsewhere"))).toBe(false);
  });
});

describe("a thread that looks at manifests", () => {
  it("sees what a stat says, and nothing where there is nothing", async () => {
    const [skeleton, dataset, nothing] = (await statInThread([join(root, "out/basket/skeleton"), join(root, "out/basket/dataset"), join(root, "absent")]))!;
    expect([...skeleton!.keys()].sort()).toEqual(shopDays);
    expect([...dataset!.keys()].sort()).toEqual(shopDays);
    expect(nothing!.size).toBe(0);
    const {size, ino, mtimeMs, ctimeMs} = statSync(join(root, "out/basket/skeleton/dt=2026-02-26/_manifest.json"));
    expect(skeleton!.get("2026-02-26")).toEqual([size, ino, mtimeMs, ctimeMs]);
  });
});
