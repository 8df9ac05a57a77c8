/** A server of a project as its users start it: a process of the built command line. */
import {spawn} from "node:child_process";
import {createInterface} from "node:readline";
import {daedaPath} from "./run-daeda.js";

export interface ServerProcess {
  readonly url: string;
  /** What it has said besides its address: notes of what it does, and bugs. */
  notes(): string;
  /** Sends the signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

export interface ServerProcessOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export async function startServerProcess(root: string, {flags = [], env}: ServerProcessOptions = {}): Promise<ServerProcess> {
  const child = spawn(process.execPath, [daedaPath, "serve-api", "--port", "0", ...flags], {
    cwd: root,
    env: {PATH: process.env["PATH"] ?? "", HOME: root, NO_COLOR: "1", ...env},
    stdio: ["ignore", "pipe", "pipe"],
  });
  let notes = "";
  child.stderr.on("data", (chunk: Buffer) => (notes += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const first = await Promise.race([new Promise<string>((resolve) => createInterface({input: child.stdout}).once("line", resolve)), ended]);
  const [, url] = /^listening on (\S+)$/.exec(String(first)) ?? [];
  if (url === undefined) throw new Error(`the server did not start: ${String(first)} ${notes}`);
  return {
    url,
    notes: () => notes,
    stop: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}
