/** What answers behind the door of a server: its project, who may call, the desk of calls, and the turn of waiting runs. */
import {userInfo} from "node:os";
import {Authenticator} from "../auth/authenticator.js";
import type {VerifyJwt} from "../auth/oidc.js";
import {TokenStore} from "../auth/token-store.js";
import type {MethodContext} from "../context.js";
import {CallDesk} from "./call-desk.js";
import {CallGate} from "./call-gate.js";
import {CallLog} from "./call-log.js";
import type {Door} from "./door.js";
import {Metrics} from "./metrics.js";
import {ProjectCache} from "./project-cache.js";
import type {ServeOptions} from "./serve.js";
import {createServer} from "./server.js";

export interface BackOfficeOptions extends Pick<ServeOptions, "root" | "host" | "hosts" | "origins" | "limits"> {
  readonly door: Door;
  /** Nobody has to show anything. */
  readonly isOpen: boolean;
  readonly verifyJwt: VerifyJwt | undefined;
}

export interface BackOfficeEffects {
  readonly context: MethodContext;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, what: string) => void;
}

export interface BackOffice {
  close(graceMs: number): Promise<void>;
}

const queueMs = 1000;

export async function openBackOffice(options: BackOfficeOptions, effects: BackOfficeEffects): Promise<BackOffice> {
  const {root, host, hosts, origins, door, isOpen, verifyJwt} = options;
  const {onBug} = effects;
  const authenticator = new Authenticator({tokens: new TokenStore(root), verifyJwt, anonymous: isOpen ? {name: userInfo().username, scope: "admin", via: "local"} : undefined});
  const project = new ProjectCache(effects.context.projectOptions);
  const context: MethodContext = {...effects.context, loadProject: () => project.load()};
  const gate = new CallGate(options.limits);
  const metrics = new Metrics();
  const desk = new CallDesk({context, gate, metrics, log: new CallLog(root)});
  const stopping = new AbortController();
  const late = new AbortController();
  const app = createServer({door, address: {host, hosts, origins}, authenticator, desk, gate, metrics, context, stopping: stopping.signal, late: late.signal, onBug});
  // Nobody waits for what no call has asked for yet; what is wrong with the project is said by /readyz and by every call.
  setImmediate(() => tryLoad(context));
  await app.ready();
  door.admit((request, response) => app.routing(request, response));
  // Runs that wait have their turn although nobody asks.
  const queue = setInterval(() => void context.runs.advance().catch((error: unknown) => onBug(error, "the queue of runs")), queueMs);
  return {
    close: async (graceMs) => {
      clearInterval(queue);
      stopping.abort();
      const timer = setTimeout(() => {
        late.abort();
        door.server.closeAllConnections();
      }, graceMs);
      await Promise.all([app.close(), door.close()]).finally(() => clearTimeout(timer));
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
