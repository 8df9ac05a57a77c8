/** Errors as JSON-RPC says them: its own numbers for its own mistakes, one for everything that we expect. */
import {DaedalusError, ProblemsError} from "../../errors.js";
import {ParamsError} from "../check-params.js";
import {problemToData} from "../failure.js";
import type {ProblemAnswer} from "../schemas/method-schema.js";

const rpcCodes = {parse: -32700, request: -32600, method: -32601, params: -32602, bug: -32603, expected: -32000} as const;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data: {
    /** One of docs/reference/errors.md; `bug` for what is none. */
    readonly code: string;
    readonly hint: string | null;
    readonly place: ProblemAnswer["place"];
    /** All of them, where several were found together; the first is the one above. */
    readonly problems?: readonly ProblemAnswer[];
  };
}

/** Of what is no expected error, callers learn nothing. */
export function describeError(error: unknown): RpcError {
  const problems = error instanceof ProblemsError ? error.problems : error instanceof DaedalusError ? [error] : [];
  const problem = problems.find(({severity}) => severity === "error") ?? problems[0];
  if (!problem) return {code: rpcCodes.bug, message: "a bug in daedalus: the server's log says more", data: {code: "bug", hint: null, place: null}};
  const {code, message, hint, place} = problemToData(problem);
  return {
    code: error instanceof ParamsError ? rpcCodes.params : problem.code === "method-unknown" ? rpcCodes.method : problem.code === "request-broken" ? rpcCodes.request : problem.code === "json-broken" ? rpcCodes.parse : rpcCodes.expected,
    message,
    data: {code, hint, place, ...(problems.length > 1 ? {problems: problems.map(problemToData)} : {})},
  };
}

export const isBug = (error: unknown): boolean => !(error instanceof DaedalusError || error instanceof ProblemsError);
