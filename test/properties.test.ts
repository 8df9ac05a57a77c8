/**
 * What must hold for every definition and every history: the engines agree with the naive day, no event of a row's future changes
 * the row, and neither the order of the input nor the number of threads changes anything. A failure is shrunk to the rows that it
 * needs and printed with its seed, as a test case.
 */
import {rmSync} from "node:fs";
import {stringify} from "yaml";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {renderValue, type Value} from "../src/definitions/value.js";
import type {AggregationEngine} from "../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {loadAggregationEngine} from "../src/pipeline/aggregation-engines.js";
import {renderCase} from "../src/pipeline/case-render.js";
import {runCaseRows, type Rows} from "../src/pipeline/case-rows.js";
import {train} from "../src/pipeline/train.js";
import {runNaiveDay} from "./support/naive-day.js";
import {batchInputs, columnsOfView, day, randomDefinitions, randomHistory, writeBatch, type BatchRow, type RandomDefinitions} from "./support/random-project.js";
import {below, pick, seededRandom, type Random} from "./support/seeded-random.js";
import {readRows} from "./support/shop-project.js";
import {shrink} from "./support/shrink.js";

/** Histories of one definition that are computed together: most of the time is spent on definitions, whatever their rows. */
const batchSize = 100;
const batchesOf = (histories: number): number => Math.ceil(histories / batchSize);
const seqsPerHistory = 100;

/** Half a minute on two cores that have nothing else to do. */
const timeoutMs = 300_000;

let session: DuckDbSession;
let threads: DuckDbSession;
const engines: AggregationEngine[] = [];
beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
  threads = await DuckDbSession.open({config: new Map([["threads", "4"]])});
  for (const name of ["duckdb", "native", "polars"]) engines.push(await loadAggregationEngine(name));
});
afterAll(() => {
  session.close();
  threads.close();
});

const randomBatch = (random: Random): BatchRow[] =>
  Array.from({length: batchSize}, (_, history) => randomHistory(random, history + 1, (history + 1) * seqsPerHistory)).flat();

/** `seq` -> the row as text, with the other's dtypes where both must be compared. */
function textsBySeq(rows: Rows, columns = rows.columns): ReadonlyMap<string, string> {
  const at = rows.columns.findIndex(({name}) => name === "seq");
  return new Map(rows.rows.map((row) => [String(row[at]), columns.map(({name, dtype}, index) => `${name}: ${renderValue(row[index]!, dtype)}`).join(", ")]));
}

function differingSeqs(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((seq) => one.get(seq) !== other.get(seq));
}

const run = (definitions: RandomDefinitions, rows: readonly BatchRow[], engine = engines[0]!, where = session): Promise<Rows> => runCaseRows(where, batchInputs(definitions, rows), engine);

async function differsFromNaive(definitions: RandomDefinitions, rows: readonly BatchRow[], engine: AggregationEngine, naive = runNaiveDay(batchInputs(definitions, rows))): Promise<boolean> {
  const found = await run(definitions, rows, engine);
  return differingSeqs(textsBySeq(found), textsBySeq(naive, found.columns)).length > 0;
}

/** The smallest case, as YAML that can be put among the conformance cases. */
function report(title: string, definitions: RandomDefinitions, rows: readonly BatchRow[]): string {
  const inputs = batchInputs(definitions, rows);
  const expected = runNaiveDay(inputs);
  return `${title}\n${stringify({definitions: definitions.definitions})}${renderCase({name: title, inputs, expected, isComplete: true})}`;
}

describe("a random day", () => {
  it("is the naive day's on every engine, for 2,000 histories", async () => {
    for (let seed = 1; seed <= batchesOf(2000); seed += 1) {
      const random = seededRandom(seed);
      const definitions = randomDefinitions(random, true);
      const rows = randomBatch(random);
      const naive = runNaiveDay(batchInputs(definitions, rows));
      for (const engine of engines) {
        if (!(await differsFromNaive(definitions, rows, engine, naive))) continue;
        const fewest = await shrink(rows, (fewer) => differsFromNaive(definitions, fewer, engine));
        expect.fail(report(`seed ${seed}: ${engine.name} is not the naive day`, definitions, fewest));
      }
    }
  }, timeoutMs);

  it("is written in the order of time and keys", async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const random = seededRandom(50_000 + seed);
      const {columns, rows} = await run(randomDefinitions(random, true), randomBatch(random));
      const keys = ["at", "user_id", "item_id"].map((name) => columns.findIndex((column) => column.name === name));
      const before = (a: readonly Value[], b: readonly Value[]): boolean => {
        for (const key of keys) {
          if (a[key] === b[key]) continue;
          return a[key] === null || (b[key] !== null && a[key]! < b[key]!);
        }
        return true;
      };
      expect(rows.length).toBeGreaterThan(100);
      expect(rows.every((row, index) => index === 0 || before(rows[index - 1]!, row)), `seed ${seed}`).toBe(true);
    }
  });
});

/** A batch twice, with the same past of one row of each history and two futures. */
interface Futures {
  readonly rows: readonly (BatchRow & {readonly world: "both" | "one" | "other"})[];
  readonly seqs: readonly string[];
}

const cellOf = (row: BatchRow, name: string): Value => row.values[columnsOfView[row.view].findIndex((column) => column.name === name)] ?? null;

/** Whether a row could matter to what happens at the instant. */
function isPast({definitions}: RandomDefinitions, row: BatchRow, at: number): boolean {
  if (row.view === "feed") return (cellOf(row, "at") as number | null ?? at) < at;
  const view = definitions.views!.find(({name}) => name === row.view)!;
  const time = view["time"] as {available_at?: string; embargo?: string; boundary?: string};
  const known = cellOf(row, time.available_at ?? `${row.view}_at`) as number | null;
  if (known === null) return false;
  const knownAt = known + Number.parseInt(time.embargo ?? "0", 10) * 3_600_000_000;
  return time.boundary === "inclusive" ? knownAt <= at : knownAt < at;
}

function randomFutures(random: Random, definitions: RandomDefinitions, histories = batchSize): Futures {
  const seqs: string[] = [];
  const rows = Array.from({length: histories}, (_, index) => {
    const history = index + 1;
    const one = randomHistory(random, history, history * seqsPerHistory);
    const instants = one.filter((candidate) => candidate.view === "feed" && cellOf(candidate, "at") !== null);
    if (instants.length === 0) return [];
    const row = pick(random, instants);
    const at = cellOf(row, "at") as number;
    seqs.push(String(cellOf(row, "seq")));
    const other = randomHistory(random, history, history * seqsPerHistory + 50);
    return [
      ...one.map((candidate) => ({...candidate, world: candidate === row || isPast(definitions, candidate, at) ? ("both" as const) : ("one" as const)})),
      ...other.filter((candidate) => !isPast(definitions, candidate, at)).map((candidate) => ({...candidate, world: "other" as const})),
    ];
  }).flat();
  return {rows, seqs};
}

async function findChanged(definitions: RandomDefinitions, {rows, seqs}: Futures, engine = engines[0]!): Promise<readonly string[]> {
  const world = async (name: "one" | "other"): Promise<ReadonlyMap<string, string>> => textsBySeq(await run(definitions, rows.filter((row) => row.world === "both" || row.world === name), engine));
  const differing = new Set(differingSeqs(await world("one"), await world("other")));
  return seqs.filter((seq) => differing.has(seq));
}

describe("the future", () => {
  it("never changes a row: what is at or after its instant is added, changed and removed in 1,000 histories", async () => {
    for (let seed = 1; seed <= batchesOf(1000); seed += 1) {
      const random = seededRandom(10_000 + seed);
      const definitions = randomDefinitions(random, false);
      const futures = randomFutures(random, definitions);
      expect(futures.seqs.length).toBeGreaterThan(batchSize / 2);
      for (const engine of engines.filter(({name}) => name !== "polars")) {
        const [changed] = await findChanged(definitions, futures, engine);
        if (changed === undefined) continue;
        const fewest = await shrink(futures.rows, async (rows) => (await findChanged(definitions, {rows, seqs: [changed]}, engine)).length > 0);
        const texts = fewest.map((row) => `# in ${row.world === "both" ? "both worlds" : `world ${row.world}`}: ${row.view} ${row.values.map(String).join(", ")}`);
        expect.fail(report(`seed ${10_000 + seed}: on ${engine.name} the future changes row ${changed}\n${texts.join("\n")}`, definitions, fewest));
      }
    }
  }, timeoutMs);

  it("is found out where a definition lets it in: a view that is joined as its latest row", async () => {
    const random = seededRandom(77);
    const honest = randomDefinitions(random, false);
    const views = honest.definitions.views!.map((view) => (view["name"] === "price" ? {...view, ttl: undefined, time: {join: "latest"}} : view));
    const {project} = honest;
    const price = project.views.get("price")!;
    const leaking = {definitions: {...honest.definitions, views}, project: {...project, views: new Map([...project.views, ["price", {...price, ttlUs: undefined, time: {...price.time, join: "latest" as const, availableAt: undefined, embargoUs: 0}}]])}};
    const futures = randomFutures(random, leaking, 4);
    const [changed] = await findChanged(leaking, futures);
    expect(changed).toBeDefined();
    const fewest = await shrink(futures.rows, async (rows) => (await findChanged(leaking, {rows, seqs: [changed!]})).length > 0);
    // The row itself, the row of the view that is not there in the other world, and at most what it takes the place of.
    expect(fewest.length).toBeLessThanOrEqual(3);
    expect(fewest.filter(({view, world}) => view === "price" && world !== "both")).not.toEqual([]);
  });
});

describe("the order of the input", () => {
  it("and the number of threads change nothing, in 400 histories", async () => {
    for (let seed = 1; seed <= batchesOf(400); seed += 1) {
      const random = seededRandom(20_000 + seed);
      const definitions = randomDefinitions(random, true);
      const rows = randomBatch(random);
      const salt = below(random, 1_000_000);
      const differs = async (some: readonly BatchRow[]): Promise<boolean> => {
        const shuffled = shuffle(seededRandom(salt), some);
        const plain = renderAll(await run(definitions, some));
        return plain !== renderAll(await run(definitions, shuffled)) || plain !== renderAll(await run(definitions, shuffled, engines[0], threads));
      };
      if (!(await differs(rows))) continue;
      expect.fail(report(`seed ${20_000 + seed}: the order of the input changes the day`, definitions, await shrink(rows, differs)));
    }
  }, timeoutMs);
});

describe("the files of the input", () => {
  it("change nothing, however the rows are spread over them and whatever the order in them, in 240 histories", async () => {
    for (let seed = 1; seed <= batchesOf(240); seed += 1) {
      const random = seededRandom(30_000 + seed);
      const definitions = randomDefinitions(random, true);
      const rows = randomBatch(random);
      const {project} = definitions;
      const service = [...project.services.values()][0]!;
      try {
        const days: string[][] = [];
        for (const [spread, fileCount] of [[rows, 1], [shuffle(random, rows), 1], [shuffle(random, rows), 5]] as const) {
          await writeBatch(session, definitions, spread, fileCount);
          const {days: [trained]} = await train({project, service, targetDay: day, stages: "skeleton", isForced: true});
          days.push(await readRows(trained!.directory));
        }
        expect(days[0]!.length).toBeGreaterThan(batchSize);
        expect(days[1], `seed ${30_000 + seed}: another order`).toEqual(days[0]);
        expect(days[2], `seed ${30_000 + seed}: five files`).toEqual(days[0]);
      } finally {
        rmSync(project.root, {recursive: true});
      }
    }
  }, timeoutMs);
});

const renderAll = ({columns, rows}: Rows): string => rows.map((row) => row.map((value, index) => renderValue(value, columns[index]!.dtype)).join(", ")).join("\n");

function shuffle<T>(random: Random, items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let index = shuffled.length - 1; index > 0; index -= 1) {
    const other = below(random, index + 1);
    [shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!];
  }
  return shuffled;
}

describe("shrinking", () => {
  it("leaves what the failure needs, and nothing else", async () => {
    const items = Array.from({length: 50}, (_, index) => index);
    expect(await shrink(items, (some) => Promise.resolve(some.includes(7) && some.includes(33)))).toEqual([7, 33]);
  });
});
