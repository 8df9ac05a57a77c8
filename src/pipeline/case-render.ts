/** A test case as the YAML of a test file, a line for each row. */
import {renderValue} from "../definitions/value.js";
import type {CaseInputs, Rows} from "./case-rows.js";

export interface RenderedCase {
  readonly name: string;
  readonly inputs: CaseInputs;
  /** What is expected of the day: all of its rows, or some. */
  readonly expected: Rows;
  readonly isComplete: boolean;
}

/** `cases:` with this one case. */
export function renderCase({name, inputs, expected, isComplete}: RenderedCase): string {
  const views = [...inputs.views].filter(([, {rows}]) => rows.length > 0);
  const stores = [...inputs.stores].filter(([, ids]) => ids.length > 0);
  return [
    "cases:",
    `  - name: ${JSON.stringify(name)}`,
    `    service: ${inputs.service.name}`,
    `    day: ${inputs.day}`,
    ...(stores.length > 0 ? ["    stores:", ...stores.map(([store, ids]) => `      ${store}: [${ids.map(renderId).join(", ")}]`)] : []),
    "    rows:",
    ...views.flatMap(([view, {columns, rows}]) => [
      `      ${view}:`,
      `        columns: [${columns.map((column) => column.name).join(", ")}]`,
      "        rows:",
      ...rows.map((row) => `          - [${row.map((value, index) => renderValue(value, columns[index]!.dtype)).join(", ")}]`),
    ]),
    `    ${isComplete ? "expect" : "expect_some"}:`,
    ...expected.rows.flatMap((row) =>
      row.map((value, index) => {
        const {name: column, dtype} = expected.columns[index]!;
        return `      ${index === 0 ? "- " : "  "}${column}: ${renderValue(value, dtype)}`;
      }),
    ),
    ...(expected.rows.length === 0 ? ["      []"] : []),
    "",
  ].join("\n");
}

const renderId = (id: string): string => (/^-?\d+$/.test(id) ? id : JSON.stringify(id));
