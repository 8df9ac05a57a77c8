/** A server from its start to its end. */
import {userInfo} from "node:os";
import type {AddressInfo} from "node:net";
import {DaedalusError} from "../../errors.js";
import {isLoopback} from "../auth/address-check.js";
import {Authenticator} from "../auth/authenticator.js";
import {createVerifier, type OidcOptions} from "../auth/oidc.js";
import {TokenStore} from "../auth/token-store.js";
import type {MethodContext} from "../context.js";
import {CallDesk} from "./call-desk.js";
import {CallGate, type CallLimits} from "./call-gate.js";
import {CallLog} from "./call-log.js";
import {Metrics} from "./metrics.js";
import {ProjectCache} from "./project-cache.js";
import {createServer} from "./server.js";

export interface ServeOptions {
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
  readonly context: MethodContext;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, what: string) => void;
}

export interface RunningServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Lets calls that work end within the time, then ends them. */
  stop(graceMs?: number): Promise<void>;
}

const queueMs = 1000;
const graceDefaultMs = 10_000;

/** @throws DaedalusError `tokens-missing` when others could reach the server and nobody has a token; `listen-failed` */
export async function startServer(options: ServeOptions, effects: ServeEffects): Promise<RunningServer> {
  const {host, port, oidc} = options;
  const {onBug} = effects;
  const {root} = effects.context.projectOptions;
  const tokens = new TokenStore(root);
  const isOpen = isLoopback(host) && options.isTokenRequired !== true;
  const verifyJwt = oidc && (await createVerifier(oidc));
  if (!isOpen && !verifyJwt && !tokens.hasValid()) throw DaedalusError.of("tokens-missing", {host});
  const authenticator = new Authenticator({tokens, verifyJwt, anonymous: isOpen ? {name: userInfo().username, scope: "admin", via: "local"} : undefined});
  const project = new ProjectCache(effects.context.projectOptions);
  const context: MethodContext = {...effects.context, loadProject: () => project.load()};
  const gate = new CallGate(options.limits);
  const metrics = new Metrics();
  const desk = new CallDesk({context, gate, metrics, log: new CallLog(root)});
  const stopping = new AbortController();
  const late = new AbortController();
  const address = {host, hosts: options.hosts, origins: options.origins};
  const app = createServer({address, authenticator, desk, gate, metrics, context, stopping: stopping.signal, late: late.signal, onBug});
  try {
    await app.listen({host, port});
  } catch (error) {
    throw DaedalusError.of("listen-failed", {host, port, reason: (error as NodeJS.ErrnoException).code ?? String(error)}, {cause: error});
  }
  // The address answers first; what is wrong with the project is said by /readyz and by every call.
  setImmediate(() => tryLoad(context));
  // Runs that wait have their turn although nobody asks.
  const queue = setInterval(() => void context.runs.advance().catch((error: unknown) => onBug(error, "the queue of runs")), queueMs);
  const {port: bound} = app.server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    stop: async (graceMs = graceDefaultMs) => {
      clearInterval(queue);
      stopping.abort();
      const timer = setTimeout(() => {
        late.abort();
        app.server.closeAllConnections();
      }, graceMs);
      await app.close().finally(() => clearTimeout(timer));
    },
  };
}

function tryLoad(context: MethodContext): void {
  try {
    context.loadProject();
  } catch {
    // Said again to everybody who asks.
  }
}
