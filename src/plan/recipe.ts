/**
 * What makes the rows of a skeleton and each of its columns: a digest of the definitions, and how far into which views they
 * look. A recipe is taken from the plan of a service that has only that column, so that a definition elsewhere changes nothing.
 */
import {renderDtype} from "../definitions/dtype.js";
import type {Project, RowFilter, Service, ServiceColumn} from "../definitions/model.js";
import {Problems} from "../errors.js";
import {compilePlan} from "./compile.js";
import {contractOf} from "./contract.js";
import {digestOf} from "./digest.js";
import type {Operator, OperatorOf, Plan} from "./operator.js";

/** The part of a view that a scan can look at; counted from the day's start, as in the plan. */
export interface Reach {
  readonly view: string;
  readonly isBounded: boolean;
  readonly fromUs: number | undefined;
}

export interface Recipe {
  readonly definition: string;
  /** Names of reaches, sorted. */
  readonly reaches: readonly string[];
  /** Embedding stores whose ids decide which rows are there, sorted. */
  readonly stores: readonly string[];
}

/** A part of what decides which rows there are and how they are ordered. */
export interface RowsPart extends Recipe {
  /** As a reason says it: `the spine`, `filter "adults"`. */
  readonly what: string;
}

export interface SkeletonRecipe {
  readonly rows: readonly RowsPart[];
  /** In the order of the files. */
  readonly columns: ReadonlyMap<string, Recipe>;
  readonly reaches: ReadonlyMap<string, Reach>;
}

/** The operators that make the skeleton: all but the embeddings'. */
export function skeletonPlan(plan: Plan): Plan {
  const isOfDataset = (op: Operator): boolean =>
    op.opKind === "arrow_udf_transform" || op.opKind === "ray_udf_transform" || (op.opKind === "sink" && op.dataset === "dataset");
  return {...plan, operators: plan.operators.filter((op) => !isOfDataset(op))};
}

/** `plan` is the whole plan of the service, which compiled without errors. */
export function compileRecipe(project: Project, service: Service, plan: Plan): SkeletonRecipe {
  const reaches = new Map<string, Reach>();
  const recipeOf = (part: Service): Recipe => readRecipe(compilePart(project, part, plan), project, reaches);
  const bare: Service = {...service, filters: [], spine: {...service.spine, sessionFilter: undefined}};
  const contract = contractColumns(project, service);
  const time = bareColumn(service, plan.timeColumn);
  const rowsOf = (what: string, filters: readonly RowFilter[], spine = bare.spine): RowsPart => ({what, ...recipeOf({...bare, columns: [time], filters, spine})});

  const columns = new Map<string, Recipe>();
  for (const output of outputOf(plan).columns) {
    // The skeleton holds a placeholder where the dataset has an embedding: the id that it is made of is no part of that.
    const isPlaceholder = plan.operators.some((op) => "udf" in op && op.column === output.name);
    const column = contract.get(output.name) ?? bareColumn(service, output.name);
    columns.set(output.name, isPlaceholder ? {definition: digestOf(output), reaches: [], stores: []} : recipeOf({...bare, columns: [column]}));
  }
  const order: RowsPart = {what: "the order of rows", definition: digestOf(orderOf(plan).columns), reaches: [], stores: []};
  return {
    rows: [
      rowsOf("the spine", []),
      ...service.filters.map((filter) => rowsOf(`filter "${filter.name}"`, [filter])),
      ...(service.spine.sessionFilter ? [rowsOf("the session filter", [], service.spine)] : []),
      order,
      {what: "the version of the service", definition: digestOf(service.version), reaches: [], stores: []},
    ],
    columns,
    reaches,
  };
}

/** The plan of some columns of the skeleton, over the same rows in the same order as in the whole plan. */
export function compileColumns(project: Project, service: Service, plan: Plan, names: readonly string[]): Plan {
  const contract = contractColumns(project, service);
  const columns = names.map((name) => contract.get(name) ?? bareColumn(service, name));
  const part = compilePart(project, {...service, columns}, plan);
  const {columns: orderBy, scanned} = orderOf(plan);
  const operators = part.operators.map((op): Operator => {
    // Rows that are equal in all that is said of them are ordered by the other columns that the whole plan reads.
    if (op.opKind === "project" && op.shape.kind === "rows") return {...op, shape: {...op.shape, orderBy}};
    return op.opKind === "scan" && op.output === scanned.output ? {...op, columns: scanned.columns} : op;
  });
  return {...part, operators};
}

/**
 * The skeleton's plan of a service that is a part of another, whose plan is `whole`. Among rows of a view that are alike in all
 * that `tie_break` names, a join picks by the values of the fields that it adds: so the part must pick by those of the whole.
 */
function compilePart(project: Project, part: Service, whole: Plan): Plan {
  const plan = skeletonPlan(compilePlan(project, part, new Problems()));
  const added = new Map<string, readonly string[]>();
  const widened = plan.operators.map((op): Operator => {
    if ((op.opKind !== "pit_join" && op.opKind !== "join") || op.onDuplicate === "error") return op;
    if (op.opKind === "join" && op.joinKind !== "latest") return op;
    const same = whole.operators.find((candidate) => candidate.name === op.name);
    if (same?.opKind !== op.opKind) return op;
    added.set(op.inputs[1], same.fields);
    return {...op, fields: same.fields};
  });
  const operators = widened.map((op): Operator =>
    op.opKind === "scan" && added.has(op.output) ? {...op, columns: [...new Set([...op.columns, ...added.get(op.output)!])].sort()} : op,
  );
  return {...plan, operators};
}

/** What the rows are ordered by, and the scan that the day's rows come from. */
export function orderOf(plan: Plan): {columns: readonly string[]; scanned: OperatorOf<"scan">} {
  const ordered = plan.operators.find((op) => op.opKind === "project" && op.shape.kind === "rows");
  const scanned = plan.operators.find((op) => op.opKind === "scan");
  if (ordered?.opKind !== "project" || ordered.shape.kind !== "rows" || scanned?.opKind !== "scan") throw new Error("the plan does not order the day's rows");
  return {columns: ordered.shape.orderBy, scanned};
}

type Output = Extract<OperatorOf<"project">["shape"], {kind: "output"}>;

function outputOf(plan: Plan): Output {
  for (const op of plan.operators) if (op.opKind === "project" && op.shape.kind === "output") return op.shape;
  throw new Error("the plan has no output");
}

function bareColumn(service: Service, name: string): ServiceColumn {
  return {name, kind: undefined, dtype: undefined, defaultSql: undefined, isNullable: true, checks: [], place: service.place};
}

function contractColumns(project: Project, service: Service): ReadonlyMap<string, ServiceColumn> {
  return new Map(contractOf(project, service, new Problems()).map((column) => [column.name, {...bareColumn(service, column.name), ...column}]));
}

/** Reads a plan's recipe and notes the reaches of its scans. */
function readRecipe(plan: Plan, project: Project, reaches: Map<string, Reach>): Recipe {
  const reached = new Set<string>();
  const stores = new Set<string>();
  const said: string[] = [];
  for (const op of plan.operators) {
    if (op.opKind === "scan") {
      const reach: Reach = {view: op.view, isBounded: op.timeColumn !== undefined, fromUs: op.fromUs};
      const name = nameReach(reach);
      reaches.set(name, reach);
      reached.add(name);
    }
    if (op.opKind === "join" && op.joinKind === "covered") stores.add(op.right);
    const content = contentOf(op, plan, project);
    if (content !== undefined) said.push(digestOf(content));
  }
  // Sorted, since the order of joins, windows and filters follows the order in which the YAML lists them and changes no value.
  return {definition: digestOf([...new Set(said)].sort()), reaches: [...reached].sort(), stores: [...stores].sort()};
}

function nameReach({view, isBounded, fromUs}: Reach): string {
  if (!isBounded) return view;
  return `${view}, ${fromUs === undefined ? "all" : String(-fromUs / 1_000_000)}`;
}

/** What an operator says about values; undefined when that is said elsewhere. */
function contentOf(op: Operator, plan: Plan, project: Project): unknown {
  const {name: _name, engine: _engine, inputs, output, ...rest} = op;
  if (op.opKind === "sink") return undefined;
  if (op.opKind === "scan") return {...rest, output, columns: op.columns.map((column) => describeColumn(op.view, column, project))};
  // Names of these follow their number or the YAML; what they read is found by names of columns.
  if (op.opKind === "rolling_aggregate") {
    const windows = op.windows.map((window) => digestOf(window)).sort();
    return {...rest, windows, history: rootOf(inputs[1]!, plan)};
  }
  if (op.opKind === "filter") return {...rest, of: rootOf(inputs[0], plan), predicate: sortLists(op.predicate)};
  if (op.opKind === "project" && op.shape.kind === "rows") return undefined;
  if (op.opKind === "project") return rest;
  return {...rest, output};
}

/** A column of a scan with what the view says about its values. */
function describeColumn(viewName: string, column: string, project: Project): unknown {
  const {source, fields} = project.views.get(viewName)!;
  const dtype = fields.find((field) => field.name === column)?.dtype;
  return {
    column,
    source: [...source.fieldMapping].find(([, to]) => to === column)?.[0] ?? column,
    dtype: dtype && renderDtype(dtype),
    // Files are known by their identity; of other sources this is all that is known.
    query: source.query,
    table: source.tableName,
  };
}

/** The scan that a chain of joins and filters starts with. */
function rootOf(relation: string, plan: Plan): string {
  const op = plan.operators.find((candidate) => candidate.output === relation);
  const input = op?.inputs[0];
  return input === undefined ? relation : rootOf(input, plan);
}

/** Lists of a predicate are sets. */
function sortLists(predicate: OperatorOf<"filter">["predicate"]): unknown {
  return Object.fromEntries(Object.entries(predicate).map(([key, value]) => [key, Array.isArray(value) ? [...(value as string[])].sort() : value]));
}
