/** A conversation over stdin and stdout, for a client that started this process. Nothing but messages goes to stdout. */
import {StdioServerTransport} from "@modelcontextprotocol/sdk/server/stdio.js";
import type {Principal} from "../auth/principal.js";
import type {MethodContext} from "../context.js";
import {CallDesk} from "../rpc/call-desk.js";
import {CallGate} from "../rpc/call-gate.js";
import {CallLog} from "../rpc/call-log.js";
import {Metrics} from "../rpc/metrics.js";
import {ProjectCache} from "../rpc/project-cache.js";
import {createMcpServer} from "./mcp-server.js";

export interface StdioEffects {
  readonly context: MethodContext;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, what: string) => void;
  /** Told of lines that are no message; they are passed over. */
  readonly onBrokenLine: () => void;
}

/** Ends when the client closes stdin: what still works for it is ended, too. */
export async function serveStdio(caller: Principal, {context, onBug, onBrokenLine}: StdioEffects): Promise<void> {
  const project = new ProjectCache(context.projectOptions);
  const desk = new CallDesk({
    context: {...context, loadProject: () => project.load()},
    gate: new CallGate(),
    metrics: new Metrics(),
    log: new CallLog(context.projectOptions.root),
  });
  const conversation = createMcpServer({scope: caller.scope, call: (method, params, signal) => desk.call({method, params, caller, transport: "mcp", callerGone: () => signal}), onBug});
  const ended = new Promise<void>((resolve) => conversation.onClose(resolve));
  // The SDK's transport does not look for the end of its input.
  for (const event of ["end", "close"]) process.stdin.once(event, () => void conversation.close());
  const transport = new StdioServerTransport();
  transport.onerror = onBrokenLine;
  await conversation.connect(transport);
  await ended;
}
