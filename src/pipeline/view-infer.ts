/** Writes the YAML of a view from what its source says of itself. The text is read back by what reads views, before anyone sees it. */
import {stringify} from "yaml";
import type {Project, View} from "../definitions/model.js";
import {parseViewText} from "../definitions/view-text.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import type {Environment} from "../sources/environment.js";
import {quoteName} from "../sources/quote.js";
import {kindOf, schemeOf} from "../sources/source-kind.js";
import {openSource} from "../sources/source.js";
import {readFiles} from "./source-parts.js";
import {explainSourceFailure, pinSource, prepareSession, retryLost} from "./source-session.js";
import {guessView, toViewName, type FoundColumn} from "./view-guess.js";

export interface InferOptions {
  /** What `path` or `database_path` will say; credentials in it are references. */
  readonly location: string;
  readonly tableName?: string | undefined;
  readonly query?: string | undefined;
  readonly dataPath?: string | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** References, such as `${S3_KEY}`. */
  readonly credentials?: Readonly<Record<string, string>> | undefined;
  /** Default: after the table, or the last folder or file of a path. */
  readonly name?: string | undefined;
  readonly entities?: readonly string[] | undefined;
  readonly timestamp?: string | undefined;
}

export interface InferredView {
  readonly name: string;
  readonly yaml: string;
  readonly notes: readonly string[];
}

/**
 * Opens the source and describes it; no row of it is kept.
 * @throws DaedalusError or ProblemsError when the source cannot be read as it is said
 */
export async function inferView(wanted: InferOptions, project: Project, environment: Environment): Promise<InferredView> {
  const name = wanted.name ?? nameAfter(wanted);
  const path = `feature_views/${name}.yaml`;
  const source = renderSource(wanted);
  const draft = parseViewText(stringify({name, entity: name, source, fields: []}, {lineWidth: 0}), path, project);
  const {columns, hiveKeys} = await describeSource(draft, project, environment);
  if (wanted.timestamp !== undefined && !columns.some((column) => column.name === wanted.timestamp)) {
    throw DaedalusError.of("source-column-missing", {view: name, column: wanted.timestamp, columns: columns.map((column) => column.name)});
  }
  const {entities, joinKeys, timestampField, fieldMapping, fields, notes} = guessView(columns, {name, entities: wanted.entities, timestamp: wanted.timestamp}, hiveKeys);
  const view = {
    name,
    entity: entities.length === 1 ? entities[0] : entities,
    ...(joinKeys && {join_keys: joinKeys}),
    source: {
      ...source,
      ...(timestampField !== undefined && {timestamp_field: timestampField}),
      ...(fieldMapping.size > 0 && {field_mapping: Object.fromEntries(fieldMapping)}),
    },
    fields,
  };
  const comments = notes.map((note) => `# ${note}\n`).join("");
  const yaml = comments + stringify(view, {lineWidth: 0});
  parseViewText(yaml, path, project);
  return {name, yaml, notes};
}

function renderSource({location, tableName, query, dataPath, options, credentials}: InferOptions): Record<string, unknown> {
  const isDatabase = tableName !== undefined || query !== undefined || ["postgres", "postgresql", "ducklake", "duckdb", "sqlite", "snowflake"].includes(schemeOf(location) ?? "");
  return {
    [isDatabase ? "database_path" : "path"]: location,
    ...(tableName !== undefined && {table_name: tableName}),
    ...(query !== undefined && {query}),
    ...(dataPath !== undefined && {data_path: dataPath}),
    ...(options && Object.keys(options).length > 0 && {options}),
    ...(credentials && Object.keys(credentials).length > 0 && {credentials}),
  };
}

function nameAfter({location, tableName, query}: InferOptions): string {
  if (tableName !== undefined) return toViewName(tableName.split(".").at(-1)!);
  const table = query === undefined ? undefined : /\bfrom\s+([\w."]+)/i.exec(query)?.[1];
  if (table !== undefined) return toViewName(table.split(".").at(-1)!);
  const parts = location.replace(/^(?:iceberg|delta):/i, "").replace(/\/metadata\/[^/]*\.metadata\.json$/, "").split("/").filter((part) => part !== "" && !/[*?=]/.test(part));
  return toViewName((parts.at(-1) ?? "view").replace(/\.\w+$/, ""));
}

interface Described {
  readonly columns: readonly FoundColumn[];
  readonly hiveKeys: readonly string[];
}

async function describeSource(view: View, project: Project, environment: Environment): Promise<Described> {
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  try {
    return await retryLost(async () => {
      const opened = openSource(view, project, environment);
      await prepareSession(session, [opened]);
      const source = await pinSource(session, view, opened, new Map());
      const files = (await readFiles(session, {view, source, root: project.root})).map((file) => file.path);
      const relation = source.renderRelation(files);
      const columns = await session.describe(`SELECT * FROM ${source.renderHeader?.() ?? relation}`);
      const isText = kindOf(view, view.source.path ?? view.source.databasePath ?? "") === "sqlite";
      const hiveKeys = [...new Set(files.flatMap((file) => [...file.matchAll(/\/([A-Za-z_]\w*)=[^/]*(?=\/)/g)].map(([, key]) => key!)))];
      return {columns: isText ? await findInstants(session, relation, columns) : columns, hiveKeys};
    });
  } catch (error) {
    throw explainSourceFailure(view, error);
  } finally {
    session.close();
  }
}

/** SQLite keeps instants as text: a column of which every value is one counts as such. */
async function findInstants(session: DuckDbSession, relation: string, columns: readonly FoundColumn[]): Promise<FoundColumn[]> {
  const texts = columns.filter(({type}) => type === "VARCHAR");
  if (texts.length === 0) return [...columns];
  const terms = texts.map(({name}, index) => `count(${quoteName(name)}) > 0 AND count(TRY_CAST(${quoteName(name)} AS TIMESTAMPTZ)) = count(${quoteName(name)}) AS c${index}`);
  const [row] = await session.rows(`SELECT ${terms.join(", ")} FROM (FROM ${relation} LIMIT 1000)`);
  const instants = new Set(texts.filter((_, index) => row?.[`c${index}`] === true).map(({name}) => name));
  return columns.map((column) => (instants.has(column.name) ? {...column, type: "TIMESTAMP WITH TIME ZONE"} : column));
}
