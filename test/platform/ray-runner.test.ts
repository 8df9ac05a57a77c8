import {spawn, type ChildProcess} from "node:child_process";
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync} from "node:fs";
import type {AddressInfo} from "node:net";
import {createServer as createHttpServer} from "node:http";
import {hostname, tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {acquireLock} from "../../src/pipeline/lock.js";
import {methods} from "../../src/platform/methods.js";
import type {RunAnswer} from "../../src/platform/schemas/run-schemas.js";
import {findPort} from "../support/free-port.js";
import {makeContext} from "../support/method-context.js";
import {daedaPath, spawnDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, readDatasets, shopDays, shopFiles} from "../support/shop-project.js";

const rayPython = process.env["DAEDALUS_RAY_PYTHON"];

let root: string;
beforeAll(async () => {
  root = await makeShop();
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

const train = (address: string, args: readonly string[] = [], onStart?: (child: ChildProcess) => void): Promise<RunResult> => {
  const command = ["--ray-command", `${process.execPath} ${daedaPath}`];
  return spawnDaeda(["pipeline", "train", "basket", "--runner", "ray", "--ray-address", address, ...command, ...args], {directory: root, ...(onStart && {onStart})});
};

describe("a Ray that is not there", () => {
  it("is said with its address", async () => {
    const address = `http://127.0.0.1:${await findPort()}`;
    const {exitCode, stderr} = await train(address);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`error ray-unreachable: Ray does not answer at ${address}: ECONNREFUSED`);
  });

  it("is told from something else that answers", async () => {
    const server = createHttpServer((_request, response) => response.end("<html>hello</html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const {stderr} = await train(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      expect(stderr).toContain("what answers there is not Ray's dashboard");
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
  let head: ChildProcess;
  let folder: string;

  beforeAll(async () => {
    // Sockets lie below it, and their paths must be short.
    folder = mkdtempSync(join(tmpdir(), "ray-"));
    const [port, dashboard, agent, client] = await Promise.all([findPort(), findPort(), findPort(), findPort()]);
    address = `http://127.0.0.1:${dashboard}`;
    const flags = [
      ...["--head", "--block", "--disable-usage-stats", `--temp-dir=${folder}`, "--node-ip-address=127.0.0.1", `--port=${port}`],
      ...["--dashboard-host=127.0.0.1", `--dashboard-port=${dashboard}`, `--dashboard-agent-listen-port=${agent}`, `--ray-client-server-port=${client}`],
      ...["--num-cpus=3", "--memory=2147483648", "--object-store-memory=100000000"],
    ];
    head = spawn(join(dirname(rayPython!), "ray"), ["start", ...flags], {stdio: "ignore", detached: true});
    for (let attempt = 0; attempt < 240; attempt += 1) {
      if (await fetch(`${address}/api/version`).then((answer) => answer.ok, () => false)) return;
      await sleep(500);
    }
    throw new Error(`Ray did not start; its logs are in ${folder}`);
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => head.on("exit", resolve));
    head.kill("SIGTERM");
    await ended;
    rmSync(folder, {recursive: true, force: true});
  });

  it("makes the days that this machine makes, three at a time, and begins a killed one again", async () => {
    let isRunning = true;
    const running = train(address).finally(() => (isRunning = false));
    const killed = await killDay(root, "2026-03-01", () => isRunning);
    const {exitCode, stderr, stdout} = await running;
    expect({exitCode, stderr}).toMatchObject({exitCode: 0});
    expect(killed).toBe(true);
    expect(stderr).toMatch(/2026-03-01 \| lost, and begun again/);
    expect(stderr).toMatch(/2026-02-26 \| .*200 rows/);
    expect(stdout).toMatch(/^basket: wrote 4 days with 800 rows/);
    const remote = await readDatasets(root);
    const again = await train(address);
    expect(again.stderr).toBe("basket: 0 days to write, 4 current\n");
    rmSync(join(root, "out"), {recursive: true});
    expect((await spawnDaeda(["pipeline", "train", "basket"], {directory: root})).exitCode).toBe(0);
    expect(remote).toEqual(await readDatasets(root));
  }, 240_000);

  it("refuses an envelope that no node has", async () => {
    const {exitCode, stderr} = await train(address, ["--force", "--ray-num-cpus", "64"]);
    expect(exitCode).toBe(1);
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
  }, 120_000);

  it("makes the days of a run from the queue, a block of days a job, and is left without jobs when one is cancelled", async () => {
    const context = makeContext(root, {limits: {runningMax: 2}});
    const start = async (range: {first: string; last: string}, command: string): Promise<string> => {
      const runner_options = {address, command, num_cpus: "1", memory: "256MiB", days_per_job: "2"};
      return (await methods["runs.materialize_partition"]({service: "basket", range, force: true, runner: "ray", runner_options}, context)).run_id;
    };
    const waitFor = async (run_id: string, isThere: (run: RunAnswer) => boolean): Promise<RunAnswer> => {
      for (;;) {
        const run = await methods["runs.get"]({run_id}, context);
        if (isThere(run)) return run;
        await sleep(200);
      }
    };
    const hasEnded = ({finished_at: at}: RunAnswer): boolean => at !== null;
    const made = await start({first: shopDays[0]!, last: shopDays[1]!}, `${process.execPath} ${daedaPath}`);
    const cancelled = await start({first: shopDays[2]!, last: shopDays[3]!}, "sleep 300 #");
    const {external} = await waitFor(cancelled, (run) => Object.keys(run.external).length > 0 || hasEnded(run));
    await methods["runs.cancel"]({run_id: cancelled}, context);
    const block = `${shopDays[0]!}..${shopDays[1]!}`;
    const run = await waitFor(made, hasEnded);
    const {lines} = await methods["runs.logs"]({run_id: made}, context);
    const text = lines.map((line) => line.text).join("\n");
    expect({status: run.status, text}).toMatchObject({status: "succeeded", text: expect.stringContaining(`${block} | ${shopDays[1]!} (forced): 200 rows`) as unknown});
    expect(run.external).toEqual({[block]: expect.stringMatching(/^daeda-/) as unknown});
    expect(await waitFor(cancelled, hasEnded)).toMatchObject({status: "cancelled"});
    const [id] = Object.values(external);
    const job = (await (await fetch(`${address}/api/jobs/${id!}`)).json()) as {status: string};
    expect(["STOPPED", "FAILED"]).toContain(job.status);
  }, 120_000);

  it("is left without jobs when the run is stopped", async () => {
    const args = ["--force", "--ray-command", "sleep 300 #"];
    const {exitCode, stderr} = await train(address, args, (child) => {
      let text = "";
      child.stderr!.on("data", (chunk: Buffer) => {
        if (!text.includes("| job ") && `${text}${chunk.toString()}`.includes("| job ")) setTimeout(() => child.kill("SIGINT"), 3_000);
        text += chunk.toString();
      });
    });
    expect({exitCode, stderr}).toMatchObject({exitCode: 130});
    const ids = [...stderr.matchAll(/\| job (\S+)$/gm)].map(([, id]) => id!);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) {
      const job = (await (await fetch(`${address}/api/jobs/${id}`)).json()) as {status: string};
      expect(["STOPPED", "FAILED"]).toContain(job.status);
    }
  }, 120_000);
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
