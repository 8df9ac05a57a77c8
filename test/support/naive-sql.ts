/** The few SQL expressions that definitions in tests use, evaluated for one row by the book: three-valued logic and no optimiser. */
import {parseInstant, type Value} from "../../src/definitions/value.js";

/** The value of `hist.event`, of `cur.event` and, without a qualifier, of a column of the row. */
export type Lookup = (name: string, qualifier: string | undefined) => Value;

const tokenPattern = /\s*('(?:[^']|'')*'|"(?:[^"]|"")*"|\d+(?:\.\d+)?|[A-Za-z_]\w*|<>|!=|<=|>=|[-+*/=<>(),.])/gy;

function tokenize(sql: string): string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  let end = 0;
  for (let match = tokenPattern.exec(sql); match; match = tokenPattern.exec(sql)) {
    tokens.push(match[1]!);
    end = tokenPattern.lastIndex;
  }
  if (sql.slice(end).trim() !== "") throw new Error(`the naive evaluator does not know: ${sql.slice(end)}`);
  return tokens;
}

const functions: Readonly<Record<string, (args: readonly Value[]) => Value>> = {
  coalesce: (args) => args.find((value) => value !== null) ?? null,
  len: ([list]) => (Array.isArray(list) ? BigInt(list.length) : typeof list === "string" ? BigInt(list.length) : null),
  list_contains: ([list, item]) => (Array.isArray(list) && item !== null && item !== undefined ? (list as Value[]).some((own) => isEqual(own, item)) : null),
  date_diff: ([part, from, to]) => {
    const unit = {second: 1e6, minute: 60e6, hour: 3600e6}[part as "second"];
    return typeof from === "number" && typeof to === "number" ? BigInt(Math.floor(to / unit) - Math.floor(from / unit)) : null;
  },
};

const isEqual = (a: Value, b: Value): boolean => compare(a, b) === 0;

function compare(a: Value, b: Value): number {
  if (typeof a === "string" || typeof b === "string") return a === b ? 0 : String(a) < String(b) ? -1 : 1;
  return Number(a) - Number(b);
}

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "<>": (order) => order !== 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

const and = (a: Value, b: Value): Value => (a === false || b === false ? false : a === null || b === null ? null : true);
const not = (a: Value): Value => (a === null ? null : a === false);
const or = (a: Value, b: Value): Value => not(and(not(a), not(b)));

class Evaluator {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(
    sql: string,
    private readonly lookup: Lookup,
  ) {
    this.tokens = tokenize(sql);
  }

  evaluate(): Value {
    const value = this.disjunction();
    if (this.at < this.tokens.length) throw new Error(`the naive evaluator does not know: ${this.tokens.slice(this.at).join(" ")}`);
    return value;
  }

  private take(...words: readonly string[]): boolean {
    if (!words.every((word, index) => this.tokens[this.at + index]?.toUpperCase() === word)) return false;
    this.at += words.length;
    return true;
  }

  private expect(word: string): void {
    if (!this.take(word)) throw new Error(`the naive evaluator misses ${word} at ${this.tokens.slice(this.at).join(" ")}`);
  }

  private disjunction(): Value {
    let value = this.conjunction();
    while (this.take("OR")) value = or(value, this.conjunction());
    return value;
  }

  private conjunction(): Value {
    let value = this.negation();
    while (this.take("AND")) value = and(value, this.negation());
    return value;
  }

  private negation(): Value {
    return this.take("NOT") ? not(this.negation()) : this.comparison();
  }

  private comparison(): Value {
    const left = this.sum();
    if (this.take("IS", "NOT", "NULL")) return left !== null;
    if (this.take("IS", "NULL")) return left === null;
    if (this.take("IS", "NOT", "DISTINCT", "FROM")) return this.isSame(left, this.sum());
    if (this.take("IS", "DISTINCT", "FROM")) return !this.isSame(left, this.sum());
    if (this.take("NOT", "IN")) return not(this.isIn(left));
    if (this.take("IN")) return this.isIn(left);
    const operator = this.tokens[this.at];
    const test = operator === undefined ? undefined : comparisons[operator];
    if (!test) return left;
    this.at += 1;
    const right = this.sum();
    return left === null || right === null ? null : test(compare(left, right));
  }

  private isSame(left: Value, right: Value): boolean {
    return left === null || right === null ? left === right : isEqual(left, right);
  }

  private isIn(left: Value): Value {
    this.expect("(");
    const items = this.list();
    if (left === null) return null;
    if (items.some((item) => item !== null && isEqual(left, item))) return true;
    return items.includes(null) ? null : false;
  }

  private list(): Value[] {
    const items: Value[] = [];
    while (!this.take(")")) {
      items.push(this.disjunction());
      this.take(",");
    }
    return items;
  }

  private sum(): Value {
    let value = this.product();
    for (;;) {
      const sign = this.take("+") ? 1 : this.take("-") ? -1 : 0;
      if (sign === 0) return value;
      const right = this.product();
      value = value === null || right === null ? null : Number(value) + sign * Number(right);
    }
  }

  private product(): Value {
    let value = this.primary();
    for (;;) {
      const isTimes = this.take("*");
      if (!isTimes && !this.take("/")) return value;
      const right = this.primary();
      value = value === null || right === null ? null : isTimes ? Number(value) * Number(right) : Number(value) / Number(right);
    }
  }

  private primary(): Value {
    if (this.take("(")) {
      const value = this.disjunction();
      this.expect(")");
      return value;
    }
    if (this.take("-")) {
      const value = this.primary();
      return value === null ? null : -Number(value);
    }
    if (this.take("NULL")) return null;
    if (this.take("TRUE")) return true;
    if (this.take("FALSE")) return false;
    if (this.take("TIMESTAMP")) return parseInstant(unquote(this.tokens[this.at++]!), "1970-01-01")!;
    const token = this.tokens[this.at++];
    if (token === undefined) throw new Error("the naive evaluator misses an operand");
    if (token.startsWith("'")) return unquote(token);
    if (/^\d/.test(token)) return Number(token);
    const call = functions[token.toLowerCase()];
    if (call && this.take("(")) return call(this.list());
    const name = token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token;
    return this.take(".") ? this.lookup(this.tokens[this.at++]!, name) : this.lookup(name, undefined);
  }
}

const unquote = (token: string): string => token.slice(1, -1).replaceAll("''", "'");

export function evaluateSql(sql: string, lookup: Lookup): Value {
  return new Evaluator(sql, lookup).evaluate();
}
