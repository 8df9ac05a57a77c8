import type {Scope} from "./scope.js";

/** Who calls, and what they may. */
export interface Principal {
  /** As records of runs and the log of calls name them. */
  readonly name: string;
  readonly scope: Scope;
  readonly via: "local" | "token" | "oidc";
}
