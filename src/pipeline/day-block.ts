/**
 * Days whose rows are computed in one pass. Their histories overlap: together each day of history is read and sorted once, alone once for
 * every day that reaches it. What fails together is made again day by day, so that a day's failure and its message are its own.
 */
import {isScalar, renderScan} from "../engines/duckdb/emit.js";
import type {Operator, Plan} from "../plan/operator.js";
import {orderOf, skeletonPlan} from "../plan/recipe.js";
import {quoteName} from "../sources/quote.js";
import type {ColumnWriter} from "./column-writer.js";
import {dayRange} from "./day.js";
import type {DayPlan} from "./day-plan.js";
import {openDayRows} from "./day-rows.js";
import {limitFiles} from "./file-limits.js";
import {runRows, writeFiles} from "./skeleton.js";
import {partsBetween} from "./source-parts.js";
import {inSession, type DayRows, type Run} from "./train-day.js";

/** Rows of one pass, and what each is taken to cost of the memory that DuckDB may use, lists included. */
const rowsMax = 1_000_000;
const bytesPerRow = 4096;
const daysMax = 31;

/** Whether a row is the same whatever other days are computed with it. */
export function canShare(plan: Plan): boolean {
  return orderOf(plan).columns[0] === plan.timeColumn && plan.operators.every((op) => isOfOneRow(op, plan));
}

function isOfOneRow(op: Operator, plan: Plan): boolean {
  if (op.opKind === "filter") return op.predicate.kind === "values" || (op.predicate.kind === "sql" && isScalar(op.predicate.sql));
  if (op.opKind === "project" && op.shape.kind === "derive") return op.shape.columns.every(({sql}) => isScalar(sql));
  if (op.opKind !== "rolling_aggregate") return true;
  // A history that begins within a window begins anew each day.
  const fromUs = historyStartOf(op.inputs[1], plan);
  return op.windows.every(({windowUs, condition}) => (condition === undefined || isScalar(condition)) && (fromUs === undefined || (windowUs !== undefined && windowUs <= -fromUs)));
}

function historyStartOf(relation: string, plan: Plan): number | undefined {
  const op = plan.operators.find(({output}) => output === relation);
  if (op?.opKind === "scan") return op.fromUs;
  return op && historyStartOf(op.inputs[0], plan);
}

/** Hands out the days of a run in blocks: as many as are expected to fit, by the largest day that is known. */
export class DayBlocks {
  private readonly queue: string[];
  private readonly places: ReadonlyMap<string, number>;
  private readonly rowsMax: number;

  constructor(
    run: Pick<Run, "days" | "limits">,
    days: readonly string[],
    private readonly planned: ReadonlyMap<string, DayPlan>,
    private readonly workers: number,
    /** Infinite: each day is a block of its own. */
    private rowsOfDay: number,
  ) {
    this.queue = [...days];
    this.places = new Map(run.days.map((day, place) => [day, place]));
    this.rowsMax = Math.min(rowsMax, run.limits.memoryBytes / bytesPerRow);
  }

  /** Of about the same size; empty when none is left. */
  next(): readonly string[] {
    const left = Math.ceil(this.queue.length / this.workers);
    const fit = Math.max(1, Math.min(daysMax, Math.floor(this.rowsMax / Math.max(1, this.rowsOfDay))));
    const size = Math.ceil(left / Math.ceil(left / fit));
    let count = Math.min(1, this.queue.length);
    while (count < size && this.isNext(this.queue[count - 1]!, this.queue[count]!)) count += 1;
    return this.queue.splice(0, count);
  }

  /** Says how many rows a day has. */
  note(rows: number): void {
    this.rowsOfDay = Math.max(rows, this.rowsOfDay);
  }

  /** Whether two days can be of one block: both are made from their sources, and no other day lies between them. */
  private isNext(day: string, next: string): boolean {
    return this.isFromSources(day) && this.isFromSources(next) && this.places.get(day)! + 1 === this.places.get(next);
  }

  private isFromSources(day: string): boolean {
    const skeleton = this.planned.get(day)?.skeleton;
    return skeleton?.state === "missing" || (skeleton?.state === "stale" && skeleton.scope === "rows");
  }
}

/** How many rows the largest of the first days has before filters; infinite where the source cannot say, or days may not be one pass. */
export async function countSpineRows(run: Run, days: readonly string[]): Promise<number> {
  const plan = skeletonPlan(run.plan);
  if (days.length < 2 || !canShare(plan)) return Infinity;
  const {scanned} = orderOf(plan);
  const range = rangeOf(days.slice(0, daysMax));
  const {files, parts} = run.sources.get(scanned.view)!;
  if (files.length === 0) return parts.length === 0 ? Infinity : Math.max(...partsBetween(parts, range.startUs, range.endUs).map(({size}) => size));
  try {
    return await inSession(run, async (session) => {
      const {context} = await openDayRows(run, range, session, {...plan, operators: [scanned]});
      const [row] = await session.rows(`SELECT count(*) AS count FROM (${renderScan(scanned, context)!}) GROUP BY date_trunc('day', ${quoteName(plan.timeColumn)}) ORDER BY count DESC LIMIT 1`);
      return Number(row?.["count"] ?? 0);
    });
  } catch (error) {
    if (run.effects.signal.aborted) throw error;
    // The days themselves say what is wrong with it.
    return Infinity;
  }
}

const rangeOf = (days: readonly string[]): {startUs: number; endUs: number} => ({startUs: dayRange(days[0]!).startUs, endUs: dayRange(days.at(-1)!).endUs});

/** Does the work with a session that holds the rows of all days. */
export async function withDayRows<T>(run: Run, days: readonly string[], columnWriter: ColumnWriter, work: (rows: DayRows) => Promise<T>): Promise<T> {
  const {plan, project} = run;
  return await inSession(run, async (session) => {
    const options = {...(await openDayRows(run, rangeOf(days), session, skeletonPlan(plan))), limits: limitFiles(plan, project)};
    return await runRows(options, (step, made) =>
      work({session, write: (day, directory) => writeFiles({...step, between: {...dayRange(day), timeColumn: plan.timeColumn}}, made, {...options, directory, columnWriter})}),
    );
  });
}
