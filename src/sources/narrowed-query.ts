/** A query as a server is asked for it: only the columns and the time that a day needs. */
import {quoteName, quoteNames, quoteText} from "./quote.js";
import type {Bounds} from "./source.js";

/** A comment at the end must not swallow what follows. */
export const trimQuery = (query: string): string => `${query.trim().replace(/;\s*$/, "")}${query.includes("--") ? "\n" : ""}`;

type InstantTypes = Readonly<Record<"TIMESTAMP" | "TIMESTAMPTZ", string>>;
const ownTypes: InstantTypes = {TIMESTAMP: "TIMESTAMP", TIMESTAMPTZ: "TIMESTAMPTZ"};

/** Which rows lie within the time, as conditions on the column itself. */
export function renderTimeTerms(time: Bounds["time"], types = ownTypes): readonly string[] {
  const instant = (text: string): string => `${quoteText(text)}::${types[time!.type]}`;
  return [
    ...(time?.from === undefined ? [] : [`${quoteName(time.column)} >= ${instant(time.from)}`]),
    ...(time?.end === undefined ? [] : [`${quoteName(time.column)} < ${instant(time.end)}`]),
  ];
}

/** @param types what the server calls the types of instants, where it has names of its own */
export function renderNarrowedQuery(from: string, bounds: Bounds | undefined, types = ownTypes): string {
  if (!bounds) return `SELECT * FROM ${from}`;
  const columns = bounds.columns.length > 0 ? quoteNames(bounds.columns) : "*";
  const {time, keys = []} = bounds;
  const terms = [
    ...renderTimeTerms(time, types),
    ...keys.map(({column, type, values}) => `${quoteName(column)} = ANY(${quoteText(`{${values.join(",")}}`)}::${type}[])`),
  ];
  return `SELECT ${columns} FROM ${from}${terms.length === 0 ? "" : ` WHERE ${terms.join(" AND ")}`}`;
}
