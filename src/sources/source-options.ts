/** `options` and `credentials` of a source: each kind takes its own. */
import type {View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {Owner, References} from "./environment.js";

interface Accepted {
  /** As a message says it. */
  readonly kind: string;
  readonly options: readonly string[];
  readonly credentials: readonly string[];
}

/** @throws DaedalusError `source-option` for what sources of this kind do not take */
export function rejectForeignOptions(view: View, {kind, options, credentials}: Accepted): void {
  const check = (key: "options" | "credentials", given: Iterable<string>, allowed: readonly string[]): void => {
    for (const name of given) {
      if (!allowed.includes(name)) throw DaedalusError.of("source-option", {view: view.name, key: `${key}.${name}`, kind, allowed}, {place: view.source.place});
    }
  };
  check("options", view.source.options.keys(), options);
  check("credentials", view.source.credentials.keys(), credentials);
}

export function getOption({options}: Pick<Owner, "options">, references: References, name: string): string | undefined {
  const text = options.get(name);
  return text === undefined ? undefined : references.resolve(text);
}

/** What a view of a lake or table asks for; empty: the newest. */
export const wantedSnapshot = ({options}: Pick<Owner, "options">): string => options.get("snapshot") ?? options.get("as_of") ?? "";

export function getCredential(owner: Owner, references: References, name: string): string | undefined {
  const text = owner.credentials.get(name);
  return text === undefined ? undefined : references.resolveSecret(text);
}
