/**
 * Lists that skip some places of their range. Each row looks at the newest places, and further back only if too few of them
 * remain, so a heavy key that repeats itself costs a few more looks and not its whole window for every row.
 */
import {decidingColumns, renderBlockNumber, renderBlockStart, writeBlocks} from "./rolling-blocks.js";
import {renderNewest} from "./rolling-pairs.js";
import {isDistinct, type PlacedWindow} from "./rolling-plan.js";
import {currentColumn, rowTable} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

const blockTable = "__agg_block";

/** @param column how to read a deciding column at the place in question. */
function renderCounts({window}: PlacedWindow, column: (name: string) => string): string {
  const own = window.exclude && `r.${currentColumn(window.exclude.target)}`;
  const counts = ["true"];
  if (own !== undefined) counts.push(`(${column("dropper")} = ${own}) IS NOT TRUE`);
  if (isDistinct(window.operation)) {
    const again =
      own === undefined
        ? column("again_ts")
        : `CASE WHEN ${column("again_dropper")} = ${own} THEN ${column("later_ts")} ELSE ${column("again_ts")} END`;
    counts.push(`(${again} < r.__ts) IS NOT TRUE`);
  }
  return counts.join(" AND ");
}

/** How many places the looks take in: repeated values are frequent, a row's own item is rare. */
function lookLengths({window: {maxItems, operation}}: PlacedWindow): readonly number[] {
  if (isDistinct(operation)) return maxItems === undefined ? [256] : [2 * maxItems, 8 * maxItems];
  return maxItems === undefined ? [] : [maxItems + 8, 8 * maxItems];
}

/** `kept`: the places within the look that are not skipped, as they stand in the block's lists. */
function renderLook(placed: PlacedWindow, rows: string, length: number): string {
  const columns = ["item", ...decidingColumns(placed.range.line)].map((column) => `b.${column}`).join(", ");
  const range = `range(greatest(first_place, last_place - ${length - 1}) - start, last_place + 1 - start)`;
  return `WITH __blocks AS (
  SELECT *, ${renderBlockStart("number", length)} AS start FROM ${blockTable}
), __looked AS (
  SELECT r.__row, r.first_place, r.last_place, b.start, ${columns},
    [j FOR j IN ${range} IF ${renderCounts(placed, (name) => `b.${name}[j]`)}] AS kept
  FROM ${rows} r JOIN __blocks b ON b.__key = r.__key AND b.number = ${renderBlockNumber("r.last_place", length)}
)`;
}

/**
 * Writes `__row` and `found`, for rows whose range is not empty. Behind the places of the last look, items are joined, and of
 * repeated values only those that stay away for longer than it has looked: where few values repeat all the time, these are few.
 */
export async function writeLookBack(tables: TemporaryTables, placed: PlacedWindow): Promise<void> {
  const {table, window, range} = placed;
  const {line} = range;
  const lengths = lookLengths(placed);
  let rest = "__agg_rest_0";
  await tables.write(table, `SELECT 0::BIGINT AS __row, []::${window.elementType}[] AS found WHERE false`);
  await tables.write(
    rest,
    `SELECT r.*, first_place, last_place FROM ${rowTable} r JOIN ${range.table} USING (__row) WHERE first_place <= last_place`,
  );
  for (const [at, length] of lengths.entries()) {
    await tables.drop(blockTable);
    await writeBlocks(tables, blockTable, line, {rows: rest, length});
    if (window.maxItems === undefined) break;
    await tables.append(
      table,
      `${renderLook(placed, rest, length)}
SELECT __row, [item[j] FOR j IN kept[-${window.maxItems}:]]
FROM __looked
WHERE len(kept) >= ${window.maxItems} OR first_place > last_place - ${length}`,
    );
    const next = `__agg_rest_${at + 1}`;
    await tables.write(next, `SELECT * FROM ${rest} r WHERE NOT EXISTS (FROM ${table} f WHERE f.__row = r.__row)`);
    await tables.drop(rest);
    rest = next;
  }

  const length = lengths.at(-1) ?? 0;
  const near =
    length === 0
      ? ""
      : `${renderLook(placed, rest, length)}
SELECT __row, unnest(kept) + start AS place, unnest([item[j] FOR j IN kept]) AS item
FROM __looked
UNION ALL `;
  const staysAway = isDistinct(window.operation) ? ` AND (l.away IS NULL OR l.away > ${length})` : "";
  await tables.append(
    table,
    `SELECT __row, ${renderNewest("item", "place", window.maxItems)}
FROM (
${near}SELECT r.__row, l.place, l.item
FROM ${rest} r JOIN ${line.table} l ON l.__key = r.__key AND l.place BETWEEN r.first_place AND r.last_place - ${length}
WHERE ${renderCounts(placed, (name) => `l.${name}`)}${staysAway}
)
GROUP BY __row`,
  );
  for (const written of [rest, blockTable]) await tables.drop(written);
}
