/** A file of rows of which an engine left columns in memory: all find room for their pages, or some, or none, and the rows are the same. */
import {mkdtempSync, readdirSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, expect, it, vi} from "vitest";
import type {ListStretches} from "../../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {ColumnWriter} from "../../src/pipeline/column-writer.js";
import {KeptColumns} from "../../src/pipeline/kept-columns.js";
import {writeRows} from "../../src/pipeline/skeleton-file.js";
import {makeNumberRows} from "../support/kept-values.js";
import {seededRandom} from "../support/seeded-random.js";

const rowCount = 60_000;
/** Far more than the lists look at, so that laying them out takes much. */
const lineLength = 8_000_000;
const columns = ["id", "triple", "pair"];
const made = `(SELECT i AS __row, i % 7 AS id, 3 * i AS triple, [CAST(i AS BIGINT), i + 1] AS pair FROM range(${rowCount}) t(i))`;

let next = 0n;
const triple = makeNumberRows(rowCount, seededRandom(1), () => 3n * next++, {type: "BIGINT", width: 8, nulls: undefined});
const everyRow = Int32Array.from({length: rowCount}, (_, at) => at);
const line = new BigInt64Array(lineLength);
for (let at = 0; at <= rowCount; at += 1) line[at] = BigInt(at);
const pair: ListStretches = {kind: "lists", part: new Int32Array(rowCount), place: everyRow, parts: [{start: everyRow, end: everyRow.map((row) => row + 2), line, extra: new BigInt64Array(0)}]};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rows-"));
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

it.each([
  {room: "all columns", memory: "1GB", encoded: ["triple", "pair"]},
  {room: "some columns", memory: "90MB", encoded: ["triple"]},
  {room: "no column", memory: "16MB", encoded: []},
])("with room for $room has the rows of SQL", async ({memory, encoded}) => {
  const session = await DuckDbSession.open({config: new Map([["threads", "1"], ["memory_limit", memory]])});
  const columnWriter = new ColumnWriter();
  const add = vi.spyOn(columnWriter, "add");
  try {
    const path = join(folder, `${memory}.parquet`);
    const kept = new KeptColumns([["triple", triple], ["pair", pair]]);
    const lengths = await writeRows(session, {path, relation: made, columns, made: {isOrdered: true, kept}, first: 0, last: rowCount - 1, rowCount, rowGroupRows: 122_880, columnWriter, signal: new AbortController().signal});
    expect([...lengths.keys()]).toEqual(encoded.filter((name) => name === "pair"));
    const [row] = await session.rows(`SELECT count(*) AS count, count(*) FILTER (f.id = m.id AND f.triple = m.triple AND f.pair = m.pair) AS equal
FROM (SELECT *, row_number() OVER () - 1 AS __row FROM '${path}') f JOIN ${made} m USING (__row)`);
    expect(row).toEqual({count: BigInt(rowCount), equal: BigInt(rowCount)});
    expect(add.mock.calls.flatMap(([{columns: added}]) => [...added.keys()])).toEqual(encoded);
    expect(readdirSync(folder).filter((name) => name.endsWith(".scalars"))).toEqual([]);
  } finally {
    await columnWriter.close();
    session.close();
  }
});
