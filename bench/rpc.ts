/**
 * What a server costs and bears, on one machine with who asks it: `npm run build && npx tsx bench/rpc.ts [--soak 100000] [--seconds 10] [--seed 1]`.
 * A project of 1,000 views; start and memory; `catalog.show_view` at 50 connections; then mixed calls, 1 % of them malformed.
 */
import {spawn} from "node:child_process";
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {Agent, request} from "node:http";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {createInterface} from "node:readline";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";
import {seededRandom} from "../test/support/seeded-random.js";
import {startEnvironment} from "./start-environment.js";

const daeda = fileURLToPath(new URL("../dist/platform/daeda.js", import.meta.url));
const {values} = parseArgs({options: {soak: {type: "string", default: "100000"}, seconds: {type: "string", default: "10"}, seed: {type: "string", default: "1"}}});
const viewCount = 1000;
const connections = 50;
const agent = new Agent({keepAlive: true, maxSockets: connections});

function makeProject(): string {
  const root = mkdtempSync(join(tmpdir(), "daedalus-rpc-"));
  mkdirSync(join(root, "feature_views"));
  mkdirSync(join(root, "feature_services"));
  for (let view = 0; view < viewCount; view += 1) {
    const fields = Array.from({length: 10}, (_, field) => `  - {name: f${view}_${field}, dtype: DOUBLE}`).join("\n");
    writeFileSync(join(root, `feature_views/view_${view}.yaml`), `name: view_${view}\nentity: user\ndescription: View ${view}.\nsource: {path: data/view_${view}.parquet, timestamp_field: at}\nfields:\n${fields}\n`);
  }
  writeFileSync(join(root, "feature_services/all.yaml"), "name: all\nversion: 1\nspine: {view: view_0}\ncolumns:\n  - {name: user_id, kind: key, dtype: BIGINT}\n  - {name: at, kind: event, dtype: TIMESTAMP}\n  - {name: f1_0, kind: feature, dtype: DOUBLE}\n");
  return root;
}

interface Server {
  readonly port: number;
  readonly startMs: number;
  rssMib(): number;
  cpuSeconds(): number;
  stop(): Promise<number | null>;
}

async function startServer(root: string): Promise<Server> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [daeda, "serve-api", "--port", "0"], {cwd: root, env: {...startEnvironment, HOME: root}, stdio: ["ignore", "pipe", "inherit"]});
  const line = await new Promise<string>((resolve) => createInterface({input: child.stdout}).once("line", resolve));
  const port = Number(/:(\d+)$/.exec(line)?.[1]);
  await ask(port, "/healthz");
  const startMs = performance.now() - startedMs;
  return {
    port,
    startMs,
    rssMib: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid!}/status`, "utf8"))![1]) / 1024,
    // User and system time, in hundredths of a second on Linux.
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${child.pid!}/stat`, "utf8").split(") ")[1]!.split(" ");
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    stop: () => new Promise((resolve) => (child.once("exit", resolve), child.kill("SIGTERM"))),
  };
}

function ask(port: number, path: string, body?: string): Promise<{readonly status: number; readonly text: string}> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : {"content-type": "application/json", "content-length": Buffer.byteLength(body)};
    const sent = request({port, host: "127.0.0.1", path, method: body === undefined ? "GET" : "POST", agent, headers}, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({status: response.statusCode!, text: Buffer.concat(chunks).toString()}));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const call = (method: string, params: object = {}): string => JSON.stringify({jsonrpc: "2.0", id: 1, method, params});

/** Raw sockets, since a client that makes objects of every answer would take the CPU of the server that it measures. */
async function measureThroughput(server: Server, seconds: number): Promise<void> {
  const {port} = server;
  const cpuBefore = server.cpuSeconds();
  const {connect} = await import("node:net");
  const latencies: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  const payloads = Array.from({length: viewCount}, (_, view) => {
    const body = call("catalog.show_view", {name: `view_${view}`});
    return Buffer.from(`POST /rpc HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  });
  let wrong = 0;
  await Promise.all(
    Array.from({length: connections}, (_, index) =>
      new Promise<void>((resolve, reject) => {
        const socket = connect({port, host: "127.0.0.1", noDelay: true});
        let sentMs = 0;
        let turn = index * 17;
        let expected = 0;
        let received = 0;
        const send = (): void => {
          sentMs = performance.now();
          expected = 0;
          received = 0;
          socket.write(payloads[turn++ % viewCount]!);
        };
        socket.on("connect", send);
        socket.on("error", reject);
        socket.on("data", (chunk) => {
          if (expected === 0) {
            const head = chunk.toString("latin1", 0, 400);
            if (!head.startsWith("HTTP/1.1 200") || !chunk.includes('"result"')) wrong += 1;
            expected = head.indexOf("\r\n\r\n") + 4 + Number(/content-length: (\d+)/i.exec(head)![1]);
          }
          received += chunk.length;
          if (received < expected) return;
          const nowMs = performance.now();
          latencies.push(nowMs - sentMs);
          if (nowMs < endMs) send();
          else socket.end(() => resolve());
        });
      }),
    ),
  );
  latencies.sort((a, b) => a - b);
  const at = (share: number): string => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!.toFixed(1);
  console.log(`catalog.show_view: ${Math.round(latencies.length / seconds)} requests/s at ${connections} connections for ${seconds} s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms, ${wrong} wrong, ${(((server.cpuSeconds() - cpuBefore) / latencies.length) * 1e6).toFixed(0)} µs of the server's CPU each`);
}

const malformed: readonly ((random: () => number) => string)[] = [
  () => '{"jsonrpc": "2.0", "id": 1, "meth',
  () => "[]",
  () => `[${"[".repeat(50_000)}`,
  () => JSON.stringify(Array.from({length: 1000}, () => ({jsonrpc: "2.0", id: 1, method: "lint"}))),
  () => '{"jsonrpc": "2.0", "id": 1, "method": "catalog.show_view", "params": {"__proto__": {"x": 1}}}',
  (random) => call(`catalog.${"x".repeat(Math.floor(random() * 10_000))}`),
  (random) => call("catalog.show_view", {name: "../".repeat(Math.floor(random() * 300))}),
  () => call("service.show", {name: "x'; DROP TABLE users; --"}),
  () => call("runs.list", {limit: "1e9"}),
  () => call("runs.logs", {run_id: "../../../etc/passwd"}),
  () => call("partitions.list", {output_root: "/etc"}),
  () => "\u0000\ud800",
];

const wellFormed: readonly ((random: () => number) => string)[] = [
  (random) => call("catalog.show_view", {name: `view_${Math.floor(random() * viewCount)}`}),
  (random) => call("catalog.list_views", {limit: 5, cursor: `view_${Math.floor(random() * (viewCount - 10))}`}),
  () => call("service.show", {name: "all"}),
  () => call("runs.list"),
  () => call("assets.lineage", {service: "all"}),
  () => call("partitions.list", {service: "all"}),
  (random) => JSON.stringify(Array.from({length: 5}, (_, id) => ({jsonrpc: "2.0", id, method: "catalog.show_view", params: {name: `view_${Math.floor(random() * viewCount)}`}}))),
  () => '{"jsonrpc": "2.0", "method": "catalog.list_views", "params": {"limit": 1}}',
];

async function soak(server: Server, count: number, random: () => number): Promise<void> {
  const statuses = new Map<number, number>();
  let bugs = 0;
  let left = count;
  const memory: number[] = [];
  const startedMs = performance.now();
  await Promise.all(
    Array.from({length: connections}, async () => {
      while (left > 0) {
        left -= 1;
        if (left % Math.ceil(count / 5) === 0) memory.push(server.rssMib());
        const kinds = random() < 0.01 ? malformed : wellFormed;
        const {status, text} = await ask(server.port, "/rpc", kinds[Math.floor(random() * kinds.length)]!(random));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (text.includes('"code":-32603')) bugs += 1;
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const counted = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${status}: ${times}`).join(", ");
  console.log(`soak: ${count} calls in ${seconds.toFixed(0)} s; HTTP ${counted}; ${bugs} internal errors; RSS after each fifth ${memory.map((mib) => mib.toFixed(0)).join(", ")} MiB`);
}

const root = makeProject();
const starts: number[] = [];
const firstAnswers: number[] = [];
for (let run = 0; run < 5; run += 1) {
  const startedMs = performance.now();
  const probe = await startServer(root);
  starts.push(probe.startMs);
  await ask(probe.port, "/rpc", call("catalog.show_view", {name: "view_1"}));
  firstAnswers.push(performance.now() - startedMs);
  await probe.stop();
}
const median = (values: number[]): string => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(0);
const server = await startServer(root);
while ((await ask(server.port, "/readyz")).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
await new Promise((resolve) => setTimeout(resolve, 2000));
console.log(`start until /healthz answers: median of 5 ${median(starts)} ms; until the first call is answered: ${median(firstAnswers)} ms; idle with ${viewCount} views ${server.rssMib().toFixed(0)} MiB`);
await measureThroughput(server, 2);
await measureThroughput(server, Number(values.seconds));
if (Number(values.soak) > 0) await soak(server, Number(values.soak), seededRandom(Number(values.seed)));
console.log(`after SIGTERM: exit code ${String(await server.stop())}`);
agent.destroy();
rmSync(root, {recursive: true, force: true});
