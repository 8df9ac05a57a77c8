import {findNearest} from "./nearest.js";

/** The value types that definitions may name, and how DuckDB spells them. */
export const scalarNames = ["BIGINT", "INTEGER", "DOUBLE", "FLOAT", "BOOLEAN", "TEXT", "TIMESTAMP", "DATE"] as const;
export type ScalarName = (typeof scalarNames)[number];

const vectorNames = ["HALF_FLOAT", "FLOAT", "TINYINT"] as const;
type VectorName = (typeof vectorNames)[number];

/** `vector` is a fixed-length embedding, written to parquet as a list. */
export type Dtype =
  | {readonly kind: "scalar"; readonly name: ScalarName}
  | {readonly kind: "list"; readonly name: ScalarName}
  | {readonly kind: "vector"; readonly name: VectorName; readonly dimension: number};

const scalars: ReadonlySet<string> = new Set(scalarNames);

/** `BIGINT`, `TEXT[]`, `HALF_FLOAT[1152]`; undefined for anything else. */
export function parseDtype(text: string): Dtype | undefined {
  const match = /^([A-Z_]+)(?:\[(\d*)\])?$/.exec(text.trim());
  if (!match) return undefined;
  const [, name = "", dimension] = match;
  if (dimension !== undefined && dimension !== "") {
    if (!(vectorNames as readonly string[]).includes(name) || Number(dimension) < 1) return undefined;
    return {kind: "vector", name: name as VectorName, dimension: Number(dimension)};
  }
  if (!scalars.has(name)) return undefined;
  return {kind: dimension === undefined ? "scalar" : "list", name: name as ScalarName};
}

/** What other systems call our types. */
const foreignNames: Readonly<Record<string, ScalarName>> = {
  VARCHAR: "TEXT", STRING: "TEXT", STR: "TEXT", UTF8: "TEXT", INT64: "BIGINT", LONG: "BIGINT", INT: "INTEGER", INT32: "INTEGER",
  FLOAT64: "DOUBLE", FLOAT32: "FLOAT", REAL: "FLOAT", BOOL: "BOOLEAN", DATETIME: "TIMESTAMP", TIMESTAMPTZ: "TIMESTAMP",
};

/** The dtype that a misspelt one probably meant: `BIGNIT[]` is `BIGINT[]`, `varchar` is `TEXT`. */
export function findNearestDtype(text: string): string | undefined {
  const [, scalar = "", brackets = ""] = /^\s*(\w*)\s*(\[\])?/.exec(text) ?? [];
  const nearest = foreignNames[scalar.toUpperCase()] ?? findNearest(scalar, scalarNames);
  return nearest && `${nearest}${brackets}`;
}

export function renderDtype(dtype: Dtype): string {
  if (dtype.kind === "vector") return `${dtype.name}[${dtype.dimension}]`;
  return dtype.kind === "list" ? `${dtype.name}[]` : dtype.name;
}

/** The DuckDB type that holds it; DuckDB has no half floats, so a half vector passes through as FLOAT[]. */
export function duckdbType(dtype: Dtype): string {
  if (dtype.kind === "vector") return dtype.name === "TINYINT" ? "TINYINT[]" : "FLOAT[]";
  const scalar = dtype.name === "TEXT" ? "VARCHAR" : dtype.name;
  return dtype.kind === "list" ? `${scalar}[]` : scalar;
}
