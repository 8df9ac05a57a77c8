/** Which engine tags an operator can carry, and in words why not the others. A tag is declared, never inferred. */
import type {EngineTag, Operator, OpKind} from "./operator.js";

const onlySql = (why: string): Readonly<Record<EngineTag, string | undefined>> => ({
  sql: undefined,
  sql_arrow_udf: why,
  worker: why,
});

const relational = onlySql("it is relational work, which the query does without copying rows out of it");
const embedding: Readonly<Record<EngineTag, string | undefined>> = {
  sql: "SQL cannot read an embedding store",
  sql_arrow_udf: "DuckDB cannot write FLOAT16, so embedding columns are added to the file outside the query",
  worker: undefined,
};

const refusals: {readonly [K in OpKind]: Readonly<Record<EngineTag, string | undefined>>} = {
  scan: relational,
  filter: relational,
  project: relational,
  join: relational,
  pit_join: relational,
  rolling_aggregate: onlySql("its windows are computed by the aggregation engine of compute.engine, within the session of the query"),
  arrow_udf_transform: embedding,
  ray_udf_transform: embedding,
  sink: relational,
};

const datasetSink: Readonly<Record<EngineTag, string | undefined>> = {
  sql: "the dataset's files are made from the skeleton's outside the query",
  sql_arrow_udf: "the dataset's files are made from the skeleton's outside the query",
  worker: undefined,
};

/** Why the operator cannot run there; undefined when it can. */
export function findRefusal(operator: Operator, engine: EngineTag): string | undefined {
  const isDatasetSink = operator.opKind === "sink" && operator.dataset === "dataset";
  return (isDatasetSink ? datasetSink : refusals[operator.opKind])[engine];
}
