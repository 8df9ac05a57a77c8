/** Compares stored columns with what they are when derived again by another path, and says which of them saw the future. */
import {columnsOf} from "../plan/chain.js";
import type {Project, Service} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems} from "../errors.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {isObjectStore} from "../sources/output-bucket.js";
import {fetchAudited} from "./audit-fetch.js";
import {blame, type BlameRules, type Verdict} from "./audit-blame.js";
import {checkManifests, readAuditInput, type AuditInput} from "./audit-input.js";
import {readMapping, type AuditColumn, type AuditMapping, type MappingFlags, type SkippedColumn} from "./audit-mapping.js";
import {noteStale} from "./audit-stale.js";
import {realEffects, type Effects} from "./effects.js";
import {readVersionEvidence, readWindowEvidence} from "./evidence.js";
import {compileService} from "./plan-file.js";
import {Rederivation, type RowSet} from "./rederive.js";

export interface AuditOptions {
  readonly project: Project;
  /** A parquet file, a partition, a folder of partitions, or a folder or glob of parquet files. */
  readonly path: string;
  /** Default: what the manifests say; without one, none. */
  readonly service?: string | undefined;
  readonly mapping?: MappingFlags;
  /** How many rows are checked; undefined: all. */
  readonly sample: number | undefined;
  readonly seed: number;
}

export interface AuditExample {
  readonly row: Readonly<Record<string, string | null>>;
  readonly stored: string | null;
  readonly expected: string | null;
  readonly explanation: string;
}

export interface ColumnAudit {
  readonly name: string;
  readonly definition: string;
  /** `risk`: right by its definition, which looks at the newest version whatever the time. */
  readonly status: "ok" | "leak" | "mismatch" | "risk";
  readonly rowsChecked: number;
  readonly mismatches: number;
  readonly usedFuture: number;
  readonly worstLeadUs: number | undefined;
  readonly explanations: readonly {readonly text: string; readonly rows: number; readonly usesFuture: boolean}[];
  readonly examples: readonly AuditExample[];
  /** Mismatches that were looked into; fewer than `mismatches` where there are very many. */
  readonly examined: number;
}

export interface AuditReport {
  readonly path: string;
  readonly service: string | undefined;
  readonly rows: number;
  readonly rowsChecked: number;
  /** Undefined when every row was checked. */
  readonly seed: number | undefined;
  readonly columns: readonly ColumnAudit[];
  readonly skipped: readonly SkippedColumn[];
  readonly notes: readonly string[];
  readonly contradictions: readonly string[];
  /** No column differs and no manifest lies. */
  readonly isPassed: boolean;
}

const batchRows = 50_000;
const examinedMax = 2_000;
const exampleCount = 3;

/**
 * @example
 * const report = await audit({project, path: "out/basket/dataset", sample: 1000, seed: 1});
 * @throws DaedalusError when there is nothing to audit or the mapping does not fit the file
 */
export async function audit(options: AuditOptions, effects: Pick<Effects, "environment" | "signal"> = realEffects): Promise<AuditReport> {
  const {project, path} = options;
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  const interrupt = (): void => session.interrupt();
  effects.signal.addEventListener("abort", interrupt);
  try {
    const place = isObjectStore(path) ? await fetchAudited(project, path, {...effects, directory: session.scratchDirectory}) : path;
    const input = await readAuditInput(session, place, project);
    const service = findService(project, options.service ?? input.partitions[0]?.service);
    const mapping = readMapping(project, service, options.mapping ?? {spineKeys: [], time: undefined, columns: []}, input);
    const {notes, contradictions} = await checkManifests(session, input, service);
    const stale = service ? await noteStale(project, service, input.partitions, effects.environment) : [];
    const problems = new Problems();
    const plan = service && compileService(project, service, problems);
    problems.throwIfErrors();
    const count = await loadAudited(session, input, mapping, options);
    const findings = new Map(mapping.columns.map((column) => [column, new Finding(column)]));
    let unmatched = 0;
    // Without rows, one empty batch still compares the types.
    for (let first = 0; first === 0 || first < count.checked; first += batchRows) {
      effects.signal.throwIfAborted();
      const table = "__audited_batch";
      await session.run(`CREATE OR REPLACE TEMP TABLE ${table} AS FROM __audited WHERE __row >= ${first} AND __row < ${first + batchRows}`);
      const derivation = new Rederivation(session, project, service, plan, effects.environment, first / batchRows);
      const batch = new AuditBatch(derivation, mapping, input, table);
      unmatched += await batch.run(findings);
      await derivation.close();
    }
    const columns = [...findings.values()].map((finding) => finding.summarize(count.checked));
    return {
      path,
      service: service?.name,
      rows: count.all,
      rowsChecked: count.checked,
      seed: count.checked === count.all ? undefined : options.seed,
      columns,
      skipped: mapping.skipped,
      notes: [...notes, ...stale, ...(count.all === 0 ? ["there are no rows"] : []), ...(unmatched === 0 ? [] : [`${unmatched} of the rows checked are no rows of the spine of service "${service?.name}"`])],
      contradictions,
      isPassed: contradictions.length === 0 && columns.every((column) => column.mismatches === 0),
    };
  } finally {
    effects.signal.removeEventListener("abort", interrupt);
    session.close();
  }
}

function findService(project: Project, name: string | undefined): Service | undefined {
  if (name === undefined) return undefined;
  const service = project.services.get(name);
  if (service) return service;
  const names = [...project.services.keys()];
  throw DaedalusError.of("reference-unknown", {what: "feature service", name, nearest: findNearest(name, names), hint: `the services are ${names.join(", ")}`});
}

const storedName = (index: number): string => `__stored_${index}`;

/** Puts the rows to check into `__audited`, numbered from 0 in the order of the files. */
async function loadAudited(session: DuckDbSession, input: AuditInput, mapping: AuditMapping, {sample, seed}: AuditOptions): Promise<{all: number; checked: number}> {
  const timeType = input.columns.get(mapping.time)!;
  if (!/^(TIMESTAMP|DATE)/.test(timeType)) throw DaedalusError.of("audit-dtype", {path: input.path, column: mapping.time, found: timeType, expected: "TIMESTAMP"});
  const relation = renderParquetRelation(input.files);
  const keys = [...mapping.keys].map(([name, column]) => `, t.${quoteName(column)} AS ${quoteName(name)}`);
  const stored = mapping.columns.map(({name}, index) => `, t.${quoteName(name)} AS ${storedName(index)}`);
  const position = `list_position([${input.files.map(quoteText).join(", ")}], filename)`;
  // The same seed takes the same rows, whatever the number of threads and wherever the files lie.
  const chosen = sample === undefined ? "" : ` QUALIFY row_number() OVER (ORDER BY hash(${position}, file_row_number, ${seed}), ${position}, file_row_number) <= ${sample}`;
  await session.run(
    `CREATE TEMP TABLE __audited AS SELECT row_number() OVER (ORDER BY __position, __file_row) - 1 AS __row, * EXCLUDE (__position) FROM (
      SELECT ${position} AS __position, file_row_number AS __file_row, CAST(t.${quoteName(mapping.time)} AS TIMESTAMP) AS __at${keys.join("")}${stored.join("")} FROM ${relation} AS t${chosen})`,
  );
  const [counts] = await session.rows(`SELECT (SELECT count(*) FROM ${relation}) AS total, (SELECT count(*) FROM __audited) AS checked`);
  return {all: Number(counts!["total"]), checked: Number(counts!["checked"])};
}

/** What was found of one column, over all batches. */
class Finding {
  mismatches = 0;
  examined = 0;
  futureByDefinition = {rows: 0, worstLeadUs: undefined as number | undefined};
  readonly verdicts = new Map<number, Verdict>();
  readonly examples: (AuditExample & {readonly usesFuture: boolean})[] = [];

  constructor(readonly column: AuditColumn) {}

  summarize(rowsChecked: number): ColumnAudit {
    const {name, definition, latestViews} = this.column;
    const verdicts = [...this.verdicts.values()];
    const groups = new Map<string, {rows: number; usesFuture: boolean}>();
    for (const {text, usesFuture} of verdicts) groups.set(text, {rows: (groups.get(text)?.rows ?? 0) + 1, usesFuture: usesFuture || groups.get(text)?.usesFuture === true});
    const leaks = verdicts.filter((verdict) => verdict.usesFuture);
    const isRisk = latestViews.length > 0;
    const leads = leaks.flatMap(({leadUs}) => (leadUs === undefined ? [] : [leadUs]));
    const worst = [...leads, ...(this.futureByDefinition.worstLeadUs === undefined ? [] : [this.futureByDefinition.worstLeadUs])];
    return {
      name,
      definition: isRisk ? `${definition} (join: latest of ${latestViews.join(", ")})` : definition,
      status: leaks.length > 0 ? "leak" : this.mismatches > 0 ? "mismatch" : isRisk ? "risk" : "ok",
      rowsChecked,
      mismatches: this.mismatches,
      usedFuture: leaks.length + this.futureByDefinition.rows,
      worstLeadUs: worst.length === 0 ? undefined : worst.reduce((a, b) => Math.max(a, b)),
      explanations: [...groups].map(([text, group]) => ({text, ...group})).sort((a, b) => b.rows - a.rows),
      examples: [...this.examples].sort((a, b) => Number(b.usesFuture) - Number(a.usesFuture)).slice(0, exampleCount).map(({usesFuture: _usesFuture, ...example}) => example),
      examined: this.examined,
    };
  }
}

interface Expected {
  /** `__row` and `value`; several values a row where the rules allow several. */
  readonly table: string;
  readonly type: string;
}

class AuditBatch {
  constructor(
    private readonly derivation: Rederivation,
    private readonly mapping: AuditMapping,
    private readonly input: AuditInput,
    private readonly table: string,
  ) {}

  /** Gives how many rows the spine does not have. */
  async run(findings: ReadonlyMap<AuditColumn, Finding>): Promise<number> {
    const {session} = this.derivation;
    const rows = await this.makeRows();
    const expected = new Map<AuditColumn, Expected>();
    for (const column of this.mapping.columns) expected.set(column, await this.derive(rows, column));
    // Derived columns are judged by their inputs, so they come last.
    const order = [...this.mapping.columns.entries()].sort(([, a], [, b]) => Number(a.claim.kind === "derived") - Number(b.claim.kind === "derived"));
    for (const [index, column] of order) await this.compare(rows, index, expected.get(column)!, findings);
    if (!this.derivation.service) return 0;
    const [count] = await session.rows(`SELECT count(DISTINCT __row) AS count FROM ${rows.table} WHERE NOT __is_found`);
    return Number(count!["count"]);
  }

  /** The audited rows with what the spine says of them; several where the file cannot tell rows of the spine apart. */
  private async makeRows(): Promise<RowSet> {
    const {derivation, mapping, table} = this;
    const keys = [...mapping.keys.keys()];
    const view = derivation.spineView;
    if (!view) {
      const made = await derivation.makeTable(`SELECT __row AS __id, __row, __at, ${keys.map(quoteName).join(", ")} FROM ${table}`);
      return {table: made, view: undefined, prefix: "day", columns: new Set(keys)};
    }
    const names = mapping.columns.flatMap(({claim}) => {
      if (claim.kind === "view") return [...claim.view.joinKeys];
      return [claim.kind === "spine" ? claim.field : claim.kind === "aggregation" ? claim.spec.name : claim.derived.name];
    });
    const own = derivation.ownColumnsFor(view, [...derivation.rowNamesFor(names), ...derivation.spineColumns(), ...keys.filter((key) => columnsOf(view).has(key))]);
    const time = view.timestampColumn!;
    const [range] = await derivation.session.rows(`SELECT epoch_us(min(__at)) AS first, epoch_us(max(__at)) AS last FROM ${table} WHERE isfinite(__at)`);
    const relation = await derivation.sources.renderRelation(view, [...own], {fromUs: Number(range!["first"] ?? 0), toUs: Number(range!["last"] ?? 0) + 1});
    await this.checkKeyTypes(relation, keys.filter((key) => own.has(key)));
    const matches = [`s.${quoteName(time)} = a.__at`, ...keys.filter((key) => own.has(key)).map((key) => `s.${quoteName(key)} IS NOT DISTINCT FROM a.${quoteName(key)}`)];
    const conditions = await derivation.renderSpineConditions("s");
    const agreed = mapping.columns.flatMap(({claim}, index) =>
      claim.kind === "spine" && !keys.includes(claim.field) && claim.field !== time ? [`(CAST(s.${quoteName(claim.field)} AS VARCHAR) IS NOT DISTINCT FROM CAST(a.${storedName(index)} AS VARCHAR))::INTEGER`] : [],
    );
    const taken = [...new Set([...own, ...keys])].map((name) => {
      const value = keys.includes(name) ? `a.${quoteName(name)}` : name === time ? "a.__at" : `s.${quoteName(name)}`;
      return `${value} AS ${quoteName(name)}`;
    });
    const candidates = `SELECT a.__row, a.__at, ${taken.join(", ")}, s.${quoteName(time)} IS NOT NULL AS __is_found, ${agreed.length > 0 ? agreed.join(" + ") : "0"} AS __agreed
      FROM ${table} AS a LEFT JOIN (SELECT * FROM ${relation} AS s${conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""}) AS s ON ${matches.join(" AND ")}`;
    const best = `SELECT DISTINCT * EXCLUDE (__agreed) FROM (${candidates} QUALIFY __agreed = max(__agreed) OVER (PARTITION BY a.__row))`;
    const made = await derivation.makeTable(`SELECT row_number() OVER (ORDER BY __row) AS __id, * FROM (${best})`);
    return {table: made, view, prefix: "day", columns: new Set([...own, ...keys])};
  }

  private async checkKeyTypes(relation: string, keys: readonly string[]): Promise<void> {
    for (const {name, type} of await this.derivation.session.describe(`SELECT * FROM ${relation}`)) {
      const column = keys.includes(name) ? this.mapping.keys.get(name)! : undefined;
      if (column !== undefined) this.expectType(column, type);
    }
  }

  private expectType(column: string, expected: string): void {
    const found = this.input.columns.get(column)!;
    if (!isComparable(found, expected)) throw DaedalusError.of("audit-dtype", {path: this.input.path, column, found, expected});
  }

  private async derive(rows: RowSet, column: AuditColumn): Promise<Expected> {
    const {derivation} = this;
    const {claim} = column;
    let table: string;
    if (claim.kind === "view") {
      for (const key of claim.view.joinKeys) {
        if (this.derivation.spineView || rows.columns.has(key) || this.derivation.findOwner(undefined, key)) continue;
        throw DaedalusError.of("flag-wrong", {flag: "spine-key", value: [...this.mapping.keys.keys()].join(", "), expected: `--spine-key ${key} as well: view "${claim.view.name}" is joined by it`});
      }
      table = await derivation.listAlternatives(rows, claim.view, claim.field);
    } else {
      const name = claim.kind === "spine" ? claim.field : claim.kind === "aggregation" ? claim.spec.name : claim.derived.name;
      await derivation.request(rows, name);
      const isFound = claim.kind === "spine" ? " WHERE __is_found" : "";
      table = await derivation.makeTable(`SELECT DISTINCT __row, ${quoteName(name)} AS value FROM ${rows.table}${isFound}`);
    }
    const type = (await derivation.session.describe(`SELECT value FROM ${table}`))[0]!.type;
    this.expectType(column.name, type);
    return {table, type};
  }

  private async compare(rows: RowSet, index: number, expected: Expected, findings: ReadonlyMap<AuditColumn, Finding>): Promise<void> {
    const {session} = this.derivation;
    const column = this.mapping.columns[index]!;
    const finding = findings.get(column)!;
    const stored = `a.${storedName(index)}`;
    const found = this.input.columns.get(column.name)!;
    // A file may hold single precision where the definition gives double.
    const value = found.startsWith("FLOAT") && found !== expected.type ? `CAST(e.value AS ${found})` : "e.value";
    const wrong = `SELECT a.__row FROM ${this.table} AS a LEFT JOIN (SELECT *, true AS __is_there FROM ${expected.table}) AS e USING (__row)
      GROUP BY a.__row HAVING NOT bool_or(coalesce(__is_there, false) AND ${stored} IS NOT DISTINCT FROM ${value})`;
    const wrongTable = await this.derivation.makeTable(wrong);
    const [count] = await session.rows(`SELECT count(*) AS count FROM ${wrongTable}`);
    finding.mismatches += Number(count!["count"]);
    if (column.claim.kind === "view" && column.claim.view.time.join === "latest") {
      const {rows: seen, worstLeadUs} = await this.derivation.measureLatest(rows, column.claim.view, column.claim.field);
      const before = finding.futureByDefinition;
      finding.futureByDefinition = {rows: before.rows + seen, worstLeadUs: worstLeadUs === undefined ? before.worstLeadUs : Math.max(before.worstLeadUs ?? 0, worstLeadUs)};
    }
    const left = examinedMax - finding.examined;
    if (Number(count!["count"]) === 0 || left <= 0) return;
    const inList = expected.type.endsWith("]") ? "VARCHAR[]" : "VARCHAR";
    const keys = [...this.mapping.keys.keys()].map((name) => `, any_value(CAST(a.${quoteName(name)} AS VARCHAR)) AS ${quoteName(`key ${name}`)}`);
    const details = await session.rows(
      `SELECT a.__row AS row, min(r.__id) AS id, any_value(epoch_us(a.__at)) AS at_us, any_value(CAST(a.__at AS VARCHAR)) AS at${keys.join("")},
        any_value(CAST(CAST(${stored} AS ${expected.type}) AS ${inList})) AS stored, any_value(CAST(${stored} AS VARCHAR)) AS stored_text, any_value(CAST(e.value AS VARCHAR)) AS expected_text, bool_or(r.__id IS NOT NULL AND e.__row IS NOT NULL) AS is_there
      FROM ${wrongTable} AS w JOIN ${this.table} AS a USING (__row) LEFT JOIN ${rows.table} AS r ON r.__row = a.__row LEFT JOIN ${expected.table} AS e ON e.__row = a.__row
      GROUP BY a.__row ORDER BY a.__row LIMIT ${left}`,
    );
    const verdicts = await this.judge(rows, column, details, findings);
    finding.examined += details.length;
    for (const [position, row] of details.entries()) {
      const verdict = verdicts[position]!;
      finding.verdicts.set(Number(row["row"]), verdict);
      const isWanted = finding.examples.length < exampleCount || (verdict.usesFuture && finding.examples.filter((example) => example.usesFuture).length < exampleCount);
      if (!isWanted) continue;
      const named = [...this.mapping.keys.keys()].map((name): [string, string | null] => [name, row[`key ${name}`] as string | null]);
      finding.examples.push({
        row: {...Object.fromEntries(named), [this.mapping.time]: row["at"] as string | null},
        stored: row["stored_text"] as string | null,
        expected: row["expected_text"] as string | null,
        explanation: verdict.text,
        usesFuture: verdict.usesFuture,
      });
    }
  }

  private async judge(rows: RowSet, column: AuditColumn, details: readonly Record<string, unknown>[], findings: ReadonlyMap<AuditColumn, Finding>): Promise<readonly Verdict[]> {
    const {derivation} = this;
    const {claim} = column;
    const plain = (text: string): Verdict => ({text, usesFuture: false, leadUs: undefined});
    if (claim.kind === "spine") return details.map((row) => plain(row["is_there"] === true ? "the source holds another value" : "the spine has no such row"));
    if (claim.kind === "derived") return details.map((row) => this.judgeDerived(claim.derived.sql, Number(row["row"]), findings) ?? plain("its inputs are right, its expression gives another value"));
    const ids = details.map((row) => Number(row["id"]));
    const window = claim.kind === "aggregation" ? derivation.windows.get(claim.spec.name)! : undefined;
    const evidence = claim.kind === "view" ? await readVersionEvidence(derivation, rows, claim.view, claim.field, ids) : await readWindowEvidence(derivation, window!, ids);
    const rules: BlameRules =
      claim.kind === "aggregation"
        ? {kind: "window", spec: claim.spec, lookbackDays: window!.cut === undefined ? undefined : derivation.service!.spine.lookbackDays, isLate: window!.known !== "hist.__at"}
        : {kind: "version", view: claim.view};
    return blame(
      details.map((row, index) => ({stored: row["stored"], evidence: evidence.get(ids[index]!) ?? [], atUs: Number(row["at_us"])})),
      rules,
    );
  }

  /** A derived value is as wrong as its inputs. */
  private judgeDerived(sql: string, row: number, findings: ReadonlyMap<AuditColumn, Finding>): Verdict | undefined {
    const names = new Set(this.derivation.namesIn(sql));
    for (const finding of findings.values()) {
      const verdict = names.has(finding.column.name) ? finding.verdicts.get(row) : undefined;
      if (verdict) return {...verdict, text: `its input ${finding.column.name} is wrong: ${verdict.text}`};
    }
    return undefined;
  }
}

const numeric = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** Whether values of the two DuckDB types can be equal: the same type, numbers of any width, or lists of such. */
function isComparable(found: string, expected: string): boolean {
  const [inner, innerExpected] = [found, expected].map((type) => /^(.*)\[\d*\]$/s.exec(type)?.[1]);
  if (inner !== undefined || innerExpected !== undefined) return inner !== undefined && innerExpected !== undefined && isComparable(inner, innerExpected);
  if (found.startsWith("TIMESTAMP") && expected.startsWith("TIMESTAMP")) return true;
  return found === expected || (numeric.test(found) && numeric.test(expected));
}
