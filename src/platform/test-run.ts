/** Finds a project's test files, runs their cases, and records new ones. */
import {existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from "node:fs";
import {dirname, join, relative, resolve} from "node:path";
import type {Project} from "../definitions/model.js";
import {SourceFile} from "../definitions/source-file.js";
import {parseTestFile, type TestCase} from "../definitions/test-file.js";
import {parseInstant} from "../definitions/value.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems, ProblemsError} from "../errors.js";
import {loadAggregationEngine} from "../pipeline/aggregation-engines.js";
import type {Difference} from "../pipeline/case-compare.js";
import {recordCase} from "../pipeline/case-record.js";
import {runTestCase} from "../pipeline/test-case.js";
import {getService} from "./catalog.js";
import type {MethodContext} from "./context.js";

const defaultFolder = "tests";
const suffix = ".test.yaml";

export interface TestResult {
  readonly testCase: TestCase;
  /** Empty: it passed. */
  readonly differences: readonly Difference[];
  /** What is wrong with the case itself. */
  readonly problems: readonly DaedalusError[];
  readonly milliseconds: number;
}

export interface TestReport {
  readonly results: readonly TestResult[];
  readonly milliseconds: number;
}

/** @throws ProblemsError when a file or the project is not sound; a case that is not is among the results */
export async function runTests(paths: readonly string[], context: MethodContext): Promise<TestReport> {
  const project = context.loadProject();
  const problems = new Problems();
  const cases = findTestFiles(paths, project.root).flatMap((path) => {
    const file = new SourceFile(relative(project.root, path), readText(path), problems);
    return [...parseTestFile(file, problems)];
  });
  problems.throwIfErrors();
  const startedMs = performance.now();
  const engine = await loadAggregationEngine(project.runtime.compute.engine);
  // Cases are small: one thread is quicker than sharing the work.
  const session = await DuckDbSession.open({config: new Map([["threads", "1"]])});
  try {
    const results: TestResult[] = [];
    for (const testCase of cases) {
      const caseMs = performance.now();
      const {differences, problems: own} = await runOne(() => runTestCase(session, project, testCase, engine));
      results.push({testCase, differences, problems: own, milliseconds: performance.now() - caseMs});
    }
    return {results, milliseconds: performance.now() - startedMs};
  } finally {
    session.close();
  }
}

async function runOne(run: () => Promise<readonly Difference[]>): Promise<Pick<TestResult, "differences" | "problems">> {
  try {
    return {differences: await run(), problems: []};
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error;
    return {differences: [], problems: error.problems};
  }
}

/** Without paths, every `*.test.yaml` below `tests`; of a folder, those below it; a file, whatever its name. */
function findTestFiles(paths: readonly string[], root: string): readonly string[] {
  const wanted = paths.length === 0 ? [defaultFolder] : paths;
  const files = wanted.flatMap((path) => {
    const absolute = resolve(root, path);
    if (!existsSync(absolute)) {
      const hint = paths.length === 0 ? `write cases into ${defaultFolder}/<name>${suffix}, or record one with --record` : undefined;
      throw DaedalusError.of("file-missing", {path, what: paths.length === 0 ? "the folder of test files" : "the test file or folder", hint});
    }
    if (!statSync(absolute).isDirectory()) return [absolute];
    const below = readdirSync(absolute, {recursive: true, encoding: "utf8"}).filter((name) => name.endsWith(suffix));
    if (below.length === 0) throw DaedalusError.of("file-missing", {path: join(path, `**/*${suffix}`), what: "a test file"});
    return below.sort().map((name) => join(absolute, name));
  });
  return [...new Set(files)];
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw DaedalusError.of("file-unreadable", {path, reason: (error as Error).message});
  }
}

export interface RecordRequest {
  /** Default: a name made of service, keys and instant, below `tests`. */
  readonly path: string | undefined;
  /** Default: the settings' `default_service`. */
  readonly service: string | undefined;
  /** `user_id=5` each. */
  readonly keys: readonly string[];
  readonly at: string | undefined;
}

/** Gives the path of the file that was written. @throws DaedalusError `file-exists` rather than overwriting one */
export async function recordTest(request: RecordRequest, context: MethodContext, environment: NodeJS.ProcessEnv): Promise<string> {
  const project = context.loadProject();
  const service = getService(project, request.service, context.settings);
  const spine = project.views.get(service.spine.view)!;
  const keys = parseKeys(request.keys, service.spine.keys[0] ?? spine.joinKeys[0] ?? "user_id");
  const unknown = [...keys.keys()].find((key) => !service.spine.keys.includes(key));
  if (unknown !== undefined) throw DaedalusError.of("flag-wrong", {flag: "key", value: unknown, expected: `--key with a key of the spine: ${service.spine.keys.join(", ")}`});
  const at = request.at === undefined || !/^\d{4}-/.test(request.at) ? undefined : parseInstant(request.at, "");
  if (at === undefined) throw DaedalusError.of("flag-wrong", {flag: "at", value: request.at, expected: "--at 2026-03-02T12:00:00.000001, in UTC where no zone is given"});
  const name = [service.name, ...[...keys].map(([key, value]) => `${key}-${value}`), request.at!].join("_").replaceAll(/[^\w.-]+/g, "-");
  const path = resolve(project.root, request.path ?? join(defaultFolder, `${name}${suffix}`));
  checkAbsent(path, project);
  const engine = await loadAggregationEngine(project.runtime.compute.engine);
  const text = await recordCase({project, service, keys, atUs: at, engine, environment});
  mkdirSync(dirname(path), {recursive: true});
  try {
    writeFileSync(path, text, {flag: "wx"});
  } catch (error) {
    checkAbsent(path, project);
    throw DaedalusError.of("file-unwritable", {path, reason: (error as Error).message});
  }
  return relative(project.root, path);
}

function parseKeys(flags: readonly string[], example: string): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const flag of flags) {
    const [, name, value] = /^([^=]+)=(.+)$/s.exec(flag) ?? [];
    if (name === undefined || value === undefined) throw DaedalusError.of("flag-wrong", {flag: "key", value: flag, expected: `--key ${example}=5`});
    keys.set(name, value);
  }
  if (keys.size === 0) throw DaedalusError.of("flag-wrong", {flag: "key", value: undefined, expected: `--key ${example}=5`});
  return keys;
}

function checkAbsent(path: string, project: Project): void {
  if (!existsSync(path)) return;
  throw DaedalusError.of("file-exists", {path: relative(project.root, path), what: "a test file", hint: "name another one: daeda test tests/other.test.yaml --record ..."});
}
