/** The two streams of a command: answers go to stdout, everything said on the way goes to stderr. */
import {styleText} from "node:util";
import type {Pipes} from "./dagster-pipes.js";

/** Documented in docs/reference/cli.md. A signal ends with 128 and its number, as shells expect. */
export const exitCodes = {done: 0, expectedError: 1, usage: 2, checkFailed: 3} as const;

export interface Terminal {
  /** Of the step that Dagster started this process for. */
  readonly pipes?: Pipes;
  readonly env: NodeJS.ProcessEnv;
  /** The folder the command was called in. */
  readonly directory: string;
  /** The path that Node was started with: the script, or a link named `daeda` to it. */
  readonly scriptPath: string;
  readonly stderr: NodeJS.WritableStream;
  /** Somebody watches stderr on a screen that can be redrawn. */
  readonly isInteractive: boolean;
  /** Set by a command that ran to its end and has bad news; 0 otherwise. */
  exitCode: number;
  /** One piece of the answer, as a line of its own on stdout. */
  answer(text: string): void;
  /** A line on stderr. */
  note(text: string): void;
  /** The text in colour where stderr shows colours: on a terminal, and `NO_COLOR` unset. */
  paint(text: string, colour: "red" | "yellow"): string;
}

export function openTerminal(): Terminal {
  const {stdout, stderr} = process;
  // Nobody reads the answer any more (`daeda views list | head -1`): there is nothing left to do.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  // Notes that nobody reads must not end a run that others wait for.
  stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const hasColours = stderr.isTTY && stderr.hasColors();
  return {
    env: process.env,
    directory: process.cwd(),
    scriptPath: process.argv[1] ?? "daeda",
    stderr,
    isInteractive: stderr.isTTY && process.env["TERM"] !== "dumb",
    exitCode: 0,
    answer: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    paint: (text, colour) => (hasColours ? styleText(colour, text) : text),
  };
}

/** Waits until what was written has left the process: `process.exit` cuts off what a pipe has not taken yet. */
export async function drainTerminal(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable) await new Promise<void>((resolve) => void stream.write("", () => resolve()));
  }
}
