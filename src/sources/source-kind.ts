/** What kind of source a view's keys name, and which DuckDB extensions reading it takes. */
import type {View} from "../definitions/model.js";
import type {ExtensionName} from "./extensions.js";

export type SourceKind = "parquet" | "object-store" | "postgres" | "ducklake" | "iceberg" | "delta" | "duckdb" | "sqlite" | "snowflake" | "unknown";

const kindOfScheme: Readonly<Record<string, SourceKind>> = {
  postgres: "postgres",
  postgresql: "postgres",
  ducklake: "ducklake",
  iceberg: "iceberg",
  delta: "delta",
  duckdb: "duckdb",
  sqlite: "sqlite",
  snowflake: "snowflake",
  s3: "object-store",
  r2: "object-store",
  http: "object-store",
  https: "object-store",
};

/** The scheme of a location; undefined for a path on disk. */
export function schemeOf(location: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(location)?.[1]?.toLowerCase();
}

/** `location`: what `path` or else `database_path` says, its references filled in where they could name the scheme. */
export function kindOf(view: View, location: string): SourceKind {
  const scheme = schemeOf(location);
  if (scheme === undefined && view.source.path !== undefined) return "parquet";
  if (scheme === undefined) return /\.duckdb$/i.test(location) ? "duckdb" : /\.sqlite3?$/i.test(location) ? "sqlite" : "unknown";
  return kindOfScheme[scheme] ?? "unknown";
}

const extensionsOfKind: Readonly<Record<SourceKind, readonly ExtensionName[]>> = {
  parquet: [],
  "object-store": [],
  postgres: ["postgres"],
  ducklake: ["ducklake"],
  iceberg: ["avro", "iceberg"],
  delta: ["delta"],
  duckdb: [],
  sqlite: ["sqlite"],
  snowflake: [],
  unknown: [],
};

export function extensionsOf(view: View, location: string): readonly ExtensionName[] {
  const kind = kindOf(view, location);
  if (kind === "ducklake") {
    const catalog = /^ducklake:(postgres|sqlite):/i.exec(location)?.[1]?.toLowerCase() as "postgres" | "sqlite" | undefined;
    const isStored = view.source.dataPath !== undefined && /^(?:s3|r2):/i.test(view.source.dataPath);
    return ["ducklake", ...(catalog ? [catalog] : []), ...(isStored ? (["httpfs"] as const) : [])];
  }
  if (kind === "object-store") return storeExtensionsOf(view, location);
  const inner = location.replace(/^(?:iceberg|delta):/i, "");
  return [...extensionsOfKind[kind], ...(inner !== location && schemeOf(inner) !== undefined ? storeExtensionsOf(view, inner) : [])];
}

function storeExtensionsOf({source: {credentials, options}}: View, location: string): readonly ExtensionName[] {
  const isChained = !schemeOf(location)!.startsWith("http") && !credentials.has("access_key_id") && options.get("anonymous") !== "true";
  return isChained ? ["httpfs", "aws"] : ["httpfs"];
}
