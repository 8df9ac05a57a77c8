/**
 * Values of columns as test files write them and as rows hold them. A TIMESTAMP is a number of UTC microseconds, a DATE its text,
 * a whole number a bigint, so that equal values are equal in TypeScript too.
 */
import type {Dtype, ScalarName} from "./dtype.js";
import type {Cell} from "./test-file.js";

export type Scalar = null | boolean | bigint | number | string;
export type Value = Scalar | readonly Scalar[];

const datePattern = /^(\d{4})-(\d{2})-(\d{2})$/;
const instantPattern = /^(?:(\d{4}-\d{2}-\d{2})[ T])?(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/;

/** A scalar as it was written. */
function writtenText(value: unknown, text: string | undefined): string {
  return text ?? (typeof value === "string" ? value : JSON.stringify(value));
}

/** Whether a timestamp says its zone. */
export function hasZone({value, text}: Cell): boolean {
  return instantPattern.exec(writtenText(value, text))?.[6] !== undefined;
}

export function isWholeNumber({value, text}: Cell): boolean {
  return /^-?\d+$/.test(writtenText(value, text));
}

function parseDate(text: string): string | undefined {
  if (!datePattern.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text) ? text : undefined;
}

/** UTC microseconds of `2026-03-02 12:00:00.000001`, of `2026-03-29 03:00+02:00`, of a day, and of a time of the given day. */
export function parseInstant(text: string, day: string): number | undefined {
  if (parseDate(text) !== undefined) return Date.parse(`${text}T00:00:00Z`) * 1000;
  const [, date = day, hour, minute, second = "00", fraction = "", zone] = instantPattern.exec(text) ?? [];
  if (hour === undefined || minute === undefined || parseDate(date) === undefined) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const localUs = Date.parse(`${date}T${hour}:${minute}:${second}Z`) * 1000 + Number(fraction.padEnd(6, "0"));
  const [, sign = "+", zoneHour = "0", zoneMinute = "0"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone ?? "") ?? [];
  return localUs - Number(`${sign}1`) * (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000_000;
}

/** `2026-03-02 12:00:00`, with a fraction where there is one. */
export function renderInstant(us: number): string {
  const micros = ((us % 1_000_000) + 1_000_000) % 1_000_000;
  const text = new Date((us - micros) / 1000).toISOString().slice(0, 19).replace("T", " ");
  return micros === 0 ? text : `${text}.${String(micros).padStart(6, "0").replace(/0+$/, "")}`;
}

/** What each dtype is written as, for messages. */
const expectedTexts: Readonly<Record<ScalarName, string>> = {
  BIGINT: "a whole number",
  INTEGER: "a whole number",
  DOUBLE: "a number",
  FLOAT: "a number",
  BOOLEAN: "true or false",
  TEXT: "text",
  TIMESTAMP: "a timestamp such as 2026-03-02 12:00:00.000001",
  DATE: "a date such as 2026-03-02",
};

export function describeDtype(dtype: Dtype): string {
  if (dtype.kind === "vector") return "null: vectors are not computed in a test";
  const scalar = expectedTexts[dtype.name];
  return dtype.kind === "list" ? `a list, each item ${scalar} (${dtype.name}[])` : `${scalar} (${dtype.name})`;
}

/** The value that a cell means as the dtype; undefined when it means none. */
export function parseCell(cell: Cell, dtype: Dtype, day: string): Value | undefined {
  if (cell.value === null) return null;
  if (dtype.kind === "vector") return undefined;
  if (dtype.kind === "scalar") return parseScalar(cell.value, cell.text, {name: dtype.name, day});
  if (!Array.isArray(cell.value)) return undefined;
  const items = cell.value.map((item: unknown, index) => (item === null ? null : parseScalar(item, cell.itemTexts[index], {name: dtype.name, day})));
  return items.includes(undefined) ? undefined : (items as Scalar[]);
}

function parseScalar(value: unknown, text: string | undefined, {name, day}: {name: ScalarName; day: string}): Scalar | undefined {
  if (typeof value === "object") return undefined;
  const written = writtenText(value, text);
  switch (name) {
    case "BIGINT":
    case "INTEGER": {
      if (!/^-?\d+$/.test(written)) return undefined;
      const whole = BigInt(written);
      return BigInt.asIntN(name === "BIGINT" ? 64 : 32, whole) === whole ? whole : undefined;
    }
    case "DOUBLE":
    case "FLOAT": {
      const number = typeof value === "number" ? value : /^-?\d+(\.\d+)?$/.test(written) ? Number(written) : undefined;
      return number === undefined || name === "DOUBLE" ? number : Math.fround(number);
    }
    case "BOOLEAN":
      return typeof value === "boolean" ? value : undefined;
    case "TEXT":
      return written;
    case "TIMESTAMP":
      return parseInstant(written, day);
    case "DATE":
      return parseDate(written);
  }
}

/** The value as a test file writes it, on one line. */
export function renderValue(value: Value, dtype: Dtype): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map((item: Scalar) => renderScalar(item, dtype.name)).join(", ")}]`;
  return renderScalar(value as Scalar, dtype.name);
}

function renderScalar(value: Scalar, name: string): string {
  if (value === null) return "null";
  if (typeof value === "number") {
    if (name === "TIMESTAMP") return renderInstant(value);
    if (Number.isNaN(value)) return ".nan";
    if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
    return Object.is(value, -0) ? "-0.0" : String(value);
  }
  if (typeof value !== "string") return String(value);
  // Plain where YAML reads it back as this text, be it between brackets.
  const isPlain = name === "DATE" || (/^[A-Za-z_][\w-]*( [\w-]+)*$/.test(value) && !/^(true|false|null|yes|no|on|off)$/i.test(value));
  return isPlain ? value : JSON.stringify(value);
}
