/**
 * The protocol over HTTP, at `/mcp` of a server. A POST carries one message and its response carries the answer; nothing is kept
 * between two of them, so that a client outlives a restart of the server. The id of a session is only there to tell one
 * client's calls from another's when it cancels one.
 */
import {randomUUID} from "node:crypto";
import type {FastifyInstance, FastifyReply, FastifyRequest} from "fastify";
import {DaedalusError} from "../../errors.js";
import type {Authenticator} from "../auth/authenticator.js";
import type {CallDesk} from "../rpc/call-desk.js";
import {parseMessage, renderRefusal} from "../rpc/json-rpc.js";

export interface MountOptions {
  readonly authenticator: Authenticator;
  readonly desk: CallDesk;
  /** Aborted when the caller has gone. */
  readonly callerGone: (reply: FastifyReply) => AbortSignal;
  readonly onBug: (error: unknown, what: string) => void;
}

const sessionHeader = "mcp-session-id";

export function mountMcp(app: FastifyInstance, {authenticator, desk, callerGone, onBug}: MountOptions): void {
  const working = new Map<string, AbortController>();

  app.post("/mcp", async (request, reply) => {
    const caller = await authenticator.identify(request.headers.authorization);
    const message = parseMessage(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
    if (typeof message !== "object" || message === null || Array.isArray(message)) throw DaedalusError.of("request-broken", {reason: "a POST carries one message, and no batch"});
    const {method, id, params} = message as {readonly method?: unknown; readonly id?: unknown; readonly params?: {readonly requestId?: unknown}};
    const keyOf = (call: unknown): string => JSON.stringify([caller.name, request.headers[sessionHeader] ?? null, call]);
    if (method === "notifications/cancelled") working.get(keyOf(params?.requestId))?.abort();
    if (method === "initialize") void reply.header(sessionHeader, randomUUID());
    const cancel = new AbortController();
    const key = keyOf(id);
    if (id !== undefined) working.set(key, cancel);
    try {
      const {answerMessage} = await import("./exchange.js");
      const response = await answerMessage(message, {
        request: toWebRequest(request),
        signal: AbortSignal.any([cancel.signal, callerGone(reply)]),
        scope: caller.scope,
        call: (name, asked, signal) => desk.call({method: name, params: asked, caller, transport: "mcp", callerGone: () => signal}),
        onBug,
      });
      return await reply.code(response.status).headers(Object.fromEntries(response.headers)).send(await response.text());
    } finally {
      if (working.get(key) === cancel) working.delete(key);
    }
  });

  app.route({
    method: ["GET", "DELETE"],
    url: "/mcp",
    handler: (_request, reply) =>
      reply
        .code(405)
        .header("allow", "POST")
        .type("application/json; charset=utf-8")
        .send(renderRefusal(DaedalusError.of("request-refused", {reason: "this server sends nothing on its own and keeps no session: POST a message"}))),
  });
}

function toWebRequest({headers}: FastifyRequest): Request {
  const passed = ["accept", "content-type", "mcp-protocol-version"].flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as [string, string]] : [];
  });
  return new Request("http://localhost/mcp", {method: "POST", headers: passed});
}
