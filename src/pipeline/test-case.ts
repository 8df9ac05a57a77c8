/** A test case from its inputs to what differs from its expectation. Cases run one after another in one session. */
import type {Project} from "../definitions/model.js";
import type {TestCase} from "../definitions/test-file.js";
import {findNearest} from "../definitions/nearest.js";
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems, ProblemsError, wordings} from "../errors.js";
import {compareError, compareRows, type Difference} from "./case-compare.js";
import {resolveCaseInputs} from "./case-inputs.js";
import {runCaseRows, type CaseInputs, type Rows} from "./case-rows.js";

/** Empty: the case passes. */
export type CaseOutcome = readonly Difference[];

/**
 * @example
 * const differences = await runTestCase(session, project, testCase, engine);
 * @throws ProblemsError when the case itself is not sound: an unknown view, a value of another dtype
 */
export function runTestCase(session: DuckDbSession, project: Project, testCase: TestCase, engine: AggregationEngine): Promise<CaseOutcome> {
  return checkTestCase(project, testCase, (inputs) => runCaseRows(session, inputs, engine));
}

/** The same for rows that anybody makes; an expected error that `makeRows` throws is what came out. */
export async function checkTestCase(project: Project, testCase: TestCase, makeRows: (inputs: CaseInputs) => Rows | Promise<Rows>): Promise<CaseOutcome> {
  const problems = new Problems();
  const {expectation} = testCase;
  if (expectation.kind === "error" && !(expectation.code in wordings)) {
    const nearest = findNearest(expectation.code, Object.keys(wordings));
    problems.add("value-wrong", {key: "expect_error", expected: "the code of an error", found: `"${expectation.code}"`, nearest}, expectation.place);
  }
  const inputs = await orErrors(() => resolveCaseInputs(testCase, project, problems));
  problems.throwIfErrors();
  if (inputs instanceof ProblemsError) return differenceOf(testCase, inputs.problems);
  const found = await orErrors(() => makeRows(inputs!));
  if (found instanceof ProblemsError) return differenceOf(testCase, found.problems);
  if (expectation.kind === "error") return differenceOf(testCase, []);
  const differences = compareRows({...testCase, expectation}, inputs!, found, problems);
  problems.throwIfErrors();
  return differences;
}

function differenceOf(testCase: TestCase, errors: readonly DaedalusError[]): CaseOutcome {
  const difference = compareError(testCase, errors);
  return difference ? [difference] : [];
}

/** Expected errors as a result: a case may expect them. */
async function orErrors<T>(run: () => T | Promise<T>): Promise<T | ProblemsError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ProblemsError) return error;
    if (error instanceof DaedalusError) return new ProblemsError([error]);
    throw error;
  }
}
