/** JSON-RPC and what belongs to it over HTTP. Everything that is asked goes through the call desk; here are only addresses and headers. */
import {Readable} from "node:stream";
import Fastify, {type FastifyInstance, type FastifyReply, type FastifyRequest} from "fastify";
import {z} from "zod";
import {DaedalusError} from "../../errors.js";
import {checkAddress, type AddressOptions} from "../auth/address-check.js";
import type {Authenticator} from "../auth/authenticator.js";
import {checkParams} from "../check-params.js";
import type {MethodContext} from "../context.js";
import {mountMcp} from "../mcp/mount.js";
import type {CallDesk} from "./call-desk.js";
import type {CallGate, SignalOf} from "./call-gate.js";
import type {Door} from "./door.js";
import {answerRpc, renderRefusal, rpcLimits} from "./json-rpc.js";
import {renderLogEvents} from "./log-events.js";
import type {Metrics} from "./metrics.js";
import {describeMethods} from "./open-rpc.js";
import {describeError, isBug} from "./rpc-error.js";

export interface ServerOptions {
  /** Where requests come in. */
  readonly door: Door;
  readonly address: AddressOptions;
  readonly authenticator: Authenticator;
  readonly desk: CallDesk;
  readonly gate: CallGate;
  readonly metrics: Metrics;
  readonly context: MethodContext;
  /** Aborted when the server stops: streams end at once. */
  readonly stopping: AbortSignal;
  /** Aborted when calls have had the time to end that a stopping server gives them. */
  readonly late: AbortSignal;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, what: string) => void;
}

const followersMax = 100;

export function createServer(options: ServerOptions): FastifyInstance {
  const {door, context, metrics, onBug} = options;
  const callSignals = new RequestSignals(options.late);
  const streamSignals = new RequestSignals(options.stopping);
  const app = Fastify({bodyLimit: rpcLimits.bodyBytes, serverFactory: () => door.server});
  // One type and no other: a page can send text anywhere without asking, but not this.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", {parseAs: "buffer"}, (_request, body, done) => done(null, body));
  app.addHook("onRequest", (request, reply, done) => {
    checkAddress(request.headers, options.address);
    void reply.headers({"cache-control": "no-store", "x-content-type-options": "nosniff"});
    if (allowOrigin(request, reply, options.address.origins)) void reply.code(204).send();
    else done();
  });
  app.setErrorHandler((error, _request, reply) => refuse(reply, metrics, onBug, error));
  app.setNotFoundHandler((request, reply) => refuse(reply, metrics, onBug, DaedalusError.of("request-refused", {reason: `there is no ${request.method} ${request.url.slice(0, 100)}`}), 404));

  app.post("/rpc", async (request, reply) => {
    const caller = await options.authenticator.identify(request.headers.authorization);
    const callerGone = callSignals.of(reply);
    const answer = await answerRpc(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), {
      call: (method, params) => (method === "rpc.discover" ? Promise.resolve(describeMethods()) : options.desk.call({method, params, caller, transport: "rpc", callerGone})),
      onBug,
    });
    if (answer === undefined) return reply.code(204).send();
    return reply.type("application/json; charset=utf-8").send(answer);
  });

  mountMcp(app, {authenticator: options.authenticator, desk: options.desk, callerGone: (reply) => callSignals.of(reply)(), onBug});

  app.get("/healthz", (_request, reply) => reply.send({status: "ok"}));

  app.get("/readyz", (_request, reply) => {
    try {
      context.loadProject();
      return reply.send({status: "ready"});
    } catch (error) {
      // Whoever may not call learns the code alone.
      return reply.code(503).send({status: "not_ready", code: describeError(error).data.code});
    }
  });

  app.get("/metrics", async (request, reply) => {
    await options.authenticator.identify(request.headers.authorization);
    return reply.type("text/plain; version=0.0.4; charset=utf-8").send(metrics.render(readGauges(options)));
  });

  let followers = 0;
  app.get("/runs/:runId/logs", async (request, reply) => {
    await options.authenticator.identify(request.headers.authorization);
    const {runId} = request.params as {readonly runId: string};
    const {tail, follow, cursor} = readLogQuery(request);
    // What is wrong with the id is said before the stream begins.
    await context.runs.look(runId);
    if (followers >= followersMax) throw DaedalusError.of("server-busy", {what: "followed logs", limit: followersMax});
    followers += 1;
    const signal = streamSignals.of(reply)();
    const events = Readable.from(renderLogEvents(context.runs, {runId, signal, tail, cursor, isFollowing: follow}), {objectMode: false});
    events.once("close", () => (followers -= 1));
    return reply.type("text/event-stream").send(events);
  });

  return app;
}

function readGauges({gate, context}: ServerOptions): Parameters<Metrics["render"]>[0] {
  const {rss, heapUsed} = process.memoryUsage();
  const active = context.runs.store.active();
  return {
    daedalus_calls_in_flight: {help: "Calls that work or wait now.", value: gate.calls},
    daedalus_runs_running: {help: "Runs that work now.", value: active.filter(({status}) => status === "running").length},
    daedalus_runs_queued: {help: "Runs that wait.", value: active.filter(({status}) => status === "queued").length},
    process_resident_memory_bytes: {help: "Memory of the server's process.", value: rss},
    nodejs_heap_used_bytes: {help: "Of that, JavaScript objects.", value: heapUsed},
    process_uptime_seconds: {help: "Since the server started.", value: process.uptime()},
  };
}

const logQuery = z.strictObject(
  {tail: z.string({error: "one number"}).regex(/^[1-9]\d{0,3}$/, {error: "a whole number from 1 to 9999"}).optional(), follow: z.string({error: "true or false"}).regex(/^(true|false|)$/, {error: "true or false"}).optional()},
  {error: "tail follow"},
);

/** `?follow` and `?follow=true` are the same. A browser that lost its stream names the last id that it saw. */
function readLogQuery(request: FastifyRequest): {tail: number | undefined; follow: boolean; cursor: number | undefined} {
  const {tail, follow} = checkParams("runs logs", logQuery, {...(request.query as object)}) as z.infer<typeof logQuery>;
  const last = request.headers["last-event-id"];
  return {
    tail: tail === undefined ? undefined : Number(tail),
    follow: follow !== undefined && follow !== "false",
    cursor: typeof last === "string" && /^\d{1,15}$/.test(last) ? Number(last) : undefined,
  };
}

/** A signal for each request that asks for one, aborted when its caller has gone or the server stops; of a request that is over, nothing is kept. */
class RequestSignals {
  readonly #stopping: AbortSignal;
  readonly #open = new Set<AbortController>();

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
    stopping.addEventListener("abort", () => {
      for (const controller of this.#open) controller.abort();
    });
  }

  of({raw}: FastifyReply): SignalOf {
    let controller: AbortController | undefined;
    return () => (controller ??= this.#watch(raw)).signal;
  }

  #watch(raw: FastifyReply["raw"]): AbortController {
    const controller = new AbortController();
    if (raw.closed || this.#stopping.aborted) {
      controller.abort();
      return controller;
    }
    this.#open.add(controller);
    raw.once("close", () => {
      this.#open.delete(controller);
      if (!raw.writableFinished) controller.abort();
    });
    return controller;
  }
}

/** True when the browser only asks whether it may call, and has its answer. */
function allowOrigin(request: FastifyRequest, reply: FastifyReply, origins: readonly string[] = []): boolean {
  const {origin} = request.headers;
  if (origin === undefined || !origins.includes(origin)) return false;
  void reply.headers({"access-control-allow-origin": origin, "access-control-expose-headers": "mcp-session-id", vary: "origin"});
  if (request.method !== "OPTIONS") return false;
  void reply.headers({"access-control-allow-methods": "GET, POST", "access-control-allow-headers": "authorization, content-type, last-event-id, mcp-session-id, mcp-protocol-version", "access-control-max-age": "600"});
  return true;
}

const statuses: Readonly<Record<string, number>> = {
  "token-missing": 401,
  "token-wrong": 401,
  "host-refused": 403,
  "origin-refused": 403,
  "run-unknown": 404,
  "server-busy": 503,
  "keys-unreachable": 503,
};

/** A request that never became a call. Fastify's own errors have a status of their own, such as 413 for a body that is too large. */
function refuse(reply: FastifyReply, metrics: Metrics, onBug: ServerOptions["onBug"], error: unknown, status?: number): FastifyReply {
  const own = (error as {readonly statusCode?: unknown}).statusCode;
  const isOfHttp = isBug(error) && typeof own === "number" && own >= 400 && own < 500;
  const said = isOfHttp ? DaedalusError.of("request-refused", {reason: (error as Error).message}) : error;
  if (isBug(said)) onBug(said, "a request");
  const {code} = describeError(said).data;
  metrics.countRefusal(code);
  const answered = status ?? (isOfHttp ? own : isBug(said) ? 500 : (statuses[code] ?? 400));
  if (answered === 401) void reply.header("www-authenticate", 'Bearer realm="daedalus"');
  // A connection that is closed with bytes unread is reset, and the answer can be lost on its way: what still comes is read, for as long as any request may take.
  if (answered === 413) void reply.removeHeader("connection");
  return reply.code(answered).type("application/json; charset=utf-8").send(renderRefusal(said));
}
