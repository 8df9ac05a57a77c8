/** `${NAME}` in paths and credentials, resolved at run time and never printed. */
import type {View} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws DaedalusError `environment-missing` naming the variable and the view that needs it. */
export function resolveEnvironment(text: string, view: View, environment: Environment): string {
  return text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_match, name: string) => {
    const value = environment[name];
    if (value === undefined) throw DaedalusError.of("environment-missing", {variable: name, view: view.name}, {place: view.source.place});
    return value;
  });
}
