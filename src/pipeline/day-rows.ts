/** A session made ready to compute the rows of a range of time by a plan. */
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import type {Plan} from "../plan/operator.js";
import {placeOfOperator} from "./operator-place.js";
import type {RowsOptions} from "./skeleton.js";
import {scansOf} from "./source-check.js";
import {prepareSession} from "./source-session.js";
import {loadStoreIds} from "./store-ids.js";
import type {Run} from "./train-day.js";

/** `plan`: the skeleton's, or a part of it. Its relations are made in the session, which therefore serves one plan. */
export async function openDayRows(run: Run, {startUs, endUs}: {readonly startUs: number; readonly endUs: number}, session: DuckDbSession, plan: Plan): Promise<RowsOptions> {
  const {project, service, sources, engine, effects} = run;
  await prepareSession(session, [...sources.values()].map(({source}) => source));
  const stores = plan.operators.flatMap((op) => (op.opKind === "join" && op.joinKind === "covered" ? [op.right] : []));
  const tableOf = (store: string): string => `__ids_${store}`;
  for (const store of new Set(stores)) await loadStoreIds(session, project.aggregations.stores.get(store)!, project.root, tableOf(store));
  return {
    session,
    plan,
    context: {plan, startUs, endUs, scans: scansOf(sources, endUs), coveredTable: tableOf, tables: new Map()},
    engine,
    signal: effects.signal,
    placeOf: (operator) => placeOfOperator(operator, project, service),
  };
}
