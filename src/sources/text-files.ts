/** CSV and JSON lines on local disk, one file or a glob of them. Columns are read as the view declares them, not as they look. */
import type {Project, View} from "../definitions/model.js";
import {declaredTypes, renderDeclared} from "./declared-types.js";
import type {Environment} from "./environment.js";
import {openParquet} from "./parquet.js";
import {quoteText} from "./quote.js";
import type {Source} from "./source.js";

const csvPattern = /\.(?:csv|tsv)(?:\.gz|\.zst)?$/i;
const jsonPattern = /\.(?:json|jsonl|ndjson)(?:\.gz|\.zst)?$/i;

export const isTextFile = (path: string): boolean => csvPattern.test(path) || jsonPattern.test(path);

export function openTextFiles(view: View, path: string, project: Project, environment: Environment): Source {
  const files = openParquet(view, path, project, environment);
  const types = declaredTypes(view).map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`);
  const declared = types.length === 0 ? "" : `, types = {${types.join(", ")}}`;
  const list = (names: readonly string[]): string => `[${names.map(quoteText).join(", ")}]`;
  const render = csvPattern.test(path)
    ? (names: readonly string[]) => `read_csv(${list(names)}, header = true, hive_partitioning = true${declared})`
    : // The declared types win over what a sample of the lines looks like.
      (names: readonly string[]) => renderDeclared(view, `read_json(${list(names)}, format = 'newline_delimited', hive_partitioning = true)`);
  return {...files, hasFooters: false, renderRelation: (names = files.files) => render(names)};
}
