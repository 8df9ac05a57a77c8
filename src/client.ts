/**
 * A client of a Daedalus server, for browsers and every other place with `fetch`. It imports nothing at run time; its types are those of
 * the server's method table.
 * @example
 * import {Client, RpcCallError, type BatchAnswers, type BatchCall, type CallArguments, type ClientOptions, type LogLine, type MethodName, type MethodParams, type MethodResult, type RpcProblem} from "daedalus/client";
 * const options: ClientOptions = {url: "http://127.0.0.1:8000", token: "the token, where the server asks for one"};
 * const client = new Client(options);
 * const {views}: MethodResult<"catalog.list_views"> = await client.call("catalog.list_views");
 * const params: MethodParams<"catalog.show_view"> = {name: views[0]!.name};
 * const args: CallArguments<"catalog.show_view"> = [params];
 * await client.call("catalog.show_view", ...args);
 * const method: MethodName = "service.list";
 * const calls = [{method}, {method: "catalog.show_view", params: {name: "nobody"}}] as const satisfies readonly BatchCall[];
 * const [services, unknown]: BatchAnswers<typeof calls> = await client.batch(calls);
 * if (services instanceof RpcCallError) throw services;
 * const problem: RpcProblem | undefined = unknown instanceof RpcCallError ? unknown.problem : undefined;
 * if (problem?.code !== "reference-unknown") throw new Error("there is such a view");
 * const {run_id} = await client.call("runs.materialize_partition", {service: "basket", partition: "2026-02-27"});
 * const lines: LogLine[] = [];
 * for await (const line of client.followLog(run_id)) lines.push(line);
 * console.log(services.services.length, lines.at(-1)?.text);
 */
import type {MethodName, MethodParams, MethodResult} from "./platform/method-schemas.js";

export type {MethodName, MethodParams, MethodResult};

/** What a server says of a problem. */
export interface RpcProblem {
  /** One of the codes of docs/reference/errors.md. */
  readonly code: string;
  readonly hint: string | null;
  /** Where in the project's files, one-based. */
  readonly place: {readonly file: string; readonly line: number; readonly column: number; readonly length: number} | null;
}

/** A call that was answered with an error, or not at all. */
export class RpcCallError extends Error {
  override readonly name = "RpcCallError";
  constructor(
    message: string,
    /** JSON-RPC's number; undefined where no answer came: then `cause` says why. */
    readonly rpcCode: number | undefined,
    readonly problem: RpcProblem | undefined,
    /** Of HTTP; undefined where no answer came. */
    readonly status: number | undefined,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : {cause});
  }

  /** Our own code, such as `run-unknown`. */
  get code(): string | undefined {
    return this.problem?.code;
  }
}

export interface ClientOptions {
  /** Such as `http://localhost:8000`. */
  readonly url: string;
  /** Of `daeda token create`, or a JWT of the provider that the server trusts. */
  readonly token?: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** After how many milliseconds a call ends, or a log's connection on which nothing comes; default: 60,000. */
  readonly timeoutMs?: number;
}

/** Methods that may be called without parameters need none here. */
export type CallArguments<M extends MethodName> = object extends MethodParams<M> ? [params?: MethodParams<M>, signal?: AbortSignal] : [params: MethodParams<M>, signal?: AbortSignal];

export interface BatchCall<M extends MethodName = MethodName> {
  readonly method: M;
  readonly params?: MethodParams<M>;
}

/** For each call its answer, or the error that it was answered with. */
export type BatchAnswers<C extends readonly BatchCall[]> = {[I in keyof C]: C[I] extends {readonly method: infer M extends MethodName} ? MethodResult<M> | RpcCallError : never};

export type LogLine = MethodResult<"runs.logs">["lines"][number];

const timeoutDefaultMs = 60_000;
const reconnectMs = 500;

export class Client {
  readonly #options: ClientOptions;
  readonly #fetch: typeof fetch;
  #lastId = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** @throws RpcCallError */
  async call<M extends MethodName>(method: M, ...[params, signal]: CallArguments<M>): Promise<MethodResult<M>> {
    const [answer] = await this.#send([{method, ...(params === undefined ? {} : {params})}], false, signal);
    if (answer instanceof RpcCallError) throw answer;
    return answer as MethodResult<M>;
  }

  /** Several calls in one request, of which each succeeds or fails by itself. @throws RpcCallError when the request as a whole is refused */
  async batch<const C extends readonly BatchCall[]>(calls: C, signal?: AbortSignal): Promise<BatchAnswers<C>> {
    return (calls.length === 0 ? [] : await this.#send(calls, true, signal)) as BatchAnswers<C>;
  }

  /**
   * The lines of a run's log as they come, to its end or that of the signal; where the connection is lost, a new one goes on.
   * @throws RpcCallError when the server refuses, or is away
   */
  async *followLog(runId: string, signal?: AbortSignal): AsyncGenerator<LogLine> {
    for (let lastId: string | undefined; signal?.aborted !== true; ) {
      // Of lines that come together only the last one has an id: those of a piece that is cut off come again.
      let lines: LogLine[] = [];
      for await (const {event, id, data} of this.#readEvents(`/runs/${encodeURIComponent(runId)}/logs?follow`, lastId, signal)) {
        if (event === "end") return;
        lines.push(JSON.parse(data) as LogLine);
        if (id === undefined) continue;
        lastId = id;
        yield* lines;
        lines = [];
      }
      await new Promise((resolve) => setTimeout(resolve, reconnectMs));
    }
  }

  /** Server-sent events until the connection ends. `EventSource` cannot send a token. */
  async *#readEvents(path: string, lastId: string | undefined, signal: AbortSignal | undefined): AsyncGenerator<ServerEvent> {
    const lost = new AbortController();
    const {timeoutMs = timeoutDefaultMs} = this.#options;
    let timer = setTimeout(() => lost.abort(), timeoutMs);
    try {
      const response = await this.#request(path, {headers: lastId === undefined ? {} : {"last-event-id": lastId}, signal: signal ? AbortSignal.any([signal, lost.signal]) : lost.signal});
      if (!response.ok || !response.body) throw refusalOf(parseAnswers(await response.text(), response.status), response.status) ?? notDaedalus(response.status);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      for (let rest = ""; ; ) {
        const read = await reader.read().catch(() => undefined);
        if (read?.value === undefined) return;
        // The server says something every quarter of a minute.
        clearTimeout(timer);
        timer = setTimeout(() => lost.abort(), timeoutMs);
        const texts = (rest + decoder.decode(read.value as Uint8Array, {stream: true})).split("\n\n");
        rest = texts.pop()!;
        yield* texts.flatMap(parseEvent);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    } finally {
      clearTimeout(timer);
      lost.abort();
    }
  }

  async #request(path: string, {headers, ...init}: {readonly method?: string; readonly headers: Readonly<Record<string, string>>; readonly body?: string; readonly signal: AbortSignal}): Promise<Response> {
    const {url, token} = this.#options;
    try {
      return await this.#fetch(url.replace(/\/$/, "") + path, {...init, headers: {...headers, ...(token === undefined ? {} : {authorization: `Bearer ${token}`})}});
    } catch (error) {
      throw noAnswer(url, error);
    }
  }

  async #send(calls: readonly BatchCall[], isBatch: boolean, signal: AbortSignal | undefined): Promise<readonly unknown[]> {
    const requests = calls.map((call) => ({jsonrpc: "2.0", id: (this.#lastId += 1), ...call}));
    const {timeoutMs = timeoutDefaultMs, url} = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const response = await this.#request("/rpc", {
      method: "POST",
      headers: {"content-type": "application/json"},
      body: JSON.stringify(isBatch ? requests : requests[0]),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const text = await response.text().catch((error: unknown) => {
      throw noAnswer(url, error);
    });
    const answers = parseAnswers(text, response.status);
    const refusal = refusalOf(answers, response.status);
    if (refusal) throw refusal;
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    return requests.map(({id, method}) => {
      const answer = byId.get(id);
      if (!answer) return new RpcCallError(`the server did not answer ${method}`, undefined, undefined, response.status);
      return answer.error ? toError(answer.error, response.status) : answer.result;
    });
  }
}

interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** None for what is only there to keep the connection. */
function parseEvent(text: string): readonly ServerEvent[] {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1];
  const [event, data] = [field("event"), field("data")];
  return event === undefined || data === undefined ? [] : [{event, id: field("id"), data}];
}

interface Answer {
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: {readonly code: number; readonly message: string; readonly data?: RpcProblem};
}

function parseAnswers(text: string, status: number): readonly Answer[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw notDaedalus(status, error);
  }
  const answers = Array.isArray(parsed) ? parsed : [parsed];
  const isAnswer = (answer: unknown): answer is Answer => typeof answer === "object" && answer !== null && "jsonrpc" in answer;
  if (!answers.every(isAnswer)) throw notDaedalus(status);
  return answers;
}

/** A request that is refused as a whole is answered once, without an id. */
function refusalOf(answers: readonly Answer[], status: number): RpcCallError | undefined {
  const refusal = answers.find(({id, error}) => id === null && error);
  return refusal && toError(refusal.error!, status);
}

const noAnswer = (url: string, cause: unknown): RpcCallError => new RpcCallError(`no answer from ${url}`, undefined, undefined, undefined, cause);

const notDaedalus = (status: number, cause?: unknown): RpcCallError => new RpcCallError(`what answers there (${status}) is no Daedalus server`, undefined, undefined, status, cause);

const toError = ({code, message, data}: NonNullable<Answer["error"]>, status: number): RpcCallError => new RpcCallError(message, code, data, status);
