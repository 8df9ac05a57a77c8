/** Every expected error of Daedalus: a code, its typed facts, the text made of them, a place in a file and a hint. */
import {auditWordings} from "./errors/audit-wordings.js";
import {definitionWordings} from "./errors/definition-wordings.js";
import {embeddingWordings} from "./errors/embedding-wordings.js";
import {pipelineWordings} from "./errors/pipeline-wordings.js";
import {platformWordings} from "./errors/platform-wordings.js";
import {sourceWordings} from "./errors/source-wordings.js";
import type {Wording} from "./errors/wording.js";

/** A range in a text file; line and column are one-based. `text` is the whole line, kept so that the excerpt needs no re-reading. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly text: string;
}

/** Code -> facts -> wording. A message cannot be raised without its facts. Documented in docs/reference/errors.md. */
export const wordings = {
  ...definitionWordings,
  ...sourceWordings,
  ...embeddingWordings,
  ...pipelineWordings,
  ...auditWordings,
  ...platformWordings,
};

export type ErrorCode = keyof typeof wordings;
export type ErrorFacts<C extends ErrorCode> = Parameters<(typeof wordings)[C]>[0];
export type Severity = "error" | "warning";

export interface ErrorOptions {
  readonly place?: Place | undefined;
  readonly severity?: Severity;
  readonly cause?: unknown;
}

/** An error that is the user's to fix. Bugs are plain `Error`s. */
export class DaedalusError extends Error {
  override readonly name = "DaedalusError";

  private constructor(
    readonly code: ErrorCode,
    readonly facts: Readonly<Record<string, unknown>>,
    text: string,
    readonly hint: string | undefined,
    readonly place: Place | undefined,
    readonly severity: Severity,
    cause: unknown,
  ) {
    super(text, cause === undefined ? undefined : {cause});
  }

  static of<C extends ErrorCode>(code: C, facts: ErrorFacts<C>, options: ErrorOptions = {}): DaedalusError {
    const wording = (wordings[code] as unknown as (facts: ErrorFacts<C>) => Wording)(facts);
    return new DaedalusError(
      code,
      facts,
      wording.text,
      wording.hint,
      options.place,
      options.severity ?? "error",
      options.cause,
    );
  }
}

/** Several problems found together, in the order in which they stand in the files. */
export class ProblemsError extends Error {
  override readonly name = "ProblemsError";
  constructor(readonly problems: readonly DaedalusError[]) {
    super(problems.map((problem) => problem.message).join("\n"));
  }
}

/** Collects problems so that one run shows all of them; `throwIfErrors` ends the collecting. */
export class Problems {
  readonly all: DaedalusError[] = [];

  add<C extends ErrorCode>(code: C, facts: ErrorFacts<C>, place?: Place, severity: Severity = "error"): void {
    this.all.push(DaedalusError.of(code, facts, {place, severity}));
  }

  get hasErrors(): boolean {
    return this.all.some((problem) => problem.severity === "error");
  }

  throwIfErrors(): void {
    if (this.hasErrors) throw new ProblemsError(this.all);
  }
}

/** The text of one problem: `file:line:column: error code: text`, the excerpt, the hint. */
export function renderProblem(problem: DaedalusError): string {
  const {place} = problem;
  const head = `${problem.severity} ${problem.code}: ${problem.message}`;
  const lines = [place ? `${place.file}:${place.line}:${place.column}: ${head}` : head];
  if (place) {
    const number = String(place.line).padStart(4);
    lines.push(`${number} | ${place.text}`);
    lines.push(`${" ".repeat(number.length)} | ${" ".repeat(place.column - 1)}${"^".repeat(Math.max(1, place.length))}`);
  }
  if (problem.hint !== undefined) lines.push(`  hint: ${problem.hint}`);
  return lines.join("\n");
}
