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
      else problems.add("reference-unknown", {what: `column of service "${service.name}"`, name, nearest: findNearest(name, columns.keys()), hint: `the columns are ${[...columns.keys()].join(", ")}`}, cell.place);
    }
  }
  if (problems.hasErrors) return [];
  const named = new Set(wanted.flatMap(({values}) => [...values.keys()]));
  const keys = [...new Set([...service.spine.keys, plan.timeColumn])].filter((key) => named.has(key) && columns.has(key));
  const render = (name: string, value: Value | undefined): string => renderValue(value ?? null, columns.get(name)!.dtype);
  const foundKey = (row: readonly Value[]): string => keys.map((key) => `${key}: ${render(key, row[columns.get(key)!.index])}`).join(", ");
  const wantedKey = ({values}: Wanted): string => keys.map((key) => `${key}: ${render(key, values.get(key))}`).join(", ");
  const renderFound = (row: readonly Value[]): string => `{${[...named].map((name) => `${name}: ${render(name, row[columns.get(name)!.index])}`).join(", ")}}`;

  const waiting = new Map<string, number[]>();
  found.rows.forEach((row, index) => {
    const key = foundKey(row);
    const indexes = waiting.get(key) ?? [];
    waiting.set(key, indexes);
    indexes.push(index);
  });
  const differences: Difference[] = [];
  let last = -1;
  for (const one of wanted) {
    const key = wantedKey(one);
    const index = takeMatch(waiting.get(key), (at) => [...one.values].every(([name, value]) => render(name, value) === render(name, found.rows[at]![columns.get(name)!.index])), expectation.isComplete);
    const who = key === "" ? "a row" : `the row {${key}}`;
    if (index === undefined) {
      const text = [...one.values].map(([name, value]) => `${name}: ${render(name, value)}`).join(", ");
      differences.push({text: `${who} is missing`, expected: `{${text}}`, found: "no such row", place: one.row.place});
      continue;
    }
    if (expectation.isComplete && index < last) differences.push({text: `${who} comes in another order`, expected: `row ${wanted.indexOf(one) + 1}`, found: `row ${index + 1}`, place: one.row.place});
    last = Math.max(last, index);
    for (const [name, value] of one.values) {
      const [expectedText, foundText] = [render(name, value), render(name, found.rows[index]![columns.get(name)!.index])];
      if (expectedText !== foundText) differences.push({text: `"${name}" of ${who}`, expected: expectedText, found: foundText, place: one.row.cells.get(name)!.place});
    }
  }
  if (!expectation.isComplete) return differences;
  for (const index of [...waiting.values()].flat().sort((a, b) => a - b)) {
    differences.push({text: "a row that was not expected", expected: "no such row", found: wanted.length === 0 ? "a row" : renderFound(found.rows[index]!), place});
  }
  return differences;
}

/** The next row of the key; with `expect_some`, rather one that is equal. Taken out of those that wait. */
function takeMatch(indexes: number[] | undefined, isEqual: (index: number) => boolean, isComplete: boolean): number | undefined {
  if (!indexes || indexes.length === 0) return undefined;
  const equal = isComplete ? 0 : indexes.findIndex(isEqual);
  return indexes.splice(Math.max(0, equal), 1)[0];
}

/** How an error fits an expectation; undefined when it is the expected one. */
export function compareError(testCase: TestCase, errors: readonly DaedalusError[]): Difference | undefined {
  const {expectation, place} = testCase;
  const found = errors.map(({code, message}) => `${code}: ${message}`).join("; ");
  if (expectation.kind === "rows") return {text: "the day cannot be made", expected: "rows", found, place: errors[0]?.place ?? place};
  if (errors.some(({code}) => code === expectation.code)) return undefined;
  return {text: "another error", expected: expectation.code, found: errors.length === 0 ? "rows" : found, place};
}
