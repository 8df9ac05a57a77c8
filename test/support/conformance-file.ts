/**
 * A conformance file is a test file that also holds the definitions which its cases are about. Those of a case are put over those of
 * the file: mappings key by key, lists of named things by name, anything else as a whole.
 */
import {readFileSync, rmSync} from "node:fs";
import {stringify} from "yaml";
import type {Project} from "../../src/definitions/model.js";
import {loadProject} from "../../src/definitions/project.js";
import {SourceFile} from "../../src/definitions/source-file.js";
import {parseTestFile, type TestCase} from "../../src/definitions/test-file.js";
import {Problems} from "../../src/errors.js";
import {writeFiles} from "./project-files.js";

type Mapping = Record<string, unknown>;

/** Raw YAML values, as the files of a project hold them. */
export interface Definitions {
  readonly views?: readonly Mapping[];
  readonly service?: Mapping;
  readonly aggregation_specs?: readonly Mapping[];
  readonly embedding_stores?: readonly Mapping[];
  readonly runtime?: Mapping;
  readonly base?: Mapping;
}

export interface ConformanceCase {
  readonly testCase: TestCase;
  readonly project: Project;
}

const isMapping = (value: unknown): value is Mapping => typeof value === "object" && value !== null && !Array.isArray(value);

const isNamedList = (value: unknown): value is readonly Mapping[] => Array.isArray(value) && value.every((item) => isMapping(item) && "name" in item);

function merge(under: unknown, over: unknown): unknown {
  if (isMapping(under) && isMapping(over)) {
    const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
    const merged = [...keys].map((key) => [key, key in over ? merge(under[key], over[key]) : under[key]] as const);
    return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
  }
  if (isNamedList(under) && isNamedList(over)) {
    const named = new Map<unknown, unknown>(under.map((item) => [item["name"], item]));
    for (const item of over) named.set(item["name"], merge(named.get(item["name"]) ?? {}, item));
    return [...named.values()];
  }
  // Nothing in place of a mapping takes it away.
  return isMapping(under) && over === null ? undefined : over;
}

/** A project of files with these definitions. What every view and service must say, but no case is about, is filled in. */
export function makeProject(definitions: Definitions, columns: readonly string[]): Project {
  const {views = [], service, base, aggregation_specs = [], embedding_stores = [], runtime} = definitions;
  const stores = embedding_stores.map((store) => ({path: "data/store", embedding_dim: 4, id_column: "id", embedding_column: "v", type: "lance", ...store}));
  const directory = writeFiles({
    ...Object.fromEntries(views.map((view) => [`feature_views/${String(view["name"])}.yaml`, stringify({...view, source: {path: `data/${String(view["name"])}`, ...(view["source"] as Mapping | undefined)}})])),
    "feature_services/tested.yaml": stringify({name: "tested", columns: columns.map((name) => ({name})), ...service}),
    "config/base.yaml": stringify(base ?? {}),
    "config/training/runtime.yaml": stringify(runtime ?? {}),
    "config/training/aggregations.yaml": stringify({aggregation_specs, embedding_stores: stores}),
  });
  try {
    return loadProject({root: directory});
  } finally {
    rmSync(directory, {recursive: true});
  }
}

/** A service that names no columns has those that the case expects. */
function expectedColumns({expectation}: TestCase): readonly string[] {
  return expectation.kind === "error" ? [] : [...new Set(expectation.rows.flatMap(({cells}) => [...cells.keys()]))];
}

/** @throws ProblemsError */
export function readConformanceFile(path: string): readonly ConformanceCase[] {
  const problems = new Problems();
  const file = new SourceFile(path, readFileSync(path, "utf8"), problems);
  problems.throwIfErrors();
  const take = (owner: Mapping): Definitions => {
    const {definitions = {}} = owner;
    file.remove(owner, new Set(["definitions"]));
    return definitions as Definitions;
  };
  const root = file.value as Mapping & {cases: Mapping[]};
  const shared = take(root);
  const own = root.cases.map(take);
  const cases = parseTestFile(file, problems);
  problems.throwIfErrors();
  const projects = new Map<string, Project>();
  return cases.map((testCase, index) => {
    const columns = expectedColumns(testCase);
    const definitions = merge(shared, own[index]) as Definitions;
    const key = JSON.stringify([definitions, columns]);
    const project = projects.get(key) ?? makeProject(definitions, columns);
    projects.set(key, project);
    return {testCase, project};
  });
}

