import {InvalidArgumentError, Option, type Command} from "commander";
import {scopes, type Scope} from "../auth/scope.js";
import {addExample, addFormat, addGroup, type FormatOption} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface CreateFlags extends FormatOption {
  readonly scope: Scope;
  /** Milliseconds; undefined: never. */
  readonly expires: {readonly lifetimeMs: number | undefined};
}

const dayMs = 86_400_000;

export function addTokenCommands(program: Command, terminal: Terminal): void {
  const token = addGroup(program, "token", "who may call the server of this project");
  addExample(token, "daeda token create console --scope read");

  const create = token
    .command("create")
    .description("make a token and print it: this once, since only its hash is kept")
    .argument("<name>", "whose it is, as the records of runs will say")
    .addOption(new Option("--scope <scope>", "what it allows: run holds read, admin holds both").choices(scopes).default("read"))
    .option("--expires <time>", "when it ends to be valid, such as 90d or 12h; or never", parseLifetime, {lifetimeMs: 90 * dayMs})
    .action(async (name: string, {scope, expires, format}: CreateFlags) => {
      const {tokens, showToken} = await openTokens(terminal);
      const {token: secret, record} = tokens.create({name, scope, lifetimeMs: expires.lifetimeMs});
      if (format === "json") return terminal.answer(JSON.stringify({...showToken(record), token: secret}, null, 2));
      terminal.answer(secret);
      terminal.note(`${record.name} may ${record.scope}${record.expires_at === null ? "" : `, until ${record.expires_at.slice(0, 10)}`}; this is shown once`);
    });
  addFormat(create);
  addExample(create, "daeda token create console --scope read", "daeda token create ci --scope run --expires 30d");

  const list = token
    .command("list")
    .description("whose tokens there are, what they allow and until when; none is shown")
    .action(async ({format}: FormatOption) => {
      const {tokens, showToken} = await openTokens(terminal);
      const shown = tokens.list().map(showToken);
      if (format === "json") return terminal.answer(JSON.stringify({tokens: shown}, null, 2));
      const {renderTable} = await import("../table.js");
      terminal.answer(shown.length === 0 ? "no tokens" : renderTable(["id", "name", "scope", "state", "created_at", "expires_at"], shown));
    });
  addFormat(list);
  addExample(list, "daeda token list");

  const revoke = token
    .command("revoke")
    .description("end a token at once")
    .argument("<token>", "its name or id")
    .action(async (nameOrId: string, {format}: FormatOption) => {
      const {tokens, showToken} = await openTokens(terminal);
      const revoked = tokens.revoke(nameOrId).map(showToken);
      terminal.answer(format === "json" ? JSON.stringify({revoked}, null, 2) : revoked.map(({id, name}) => `revoked ${name} (${id})`).join("\n"));
    });
  addFormat(revoke);
  addExample(revoke, "daeda token revoke console");
}

async function openTokens(terminal: Terminal) {
  const {TokenStore, isExpired} = await import("../auth/token-store.js");
  type TokenRecord = Parameters<typeof isExpired>[0];
  const showToken = (record: TokenRecord) => {
    const {hash: _, ...shown} = record;
    return {...shown, state: isExpired(record, Date.now()) ? "expired" : "valid"};
  };
  return {tokens: new TokenStore(terminal.directory), showToken};
}

function parseLifetime(text: string): CreateFlags["expires"] {
  if (text === "never") return {lifetimeMs: undefined};
  const [, count, unit] = /^([1-9]\d{0,3})([dh])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('It must be days or hours, such as "90d" or "12h", or "never".');
  return {lifetimeMs: Number(count) * (unit === "d" ? dayMs : dayMs / 24)};
}
