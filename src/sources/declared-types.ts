/** Of sources that know few types, or none: columns are read as the view declares them. */
import type {View} from "../definitions/model.js";
import {quoteName} from "./quote.js";

/** A relation of the same columns, the declared ones in their types. */
export function renderDeclared(view: View, from: string): string {
  const casts = declaredTypes(view).map(([name, type]) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`);
  return casts.length === 0 ? from : `(SELECT * REPLACE (${casts.join(", ")}) FROM ${from})`;
}

/** In the source's names. An instant may have an offset, which only TIMESTAMPTZ keeps; without one it is UTC. */
export function declaredTypes(view: View): readonly (readonly [string, string])[] {
  const sourceNames = new Map([...view.source.fieldMapping].map(([from, to]) => [to, from]));
  const times = [view.timestampColumn, view.time.availableAt, view.time.validTo].filter((name) => name !== undefined);
  const types = new Map(view.fields.map(({name, dtype}) => [name, `${dtype.name === "TEXT" ? "VARCHAR" : dtype.name === "TIMESTAMP" ? "TIMESTAMPTZ" : dtype.name}${dtype.kind === "list" ? "[]" : ""}`]));
  for (const name of times) types.set(name, "TIMESTAMPTZ");
  return [...types].map(([name, type]) => [sourceNames.get(name) ?? name, type]);
}
