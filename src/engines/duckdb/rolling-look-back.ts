/**
 * Lists that skip some places of their range. Each row looks at the newest places, and further back only if too few of them
 * remain, so a heavy key that repeats itself costs a few more looks and not its whole window for every row.
 */
import {renderNewest} from "./rolling-pairs.js";
import type {Line, PlacedWindow} from "./rolling-plan.js";
import {currentColumn} from "./rolling-rows.js";
import type {TemporaryTables} from "./temporary-tables.js";

/** The columns of a line that decide, with its row, whether a place is skipped. */
export function decidingColumns(line: Line): readonly string[] {
  if (!line.value?.isUnnested) return line.dropper === undefined ? [] : ["dropper"];
  return line.dropper === undefined ? ["again_ts"] : ["dropper", "again_ts", "again_dropper", "later_ts"];
}

/** @param column how to read a deciding column at the place in question. */
function renderCounts({window}: PlacedWindow, column: (name: string) => string): string {
  const own = window.exclude && `p.${currentColumn(window.exclude.target)}`;
  const counts: string[] = [];
  if (own !== undefined) counts.push(`(${column("dropper")} = ${own}) IS NOT TRUE`);
  if (window.operation === "flatten_distinct") {
    const again =
      own === undefined
        ? column("again_ts")
        : `CASE WHEN ${column("again_dropper")} = ${own} THEN ${column("later_ts")} ELSE ${column("again_ts")} END`;
    counts.push(`(${again} < p.__ts) IS NOT TRUE`);
  }
  return counts.join(" AND ");
}

/** How many places the looks take in: repeated values are frequent, a row's own item is rare. */
function lookLengths({window: {maxItems, operation}}: PlacedWindow): readonly number[] {
  if (maxItems === undefined) return [];
  return operation === "flatten_distinct" ? [2 * maxItems, 8 * maxItems] : [maxItems + 8, 8 * maxItems];
}

/** How far the last look is a look, where no limit says it. */
const nearLength = 256;

export interface LookBackTables {
  /** The batch's rows with their ranges, whose columns `first` and `last` are. */
  readonly places: string;
  readonly first: string;
  readonly last: string;
  /** The batch's arrays of the line. */
  readonly array: string;
}

/**
 * Writes `__row` and `found`, for the rows whose range is not empty. Behind the newest places the last look joins, and sees only
 * values that stay away for longer than it has looked: where few values repeat all the time, these are few.
 */
export async function writeLookBack(tables: TemporaryTables, placed: PlacedWindow, from: LookBackTables): Promise<void> {
  const {foundTable, window, range} = placed;
  const {first, last} = from;
  await tables.write(foundTable, `SELECT 0::BIGINT AS __row, []::${window.elementType}[] AS found WHERE false`);
  const renderLook = (length: number): string => `WITH __rest AS (
  SELECT * FROM ${from.places} p
  WHERE ${first} <= ${last} AND NOT EXISTS (FROM ${foundTable} f WHERE f.__row = p.__row)
), __looked AS (
  SELECT *, [j FOR j IN range(greatest(${first}, ${last} - ${length - 1}), ${last} + 1) IF ${renderCounts(placed, (name) => `${name}[j]`)}] AS kept
  FROM __rest p, ${from.array}
)`;

  for (const length of lookLengths(placed)) {
    await tables.append(
      foundTable,
      `${renderLook(length)}
SELECT __row, [item[j] FOR j IN kept[-${window.maxItems!}:]]
FROM __looked
WHERE len(kept) >= ${window.maxItems!} OR ${first} > ${last} - ${length}`,
    );
  }
  const length = lookLengths(placed).at(-1) ?? nearLength;
  const staysAway = window.operation === "flatten_distinct" ? ` AND (l.away IS NULL OR l.away > ${length})` : "";
  await tables.append(
    foundTable,
    `${renderLook(length)}, __items AS (
  SELECT __row, unnest(kept) AS place, unnest([item[j] FOR j IN kept]) AS item
  FROM __looked
  UNION ALL
  SELECT p.__row, l.place - r.first_place + ${first}, l.item
  FROM __rest p JOIN ${range.table} r USING (__row)
    JOIN ${range.line.table} l ON l.__key = r.__key AND l.place BETWEEN r.first_place AND r.last_place - ${length}
  WHERE ${renderCounts(placed, (name) => `l.${name}`)}${staysAway}
)
SELECT __row, ${renderNewest("item", "place", window.maxItems)}
FROM __items
GROUP BY __row`,
  );
}
