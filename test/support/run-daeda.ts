/** Runs the built command line as a process of its own, as a user's shell does. */
import {spawn, type ChildProcess} from "node:child_process";
import {fileURLToPath} from "node:url";

export const daedaPath = fileURLToPath(new URL("../../dist/platform/daeda.js", import.meta.url));

export interface RunOptions {
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called once the process runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runDaeda(args: readonly string[], options: RunOptions): Promise<RunResult> {
  const child = spawn(process.execPath, [daedaPath, ...args], {
    cwd: options.directory,
    // Nothing of the machine's own settings may reach a test.
    env: {PATH: process.env["PATH"] ?? "", HOME: options.directory, NO_COLOR: "1", ...options.env},
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  options.onStart?.(child);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return {exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString()};
}
