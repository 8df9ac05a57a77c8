/** Which DuckDB types a declared dtype may be read from: those whose every value it can hold. */
import {duckdbType, type Dtype, type ScalarName} from "../definitions/dtype.js";

const smallIntegers = ["TINYINT", "SMALLINT", "UTINYINT", "USMALLINT", "INTEGER"];

const accepted: Readonly<Record<ScalarName, readonly string[]>> = {
  BIGINT: [...smallIntegers, "UINTEGER", "BIGINT"],
  INTEGER: smallIntegers,
  DOUBLE: [...smallIntegers, "UINTEGER", "FLOAT", "DOUBLE"],
  FLOAT: ["TINYINT", "SMALLINT", "UTINYINT", "USMALLINT", "FLOAT"],
  BOOLEAN: ["BOOLEAN"],
  TEXT: ["VARCHAR", "UUID"],
  TIMESTAMP: ["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"],
  DATE: ["DATE"],
};

/** A double holds any decimal of 15 digits, and gives it back. */
function isExactDecimal(type: string, name: ScalarName): boolean {
  const [, width, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (width === undefined) return false;
  if (name === "DOUBLE") return Number(width) <= 15;
  return name === "BIGINT" && Number(scale) === 0 && Number(width) <= 18;
}

/** Whether a source column of the DuckDB type can be read as the dtype without losing a value. */
export function isCompatible(type: string, dtype: Dtype): boolean {
  if (type === duckdbType(dtype)) return true;
  if (dtype.kind === "vector") return /^(FLOAT|DOUBLE)\[\d*\]$/.test(type);
  if (dtype.kind === "list") {
    const element = /^(.*)\[\d*\]$/s.exec(type)?.[1];
    return element !== undefined && isCompatible(element, {kind: "scalar", name: dtype.name});
  }
  if (isExactDecimal(type, dtype.name)) return true;
  return accepted[dtype.name].includes(type) || (dtype.name === "TEXT" && type.startsWith("ENUM("));
}
