/** JSON-RPC 2.0 over bytes: single calls, batches and notifications. Knows nothing of HTTP. */
import {DaedalusError} from "../../errors.js";
import {describeError, isBug} from "./rpc-error.js";
import {jsonDepth} from "./json-depth.js";

export const rpcLimits = {bodyBytes: 1_048_576, batch: 100, depth: 32} as const;

type Id = string | number | null;

interface RpcRequest {
  readonly id: Id | undefined;
  readonly method: string;
  readonly params: unknown;
}

export interface RpcEffects {
  /** Answers one call. */
  readonly call: (method: string, params: unknown) => Promise<unknown>;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, method: string) => void;
}

/**
 * The text of the answer; undefined where there is none, because only notifications were sent.
 * @throws DaedalusError `json-broken` or `request-broken` when the whole of it cannot be understood
 */
export async function answerRpc(body: Buffer, effects: RpcEffects): Promise<string | undefined> {
  const message = parseMessage(body);
  if (!Array.isArray(message)) {
    return await answerOne(message, effects);
  }
  if (message.length === 0) throw DaedalusError.of("request-broken", {reason: "the batch is empty"});
  if (message.length > rpcLimits.batch) throw DaedalusError.of("request-broken", {reason: `the batch has ${message.length} calls, and ${rpcLimits.batch} are the most`});
  const answers = await Promise.all(message.map((one: unknown) => answerOne(one, effects)));
  const said = answers.filter((answer) => answer !== undefined);
  return said.length === 0 ? undefined : `[${said.join(",")}]`;
}

/** The answer to a body that is no call. */
export const renderRefusal = (error: unknown): string => renderError(null, error);

const renderError = (id: Id, error: unknown): string => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify(describeError(error))}}`;

const renderResult = (id: Id, result: unknown): string => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${renderAnswer(result)}}`;

/** Of answers that are frozen, which methods give again and again. */
const answerTexts = new WeakMap<object, string>();

function renderAnswer(answer: unknown): string {
  if (typeof answer !== "object" || answer === null || !Object.isFrozen(answer)) return JSON.stringify(answer);
  let text = answerTexts.get(answer);
  if (text === undefined) answerTexts.set(answer, (text = JSON.stringify(answer)));
  return text;
}

/** @throws DaedalusError `json-broken` or `request-broken` */
export function parseMessage(body: Buffer): unknown {
  if (jsonDepth(body) > rpcLimits.depth) throw DaedalusError.of("request-broken", {reason: `it nests more than ${rpcLimits.depth} deep`});
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    // What V8 says quotes the text, which may hold anything.
    throw DaedalusError.of("json-broken", {}, {cause: error});
  }
}

async function answerOne(message: unknown, {call, onBug}: RpcEffects): Promise<string | undefined> {
  let request: RpcRequest;
  try {
    request = readRequest(message);
  } catch (error) {
    return renderError(idOf(message) ?? null, error);
  }
  const {id, method, params} = request;
  try {
    const result = await call(method, params);
    return id === undefined ? undefined : renderResult(id, result);
  } catch (error) {
    if (isBug(error)) onBug(error, method);
    return id === undefined ? undefined : renderError(id, error);
  }
}

function readRequest(message: unknown): RpcRequest {
  if (typeof message !== "object" || message === null || Array.isArray(message)) throw DaedalusError.of("request-broken", {reason: "a call is an object"});
  const {jsonrpc, method, params} = message as Readonly<Record<string, unknown>>;
  if (jsonrpc !== "2.0") throw DaedalusError.of("request-broken", {reason: '"jsonrpc" must be "2.0"'});
  if (typeof method !== "string") throw DaedalusError.of("request-broken", {reason: '"method" must be text'});
  if (Object.hasOwn(message, "params") && (typeof params !== "object" || params === null)) throw DaedalusError.of("request-broken", {reason: '"params" must be an object'});
  const id = idOf(message);
  if (id === undefined && Object.hasOwn(message, "id")) throw DaedalusError.of("request-broken", {reason: '"id" must be text, a number or null'});
  return {id, method, params};
}

function idOf(message: unknown): Id | undefined {
  if (typeof message !== "object" || message === null || !Object.hasOwn(message, "id")) return undefined;
  const {id} = message as {readonly id: unknown};
  return typeof id === "string" || typeof id === "number" || id === null ? id : undefined;
}
