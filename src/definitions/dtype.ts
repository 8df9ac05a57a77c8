/** The value types that definitions may name, and how DuckDB spells them. */
export const scalarNames = ["BIGINT", "INTEGER", "DOUBLE", "FLOAT", "BOOLEAN", "TEXT", "TIMESTAMP", "DATE"] as const;
export type ScalarName = (typeof scalarNames)[number];

/** `vector` is a fixed-length embedding, written to parquet as a list. */
export type Dtype =
  | {readonly kind: "scalar"; readonly name: ScalarName}
  | {readonly kind: "list"; readonly name: ScalarName}
  | {readonly kind: "vector"; readonly name: "HALF_FLOAT" | "FLOAT"; readonly dimension: number};

const scalars: ReadonlySet<string> = new Set(scalarNames);

/** `BIGINT`, `TEXT[]`, `HALF_FLOAT[1152]`; undefined for anything else. */
export function parseDtype(text: string): Dtype | undefined {
  const match = /^([A-Z_]+)(?:\[(\d*)\])?$/.exec(text.trim());
  if (!match) return undefined;
  const [, name = "", dimension] = match;
  if (dimension !== undefined && dimension !== "") {
    if ((name !== "HALF_FLOAT" && name !== "FLOAT") || Number(dimension) < 1) return undefined;
    return {kind: "vector", name, dimension: Number(dimension)};
  }
  if (!scalars.has(name)) return undefined;
  return {kind: dimension === undefined ? "scalar" : "list", name: name as ScalarName};
}

export function renderDtype(dtype: Dtype): string {
  if (dtype.kind === "vector") return `${dtype.name}[${dtype.dimension}]`;
  return dtype.kind === "list" ? `${dtype.name}[]` : dtype.name;
}

/** The DuckDB type that holds it; DuckDB has no half floats, so a half vector passes through as FLOAT[]. */
export function duckdbType(dtype: Dtype): string {
  if (dtype.kind === "vector") return "FLOAT[]";
  const scalar = dtype.name === "TEXT" ? "VARCHAR" : dtype.name;
  return dtype.kind === "list" ? `${scalar}[]` : scalar;
}
