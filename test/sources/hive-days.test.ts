/** A folder a day: which files are opened to read one of thirty days, as DuckDB's own log of its file system says. */
import {mkdirSync, rmSync, writeFileSync} from "node:fs";
import {join, relative} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {renderScan} from "../../src/engines/duckdb/emit.js";
import {Problems} from "../../src/errors.js";
import {dayRange} from "../../src/pipeline/day.js";
import {checkSources, scansOf} from "../../src/pipeline/source-check.js";
import {quoteText} from "../../src/sources/quote.js";
import {writeFiles} from "../support/project-files.js";
import {trainShop} from "../support/shop-project.js";

const days = Array.from({length: 30}, (_, index) => `2026-04-${String(index + 1).padStart(2, "0")}`);
const day = "2026-04-17";
const fileOf = (of: string): string => `data/orders/dt=${of}/part-0.parquet`;

describe("a hive dataset of thirty days", () => {
  let root: string;

  beforeAll(async () => {
    root = writeFiles({
      "config/training/runtime.yaml": 'feed_start: "202604"\nfeed_end: "202604"\noutput_root: out\n',
      "config/training/aggregations.yaml": "aggregation_specs: []\n",
      "feature_views/orders.yaml": "name: orders\nentity: customer\nsource: {path: data/orders, timestamp_field: at}\nfields:\n  - {name: quantity, dtype: INTEGER}\n",
      "feature_services/basket.yaml":
        "name: basket\nversion: 1\nspine: {view: orders}\ncolumns:\n  - {name: customer_id, kind: key, dtype: BIGINT}\n  - {name: at, kind: event, dtype: TIMESTAMP}\n  - {name: quantity, kind: event, dtype: INTEGER}\n",
    });
    const session = await DuckDbSession.open();
    for (const of of days) {
      mkdirSync(join(root, fileOf(of), ".."), {recursive: true});
      await session.run(`COPY (SELECT i AS customer_id, TIMESTAMP '${of}' + i * INTERVAL 1 MINUTE AS at, 1::INTEGER AS quantity FROM range(100) AS t(i)) TO ${quoteText(join(root, fileOf(of)))} (FORMAT parquet)`);
    }
    session.close();
  });
  afterAll(() => rmSync(root, {recursive: true, force: true}));

  const partitioned = (): void => writeFileSync(join(root, "feature_views/orders.yaml"), "name: orders\nentity: customer\nsource: {path: data/orders, timestamp_field: at, options: {day_partition: dt}}\nfields:\n  - {name: quantity, dtype: INTEGER}\n");

  /** Opened to get the sources ready, and then to read the rows of the day. */
  async function listOpened(): Promise<{ready: readonly string[]; read: readonly string[]; rows: number}> {
    const project = loadProject({root});
    const session = await DuckDbSession.open();
    try {
      const opened = async (): Promise<readonly string[]> => {
        const rows = await session.rows("SELECT DISTINCT path FROM duckdb_logs_parsed('FileSystem') WHERE op = 'OPEN' AND path LIKE '%/orders/%' ORDER BY path");
        await session.run("CALL truncate_duckdb_logs()");
        return rows.map((row) => relative(root, row["path"] as string));
      };
      await session.run("CALL enable_logging('FileSystem', level := 'trace')");
      const scan = {opKind: "scan", name: "scan", output: "scan", inputs: [], engine: "sql", view: "orders", columns: ["customer_id", "at", "quantity"], timeColumn: "at", fromUs: 0} as const;
      const plan = {service: "", version: 0, timeColumn: "at", operators: [scan]};
      const problems = new Problems();
      const checked = await checkSources(session, plan, project, {}, problems, {range: dayRange(day)});
      problems.throwIfErrors();
      const ready = await opened();
      const scans = scansOf(checked, dayRange(day).endUs);
      const rows = await session.rows(renderScan(scan, {plan, ...dayRange(day), scans, coveredTable: (store) => store, tables: new Map()})!);
      return {ready, read: await opened(), rows: rows.length};
    } finally {
      session.close();
    }
  }

  it("is read for one day from that day's file, by the footers of all", async () => {
    expect(await listOpened()).toEqual({ready: days.map(fileOf), read: [fileOf(day)], rows: 100});
  });

  it("opens no other file at all where the folders say their day", async () => {
    partitioned();
    expect(await listOpened()).toEqual({ready: [fileOf(day)], read: [fileOf(day)], rows: 100});
    // Whoever opened one of the others would fail.
    for (const other of days.filter((of) => of !== day)) writeFileSync(join(root, fileOf(other)), "no parquet");
    const report = await trainShop(root, {targetDay: day});
    expect(report.days).toMatchObject([{day, state: "written"}]);
  });
});
