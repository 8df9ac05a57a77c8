/** Checks what a caller sent against a method's schema: every problem with the key that it is about, and the nearest one that exists. */
import type {z} from "zod";
import {describeValue} from "../definitions/check-schema.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError, ProblemsError} from "../errors.js";

/** The caller's parameters are wrong, and nothing was done. */
export class ParamsError extends ProblemsError {}

const problemsMax = 20;
const shownMax = 60;

/** Absent parameters are as good as none. @throws ParamsError */
export function checkParams(method: string, schema: z.ZodObject, params: unknown): Readonly<Record<string, unknown>> {
  const value = params ?? {};
  // An own `__proto__` is a key like any other, which zod would pass over in silence.
  if (hasPrototypeKey(value)) throw new ParamsError([unknownKey("__proto__", [])]);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ParamsError(result.error.issues.flatMap((issue) => describeIssue(method, value, issue)).slice(0, problemsMax));
}

function hasPrototypeKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "__proto__") || Object.values(value).some(hasPrototypeKey);
}

function describeIssue(method: string, params: unknown, issue: z.core.$ZodIssue): readonly DaedalusError[] {
  if (issue.code === "unrecognized_keys") return issue.keys.slice(0, problemsMax).map((key) => unknownKey(key, issue.message.split(" ").filter((name) => name !== "")));
  const key = issue.path.join(".");
  const value = issue.path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step], params);
  if (value === undefined && key !== "") return [DaedalusError.of("key-missing", {key, what: method})];
  const nearest = issue.code === "invalid_value" && typeof value === "string" ? findNearest(value.slice(0, shownMax), issue.values.map(String)) : undefined;
  return [DaedalusError.of("value-wrong", {key: key === "" ? "params" : key, expected: issue.message, found: describeValue(value), nearest})];
}

function unknownKey(name: string, allowed: readonly string[]): DaedalusError {
  const key = name.slice(0, shownMax);
  return DaedalusError.of("key-unknown", {key, nearest: findNearest(key, allowed), allowed});
}
