/**
 * Rolling windows in Polars. History that a condition keeps is sorted once, so that a window is a range of positions found by two
 * as-of joins, and a list is gathered from the newest positions of its range, a batch of rows at a time. Frames come and go
 * as parquet files (`exchange.ts`).
 */
import {rmSync} from "node:fs";
import pl, {type DataFrame, type Expr, type LazyDataFrame} from "nodejs-polars";
import {inTable, type AggregationEngine, type AggregationTask, type SqlSession, type Window, type WindowColumns, type WindowOperation} from "../aggregation-engine.js";
import {exchangePath, exportTask, historyColumn, importResults, rankColumn, sharedTypes, targetColumn, type Exported} from "./exchange.js";

/** How many positions one batch of rows looks at. */
const batchPositionsMax = 2_000_000;

const operations: ReadonlySet<WindowOperation> = new Set(["list", "count", "flatten_distinct", "distinct_list"]);

export const polarsAggregation: AggregationEngine = {
  name: "polars",
  refusal: (window) => {
    if (!operations.has(window.operation)) return `${window.operation} is not defined in steps that Polars takes in order`;
    if (window.pairCondition !== undefined) return "a condition on both rows is no condition on history alone";
    if (window.knownAt !== undefined) return "history that becomes known late is no range of positions";
    return sharedTypes.has(window.elementType) ? undefined : `values of type ${window.elementType} do not pass through unchanged`;
  },
  run: runTask,
};

async function runTask(session: SqlSession, task: AggregationTask): Promise<WindowColumns> {
  const exported = await exportTask(session, task);
  const lines = new Map<string, Promise<Line>>();
  const paths = task.windows.map(() => exchangePath(session));
  try {
    for (const [at, window] of task.windows.entries()) {
      (await computeWindow(exported, lines, task, window)).writeParquet(paths[at]!);
    }
    await importResults(session, task, paths);
    return inTable(task);
  } finally {
    for (const path of [exported.target, exported.history, ...paths]) rmSync(path, {force: true});
  }
}

const expressions = new Map<string, Expr>();

/** Builds an expression once and for all: nodejs-polars makes each of its steps out of a hundred closures, which takes a millisecond. */
function once(meaning: string, build: () => Expr): Expr {
  const known = expressions.get(meaning) ?? build();
  expressions.set(meaning, known);
  return known;
}

const column = (name: string): Expr => once(`column ${name}`, () => pl.col(name));
const columns = (...names: readonly string[]): Expr[] => names.map(column);
const renamed = (name: string, to: string): Expr => once(`column ${name} as ${to}`, () => column(name).alias(to));
const always = (isTrue: boolean, to: string): Expr => once(`${isTrue} as ${to}`, () => pl.lit(isTrue).alias(to));
/** Numbers of JavaScript are floats to Polars, which would lose microseconds. */
const whole = (value: number, to: string): Expr => once(`${value} as ${to}`, () => pl.lit(value).cast(pl.Int64).alias(to));
const less = (name: string, value: number, to: string): Expr => once(`${name} - ${value} as ${to}`, () => column(name).minus(pl.lit(value).cast(pl.Int64)).alias(to));
const isPresent = (name: string): Expr => once(`${name} is not null`, () => column(name).isNotNull());

/** The history that a window's condition keeps, in the contract's order: `value`, `dropper`, and at which position instants end. */
interface Line {
  readonly items: DataFrame;
  readonly instants: DataFrame;
  readonly starts: DataFrame;
}

/** Windows of the same rows and values share a line. */
function findLine(lines: Map<string, Promise<Line>>, exported: Exported, task: AggregationTask, window: Window): Promise<Line> {
  const {condition, value, operation, exclude} = window;
  const isUnnested = operation === "flatten_distinct";
  const id = JSON.stringify([condition, value, isUnnested, exclude?.history]);
  const found = lines.get(id) ?? sortHistory(exported, task, window, isUnnested);
  lines.set(id, found);
  return found;
}

async function sortHistory({history, ranked}: Exported, task: AggregationTask, {condition, value, exclude}: Window, isUnnested: boolean): Promise<Line> {
  let rows: LazyDataFrame = pl.scanParquet(history);
  if (condition !== undefined) rows = rows.filter(column(historyColumn(condition)));
  if (value !== undefined) rows = rows.filter(isPresent(historyColumn(value)));
  const order = [...task.orderColumns, ...(value === undefined ? [] : [value])];
  const sorting = order.map((name) => (ranked.has(name) ? rankColumn(name) : historyColumn(name)));
  rows = rows.sort(columns("__key", "__ts", ...sorting)).select(
    ...columns("__key", "__ts"),
    value === undefined ? always(true, "value") : renamed(historyColumn(value), "value"),
    exclude ? renamed(historyColumn(exclude.history), "dropper") : always(false, "dropper"),
  );
  if (isUnnested) rows = rows.explode(column("value")).filter(isPresent("value"));
  const position = once("position as a whole number", () => pl.col("position").cast(pl.Int64));
  const items = await rows.withRowIndex("position").withColumn(position).collect();
  const positions = items.lazy().select(...columns("__key", "__ts", "position"));
  const end = once("end of positions", () => pl.col("position").max().plus(pl.lit(1).cast(pl.Int64)).alias("end"));
  const start = once("start of positions", () => pl.col("position").min().alias("line_start"));
  return {
    items,
    instants: await positions.groupBy(columns("__key", "__ts")).agg(end).sort(columns("__key", "__ts")).collect(),
    starts: await positions.groupBy(columns("__key")).agg(start).collect(),
  };
}

/** Positions `[start, end)` of each row's window; rows whose window is empty are left out. `own` is what the row drops. */
function findRanges({instants, starts}: Line, exported: Exported, {windowUs, exclude}: Window): LazyDataFrame {
  const own = exclude ? renamed(targetColumn(exclude.target), "own") : always(false, "own");
  const rows = pl.scanParquet(exported.target).select(...columns("__row", "__key", "__ts"), own);
  // Times are whole microseconds, so "strictly before t" is "at most t - 1".
  const endsBefore = (distanceUs: number, name: string, into: LazyDataFrame): LazyDataFrame =>
    into
      .withColumn(less("__ts", distanceUs, "instant"))
      .sort(columns("__key", "instant"))
      .joinAsof(instants.lazy().select(column("__key"), renamed("__ts", "instant"), renamed("end", name)), {
        on: "instant",
        by: "__key",
        strategy: "backward",
        checkSortedness: false,
      });
  const ended = endsBefore(1, "end", rows).join(starts.lazy(), {on: "__key", how: "inner"});
  const ranges =
    windowUs === undefined
      ? ended.withColumn(renamed("line_start", "start"))
      : endsBefore(windowUs + 1, "expired", ended).withColumn(once("start", () => pl.col("expired").fillNull(pl.col("line_start")).alias("start")));
  const isAny = once("end > start", () => pl.col("end").gt(pl.col("start")));
  return ranges.filter(isAny).select(...columns("__row", "__key", "own", "start", "end"));
}

/** A row for each target row with something in the window: `__row` and `value`. */
async function computeWindow(exported: Exported, lines: Map<string, Promise<Line>>, task: AggregationTask, window: Window): Promise<DataFrame> {
  const line = await findLine(lines, exported, task, window);
  const ranges = await findRanges(line, exported, window).collect();
  if (window.operation !== "count") {
    const lists = await collectLists(line, ranges, window);
    return window.current ? addCurrent(lists, currentRows(exported, window), window) : lists;
  }
  const length = once("end - start", () => pl.col("end").minus(pl.col("start")).alias("value"));
  const counts = [ranges.lazy().select(column("__row"), length)];
  if (window.exclude) counts.push(countDropped(line, ranges));
  if (window.current) counts.push(currentRows(exported, window).select(column("__row"), whole(1, "value")));
  return pl.concat(counts).groupBy(columns("__row")).agg(once("sum of values", () => pl.col("value").sum())).collect();
}

/** What a count drops: the positions of each row's window that hold its own value. */
function countDropped({items}: Line, ranges: DataFrame): LazyDataFrame {
  const own = items.lazy().select(...columns("__key", "dropper", "position"));
  const isInside = once("start <= position < end", () => pl.col("position").gtEq(pl.col("start")).and(pl.col("position").lt(pl.col("end"))));
  return ranges
    .lazy()
    .join(own, {leftOn: ["__key", "own"], rightOn: ["__key", "dropper"], how: "inner"})
    .filter(isInside)
    .select(column("__row"), whole(-1, "value"));
}

const isDistinct = (operation: WindowOperation): boolean => operation === "flatten_distinct" || operation === "distinct_list";

/** How many of its newest positions a row looks at first: what it drops is rare, repeated values are not. */
function lookLengths({maxItems, operation, exclude}: Window): readonly number[] {
  if (maxItems === undefined) return [];
  if (isDistinct(operation)) return [2 * maxItems, 8 * maxItems, 64 * maxItems];
  return exclude ? [maxItems + 8, 8 * maxItems] : [maxItems];
}

/** Each row looks at the newest positions of its window, and further back only if too few items remain of them. */
async function collectLists(line: Line, ranges: DataFrame, window: Window): Promise<DataFrame> {
  const found: DataFrame[] = [];
  let rest = ranges;
  for (const length of [...lookLengths(window), Number.MAX_SAFE_INTEGER]) {
    const from = once(`from ${length} before end`, () => {
      const newest = pl.col("end").minus(pl.lit(length).cast(pl.Int64));
      return pl.when(newest.gt(pl.col("start"))).then(newest).otherwise(pl.col("start")).alias("from");
    });
    const looked = rest.lazy().withColumn(from).collectSync();
    const lists: DataFrame[] = [];
    for (const batch of splitBatches(looked)) lists.push(await gatherLists(line, batch, window));
    const isDone = once(`is done with ${window.maxItems ?? 0}`, () => {
      const isFull = pl.col("value").lst.lengths().gtEq(pl.lit(window.maxItems ?? 0));
      return pl.col("from").eq(pl.col("start")).or(isFull).fillNull(pl.lit(false)).alias("is_done");
    });
    const joined = await looked
      .lazy()
      .join(pl.concat(lists).lazy(), {on: "__row", how: "left"})
      .withColumn(isDone)
      .collect();
    found.push(joined.filter(once("is done with a value", () => pl.col("is_done").and(pl.col("value").isNotNull()))).select(...columns("__row", "value")));
    rest = joined.filter(once("is not done", () => pl.col("is_done").not())).select(...columns(...ranges.columns));
    if (rest.height === 0) break;
  }
  return pl.concat(found);
}

function splitBatches(looked: DataFrame): DataFrame[] {
  const lengths = looked.getColumn("end").minus(looked.getColumn("from")).toArray() as (number | bigint)[];
  const batches: DataFrame[] = [];
  let start = 0;
  let positions = 0;
  for (const [at, length] of lengths.entries()) {
    positions += Number(length);
    if (positions < batchPositionsMax) continue;
    batches.push(looked.slice(start, at + 1 - start));
    start = at + 1;
    positions = 0;
  }
  batches.push(looked.slice(start, lengths.length - start));
  return batches;
}

/** One list a row, of the positions `[from, end)`. Gathering them costs a tenth of joining them. */
function gatherLists({items}: Line, batch: DataFrame, window: Window): Promise<DataFrame> {
  const positions = batch
    .lazy()
    .select(...columns("__row", "own"), once("positions", () => pl.intRanges(pl.col("from"), pl.col("end")).alias("position")))
    .explode(column("position"))
    .collectSync();
  const at = pl.lit(positions.getColumn("position")).explode();
  const picked = items.lazy().select(pl.col("value").gather(at), pl.col("dropper").gather(at)).collectSync();
  let rows = pl.concat([positions.select(...columns("__row", "own")), picked], {how: "horizontal"}).lazy();
  // A NULL on either side drops nothing.
  if (window.exclude) rows = rows.filter(once("dropper <> own", () => pl.col("dropper").neq(pl.col("own")).fillNull(pl.lit(true))));
  return renderLists(rows, window).collect();
}

/** Items to one list a row: the newest `maxItems`; for `flatten_distinct` each value where it stands last. */
function renderLists(rows: LazyDataFrame, {operation, maxItems}: Window): LazyDataFrame {
  const distinct = isDistinct(operation) ? rows.unique(["__row", "value"], "last", true) : rows;
  const values = maxItems === undefined ? column("value") : once(`newest ${maxItems} values`, () => pl.col("value").tail(maxItems).alias("value"));
  return distinct.groupBy(columns("__row"), true).agg(values);
}

/** The rows that count for themselves, with their own value. */
function currentRows({target}: Exported, {current}: Window): LazyDataFrame {
  const value = current?.value === undefined ? always(true, "value") : renamed(targetColumn(current.value), "value");
  let rows: LazyDataFrame = pl.scanParquet(target);
  if (current?.condition !== undefined) rows = rows.filter(column(targetColumn(current.condition)));
  return rows.select(column("__row"), value).filter(isPresent("value"));
}

/** A row's own value comes after the history's. Of those the newest `maxItems` are enough, whatever the row's own push out. */
function addCurrent(lists: DataFrame, current: LazyDataFrame, window: Window): DataFrame {
  const own = window.operation === "flatten_distinct" ? current.explode(column("value")) : current;
  const items = pl.concat([lists.lazy().explode(column("value")), own]).filter(isPresent("value"));
  return renderLists(items, window).collectSync();
}
