/** A real Dagster with daedalus_dagster, and our runs through it. */
import {execFile} from "node:child_process";
import {readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {createServer as createHttpServer} from "node:http";
import type {AddressInfo} from "node:net";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {promisify} from "node:util";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {callMethod} from "../../src/platform/call-method.js";
import type {MethodContext} from "../../src/platform/context.js";
import {methods} from "../../src/platform/methods.js";
import type {RunAnswer} from "../../src/platform/schemas/run-schemas.js";
import {dagsterPackage, startDagster, type DagsterServer} from "../support/dagster-server.js";
import {findPort} from "../support/free-port.js";
import {makeContext} from "../support/method-context.js";
import {daedaPath, runDaeda} from "../support/run-daeda.js";
import {makeShop, readManifestOf, readRows, shopDays, shopFiles, trainShop} from "../support/shop-project.js";

const dagsterPython = process.env["DAEDALUS_DAGSTER_PYTHON"];
const basket = shopFiles["feature_services/basket.yaml"];
const day = shopDays[1]!;

let root: string;
beforeAll(async () => {
  root = await makeShop({
    "feature_services/basket.yaml": `${basket}checks: [{min_rows: 100}, {unique: [customer_id], severity: warn}]\n`,
    "feature_services/strict.yaml": `${basket.replace("name: basket", "name: strict")}checks: [{min_rows: 1000}, {min_rows: 10}]\n`,
    "feature_services/endless.yaml": basket.replace("name: basket", "name: endless"),
  });
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

const train = (url: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  runDaeda(["pipeline", "train", "basket", "--target-date", day, "--runner", "dagster", "--dagster-url", url, ...args], {directory: root, env});

describe("what Dagster is told of a project", () => {
  it("holds days, services with their views and checks, and views with their columns", async () => {
    const {stdout} = await runDaeda(["generate", "dagster"], {directory: root});
    const described = JSON.parse(stdout) as {services: {name: string; views: string[]; checks: object[]}[]};
    expect(described).toMatchObject({format: 1, first_day: "2026-02-01", last_day: "2026-03-31"});
    expect(described.services.find(({name}) => name === "basket")).toMatchObject({
      views: ["orders", "prices", "products"],
      checks: [
        {name: "min_rows_100", description: "min_rows 100", severity: "error", stage: "skeleton"},
        {name: "unique_customer_id", description: "unique [customer_id]", severity: "warn", stage: "skeleton"},
      ],
    });
  });
});

describe("a Dagster that is not there", () => {
  it("is said with its address", async () => {
    const url = `http://127.0.0.1:${await findPort()}/graphql`;
    const {exitCode, stderr} = await train(url);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`error dagster-unreachable: Dagster does not answer at ${url}: ECONNREFUSED`);
  });

  it("is looked for where the settings say", async () => {
    const url = `http://127.0.0.1:${await findPort()}/graphql`;
    const config = join(root, "config.toml");
    writeFileSync(config, `dagster_graphql_url = "${url}"\n`);
    const {stderr} = await runDaeda(["pipeline", "train", "basket", "--target-date", day, "--runner", "dagster"], {directory: root, env: {DAEDALUS_CONFIG: config}});
    expect(stderr).toContain(`Dagster does not answer at ${url}`);
  });

  it("is told from something else that answers, which gets the token and nothing of it is printed", async () => {
    let sent: string | undefined;
    const server = createHttpServer((request, response) => {
      sent = request.headers.authorization;
      response.end("<html>hello</html>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const {stderr} = await train(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, [], {DAEDALUS_DAGSTER_TOKEN: "s3cret"});
      expect(stderr).toContain("what answers there (200) is not Dagster's GraphQL");
      expect(sent).toBe("Bearer s3cret");
      expect(stderr).not.toContain("s3cret");
    } finally {
      server.close();
    }
  });

  it("is not asked for what it cannot do", async () => {
    expect((await train("http://127.0.0.1:1/graphql", ["--skeleton-only"])).stderr).toContain("its job makes both stages of a day");
    expect(await train("http://me:hunter2@dagster/graphql")).toMatchObject({exitCode: 2});
  });
});

describe("options of a runner", () => {
  const params = {service: "basket", partition: day};

  it.each([
    ["an unknown one", {runner: "ray", runner_options: {num_cpu: "4"}}, "key-unknown"],
    ["one of another runner", {runner: "dagster", runner_options: {num_cpus: "4"}}, "key-unknown"],
    ["a wrong value", {runner: "ray", runner_options: {memory: "64 apples"}}, "value-wrong"],
    ["a stage alone on Dagster", {runner: "dagster", skeleton_only: true}, "keys-conflict"],
  ] as const)("are refused before the run waits: %s", async (_, options, code) => {
    await expect(methods["runs.materialize_partition"]({...params, ...options}, makeContext(root))).rejects.toMatchObject({code});
  });

  it("that decide where commands run and tokens go are not for callers of a server", () => {
    for (const [runner, key] of [["ray", "address"], ["ray", "command"], ["ray", "runtime_env"], ["dagster", "url"]] as const) {
      const call = (): unknown => callMethod("runs.materialize_partition", {...params, runner, runner_options: {[key]: "http://elsewhere"}}, makeContext(root));
      expect(call).toThrow(expect.objectContaining({code: "option-reserved"}));
    }
  });
});

describe.skipIf(dagsterPython === undefined)("a Dagster (needs DAEDALUS_DAGSTER_PYTHON, a Python with dagster and dagster-webserver)", () => {
  let dagster: DagsterServer;
  let context: MethodContext;

  beforeAll(async () => {
    context = makeContext(root, {limits: {runningMax: 3}});
    const endless = "process.argv.includes('endless') && process.argv.includes('train') ? setInterval(() => undefined, 1000) : import(process.argv[1])";
    const command = [process.execPath, "-e", endless, daedaPath];
    dagster = await startDagster(dagsterPython!, join(root, "dagster"), `from daedalus_dagster import load_definitions\ndefs = load_definitions(${JSON.stringify(root)}, command=${JSON.stringify(command)})\n`);
  });
  afterAll(() => dagster.stop());

  const start = async (service: string): Promise<string> =>
    (await methods["runs.materialize_partition"]({service, partition: day, runner: "dagster", runner_options: {url: dagster.url}}, context)).run_id;
  const readLog = async (run_id: string): Promise<string> => (await methods["runs.logs"]({run_id}, context)).lines.map(({text}) => text).join("\n");
  const waitFor = async (run_id: string, isThere: (run: RunAnswer, log: string) => boolean): Promise<RunAnswer> => {
    for (;;) {
      const [run, log] = [await methods["runs.get"]({run_id}, context), await readLog(run_id)];
      if (isThere(run, log)) return run;
      if (run.finished_at !== null) throw new Error(`${run.status}: ${log}`);
      await sleep(200);
    }
  };
  const hasEnded = ({finished_at: at}: RunAnswer): boolean => at !== null;
  const readChecks = async (service: string): Promise<Record<string, string>> => {
    const answer = await dagster.ask(`{assetNodeOrError(assetKey: {path: ["${service}"]}) {... on AssetNode {assetChecksOrError {... on AssetChecks {checks {name executionForLatestMaterialization {status evaluation {severity}}}}}}}}`);
    type Check = {name: string; executionForLatestMaterialization: {status: string; evaluation: {severity: string} | null} | null};
    const {checks} = (answer["assetNodeOrError"] as {assetChecksOrError: {checks: Check[]}}).assetChecksOrError;
    return Object.fromEntries(checks.map(({name, executionForLatestMaterialization: found}) => [name, `${found?.status} ${found?.evaluation?.severity}`]));
  };

  it("makes a partition as the local runner does, shows a failed check as one, and ends a run that is cancelled", async () => {
    const [made, failed, cancelled] = [await start("basket"), await start("strict"), await start("endless")];
    await waitFor(cancelled, (_, log) => log.includes("endless.skeleton_stage started"));
    await methods["runs.cancel"]({run_id: cancelled}, context);

    const run = await waitFor(made, hasEnded);
    expect({status: run.status, log: await readLog(made)}).toMatchObject({status: "succeeded"});
    expect(await readLog(made)).toMatch(new RegExp(`^${day} \\| ${day} .*200 rows`, "m"));
    expect(Object.keys(run.external)).toEqual([day]);
    expect(await readChecks("basket")).toEqual({min_rows_100: "SUCCEEDED ERROR", unique_customer_id: "FAILED WARN"});
    const shown = await dagster.ask(`{assetNodeOrError(assetKey: {path: ["basket"]}) {... on AssetNode {
      dependencyKeys {path} partitionStats {numMaterialized}
      assetMaterializations(limit: 1) {partition runId metadataEntries {label ... on IntMetadataEntry {intValue} ... on PathMetadataEntry {path}}}}}}`);
    const files = readdirSync(join(root, "out/basket/dataset", `dt=${day}`)).filter((name) => name.endsWith(".parquet"));
    expect(files).toHaveLength(1);
    const bytes = readFileSync(join(root, "out/basket/dataset", `dt=${day}`, files[0]!)).length;
    expect(shown["assetNodeOrError"]).toMatchObject({
      dependencyKeys: ["orders", "prices", "products"].map((view) => ({path: ["feature_views", view]})),
      partitionStats: {numMaterialized: 1},
      assetMaterializations: [
        {
          partition: day,
          runId: run.external[day],
          metadataEntries: expect.arrayContaining([
            {label: "rows", intValue: 200},
            {label: "bytes", intValue: bytes},
            {label: "directory", path: join(root, "out/basket/dataset", `dt=${day}`)},
          ]) as unknown,
        },
      ],
    });
    const view = await dagster.ask(`{assetNodeOrError(assetKey: {path: ["feature_views", "prices"]}) {... on AssetNode {
      isExecutable groupName dependedByKeys {path}
      metadataEntries {label ... on TextMetadataEntry {text} ... on TableSchemaMetadataEntry {schema {columns {name type}}}}}}}`);
    expect(view["assetNodeOrError"]).toEqual({
      isExecutable: false,
      groupName: "feature_views",
      dependedByKeys: ["basket", "endless", "strict"].map((service) => ({path: [service]})),
      metadataEntries: expect.arrayContaining([{label: "source", text: "data/prices.parquet"}, {label: "dagster/column_schema", schema: {columns: [{name: "price", type: "DOUBLE"}]}}]) as unknown,
    });
    const remote = await readRows(join(root, "out/basket/dataset", `dt=${day}`));
    const local = await trainShop(root, {outputRoot: "local", targetDay: day});
    expect(remote).toEqual(await readRows(local.days[0]!.directory));

    expect(await waitFor(failed, hasEnded)).toMatchObject({status: "failed", error: {code: "remote-day-failed", message: expect.stringContaining("min_rows 1000 (200 rows)") as unknown}});
    expect(await readChecks("strict")).toEqual({min_rows_1000: "FAILED ERROR", min_rows_10: "SUCCEEDED ERROR"});

    const ended = await waitFor(cancelled, hasEnded);
    expect(ended.status).toBe("cancelled");
    expect(await dagster.ask(`{runOrError(runId: "${ended.external[day]}") {... on Run {status}}}`)).toEqual({runOrError: {status: "CANCELED"}});
    const commands = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => readCommand(pid));
    expect(commands.filter((words) => words.includes(daedaPath) && words.includes("endless"))).toEqual([]);
  }, 180_000);

  it("makes the day before on schedule, and begins a step again whose process was lost, but none that failed", async () => {
    const calls = join(root, "calls.txt");
    // The first process that makes a skeleton of basket is killed.
    const wrapper = `const {appendFileSync, existsSync} = require("node:fs"); const words = process.argv.slice(2).join(" ");
const isLost = words.includes("basket") && words.includes("--skeleton-only") && !existsSync(${JSON.stringify(calls)}); if (words.includes("--skeleton-only")) appendFileSync(${JSON.stringify(calls)}, words + "\\n");
if (isLost) process.kill(process.pid, "SIGKILL"); else import(process.argv[1]);`;
    const script = `
import datetime, json, dagster as dg
from daedalus_dagster import load_definitions
defs = load_definitions(${JSON.stringify(root)}, command=${JSON.stringify([process.execPath, "-e", wrapper, daedaPath])}, retry_policy=dg.RetryPolicy(max_retries=2))
schedule = defs.resolve_schedule_def("basket_job_schedule")
tick = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=datetime.datetime(2026, 3, 2, 3, tzinfo=datetime.timezone.utc)))
run = lambda name, day: defs.resolve_job_def(name).execute_in_process(partition_key=day, raise_on_error=False).success
days = [request.partition_key for request in tick.run_requests]
print(json.dumps({"cron": schedule.cron_schedule, "status": schedule.default_status.value, "days": days, "made": run("basket_job", days[0]), "strict": run("strict_job", days[0])}))
`;
    const env = {PATH: process.env["PATH"], HOME: root, PYTHONPATH: dagsterPackage};
    const {stdout} = await promisify(execFile)(dagsterPython!, ["-c", script], {cwd: root, env});
    const scheduled = shopDays[2]!;
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toEqual({cron: "0 3 * * *", status: "STOPPED", days: [scheduled], made: true, strict: false});
    expect(readManifestOf(root, "dataset", scheduled)).toMatchObject({day: scheduled});
    const begun = readFileSync(calls, "utf8").trim().split("\n").map((line) => line.split(" ")[2]);
    expect(begun).toEqual(["basket", "basket", "strict"]);
  });

  it("names the jobs there are, when it has none for the service", async () => {
    const {stderr} = await train(dagster.url, ["--force", "--dagster-job", "nightly"]);
    expect(stderr).toMatch(/error dagster-job: Dagster at \S+ has no job "nightly"\n {2}hint: its jobs are .*shop\/basket_job/);
  });
});

/** The words that a process of this test's project was started with. */
function readCommand(pid: string): string[] {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes(root) ? words : [];
  } catch {
    return [];
  }
}
