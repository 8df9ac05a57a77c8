/**
 * A golden case is a small project. Its inputs are queries whose results become parquet files; what is expected of it stands in
 * `expected/`: the plan, the SQL of one day, and the rows. A difference is left beside the expectation as `*-changed`.
 */
import {cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join} from "node:path";
import {afterAll, describe, expect, it} from "vitest";
import {loadProject} from "../src/definitions/project.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {emitOperator, type EmitContext} from "../src/engines/duckdb/emit.js";
import {Problems} from "../src/errors.js";
import {dayUs, parseDay} from "../src/pipeline/day.js";
import {compileService} from "../src/pipeline/plan-file.js";
import {checkSources, scansOf} from "../src/pipeline/source-check.js";
import {skeletonPlan} from "../src/plan/recipe.js";
import {train} from "../src/pipeline/train.js";
import {parsePlan, renderPlan} from "../src/plan/plan-yaml.js";
import {renderParquetRelation} from "../src/sources/parquet.js";
import {quoteText} from "../src/sources/quote.js";

const casesDirectory = join(import.meta.dirname, "golden");
const scratch = mkdtempSync(join(tmpdir(), "daedalus-golden-"));
afterAll(() => rmSync(scratch, {recursive: true, force: true}));

const cases = readdirSync(casesDirectory).filter((name) => !name.startsWith("skip."));
const only = cases.filter((name) => name.startsWith("only."));

function expectGolden(caseName: string, file: string, actual: string): void {
  const path = join(casesDirectory, caseName, "expected", file);
  rmSync(`${path}-changed`, {force: true});
  if (!existsSync(path)) {
    if (process.env["CI"] !== undefined) throw new Error(`${path} is missing: run the test on your machine and review what it writes`);
    mkdirSync(join(casesDirectory, caseName, "expected"), {recursive: true});
    writeFileSync(path, actual);
    return;
  }
  const wanted = readFileSync(path, "utf8");
  if (wanted !== actual) writeFileSync(`${path}-changed`, actual);
  expect(actual).toBe(wanted);
}

async function makeProject(caseName: string): Promise<string> {
  const root = join(scratch, caseName);
  cpSync(join(casesDirectory, caseName), root, {recursive: true});
  mkdirSync(join(root, "data"));
  const session = await DuckDbSession.open();
  for (const name of readdirSync(join(root, "inputs"))) {
    const query = readFileSync(join(root, "inputs", name), "utf8");
    await session.run(`COPY (${query}) TO ${quoteText(join(root, "data", `${basename(name, ".sql")}.parquet`))} (FORMAT parquet)`);
  }
  session.close();
  return root;
}

describe.each(only.length > 0 ? only : cases)("%s", (caseName) => {
  it("compiles, emits and trains to what is expected", async () => {
    const root = await makeProject(caseName);
    const project = loadProject({root});
    const service = [...project.services.values()][0]!;
    const problems = new Problems();
    const plan = compileService(project, service, problems);
    expect(problems.all).toEqual([]);
    const text = renderPlan(plan);
    expectGolden(caseName, "plan.yaml", text);
    expect(renderPlan(parsePlan(text, "plan.yaml"))).toBe(text);

    const day = "2026-03-02";
    const session = await DuckDbSession.open();
    try {
      const sources = await checkSources(session, plan, project, {}, problems);
      problems.throwIfErrors();
      const dayStartUs = parseDay(day)!;
      const relational = skeletonPlan(plan);
      const context: EmitContext = {
        plan: relational,
        startUs: dayStartUs,
        endUs: dayStartUs + dayUs,
        scans: scansOf(sources, dayStartUs + dayUs),
        coveredTable: (store) => `__ids_${store}`,
        tables: new Map(),
      };
      const sql = relational.operators.flatMap((op) => [
        `-- ${op.name}`,
        ...emitOperator(op, context).map((step) => {
          if (step.kind === "aggregate") return `-- the aggregation engine makes ${step.added}: ${step.rows} and the windows over ${step.task.history}:\n${step.history};`;
          if (step.kind === "write") return `-- the rows of ${step.relation} are written`;
          if (step.kind === "view-join") return `-- an engine joins ${step.task.rows} and the versions of ${step.task.versions}`;
          return `${step.sql};`;
        }),
      ]);
      expectGolden(caseName, "day.sql", `${sql.join("\n").replaceAll(root, "<project>")}\n`);

      for (const engine of ["duckdb", "polars"]) {
        const report = await train({project, service, targetDay: day, stages: "both", engine, isForced: true});
        const files = readdirSync(report.days[0]!.directory).filter((name) => name.endsWith(".parquet")).sort();
        const relation = renderParquetRelation(files.map((name) => join(report.days[0]!.directory, name)));
        const columns = await session.describe(`FROM ${relation}`);
        const rows = await session.rows(`SELECT to_json(t)::VARCHAR AS row FROM (SELECT * EXCLUDE (dt) FROM ${relation}) AS t`);
        const lines = rows.map((row) => row["row"] as string);
        const types = columns.filter((column) => column.name !== "dt").map(({name, type}) => `${name} ${type}`);
        expectGolden(caseName, "rows.jsonl", `// ${types.join(", ")}\n${lines.join("\n")}\n`);
      }
    } finally {
      session.close();
    }
  });
});
