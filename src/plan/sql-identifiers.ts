/**
 * The names that a SQL expression mentions, found by its tokens and not by its grammar: enough to know which columns to read,
 * where one name too many costs a column and one too few would be an error of the query.
 */
export interface SqlIdentifiers {
  readonly names: ReadonlySet<string>;
  /** Names that stand before a dot, such as `hist` and `cur`. */
  readonly qualifiers: ReadonlySet<string>;
}

const token = /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\/|"((?:[^"]|"")*)"(\s*\.)?|([A-Za-z_][A-Za-z0-9_]*)(\s*\.)?|[0-9.]+(?:[eE][0-9]+)?|./gs;

/** Unquoted names are compared as they are written and in lower case, since SQL folds case. */
export function parseSqlIdentifiers(sql: string): SqlIdentifiers {
  const found = new Set<string>();
  const qualifiers = new Set<string>();
  for (const [, quoted, quotedDot, bare, bareDot] of sql.matchAll(token)) {
    const name = quoted?.replaceAll('""', '"') ?? bare;
    if (name === undefined) continue;
    const target = (quotedDot ?? bareDot) === undefined ? found : qualifiers;
    target.add(name);
    target.add(name.toLowerCase());
  }
  return {names: found, qualifiers};
}
