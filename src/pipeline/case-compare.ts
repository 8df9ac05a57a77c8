/** What a test case expects against what came out. Rows are matched by their keys, and must come in the order in which they stand. */
import {findNearest} from "../definitions/nearest.js";
import type {Expectation, TestCase, TestRow} from "../definitions/test-file.js";
import {renderValue, type Value} from "../definitions/value.js";
import type {DaedalusError, Place, Problems} from "../errors.js";
import {readCell} from "./case-inputs.js";
import type {CaseInputs, Rows} from "./case-rows.js";

/** One thing that is not as expected, in words and with its place in the file. */
export interface Difference {
  readonly text: string;
  readonly expected: string;
  readonly found: string;
  readonly place: Place;
}

interface Wanted {
  readonly row: TestRow;
  readonly values: Map<string, Value>;
}

export function compareRows(
  testCase: TestCase & {readonly expectation: Extract<Expectation, {kind: "rows"}>},
  {service, plan}: CaseInputs,
  found: Rows,
  problems: Problems,
): readonly Difference[] {
  const {expectation, place} = testCase;
  const columns = new Map(found.columns.map((column, index) => [column.name, {...column, index}]));
  const wanted = expectation.rows.map((row): Wanted => ({row, values: new Map()}));
  for (const {row, values} of wanted) {
    for (const [name, cell] of row.cells) {
      const column = columns.get(name);
      if (column) values.set(name, readCell(cell, column, testCase, problems));
      else problems.add("reference-unknown", {what: "column", name, owner: `service "${service.name}"`, nearest: findNearest(name, columns.keys()), hint: `the columns are ${[...columns.keys()].join(", ")}`}, cell.place);
    }
  }
  if (problems.hasErrors) return [];
  const named = new Set(wanted.flatMap(({values}) => [...values.keys()]));
  const keys = [...new Set([...service.spine.keys, plan.timeColumn])].filter((key) => named.has(key) && columns.has(key));
  const render = (name: string, value: Value | undefined): string => renderValue(value ?? null, columns.get(name)!.dtype);
  const foundText = (name: string, index: number): string => render(name, found.rows[index]![columns.get(name)!.index]);
  const renderFound = (index: number): string => `{${[...named].map((name) => `${name}: ${foundText(name, index)}`).join(", ")}}`;
  const rows = new WaitingRows(found.rows.length, foundText);
  const differences: Difference[] = [];
  let last = -1;
  for (const one of wanted) {
    const own = keys.filter((key) => one.values.has(key)).map((key) => ({name: key, text: render(key, one.values.get(key))}));
    const isEqual = (at: number): boolean => [...one.values].every(([name, value]) => render(name, value) === foundText(name, at));
    const index = rows.take(own, expectation.isComplete ? undefined : isEqual);
    const who = own.length === 0 ? "a row" : `the row {${own.map(({name, text}) => `${name}: ${text}`).join(", ")}}`;
    if (index === undefined) {
      const text = [...one.values].map(([name, value]) => `${name}: ${render(name, value)}`).join(", ");
      differences.push({text: `${who} is missing`, expected: `{${text}}`, found: "no such row", place: one.row.place});
      continue;
    }
    if (expectation.isComplete && index < last) differences.push({text: `${who} comes in another order`, expected: `row ${wanted.indexOf(one) + 1}`, found: `row ${index + 1}`, place: one.row.place});
    last = Math.max(last, index);
    for (const [name, value] of one.values) {
      const [expectedText, text] = [render(name, value), foundText(name, index)];
      if (expectedText !== text) differences.push({text: `"${name}" of ${who}`, expected: expectedText, found: text, place: one.row.cells.get(name)!.place});
    }
  }
  if (!expectation.isComplete) return differences;
  for (const index of rows.rest()) {
    differences.push({text: "a row that was not expected", expected: "no such row", found: wanted.length === 0 ? "a row" : renderFound(index), place});
  }
  return differences;
}

/** Found rows that no expected row has been matched with. Each expected row is looked for by the keys that it names itself. */
class WaitingRows {
  private readonly waiting: Set<number>;
  /** Names of keys -> their values -> rows. */
  private readonly byKeys = new Map<string, Map<string, readonly number[]>>();

  constructor(
    private readonly count: number,
    private readonly textOf: (name: string, index: number) => string,
  ) {
    this.waiting = new Set(Array(count).keys());
  }

  /** The next row with these keys, or one that `isBetter` holds for. It waits no longer. */
  take(keys: readonly {readonly name: string; readonly text: string}[], isBetter?: (index: number) => boolean): number | undefined {
    const names = keys.map(({name}) => name);
    const indexes = this.indexBy(names).get(joinTexts(keys.map(({text}) => text)))?.filter((index) => this.waiting.has(index)) ?? [];
    const index = (isBetter && indexes.find(isBetter)) ?? indexes[0];
    if (index !== undefined) this.waiting.delete(index);
    return index;
  }

  rest(): readonly number[] {
    return [...this.waiting];
  }

  private indexBy(names: readonly string[]): ReadonlyMap<string, readonly number[]> {
    const known = this.byKeys.get(names.join());
    if (known) return known;
    const index = new Map<string, number[]>();
    for (let row = 0; row < this.count; row += 1) {
      const key = joinTexts(names.map((name) => this.textOf(name, row)));
      const rows = index.get(key) ?? [];
      index.set(key, rows);
      rows.push(row);
    }
    this.byKeys.set(names.join(), index);
    return index;
  }
}

const joinTexts = (texts: readonly string[]): string => JSON.stringify(texts);

/** How an error fits an expectation; undefined when it is the expected one. */
export function compareError(testCase: TestCase, errors: readonly DaedalusError[]): Difference | undefined {
  const {expectation, place} = testCase;
  const found = errors.map(({code, message}) => `${code}: ${message}`).join("; ");
  if (expectation.kind === "rows") return {text: "the day cannot be made", expected: "rows", found, place: errors[0]?.place ?? place};
  if (errors.some(({code}) => code === expectation.code)) return undefined;
  return {text: "another error", expected: expectation.code, found: errors.length === 0 ? "rows" : found, place};
}
