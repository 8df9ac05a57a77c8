/** What every translation from a file into the model needs at hand. */
import type {Place, Problems} from "../errors.js";
import {describeValue} from "./check-schema.js";
import {findNearest} from "./nearest.js";
import type {Reference} from "./references.js";
import type {SourceFile} from "./source-file.js";

export interface Context {
  readonly file: SourceFile;
  /** False when the file has problems already: what is absent may only have been refused. */
  readonly isIntact: boolean;
  readonly problems: Problems;
  /** Left here to be looked up once every file is read. */
  readonly references: Reference[];
  readonly constants: Constants;
}

export interface Constants {
  readonly values: ReadonlyMap<string, number>;
  /** False when base.yaml has problems: a constant that is not there may only be unreadable. */
  readonly isIntact: boolean;
}

/** The number at a key: written out, or the constant of that name. `isWhole` also holds for the constant. */
export function resolveNumber(
  {file, problems, constants}: Context,
  at: {readonly owner: object; readonly key: string; readonly value: number | string; readonly isWhole: boolean},
): number {
  const {owner, key, value, isWhole} = at;
  if (typeof value === "number") return value;
  const constant = constants.values.get(value);
  if (constant === undefined) {
    if (constants.isIntact) {
      const names = [...constants.values.keys()];
      const hint = names.length === 0 ? "config/base.yaml declares none" : `the constants of config/base.yaml are ${names.join(", ")}`;
      problems.add("reference-unknown", {what: "constant", name: value, nearest: findNearest(value, names), hint}, file.place(owner, key));
    }
    return Number.NaN;
  }
  if (constant <= 0 || (isWhole && !Number.isSafeInteger(constant))) {
    const expected = isWhole ? "a whole number above 0" : "a number above 0";
    problems.add("value-wrong", {key, expected, found: `${describeValue(constant)}, the value of ${value}`}, file.place(owner, key));
  }
  return constant;
}

/** Names of which each may be declared once. */
export class Names {
  readonly #places = new Map<string, Place>();

  constructor(readonly problems: Problems) {}

  /** True when the name is new; else it is reported. */
  add(what: string, name: string, place: Place): boolean {
    const first = this.#places.get(name);
    if (first) {
      this.problems.add("name-duplicate", {what, name, first: `${first.file}:${first.line}:${first.column}`}, place);
      return false;
    }
    this.#places.set(name, place);
    return true;
  }

  /** Reports the names of a list that stand in it twice. */
  static checkList(context: Context, what: string, list: readonly string[]): void {
    const names = new Names(context.problems);
    list.forEach((name, index) => names.add(what, name, context.file.place(list, index)));
  }
}
