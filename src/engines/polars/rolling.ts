/**
 * Rolling windows in Polars: the history is sorted once for each condition and value, so that a window is a range of positions
 * found by two as-of joins. Ranges become lists by exploding positions, in batches that bound the memory.
 * Frames come and go as parquet files.
 */
import {join} from "node:path";
import pl, {type Expr, type LazyDataFrame} from "nodejs-polars";
import {quoteName, quoteText} from "../../sources/quote.js";
import type {AggregationEngine, AggregationTask, SqlSession, Window} from "../aggregation-engine.js";

/** Types that pass through parquet and sort and compare in Polars as they do in DuckDB. */
const elementTypes: ReadonlySet<string> = new Set(["BIGINT", "INTEGER", "DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR", "TIMESTAMP", "DATE"]);

/** How many exploded positions one batch may have. */
const batchPositionsMax = 4_000_000;

/** Numbers of JavaScript are floats to Polars, which would lose microseconds. */
const whole = (value: number): Expr => pl.lit(value).cast(pl.Int64);

export const polarsAggregation: AggregationEngine = {
  name: "polars",
  refusal: (window) => {
    if (window.pairCondition !== undefined) return "a condition on both rows is no condition on history alone";
    if (window.knownAt !== undefined) return "history that becomes known late is no range of positions";
    return elementTypes.has(window.elementType) ? undefined : `values of type ${window.elementType} do not pass through unchanged`;
  },
  run: runTask,
};

async function runTask(session: SqlSession, task: AggregationTask): Promise<void> {
  const frames = await exportFrames(session, task);
  const results: string[] = [];
  for (const [index, window] of task.windows.entries()) {
    const path = join(session.scratchDirectory, `polars-${index}.parquet`);
    (await computeWindow(frames, task, window)).writeParquet(path);
    results.push(path);
  }
  await importResults(session, task, results);
}

interface Frames {
  readonly target: LazyDataFrame;
  readonly history: LazyDataFrame;
  readonly types: ReadonlyMap<string, string>;
}

const rankOf = (column: string): string => `__rank_of_${column}`;

/** Keys become one number, the same on both sides; rows with a NULL key stay behind. Polars cannot sort lists, so DuckDB ranks them. */
async function exportFrames(session: SqlSession, task: AggregationTask): Promise<Frames> {
  const columns = await session.rows(`DESCRIBE FROM ${quoteName(task.history)}`);
  const types = new Map(columns.map((column) => [column["column_name"] as string, column["column_type"] as string]));
  const values = task.windows.map((window) => window.value).filter((value) => value !== undefined);
  const ranked = [...new Set([...task.orderColumns, ...values])].filter((column) => !isSortable(types.get(column)!));
  const ranks = ranked.map((column) => `, dense_rank() OVER (ORDER BY h.${quoteName(column)} NULLS FIRST) AS ${quoteName(rankOf(column))}`);
  const present = task.keys.map((key) => `${quoteName(key.target)} IS NOT NULL`).join(" AND ");
  const names = task.keys.map((key) => quoteName(key.target)).join(", ");
  const equal = (side: string, column: "target" | "history"): string =>
    task.keys.map((key) => `${side}.${quoteName(key[column])} = k.${quoteName(key.target)}`).join(" AND ");
  await session.run(`CREATE OR REPLACE TEMP TABLE __polars_keys AS
SELECT *, row_number() OVER () AS __key FROM (SELECT DISTINCT ${names} FROM ${quoteName(task.target)} WHERE ${present})`);
  const copy = async (name: string, query: string): Promise<string> => {
    const path = join(session.scratchDirectory, `polars-${name}.parquet`);
    await session.run(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet)`);
    return path;
  };
  const target = await copy("target", `SELECT k.__key, t.* FROM ${quoteName(task.target)} AS t JOIN __polars_keys AS k ON ${equal("t", "target")}`);
  const history = await copy("history", `SELECT k.__key, h.*${ranks.join("")} FROM ${quoteName(task.history)} AS h JOIN __polars_keys AS k ON ${equal("h", "history")}`);
  await session.run("DROP TABLE __polars_keys");
  return {target: pl.scanParquet(target), history: pl.scanParquet(history), types};
}

const isSortable = (type: string): boolean => elementTypes.has(type);

/** A row for each target row with something in the window: `__row` and `value`. */
async function computeWindow({target, history, types}: Frames, task: AggregationTask, window: Window): Promise<pl.DataFrame> {
  const line = await sortHistory(history, task, window, types);
  const ranges = await findRanges(target, line.lazy(), window);
  const current = currentRows(target, window);
  if (window.operation === "count" && !window.exclude) {
    const counts = ranges.lazy().select(pl.col("__row"), pl.col("__end").minus(pl.col("__start")).alias("value"));
    return pl.concat([counts, current.select(pl.col("__row"), whole(1).alias("value"))]).groupBy(["__row"]).agg(pl.col("value").sum()).collect();
  }
  const parts: pl.DataFrame[] = [];
  for (const batch of splitBatches(await limitRanges(ranges, line, window))) parts.push(await collectItems(batch, line, window));
  const items = pl.concat(parts);
  return window.current ? addCurrent(items.lazy(), current, window).collect() : items;
}

/** The rows that the condition keeps, in the contract's order; `__position` counts them over all keys. */
async function sortHistory(history: LazyDataFrame, task: AggregationTask, window: Window, types: ReadonlyMap<string, string>): Promise<pl.DataFrame> {
  const order = [...task.orderColumns, ...(window.value === undefined ? [] : [window.value])];
  const sortable = order.map((column) => (isSortable(types.get(column)!) ? column : rankOf(column)));
  let rows = history;
  if (window.condition !== undefined) rows = rows.filter(pl.col(window.condition));
  if (window.value !== undefined) rows = rows.filter(pl.col(window.value).isNotNull());
  const value = window.value === undefined ? pl.lit(true).alias("__value") : pl.col(window.value).alias("__value");
  const excluded = window.exclude ? pl.col(window.exclude.history).alias("__excluded") : pl.lit(false).alias("__excluded");
  return rows
    .sort(["__key", "__ts", ...sortable].map((column) => pl.col(column)))
    .select(pl.col("__key"), pl.col("__ts"), value, excluded)
    .withRowIndex("__position")
    .withColumn(pl.col("__position").cast(pl.Int64))
    .collect();
}

/** Positions `[__start, __end)` of each target row's window; rows without any are left out. */
async function findRanges(target: LazyDataFrame, line: LazyDataFrame, window: Window): Promise<pl.DataFrame> {
  const instants = line.groupBy(["__key", "__ts"]).agg(pl.col("__position").max().plus(whole(1)).alias("__after")).sort([pl.col("__key"), pl.col("__ts")]);
  const starts = line.groupBy(["__key"]).agg(pl.col("__position").min().alias("__first"));
  const excluded = window.exclude ? [pl.col(window.exclude.target).alias("__own")] : [];
  const rows = target.select(pl.col("__row"), pl.col("__key"), pl.col("__ts"), ...excluded);
  // Times are whole microseconds, so "strictly before t" is "at most t - 1".
  const before = (instant: Expr, name: string, into: LazyDataFrame): LazyDataFrame =>
    into
      .withColumn(instant.alias("__instant"))
      .sort([pl.col("__key"), pl.col("__instant")])
      .joinAsof(instants.select(pl.col("__key"), pl.col("__ts").alias("__instant"), pl.col("__after").alias(name)), {on: "__instant", by: "__key", strategy: "backward", checkSortedness: false});
  const ended = before(pl.col("__ts").minus(whole(1)), "__end", rows).join(starts, {on: "__key", how: "inner"});
  const found = window.windowUs === undefined ? ended : before(pl.col("__ts").minus(whole(window.windowUs + 1)), "__expired", ended);
  const start = window.windowUs === undefined ? pl.col("__first") : pl.col("__expired").fillNull(pl.col("__first"));
  return found.withColumn(start.alias("__start")).filter(pl.col("__end").isNotNull().and(pl.col("__end").gt(pl.col("__start")))).collect();
}

/** A list needs its newest items only, and as many more as the row's own item may take away. */
async function limitRanges(ranges: pl.DataFrame, line: pl.DataFrame, window: Window): Promise<pl.DataFrame> {
  if (window.operation !== "list" || window.maxItems === undefined) return ranges;
  const limited = window.exclude ? countOwn(ranges, line) : ranges.lazy().withColumn(whole(0).alias("__own_count"));
  const newest = pl.col("__end").minus(pl.col("__own_count")).minus(whole(window.maxItems));
  return limited.withColumn(pl.when(newest.gt(pl.col("__start"))).then(newest).otherwise(pl.col("__start")).alias("__start")).collect();
}

/** How many rows of the key carry the row's own item. */
function countOwn(ranges: pl.DataFrame, line: pl.DataFrame): LazyDataFrame {
  const counts = line.lazy().groupBy(["__key", "__excluded"]).agg(pl.col("__position").count().cast(pl.Int64).alias("__own_count"));
  const joined = ranges.lazy().join(counts, {leftOn: ["__key", "__own"], rightOn: ["__key", "__excluded"], how: "left"});
  return joined.withColumn(pl.col("__own_count").fillNull(whole(0)));
}

function splitBatches(ranges: pl.DataFrame): pl.DataFrame[] {
  const widths = ranges.getColumn("__end").minus(ranges.getColumn("__start")).toArray() as (number | bigint)[];
  const batches: pl.DataFrame[] = [];
  let start = 0;
  let positions = 0;
  for (const [index, width] of widths.entries()) {
    positions += Number(width);
    if (positions < batchPositionsMax) continue;
    batches.push(ranges.slice(start, index + 1 - start));
    start = index + 1;
    positions = 0;
  }
  batches.push(ranges.slice(start, widths.length - start));
  return batches;
}

/** The row's own value, where it counts for itself: it comes after everything else. */
function currentRows(target: LazyDataFrame, {current}: Window): LazyDataFrame {
  const value = current?.value === undefined ? pl.lit(true) : pl.col(current.value);
  let rows = target.filter(pl.lit(current !== undefined));
  if (current?.condition !== undefined) rows = rows.filter(pl.col(current.condition));
  if (current?.value !== undefined) rows = rows.filter(pl.col(current.value).isNotNull());
  return rows.select(pl.col("__row"), whole(Number.MAX_SAFE_INTEGER).alias("__position"), value.alias("__value"));
}

/** Explodes the ranges of a batch, drops the row's own item, and gathers what is left. */
function collectItems(batch: pl.DataFrame, line: pl.DataFrame, window: Window): Promise<pl.DataFrame> {
  const own = window.exclude ? [pl.col("__own")] : [];
  let items = batch
    .lazy()
    .select(pl.col("__row"), ...own, pl.intRanges(pl.col("__start"), pl.col("__end")).alias("__position"))
    .explode("__position")
    .join(line.lazy().select(pl.col("__position"), pl.col("__value"), pl.col("__excluded")), {on: "__position", how: "inner"});
  // A NULL on either side drops nothing.
  const differs = pl.col("__excluded").neq(pl.col("__own"));
  if (window.exclude) items = items.filter(pl.col("__own").isNull().or(pl.col("__excluded").isNull()).or(differs));
  if (window.operation === "count") return items.groupBy(["__row"]).agg(pl.col("__position").count().cast(pl.Int64).alias("value")).collect();
  const rows = items.select(pl.col("__row"), pl.col("__position"), pl.col("__value"));
  return gather(window.operation === "flatten_distinct" ? rows.sort(byPosition).explode("__value") : rows, window).collect();
}

const byPosition = [pl.col("__row"), pl.col("__position")];

/** Items to one list a row: the newest `maxItems`; for `flatten_distinct` each value where it stands last. */
function gather(items: LazyDataFrame, {operation, maxItems}: Window): LazyDataFrame {
  let ordered = items.filter(pl.col("__value").isNotNull()).sort(byPosition, false, false, true);
  if (operation === "flatten_distinct") ordered = ordered.unique(["__row", "__value"], "last", true);
  const values = maxItems === undefined ? pl.col("__value") : pl.col("__value").tail(maxItems);
  return ordered.groupBy(["__row"], true).agg(values.alias("value"));
}

/** The row's own value after the history's. Of those the newest `maxItems` are enough: each of its own pushes out at most one. */
function addCurrent(items: LazyDataFrame, current: LazyDataFrame, window: Window): LazyDataFrame {
  if (window.operation === "count") {
    const ones = current.select(pl.col("__row"), whole(1).alias("value"));
    return pl.concat([items, ones]).groupBy(["__row"]).agg(pl.col("value").sum());
  }
  const history = items.select(pl.col("__row"), whole(0).alias("__position"), pl.col("value").alias("__value")).explode("__value");
  const own = window.operation === "flatten_distinct" ? current.explode("__value") : current;
  return gather(pl.concat([history, own]), window);
}

async function importResults(session: SqlSession, task: AggregationTask, paths: readonly string[]): Promise<void> {
  const columns = task.windows.map(({name, operation, elementType}, index) => {
    const type = operation === "count" ? "BIGINT" : `${elementType}[]`;
    const none = operation === "count" ? "0" : "[]";
    return `, coalesce(CAST(w${index}.value AS ${type}), CAST(${none} AS ${type})) AS ${quoteName(name)}`;
  });
  const joins = paths.map((path, index) => `\nLEFT JOIN read_parquet(${quoteText(path)}) AS w${index} ON w${index}.__row = t.__row`);
  await session.run(`CREATE TABLE ${quoteName(task.output)} AS
SELECT t.__row${columns.join("")}
FROM ${quoteName(task.target)} AS t${joins.join("")}`);
}
