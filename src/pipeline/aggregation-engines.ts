/** Aggregation engines by the name that `compute.engine` gives them; each is loaded when it is first used. */
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import {findNearest} from "../definitions/nearest.js";
import {aggregationEngineNames} from "../definitions/runtime-schema.js";
import {DaedalusError} from "../errors.js";

type EngineName = (typeof aggregationEngineNames)[number];

const loaders: Readonly<Record<EngineName, () => Promise<AggregationEngine>>> = {
  duckdb: async () => (await import("../engines/duckdb/rolling.js")).duckdbAggregation,
  native: async () => (await import("../engines/native/native.js")).nativeAggregation,
  polars: async () => (await import("../engines/polars/rolling.js")).polarsAggregation,
};

/** @throws DaedalusError `engine-unknown` with the nearest one */
export function getEngineName(name: string): EngineName {
  const found = aggregationEngineNames.find((known) => known === name);
  if (found) return found;
  throw DaedalusError.of("engine-unknown", {engine: name, nearest: findNearest(name, aggregationEngineNames), engines: aggregationEngineNames});
}

export async function loadAggregationEngine(name: string): Promise<AggregationEngine> {
  return loaders[getEngineName(name)]();
}
