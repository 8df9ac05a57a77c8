/**
 * What speaks for and against a value: the history rows of a row's keys, each with the rule that leaves it out, and the value
 * that follows when the rules are kept, or when one of them is broken on purpose to see which mistake gives a stored value.
 */
import {givesList, operationRules} from "../definitions/aggregation-operation.js";
import type {AggregationSpec, View} from "../definitions/model.js";
import {decayWeight} from "../engines/decay-weight.js";
import {quoteName} from "../sources/quote.js";
import {dayUs} from "./day.js";
import {renderKnown, type PreparedWindow, type Rederivation, type RowSet} from "./rederive.js";

/** Why a history row does not count. */
export type Rule =
  | "future"
  | "not_yet_available"
  | "no_timestamp"
  | "outside_window"
  | "condition"
  | "self"
  | "null_value"
  | "max_items"
  | "repeated"
  | "ttl"
  | "expired"
  | "newer_version"
  | "tie";

/** A history row beside one row; text stands for values, so that any type compares. */
export interface Evidence {
  readonly file: string | null;
  readonly fileRow: number | null;
  readonly atUs: number | null;
  /** When it became known; null: never. */
  readonly knownUs: number | null;
  /** Views: when it stopped being true; null: not yet. */
  readonly endUs: number | null;
  readonly value: string | null | readonly (string | null)[];
  /** What an aggregation computes with: the value as a DOUBLE, or where values are compared its rank among them; null elsewhere. */
  readonly size: number | null;
  readonly isKept: boolean;
  readonly isSelf: boolean;
  /** It is the row itself. */
  readonly isOwn: boolean;
}

/** Rules that are broken on purpose. */
export interface Breach {
  readonly countsOwn?: true;
  readonly countsInstant?: true;
  readonly ignoresKnown?: true;
  readonly ignoresCondition?: true;
  readonly ignoresSelf?: true;
  readonly ignoresTtl?: true;
  readonly ignoresEnd?: true;
  readonly isLatest?: true;
  readonly windowUs?: number;
}

export interface Derived {
  /** The value as text, to be compared with `renderStored` of another. */
  readonly value: string;
  /** For each history row why it does not count; undefined when it does. */
  readonly verdicts: readonly (Rule | undefined)[];
}

/** One text for a value, whatever its type; lists from their elements' texts. */
export function renderStored(value: unknown): string {
  return JSON.stringify(value ?? null);
}

const toNumber = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

function toEvidence(row: Record<string, unknown>): Evidence {
  return {
    file: row["file"] as string | null,
    fileRow: toNumber(row["file_row"]),
    atUs: toNumber(row["at_us"]),
    knownUs: toNumber(row["known_us"]),
    endUs: toNumber(row["end_us"]),
    value: row["value"] as Evidence["value"],
    size: toNumber(row["size"]),
    isKept: row["is_kept"] === true,
    isSelf: row["is_self"] === true,
    isOwn: row["is_own"] === true,
  };
}

const finite = (sql: string): string => `CASE WHEN isfinite(${sql}) THEN epoch_us(${sql}) END`;

async function readById(derivation: Rederivation, query: string): Promise<Map<number, Evidence[]>> {
  const found = new Map<number, Evidence[]>();
  for (const row of await derivation.session.rows(query)) {
    const id = Number(row["id"]);
    const list = found.get(id) ?? [];
    found.set(id, list);
    list.push(toEvidence(row));
  }
  return found;
}

/** Rows that are alike in all that is known of the row itself: one of them stands for it. */
function keepOneOwn(evidence: readonly Evidence[]): Evidence[] {
  const own = evidence.findIndex((row) => row.isOwn);
  return evidence.map((row, index) => (row.isOwn && index !== own ? {...row, isOwn: false} : row));
}

/** By `__id` of the rows, in the order in which a list is written. */
export async function readWindowEvidence(derivation: Rederivation, window: PreparedWindow, ids: readonly number[]): Promise<Map<number, Evidence[]>> {
  const {spec} = window;
  const type = spec.operation === "flatten_distinct" ? "VARCHAR[]" : "VARCHAR";
  const value = spec.valueColumn === undefined ? "''" : `CAST(hist.${quoteName(spec.valueColumn)} AS ${type})`;
  const {takes} = operationRules[spec.operation];
  const isCompared = spec.operation === "min" || spec.operation === "max";
  const size = spec.valueColumn === undefined ? "NULL" : isCompared ? `dense_rank() OVER (ORDER BY hist.${quoteName(spec.valueColumn)} NULLS FIRST)` : takes === "number" ? `CAST(hist.${quoteName(spec.valueColumn)} AS DOUBLE)` : "NULL";
  const found = await readById(
    derivation,
    `SELECT cur.__id AS id, hist.__file AS file, hist.__file_row AS file_row, epoch_us(hist.__at) AS at_us, ${finite(window.known)} AS known_us, ${value} AS value, ${size} AS size,
      ${window.condition} AS is_kept, ${window.isSelf} AS is_self, ${window.isOwn} AS is_own
    FROM ${window.rows} AS cur JOIN ${window.history} AS hist ON ${window.keys}
    WHERE cur.__id IN (${ids.join(", ")}) ORDER BY cur.__id, ${window.order.join(", ")}, hist.__file, hist.__file_row`,
  );
  return new Map([...found].map(([id, evidence]) => [id, keepOneOwn(evidence)]));
}

/** By `__id` of the rows: every version of the view, the one that counts first among those that may. */
export async function readVersionEvidence(derivation: Rederivation, rows: RowSet, owner: View, field: string, ids: readonly number[]): Promise<Map<number, Evidence[]>> {
  const {from, order} = await derivation.renderAllVersions(rows, owner, [field]);
  const isTimed = owner.time.join !== "static";
  const time = isTimed ? finite(`v.${quoteName(owner.timestampColumn!)}`) : "NULL";
  return readById(
    derivation,
    `SELECT l.__id AS id, v.__file AS file, v.__file_row AS file_row, ${time} AS at_us, ${isTimed ? finite(renderKnown(owner, "v")) : "NULL"} AS known_us,
      ${owner.time.validTo === undefined || !isTimed ? "NULL" : finite(`v.${quoteName(owner.time.validTo)}`)} AS end_us, CAST(v.${quoteName(field)} AS VARCHAR) AS value, NULL AS size, true AS is_kept, false AS is_self, false AS is_own
    FROM ${from} WHERE l.__id IN (${ids.join(", ")}) ORDER BY ${["l.__id", ...order, "v.__file", "v.__file_row"].join(", ")}`,
  );
}

interface WindowRules {
  readonly spec: AggregationSpec;
  readonly atUs: number;
  /** Days before the row's own at which `lookback_days` cuts; undefined: nowhere. */
  readonly lookbackDays: number | undefined;
}

function judgeWindow(row: Evidence, {spec, atUs, lookbackDays}: WindowRules, breach: Breach): Rule | undefined {
  const isCounted = row.isOwn && (spec.includeCurrent || breach.countsOwn === true);
  if (!isCounted) {
    if (row.atUs === null) return "no_timestamp";
    if (breach.countsInstant ? row.atUs > atUs : row.atUs >= atUs) return "future";
    const isUnknown = row.knownUs === null || (breach.countsInstant ? row.knownUs > atUs : row.knownUs >= atUs);
    if (!breach.ignoresKnown && isUnknown) return "not_yet_available";
    const windowUs = breach.windowUs ?? spec.windowUs;
    if (windowUs !== undefined && row.atUs < atUs - windowUs) return "outside_window";
    const isCut = lookbackDays !== undefined && row.atUs < Math.floor(atUs / dayUs) * dayUs - lookbackDays * dayUs;
    if (isCut && breach.windowUs === undefined) return "outside_window";
  }
  if (!breach.ignoresCondition && !row.isKept) return "condition";
  if (!breach.ignoresSelf && row.isSelf) return "self";
  return undefined;
}

/** From rows whose value counts, oldest first. Numbers as `renderNumber` writes them. */
function computeValue({operation, halfLifeUs, maxItems}: AggregationSpec, rows: readonly Evidence[], atUs: number): string | null | readonly string[] {
  const texts = rows.map((row) => row.value as string);
  const last = (values: readonly string[]): string[] => values.filter((value, position) => !values.includes(value, position + 1));
  const add = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);
  const mean = (numbers: readonly number[]): number => add(numbers) / numbers.length;
  const sizes = rows.map((row) => row.size ?? 1);
  switch (operation) {
    case "count":
      return String(rows.length);
    case "count_distinct":
      return String(new Set(texts).size);
    case "sum":
      // Whole numbers are exact; only they look like that.
      return texts.every((text) => /^-?\d+$/.test(text)) ? String(texts.reduce((sum, text) => sum + BigInt(text), 0n)) : String(add(sizes));
    case "mean":
      return rows.length === 0 ? null : String(mean(sizes));
    case "stddev":
      return rows.length < 2 ? null : String(Math.sqrt(add(sizes.map((size) => (size - mean(sizes)) * (size - mean(sizes)))) / (rows.length - 1)));
    case "decay_sum":
      return String(add(rows.map((row, index) => sizes[index]! * decayWeight(atUs - row.atUs!, halfLifeUs!))));
    case "min":
      return texts[sizes.indexOf(Math.min(...sizes))] ?? null;
    case "max":
      return texts[sizes.indexOf(Math.max(...sizes))] ?? null;
    case "first":
      return texts[0] ?? null;
    case "last":
      return texts.at(-1) ?? null;
    case "time_since_last":
      return rows.length === 0 ? null : String((atUs - rows.at(-1)!.atUs!) / 1e6);
    default: {
      const frequency = (text: string): number => texts.filter((other) => other === text).length;
      return last(texts).reverse().sort((a, b) => frequency(b) - frequency(a)).slice(0, maxItems);
    }
  }
}

/** A stored result as `deriveWindow` writes it: DuckDB writes 3.0 and 1e+20 where JavaScript writes 3 and 100000000000000000000. */
export function renderStoredResult({operation}: AggregationSpec, stored: unknown): string {
  const isNumber = operationRules[operation].gives === "DOUBLE" || (operation === "sum" && !/^-?\d+$/.test(String(stored)));
  return renderStored(isNumber && typeof stored === "string" ? String(Number(stored)) : stored);
}

export function deriveWindow(evidence: readonly Evidence[], rules: WindowRules, breach: Breach = {}): Derived {
  const {spec} = rules;
  const verdicts = evidence.map((row) => judgeWindow(row, rules, breach));
  const counted = [...evidence.keys()].filter((index) => verdicts[index] === undefined);
  // The row itself stands last, after others of its instant.
  if (spec.includeCurrent || breach.countsOwn) counted.sort((a, b) => Number(evidence[a]!.isOwn) - Number(evidence[b]!.isOwn) || a - b);
  const hasValue = (index: number): boolean => spec.valueColumn === undefined || evidence[index]!.value !== null;
  for (const index of counted) if (!hasValue(index)) verdicts[index] = "null_value";
  const valued = counted.filter(hasValue);
  if (spec.operation === "list") {
    const kept = spec.maxItems === undefined ? valued : valued.slice(-spec.maxItems);
    for (const index of valued) if (!kept.includes(index)) verdicts[index] = "max_items";
    return {value: renderStored(kept.map((index) => evidence[index]!.value)), verdicts};
  }
  if (!givesList(spec.operation) || spec.operation === "top_k") {
    return {value: renderStored(computeValue(spec, valued.map((index) => evidence[index]!), rules.atUs)), verdicts};
  }
  const items = valued.flatMap((index) => [evidence[index]!.value].flat().flatMap((item) => (item === null ? [] : [{index, item}])));
  const last = items.filter(({item}, position) => !items.slice(position + 1).some((later) => later.item === item));
  const kept = spec.maxItems === undefined ? last : last.slice(-spec.maxItems);
  for (const index of valued) {
    if (kept.some((entry) => entry.index === index)) continue;
    verdicts[index] = last.some((entry) => entry.index === index) ? "max_items" : "repeated";
  }
  return {value: renderStored(kept.map(({item}) => item)), verdicts};
}

function judgeVersion(row: Evidence, view: View, atUs: number, breach: Breach): Rule | undefined {
  const {time, ttlUs} = view;
  if (time.join !== "pit" || breach.isLatest) return undefined;
  const isInclusive = time.boundary === "inclusive" || breach.countsInstant === true;
  const isPast = (us: number): boolean => (isInclusive ? us <= atUs : us < atUs);
  if (row.atUs === null) return "no_timestamp";
  if (row.knownUs === null) return "not_yet_available";
  const knownUs = breach.ignoresKnown ? row.atUs : row.knownUs;
  if (!isPast(knownUs)) return row.atUs >= atUs ? "future" : "not_yet_available";
  if (!breach.ignoresTtl && ttlUs !== undefined && row.atUs < atUs - ttlUs) return "ttl";
  return undefined;
}

/** The first version that may count, in the order of the evidence; once its range is over there is none, not an older one. */
export function deriveVersion(evidence: readonly Evidence[], rules: {readonly view: View; readonly atUs: number}, breach: Breach = {}): Derived {
  const {view, atUs} = rules;
  const verdicts = evidence.map((row) => judgeVersion(row, view, atUs, breach));
  const winner = verdicts.indexOf(undefined);
  const best = evidence[winner];
  if (!best) return {value: renderStored(null), verdicts};
  const isEnded = best.endUs !== null && (view.time.boundary === "strict" ? atUs > best.endUs : atUs >= best.endUs);
  const isOver = isEnded && view.time.join === "pit" && !breach.isLatest && !breach.ignoresEnd;
  const verdict = (row: Evidence, index: number): Rule | undefined => {
    if (index === winner) return isOver ? "expired" : undefined;
    return verdicts[index] ?? (row.atUs === best.atUs ? "tie" : "newer_version");
  };
  return {value: renderStored(isOver ? null : best.value), verdicts: evidence.map(verdict)};
}
