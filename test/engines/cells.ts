/** Values of test tables as plain JavaScript, the literals that write them into DuckDB and the expressions that read them back. */

/** BIGINT, DATE (days) and TIMESTAMP (microseconds since 1970) are bigint; INTEGER, DOUBLE and FLOAT are number. */
export type Cell = bigint | number | string | boolean | null | readonly Cell[];
export type Row = Readonly<Record<string, Cell>>;

export interface Column {
  readonly name: string;
  /** A DuckDB type, or a list of one: `BIGINT`, `VARCHAR[]`. */
  readonly type: string;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

const isList = (cell: Cell | undefined): cell is readonly Cell[] => Array.isArray(cell);
const elementType = (type: string): string | undefined => (type.endsWith("[]") ? type.slice(0, -2) : undefined);

export function renderLiteral(cell: Cell, type: string): string {
  if (cell === null) return `CAST(NULL AS ${type})`;
  if (isList(cell)) {
    const element = elementType(type)!;
    return `CAST([${cell.map((item) => renderLiteral(item, element)).join(", ")}] AS ${type})`;
  }
  if (type === "DATE") return `(DATE '1970-01-01' + CAST(${String(cell)} AS INTEGER))`;
  if (type === "TIMESTAMP") return `make_timestamp(${String(cell)})`;
  if (typeof cell === "string") return `'${cell.replaceAll("'", "''")}'`;
  return `CAST('${Object.is(cell, -0) ? "-0.0" : String(cell)}' AS ${type})`;
}

/** A column as DuckDB's client returns it without loss: no `Date`, whose milliseconds are too coarse. */
export function renderReading(column: Column): string {
  const name = `"${column.name}"`;
  const element = elementType(column.type);
  const plain = (value: string, type: string): string => {
    if (type === "DATE") return `CAST(${value} - DATE '1970-01-01' AS BIGINT)`;
    return type === "TIMESTAMP" ? `epoch_us(${value})` : value;
  };
  return `${element === undefined ? plain(name, column.type) : `[${plain("e", element)} FOR e IN ${name}]`} AS ${name}`;
}

/** The order of the time contract: NULL first, NaN greatest, text by its UTF-8 bytes, lists by their elements with NULL last. */
export function compareCells(a: Cell, b: Cell): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  if (isList(a) && isList(b)) return compareLists(a, b);
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
  if (typeof a === "number" && typeof b === "number" && (Number.isNaN(a) || Number.isNaN(b))) {
    return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  }
  return a < b ? -1 : Number(a > b);
}

function compareLists(a: readonly Cell[], b: readonly Cell[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [left, right] = [a[at] ?? null, b[at] ?? null];
    const order = left === null || right === null ? Number(left === null) - Number(right === null) : compareCells(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** SQL's `=`, with NULL equal to nothing. */
export function isEqual(a: Cell, b: Cell): boolean {
  return a !== null && b !== null && compareCells(a, b) === 0;
}

/** Equal to the bit, apart from which NaN it is: `-0` is not `0`, and no list is NULL. */
export function isIdentical(a: Cell | undefined, b: Cell | undefined): boolean {
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, at) => isIdentical(item, b[at]));
  return Object.is(a, b);
}

export function renderCells(rows: readonly (Row | undefined)[]): string {
  const plain = (cell: Cell): unknown => {
    if (isList(cell)) return cell.map(plain);
    if (typeof cell === "bigint") return `${cell}n`;
    return typeof cell === "number" && !Number.isFinite(cell) ? String(cell) : cell;
  };
  return rows
    .map((row) => row && JSON.stringify(Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, plain(cell)]))))
    .join("\n");
}
