/** Where calls of every transport of a server come together: scope, limits, the method, what is counted and noted. */
import {DaedalusError, ProblemsError} from "../../errors.js";
import type {Principal} from "../auth/principal.js";
import {isCovered} from "../auth/scope.js";
import {callMethod, getMethodName} from "../call-method.js";
import type {MethodContext} from "../context.js";
import {methodSchemas} from "../method-schemas.js";
import type {CallGate, SignalOf} from "./call-gate.js";
import type {CallLog} from "./call-log.js";
import type {Metrics} from "./metrics.js";

export type Transport = "rpc" | "mcp";

export interface Call {
  readonly method: string;
  readonly params: unknown;
  readonly caller: Principal;
  readonly transport: Transport;
  /** Aborted when the caller has gone. */
  readonly callerGone: SignalOf;
}

export interface CallDeskOptions {
  /** Without caller and signal: each call has its own. */
  readonly context: MethodContext;
  readonly gate: CallGate;
  readonly metrics: Metrics;
  readonly log: CallLog;
}

export class CallDesk {
  readonly #options: CallDeskOptions;

  constructor(options: CallDeskOptions) {
    this.#options = options;
  }

  /** @throws ParamsError, DaedalusError (`method-unknown`, `scope-missing`, `server-busy`, `call-timeout`), or what the method throws */
  async call({method, params, caller, transport, callerGone}: Call): Promise<unknown> {
    const {context, gate, metrics, log} = this.#options;
    const startedMs = performance.now();
    const name = getMethodName(method);
    const {scope, isHeavy} = methodSchemas[name];
    let outcome = "ok";
    try {
      if (!isCovered(scope, caller.scope)) throw DaedalusError.of("scope-missing", {method: name, scope, granted: caller.scope});
      return await gate.pass(isHeavy, callerGone, (ended) => callMethod(name, params, contextOf(context, caller.name, ended)));
    } catch (error) {
      outcome = codeOf(error);
      throw error;
    } finally {
      const milliseconds = performance.now() - startedMs;
      metrics.countCall(name, outcome, milliseconds / 1000);
      if (scope !== "read" || outcome === "scope-missing") log.note({caller, transport, method: name, params, outcome, milliseconds});
    }
  }
}

function contextOf(context: MethodContext, caller: string, ended: SignalOf): MethodContext {
  return {
    ...context,
    caller,
    get signal() {
      return ended();
    },
  };
}

/** `bug` for what is no expected error. */
function codeOf(error: unknown): string {
  const problem = error instanceof ProblemsError ? error.problems[0] : error;
  return problem instanceof DaedalusError ? problem.code : "bug";
}
