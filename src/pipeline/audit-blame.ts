/**
 * Which mistake made a wrong value. Each rule is broken in turn to see which breach gives what is stored; the breaches that
 * explain the most rows of a column are believed first, and where a leak and a harmless mistake explain as many, the leak is.
 */
import {operationRules} from "../definitions/aggregation-operation.js";
import type {AggregationSpec, View} from "../definitions/model.js";
import {deriveVersion, deriveWindow, renderStored, renderStoredResult, type Breach, type Evidence} from "./evidence.js";

interface Hypothesis {
  readonly text: string;
  readonly usesFuture: boolean;
  gives(stored: string): boolean;
}

/** One wrong row, with what is needed to judge it. */
export interface Suspect {
  readonly stored: unknown;
  readonly evidence: readonly Evidence[];
  readonly atUs: number;
}

/** What probably happened to one row. */
export interface Verdict {
  readonly text: string;
  readonly usesFuture: boolean;
  /** How long after the row's instant the earliest row that explains the value became known; undefined without the future. */
  readonly leadUs: number | undefined;
}

export type BlameRules =
  | {readonly kind: "window"; readonly spec: AggregationSpec; readonly lookbackDays: number | undefined; readonly isLate: boolean}
  | {readonly kind: "version"; readonly view: View};

const unexplained = "no single mistake explains it";
const laterEvents = "events at or after the row's instant were used";

/** How many window lengths are tried for one row. */
const windowTriesMax = 300;

function windowHypotheses({evidence, atUs}: Suspect, {spec, lookbackDays, isLate}: Extract<BlameRules, {kind: "window"}>): Hypothesis[] {
  const give = (breach: Breach) => (stored: string) => deriveWindow(evidence, {spec, atUs, lookbackDays}, breach).value === stored;
  const future: [string, Breach][] = [
    ...(spec.includeCurrent ? [] : [["the row itself was counted", {countsOwn: true}] as [string, Breach]]),
    ["events at the row's own instant were counted", {countsInstant: true}],
    ...(isLate
      ? ([
          ["the time at which events became known was ignored", {ignoresKnown: true}],
          ["the time at which events became known was ignored, and events at the row's own instant were counted", {ignoresKnown: true, countsInstant: true}],
        ] as [string, Breach][])
      : []),
  ];
  const past: [string, Breach][] = [
    ...(spec.condition === undefined ? [] : [["the condition was ignored", {ignoresCondition: true}] as [string, Breach]]),
    ...(spec.excludeSelf === false ? [] : [["exclude_self was ignored", {ignoresSelf: true}] as [string, Breach]]),
  ];
  const older = (stored: string): boolean => {
    if (spec.windowUs === undefined) return false;
    const {windowUs} = spec;
    const ages = [...new Set(evidence.flatMap((row) => (row.atUs !== null && atUs - row.atUs > windowUs ? [atUs - row.atUs] : [])))].sort((a, b) => a - b);
    return ages.slice(0, windowTriesMax).some((age) => give({windowUs: age})(stored));
  };
  return [
    ...future.map(([text, breach]) => ({text, usesFuture: true, gives: give(breach)})),
    ...past.map(([text, breach]) => ({text, usesFuture: false, gives: give(breach)})),
    {text: "events from before the window were counted", usesFuture: false, gives: older},
  ];
}

function versionHypotheses({evidence, atUs}: Suspect, {view}: Extract<BlameRules, {kind: "version"}>): Hypothesis[] {
  const give = (breach: Breach) => (stored: string) => deriveVersion(evidence, {view, atUs}, breach).value === stored;
  const isLate = view.time.availableAt !== undefined || view.time.embargoUs > 0;
  return [
    {text: "a version of the row's own instant was used", usesFuture: true, gives: give({countsInstant: true})},
    ...(isLate ? [{text: "the time at which versions became known was ignored", usesFuture: true, gives: give({ignoresKnown: true})}] : []),
    {text: "the newest version of all was used", usesFuture: true, gives: give({isLatest: true})},
    ...(view.ttlUs === undefined ? [] : [{text: "the ttl was ignored", usesFuture: false, gives: give({ignoresTtl: true})}]),
    ...(view.time.validTo === undefined ? [] : [{text: "the end of the version's range was ignored", usesFuture: false, gives: give({ignoresEnd: true})}]),
    {text: "an older version was used", usesFuture: false, gives: (stored: string) => evidence.some((row) => isBefore(row, atUs) && renderStored(row.value) === stored)},
  ];
}

const isBefore = (row: Evidence, atUs: number): boolean => row.atUs !== null && row.atUs < atUs && row.knownUs !== null && row.knownUs < atUs;

/** Whether the row's own rules allow it to be seen, windows and conditions aside. */
function isPast(row: Evidence, atUs: number, rules: BlameRules): boolean {
  if (rules.kind === "window") return isBefore(row, atUs) || (rules.spec.includeCurrent && row.isOwn);
  return isBefore(row, rules.view.time.boundary === "inclusive" ? atUs + 1 : atUs);
}

const leadOf = (row: Evidence, atUs: number): number => Math.max(row.atUs ?? atUs, row.knownUs ?? row.atUs ?? atUs) - atUs;

type Items = readonly string[];

const itemsOf = (value: Evidence["value"]): Items => (value === null ? [] : typeof value === "string" ? [value] : value.filter((item) => item !== null));

/**
 * What of the stored items is more than `known` rows account for, and how long after the row's instant the earliest future row
 * with it became known; undefined when no future row has any of it.
 */
function findFutureLead(items: Items, known: readonly Evidence[], future: readonly Evidence[], atUs: number): number | undefined {
  const left = new Map<string, number>();
  for (const item of known.flatMap((row) => itemsOf(row.value))) left.set(item, (left.get(item) ?? 0) + 1);
  const excess = new Map<string, number>();
  for (const item of items) {
    const count = left.get(item) ?? 0;
    if (count > 0) left.set(item, count - 1);
    else excess.set(item, (excess.get(item) ?? 0) + 1);
  }
  const leads = [...excess].flatMap(([item, count]) => {
    const found = future.filter((row) => itemsOf(row.value).includes(item)).map((row) => leadOf(row, atUs)).sort((a, b) => a - b);
    return found.length === 0 ? [] : [found[Math.min(count, found.length) - 1]!];
  });
  return leads.length === 0 ? undefined : Math.max(...leads);
}

/** Whether the items can be had from the rows by leaving some out: a list keeps the order of its history. */
function isSubsequence(items: Items, rows: readonly Evidence[]): boolean {
  let position = 0;
  for (const item of rows.flatMap((row) => itemsOf(row.value))) if (item === items[position]) position += 1;
  return position >= items.length;
}

interface FutureUse {
  /** No row of the past can account for the value. */
  readonly isCertain: boolean;
  readonly leadUs: number | undefined;
}

function judgeFuture({stored, evidence, atUs}: Suspect, rules: BlameRules): FutureUse {
  const past = evidence.filter((row) => isPast(row, atUs, rules));
  const future = evidence.filter((row) => !isPast(row, atUs, rules));
  const earliest = future.length === 0 ? undefined : Math.min(...future.map((row) => leadOf(row, atUs)));
  if (stored === null || stored === undefined) return {isCertain: false, leadUs: earliest};
  if (rules.kind === "window" && rules.spec.operation === "count") {
    const kept = future.filter((row) => row.isKept).map((row) => leadOf(row, atUs)).sort((a, b) => a - b);
    const count = Number(stored);
    const allowed = Number(JSON.parse(deriveWindow(evidence, {...rules, atUs}).value) as string);
    const isCertain = count > past.filter((row) => row.isKept).length && count <= past.length + future.length;
    return {isCertain, leadUs: kept[Math.min(count - allowed, kept.length) - 1] ?? earliest};
  }
  // A number that was computed is none of the values that it was computed from.
  if (rules.kind === "window" && ["BIGINT", "DOUBLE", "sum"].includes(operationRules[rules.spec.operation].gives)) return {isCertain: false, leadUs: earliest};
  const items = itemsOf(stored as Evidence["value"]);
  const certain = findFutureLead(items, past, future, atUs);
  if (certain !== undefined || rules.kind === "version") return {isCertain: certain !== undefined, leadUs: certain ?? findFutureLead(items, [], future, atUs)};
  const {verdicts} = deriveWindow(evidence, {...rules, atUs});
  const allowed = evidence.filter((_row, index) => verdicts[index] === undefined || verdicts[index] === "max_items");
  // Values that repeat may occur in the past, but not in this order.
  const isOutOfOrder = rules.spec.operation === "list" && !isSubsequence(items, past) && isSubsequence(items, evidence);
  return {isCertain: isOutOfOrder, leadUs: findFutureLead(items, allowed, future, atUs) ?? earliest};
}

/** Says of each wrong row of one column what probably happened, and whether the future had a part in it. */
export function blame(suspects: readonly Suspect[], rules: BlameRules): readonly Verdict[] {
  const judged = suspects.map((suspect) => {
    const stored = rules.kind === "window" ? renderStoredResult(rules.spec, suspect.stored) : renderStored(suspect.stored);
    const hypotheses = rules.kind === "window" ? windowHypotheses(suspect, rules) : versionHypotheses(suspect, rules);
    return {matching: hypotheses.filter((hypothesis) => hypothesis.gives(stored)), future: judgeFuture(suspect, rules)};
  });
  const chosen = new Map<number, Hypothesis>();
  for (;;) {
    const counts = new Map<string, {readonly hypothesis: Hypothesis; readonly rows: number}>();
    const open = [...judged.entries()].filter(([index]) => !chosen.has(index));
    for (const [, {matching}] of open) {
      for (const hypothesis of matching) counts.set(hypothesis.text, {hypothesis, rows: (counts.get(hypothesis.text)?.rows ?? 0) + 1});
    }
    const [best] = [...counts.values()].sort((a, b) => b.rows - a.rows || Number(b.hypothesis.usesFuture) - Number(a.hypothesis.usesFuture));
    if (!best) break;
    for (const [index, {matching}] of open) if (matching.some(({text}) => text === best.hypothesis.text)) chosen.set(index, best.hypothesis);
  }
  return judged.map(({future}, index) => {
    const hypothesis = chosen.get(index);
    const usesFuture = future.isCertain || hypothesis?.usesFuture === true;
    return {text: hypothesis?.text ?? (usesFuture ? laterEvents : unexplained), usesFuture, leadUs: usesFuture ? future.leadUs : undefined};
  });
}
