/**
 * Random definitions, and random rows for them. Instants are few and lie a window apart, keys are few and sometimes NULL, so that
 * borders and ties are the rule. Histories of a batch share no key: one run computes them all and none sees another.
 */
import {mkdirSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {aggregationOperations, operationRules, type AggregationOperation} from "../../src/definitions/aggregation-operation.js";
import {duckdbType, type Dtype, type ScalarName} from "../../src/definitions/dtype.js";
import type {Project} from "../../src/definitions/model.js";
import {renderInstant, type Scalar, type Value} from "../../src/definitions/value.js";
import type {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {compileCasePlan, type CaseInputs, type InputColumn} from "../../src/pipeline/case-rows.js";
import {quoteText} from "../../src/sources/quote.js";
import {makeProject, type Definitions} from "./conformance-file.js";
import {below, pick, type Random} from "./seeded-random.js";

export const day = "2026-03-02";
const dayStartUs = Date.parse(`${day}T00:00:00Z`) * 1000;
const hourUs = 3_600_000_000;

const chance = (random: Random, probability: number): boolean => random() < probability;

type Spec = Record<string, unknown>;

function randomSpec(random: Random, name: string): Spec {
  const limits = {
    window_days: pick<number | null>(random, [1 / 24, 2 / 24, 5 / 24, 1, null]),
    ...(chance(random, 0.5) ? {max_items: pick(random, [1, 2, 3, 5])} : {}),
  };
  const kind = random();
  if (kind < 0.12) {
    return {name, history: "price", group_by: ["item_id"], value_column: "amount", operation: pick(random, ["list", "count"]), ...limits, ...(chance(random, 0.4) ? {condition: "hist.amount > 2"} : {})};
  }
  if (kind < 0.24) {
    return {name, history: "work", group_by: {user_id: "author_id"}, value_column: "item_id", operation: pick(random, ["list", "count"]), ...limits};
  }
  const operation = pick(random, chance(random, 0.6) ? ["list", "list", "count", "flatten_distinct"] : aggregationOperations);
  const isSum = operationRules[operation as AggregationOperation].takes === "number";
  const value = operation === "flatten_distinct" ? "tags" : isSum ? pick(random, ["score", "amount", "seq"]) : pick(random, ["item_id", "item_id", "score", "event", "author_id", "amount", "seq"]);
  const isSelf = random();
  return {
    name,
    group_by: pick(random, [["user_id"], ["user_id"], ["item_id"], ["user_id", "session"], ["session"]]),
    ...(operation === "count" && chance(random, 0.5) ? {} : {value_column: value}),
    operation,
    ...limits,
    ...(operation === "top_k" ? {max_items: 2} : {}),
    ...(operation === "decay_sum" ? {half_life: "2h"} : {}),
    ...(chance(random, 0.5) ? {condition: pick(random, conditions)} : {}),
    ...(isSelf < 0.2 ? {include_current: true} : isSelf < 0.5 ? {exclude_self: pick(random, ["item_id", "event", "author_id"])} : isSelf < 0.65 && operation !== "count" && operation !== "decay_sum" ? {exclude_self: true} : {}),
  };
}

const conditions = [
  "hist.event = 'like'",
  "hist.event <> cur.event",
  "hist.session = cur.session",
  "hist.score >= 0.5",
  "hist.amount > cur.amount",
  "cur.event = 'like' OR hist.item_id = cur.item_id",
  "hist.rating IS NULL AND hist.event IN ('like', 'view')",
];

const tieBreaks = [[], ["version"], ["version desc"]];

function randomTime(random: Random): Record<string, unknown> {
  return {
    tie_break: pick(random, tieBreaks),
    ...(chance(random, 0.3) ? {boundary: "inclusive"} : {}),
    ...(chance(random, 0.35) ? {available_at: "known_at"} : {}),
    ...(chance(random, 0.25) ? {embargo: pick(random, ["1h", "2h"])} : {}),
  };
}

export interface RandomDefinitions {
  readonly definitions: Definitions;
  readonly project: Project;
}

const contract = ["user_id", "item_id", "at", "seq", "event", "amount", "author_id", "rating"];

/** @param looksAhead whether rows of the day may depend on later ones, as sessions and the newest row of a view do. */
export function randomDefinitions(random: Random, looksAhead: boolean): RandomDefinitions {
  const view = (name: string, entity: string, field: string, dtype: string): Record<string, unknown> => ({
    name,
    entity,
    source: {timestamp_field: `${name}_at`},
    ...(chance(random, 0.4) ? {ttl: pick(random, ["1h", "3h", "1d"])} : {}),
    time: {...randomTime(random), ...(looksAhead && chance(random, 0.1) ? {join: "latest"} : {})},
    fields: [{name: field, dtype}],
  });
  const specs = Array.from({length: 4}, (_, index) => randomSpec(random, `w${index + 1}`));
  const definitions: Definitions = {
    views: [
      {
        name: "feed",
        entity: ["user", "item"],
        source: {timestamp_field: "at"},
        time: {tie_break: chance(random, 0.4) ? ["seq"] : []},
        fields: [
          {name: "seq", dtype: "BIGINT"},
          {name: "event", dtype: "TEXT"},
          {name: "session", dtype: "TEXT"},
          {name: "score", dtype: "DOUBLE"},
          {name: "tags", dtype: "BIGINT[]"},
        ],
      },
      view("price", "item", "amount", "BIGINT"),
      view("work", "item", "author_id", "BIGINT"),
      view("author", "author", "rating", "DOUBLE"),
    ],
    service: {
      spine: {
        view: "feed",
        item_key: "item_id",
        ...(chance(random, 0.6) || looksAhead ? {events: {column: "event", keep: ["view", "like", "open"]}} : {}),
        ...(chance(random, 0.15) ? {lookback_days: 1 / 24} : {}),
        ...(looksAhead && chance(random, 0.3) ? {session_filter: {column: "session", view_events: ["view"], like_events: ["like"], drop_view_only: true, drop_single_like: chance(random, 0.5)}} : {}),
      },
      ...(chance(random, 0.3) ? {filters: [{name: "good", sql: pick(random, ["coalesce(amount, 0) < 4", "item_id IS NOT NULL", "w1 IS NOT NULL"])}]} : {}),
    },
    aggregation_specs: specs,
  };
  return {definitions, project: makeProject(definitions, [...contract, ...specs.map((spec) => String(spec["name"]))])};
}

/** One row of a view of a batch. */
export interface BatchRow {
  readonly view: "feed" | "price" | "work" | "author";
  readonly history: number;
  readonly values: readonly Value[];
}

const scalar = (name: ScalarName): Dtype => ({kind: "scalar", name});
const column = (name: string, dtype: Dtype): InputColumn => ({name, dtype, isZoned: false});
const viewColumns = (view: string, key: string, field: string, dtype: ScalarName): readonly InputColumn[] => [
  column(key, scalar("BIGINT")),
  column(`${view}_at`, scalar("TIMESTAMP")),
  column("known_at", scalar("TIMESTAMP")),
  column("version", scalar("INTEGER")),
  column(field, scalar(dtype)),
];

export const columnsOfView: Readonly<Record<BatchRow["view"], readonly InputColumn[]>> = {
  feed: [
    column("user_id", scalar("BIGINT")),
    column("item_id", scalar("BIGINT")),
    column("at", scalar("TIMESTAMP")),
    column("seq", scalar("BIGINT")),
    column("event", scalar("TEXT")),
    column("session", scalar("TEXT")),
    column("score", scalar("DOUBLE")),
    column("tags", {kind: "list", name: "BIGINT"}),
  ],
  price: viewColumns("price", "item_id", "amount", "BIGINT"),
  work: viewColumns("work", "item_id", "author_id", "BIGINT"),
  author: viewColumns("author", "author_id", "rating", "DOUBLE"),
};

/** An instant on the hour, now and then a microsecond beside it: up to eight hours into the day and twenty before it. */
function randomInstant(random: Random): number {
  const hours = chance(random, 0.75) ? below(random, 8) : -below(random, 20);
  return dayStartUs + hours * hourUs + pick(random, [0, 0, 0, 0, -1, 1]);
}

const orNull = <T>(random: Random, value: T): T | null => (chance(random, 0.06) ? null : value);

/** Rows of one history; `firstSeq` and up are its own. */
export function randomHistory(random: Random, history: number, firstSeq: number): BatchRow[] {
  const id = (count: number): bigint => BigInt(history * 10 + below(random, count));
  const feed = Array.from({length: 2 + below(random, 13)}, (_, index): BatchRow => ({
    view: "feed",
    history,
    values: [
      orNull(random, id(2)),
      orNull(random, id(3)),
      orNull(random, randomInstant(random)),
      BigInt(firstSeq + index),
      orNull(random, pick(random, ["view", "view", "like", "open", "scroll"])),
      orNull(random, `s${history}-${below(random, 2)}`),
      orNull(random, below(random, 4) / 2),
      orNull(random, Array.from({length: below(random, 4)}, () => BigInt(below(random, 5)))),
    ],
  }));
  const others = (view: "price" | "work" | "author", value: () => Value): BatchRow[] =>
    Array.from({length: below(random, 9)}, (): BatchRow => {
      const at = randomInstant(random);
      return {view, history, values: [orNull(random, id(view === "author" ? 2 : 3)), orNull(random, at), orNull(random, at + pick(random, [0, 0, -1, 1]) * hourUs), orNull(random, BigInt(below(random, 3))), orNull(random, value())]};
    });
  return [...feed, ...others("price", () => BigInt(below(random, 6))), ...others("work", () => id(2)), ...others("author", () => below(random, 5) / 4)];
}

/** Writes the rows as the parquet files that the project reads: each view's in `fileCount` files, dealt out one by one. */
export async function writeBatch(session: DuckDbSession, {project}: RandomDefinitions, rows: readonly BatchRow[], fileCount: number): Promise<void> {
  for (const [view, columns] of Object.entries(columnsOfView)) {
    const directory = join(project.root, "data", view);
    rmSync(directory, {recursive: true, force: true});
    mkdirSync(directory, {recursive: true});
    const own = rows.filter((row) => row.view === view);
    const types = columns.map(({name, dtype}) => `${quoteText(name)}: ${quoteText(duckdbType(dtype))}`).join(", ");
    for (let part = 0; part < fileCount; part += 1) {
      const lines = own.filter((_, index) => index % fileCount === part).map((row) => JSON.stringify(Object.fromEntries(columns.map(({name, dtype}, index) => [name, toJson(row.values[index]!, dtype)]))));
      const path = join(directory, `part-${part}`);
      writeFileSync(`${path}.jsonl`, lines.join("\n"));
      await session.run(`COPY (FROM read_json(${quoteText(`${path}.jsonl`)}, columns = {${types}})) TO ${quoteText(`${path}.parquet`)} (FORMAT parquet)`);
      rmSync(`${path}.jsonl`);
    }
  }
}

/** Whole numbers and instants as text, which no reader takes for a double. */
function toJson(value: Value, dtype: Dtype): unknown {
  if (Array.isArray(value)) return value.map((item: Scalar) => toJson(item, {kind: "scalar", name: dtype.name} as Dtype));
  if (typeof value === "bigint") return String(value);
  return typeof value === "number" && dtype.name === "TIMESTAMP" ? renderInstant(value) : value;
}

/** The rows, in the order given, as what a run reads. */
export function batchInputs({project}: RandomDefinitions, rows: readonly BatchRow[]): CaseInputs {
  const service = [...project.services.values()][0]!;
  const views = Object.entries(columnsOfView).map(([view, columns]) => [view, {columns, rows: rows.filter((row) => row.view === view).map((row) => row.values)}] as const);
  return {project, service, plan: compileCasePlan(project, service), day, views: new Map(views), stores: new Map()};
}
