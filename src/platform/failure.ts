/** The outermost edge of the command line: what went wrong becomes text on stderr and an exit code. */
import {DaedalusError, ProblemsError, renderProblem, type ErrorCode} from "../errors.js";
import type {ProblemAnswer} from "./schemas/method-schema.js";
import {StoppedError} from "./signals.js";
import {exitCodes, type Terminal} from "./terminal.js";

/** The data was read and found wanting, which a caller may want to tell from a mistake in the definitions. */
const checkCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["checks-failed"]);

/** Prints the error and says with which code to exit. */
export function reportFailure(error: unknown, terminal: Terminal): number {
  if (error instanceof StoppedError) {
    terminal.note(`${error.message}: what is finished is kept, the same command goes on from there`);
    return error.exitCode;
  }
  const problems = findProblems(error);
  if (problems) {
    for (const problem of problems) terminal.note(paintProblem(problem, terminal));
    return problems.some((problem) => checkCodes.has(problem.code)) ? exitCodes.checkFailed : exitCodes.expectedError;
  }
  terminal.note(terminal.paint("This is a bug in daedalus, not in your files. Please report it with the lines below.", "red"));
  terminal.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exitCodes.expectedError;
}

/** The problem's text, its severity in colour where there are colours. */
export function paintProblem(problem: DaedalusError, terminal: Terminal): string {
  const word = `${problem.severity} ${problem.code}:`;
  const colour = problem.severity === "error" ? "red" : "yellow";
  return renderProblem(problem).replace(word, () => terminal.paint(word, colour));
}

/** The problem as plain data, as every face but the terminal shows it. */
export function problemToData({severity, code, message, hint, place}: DaedalusError): ProblemAnswer {
  const where = place && {file: place.file, line: place.line, column: place.column, length: place.length};
  return {severity, code, message, hint: hint ?? null, place: where ?? null};
}

function findProblems(error: unknown): readonly DaedalusError[] | undefined {
  if (error instanceof DaedalusError) return [error];
  return error instanceof ProblemsError ? error.problems : undefined;
}
