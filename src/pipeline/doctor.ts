/** Asks the source of every view, one after another, and says what it found or what is wrong with it. Changes nothing. */
import type {Project, View} from "../definitions/model.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {Problems, ProblemsError, type DaedalusError} from "../errors.js";
import {columnsOf} from "../plan/chain.js";
import type {Environment} from "../sources/environment.js";
import {boundsOf, checkSources, type CheckedSource} from "./source-check.js";
import {explainSourceFailure} from "./source-session.js";

export interface Diagnosis {
  readonly view: string;
  /** Empty: the source is there and holds what the view declares. */
  readonly problems: readonly DaedalusError[];
  readonly rows: number | undefined;
  /** Files, or days of a table. */
  readonly parts: number | undefined;
  readonly newest: string | undefined;
  /** From opening the source to its first row. */
  readonly firstRowMs: number | undefined;
}

/** @throws nothing for a source that fails: that is what its diagnosis says */
export async function diagnoseSources(project: Project, environment: Environment, now: () => number = Date.now): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const view of project.views.values()) {
    const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
    try {
      found.push(await diagnose(session, view, {project, environment, now}));
    } catch (error) {
      const problems = error instanceof ProblemsError ? error.problems : [explainSourceFailure(view, error)];
      found.push({view: view.name, problems, rows: undefined, parts: undefined, newest: undefined, firstRowMs: undefined});
    } finally {
      session.close();
    }
  }
  return found;
}

interface Context {
  readonly project: Project;
  readonly environment: Environment;
  readonly now: () => number;
}

async function diagnose(session: DuckDbSession, view: View, {project, environment, now}: Context): Promise<Diagnosis> {
  const startedMs = now();
  const problems = new Problems();
  const scan = {opKind: "scan", name: "", output: "", inputs: [], engine: "sql", view: view.name, columns: [...columnsOf(view)]} as const;
  const checked = await checkSources(session, {service: "", version: 0, timeColumn: "", operators: [scan]}, project, environment, problems);
  problems.throwIfErrors();
  const source = checked.get(view.name)!;
  const looked = [view.timestampColumn ?? view.joinKeys[0]!];
  const relation = source.source.renderRelation(source.files.map((file) => file.path), boundsOf(source, looked, undefined));
  await session.rows(`SELECT 1 FROM ${relation} LIMIT 1`);
  const firstRowMs = now() - startedMs;
  const [row] = await session.rows(`SELECT count(*) AS rows, ${renderNewest(source)} AS newest FROM ${relation}`);
  const {rows, newest} = row as {rows: bigint; newest: string | null};
  return {view: view.name, problems: problems.all, rows: Number(rows), parts: source.parts.length, newest: newest ?? undefined, firstRowMs};
}

function renderNewest({view, columns}: CheckedSource): string {
  const time = view.timestampColumn === undefined ? undefined : columns.get(view.timestampColumn)?.sql;
  return time === undefined ? "NULL::VARCHAR" : `strftime(max(CAST(${time} AS TIMESTAMP)) FILTER (isfinite(${time})), '%Y-%m-%dT%H:%M:%SZ')`;
}
