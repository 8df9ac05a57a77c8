/** Who asked for what: a JSON line for every call that may change something or was refused. Two files, so that it cannot grow for ever. */
import {appendFileSync, mkdirSync, renameSync, statSync} from "node:fs";
import {dirname, join} from "node:path";
import type {Principal} from "../auth/principal.js";

export interface CallEntry {
  readonly caller: Principal;
  readonly transport: string;
  readonly method: string;
  readonly params: unknown;
  /** `ok`, or the error's code. */
  readonly outcome: string;
  readonly milliseconds: number;
}

const fileBytesMax = 16_000_000;
const paramsLengthMax = 2000;

export class CallLog {
  readonly path: string;
  readonly #now: () => number;

  constructor(projectRoot: string, now: () => number = Date.now) {
    this.path = join(projectRoot, ".daedalus", "calls.jsonl");
    this.#now = now;
  }

  note({caller, transport, method, params, outcome, milliseconds}: CallEntry): void {
    const text = JSON.stringify(params ?? {});
    const entry = {
      at: new Date(this.#now()).toISOString(),
      caller: caller.name,
      via: caller.via,
      scope: caller.scope,
      transport,
      method,
      params: text.length > paramsLengthMax ? `${text.slice(0, paramsLengthMax)}...` : (params ?? {}),
      outcome,
      milliseconds: Math.round(milliseconds),
    };
    mkdirSync(dirname(this.path), {recursive: true});
    if ((statSync(this.path, {throwIfNoEntry: false})?.size ?? 0) > fileBytesMax) renameSync(this.path, this.path.replace(/\.jsonl$/, ".1.jsonl"));
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`, {mode: 0o600});
  }
}
