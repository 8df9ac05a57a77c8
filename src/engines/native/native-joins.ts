/**
 * Views joined as of each row's instant, without sorting them: DuckDB reads a view once, in any order, and hands over the versions of keys that rows
 * have; each falls into the slot of the first row that may know it (`newest-versions.ts`). Rows fetch the values by a function of `__row` when they are written.
 */
import {randomUUID} from "node:crypto";
import {quoteName} from "../../sources/quote.js";
import type {SqlSession, WindowColumn} from "../aggregation-engine.js";
import {chunkRows, widthOfType, type RawColumn} from "../raw-vectors.js";
import {readLimits} from "../session-limits.js";
import type {ViewJoins, ViewJoinTask} from "../view-join.js";
import {matchKeys, numberKeys, readTypes} from "./key-table.js";
import {BufferPool, NewestVersions} from "./newest-versions.js";
import {RowColumn} from "./row-column.js";
import {buildSlots, type Slots} from "./slots.js";
import {ValueTie} from "./tie-check.js";

/** Instants and ages up to this are whole doubles, as their sums are. */
const exactUsMax = 2 ** 52;

const instantTypes: ReadonlySet<string | undefined> = new Set(["TIMESTAMP", "DATE"]);

interface RowSet {
  readonly keyTable: string;
  readonly slots: Slots;
  /** Above every `__row`. */
  readonly rowCount: number;
}

/** A field, and what else is kept of a version. */
interface KeptColumn {
  readonly sql: string;
  readonly type: string;
}

export const openNativeJoins = (session: SqlSession): ViewJoins => new NativeJoins(session);

class NativeJoins implements ViewJoins {
  private readonly rowSets = new Map<string, RowSet | undefined>();
  /** What rows and values may still take: a quarter of the memory in all. */
  private bytesLeft: number | undefined;
  private readonly pool = new BufferPool();

  constructor(private readonly session: SqlSession) {}

  async join(task: ViewJoinTask): Promise<ReadonlyMap<string, WindowColumn> | undefined> {
    const types = await readTypes(this.session, `(${task.versions})`);
    const fields = task.fields.map((name): KeptColumn => ({sql: `v.${quoteName(name)}`, type: types.get(name)!}));
    const instants = [task.time, "__known", ...(task.validTo === undefined ? [] : [task.validTo])];
    if (!fields.every(({type}) => widthOfType.has(type)) || !instants.every((name) => instantTypes.has(types.get(name)))) return undefined;
    if ((task.ttlUs ?? 0) > exactUsMax) return undefined;
    const rowSet = await this.findRowSet(task);
    const kept = [...fields, ...[task.validTo, task.ttlUs === undefined ? undefined : task.time].flatMap((name) => (name === undefined ? [] : [{sql: `CAST(v.${quoteName(name)} AS TIMESTAMP)`, type: "TIMESTAMP"}]))];
    if (!rowSet || !this.reserve(bytesOf(fields) * rowSet.rowCount, (12 + bytesOf(kept)) * rowSet.rowCount)) return undefined;
    const {newest, source} = await this.findNewest(task, rowSet, kept);
    forget(source, task, rowSet.slots, newest);
    const columns = task.fields.map((_, at) => newest.readColumn(at, rowSet.rowCount));
    newest.release();
    const name = `native_${randomUUID().replaceAll("-", "")}`;
    return new Map(
      task.fields.map((field, at) => {
        const {bytes, present} = columns[at]!;
        const {type} = fields[at]!;
        const column = new RowColumn(widthOfType.get(type)!, bytes, present);
        this.session.provideFunction({name: `${name}_${at}`, type, compute: (rows) => column.read(rows)});
        return [field, {function: `${name}_${at}`}];
      }),
    );
  }

  /** False where that is more than is left. */
  private reserve(bytes: number, passingBytes: number): boolean {
    if (bytes + passingBytes > this.bytesLeft!) return false;
    this.bytesLeft! -= bytes;
    return true;
  }

  /** Undefined where the rows are too many, or their instants too far away. */
  private async findRowSet(task: ViewJoinTask): Promise<RowSet | undefined> {
    if (!this.rowSets.has(task.rowSet)) this.rowSets.set(task.rowSet, await this.readRowSet(task));
    return this.rowSets.get(task.rowSet);
  }

  private async readRowSet({rows, keys, instant, rowSet}: ViewJoinTask): Promise<RowSet | undefined> {
    this.bytesLeft ??= (await readLimits(this.session)).memoryBytes / 4;
    const [relation, at] = [quoteName(rows), quoteName(instant)];
    if ((await readTypes(this.session, relation)).get(instant) !== "TIMESTAMP") return undefined;
    const [reach] = await this.session.rows(`SELECT CAST(coalesce(max(__row), -1) AS DOUBLE) + 1 AS row_count,
  coalesce(bool_and(${at} BETWEEN make_timestamp(${-exactUsMax}) AND make_timestamp(${exactUsMax})), true) AS is_near FROM ${relation}`);
    const rowCount = reach!["row_count"] as number;
    if (reach!["is_near"] !== true || !this.reserve(16 * rowCount, 12 * rowCount)) return undefined;
    const keyTable = quoteName(`${rowSet}__native_keys`);
    const keyCount = await numberKeys(this.session, {table: keyTable, relation, keys, present: [instant]});
    const key = new Int32Array(this.pool.take(4 * rowCount)).fill(-1);
    const instants = new Float64Array(this.pool.take(8 * rowCount));
    const sql = `SELECT l.__row, keys.__key, l.${at} FROM ${relation} AS l JOIN ${keyTable} AS keys ON ${matchKeys(keys, "l")} WHERE l.${at} IS NOT NULL`;
    const chunk = new Float64Array(chunkRows);
    for await (const {rowCount: count, columns} of this.session.chunks(sql, ["BIGINT", "INTEGER", "TIMESTAMP"])) {
      const [numbers, found] = [intsOf(columns[0]!), intsOf(columns[1]!)];
      readInstants(columns[2]!, count, chunk);
      for (let row = 0; row < count; row += 1) {
        key[numbers[2 * row]!] = found[row]!;
        instants[numbers[2 * row]!] = chunk[row]!;
      }
    }
    const slots = buildSlots({key, instant: instants, keyCount});
    this.pool.giveBack([key.buffer, instants.buffer]);
    return {keyTable, rowCount, slots};
  }

  /** Ranking versions costs more than all else and is seldom needed: first they are taken to differ in their instants. */
  private async findNewest(task: ViewJoinTask, rowSet: RowSet, kept: readonly KeptColumn[]): Promise<{readonly newest: NewestVersions; readonly source: Int32Array}> {
    const find = async (isRanked: boolean): ReturnType<NativeJoins["findNewest"]> => {
      const newest = await this.readVersions(task, rowSet, kept, isRanked);
      return {newest, source: newest.settle()};
    };
    try {
      return await find(false);
    } catch (error) {
      if (!(error instanceof ValueTie)) throw error;
      return find(true);
    }
  }

  /** @throws ValueTie when versions are not ranked and their instants do not order them */
  private async readVersions(task: ViewJoinTask, {keyTable, slots}: RowSet, kept: readonly KeptColumn[], isRanked: boolean): Promise<NewestVersions> {
    const order = isRanked ? `CAST(row_number() OVER (PARTITION BY keys.__key ORDER BY ${task.order.join(", ")}) AS DOUBLE)` : `CAST(v.${quoteName(task.time)} AS TIMESTAMP)`;
    const isOwnOrder = isRanked || !task.isKnownInOrder;
    const columns = ["keys.__key", "CAST(v.__known AS TIMESTAMP)", ...(isOwnOrder ? [order] : []), ...kept.map(({sql}) => sql)];
    const types = ["INTEGER", "TIMESTAMP", ...(isOwnOrder ? [isRanked ? "DOUBLE" : "TIMESTAMP"] : []), ...kept.map(({type}) => type)];
    const sql = `SELECT ${columns.join(", ")} FROM (${task.versions}) AS v JOIN ${keyTable} AS keys ON ${matchKeys(task.keys, "v")}`;
    const newest = new NewestVersions(slots, kept.map(({type}) => widthOfType.get(type)!), this.pool);
    const [known, after, times] = [new Float64Array(chunkRows), new Float64Array(chunkRows), new Float64Array(chunkRows)];
    for await (const {rowCount, columns: read} of this.session.chunks(sql, types)) {
      readInstants(read[1]!, rowCount, known);
      // What may be known at its own instant is known after the microsecond before it.
      if (task.isInclusive) for (let at = 0; at < rowCount; at += 1) after[at] = known[at]! - 1;
      if (isOwnOrder && !isRanked) readInstants(read[2]!, rowCount, times);
      const ranks = isRanked ? new Float64Array(read[2]!.data.buffer, read[2]!.data.byteOffset, rowCount) : isOwnOrder ? times : known;
      newest.offer({rowCount, keys: intsOf(read[0]!), after: task.isInclusive ? after : known, order: ranks, columns: read.slice(isOwnOrder ? 3 : 2)});
    }
    return newest;
  }
}

const bytesOf = (columns: readonly KeptColumn[]): number => columns.reduce((sum, {type}) => sum + widthOfType.get(type)! + 1, 0);

const intsOf = ({data}: RawColumn): Int32Array => new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);

/** Microseconds beyond 2 ** 53 are rounded, which keeps their order. */
function readInstants(column: RawColumn, rowCount: number, instants: Float64Array): void {
  const halves = intsOf(column);
  for (let at = 0; at < rowCount; at += 1) instants[at] = halves[2 * at + 1]! * 2 ** 32 + (halves[2 * at]! >>> 0);
}

/** A slot whose version does not hold any more at its instant has none. */
function forget(source: Int32Array, {fields, ttlUs, validTo, isInclusive}: ViewJoinTask, {instant}: Slots, newest: NewestVersions): void {
  if (ttlUs === undefined && validTo === undefined) return;
  const timeColumn = fields.length + (validTo === undefined ? 0 : 1);
  for (let slot = 0; slot < source.length; slot += 1) {
    const from = source[slot]!;
    if (from < 0) continue;
    const end = validTo === undefined ? Infinity : newest.readInstant(fields.length, from, Infinity);
    const isEnded = isInclusive ? instant[slot]! >= end : instant[slot]! > end;
    if (isEnded || (ttlUs !== undefined && newest.readInstant(timeColumn, from, NaN) < instant[slot]! - ttlUs)) source[slot] = -1;
  }
}
