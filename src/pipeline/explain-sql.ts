/** The SQL that a run of the day would send for a column: what was emitted, not what derived it again. */
import type {Project, Service} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {emitOperator, type EmitContext, type Step} from "../engines/duckdb/emit.js";
import {Problems} from "../errors.js";
import type {Operator, Plan} from "../plan/operator.js";
import type {Environment} from "../sources/environment.js";
import {quoteName} from "../sources/quote.js";
import {loadAggregationEngine} from "./aggregation-engines.js";
import type {Claim} from "./audit-mapping.js";
import {dayUs, parseDay} from "./day.js";
import {checkSources, scansOf} from "./source-check.js";
import {skeletonPlan} from "../plan/recipe.js";

export interface OperatorSql {
  readonly name: string;
  readonly opKind: Operator["opKind"];
  /** Windows are computed by it between the statements. A view is joined by it where it can: then the statements say what it computes. */
  readonly aggregationEngine: string | undefined;
  readonly statements: readonly string[];
}

interface SqlOptions {
  readonly project: Project;
  readonly service: Service;
  readonly plan: Plan;
  readonly day: string;
  readonly environment: Environment;
}

/** Dropping tables says nothing of values. */
function textOf(step: Step): string[] {
  if (step.kind === "aggregate") return [`CREATE TEMP VIEW ${quoteName(step.task.history)} AS\n${step.history}`];
  return (step.kind === "run" && !step.sql.startsWith("DROP ")) || step.kind === "expect-none" || step.kind === "narrow" ? [step.sql] : [];
}

/** Gives a function from a column to the operator that makes it. */
export async function findOperatorSql(
  session: DuckDbSession,
  {project, plan, day, environment}: SqlOptions,
): Promise<(column: string, claim: Claim) => OperatorSql | undefined> {
  const relational = skeletonPlan(plan);
  const problems = new Problems();
  const sources = await checkSources(session, relational, project, environment, problems);
  problems.throwIfErrors();
  const startUs = parseDay(day)!;
  const endUs = startUs + dayUs;
  const context: EmitContext = {
    plan: relational,
    startUs,
    endUs,
    scans: scansOf(sources, endUs),
    coveredTable: (store) => `__ids_${store}`,
    tables: new Map(),
  };
  const emitted = new Map<Operator, readonly Step[]>();
  for (const op of relational.operators) emitted.set(op, emitOperator(op, context));
  const engine = await loadAggregationEngine(project.runtime.compute.engine);
  return (column, claim) => {
    const op = relational.operators.find((candidate) => makes(candidate, column, claim));
    if (!op) return undefined;
    const isEngines = op.opKind === "rolling_aggregate" || (op.opKind === "pit_join" && engine.openViewJoins !== undefined);
    const aggregationEngine = isEngines ? engine.name : undefined;
    return {name: op.name, opKind: op.opKind, aggregationEngine, statements: emitted.get(op)!.flatMap(textOf)};
  };
}

function makes(op: Operator, column: string, claim: Claim): boolean {
  switch (claim.kind) {
    case "spine":
      return op.opKind === "scan" && op.output === "day_rows";
    case "view":
      return (op.opKind === "pit_join" || op.opKind === "join") && op.output === `day_with_${claim.view.name}`;
    case "aggregation":
      return op.opKind === "rolling_aggregate" && op.windows.some((window) => window.name === column);
    case "derived":
      return op.opKind === "project" && op.output === `day_derived_${column}`;
  }
}
