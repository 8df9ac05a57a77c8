/** Tries a plan's SQL on empty tables of the declared types: a typo in a condition is found by lint, without any source. */
import {duckdbType} from "../definitions/dtype.js";
import type {Project, Service, View} from "../definitions/model.js";
import {inTable, resultTypeOf} from "../engines/aggregation-engine.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {emitOperator, type EmitContext, type ScanSource, type Step} from "../engines/duckdb/emit.js";
import {renderWithWindows} from "../engines/window-columns.js";
import {DaedalusError, type Problems} from "../errors.js";
import type {OperatorOf, Plan} from "../plan/operator.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {findColumnDtype} from "./column-dtype.js";
import {reasonOf} from "./failure.js";
import {placeOfOperator} from "./operator-place.js";
import {completeTask} from "./skeleton.js";
import {skeletonPlan} from "../plan/recipe.js";

/** Adds a problem for the first operator whose SQL DuckDB refuses: what comes after it would only repeat that. */
export async function checkPlanSql(project: Project, service: Service, plan: Plan, problems: Problems): Promise<void> {
  const session = await DuckDbSession.open();
  try {
    const relational = skeletonPlan(plan);
    const context: EmitContext = {
      plan: relational,
      startUs: 0,
      endUs: 1,
      scans: emptyScans(project, service, relational),
      coveredTable: (store) => `__ids_${store}`,
      tables: new Map(),
    };
    for (const op of relational.operators) {
      if (op.opKind === "join" && op.joinKind === "covered") {
        await session.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(context.coveredTable(op.right))} (id ${typeOf(op.keys[0]!, project, service)})`);
      }
      try {
        if (op.opKind === "rolling_aggregate" && !(await checkConditions(session, op, project, problems))) return;
        for (const step of emitOperator(op, context)) await tryStep(session, step);
      } catch (error) {
        const place = placeOfOperator(op, project, service);
        if (error instanceof DaedalusError) problems.all.push(error);
        else problems.add("operator-failed", {operator: op.name, reason: reasonOf(error)}, place);
        return;
      }
    }
  } finally {
    session.close();
  }
}

/** Each condition by itself, so that it is named and not the query around it. False when one is wrong. */
async function checkConditions(session: DuckDbSession, op: OperatorOf<"rolling_aggregate">, project: Project, problems: Problems): Promise<boolean> {
  const [rows, history] = op.inputs;
  let isSound = true;
  for (const {name, condition, isPairCondition} of op.windows) {
    if (condition === undefined) continue;
    const cur = isPairCondition ? `, ${quoteName(rows)} AS cur` : "";
    // Asked for twice: what WHERE takes is no aggregate, and what SELECT gives has a type.
    const sql = `SELECT (${condition}\n) AS kept FROM ${quoteName(history)} AS hist${cur} WHERE (${condition}\n) IS NULL`;
    const reason = await session.describe(sql).then(([column]) => refuseType(column!.type), reasonOf);
    if (reason === undefined) continue;
    problems.add("condition-wrong", {spec: name, reason}, project.aggregations.specs.find((spec) => spec.name === name)?.conditionPlace);
    isSound = false;
  }
  return isSound;
}

const refuseType = (type: string): string | undefined => (type === "BOOLEAN" ? undefined : `it is ${type}, not true or false`);

async function tryStep(session: DuckDbSession, step: Step): Promise<void> {
  if (step.kind === "run" || step.kind === "narrow") {
    await session.run(step.sql);
  } else if (step.kind === "expect-none") {
    await session.rows(step.sql);
  } else if (step.kind === "aggregate") {
    await session.run(`CREATE TEMP VIEW ${quoteName(step.task.history)} AS\n${step.history}`);
    const {output, history, target, windows} = await completeTask(session, step.task);
    for (const {pairCondition} of windows) {
      if (pairCondition !== undefined) await session.rows(`SELECT (${pairCondition}\n) AS kept FROM ${quoteName(history)} AS hist, ${quoteName(target)} AS cur`);
    }
    const columns = windows.map((window) => `, NULL::${resultTypeOf(window)} AS ${quoteName(window.name)}`);
    await session.run(`CREATE TEMP TABLE ${quoteName(output)} AS SELECT 0::BIGINT AS __row${columns.join("")} LIMIT 0`);
    await session.run(`CREATE TEMP VIEW ${quoteName(step.added)} AS\n${renderWithWindows(step.rows, inTable({windows, output}))}`);
  } else if (step.kind === "write") {
    await session.describe(`SELECT * FROM ${quoteName(step.relation)}`);
  }
}

/** Keys are numbers where nothing says what they are. */
function typeOf(name: string, project: Project, service: Service, view?: View): string {
  const dtype = findColumnDtype(name, project, service, view);
  return dtype ? duckdbType(dtype) : "BIGINT";
}

function emptyScans(project: Project, service: Service, plan: Plan): ReadonlyMap<string, ScanSource> {
  const scans = new Map<string, ScanSource>();
  for (const name of new Set(plan.operators.flatMap((op) => (op.opKind === "scan" ? [op.view] : [])))) {
    const view = project.views.get(name)!;
    const columns = new Map(
      plan.operators
        .flatMap((op) => (op.opKind === "scan" && op.view === name ? op.columns : []))
        .map((column) => [column, {sql: quoteName(column), sourceName: column, sourceType: typeOf(column, project, service, view)}]),
    );
    const select = [...columns].map(([column, {sourceType}]) => `CAST(NULL AS ${sourceType}) AS ${quoteName(column)}`).join(", ");
    scans.set(name, {columns, place: view.source.place, renderRelation: () => `(SELECT ${select} WHERE ${quoteText(name)} = '') AS empty`});
  }
  return scans;
}
