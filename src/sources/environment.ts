/** `${NAME}` and `${file:/path}` in paths and credentials, resolved at run time and never printed. */
import {readFileSync} from "node:fs";
import type {View} from "../definitions/model.js";
import {DaedalusError, type Place} from "../errors.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Who names a place, and what it takes to get there. */
export interface Owner {
  /** As messages say it: `view "prices"`. */
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  readonly credentials: ReadonlyMap<string, string>;
  readonly place: Place | undefined;
}

export const ownerOf = ({name, source: {options, credentials, place}}: View): Owner => ({name: `view "${name}"`, options, credentials, place});

/** Fills in the references of one owner, and remembers which of what it filled in nobody may see. */
export class References {
  private readonly known = new Set<string>();

  constructor(
    private readonly owner: Owner,
    private readonly environment: Environment,
  ) {}

  /** Values that must not be shown. */
  get secrets(): readonly string[] {
    return [...this.known];
  }

  /** @throws DaedalusError `environment-missing` or `secret-file-unreadable`, naming who needs it */
  resolve(text: string): string {
    return text.replaceAll(/\$\{(?:file:([^}]+)|([A-Za-z_][A-Za-z0-9_]*))\}/g, (_match, file: string | undefined, name: string | undefined) =>
      file === undefined ? this.readVariable(name!) : this.readFile(file),
    );
  }

  resolveSecret(text: string): string {
    const value = this.resolve(text);
    // DuckDB and servers may repeat a value as a URL has it, or as a SQL literal.
    for (const form of [value, encodeURIComponent(value), value.replaceAll("'", "''")]) this.hide(form);
    return value;
  }

  /** Another form of a secret, as a server may repeat it. */
  hide(value: string): void {
    if (value !== "") this.known.add(value);
  }

  private readVariable(name: string): string {
    const value = this.environment[name];
    if (value !== undefined) return value;
    throw DaedalusError.of("environment-missing", {variable: name, owner: this.owner.name}, {place: this.owner.place});
  }

  /** What mounts secrets ends them with a line break, which belongs to none. */
  private readFile(path: string): string {
    try {
      const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
      this.hide(value);
      return value;
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      throw DaedalusError.of("secret-file-unreadable", {path, owner: this.owner.name, reason}, {place: this.owner.place, cause: error});
    }
  }
}
