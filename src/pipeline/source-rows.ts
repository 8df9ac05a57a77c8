/** Rows of views as they are read for a proof: each with the file and the row number that it stands at. */
import type {Project, View} from "../definitions/model.js";
import type {DuckDbSession} from "../engines/duckdb/connection.js";
import {Problems} from "../errors.js";
import type {Environment} from "../sources/environment.js";
import {quoteName} from "../sources/quote.js";
import {boundsOf, checkSources, type CheckedSource} from "./source-check.js";
import {partsBetween} from "./source-parts.js";

export class SourceRows {
  private readonly checked = new Map<string, {readonly source: CheckedSource; readonly columns: ReadonlySet<string>}>();

  constructor(
    private readonly session: DuckDbSession,
    private readonly project: Project,
    private readonly environment: Environment,
  ) {}

  /**
   * A relation of the columns asked for, under our names and in the declared types, with `__file` and `__file_row`. The range
   * leaves out files, not rows.
   * @throws ProblemsError when the source lacks a column or holds another type
   */
  async renderRelation(view: View, columns: readonly string[], range?: {readonly fromUs: number; readonly toUs: number}): Promise<string> {
    const source = await this.open(view, columns);
    const select = columns.map((name) => `${source.columns.get(name)!.sql} AS ${quoteName(name)}`);
    const origin = source.source.hasFooters === true ? ["filename AS __file", "file_row_number AS __file_row"] : ["NULL::VARCHAR AS __file", "NULL::BIGINT AS __file_row"];
    const reached = range ? partsBetween(source.files, range.fromUs, range.toUs) : source.files;
    const files = (reached.length > 0 ? reached : source.files.slice(0, 1)).map((file) => file.path);
    return `(SELECT ${[...select, ...origin].join(", ")} FROM ${source.source.renderRelation(files, boundsOf(source, columns, undefined))})`;
  }

  private async open(view: View, columns: readonly string[]): Promise<CheckedSource> {
    const known = this.checked.get(view.name);
    if (known && columns.every((name) => known.columns.has(name))) return known.source;
    const wanted = new Set([...(known?.columns ?? []), ...columns]);
    const problems = new Problems();
    const scan = {opKind: "scan", name: "", output: "", inputs: [], engine: "sql", view: view.name, columns: [...wanted]} as const;
    const checked = await checkSources(this.session, {service: "", version: 0, timeColumn: "", operators: [scan]}, this.project, this.environment, problems);
    problems.throwIfErrors();
    const source = checked.get(view.name)!;
    this.checked.set(view.name, {source, columns: wanted});
    return source;
  }
}
