/** Runs the command line: mostly within the test, since a process takes longer to start than most commands; else the built one, as a user's shell does. */
import {spawn, type ChildProcess} from "node:child_process";
import {PassThrough} from "node:stream";
import {fileURLToPath} from "node:url";
import {runCommand} from "../../src/platform/cli.js";
import type {Terminal} from "../../src/platform/terminal.js";

export const daedaPath = fileURLToPath(new URL("../../dist/platform/daeda.js", import.meta.url));

export interface RunOptions {
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProcessOptions extends RunOptions {
  /** Called once the process runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the machine's own settings may reach a test. */
const environmentOf = ({directory, env}: RunOptions): NodeJS.ProcessEnv => ({PATH: process.env["PATH"] ?? "", HOME: directory, NO_COLOR: "1", ...env});

/** Where the tests run, and not where an earlier call may have left them. */
const home = process.cwd();

/** The command within this process, with a terminal that keeps what it is told. */
export async function runDaeda(args: readonly string[], options: RunOptions): Promise<RunResult> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const terminal: Terminal = {
    env: environmentOf(options),
    directory: options.directory,
    scriptPath: daedaPath,
    stderr: new PassThrough().on("data", (chunk: Buffer) => stderr.push(chunk.toString())),
    isInteractive: false,
    exitCode: 0,
    answer: (text) => void stdout.push(`${text}\n`),
    note: (text) => void stderr.push(`${text}\n`),
    paint: (text) => text,
  };
  process.chdir(options.directory);
  try {
    const exitCode = await runCommand(args, terminal);
    return {exitCode, stdout: stdout.join(""), stderr: stderr.join("")};
  } finally {
    process.chdir(home);
  }
}

export async function spawnDaeda(args: readonly string[], options: ProcessOptions): Promise<RunResult> {
  const child = spawn(process.execPath, [daedaPath, ...args], {cwd: options.directory, env: environmentOf(options), stdio: ["ignore", "pipe", "pipe"]});
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
