/** A server of a project in this process, and calls to it. */
import type {MethodContext} from "../../src/platform/context.js";
import {startServer, type RunningServer, type ServeOptions} from "../../src/platform/rpc/serve.js";
import {makeContext} from "./method-context.js";

export interface TestServer extends RunningServer {
  /** Errors that nobody expected. */
  readonly bugs: unknown[];
  readonly context: MethodContext;
}

export async function startTestServer(root: string, options: Partial<ServeOptions> = {}): Promise<TestServer> {
  const context = makeContext(root);
  const bugs: unknown[] = [];
  const server = await startServer({root, host: "127.0.0.1", port: 0, ...options}, {openContext: () => context, onBug: (error) => bugs.push(error)});
  return {...server, bugs, context};
}

export interface RpcAnswer {
  readonly status: number;
  readonly body: {
    readonly id?: unknown;
    readonly result?: unknown;
    readonly error?: {readonly code: number; readonly message: string; readonly data: {readonly code: string; readonly hint: string | null; readonly place: unknown; readonly problems?: readonly unknown[]}};
  };
}

/** Sends text as it is. */
export async function post(url: string, text: string, headers: Readonly<Record<string, string>> = {}): Promise<{readonly status: number; readonly text: string}> {
  const response = await fetch(`${url}/rpc`, {method: "POST", body: text, headers: {"content-type": "application/json", ...headers}});
  return {status: response.status, text: await response.text()};
}

export async function callRpc(url: string, method: string, params: unknown = {}, headers: Readonly<Record<string, string>> = {}): Promise<RpcAnswer> {
  const {status, text} = await post(url, JSON.stringify({jsonrpc: "2.0", id: 1, method, params}), headers);
  return {status, body: JSON.parse(text) as RpcAnswer["body"]};
}
