/** Which columns, flags and orders a task needs, as SQL, and what the kernel does with them: plain data, no SQL runs here. */
import {quoteName} from "../../sources/quote.js";
import type {AggregationTask, Window} from "../aggregation-engine.js";
import {widthOfType} from "../raw-vectors.js";
import type {RowOrder} from "./arrivals.js";
import {flagWordsOf, placeFlag, renderFlagWords, type Shape} from "./columns.js";
import type {Kernel, KernelWindow} from "./job.js";
import type {LineSpec, ValueKind} from "./line.js";

/** Values without a fixed width, or that are equal in several spellings where only equality matters, travel as their number here. */
export interface Dictionary {
  readonly table: string;
  /** SQL of all values that may be asked for. */
  readonly values: string;
}

interface Side {
  /** SQL of a condition, or the number of the value whose presence is told. */
  readonly flags: (string | number)[];
  /** SQL, and the DuckDB type that arrives. */
  readonly values: {readonly sql: string; readonly type: string; readonly when: Set<string>}[];
  /** Dictionaries to join, and the expression that each looks up. */
  readonly joins: {readonly dictionary: Dictionary; readonly sql: string; readonly alias: string}[];
}

export interface Pass {
  readonly windows: readonly Window[];
  readonly kernel: Kernel;
  readonly history: {readonly select: string; readonly types: readonly string[]; readonly shape: Shape; readonly joins: string};
  readonly target: {readonly select: string; readonly types: readonly string[]; readonly shape: Shape; readonly joins: string};
  /** History columns after the instant, as SQL. */
  readonly order: readonly string[];
  /** An order that is cheaper and nearly always the same: see `TieCheck`. */
  readonly guess: {readonly order: readonly string[]; readonly hashes: TieHashes} | undefined;
  /** The same order, or the guessed one, for rows that are sorted here. Undefined: DuckDB must sort. */
  readonly arrivals: RowOrder | undefined;
  readonly dictionaries: readonly Dictionary[];
  /** Window name -> the dictionary that its values are numbers of. */
  readonly decoded: ReadonlyMap<string, Dictionary>;
}

const floating: ReadonlySet<string> = new Set(["DOUBLE", "FLOAT"]);
const isWhole = (type: string): boolean => widthOfType.has(type) && !floating.has(type);

/** Operations that give the same whatever the order of equal instants. */
const isOrderless = ({operation, elementType}: Window): boolean =>
  ["count", "count_distinct", "min", "max", "time_since_last"].includes(operation) || (operation === "sum" && !floating.has(elementType));

/** Windows that share one order of the history: own values order what the task's columns leave equal, so two such values need two orders. */
export function splitPasses(task: AggregationTask): readonly (readonly Window[])[] {
  const passes = new Map<string | undefined, Window[]>();
  for (const window of task.windows) {
    const tie = isOrderless(window) || window.value === undefined || task.orderColumns.includes(window.value) ? undefined : window.value;
    passes.set(tie, [...(passes.get(tie) ?? []), window]);
  }
  const free = passes.get(undefined) ?? [];
  passes.delete(undefined);
  if (passes.size === 0) return [free];
  const [first = [], ...others] = passes.values();
  return [[...free, ...first], ...others];
}

/** Of the columns of a task's two tables. */
export interface TaskTypes {
  readonly history: ReadonlyMap<string, string>;
  readonly target: ReadonlyMap<string, string>;
}

export function planPass(task: AggregationTask, windows: readonly Window[], types: TaskTypes): Pass {
  const history: Side = {flags: [], values: [], joins: []};
  const target: Side = {flags: [], values: [{sql: "cur.__row", type: "INTEGER", when: new Set()}], joins: []};
  const dictionaries = new Map<string, Dictionary>();
  const lines: LineSpec[] = [];
  const lineIds = new Map<string, number>();
  const decoded = new Map<string, Dictionary>();

  const place = <T>(list: T[], found: (item: T) => boolean, make: () => T): number => {
    const at = list.findIndex(found);
    return at >= 0 ? at : list.push(make()) - 1;
  };
  const flagOf = (side: Side, told: string | number): number => place(side.flags, (flag) => flag === told, () => told);
  const valueOf = (side: Side, sql: string, type: string, when: string): number => {
    const at = place(side.values, (value) => value.sql === sql, () => ({sql, type, when: new Set()}));
    side.values[at]!.when.add(when);
    return at;
  };
  /** The number of a value, as SQL of the side that looks it up. */
  const codeOf = (side: Side, dictionary: Dictionary, sql: string): string => {
    const at = place(side.joins, (join) => join.dictionary === dictionary && join.sql === sql, () => ({dictionary, sql, alias: `code_${side.joins.length}`}));
    return `${side.joins[at]!.alias}.code`;
  };
  const dictionaryOf = (columns: readonly string[]): Dictionary => {
    const values = columns.join(" UNION ");
    const known = dictionaries.get(values) ?? {table: `__native_values_${dictionaries.size + 1}`, values};
    dictionaries.set(values, known);
    return known;
  };
  const distinct = (table: string, column: string): string => `SELECT ${quoteName(column)} AS value FROM ${quoteName(table)} WHERE ${quoteName(column)} IS NOT NULL`;

  const plan = (window: Window): KernelWindow => {
    const {operation, value, condition, exclude, current, elementType} = window;
    const kept = [...(condition === undefined ? [] : [`hist.${quoteName(condition)}`]), ...(value === undefined ? [] : [`hist.${quoteName(value)} IS NOT NULL`])];
    const keeps = kept.join(" AND ");
    const hasValue = value !== undefined && operation !== "count" && operation !== "time_since_last";
    const isText = hasValue && !widthOfType.has(elementType);
    const isList = operation === "flatten_distinct";
    const dictionary = isText ? dictionaryOf([distinct(task.history, value), ...(current?.value === undefined ? [] : [distinct(task.target, current.value)])]) : undefined;
    if (dictionary && ["list", "distinct_list", "top_k", "min", "max", "first", "last"].includes(operation)) decoded.set(window.name, dictionary);
    const typeOf = isText ? "INTEGER" : isList ? `${elementType}[]` : elementType;
    const kind: ValueKind = elementType === "DOUBLE" ? "double" : elementType === "FLOAT" ? "float" : "whole";
    const sqlOf = (side: Side, alias: string, column: string): string => (dictionary ? codeOf(side, dictionary, `${alias}.${quoteName(column)}`) : `${alias}.${quoteName(column)}`);

    const column = hasValue ? valueOf(history, sqlOf(history, "hist", value), typeOf, keeps) : undefined;
    const line: LineSpec = {
      // Where a value travels, it is known there whether it is one.
      flags: (column === undefined ? kept : kept.slice(0, -1)).map((sql) => flagOf(history, sql)).concat(column === undefined ? [] : flagOf(history, column)),
      value: column === undefined ? undefined : {column, kind},
      dropper: undefined,
    };
    let own: KernelWindow["own"];
    let dropped = line;
    if (exclude) {
      const [from, to] = [`hist.${quoteName(exclude.history)}`, `cur.${quoteName(exclude.target)}`];
      const [type, ownType] = [types.history.get(exclude.history)!, types.target.get(exclude.target)!];
      const isPlain = type === ownType && isWhole(type);
      const codes = isPlain ? undefined : dictionaryOf([distinct(task.history, exclude.history)]);
      const [dropSql, ownSql] = codes ? [codeOf(history, codes, from), codeOf(target, codes, to)] : [from, to];
      const codeType = codes ? "INTEGER" : type;
      const dropper = valueOf(history, dropSql, codeType, keeps);
      dropped = {...line, dropper: {column: dropper, flag: flagOf(history, dropper)}};
      own = {column: valueOf(target, ownSql, codeType, ""), flag: flagOf(target, `${ownSql} IS NOT NULL`)};
    }
    const id = JSON.stringify(dropped);
    const lineAt = lineIds.get(id) ?? lines.push(dropped) - 1;
    lineIds.set(id, lineAt);

    const counts = current && [
      ...(current.condition === undefined ? [] : [`coalesce(cur.${quoteName(current.condition)}, false)`]),
      ...(current.value === undefined ? [] : [`cur.${quoteName(current.value)} IS NOT NULL`]),
    ];
    return {
      name: window.name,
      operation,
      kind,
      maxItems: window.maxItems ?? Infinity,
      halfLifeUs: window.halfLifeUs,
      hasValue,
      line: lineAt,
      windowUs: window.windowUs ?? Infinity,
      own,
      current: counts && {
        flag: flagOf(target, counts.length === 0 ? "true" : counts.join(" AND ")),
        column: hasValue && current.value !== undefined ? valueOf(target, sqlOf(target, "cur", current.value), typeOf, "") : undefined,
      },
    };
  };
  const placeOrder = (sql: string, type: string): RowOrder["columns"][number] => {
    const column = valueOf(history, sql, type, "");
    return {column, flag: placeFlag(flagOf(history, column))};
  };
  const kernel: Kernel = {windows: windows.map(plan), lines};
  const ties = [...new Set(windows.flatMap((window) => (window.value === undefined || isOrderless(window) ? [] : [window.value])))];
  const equalInKey = new Set(task.keys.map((key) => key.history));
  const order = windows.every(isOrderless) ? [] : [...new Set([...task.orderColumns, ...ties])].filter((column) => !equalInKey.has(column));
  const renderOrder = (columns: readonly string[]): string[] => columns.map((column) => renderSortable(`hist.${quoteName(column)}`, types.history.get(column)!));
  const listTie = ties.find((column) => !task.orderColumns.includes(column) && types.history.get(column)!.endsWith("[]"));
  const declared = order.filter((column) => column !== listTie);
  const sortedHere = declared.every((column) => isWhole(types.history.get(column)!));
  const placed = sortedHere ? declared.map((column) => placeOrder(`hist.${quoteName(column)}`, types.history.get(column)!)) : undefined;
  const tied = history.values.findIndex(({sql}) => listTie !== undefined && sql === `hist.${quoteName(listTie)}`);
  const tie = tied < 0 ? undefined : {column: tied, flag: placeFlag(flagOf(history, tied)), isFloating: floating.has(history.values[tied]!.type.replace("[]", ""))};
  return {
    windows,
    kernel,
    arrivals: placed && {columns: placed, tie},
    history: renderSide(history),
    target: renderSide(target),
    order: renderOrder(order),
    guess: tied < 0 ? undefined : {order: renderOrder(declared), hashes: renderTieHashes(declared, renderKept(history.values[tied]!))},
    dictionaries: [...dictionaries.values()],
    decoded,
  };
}

/** DuckDB reads a column that it sorts by back out of the sort key, where -0 has become 0: floating values are sorted by a copy. */
function renderSortable(sql: string, type: string): string {
  const copy = (value: string): string => `CASE WHEN ${value} = 0 THEN 0 ELSE ${value} END`;
  if (floating.has(type)) return copy(sql);
  return floating.has(type.replace("[]", "")) ? `[${copy("e")} FOR e IN ${sql}]` : sql;
}

/** SQL of hashes of 52 bits, which a DOUBLE holds. */
export interface TieHashes {
  readonly place: string;
  /** Above 0 where there is a value. */
  readonly value: string;
}

function renderTieHashes(declared: readonly string[], value: string): TieHashes {
  const hash = (sql: string): string => `CAST(hash(${sql}) >> 12 AS DOUBLE)`;
  return {
    place: declared.length === 0 ? "CAST(0 AS DOUBLE)" : hash(declared.map((column) => `hist.${quoteName(column)}`).join(", ")),
    value: `CASE WHEN (${value}) IS NULL THEN CAST(0 AS DOUBLE) ELSE ${hash(value)} + 1 END`,
  };
}

/** The value where a window keeps it. Lists are large, so those that nobody keeps do not travel. */
function renderKept({sql, type, when}: Side["values"][number]): string {
  return type.endsWith("[]") && !when.has("") ? `CASE WHEN ${[...when].map((keeps) => `(${keeps})`).join(" OR ")} THEN ${sql} END` : sql;
}

function renderSide({flags, values, joins}: Side): Pass["history"] {
  const words = renderFlagWords(flags);
  const columns = values.map((value) => `CAST(${renderKept(value)} AS ${value.type})`);
  return {
    select: [...words, ...columns].join(", "),
    types: [...words.map(() => "INTEGER"), ...values.map(({type}) => type)],
    shape: {
      flagWords: flagWordsOf(flags.length),
      presence: flags.flatMap((value, flag) => (typeof value === "number" ? [{value, flag}] : [])),
      values: values.map(({type}) => ({width: widthOfType.get(type.replace("[]", ""))!, isList: type.endsWith("[]")})),
    },
    joins: joins.map(({dictionary, sql, alias: code}) => ` LEFT JOIN ${dictionary.table} ${code} ON ${code}.value = ${sql}`).join(""),
  };
}
