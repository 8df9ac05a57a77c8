import {spawn, type ChildProcess} from "node:child_process";
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync} from "node:fs";
import type {AddressInfo} from "node:net";
import {createServer as createHttpServer, request as requestHttp} from "node:http";
import {hostname, tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {acquireLock} from "../../src/pipeline/lock.js";
import {methods} from "../../src/platform/methods.js";
import type {RunAnswer} from "../../src/platform/schemas/run-schemas.js";
import {findPort} from "../support/free-port.js";
import {makeContext} from "../support/method-context.js";
import {daedaPath, spawnDaeda, type ProcessOptions, type RunResult} from "../support/run-daeda.js";
import {makeShop, readDatasets, shopDays, shopFiles} from "../support/shop-project.js";

const rayPython = process.env["DAEDALUS_RAY_PYTHON"];

let root: string;
beforeAll(async () => {
  root = await makeShop();
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

const train = (address: string, args: readonly string[] = [], options: Pick<ProcessOptions, "env" | "onStart"> = {}): Promise<RunResult> => {
  const command = ["--ray-command", `${process.execPath} ${daedaPath}`];
  return spawnDaeda(["pipeline", "train", "basket", "--runner", "ray", "--ray-address", address, ...command, ...args], {directory: root, ...options});
};

/** Does something once the run has said the words. */
const once = (words: string, act: (child: ChildProcess) => void) => (child: ChildProcess): void => {
  let said = "";
  const listen = (chunk: Buffer): void => {
    said += chunk.toString();
    if (!said.includes(words)) return;
    child.stderr!.off("data", listen);
    act(child);
  };
  child.stderr!.on("data", listen);
};

describe("a Ray that is not there", () => {
  it("is said with its address", async () => {
    const address = `http://127.0.0.1:${await findPort()}`;
    const {exitCode, stderr} = await train(address);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`error ray-unreachable: Ray does not answer at ${address}: ECONNREFUSED`);
  });

  it("is told from something else that answers, which gets the token and nothing of it is printed", async () => {
    let sent: string | undefined;
    const server = createHttpServer((request, response) => {
      sent = request.headers.authorization;
      response.end("<html>hello</html>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const {stderr} = await train(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, [], {env: {RAY_AUTH_TOKEN: "s3cret"}});
      expect(stderr).toContain("what answers there is not Ray's dashboard");
      expect(sent).toBe("Bearer s3cret");
      expect(stderr).not.toContain("s3cret");
    } finally {
      server.close();
    }
  });

  it("is not asked when its flags are wrong", async () => {
    expect((await train("ftp://ray")).stderr).toContain("It must be an http or https address without credentials");
    const secret = await train("http://me:hunter2@ray:8265");
    expect(secret).toMatchObject({exitCode: 2, stderr: expect.stringContaining("RAY_AUTH_TOKEN") as string});
    expect((await train("http://ray:8265", ["--ray-memory", "64 apples"])).stderr).toContain("GiB");
    expect((await train("http://ray:8265", ["--ray-runtime-env", "absent.yaml"])).stderr).toContain("error file-missing");
    writeFileSync(join(root, "list.yaml"), "[1, 2]\n");
    expect((await train("http://ray:8265", ["--ray-runtime-env", "list.yaml"])).stderr).toContain("error file-unreadable");
  });
});

it("lets a job that is begun again on another host take over its own lock, and no other job", () => {
  const path = join(root, "locks", "day.lock");
  const held = {pid: 1, host: `not-${hostname()}`, token: "x", job: "job-1"};
  const before = process.env["DAEDALUS_JOB"];
  try {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, JSON.stringify(held));
    process.env["DAEDALUS_JOB"] = "job-2";
    expect(() => acquireLock(path, "a day")).toThrow(held.host);
    process.env["DAEDALUS_JOB"] = "job-1";
    acquireLock(path, "a day").release();
  } finally {
    if (before === undefined) delete process.env["DAEDALUS_JOB"];
    else process.env["DAEDALUS_JOB"] = before;
  }
});

describe.skipIf(rayPython === undefined)("a Ray cluster (needs DAEDALUS_RAY_PYTHON, a Python with ray[default])", () => {
  let address: string;
  let port: number;
  let head: ChildProcess;
  /** The one with more memory. */
  let node: ChildProcess;
  let folder: string;

  /** A node leads a group of processes. */
  const startRay = async (flags: readonly string[]): Promise<ChildProcess> => {
    const all = ["start", "--block", "--disable-usage-stats", "--object-store-memory=100000000", `--dashboard-agent-listen-port=${await findPort()}`, ...flags];
    // A lost node is noticed within seconds.
    const env = {...process.env, RAY_health_check_period_ms: "500", RAY_health_check_timeout_ms: "2000", RAY_health_check_failure_threshold: "3"};
    return spawn(join(dirname(rayPython!), "ray"), all, {stdio: "ignore", detached: true, env});
  };
  const startNode = (): Promise<ChildProcess> => startRay([`--address=127.0.0.1:${port}`, "--num-cpus=1", "--memory=4294967296"]);
  const end = async (child: ChildProcess): Promise<void> => {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  };

  beforeAll(async () => {
    // Sockets lie below it, and their paths must be short.
    folder = mkdtempSync(join(tmpdir(), "ray-"));
    const [dashboard, client] = await Promise.all([findPort(), findPort()]);
    port = await findPort();
    address = `http://127.0.0.1:${dashboard}`;
    head = await startRay([
      ...["--head", `--temp-dir=${folder}`, "--node-ip-address=127.0.0.1", `--port=${port}`, "--num-cpus=3", "--memory=2147483648"],
      ...["--dashboard-host=127.0.0.1", `--dashboard-port=${dashboard}`, `--ray-client-server-port=${client}`],
    ]);
    for (let attempt = 0; attempt < 240; attempt += 1) {
      if (await fetch(`${address}/api/version`).then((answer) => answer.ok, () => false)) {
        node = await startNode();
        return;
      }
      await sleep(500);
    }
    throw new Error(`Ray did not start; its logs are in ${folder}`);
  });
  afterAll(async () => {
    await end(node);
    await end(head);
    rmSync(folder, {recursive: true, force: true});
  });

  it("makes the days that this machine makes, three at a time, and begins a killed one again", async () => {
    let isRunning = true;
    const running = train(address, ["--day-workers", "3"]).finally(() => (isRunning = false));
    const killed = await killDay(root, "2026-03-01", () => isRunning);
    const {exitCode, stderr, stdout} = await running;
    expect(exitCode, stderr).toBe(0);
    expect(killed).toBe(true);
    // Ray's monitor may meet the end before the exit code is written.
    expect(stderr).toMatch(/2026-03-01 \| lost, and begun again: (signal 9 ended its process|.*supervisor)/);
    expect(stderr).toMatch(/2026-02-26 \| .*200 rows/);
    expect(stdout).toMatch(/^basket: wrote 4 days with 800 rows/);
    const jobs = (await (await fetch(`${address}/api/jobs/`)).json()) as {start_time: number; end_time: number; metadata: {day: string}}[];
    // Ray may find a second time, and later, that the killed job has ended; so days are counted.
    const atOnce = jobs.map(({start_time: at}) => new Set(jobs.filter((job) => job.start_time <= at && at < job.end_time).map((job) => job.metadata.day)).size);
    expect(Math.max(...atOnce)).toBe(3);
    const remote = await readDatasets(root);
    const again = await train(address);
    expect(again.stderr).toBe("basket: 0 days to write, 4 current\n");
    rmSync(join(root, "out"), {recursive: true});
    expect((await spawnDaeda(["pipeline", "train", "basket"], {directory: root})).exitCode).toBe(0);
    expect(remote).toEqual(await readDatasets(root));
  }, 240_000);

  it("begins a day again whose node is lost", async () => {
    const nodes = async (): Promise<string> => (await fetch(`${address}/api/cluster_status`)).text();
    await expect.poll(nodes, {interval: 500}).toContain("4294967296");
    const isLost = join(root, "lost");
    const command = `/bin/sh -c 'test -e ${isLost} || sleep 60; exec ${process.execPath} ${daedaPath} "$@"' daeda`;
    const {exitCode, stderr} = await train(address, ["--target-date", shopDays[0]!, "--force", "--ray-memory", "3GiB", "--ray-command", command], {
      onStart: once("Running entrypoint", () => {
        writeFileSync(isLost, "");
        process.kill(-node.pid!, "SIGKILL");
        void startNode().then((next) => (node = next));
      }),
    });
    expect({exitCode, stderr}).toMatchObject({exitCode: 0, stderr: expect.stringMatching(/2026-02-26 \| lost, and begun again: the actor's node was terminated/) as unknown});
  });

  it("waits for a head that has just started, and goes on through a lost answer", async () => {
    const calls: string[] = [];
    const proxy = createHttpServer((request, response) => {
      const call = `${request.method!} ${request.url!}`;
      calls.push(call);
      const count = calls.filter((made) => made === call).length;
      const isSubmission = call === "POST /api/jobs/";
      const isStatus = call === "GET /api/cluster_status";
      if (isStatus && count <= 30) {
        response.end(JSON.stringify({result: true, msg: "Got cluster status.", data: {clusterStatus: null}}));
        return;
      }
      if ((isStatus && count === 31) || (isSubmission && count === 1)) {
        response.writeHead(500).end("No available agent to submit job, please try again later.");
        return;
      }
      const passed = requestHttp(`${address}${request.url!}`, {method: request.method, headers: request.headers}, (answer) => {
        if (isSubmission && count === 2) response.destroy();
        else answer.pipe(response.writeHead(answer.statusCode!, answer.headers));
      });
      request.pipe(passed);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    try {
      const {exitCode, stderr} = await train(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, ["--target-date", shopDays[0]!, "--force"]);
      expect(exitCode, stderr).toBe(0);
      expect(stderr).not.toContain("begun again");
      expect(calls.filter((call) => call === "POST /api/jobs/")).toHaveLength(3);
    } finally {
      proxy.close();
    }
  });

  it.each([
    ["CPUs", ["--ray-num-cpus", "64"]],
    ["memory", ["--ray-memory", "64GiB"]],
  ])("refuses an envelope with more %s than a node has", async (_, flags) => {
    const {exitCode, stderr} = await train(address, ["--force", ...flags]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("error ray-too-small");
    expect(stderr).toContain("its nodes have 3 CPUs and 2.0 GiB");
  });

  it("does not try a day again that fails its checks", async () => {
    const path = join(root, "feature_services/basket.yaml");
    writeFileSync(path, `${shopFiles["feature_services/basket.yaml"]}checks: [{min_rows: 1000}]\n`);
    try {
      const {exitCode, stderr} = await train(address, ["--target-date", shopDays[0]!]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/error remote-day-failed: 2026-02-26 was not made by job .*: .*min_rows 1000/);
      expect(stderr).not.toContain("begun again");
    } finally {
      writeFileSync(path, shopFiles["feature_services/basket.yaml"]);
    }
  });

  it("makes the days of a run from the queue that are not there, a block of days a job, and is left without jobs when one is cancelled", async () => {
    const context = makeContext(root, {limits: {runningMax: 2}});
    for (const day of shopDays.slice(0, 2)) rmSync(join(root, "out/basket/dataset", `dt=${day}`), {recursive: true});
    writeFileSync(join(root, "ray.yaml"), "env_vars: {SHOP_GREETING: good day}\n");
    const start = async (range: {first: string; last: string}, command: string, force: boolean): Promise<string> => {
      const runner_options = {address, command, num_cpus: "1", memory: "256MiB", days_per_job: "2", runtime_env: "ray.yaml"};
      return (await methods["runs.materialize_partition"]({service: "basket", range, force, runner: "ray", runner_options}, context)).run_id;
    };
    const waitFor = async (run_id: string, isThere: (run: RunAnswer) => boolean): Promise<RunAnswer> => {
      for (;;) {
        const run = await methods["runs.get"]({run_id}, context);
        if (isThere(run)) return run;
        await sleep(200);
      }
    };
    const hasEnded = ({finished_at: at}: RunAnswer): boolean => at !== null;
    const made = await start({first: shopDays[0]!, last: shopDays[2]!}, `/bin/sh -c 'echo "$SHOP_GREETING"; exec ${process.execPath} ${daedaPath} "$@"' daeda`, false);
    const cancelled = await start({first: shopDays[3]!, last: shopDays[3]!}, "sleep 300 #", true);
    const {external} = await waitFor(cancelled, (run) => Object.keys(run.external).length > 0 || hasEnded(run));
    await methods["runs.cancel"]({run_id: cancelled}, context);
    const block = `${shopDays[0]!}..${shopDays[1]!}`;
    const run = await waitFor(made, hasEnded);
    const {lines} = await methods["runs.logs"]({run_id: made}, context);
    const text = lines.map((line) => line.text).join("\n");
    expect({status: run.status, text}).toMatchObject({status: "succeeded", text: expect.stringContaining("basket: 2 days to write, 1 current") as unknown});
    expect(text).toContain(`${block} | good day`);
    expect(text).toMatch(new RegExp(`^${block} \\| ${shopDays[1]!} \\(.*\\): 200 rows`, "m"));
    expect(run.external).toEqual({[block]: expect.stringMatching(/^daeda-/) as unknown});
    expect(await waitFor(cancelled, hasEnded)).toMatchObject({status: "cancelled"});
    const [id] = Object.values(external);
    const job = (await (await fetch(`${address}/api/jobs/${id!}`)).json()) as {status: string};
    expect(["STOPPED", "FAILED"]).toContain(job.status);
  });

  it("is left without jobs when the run is stopped", async () => {
    const args = ["--force", "--ray-command", "sleep 300 #"];
    const {exitCode, stderr} = await train(address, args, {onStart: once("| job ", (child) => setTimeout(() => child.kill("SIGINT"), 3_000))});
    expect(exitCode, stderr).toBe(130);
    const ids = [...stderr.matchAll(/\| job (\S+)$/gm)].map(([, id]) => id!);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) {
      const job = (await (await fetch(`${address}/api/jobs/${id}`)).json()) as {status: string};
      expect(["STOPPED", "FAILED"]).toContain(job.status);
    }
  });
});

/** Kills the process that makes the day on a node, once. */
async function killDay(directory: string, day: string, isGoing: () => boolean): Promise<boolean> {
  while (isGoing()) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (words[1] !== daedaPath || !words.includes(day) || words.includes("--runner")) continue;
        // Other tests make the same day of other projects meanwhile.
        if (readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(directory)) continue;
        process.kill(Number(pid), "SIGKILL");
        return true;
      } catch {
        // It has ended meanwhile.
      }
    }
    await sleep(10);
  }
  return false;
}
