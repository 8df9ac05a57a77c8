/** A real Dagster that serves one code location from a folder of its own. */
import {spawn} from "node:child_process";
import {mkdirSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {fileURLToPath} from "node:url";
import {findPort} from "./free-port.js";

export interface DagsterServer {
  /** Of its GraphQL. */
  readonly url: string;
  ask(query: string): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** The folder of the package that is imported as daedalus_dagster. */
export const dagsterPackage = fileURLToPath(new URL("../../python/daedalus_dagster", import.meta.url));

/** `definitions` is the text of the module that has `defs`. */
export async function startDagster(python: string, folder: string, definitions: string): Promise<DagsterServer> {
  mkdirSync(folder, {recursive: true});
  // Runs start at once: Dagster's own queue would need a daemon beside the server.
  writeFileSync(join(folder, "dagster.yaml"), "telemetry: {enabled: false}\nrun_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n");
  writeFileSync(join(folder, "definitions.py"), definitions);
  writeFileSync(join(folder, "workspace.yaml"), "load_from:\n  - python_file: {relative_path: definitions.py, location_name: shop}\n");
  const port = await findPort();
  const env = {PATH: process.env["PATH"] ?? "", HOME: folder, DAGSTER_HOME: folder, PYTHONPATH: dagsterPackage, NO_COLOR: "1"};
  const server = spawn(join(dirname(python), "dagster-webserver"), ["-w", "workspace.yaml", "-h", "127.0.0.1", "-p", String(port)], {cwd: folder, env, stdio: ["ignore", "pipe", "pipe"]});
  let said = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const url = `http://127.0.0.1:${port}/graphql`;
  const ask = async (query: string): Promise<Record<string, unknown>> => {
    const answer = await fetch(url, {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify({query})});
    const {data, errors} = (await answer.json()) as {data?: Record<string, unknown>; errors?: unknown};
    if (!data || errors !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => server.on("exit", resolve));
    server.kill("SIGTERM");
    await ended;
  };
  for (let attempt = 0; attempt < 240 && server.exitCode === null; attempt += 1) {
    if (await fetch(url.replace("graphql", "server_info")).then((answer) => answer.ok, () => false)) return {url, ask, stop};
    await sleep(250);
  }
  server.kill("SIGTERM");
  throw new Error(`Dagster did not start:\n${said}`);
}
