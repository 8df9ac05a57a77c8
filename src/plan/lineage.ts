/** Where the columns of a dataset come from: a walk from the sink back to the scans, through whatever decides a value. */
import type {Operator, OperatorOf, Plan} from "./operator.js";
import {parseSqlIdentifiers} from "./sql-identifiers.js";

export interface ColumnLineage {
  readonly name: string;
  /** Columns of views that decide the value: what is read, keys, instants and conditions; what only breaks ties is left out. */
  readonly sources: readonly {readonly view: string; readonly column: string}[];
  /** Embedding stores. */
  readonly stores: readonly string[];
  /** Names of operators, in the plan's order. */
  readonly operators: readonly string[];
}

/** A column that nothing produces, so that its default fills it, has no sources. */
export function traceColumn(plan: Plan, name: string): ColumnLineage {
  const walk = new Walk(plan);
  const sink = plan.operators.findLast((op) => op.opKind === "sink" && op.columns.includes(name));
  if (sink) walk.follow(sink.output, name, false);
  return {
    name,
    sources: [...walk.sources].map(([key, source]) => ({key, source})).sort((a, b) => (a.key < b.key ? -1 : 1)).map(({source}) => source),
    stores: [...walk.stores].sort(),
    operators: plan.operators.flatMap((op) => (walk.operators.has(op.name) ? [op.name] : [])),
  };
}

class Walk {
  readonly sources = new Map<string, {readonly view: string; readonly column: string}>();
  readonly stores = new Set<string>();
  readonly operators = new Set<string>();
  readonly #makers: ReadonlyMap<string, Operator>;
  /** What was followed already, and whether the column is there. */
  readonly #followed = new Map<string, boolean>();

  constructor(plan: Plan) {
    this.#makers = new Map(plan.operators.map((op) => [op.output, op]));
  }

  /**
   * False when the table has no such column. Filters decide values where rows are looked back on; of the day's own rows they
   * only decide which are there.
   */
  follow(table: string, column: string, isHistory: boolean): boolean {
    const key = `${isHistory ? "h" : "d"} ${table} ${column}`;
    const known = this.#followed.get(key);
    if (known !== undefined) return known;
    this.#followed.set(key, false);
    const op = this.#makers.get(table);
    const isThere = op !== undefined && this.#through(op, column, isHistory);
    if (isThere) this.operators.add(op.name);
    this.#followed.set(key, isThere);
    return isThere;
  }

  #through(op: Operator, column: string, isHistory: boolean): boolean {
    switch (op.opKind) {
      case "scan":
        if (!op.columns.includes(column)) return false;
        this.sources.set(`${op.view}.${column}`, {view: op.view, column});
        return true;
      case "filter":
        if (isHistory) for (const name of predicateColumns(op)) this.follow(op.inputs[0], name, isHistory);
        return this.follow(op.inputs[0], column, isHistory);
      case "project":
        return this.#throughProject(op, column, isHistory);
      case "join":
      case "pit_join":
        return this.#throughJoin(op, column, isHistory);
      case "rolling_aggregate":
        return this.#throughWindows(op, column, isHistory);
      case "arrow_udf_transform":
      case "ray_udf_transform":
        if (op.column !== column) return this.follow(op.inputs[0], column, isHistory);
        this.stores.add(op.store);
        this.follow(op.inputs[0], op.sourceColumn, isHistory);
        return true;
      case "sink":
        return this.follow(op.inputs[0], column, isHistory);
    }
  }

  #throughProject({shape, inputs: [input]}: OperatorOf<"project">, column: string, isHistory: boolean): boolean {
    const derived = shape.kind === "derive" ? shape.columns.find(({name}) => name === column) : undefined;
    if (derived) this.#followSql(input, derived.sql, isHistory);
    const isThere = this.follow(input, column, isHistory);
    return derived !== undefined || isThere || (shape.kind === "output" && shape.columns.some(({name}) => name === column));
  }

  #throughJoin(op: OperatorOf<"join"> | OperatorOf<"pit_join">, column: string, isHistory: boolean): boolean {
    const [left, right] = op.inputs;
    if (!op.fields.includes(column)) return this.follow(left, column, isHistory);
    const rightTimes = op.opKind === "pit_join" ? [op.rightTime, op.availableAt, op.validTo] : [op.timeColumn];
    for (const name of [column, ...op.keys, ...rightTimes]) if (name !== undefined) this.follow(right, name, true);
    for (const name of [...op.keys, ...(op.opKind === "pit_join" ? [op.leftTime] : [])]) this.follow(left, name, isHistory);
    return true;
  }

  #throughWindows(op: OperatorOf<"rolling_aggregate">, column: string, isHistory: boolean): boolean {
    const [left, history] = op.inputs;
    const window = op.windows.find(({name}) => name === column);
    if (!window) return this.follow(left, column, isHistory);
    for (const name of [op.historyTime, op.availableAt, window.valueColumn, window.excludeColumn, ...op.keys.map((key) => key.history)]) {
      if (name !== undefined) this.follow(history, name, true);
    }
    for (const name of [op.leftTime, window.excludeColumn, ...op.keys.map((key) => key.spine)]) if (name !== undefined) this.follow(left, name, isHistory);
    if (window.condition !== undefined) {
      this.#followSql(history, window.condition, true);
      if (window.isPairCondition) this.#followSql(left, window.condition, isHistory);
    }
    return true;
  }

  #followSql(table: string, sql: string, isHistory: boolean): void {
    for (const name of parseSqlIdentifiers(sql).names) this.follow(table, name, isHistory);
  }
}

function predicateColumns({predicate}: OperatorOf<"filter">): Iterable<string> {
  if (predicate.kind === "sql") return parseSqlIdentifiers(predicate.sql).names;
  return predicate.kind === "values" ? [predicate.column] : [predicate.column, predicate.eventColumn];
}
