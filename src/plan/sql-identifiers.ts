/**
 * The names that a SQL expression mentions, found by its tokens and not by its grammar: enough to know which columns to read,
 * where one name too many costs a column and one too few would be an error of the query.
 */
export interface SqlIdentifiers {
  readonly names: ReadonlySet<string>;
  /** Names that stand before a dot, such as `hist` and `cur`. */
  readonly qualifiers: ReadonlySet<string>;
  /** What stands behind the dot of each qualifier, as it is written. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Groups: a quoted name and the dot behind it, a bare name and its dot. Texts, comments, numbers and signs have none. */
export const sqlToken = /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\/|"((?:[^"]|"")*)"(\s*\.)?|([A-Za-z_][A-Za-z0-9_]*)(\s*\.)?|[0-9.]+(?:[eE][0-9]+)?|./gs;

/** Unquoted names are compared as they are written and in lower case, since SQL folds case. */
export function parseSqlIdentifiers(sql: string): SqlIdentifiers {
  const found = new Set<string>();
  const members = new Map<string, Set<string>>();
  let qualifier: string | undefined;
  for (const [text, quoted, quotedDot, bare, bareDot] of sql.matchAll(sqlToken)) {
    const name = quoted?.replaceAll('""', '"') ?? bare;
    if (name === undefined) {
      if (text.trim() !== "") qualifier = undefined;
      continue;
    }
    if (qualifier !== undefined) for (const spelling of [qualifier, qualifier.toLowerCase()]) members.get(spelling)!.add(name);
    const isQualifier = (quotedDot ?? bareDot) !== undefined;
    qualifier = isQualifier ? name : undefined;
    for (const spelling of [name, name.toLowerCase()]) {
      if (!isQualifier) found.add(spelling);
      else if (!members.has(spelling)) members.set(spelling, new Set());
    }
  }
  return {names: found, qualifiers: new Set(members.keys()), members};
}
