/** The only way in which names and values reach SQL text. */

/** `user"id` -> `"user""id"`. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `it's` -> `'it''s'`. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `["a", "b"]` -> `"a", "b"`. */
export function quoteNames(names: readonly string[]): string {
  return names.map(quoteName).join(", ");
}
