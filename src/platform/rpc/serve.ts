/** A server from its start to its end. What it needs for its first answer is imported here; everything else is loaded once it listens. */
import {isLoopback} from "../auth/address-check.js";
import type {OidcOptions} from "../auth/oidc.js";
import type {MethodContext} from "../context.js";
import {DaedalusError} from "../../errors.js";
import type {CallLimits} from "./call-gate.js";
import {openDoor} from "./door.js";

export interface ServeOptions {
  /** The project's folder. */
  readonly root: string;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Tokens are wanted on loopback, too: behind a proxy, everybody comes from there. */
  readonly isTokenRequired?: boolean;
  readonly oidc?: OidcOptions | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly origins?: readonly string[] | undefined;
  readonly limits?: Partial<CallLimits> | undefined;
}

export interface ServeEffects {
  readonly openContext: () => MethodContext | Promise<MethodContext>;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, what: string) => void;
}

export interface RunningServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Calls are answered from here on; until then they wait. */
  readonly loaded: Promise<void>;
  /** Lets calls that work end within the time, then ends them. */
  stop(graceMs?: number): Promise<void>;
}

const graceDefaultMs = 10_000;

/** @throws DaedalusError `tokens-missing` when others could reach the server and nobody has a token; `listen-failed` */
export async function startServer(options: ServeOptions, effects: ServeEffects): Promise<RunningServer> {
  const {root, host, port, oidc} = options;
  const isOpen = isLoopback(host) && options.isTokenRequired !== true;
  const verifyJwt = oidc && (await (await import("../auth/oidc.js")).createVerifier(oidc));
  if (!isOpen && !verifyJwt) {
    const {TokenStore} = await import("../auth/token-store.js");
    if (!new TokenStore(root).hasValid()) throw DaedalusError.of("tokens-missing", {host});
  }
  const door = await openDoor(options, port);
  const backOffice = (async () => {
    const {openBackOffice} = await import("./back-office.js");
    return openBackOffice({...options, door, isOpen, verifyJwt}, {context: await effects.openContext(), onBug: effects.onBug});
  })();
  return {
    url: door.url,
    loaded: backOffice.then(() => undefined),
    stop: async (graceMs = graceDefaultMs) => await (await backOffice).close(graceMs),
  };
}
