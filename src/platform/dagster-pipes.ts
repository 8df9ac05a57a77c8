/**
 * Dagster Pipes: a process that Dagster started tells it what it does, in JSON lines. There is no client for Node, and the protocol
 * is small: two variables with base64 of deflated JSON say where the context is and where messages go.
 */
import {appendFileSync, readFileSync} from "node:fs";
import {inflateSync} from "node:zlib";
import {z} from "zod";
import type {LogLevel} from "./runs/run-log.js";
import {classifyLine} from "./runs/train-arguments.js";
import type {Terminal} from "./terminal.js";

const placeSchema = z.object({path: z.string()});
const contextSchema = z.object({asset_keys: z.array(z.string()).nullish()});

export interface PipesCheck {
  readonly name: string;
  readonly isPassed: boolean;
  readonly severity: "error" | "warn";
  readonly found: string;
}

/** A value as Pipes types it; `md` is Markdown. */
export interface PipesValue {
  readonly raw_value: string | number;
  readonly type: "int" | "float" | "text" | "path" | "md";
}

export interface Pipes {
  log(text: string, level: LogLevel): void;
  reportCheck(check: PipesCheck): void;
  /** The version is one that changes with the data. */
  reportAsset(metadata: Readonly<Record<string, PipesValue>>, version: string): void;
  /** The last message; with a reason, the step has failed. */
  close(failure?: string): void;
}

/** Undefined where Dagster did not start this process, or speaks to it through anything but files. Takes the variables away: the processes of this one are not Dagster's. */
export function openPipes(environment: NodeJS.ProcessEnv): Pipes | undefined {
  const {DAGSTER_PIPES_CONTEXT: context, DAGSTER_PIPES_MESSAGES: messages} = environment;
  delete environment["DAGSTER_PIPES_CONTEXT"];
  delete environment["DAGSTER_PIPES_MESSAGES"];
  if (context === undefined || messages === undefined) return undefined;
  const contextPlace = decode(context, placeSchema);
  const messagesPlace = decode(messages, placeSchema);
  if (!contextPlace || !messagesPlace) return undefined;
  const {asset_keys: keys} = contextSchema.parse(JSON.parse(readFileSync(contextPlace.path, "utf8")));
  const assetKey = keys?.[0];
  const send = (method: string, params: object): void => appendFileSync(messagesPlace.path, `${JSON.stringify({__dagster_pipes_version: "0.1", method, params})}\n`);
  send("opened", {extras: {}});
  return {
    log: (text, level) => send("log", {message: text, level: level.toUpperCase()}),
    reportCheck: ({name, isPassed, severity, found}) => {
      if (assetKey === undefined) return;
      const metadata = {found: {raw_value: found, type: "text"}};
      send("report_asset_check", {asset_key: assetKey, check_name: name, passed: isPassed, severity: severity === "error" ? "ERROR" : "WARN", metadata});
    },
    reportAsset: (metadata, version) => {
      if (assetKey !== undefined) send("report_asset_materialization", {asset_key: assetKey, metadata, data_version: version});
    },
    close: (failure) => send("closed", failure === undefined ? {} : {exception: {message: failure, stack: [], name: "DaedalusError", cause: null, context: null}}),
  };
}

/** Runs a command whose notes Dagster gets as well, and tells it how the command ended. */
export async function runForDagster(terminal: Terminal, run: (terminal: Terminal) => Promise<number>): Promise<number> {
  const pipes = openPipes(terminal.env);
  if (!pipes) return run(terminal);
  let failure: string | undefined;
  const note = (text: string): void => {
    terminal.note(text);
    const {level} = classifyLine(text);
    if (level === "error") failure ??= text;
    if (text.trim() !== "") pipes.log(text.trim(), level);
  };
  const exitCode = await run({...terminal, pipes, note});
  pipes.close(exitCode === 0 ? undefined : (failure ?? `exit code ${exitCode}`));
  return exitCode;
}

function decode<T>(text: string, schema: z.ZodType<T>): T | undefined {
  const parsed = schema.safeParse(JSON.parse(inflateSync(Buffer.from(text, "base64")).toString()));
  return parsed.success ? parsed.data : undefined;
}
