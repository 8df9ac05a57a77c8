/** A test case against a project: its service, and its rows as values of the views' dtypes. Every problem is collected. */
import type {Dtype} from "../definitions/dtype.js";
import type {Project, Service, View} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {describeCell, type Cell, type TestCase, type TestRow} from "../definitions/test-file.js";
import {describeDtype, hasZone, isWholeNumber, parseCell, type Value} from "../definitions/value.js";
import type {Problems} from "../errors.js";
import {columnsOf} from "../plan/chain.js";
import {compileCasePlan, type CaseInputs, type InputColumn, type RowColumn, type Rows} from "./case-rows.js";
import {findColumnDtype} from "./column-dtype.js";
import {parseDay} from "./day.js";

/** @throws ProblemsError when the service does not compile. Undefined when problems were added. */
export function resolveCaseInputs(testCase: TestCase, project: Project, problems: Problems): CaseInputs | undefined {
  const before = problems.all.length;
  if (parseDay(testCase.day) === undefined) problems.add("day-wrong", {day: testCase.day}, testCase.place);
  const service = findService(testCase, project, problems);
  for (const [store, {place}] of testCase.stores) {
    const known = [...project.aggregations.stores.keys()];
    if (!known.includes(store)) problems.add("reference-unknown", {what: "embedding store", name: store, nearest: findNearest(store, known)}, place);
  }
  if (!service) return undefined;
  const views = new Map<string, Rows<InputColumn>>();
  for (const [name, {rows, place}] of testCase.rows) {
    const view = project.views.get(name);
    const known = [...project.views.keys()];
    if (view) views.set(name, readRows({view, rows, testCase, project, service}, problems));
    else problems.add("reference-unknown", {what: "view", name, nearest: findNearest(name, known), hint: `the views are ${known.join(", ")}`}, place);
  }
  if (problems.all.length > before) return undefined;
  const stores = new Map([...testCase.stores].map(([store, {ids}]) => [store, ids]));
  return {project, service, plan: compileCasePlan(project, service), day: testCase.day, views, stores};
}

function findService({name, service: wanted, place}: TestCase, project: Project, problems: Problems): Service | undefined {
  const known = [...project.services.keys()];
  if (wanted === undefined) {
    const [only, another] = project.services.values();
    if (only && !another) return only;
    problems.add("key-missing", {key: "service", what: `the case "${name}", in a project with several services,`}, place);
    return undefined;
  }
  const service = project.services.get(wanted.name);
  if (!service) problems.add("reference-unknown", {what: "feature service", name: wanted.name, nearest: findNearest(wanted.name, known), hint: `the services are ${known.join(", ")}`}, wanted.place);
  return service;
}

interface ViewRows {
  readonly view: View;
  readonly rows: readonly TestRow[];
  readonly testCase: TestCase;
  readonly project: Project;
  readonly service: Service;
}

function readRows({view, rows, testCase, project, service}: ViewRows, problems: Problems): Rows<InputColumn> {
  const cells = new Map<string, Cell[]>();
  for (const row of rows) {
    for (const [column, cell] of row.cells) {
      const known = cells.get(column) ?? [];
      cells.set(column, known);
      known.push(cell);
    }
  }
  const known = [...columnsOf(view)];
  const columns: InputColumn[] = [];
  for (const [name, all] of cells) {
    if (!known.includes(name)) {
      problems.add("reference-unknown", {what: "column", name: `${view.name}:${name}`, nearest: findNearest(name, known), hint: `the columns are ${known.join(", ")}`}, all[0]!.place);
      continue;
    }
    const dtype = findColumnDtype(name, project, service, view) ?? inferKeyDtype(name, testCase);
    columns.push({name, dtype, isZoned: dtype.name === "TIMESTAMP" && dtype.kind === "scalar" && all.some(hasZone)});
  }
  const values = rows.map((row) =>
    columns.map(({name, dtype}) => {
      const cell = row.cells.get(name);
      return cell ? readCell(cell, {name, dtype}, testCase, problems) : null;
    }),
  );
  return {columns, rows: values};
}

/** A key that nothing declares is a number, unless some row of the case holds text in it. */
function inferKeyDtype(name: string, {rows}: TestCase): Dtype {
  const cells = [...rows.values()].flatMap((table) => table.rows.flatMap((row) => row.cells.get(name) ?? []));
  const isWhole = cells.every((cell) => cell.value === null || isWholeNumber(cell));
  return {kind: "scalar", name: isWhole ? "BIGINT" : "TEXT"};
}

/** NULL after a problem. */
export function readCell(cell: Cell, {name, dtype}: RowColumn, {day}: TestCase, problems: Problems): Value {
  const value = parseCell(cell, dtype, day);
  if (value !== undefined) return value;
  problems.add("value-wrong", {key: name, expected: describeDtype(dtype), found: describeCell(cell)}, cell.place);
  return null;
}
