/** Aggregation engines by the name that `compute.engine` gives them; each is loaded when it is first used. */
import type {AggregationEngine} from "../engines/aggregation-engine.js";
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError} from "../errors.js";

const loaders: Readonly<Record<string, () => Promise<AggregationEngine>>> = {
  duckdb: async () => (await import("../engines/duckdb/rolling.js")).duckdbAggregation,
  native: async () => (await import("../engines/native/native.js")).nativeAggregation,
  polars: async () => (await import("../engines/polars/rolling.js")).polarsAggregation,
};

export async function loadAggregationEngine(name: string): Promise<AggregationEngine> {
  const load = loaders[name];
  if (load) return load();
  const names = Object.keys(loaders);
  throw DaedalusError.of("engine-unknown", {engine: name, nearest: findNearest(name, names), engines: names});
}
