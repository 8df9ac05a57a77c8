import {readdirSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {loadAggregationEngine} from "../src/pipeline/aggregation-engines.js";
import {runTestCase} from "../src/pipeline/test-case.js";
import {readConformanceFile} from "./support/conformance-file.js";

const directory = join(import.meta.dirname, "conformance");
const files = readdirSync(directory).filter((name) => name.endsWith(".yaml"));

let session: DuckDbSession;
beforeAll(async () => {
  session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
});
afterAll(() => session.close());

describe.each(files)("%s", (name) => {
  const cases = readConformanceFile(join("test/conformance", name));
  it.each(cases.map((one) => [one.testCase.name, one] as const))("%s", async (_name, {testCase, project}) => {
    for (const engineName of ["duckdb"]) {
      const engine = await loadAggregationEngine(engineName);
      expect(await runTestCase(session, project, testCase, engine), engineName).toEqual([]);
    }
  });
});
