import type {Context} from "./context.js";

/**
 * The SQL of a column's default: `default_sql` as it stands, or the literal `default` quoted. A number written with a point or
 * an exponent is a DOUBLE, as YAML means it; DuckDB alone would take it for a DECIMAL.
 */
export function parseDefault({file, problems}: Context, owner: {readonly default?: unknown; readonly default_sql?: string | undefined}): string | undefined {
  if (owner.default !== undefined && owner.default_sql !== undefined) {
    const reason = 'keep "default" for a value, "default_sql" for an expression';
    problems.add("keys-conflict", {keys: ["default", "default_sql"], reason}, file.keyPlace(owner, "default_sql"));
  }
  if (owner.default_sql !== undefined) return owner.default_sql;
  if (owner.default === undefined) return undefined;
  const {default: value} = owner;
  if (!Array.isArray(value)) return renderLiteral(value, file.scalarText(owner, "default"));
  return `[${value.map((item, index) => renderLiteral(item, file.scalarText(value, index))).join(", ")}]`;
}

/** `written` is how a number stands in the file, where it does. */
function renderLiteral(value: unknown, written: string | undefined): string {
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === "boolean") return value ? "TRUE" : "FALSE";
  if (typeof value !== "number") return "NULL";
  // Whole numbers beyond a double's precision keep the digits of the file.
  if (written !== undefined && /^[-+]?\d+$/.test(written)) return written.replace("+", "");
  if (Number.isInteger(value) && (written === undefined || !/[.e]/i.test(written) || /^0x/i.test(written))) return String(value);
  return `CAST('${String(value).replace(/^-?\d+$/, "$&.0")}' AS DOUBLE)`;
}

/** True when two defaults fill a column with the same value: as SQL texts, or as numbers (`0` and `0.0`). */
export function isSameDefault(a: string, b: string): boolean {
  return a === b || (numberOf(a) !== undefined && numberOf(a) === numberOf(b));
}

function numberOf(sql: string): number | undefined {
  const [, digits] = /^(?:CAST\(')?(-?\d[\d.e+-]*)(?:' AS DOUBLE\))?$/.exec(sql) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
