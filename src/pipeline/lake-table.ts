/**
 * A service's dataset as a table of a DuckLake. A day replaces its rows in one transaction, so in one snapshot of the lake, and each row
 * says when its partition was written, by which a later run sees what the lake does not have yet.
 */
import {existsSync} from "node:fs";
import {setTimeout as sleep} from "node:timers/promises";
import type {OutputLake, Project, Service} from "../definitions/model.js";
import {DuckDbSession, type ColumnType} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {resolveLake, type Lake} from "../sources/ducklake.js";
import {References, type Environment, type Owner} from "../sources/environment.js";
import {quoteName, quoteText} from "../sources/quote.js";
import type {Source} from "../sources/source.js";
import {reasonOf} from "./failure.js";
import {prepareSession} from "./source-session.js";

const dayColumn = "dt";
const writtenAtColumn = "__written_at";
/** What another writer was faster with, or holds for a moment. */
const conflictPattern = /conflict|locked|could not set lock|could not serialize|deadlock|duplicate key/i;
const attemptsMax = 10;

export interface LakeDay {
  readonly day: string;
  readonly writtenAt: string;
  /** Parquet files on this machine. */
  readonly files: readonly string[];
  readonly signal: AbortSignal;
}

/** Undefined where the project has no lake. */
export async function openLakeTable(project: Project, service: Service, sources: Iterable<{readonly source: Source}>, environment: Environment): Promise<LakeTable | undefined> {
  const {outputLake} = project.runtime;
  if (!outputLake) return undefined;
  const owner: Owner = {name: '"output_lake" of runtime.yaml', ...outputLake};
  const references = new References(owner, environment);
  const lake = resolveLake(owner, {location: outputLake.databasePath, dataPath: outputLake.dataPath}, project.root, references);
  const table = new LakeTable({lake, outputLake, service: service.name, secrets: references.secrets, config: project.runtime.compute.duckdbConfig});
  // DuckDB locks its files for a process: within one, a file that is read and written at once would be torn.
  const isRead = lake.file !== undefined && [...sources].some(({source}) => source.setup.some((sql) => sql.includes(quoteText(`ducklake:${lake.file!}`))));
  if (isRead) throw table.failure("a view reads the same lake, whose catalog is a DuckDB file; keep its catalog in PostgreSQL or SQLite");
  await table.look();
  return table;
}

interface LakeTableOptions {
  readonly lake: Lake;
  readonly outputLake: OutputLake;
  readonly service: string;
  readonly secrets: readonly string[];
  readonly config: ReadonlyMap<string, string>;
}

export class LakeTable {
  /** Day -> when the partition was written whose rows the table has. */
  readonly days = new Map<string, string>();
  private readonly table: string;
  /** Lake -> the last work of this process in it. */
  private static readonly working = new Map<string, Promise<unknown>>();

  constructor(private readonly options: LakeTableOptions) {
    this.table = [options.lake.name, options.outputLake.schema, options.service].map(quoteName).join(".");
  }

  failure(reason: string, cause?: unknown): DaedalusError {
    const {outputLake, service} = this.options;
    return DaedalusError.of("lake-unwritable", {table: `${outputLake.schema}.${service}`, reason}, {place: outputLake.place, cause});
  }

  /** Reads which days the table has. A lake that is not there has none. */
  async look(): Promise<void> {
    const {lake} = this.options;
    if (lake.file !== undefined && !existsSync(lake.file)) return;
    await this.inSession("READ_ONLY", async (session) => {
      const columns = await this.describe(session);
      if (!columns) return;
      if (!columns.some(({name}) => name === writtenAtColumn)) throw this.failure("it is there and was not made by Daedalus");
      const rows = await session.rows(`SELECT strftime(${dayColumn}, '%Y-%m-%d') AS day, max(${writtenAtColumn}) AS written_at FROM ${this.table} GROUP BY ALL`);
      for (const row of rows) this.days.set(row["day"] as string, row["written_at"] as string);
    });
  }

  /** Replaces the rows of the day. */
  async write(day: LakeDay): Promise<void> {
    await this.inSession("READ_WRITE", async (session) => {
      await session.run("BEGIN");
      try {
        await this.replace(session, day);
        await session.run("COMMIT");
      } catch (error) {
        // A commit that failed has ended the transaction already.
        await session.run("ROLLBACK").catch(() => undefined);
        throw error;
      }
    }, day.signal);
    this.days.set(day.day, day.writtenAt);
  }

  private async replace(session: DuckDbSession, {day, writtenAt, files}: LakeDay): Promise<void> {
    const relation = `read_parquet([${files.map(quoteText).join(", ")}], hive_partitioning = false)`;
    const wanted = await session.describe(`SELECT * FROM ${relation}`);
    if (wanted.some(({name}) => name === dayColumn)) throw this.failure(`the service has a column "${dayColumn}", which is the day of a row there`);
    const columns = await this.describe(session);
    if (columns) await this.evolve(session, columns, wanted);
    else await this.create(session, wanted);
    await session.run(`DELETE FROM ${this.table} WHERE ${dayColumn} = DATE ${quoteText(day)}`);
    await session.run(`INSERT INTO ${this.table} BY NAME SELECT *, DATE ${quoteText(day)} AS ${dayColumn}, ${quoteText(writtenAt)} AS ${writtenAtColumn} FROM ${relation}`);
  }

  private async create(session: DuckDbSession, wanted: readonly ColumnType[]): Promise<void> {
    const columns = [...wanted, {name: dayColumn, type: "DATE"}, {name: writtenAtColumn, type: "VARCHAR"}];
    await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(this.options.lake.name)}.${quoteName(this.options.outputLake.schema)}`);
    await session.run(`CREATE TABLE ${this.table} (${columns.map(({name, type}) => `${quoteName(name)} ${type}`).join(", ")})`);
    await session.run(`ALTER TABLE ${this.table} SET PARTITIONED BY (${dayColumn})`);
  }

  /** New columns are added, and are NULL in days that were written before; columns that are no longer made stay, NULL from now on. */
  private async evolve(session: DuckDbSession, columns: readonly ColumnType[], wanted: readonly ColumnType[]): Promise<void> {
    const had = new Map(columns.map(({name, type}) => [name, type]));
    for (const {name, type} of wanted) {
      const before = had.get(name);
      if (before === undefined) await session.run(`ALTER TABLE ${this.table} ADD COLUMN ${quoteName(name)} ${type}`);
      else if (isWider(type, before)) await session.run(`ALTER TABLE ${this.table} ALTER COLUMN ${quoteName(name)} TYPE ${type}`);
      else if (type !== before && !isWider(before, type)) {
        const {outputLake, service} = this.options;
        throw DaedalusError.of("lake-type", {table: `${outputLake.schema}.${service}`, column: name, had: before, has: type}, {place: outputLake.place});
      }
    }
  }

  /** Undefined where there is no such table. */
  private async describe(session: DuckDbSession): Promise<readonly ColumnType[] | undefined> {
    const {lake, outputLake, service} = this.options;
    const [found] = await session.rows(
      `SELECT 1 AS found FROM duckdb_tables() WHERE database_name = ${quoteText(lake.name)} AND schema_name = ${quoteText(outputLake.schema)} AND table_name = ${quoteText(service)}`,
    );
    return found && session.describe(`SELECT * FROM ${this.table}`);
  }

  /** One session of this process at a time, closed after its work; what met another writer is done again from its beginning. */
  private async inSession(mode: "READ_ONLY" | "READ_WRITE", work: (session: DuckDbSession) => Promise<void>, signal?: AbortSignal): Promise<void> {
    const {name} = this.options.lake;
    const mine = (LakeTable.working.get(name) ?? Promise.resolve()).then(async () => {
      for (let attempt = 1; ; attempt += 1) {
        signal?.throwIfAborted();
        try {
          return await this.attempt(mode, work);
        } catch (error) {
          if (error instanceof DaedalusError) throw error;
          const reason = reasonOf(error);
          // A catalog is made where there is none; the database that it lies in is not.
          if (mode === "READ_ONLY" && /does not exist|cannot open/i.test(reason) && !/database ".*" does not exist/i.test(reason)) return;
          if (!conflictPattern.test(error instanceof Error ? error.message : "") || attempt === attemptsMax) throw this.failure(attempt === 1 ? reason : `${reason} (${attempt} times)`, error);
          await sleep(Math.min(50 * 2 ** attempt, 3000) * (0.5 + Math.random()), undefined, signal ? {signal} : {});
        }
      }
    });
    LakeTable.working.set(name, mine.catch(() => undefined));
    await mine;
  }

  private async attempt(mode: "READ_ONLY" | "READ_WRITE", work: (session: DuckDbSession) => Promise<void>): Promise<void> {
    const {lake, secrets, config} = this.options;
    const session = await DuckDbSession.open({config});
    try {
      await prepareSession(session, [{extensions: lake.extensions, setup: lake.attach(mode), secrets}]);
      await work(session);
    } finally {
      session.close();
    }
  }
}

const chains: readonly (readonly string[])[] = [["TINYINT", "SMALLINT", "INTEGER", "BIGINT"], ["FLOAT", "DOUBLE"]];

/** Whether every value of `narrow` is one of `wide`. */
function isWider(wide: string, narrow: string): boolean {
  return chains.some((chain) => chain.includes(narrow) && chain.indexOf(wide) > chain.indexOf(narrow));
}
