/** Rows of plain values as aligned columns, for people; machines ask for JSON. */
import Table from "cli-table3";

const noLines = Object.fromEntries(
  ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
    .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid"])
    .map((part) => [part, ""]),
);

/** A heading and a line for each row, two spaces between columns; a row is an object with a value for each column. */
export function renderTable<Row extends object>(columns: readonly (keyof Row & string)[], rows: readonly Row[]): string {
  const table = new Table({
    head: [...columns],
    chars: {...noLines, middle: "  "},
    style: {head: [], border: [], "padding-left": 0, "padding-right": 0},
  });
  for (const row of rows) table.push(columns.map((column) => renderCell(row[column])));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function renderCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(renderCell).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
