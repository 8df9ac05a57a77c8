/** Results of test cases as text and as data. */
import {renderProblem} from "../errors.js";
import type {Difference} from "../pipeline/case-compare.js";
import {problemToData} from "./failure.js";
import {formatDuration, formatNumber} from "./format.js";
import type {TestReport, TestResult} from "./test-run.js";

const isPassed = ({differences, problems}: TestResult): boolean => differences.length === 0 && problems.length === 0;

export const isAllPassed = ({results}: TestReport): boolean => results.every(isPassed);

/** Cells of one row often fail together; beyond this many the rest is only counted. */
const shownMax = 10;

export function renderTestReport(report: TestReport): string {
  const lines: string[] = [];
  let file = "";
  for (const result of report.results) {
    const {testCase, differences, problems, milliseconds} = result;
    if (testCase.place.file !== file) {
      file = testCase.place.file;
      lines.push(file);
    }
    lines.push(`  ${isPassed(result) ? "ok  " : "FAIL"}  ${testCase.name} (${Math.max(1, Math.round(milliseconds))} ms)`);
    for (const difference of differences.slice(0, shownMax)) lines.push(...renderDifference(difference));
    if (differences.length > shownMax) lines.push(`        and ${differences.length - shownMax} more`);
    for (const problem of problems) lines.push(...renderProblem(problem).split("\n").map((line) => `        ${line}`));
  }
  const passed = report.results.filter(isPassed).length;
  const failed = report.results.length - passed;
  lines.push(`${formatNumber(report.results.length, "case")}: ${passed} passed, ${failed} failed, in ${formatDuration(report.milliseconds / 1000)}`);
  return lines.join("\n");
}

/** The place with its line, as an error shows it, and both values below one another. */
function renderDifference({text, expected, found, place}: Difference): string[] {
  const number = String(place.line).padStart(4);
  return [
    `${place.file}:${place.line}:${place.column}: ${text}`,
    `${number} | ${place.text}`,
    `${" ".repeat(number.length)} | ${" ".repeat(place.column - 1)}${"^".repeat(Math.max(1, place.length))}`,
    `  expected  ${expected}`,
    `  found     ${found}`,
  ].map((line) => `        ${line}`);
}

export function testReportToData(report: TestReport): Record<string, unknown> {
  const cases = report.results.map((result) => ({
    name: result.testCase.name,
    file: result.testCase.place.file,
    line: result.testCase.place.line,
    passed: isPassed(result),
    milliseconds: Math.round(result.milliseconds * 10) / 10,
    differences: result.differences.map(({text, expected, found, place}) => ({text, expected, found, file: place.file, line: place.line, column: place.column})),
    problems: result.problems.map(problemToData),
  }));
  const passed = cases.filter((one) => one.passed).length;
  return {cases, passed, failed: cases.length - passed, milliseconds: Math.round(report.milliseconds)};
}
