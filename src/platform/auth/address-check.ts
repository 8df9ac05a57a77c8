/**
 * Which names a server answers to. A page on the web can make a browser send requests to an address of its own that it has
 * pointed at this machine: such a request carries the page's name in `Host` or `Origin`.
 */
import {hostname} from "node:os";
import {isIP} from "node:net";
import {DaedalusError} from "../../errors.js";

export interface AddressOptions {
  /** What the server listens on. */
  readonly host: string;
  /** Names of this server besides, without a port. */
  readonly hosts?: readonly string[] | undefined;
  /** Pages of other origins that may call, such as `https://console.example`. */
  readonly origins?: readonly string[] | undefined;
}

export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

/** @throws DaedalusError `host-refused` or `origin-refused` */
export function checkAddress(headers: {readonly host?: string | undefined; readonly origin?: string | undefined}, {host, hosts = [], origins = []}: AddressOptions): void {
  const named = hostOf(headers.host ?? "");
  // An address of digits is no name that somebody else could point here; loopback ones are only right on loopback.
  const isKnown = named !== undefined && (isLoopback(named) || hosts.includes(named) || (!isLoopback(host) && (named === host || named === hostname() || isIP(named) !== 0)));
  if (!isKnown) throw DaedalusError.of("host-refused", {host: (headers.host ?? "").slice(0, 100)});
  const {origin} = headers;
  if (origin === undefined || origins.includes(origin)) return;
  if (origin !== `http://${headers.host}` && origin !== `https://${headers.host}`) throw DaedalusError.of("origin-refused", {origin: origin.slice(0, 100)});
}

/** `127.0.0.1:8000` -> `127.0.0.1`, `[::1]:8000` -> `::1`. */
function hostOf(header: string): string | undefined {
  const [, six, other] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(header) ?? [];
  return (six ?? other)?.toLowerCase();
}
