/** Turns what zod says about a file into problems with places, and takes out what is wrong so that the rest can be checked on. */
import type {z} from "zod";
import type {Place, Problems} from "../errors.js";
import {findNearestDtype} from "./dtype.js";
import {findNearest} from "./nearest.js";
import type {Owner, SourceFile} from "./source-file.js";

type Issue = z.core.$ZodIssue;

export interface Checked<T> {
  /** What is left after pruning; undefined when nothing useful is. The objects in it are the file's own: their places are known. */
  readonly value: T | undefined;
  /** False when something was reported: what is missing then may only be missing because it was pruned. */
  readonly isIntact: boolean;
}

/** Checks a whole file against its schema; `what` names the file's root in messages, such as "the view". */
export function checkSchema<S extends z.ZodType>(file: SourceFile, schema: S, what: string, problems: Problems): Checked<z.infer<S>> {
  if (file.isBroken) return {value: undefined, isIntact: false};
  let result = schema.safeParse(file.value);
  const isIntact = result.success && file.isIntact;
  if (!result.success) for (const issue of flatten(result.error.issues)) report({file, what, problems}, issue);
  while (!result.success) {
    if (!prune(file, flatten(result.error.issues))) return {value: undefined, isIntact};
    result = schema.safeParse(file.value);
  }
  // The schemas transform nothing, so that the file's own value has the schema's type.
  return {value: file.value as z.infer<S>, isIntact};
}

/** An issue of a union is replaced by the issues of the alternative that was meant, where the value's shape shows it. */
function flatten(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    if (issue.code !== "invalid_union") return [issue];
    const meant = issue.errors.filter((errors) => errors.some((error) => error.path.length > 0 || error.code === "unrecognized_keys"));
    if (meant.length !== 1) return [issue];
    return flatten((meant[0] as Issue[]).map((error) => ({...error, path: [...issue.path, ...error.path]})));
  });
}

interface Context {
  readonly file: SourceFile;
  readonly what: string;
  readonly problems: Problems;
}

function report({file, what, problems}: Context, issue: Issue): void {
  const path = issue.path as (string | number)[];
  const value = valueAt(file.value, path);
  if (issue.code === "unrecognized_keys") {
    const allowed = issue.message.split(" ");
    for (const key of issue.keys) {
      problems.add("key-unknown", {key, nearest: findNearest(key, allowed), allowed}, file.keyPlace(value as object, key));
    }
    return;
  }
  const key = path.at(-1);
  if (key === undefined) {
    problems.add("value-wrong", {key: file.path, expected: issue.message, found: describeValue(value)}, file.start);
    return;
  }
  const ownerPath = path.slice(0, -1);
  const owner = valueAt(file.value, ownerPath) as Record<string, unknown>;
  if (value === undefined) {
    problems.add("key-missing", {key: String(key), what: ownerPath.length === 0 ? what : describeOwner(ownerPath)}, placeOfOwner(file, ownerPath));
    return;
  }
  const place = file.place(owner, key);
  const code: unknown = issue.code === "custom" ? issue.params?.["code"] : undefined;
  const isCredential = path.at(-2) === "credentials" && value !== null && typeof value !== "object";
  if (code === "credentials-literal" || isCredential) {
    problems.add("credentials-literal", {key: isCredential ? `credentials.${key}` : String(key)}, place);
  } else if (code === "dtype-unknown" && typeof value === "string") {
    const field = typeof owner["name"] === "string" ? owner["name"] : "";
    problems.add("dtype-unknown", {field, dtype: value, nearest: findNearestDtype(value)}, place);
  } else {
    const nearest = issue.code === "invalid_value" && typeof value === "string" ? findNearest(value, issue.values.map(String)) : undefined;
    problems.add("value-wrong", {key: describeKey(path), expected: issue.message, found: describeValue(value), nearest}, place);
  }
}

/** Removes what the issues blame; false when that is the whole file. */
function prune(file: SourceFile, issues: readonly Issue[]): boolean {
  const removals = new Map<Owner, Set<string | number>>();
  const remove = (owner: Owner, key: string | number): void => {
    removals.set(owner, (removals.get(owner) ?? new Set()).add(key));
  };
  for (const issue of issues) {
    let path = issue.path as (string | number)[];
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) remove(valueAt(file.value, path) as Owner, key);
      continue;
    }
    // What lacks a key it needs is of no use itself.
    if (valueAt(file.value, path) === undefined) path = path.slice(0, -1);
    const key = path.at(-1);
    if (key === undefined) return false;
    remove(valueAt(file.value, path.slice(0, -1)) as Owner, key);
  }
  for (const [owner, keys] of removals) file.remove(owner, keys);
  return true;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], root);
}

function placeOfOwner(file: SourceFile, path: readonly (string | number)[]): Place {
  const key = path.at(-1);
  return key === undefined ? file.start : file.place(valueAt(file.value, path.slice(0, -1)) as object, key);
}

function describeOwner(path: readonly (string | number)[]): string {
  const key = path.at(-1);
  return typeof key === "number" ? `an entry of "${path.at(-2) ?? ""}"` : `"${key ?? ""}"`;
}

/** `fields[2]`, `time.boundary`: the last keys are enough, the place says the rest. */
function describeKey(path: readonly (string | number)[]): string {
  const key = path.at(-1) ?? "";
  return typeof key === "number" ? `${path.at(-2) ?? ""}[${key}]` : key;
}

function describeKind(value: unknown): string {
  if (value === null || value === "") return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a mapping" : `a ${typeof value}`;
}

/** A value as an error message shows it. */
export function describeValue(value: unknown): string {
  if (typeof value === "string" && value !== "") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : describeKind(value);
}
