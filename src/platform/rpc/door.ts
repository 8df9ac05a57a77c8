/**
 * The address of a server, which answers before what it serves is loaded: that takes longer than whoever waits for a start wants to wait.
 * Until then `/healthz` is answered, and every other request waits.
 */
import {createServer, type RequestListener, type Server} from "node:http";
import type {AddressInfo} from "node:net";
import {DaedalusError} from "../../errors.js";
import {checkAddress, type AddressOptions} from "../auth/address-check.js";

const receiveMs = 30_000;
/** Longer than the minute for which proxies keep connections: else one of them sends on a connection that is just being closed. */
const keepAliveMs = 72_000;
/** How soon a server that stops closes a connection that has become idle. */
const idleMs = 50;

export interface Door {
  readonly server: Server;
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Gives all requests to whom they are for, those that wait first. */
  admit(handler: RequestListener): void;
  /** Ends when no connection is left; those that nobody uses are closed. */
  close(): Promise<void>;
}

/** @throws DaedalusError `listen-failed` */
export async function openDoor(address: AddressOptions, port: number): Promise<Door> {
  const {host} = address;
  const waiting: Parameters<RequestListener>[] = [];
  const wait: RequestListener = (request, response) => {
    if (!answerHealth(request, response, address)) waiting.push([request, response]);
  };
  const server = createServer({requestTimeout: receiveMs, keepAliveTimeout: keepAliveMs}, wait);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(DaedalusError.of("listen-failed", {host, port, reason: error.code ?? String(error)}, {cause: error})));
    server.listen({host, port}, resolve);
  });
  const {port: bound} = server.address() as AddressInfo;
  return {
    server,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    admit: (handler) => {
      server.off("request", wait).on("request", handler);
      for (const [request, response] of waiting.splice(0)) handler(request, response);
    },
    close: async () => {
      // Node closes those that are idle now, and not those whose last answer is still to come.
      const closing = setInterval(() => server.closeIdleConnections(), idleMs);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(closing);
    },
  };
}

/** False for what somebody else must answer: a request under a wrong name is refused in the words of all refusals, and a page needs more headers. */
function answerHealth(...[request, response, address]: [...Parameters<RequestListener>, AddressOptions]): boolean {
  if (request.method !== "GET" || request.url !== "/healthz" || request.headers.origin !== undefined) return false;
  try {
    checkAddress(request.headers, address);
  } catch {
    return false;
  }
  response.writeHead(200, {"content-type": "application/json; charset=utf-8", "cache-control": "no-store", "x-content-type-options": "nosniff"}).end('{"status":"ok"}');
  return true;
}
