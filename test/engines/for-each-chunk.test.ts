/** Rows that DuckDB hands over vector by vector, beside the same query's rows as it answers them. */
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {isSet, type RawChunk} from "../../src/engines/raw-vectors.js";

let session: DuckDbSession;
beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "2"]])});
  await session.run("CREATE TABLE numbers AS SELECT range AS n, range % 7 AS k, CASE WHEN range % 3 > 0 THEN range % 5 END AS may_be_null FROM range(50000)");
});
afterAll(() => session.close());

const halves = (data: Uint8Array, row: number): bigint => new BigInt64Array(data.buffer, data.byteOffset)[row]!;

/** Columns of BIGINT and lists of BIGINT, as JSON a row. */
function readRows({rowCount, columns}: RawChunk): string[] {
  return Array.from({length: rowCount}, (_, row) =>
    JSON.stringify(
      columns.map(({data, validity, child}) => {
        if (!isSet(validity, row)) return null;
        if (!child) return Number(halves(data, row));
        const [offset, length] = [Number(halves(data, 2 * row)), Number(halves(data, 2 * row + 1))];
        return Array.from({length}, (__, at) => (isSet(child.validity, offset + at) ? Number(halves(child.data, offset + at)) : null));
      }),
    ),
  );
}

async function eachRows(sql: string, types: readonly string[]): Promise<string[]> {
  const rows: string[] = [];
  await session.forEachChunk(sql, types, (chunk) => rows.push(...readRows(chunk)));
  return rows.sort();
}

const number = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : Array.isArray(value) ? value.map(number) : value);
async function queryRows(sql: string): Promise<string[]> {
  const rows = await session.rows(sql);
  return rows.map((row) => JSON.stringify(Object.values(row).map(number))).sort();
}

describe("rows handed over", () => {
  it.each([
    ["of a table", "FROM numbers", ["BIGINT", "BIGINT", "BIGINT"]],
    ["of a filter and a join", "SELECT a.n, b.n + 1, b.may_be_null FROM numbers a JOIN numbers b ON a.n = b.n + 7 WHERE a.k = 3", ["BIGINT", "BIGINT", "BIGINT"]],
    ["that are alike", "SELECT 1::BIGINT, NULL::BIGINT FROM range(5000)", ["BIGINT", "BIGINT"]],
    ["that are none", "SELECT n FROM numbers WHERE n < 0", ["BIGINT"]],
    ["with the same column twice", "SELECT n, n FROM numbers", ["BIGINT", "BIGINT"]],
    ["with lists", "SELECT n, CASE WHEN k > 2 THEN [n, NULL, may_be_null] END FROM numbers", ["BIGINT", "BIGINT[]"]],
    ["with lists whose elements were chosen", "SELECT n, list_filter([n, k, may_be_null, 3, NULL], lambda x: x % 2 = 1) FROM numbers", ["BIGINT", "BIGINT[]"]],
    ["with lists in another order", "SELECT list_reverse_sort([n % 11, k, may_be_null]), list_distinct([k, k, 1]), [n, k, 4][2:] FROM numbers", ["BIGINT[]", "BIGINT[]", "BIGINT[]"]],
    ["with lists of groups", "SELECT k, list(n ORDER BY n DESC) FROM numbers GROUP BY k", ["BIGINT", "BIGINT[]"]],
    ["with lists of more than may wait", "SELECT n, CASE WHEN n % 5000 = 0 THEN range(n, n + 600000) ELSE [n] END FROM numbers WHERE k > 3", ["BIGINT", "BIGINT[]"]],
    ["with a list for all", "SELECT n, [1::BIGINT, 2] FROM numbers", ["BIGINT", "BIGINT[]"]],
  ])("%s are the query's", async (_, sql, types) => {
    expect(await eachRows(sql, types)).toEqual(await queryRows(sql));
  });

  it("end with what their receiver throws, and can be asked for again", async () => {
    const full = new Error("no room");
    let received = 0;
    await expect(
      session.forEachChunk("SELECT n FROM numbers", ["BIGINT"], () => {
        received += 1;
        if (received === 3) throw full;
      }),
    ).rejects.toBe(full);
    expect(await eachRows("SELECT n FROM numbers WHERE k = 1", ["BIGINT"])).toHaveLength(7143);
  });

  it("end with the query's error", async () => {
    await expect(session.forEachChunk("SELECT CAST('x' || n AS BIGINT) FROM numbers", ["BIGINT"], () => undefined)).rejects.toThrow("Could not convert string 'x0' to INT64");
  });
});
