/** From what a request carries to who sends it. */
import {DaedalusError} from "../../errors.js";
import type {VerifyJwt} from "./oidc.js";
import type {Principal} from "./principal.js";
import type {TokenStore} from "./token-store.js";

export interface AuthenticatorOptions {
  readonly tokens: TokenStore;
  readonly verifyJwt?: VerifyJwt | undefined;
  /** Who calls without showing anything; undefined: nobody may. */
  readonly anonymous?: Principal | undefined;
}

const headerMax = 8192;

export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** `header`: the value of `Authorization`. @throws DaedalusError `token-missing`, or `token-wrong` for whatever else is wrong with it */
  async identify(header: string | undefined): Promise<Principal> {
    const {tokens, verifyJwt, anonymous} = this.#options;
    if (header === undefined) {
      if (anonymous) return anonymous;
      throw DaedalusError.of("token-missing", {});
    }
    const token = header.length > headerMax ? undefined : /^Bearer ([\w.~+/=-]+)$/i.exec(header)?.[1];
    if (token === undefined) throw DaedalusError.of("token-wrong", {});
    const record = tokens.find(token);
    if (record) return {name: record.name, scope: record.scope, via: "token"};
    const found = token.split(".").length === 3 ? await verifyJwt?.(token) : undefined;
    if (!found) throw DaedalusError.of("token-wrong", {});
    return found;
  }
}
