/**
 * Tokens of a project's server: one file that holds hashes only. A token is 256 random bits, so that a plain hash of it can
 * neither be guessed nor looked up.
 */
import {createHash, randomBytes, timingSafeEqual} from "node:crypto";
import {mkdirSync, readFileSync, renameSync, statSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {z} from "zod";
import {DaedalusError} from "../../errors.js";
import {acquireLock} from "../../pipeline/lock.js";
import {scopes, type Scope} from "./scope.js";

const tokenSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string(),
  scope: z.enum(scopes),
  /** SHA-256 of the token, in hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  created_at: z.string(),
  /** Null: never. */
  expires_at: z.string().nullable(),
});

export type TokenRecord = Readonly<z.infer<typeof tokenSchema>>;

const fileSchema = z.strictObject({tokens: z.array(tokenSchema)});

export interface TokenOrder {
  /** Whose it is, as records of runs name the caller. */
  readonly name: string;
  readonly scope: Scope;
  /** Milliseconds; undefined: for ever. */
  readonly lifetimeMs: number | undefined;
}

const prefix = "dae_";
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/;

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

export const isExpired = ({expires_at}: TokenRecord, nowMs: number): boolean => expires_at !== null && Date.parse(expires_at) <= nowMs;

export class TokenStore {
  readonly path: string;
  readonly #now: () => number;
  #read: {readonly version: string; readonly tokens: readonly TokenRecord[]} | undefined;

  constructor(projectRoot: string, now: () => number = Date.now) {
    this.path = join(projectRoot, ".daedalus", "tokens.json");
    this.#now = now;
  }

  /** As the file has them now. @throws DaedalusError `tokens-exposed` when others may read it, `file-unreadable` when it is broken */
  list(): readonly TokenRecord[] {
    const stat = statSync(this.path, {throwIfNoEntry: false});
    if (!stat) return [];
    const version = `${stat.mtimeMs} ${stat.size} ${stat.ino} ${stat.mode}`;
    if (this.#read?.version === version) return this.#read.tokens;
    // Windows has no such bits.
    if ((stat.mode & 0o077) !== 0 && process.platform !== "win32") throw DaedalusError.of("tokens-exposed", {path: this.path});
    const tokens = parseTokens(readFileSync(this.path, "utf8"), this.path);
    this.#read = {version, tokens};
    return tokens;
  }

  /** The token is told once: nobody can read it from the file. */
  create({name, scope, lifetimeMs}: TokenOrder): {readonly token: string; readonly record: TokenRecord} {
    if (!namePattern.test(name)) throw DaedalusError.of("value-wrong", {key: "name", expected: "1 to 64 letters, digits and any of _ . @ -", found: JSON.stringify(name.slice(0, 80))});
    const token = prefix + randomBytes(32).toString("base64url");
    const nowMs = this.#now();
    const record: TokenRecord = {
      id: randomBytes(4).toString("hex"),
      name,
      scope,
      hash: hashOf(token).toString("hex"),
      created_at: new Date(nowMs).toISOString(),
      expires_at: lifetimeMs === undefined ? null : new Date(nowMs + lifetimeMs).toISOString(),
    };
    this.#change((tokens) => {
      if (tokens.some((other) => other.name === name && !isExpired(other, nowMs))) throw DaedalusError.of("token-exists", {name});
      return [...tokens, record];
    });
    return {token, record};
  }

  /** By name or id. @throws DaedalusError `token-unknown` */
  revoke(nameOrId: string): readonly TokenRecord[] {
    let revoked: readonly TokenRecord[] = [];
    this.#change((tokens) => {
      revoked = tokens.filter(({id, name}) => id === nameOrId || name === nameOrId);
      if (revoked.length === 0) throw DaedalusError.of("token-unknown", {token: nameOrId.slice(0, 80)});
      return tokens.filter((token) => !revoked.includes(token));
    });
    return revoked;
  }

  /** The record of a token that somebody shows; undefined for one that is unknown or expired. */
  find(token: string): TokenRecord | undefined {
    const shown = hashOf(token);
    let found: TokenRecord | undefined;
    // Every token is compared, each in constant time: how long it takes says nothing about which came near.
    for (const record of this.list()) if (timingSafeEqual(Buffer.from(record.hash, "hex"), shown)) found = record;
    return found && !isExpired(found, this.#now()) ? found : undefined;
  }

  /** Someone could come in with one of them. */
  hasValid(): boolean {
    return this.list().some((token) => !isExpired(token, this.#now()));
  }

  #change(edit: (tokens: readonly TokenRecord[]) => readonly TokenRecord[]): void {
    mkdirSync(dirname(this.path), {recursive: true});
    const lock = acquireLock(`${this.path}.lock`, "the file of tokens");
    try {
      const temporaryPath = `${this.path}.${process.pid}.tmp`;
      writeFileSync(temporaryPath, `${JSON.stringify({tokens: edit(this.list())}, null, 2)}\n`, {mode: 0o600});
      renameSync(temporaryPath, this.path);
    } finally {
      lock.release();
    }
  }
}

function parseTokens(text: string, path: string): readonly TokenRecord[] {
  try {
    return fileSchema.parse(JSON.parse(text)).tokens;
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: "it is no file of tokens"}, {cause: error});
  }
}
