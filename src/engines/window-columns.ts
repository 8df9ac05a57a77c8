/** Window columns beside the rows that they belong to. */
import {quoteName} from "../sources/quote.js";
import type {WindowColumns} from "./aggregation-engine.js";

/** Whether rows fetch all of the columns, so that `renderWithWindows` streams its relation. */
export const areFunctions = (columns: WindowColumns): boolean => [...columns.values()].every((column) => "function" in column);

/** A query of all columns of the relation, which has `__row`, and the windows' columns. */
export function renderWithWindows(relation: string, columns: WindowColumns): string {
  const tables = [...new Set([...columns.values()].flatMap((column) => ("table" in column ? [column.table] : [])))];
  const added = [...columns].map(([name, column]) => {
    const sql = "table" in column ? `w_${tables.indexOf(column.table)}.${quoteName(name)}` : `${column.function}(l.__row)`;
    return `, ${sql} AS ${quoteName(name)}`;
  });
  const joins = tables.map((table, at) => ` JOIN ${quoteName(table)} AS w_${at} ON l.__row = w_${at}.__row`);
  return `SELECT l.*${added.join("")}\nFROM ${quoteName(relation)} AS l${joins.join("")}`;
}
