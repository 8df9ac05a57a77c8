/** The DuckDB extensions that sources stand on. Which file and which Python wheel holds one follows from its name. */

export const extensions = {
  httpfs: {file: "httpfs", reads: "s3://, r2://, http:// and https:// files"},
  aws: {file: "aws", reads: "credentials that the machine itself has, for s3://"},
  postgres: {file: "postgres_scanner", reads: "PostgreSQL"},
  sqlite: {file: "sqlite_scanner", reads: "SQLite files"},
  ducklake: {file: "ducklake", reads: "DuckLake"},
  avro: {file: "avro", reads: "what Iceberg needs"},
  iceberg: {file: "iceberg", reads: "Iceberg tables"},
  delta: {file: "delta", reads: "Delta tables"},
} as const satisfies Record<string, {readonly file: string; readonly reads: string}>;

export type ExtensionName = keyof typeof extensions;

export const extensionNames = Object.keys(extensions) as readonly ExtensionName[];

/** `postgres` -> `duckdb-extension-postgres-scanner`, as the wheels are called that hold the same signed files. */
export function wheelName(name: ExtensionName): string {
  return `duckdb-extension-${extensions[name].file.replaceAll("_", "-")}`;
}

export function renderLoad(name: ExtensionName): string {
  return `LOAD ${extensions[name].file}`;
}

export function renderInstall(name: ExtensionName): string {
  return `INSTALL ${extensions[name].file}`;
}
