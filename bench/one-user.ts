/**
 * Is any window quadratic in the events of one user? All events of one user, at a thousand instants, and twice as many: the second run may
 * take 2.3 times the first. `npx tsx bench/one-user.ts [--events 1000000] [--repeats 3]`
 */
import {parseArgs} from "node:util";
import type {Window} from "../src/engines/aggregation-engine.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {nativeAggregation} from "../src/engines/native/native.js";

const shared = {elementType: "BIGINT", condition: "is_kept", pairCondition: undefined, windowUs: 1_000_000, current: undefined, exclude: undefined, knownAt: undefined, maxItems: undefined};
const self = {history: "item", target: "item"};
const windows: readonly Window[] = [
  {...shared, name: "listed", operation: "list", value: "item", maxItems: 32},
  {...shared, name: "others", operation: "list", value: "item", maxItems: 32, exclude: self},
  {...shared, name: "distinct", operation: "distinct_list", value: "item", maxItems: 32},
  {...shared, name: "frequent", operation: "top_k", value: "item", maxItems: 8},
  {...shared, name: "counted", operation: "count", value: undefined, exclude: self},
  {...shared, name: "different", operation: "count_distinct", value: "item"},
  {...shared, name: "greatest", operation: "max", value: "item"},
  {...shared, name: "total", operation: "sum", value: "item"},
];

async function measure(events: number): Promise<number> {
  const session = await DuckDbSession.open({config: new Map([["threads", "2"]])});
  try {
    await session.run(`CREATE TABLE history AS
SELECT 1 AS user_id, CAST(hash(number) % 1000 AS BIGINT) AS item, number // ${events / 1000} AS __ts, number % 3 > 0 AS is_kept FROM range(${events}) numbers(number)`);
    await session.run(`CREATE TABLE target AS SELECT row_number() OVER () - 1 AS __row, * EXCLUDE (is_kept) FROM history`);
    const startedMs = performance.now();
    await nativeAggregation.run(session, {target: "target", history: "history", output: "windows", keys: [{target: "user_id", history: "user_id"}], orderColumns: [], windows});
    return (performance.now() - startedMs) / 1000;
  } finally {
    session.close();
  }
}

const {values} = parseArgs({options: {events: {type: "string", default: "1000000"}, repeats: {type: "string", default: "3"}}});
const events = Number(values.events);
const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const [once, twice]: [number[], number[]] = [[], []];
for (let repeat = 0; repeat < Number(values.repeats); repeat += 1) {
  once.push(await measure(events));
  twice.push(await measure(2 * events));
}
console.log(`${events} events ${median(once).toFixed(2)} s, ${2 * events} events ${median(twice).toFixed(2)} s, ratio ${(median(twice) / median(once)).toFixed(2)} (at most 2.3)`);
