/** Every case of test/conformance on every aggregation engine, and on a naive day that shares nothing with them but the definition. */
import {readdirSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {loadAggregationEngine} from "../src/pipeline/aggregation-engines.js";
import {runCaseRows, type CaseInputs, type Rows} from "../src/pipeline/case-rows.js";
import {checkTestCase} from "../src/pipeline/test-case.js";
import {readConformanceFile} from "./support/conformance-file.js";
import {runNaiveDay} from "./support/naive-day.js";

const files = readdirSync(join(import.meta.dirname, "conformance")).filter((name) => name.endsWith(".yaml"));
const cases = new Map(files.map((name) => [name, readConformanceFile(`test/conformance/${name}`)]));

let session: DuckDbSession;
beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
});
afterAll(() => session.close());

type Maker = (inputs: CaseInputs) => Rows | Promise<Rows>;

const engine = (name: string): Maker => async (inputs) => runCaseRows(session, inputs, await loadAggregationEngine(name));
const makers: Readonly<Record<string, Maker>> = {duckdb: engine("duckdb"), native: engine("native"), "the naive day": runNaiveDay};
/** `polars` is asked for windows alone. */
const windowMakers: Readonly<Record<string, Maker>> = {...makers, polars: engine("polars")};

describe.each(files)("%s", (name) => {
  it.each(cases.get(name)!.map((one) => [one.testCase.name, one] as const))("%s", async (_name, {testCase, project}) => {
    for (const [maker, makeRows] of Object.entries(project.aggregations.specs.length > 0 ? windowMakers : makers)) {
      const differences = await checkTestCase(project, testCase, makeRows);
      const shown = differences.map(({text, expected, found, place}) => `${place.file}:${place.line}: ${text}: expected ${expected}, found ${found}`);
      expect(shown, maker).toEqual([]);
    }
  });
});

it("has at least 200 cases", () => {
  expect([...cases.values()].flat().length).toBeGreaterThanOrEqual(200);
});
