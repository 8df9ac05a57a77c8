/** Reads a project's definitions from disk: every file, every problem, then the model. */
import {readdirSync, readFileSync} from "node:fs";
import {join, relative, resolve, sep} from "node:path";
import {Problems, type DaedalusError} from "../errors.js";
import type {z} from "zod";
import {parseAggregations, builtinUdfNames} from "./aggregations.js";
import {aggregationsSchema} from "./aggregations-schema.js";
import {parseBase} from "./base.js";
import {baseSchema} from "./base-schema.js";
import {checkSchema, type Checked} from "./check-schema.js";
import {Names, type Constants, type Context} from "./context.js";
import type {AggregationConfig, BaseConfig, Project, RuntimeConfig, Service, View} from "./model.js";
import {checkOutputColumns} from "./output-columns.js";
import {applyOverrides, overrideFile} from "./overrides.js";
import type {PathVariables} from "./path-variables.js";
import {checkReferences, type Reference} from "./references.js";
import {parseRuntime} from "./runtime.js";
import {runtimeSchema} from "./runtime-schema.js";
import {parseService} from "./service.js";
import {serviceSchema} from "./service-schema.js";
import {SourceFile} from "./source-file.js";
import {parseView} from "./view.js";
import {viewSchema} from "./view-schema.js";

export interface ProjectOptions {
  /** Folder of the project; relative paths start from it. */
  readonly root: string;
  readonly runtimeConfigPath?: string | undefined;
  readonly aggregationConfigPath?: string | undefined;
  readonly featureViewsDir?: string | undefined;
  readonly featureServicesDir?: string | undefined;
  /** `a.b=c` each, put over runtime.yaml. */
  readonly overrides?: readonly string[] | undefined;
  /** Counts where neither runtime.yaml nor an override has `output_root`. */
  readonly outputRootDefault?: string | undefined;
}

/** The project, or why there is none: `const project = loadProject({root: "."})`. */
export function loadProject(options: ProjectOptions): Project {
  const {project, problems} = readProject(options);
  problems.throwIfErrors();
  return project!;
}

/** The project and its problems: errors and warnings, in the order of the files. Without errors there is a project. */
export function readProject(options: ProjectOptions): {readonly project?: Project; readonly problems: Problems} {
  const reader = new ProjectReader(resolve(options.root));
  const base = reader.readBase();
  const runtime = reader.readRuntime(options);
  const aggregations = reader.readAggregations(options.aggregationConfigPath);
  const views = reader.readViews(options.featureViewsDir ?? "feature_views");
  const services = reader.readServices(options.featureServicesDir ?? "feature_services");
  const {problems} = reader;
  reader.checkReferences();
  if (runtime.outputColumns && !reader.isPartial) checkOutputColumns(runtime.outputColumns, [...services.values()], problems);
  reader.sortProblems(options.overrides ?? []);
  if (problems.hasErrors) return {problems};
  return {project: {root: reader.root, base, runtime, aggregations, views, services}, problems};
}

/** The project without its views and services: for what is said before they are right. */
export function loadFoundation(options: ProjectOptions): Project {
  const reader = new ProjectReader(resolve(options.root));
  const base = reader.readBase();
  const runtime = reader.readRuntime(options);
  reader.problems.throwIfErrors();
  return {root: reader.root, base, runtime, aggregations: emptyAggregations, views: new Map(), services: new Map()};
}

const emptyBase: BaseConfig = {constants: new Map(), columnLists: new Map(), featureS3RootDir: undefined};
const emptyAggregations: AggregationConfig = {specs: [], enrichments: [], stores: new Map(), udfs: new Map()};

type FileRead = SourceFile | "absent" | "unreadable";

class ProjectReader {
  readonly problems = new Problems();
  readonly #references: Reference[] = [];
  readonly #files: string[] = [overrideFile];
  readonly #views = new Map<string, View>();
  readonly #services = new Map<string, Service>();
  readonly #partialViews = new Set<string>();
  #constants: Constants = {values: new Map(), isIntact: true};
  #variables: PathVariables = {data_root: undefined, feature_s3_root_dir: undefined};
  #aggregations: AggregationConfig = emptyAggregations;
  #isAggregationsPartial = false;
  #areViewsUnknown = false;
  #isPartial = false;

  constructor(readonly root: string) {}

  /** True when some file could not be read in full. */
  get isPartial(): boolean {
    return this.#isPartial;
  }

  readBase(): BaseConfig {
    const file = this.#readFile({path: "config/base.yaml", what: "the base configuration", isOptional: true});
    const {value, isIntact} = this.#check(file, baseSchema, "base.yaml");
    const base = file instanceof SourceFile && value ? parseBase({file, problems: this.problems}, value) : emptyBase;
    this.#constants = {values: base.constants, isIntact};
    this.#variables = {...this.#variables, feature_s3_root_dir: base.featureS3RootDir};
    return base;
  }

  readRuntime({runtimeConfigPath: path, overrides = [], outputRootDefault}: ProjectOptions): RuntimeConfig {
    const what = "the runtime configuration";
    const read = this.#readFile({path: path ?? "config/training/runtime.yaml", what, isOptional: path === undefined});
    const file = read instanceof SourceFile ? read : new SourceFile(path ?? "config/training/runtime.yaml", "", this.problems);
    if (!file.isBroken) applyOverrides(file, overrides, this.problems);
    const {value, isIntact} = this.#check(file, runtimeSchema, "runtime.yaml");
    const runtime = parseRuntime(this.#context(file, isIntact), value ?? {});
    this.#variables = {...this.#variables, data_root: runtime.dataRoot};
    return value?.output_root === undefined && outputRootDefault !== undefined ? {...runtime, outputRoot: outputRootDefault} : runtime;
  }

  readAggregations(path: string | undefined): AggregationConfig {
    const what = "the aggregation configuration";
    const file = this.#readFile({path: path ?? "config/training/aggregations.yaml", what, isOptional: path === undefined});
    const {value, isIntact} = this.#check(file, aggregationsSchema, "aggregations.yaml");
    this.#isAggregationsPartial = !isIntact;
    if (file instanceof SourceFile && value) {
      this.#aggregations = parseAggregations(this.#context(file, isIntact), value, this.#variables);
    }
    return this.#aggregations;
  }

  readViews(folder: string): ReadonlyMap<string, View> {
    const names = new Names(this.problems);
    const files = this.#readFolder(folder, "the folder of feature views");
    this.#areViewsUnknown = files === undefined;
    for (const {file, stem} of files ?? []) {
      const {value, isIntact} = this.#check(file, viewSchema, "a view");
      // A file that cannot be read is taken to define the view that it is named after.
      if (!isIntact) this.#partialViews.add(nameOf(file) ?? stem);
      if (!(file instanceof SourceFile) || !value) continue;
      const view = parseView(this.#context(file, isIntact), value, this.#variables);
      if (names.add("view", view.name, view.place)) this.#views.set(view.name, view);
    }
    return this.#views;
  }

  readServices(folder: string): ReadonlyMap<string, Service> {
    const names = new Names(this.problems);
    for (const {file} of this.#readFolder(folder, "the folder of feature services") ?? []) {
      const {value, isIntact} = this.#check(file, serviceSchema, "a service");
      if (!(file instanceof SourceFile) || !value) continue;
      const service = parseService(this.#context(file, isIntact), value, this.#views);
      if (names.add("service", service.name, service.place)) this.#services.set(service.name, service);
    }
    return this.#services;
  }

  checkReferences(): void {
    const services = [...this.#services.values()];
    const made = [
      ...services.flatMap(({derived, columns}) => [...derived, ...(columns ?? [])]),
      ...this.#aggregations.specs,
      ...this.#aggregations.enrichments,
    ];
    checkReferences(
      this.#references,
      {
        views: this.#views,
        partialViews: this.#partialViews,
        areViewsUnknown: this.#areViewsUnknown,
        spineViews: services.map(({spine}) => spine.view),
        madeColumns: new Set(made.map(({name}) => name)),
        stores: new Set(this.#aggregations.stores.keys()),
        enrichments: new Set(this.#aggregations.enrichments.map(({name}) => name)),
        udfs: new Set([...builtinUdfNames, ...this.#aggregations.udfs.keys()]),
        isPartial: this.#isPartial,
        isAggregationsPartial: this.#isAggregationsPartial,
      },
      this.problems,
    );
  }

  /** Problems were found in several passes; they are read from the top of each file down. */
  sortProblems(overrides: readonly string[]): void {
    const fileOrder = new Map(this.#files.map((file, index) => [file, index]));
    const position = ({place}: DaedalusError): readonly number[] => {
      if (!place) return [-1];
      const line = place.file === overrideFile ? overrides.indexOf(place.text) : place.line;
      return [fileOrder.get(place.file) ?? -1, line, place.column];
    };
    this.problems.all.sort((a, b) => {
      const [left, right] = [position(a), position(b)];
      return left.map((value, index) => value - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
    });
  }

  #context(file: SourceFile, isIntact: boolean): Context {
    return {file, isIntact, problems: this.problems, references: this.#references, constants: this.#constants};
  }

  #check<S extends z.ZodType>(file: FileRead, schema: S, what: string): Checked<z.infer<S>> {
    // Nothing of a file is missing that is not there and need not be.
    const unread = {value: undefined, isIntact: file === "absent"};
    const checked = file instanceof SourceFile ? checkSchema(file, schema, what, this.problems) : unread;
    this.#isPartial ||= !checked.isIntact;
    return checked;
  }

  #readFolder(folder: string, what: string): {readonly file: FileRead; readonly stem: string}[] | undefined {
    const path = resolve(this.root, folder);
    try {
      const files = readdirSync(path).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."));
      return files.sort().map((name) => ({
        file: this.#readFile({path: join(path, name), what: "the definition", isOptional: false}),
        stem: name.replace(/\.ya?ml$/, ""),
      }));
    } catch (error) {
      this.#isPartial = true;
      this.#reportUnreadable(path, what, error);
      return undefined;
    }
  }

  #readFile({path, what, isOptional}: {path: string; what: string; isOptional: boolean}): FileRead {
    const absolute = resolve(this.root, path);
    const shown = this.#show(absolute);
    this.#files.push(shown);
    try {
      return new SourceFile(shown, readFileSync(absolute, "utf8"), this.problems);
    } catch (error) {
      if (isOptional && hasCode(error, "ENOENT")) return "absent";
      this.#reportUnreadable(absolute, what, error);
      return "unreadable";
    }
  }

  #reportUnreadable(path: string, what: string, error: unknown): void {
    const shown = this.#show(path);
    if (hasCode(error, "ENOENT")) {
      const hint = "run in the project's folder, or say where it is";
      this.problems.add("file-missing", {path: shown, what, hint});
    } else {
      if (!(error instanceof Error && "code" in error)) throw error;
      this.problems.add("file-unreadable", {path: shown, reason: error.message.replace(/^\w+: /, "").replace(/, \w+.*$/, "")});
    }
  }

  /** Paths are shown as one would type them in the project's folder. */
  #show(path: string): string {
    const shown = relative(this.root, path);
    return shown.startsWith(`..${sep}`) ? path : shown.replaceAll(sep, "/");
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** The name that a file gives, even where the rest of it is wrong. */
function nameOf(file: FileRead): string | undefined {
  const name = file instanceof SourceFile ? (file.value as {name?: unknown} | null)?.name : undefined;
  return typeof name === "string" ? name : undefined;
}
