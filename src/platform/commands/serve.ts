import {InvalidArgumentError, type Command} from "commander";
import {addExample, addProjectFlags, collect, parseCount, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface ServeFlags extends ProjectFlags {
  readonly host: string;
  readonly port: number;
  readonly requireToken?: true;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly oidcIssuer?: string;
  readonly oidcAudience?: string;
  readonly oidcJwks?: string;
  readonly callSeconds?: number;
}

export function addServeCommand(program: Command, terminal: Terminal): void {
  const serve = program
    .command("serve-api")
    .description("answer JSON-RPC, and agents at /mcp, over HTTP until it is stopped")
    .option("--host <address>", "what to listen on; any but loopback wants tokens", "127.0.0.1")
    .option("--port <number>", "0 takes a free one", parsePort, 8000)
    .option("--require-token", "want tokens on loopback, too: behind a proxy, everybody comes from there")
    .option("--allow-host <name>", "another name of this server, without a port; may be repeated", collect)
    .option("--allow-origin <origin>", "let pages of this origin call; may be repeated", collect)
    .option("--oidc-issuer <url>", "take JWTs of this identity provider")
    .option("--oidc-audience <name>", "whom they must be meant for")
    .option("--oidc-jwks <file or url>", "the provider's public keys")
    .option("--call-seconds <count>", "give up a call after this time; default: 120", parseCount)
    .action(async (options: ServeFlags) => {
      const {host, port, requireToken, allowHost, allowOrigin, oidcIssuer, oidcAudience, oidcJwks, callSeconds} = options;
      const asked = [oidcIssuer, oidcAudience, oidcJwks].filter((value) => value !== undefined);
      if (asked.length !== 0 && asked.length !== 3) serve.error("error: --oidc-issuer, --oidc-audience and --oidc-jwks go together");
      const [{startServer}, {readSettings, settingsPath}, {untilStopped}] = await Promise.all([import("../rpc/serve.js"), import("../settings.js"), import("../signals.js")]);
      const settings = readSettings(settingsPath(terminal.env));
      const server = await startServer(
        {
          root: terminal.directory,
          host,
          port,
          isTokenRequired: requireToken === true,
          hosts: allowHost,
          origins: allowOrigin,
          oidc: oidcIssuer === undefined || oidcAudience === undefined || oidcJwks === undefined ? undefined : {issuer: oidcIssuer, audience: oidcAudience, jwks: oidcJwks},
          limits: callSeconds === undefined ? {} : {callMs: callSeconds * 1000},
        },
        {
          openContext: async () => (await import("../context.js")).openContext(options, terminal, settings),
          onBug: (error, what) => terminal.note(`${new Date().toISOString()} a bug in ${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
        },
      );
      const stopped = untilStopped();
      terminal.answer(`listening on ${server.url}`);
      await server.loaded;
      const signal = await stopped;
      terminal.note(`${signal}: no new calls; those that work may end`);
      await server.stop();
    });
  addProjectFlags(serve);
  addExample(serve, "daeda serve-api", "daeda serve-api --host 0.0.0.0 --port 8000 --allow-host daedalus.internal");
}

function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
  return Number(text);
}
