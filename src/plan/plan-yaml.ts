/** A plan as YAML text and back; also the hand-made file beside it that overrides engine tags. */
import {parseDocument, stringify} from "yaml";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError, type Problems} from "../errors.js";
import {findRefusal} from "./can-run-on.js";
import {digestPlan} from "./digest.js";
import {engineTags, planSchema, type EngineTag, type Plan} from "./operator.js";

const toSnake = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const toCamel = (key: string): string => key.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());

/** Names that users chose are values in a plan, never keys, so that keys can be translated blindly. */
function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renameKeys(item, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [rename(key), renameKeys(inner, rename)]),
  );
}

/** The plan as plain data with snake_case keys, as YAML, JSON and JSON-RPC show it. */
export function planToData(plan: Plan): Record<string, unknown> {
  // Parsing puts keys into the schema's order, so that a plan that is read back prints the same text.
  return {digest: digestPlan(plan), ...(renameKeys(planSchema.parse(plan), toSnake) as Record<string, unknown>)};
}

export function renderPlan(plan: Plan): string {
  return stringify(planToData(plan), {lineWidth: 120});
}

/**
 * @throws DaedalusError `yaml-broken` or `plan-broken` when the text is not a plan; `plan-digest` when it was edited by hand.
 */
export function parsePlan(text: string, file: string): Plan {
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) throw DaedalusError.of("plan-broken", {file, reason: broken.message.split("\n")[0] ?? ""});
  const {digest, ...rest} = renameKeys(document.toJS(), toCamel) as {digest?: unknown};
  const result = planSchema.safeParse(rest);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw DaedalusError.of("plan-broken", {file, reason: `${issue.path.join(".")}: ${issue.message}`});
  }
  const found = digestPlan(result.data);
  if (digest !== found) throw DaedalusError.of("plan-digest", {file, written: String(digest), found});
  return result.data;
}

/** Operator name -> engine tag, from `engines:` of the hand-made file. */
export function parseOverride(text: string, file: string): ReadonlyMap<string, string> {
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) throw DaedalusError.of("plan-broken", {file, reason: broken.message.split("\n")[0] ?? ""});
  const data: unknown = document.toJS() ?? {};
  const {engines = {}, ...others} = data as {engines?: unknown};
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw DaedalusError.of("plan-broken", {file, reason: `unknown key "${unknown}"; an override has the one key "engines"`});
  if (typeof engines !== "object" || engines === null) throw DaedalusError.of("plan-broken", {file, reason: '"engines" must be a map from operator to engine tag'});
  return new Map(Object.entries(engines).map(([name, tag]) => [name, String(tag)]));
}

/** The plan with the override's tags; a name or a tag that cannot be is a problem. */
export function applyOverride(plan: Plan, override: ReadonlyMap<string, string>, file: string, problems: Problems): Plan {
  const operators = new Map(plan.operators.map((operator) => [operator.name, operator]));
  for (const [name, written] of override) {
    const tag = written === "pythonic" ? "worker" : written;
    const operator = operators.get(name);
    const names = operator ? [...engineTags] : [...operators.keys()];
    if (!operator || !engineTags.includes(tag as EngineTag)) {
      const wanted = operator ? written : name;
      problems.add("override-unknown", {file, what: operator ? "an engine tag" : "an operator", name: wanted, nearest: findNearest(wanted, names), names});
      continue;
    }
    const reason = findRefusal(operator, tag as EngineTag);
    if (reason !== undefined) problems.add("engine-impossible", {file, operator: name, engine: tag, reason});
    operators.set(name, {...operator, engine: tag as EngineTag});
  }
  return {...plan, operators: [...operators.values()]};
}
