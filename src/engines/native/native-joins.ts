/**
 * Views joined as of each row's instant, without sorting them: DuckDB reads a view once, in any order, and hands over the versions of keys that rows
 * have; each falls into the slot of the first row that may know it (`newest-versions.ts`). Rows fetch the values by a function of `__row` when they are written.
 */
import {randomUUID} from "node:crypto";
import {quoteName} from "../../sources/quote.js";
import type {SqlSession, WindowColumn} from "../aggregation-engine.js";
import {collectGarbage} from "../garbage.js";
import {widthOfType} from "../raw-vectors.js";
import {readLimits} from "../session-limits.js";
import type {ViewJoins, ViewJoinTask} from "../view-join.js";
import {JoinMemory} from "./join-memory.js";
import {matchKeys, numberKeys, readTypes} from "./key-table.js";
import {NewestVersions, type RowValues} from "./newest-versions.js";
import {RowColumn} from "./row-column.js";
import {buildSlots, type Slots} from "./slots.js";
import {ValueTie} from "./tie-check.js";

/** Instants and ages up to this are whole doubles, and their sums fit in 64 bits. */
const exactUsMax = 2 ** 52;

/** Less is not worth a look for what nobody holds. */
const collectedBytesMin = 16 << 20;

const instantTypes: ReadonlySet<string | undefined> = new Set(["TIMESTAMP", "DATE"]);

interface RowSet {
  readonly keyTable: string;
  readonly slots: Slots;
}

/** A field, and what else is kept of a version. */
interface VersionColumn {
  readonly sql: string;
  readonly type: string;
}

export const openNativeJoins = (session: SqlSession): ViewJoins => new NativeJoins(session);

class NativeJoins implements ViewJoins {
  private readonly rowSets = new Map<string, RowSet | undefined>();
  /** What rows and values may still take: a quarter of the memory in all. */
  private bytesLeft: number | undefined;
  private openMemory: JoinMemory | undefined;

  constructor(private readonly session: SqlSession) {}

  private get memory(): JoinMemory {
    return (this.openMemory ??= new JoinMemory());
  }

  finish(): void {
    this.rowSets.clear();
    const {byteLength} = this.openMemory ?? {byteLength: 0};
    this.openMemory = undefined;
    // Before files are written, which takes as much.
    if (byteLength > collectedBytesMin) collectGarbage("major");
  }

  async join(task: ViewJoinTask): Promise<ReadonlyMap<string, WindowColumn> | undefined> {
    const types = await readTypes(this.session, `(${task.versions})`);
    const fields = task.fields.map((name): VersionColumn => ({sql: `v.${quoteName(name)}`, type: types.get(name)!}));
    const instants = [task.time, "__known", ...(task.validTo === undefined ? [] : [task.validTo])];
    if (!fields.every(({type}) => widthOfType.has(type)) || !instants.every((name) => instantTypes.has(types.get(name)))) return undefined;
    if ((task.ttlUs ?? 0) > exactUsMax) return undefined;
    const rowSet = await this.findRowSet(task);
    const kept = [...fields, ...[task.validTo, task.ttlUs === undefined ? undefined : task.time].flatMap((name) => (name === undefined ? [] : [{sql: `CAST(v.${quoteName(name)} AS TIMESTAMP)`, type: "TIMESTAMP"}]))];
    if (!rowSet || !this.reserve(bytesOf(fields) * rowSet.slots.rowCount, (12 + bytesOf(kept)) * rowSet.slots.rowCount)) return undefined;
    const columns = await this.findColumns(task, rowSet, kept);
    const name = `native_${randomUUID().replaceAll("-", "")}`;
    return new Map(
      task.fields.map((field, at) => {
        const {type} = fields[at]!;
        const column = new RowColumn(widthOfType.get(type)!, columns[at]!);
        this.session.provideFunction({name: `${name}_${at}`, type, compute: (rows) => column.read(rows)});
        return [field, {function: `${name}_${at}`, kept: {kind: "rows", type, ...columns[at]!}}];
      }),
    );
  }

  /** False where that is more than is left. */
  private reserve(bytes: number, passingBytes: number): boolean {
    if (bytes + passingBytes > this.bytesLeft! || !this.memory.hasRoom(bytes + passingBytes)) return false;
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
    const sql = `SELECT l.__row, keys.__key, l.${at} FROM ${relation} AS l JOIN ${keyTable} AS keys ON ${matchKeys(keys, "l")} WHERE l.${at} IS NOT NULL`;
    const slots = await buildSlots(this.memory, {rowCount, keyCount}, (look) => this.session.forEachChunk(sql, ["BIGINT", "INTEGER", "TIMESTAMP"], look));
    return {keyTable, slots};
  }

  /** Ranking versions costs more than all else and is seldom needed: first they are taken to differ in their instants. */
  private async findColumns(task: ViewJoinTask, rowSet: RowSet, kept: readonly VersionColumn[]): Promise<readonly RowValues[]> {
    const find = (isRanked: boolean): Promise<readonly RowValues[]> =>
      this.memory.borrow(async () => {
        const newest = await this.readVersions(task, rowSet, kept, isRanked);
        const {fields, validTo, ttlUs} = task;
        newest.forget({validTo: validTo === undefined ? undefined : fields.length, ttl: ttlUs === undefined ? undefined : {time: kept.length - 1, us: ttlUs}});
        return fields.map((_, at) => newest.readColumn(at));
      });
    try {
      return await find(false);
    } catch (error) {
      if (!(error instanceof ValueTie)) throw error;
      return find(true);
    }
  }

  /** @throws ValueTie when versions are not ranked and their instants do not order them */
  private async readVersions(task: ViewJoinTask, {keyTable, slots}: RowSet, kept: readonly VersionColumn[], isRanked: boolean): Promise<NewestVersions> {
    const order = isRanked ? `row_number() OVER (PARTITION BY keys.__key ORDER BY ${task.order.join(", ")})` : `CAST(v.${quoteName(task.time)} AS TIMESTAMP)`;
    const isOwnOrder = isRanked || !task.isKnownInOrder;
    const columns = ["keys.__key", "CAST(v.__known AS TIMESTAMP)", ...(isOwnOrder ? [order] : []), ...kept.map(({sql}) => sql)];
    const types = ["INTEGER", "TIMESTAMP", ...(isOwnOrder ? [isRanked ? "BIGINT" : "TIMESTAMP"] : []), ...kept.map(({type}) => type)];
    const sql = `SELECT ${columns.join(", ")} FROM (${task.versions}) AS v JOIN ${keyTable} AS keys ON ${matchKeys(task.keys, "v")}`;
    const newest = new NewestVersions(this.memory, slots, kept.map(({type}) => widthOfType.get(type)!), task.isInclusive);
    await this.session.forEachChunk(sql, types, ({rowCount, columns: read}) =>
      newest.offer({rowCount, keys: read[0]!, known: read[1]!, order: isOwnOrder ? read[2] : undefined, columns: read.slice(isOwnOrder ? 3 : 2)}),
    );
    newest.settle();
    return newest;
  }
}

const bytesOf = (columns: readonly VersionColumn[]): number => columns.reduce((sum, {type}) => sum + widthOfType.get(type)! + 1, 0);
