/** A digest of what a plan says about rows: formatting, key order and the choice of engine change nothing. */
import {createHash} from "node:crypto";
import type {Plan} from "./operator.js";

/** JSON with sorted keys and without undefined values, so that equal data gives equal text. */
function renderCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

export function digestOf(value: unknown): string {
  return createHash("sha256").update(renderCanonicalJson(value)).digest("hex").slice(0, 32);
}

/** Same digest, same rows from the same sources. Engine tags are left out: every engine gives the same rows. */
export function digestPlan(plan: Plan): string {
  return digestOf({...plan, operators: plan.operators.map(({engine: _engine, ...rest}) => rest)});
}
