/** Runs as a user starts them: real processes, real files. */
import {appendFileSync, existsSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import type {MethodContext} from "../../src/platform/context.js";
import {methods} from "../../src/platform/methods.js";
import {appendLog, readLog, readLogTail} from "../../src/platform/runs/run-log.js";
import {RunQueue} from "../../src/platform/runs/run-queue.js";
import type {RunAnswer} from "../../src/platform/schemas/run-schemas.js";
import {makeContext} from "../support/method-context.js";
import {runDaeda, spawnDaeda} from "../support/run-daeda.js";
import {makeShop, shopDays} from "../support/shop-project.js";

let root: string;
let context: MethodContext;

beforeAll(async () => {
  root = await makeShop();
  context = makeContext(root, {limits: {runningMax: 1, queuedMax: 3}});
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

async function waitFor(runId: string, isThere: (run: RunAnswer) => boolean): Promise<RunAnswer> {
  for (;;) {
    const run = await methods["runs.get"]({run_id: runId}, context);
    if (isThere(run)) return run;
    await sleep(50);
  }
}
const hasEnded = ({finished_at: at}: RunAnswer): boolean => at !== null;

describe("a run", () => {
  it("makes the days of a range, and says so in its record and its log", async () => {
    const started = await methods["runs.materialize_partition"]({service: "basket", range: {first: "2026-02-25", last: "2026-02-27"}}, context);
    expect(started.status).toBe("running");
    const run = await waitFor(started.run_id, hasEnded);
    expect(run).toMatchObject({status: "succeeded", service: "basket", first_day: "2026-02-25", requested_by: "tester", error: null});
    expect(existsSync(join(root, "out/basket/dataset/dt=2026-02-27/_manifest.json"))).toBe(true);
    expect(existsSync(join(root, "out/basket/dataset/dt=2026-03-01"))).toBe(false);
    const log = await methods["runs.logs"]({run_id: started.run_id}, context);
    expect(log.is_complete).toBe(true);
    expect(log.lines.map(({text}) => text).join("\n")).toContain("basket: wrote 2 days with 400 rows");
    const {stdout} = await spawnDaeda(["runs", "logs", started.run_id, "--follow", "--format", "json"], {directory: root});
    expect(stdout.trim().split("\n").map((line): unknown => JSON.parse(line))).toEqual(log.lines);
  });

  it("fails with the error of its training, and leaves the queue free", async () => {
    const started = await methods["runs.materialize_partition"]({service: "basket", partition: "2026-01-01"}, context);
    expect(await waitFor(started.run_id, hasEnded)).toMatchObject({status: "failed", error: {code: "day-empty"}});
    await expect(methods["runs.cancel"]({run_id: started.run_id}, context)).rejects.toMatchObject({code: "run-finished"});
  });

  it("whose process was killed is found and marked, by a queue that never saw it, and the next one starts", async () => {
    const lost = await methods["runs.materialize_partition"]({service: "basket", partition: shopDays[2]!, force: true}, context);
    const next = await methods["runs.materialize_partition"]({service: "basket", partition: shopDays[2]!}, context);
    expect(next.status).toBe("queued");
    const {pid} = await methods["runs.get"]({run_id: lost.run_id}, context);
    process.kill(pid!, "SIGKILL");
    context = makeContext(root, {limits: {runningMax: 1, queuedMax: 3}});
    expect(await waitFor(lost.run_id, hasEnded)).toMatchObject({status: "failed", error: {code: "run-lost"}});
    expect(await waitFor(next.run_id, hasEnded)).toMatchObject({status: "succeeded"});
  });
});

describe("the queue", () => {
  it("is bounded, keeps order, knows a repeated key, and cancels what waits and what works", async () => {
    const start = (partition: string, idempotency_key?: string) => methods["runs.materialize_partition"]({service: "basket", partition, force: true, idempotency_key}, context);
    const working = await start(shopDays[0]!);
    const waiting = await start(shopDays[1]!, "nightly");
    expect(await start(shopDays[1]!, "nightly")).toEqual(waiting);
    await expect(start(shopDays[2]!, "nightly")).rejects.toMatchObject({code: "idempotency-conflict"});
    await start(shopDays[2]!);
    const last = await start(shopDays[3]!);
    await expect(start(shopDays[3]!)).rejects.toMatchObject({code: "queue-full"});
    expect(await methods["runs.cancel"]({run_id: waiting.run_id}, context)).toMatchObject({status: "cancelled"});
    expect(await methods["runs.cancel"]({run_id: waiting.run_id}, context)).toMatchObject({status: "cancelled"});
    await methods["runs.cancel"]({run_id: working.run_id}, context);
    expect(["cancelled", "succeeded"]).toContain((await waitFor(working.run_id, hasEnded)).status);
    expect(await waitFor(last.run_id, hasEnded)).toMatchObject({status: "succeeded"});
    const first = await methods["runs.list"]({limit: 2}, context);
    expect(first.runs[0]!.run_id).toBe(last.run_id);
    const rest = await methods["runs.list"]({limit: 100, cursor: first.next_cursor!}, context);
    expect(rest.runs.map(({run_id: id}) => id).every((id) => id < first.next_cursor!)).toBe(true);
    expect((await methods["runs.list"]({status: "failed"}, context)).runs).toHaveLength(2);
  });

  it("goes on beside a record that is broken, which is named to who asks for it", async () => {
    const [newest] = (await methods["runs.list"]({}, context)).runs;
    const {store} = context.runs;
    const {run_id, ...run} = store.get(newest!.run_id);
    const broken = `${run_id.slice(0, -8)}00000000`;
    store.put({...run, run_id: broken, status: "queued", finished_at: null, idempotency_key: null});
    writeFileSync(join(store.directory, broken, "run.json"), "");
    await context.runs.advance();
    expect((await methods["runs.list"]({}, context)).runs[0]).toEqual(newest);
    await expect(methods["runs.get"]({run_id: broken}, context)).rejects.toMatchObject({code: "file-unreadable", message: expect.stringContaining(broken) as unknown});
    rmSync(join(store.directory, "active", broken));
  });

  it("is as long and as wide as the environment says", () => {
    const limitsOf = (environment: NodeJS.ProcessEnv): unknown => new RunQueue({directory: root, environment}).limits;
    expect(limitsOf({})).toEqual({runningMax: 2, queuedMax: 100});
    expect(limitsOf({DAEDALUS_RUNS_MAX: "3", DAEDALUS_QUEUE_MAX: "1000"})).toEqual({runningMax: 3, queuedMax: 1000});
    for (const wrong of ["0", "-1", "2.5", "many", "100000"]) expect(() => limitsOf({DAEDALUS_RUNS_MAX: wrong})).toThrow(expect.objectContaining({code: "value-wrong"}));
  });

  it.each([
    ["no days", {service: "basket"}, "key-missing"],
    ["a day that is none", {service: "basket", partition: "2026-02-30"}, "day-wrong"],
    ["a range backwards", {service: "basket", range: {first: "2026-03-02", last: "2026-03-01"}}, "range-wrong"],
    ["a day and a range", {service: "basket", partition: "2026-03-01", range: {first: "2026-03-01", last: "2026-03-02"}}, "keys-conflict"],
    ["another service", {service: "../basket", partition: "2026-03-01"}, "reference-unknown"],
  ])("takes no order with %s", async (_, params, code) => {
    await expect(methods["runs.materialize_partition"](params, context)).rejects.toMatchObject({code});
  });

  it("takes no order with an engine that does not exist", async () => {
    const before = context.runs.store.ids();
    const {exitCode, stderr} = await runDaeda(["runs", "start", "basket", "--target-date", shopDays[0]!, "--engine", "duckbd"], {directory: root});
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^error engine-unknown: .*duckbd.*\n {2}hint: did you mean "duckdb"\?\n$/)]);
    expect(context.runs.store.ids()).toEqual(before);
  });

  it.each(["../../etc/passwd", "", "20260415T061044123Z-9f3c01ab", "'; DROP TABLE runs"])("knows no run %j", async (run_id) => {
    await expect(methods["runs.get"]({run_id}, context)).rejects.toMatchObject({code: "run-unknown"});
  });
});

it("a run is waited for, and shown, by the command line", async () => {
  const start = ["runs", "start", "basket", "--target-date", "2026-01-02", "--idempotency-key", "empty"];
  const {exitCode, stdout, stderr} = await spawnDaeda([...start, "--wait"], {directory: root});
  expect([exitCode, stdout, stderr]).toEqual([1, expect.stringMatching(/^\S+ failed\n$/), expect.stringContaining("has no rows on 2026-01-02")]);
  const run = stdout.split(" ")[0]!;
  const ask = async (...args: string[]): Promise<string> => (await runDaeda(args, {directory: root})).stdout;
  expect(await ask(...start)).toBe(`${run} failed\n`);
  expect((await ask("runs", "logs", run)).trim().split("\n").length).toBeGreaterThan(1);
  expect(await ask("runs", "logs", run, "--tail", "1")).toMatch(/^.*the run failed: .*\n$/);
  expect((await ask("runs", "list", "--status", "failed", "--limit", "1")).split("\n")[1]).toMatch(new RegExp(`^${run}  failed  basket   2026-01-02  local`));
  const refused = await Promise.all(
    [["runs", "start", "basket"], ["runs", "start", "basket", "--target-date", "2026-01-02", "--runner-option", "fast"], ["runs", "logs", run, "--tail", "0"]].map((args) => runDaeda(args, {directory: root})),
  );
  expect(refused.map(({exitCode: code}) => code)).toEqual([2, 2, 2]);
});

describe("a log", () => {
  it("is read in pages and from its end, and a line that is still being written waits", () => {
    const path = join(root, "some.jsonl");
    const at = "2026-04-15T00:00:00.000Z";
    for (let line = 0; line < 3000; line += 1) appendLog(path, {at, level: "info", text: `line ${line} ${"x".repeat(50)}`});
    appendFileSync(path, '{"at": "half');
    const read: string[] = [];
    for (let page = readLog(path, {cursor: 0, limit: 700}); page.lines.length > 0; page = readLog(path, {cursor: page.cursor, limit: 700})) read.push(...page.lines.map(({text}) => text));
    expect(read).toHaveLength(3000);
    expect(readLogTail(path, 2000).lines.map(({text}) => text)).toEqual(read.slice(-2000));
    expect(readLogTail(path, 9999).lines).toHaveLength(3000);
    expect(readLogTail(path, 1).cursor).toBe(readFileSync(path, "utf8").lastIndexOf("\n") + 1);
    expect(readLog(path, {cursor: 5, limit: 1}).lines[0]!.text).toMatch(/^line 1 /);
  });
});
