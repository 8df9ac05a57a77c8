/** A server of Snowflake's protocol, and before it a proxy that can cut connections. */
import {spawn} from "node:child_process";
import {connect, createServer, type Socket} from "node:net";
import {fileURLToPath} from "node:url";
import {setTimeout as sleep} from "node:timers/promises";

const python = process.env["DAEDALUS_SNOWFLAKE_PYTHON"];
/** The folder `node_modules` that holds `snowflake-sdk`. */
export const snowflakeModules = process.env["DAEDALUS_SNOWFLAKE_MODULES"] ?? "";

/** Why there is none; undefined when there is. */
export const missingSnowflake = python === undefined || snowflakeModules === "" ? "DAEDALUS_SNOWFLAKE_PYTHON (a Python with fakesnow) or DAEDALUS_SNOWFLAKE_MODULES (a node_modules with snowflake-sdk) is not set" : undefined;

export interface SnowflakeServer {
  /** Of the proxy. */
  readonly url: string;
  /** The statements since it was asked before. */
  takeQueries(): readonly string[];
  /** Cuts the connections of this many statements that name the text. */
  cut(text: string, times: number): void;
  stop(): Promise<void>;
}

const listen = (server: ReturnType<typeof createServer>): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as {port: number}).port)));

export async function startSnowflake(password: string, publicKeyPath: string): Promise<SnowflakeServer> {
  const probe = createServer();
  const port = await listen(probe);
  await new Promise((resolve) => probe.close(resolve));
  const script = fileURLToPath(new URL("snowflake_server.py", import.meta.url));
  const child = spawn(python!, [script, String(port)], {env: {PATH: process.env["PATH"], FAKE_PASSWORD: password, FAKE_PUBLIC_KEY: publicKeyPath}, stdio: ["ignore", "pipe", "ignore"]});
  let log = "";
  child.stdout.on("data", (text: Buffer) => (log += text.toString()));
  for (let round = 0; round < 300; round += 1) {
    if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) break;
    await sleep(100);
  }
  let [cutText, cutsLeft] = ["", 0];
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    const target = connect(port, "127.0.0.1");
    for (const end of [socket, target]) {
      sockets.add(end);
      end.on("close", () => sockets.delete(end)).on("error", () => void end.destroy());
    }
    socket.on("data", (data) => {
      if (cutsLeft > 0 && data.includes(cutText)) {
        cutsLeft -= 1;
        socket.destroy();
        target.destroy();
      } else {
        target.write(data);
      }
    });
    socket.on("close", () => target.destroy());
    target.pipe(socket);
  });
  const proxyPort = await listen(proxy);
  return {
    url: `http://127.0.0.1:${proxyPort}`,
    takeQueries: () => {
      const taken = log;
      log = "";
      return taken.split("\n").filter((line) => line.startsWith("QUERY ")).map((line) => line.slice("QUERY ".length));
    },
    cut: (text, times) => {
      [cutText, cutsLeft] = [text, times];
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
  };
}
