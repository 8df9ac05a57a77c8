/**
 * The items of a line in lists that are made once, and not for each row: block 3 of length 32 holds places 65 to 128, block 4
 * places 97 to 160. The newest 32 items up to any place are then a slice of one block, the one that has it in its second half.
 */
import type {Line} from "./rolling-plan.js";
import type {TemporaryTables} from "./temporary-tables.js";

const pieceTable = "__agg_piece";

/** The columns of a line that decide, with its row, whether a place is skipped. */
export function decidingColumns(line: Line): readonly string[] {
  if (!line.value?.isUnnested) return line.dropper === undefined ? [] : ["dropper"];
  return line.dropper === undefined ? ["again_ts"] : ["dropper", "again_ts", "again_dropper", "later_ts"];
}

/** The number of the block whose second half holds the place. */
export function renderBlockNumber(place: string, length: number): string {
  return `(${place} - 1) // ${length}`;
}

/** The place before the first one in a block's lists. */
export function renderBlockStart(number: string, length: number): string {
  return `greatest(${number} - 1, 0) * ${length}`;
}

/** Writes `__key`, `number`, `item` and the deciding columns as lists, for blocks that rows of `rows` end in. */
export async function writeBlocks(
  tables: TemporaryTables,
  table: string,
  line: Line,
  {rows, length}: {readonly rows: string; readonly length: number},
): Promise<void> {
  const columns = ["item", ...decidingColumns(line)];
  const number = renderBlockNumber("last_place", length);
  await tables.write(
    pieceTable,
    `WITH __needed AS (
  SELECT __key, min(${number}) AS first_number FROM ${rows} GROUP BY __key
), __sorted AS (
  SELECT __key, ${renderBlockNumber("place", length)} AS number, list_sort(list({place: place, ${columns.map((column) => `${column}: ${column}`).join(", ")}})) AS places
  FROM ${line.table} JOIN __needed USING (__key)
  WHERE ${renderBlockNumber("place", length)} >= first_number - 1
  GROUP BY ALL
)
SELECT __key, number, ${columns.map((column) => `[e.${column} FOR e IN places] AS ${column}`).join(", ")}
FROM __sorted`,
  );
  await tables.write(
    table,
    `SELECT newer.__key, newer.number, ${columns.map((column) => `coalesce(older.${column}, []) || newer.${column} AS ${column}`).join(", ")}
FROM (SELECT DISTINCT __key, ${number} AS number FROM ${rows})
  JOIN ${pieceTable} newer USING (__key, number)
  LEFT JOIN ${pieceTable} older ON older.__key = newer.__key AND older.number = newer.number - 1`,
  );
  await tables.drop(pieceTable);
}
