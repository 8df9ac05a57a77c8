/** Callers who come with a JWT of an identity provider. */
import {readFileSync} from "node:fs";
import type {JSONWebKeySet} from "jose";
import {DaedalusError} from "../../errors.js";
import {scopes} from "./scope.js";
import type {Principal} from "./principal.js";

export interface OidcOptions {
  readonly issuer: string;
  readonly audience: string;
  /** The provider's public keys: a JWKS file, or its address. */
  readonly jwks: string;
}

/** Undefined for a token that is not good, whatever the reason. */
export type VerifyJwt = (token: string) => Promise<Principal | undefined>;

/** Signatures by a shared secret and `none` are not among them. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const clockToleranceSeconds = 30;
/** Codes of `jose` that say nothing of the token: the address was silent, answered with another status or no JSON, or with no set of keys. */
const ofProvider = ["ERR_JWKS_TIMEOUT", "ERR_JOSE_GENERIC", "ERR_JWKS_INVALID"];

/** @throws DaedalusError when the keys' file cannot be used */
export async function createVerifier({issuer, audience, jwks}: OidcOptions): Promise<VerifyJwt> {
  const {createLocalJWKSet, createRemoteJWKSet, jwtVerify, errors} = await import("jose");
  const keys = /^https?:\/\//.test(jwks) ? createRemoteJWKSet(new URL(jwks), {timeoutDuration: 5000}) : createLocalJWKSet(readJwks(jwks));
  return async (token) => {
    try {
      const {payload} = await jwtVerify(token, keys, {issuer, audience, algorithms, clockTolerance: clockToleranceSeconds, requiredClaims: ["sub", "exp"]});
      const granted = grantedScope(payload["scope"]);
      return granted && {name: String(payload.sub), scope: granted, via: "oidc"};
    } catch (error) {
      if (error instanceof errors.JOSEError && !ofProvider.includes(error.code)) return undefined;
      throw DaedalusError.of("keys-unreachable", {jwks, reason: error instanceof Error ? error.message : String(error)}, {cause: error});
    }
  };
}

/** The strongest of `daedalus:read`, `daedalus:run` and `daedalus:admin` in the claim, a text of words. */
function grantedScope(claim: unknown): Principal["scope"] | undefined {
  const words = typeof claim === "string" ? claim.split(" ") : [];
  return scopes.findLast((scope) => words.includes(`daedalus:${scope}`));
}

function readJwks(path: string): JSONWebKeySet {
  try {
    const jwks = JSON.parse(readFileSync(path, "utf8")) as JSONWebKeySet;
    if (Array.isArray(jwks.keys)) return jwks;
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: error instanceof Error ? error.message : String(error)}, {cause: error});
  }
  throw DaedalusError.of("file-unreadable", {path, reason: "it is no JWKS: it has no list \"keys\""});
}
