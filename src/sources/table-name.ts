/** `public.users`, `users`, `"My Schema".users` -> schema and table. */
export function parseTableName(name: string, schemaDefault: string): readonly [schema: string, table: string] {
  const parts = [...name.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "");
  return parts.length > 1 ? [parts[0]!, parts.slice(1).join(".")] : [schemaDefault, parts[0] ?? name];
}
